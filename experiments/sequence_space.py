"""HANK models of the gallery: household Jacobians, impulse responses, a large shock and an estimation, with figures.

python experiments/sequence_space.py auclert_et_al_2021_one_asset [--out DIR] [--num-samples 500]

The estimation of `run` is on data simulated from the model, over the parameters of its shocks. Household Jacobians
and the aggregate responses are solved for once (`parameter_roles` says that these parameters leave them alone).
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import matplotlib
import numpy as np
import pandas as pd

import estim
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.model import Model
from estim.posterior import from_loglikelihood
from estim.representations.moving_average import MovingAverage
from estim.results.figures import responses_figure
from estim.results.figures.style import DASHES, INK, MUTED, PALETTE, styled
from estim.solution.sequence_space.linear_system import solve_aggregate_responses, solve_moving_average
from estim.solution.sequence_space.parameter_roles import parameter_roles
from estim.solution.sequence_space.stationary_equilibrium import solve_household_jacobians
from estim.solution.sequence_space.transitions import solve_transition
from estim.solution.simulate import simulate
from estim.typing import Key

matplotlib.use("agg")
import matplotlib.pyplot as plt


class Shown(NamedTuple):
    """What is shown of a model: ``labels``, what each observable and variable in a figure is, with its unit; the
    ``shock`` of the non-linear figure, ``size`` standard deviations of it."""

    labels: Mapping[str, str]
    shock: str
    size: float


PRICES = {"pi": "inflation, pp a quarter", "i": "policy rate, pp a quarter"}

MODELS = {
    "krusell_smith_1998": Shown(
        {
            "Y": "output, %",
            "C": "consumption, % of output",
            "K": "capital, % of output",
            "r": "return, pp a quarter",
        },
        "eps_Z",
        15.0,
    ),
    "auclert_et_al_2021_one_asset": Shown({"Y": "output, %"} | PRICES | {"w": "real wage, pp"}, "eps_m", 2.0),
    "auclert_et_al_2021_two_asset": Shown(
        {"Y": "output, %"} | PRICES | {"K": "capital, % of output"}, "eps_m", 2.0
    ),
}


def run(name: str, arguments: argparse.Namespace, num_periods: int = 200) -> None:
    """Solve the gallery model `name`, draw its figures, estimate its shock parameters; prints a JSON line."""
    labels, shock, size = MODELS[name]
    model = estim.load_model(name)
    params, seconds = model.params(), Clock()
    household = jax.block_until_ready(jax.jit(lambda p: solve_household_jacobians(model, p))(params))
    if int(household.status):
        raise estim.SolutionError(household.status, name)
    seconds("steady state and Jacobians")
    responses = jax.jit(lambda p, h: solve_aggregate_responses(model, p, h))(params, household)
    solution = jax.block_until_ready(
        jax.jit(lambda p, r: solve_moving_average(model, p, r))(params, responses)
    )
    seconds("responses")
    transition = jax.jit(lambda p, e: solve_transition(model, p, {shock: e}))
    paths = {e: transition(params, np.array([e])) for e in (1e-2, size, -size)}
    if failed := [e for e, path in paths.items() if int(path.status)]:
        raise estim.SolutionError(paths[failed[0]].status, f"{name}, {shock} = {failed[0]:g}")
    seconds("transitions")
    data = simulated(model, solution, jax.random.key(1), num_periods)
    data.to_csv(arguments.out / "data.csv", index=False)
    save(plot_jacobians(household.jacobians), arguments.out / "jacobians.png")
    shown = responses_figure(
        np.asarray(solution.impulse_responses)[None, :40],
        [labels[name] for name in model.observables._fields],
        model.shocks._fields,
    )
    save(shown, arguments.out / "responses.png")
    save(plot_transitions(paths, shock, labels), arguments.out / "transitions.png")

    observations = data.to_numpy()
    free = [n for n in parameter_roles(model).shocks if n in model.estimated]

    def loglikelihood(values):
        moving_average = solve_moving_average(model, params._replace(**values), responses)
        return toeplitz_loglikelihood(moving_average, observations), moving_average.status

    posterior = from_loglikelihood(loglikelihood, {n: model.priors[n] for n in free})
    draws = estim.sample(
        posterior, "nuts", jax.random.key(0), num_samples=arguments.num_samples, num_chains=2
    )
    seconds("estimation")
    found = jax.vmap(jax.vmap(posterior.constrain_fn))(draws.position)
    summary = {
        n: {"truth": float(getattr(params, n)), "mean": float(found[n].mean()), "sd": float(found[n].std())}
        for n in free
    }
    save(plot_posterior(model, found, params), arguments.out / "posterior.png")
    print(json.dumps({"model": name, "posterior": summary, "seconds": seconds.spent}))


def command_line(name: str, **sizes: int) -> argparse.Namespace:
    """The options: ``out``, a folder that is made if need be, and whole numbers with these defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs") / name)
    for size, default in sizes.items():
        parser.add_argument(f"--{size.replace('_', '-')}", type=int, default=default)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments


def simulated(model: Model, solution: MovingAverage, rng_key: Key, num_periods: int) -> pd.DataFrame:
    """Observables drawn from a solution."""
    data = np.asarray(simulate(solution, rng_key, num_periods))
    return pd.DataFrame(data, columns=list(model.observables._fields))


class Clock:
    """Wall seconds of each step, compilation included."""

    def __init__(self):
        self.spent, self.last = {}, time.perf_counter()

    def __call__(self, step: str) -> None:
        now = time.perf_counter()
        self.spent[step], self.last = round(now - self.last, 1), now


def save(figure, path: Path) -> None:
    figure.align_ylabels()
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)


@styled
def plot_jacobians(jacobians):
    """Columns of each household Jacobian: the response to news of an input at several dates."""
    outputs, inputs = (list(dict.fromkeys(pair[k] for pair in jacobians)) for k in (0, 1))
    figure, axes = plt.subplots(
        len(outputs), len(inputs), figsize=(3.2 * len(inputs), 2.0 * len(outputs) + 0.4), squeeze=False, sharex=True
    )  # fmt: skip
    dates = (0, 25, 50, 75, 100)
    colours = plt.colormaps["viridis"](np.linspace(0.0, 0.85, len(dates)))
    for (output, input_), matrix in jacobians.items():
        axis = axes[outputs.index(output), inputs.index(input_)]
        for date, colour in zip(dates, colours, strict=True):
            axis.plot(matrix[:150, date], color=colour, label=f"{date}")
        axis.axhline(0, color=MUTED, linewidth=0.5)
        axis.set_title(f"{output} after news of {input_}")
    for axis in axes[-1]:
        axis.set_xlabel("quarter of the response")
    for axis in axes[:, 0]:
        axis.set_ylabel("per unit of input")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=5, title="quarter of the input")
    return figure


@styled
def plot_transitions(paths, shock, labels):
    """Non-linear responses per standard deviation of the shock; the tiniest shock's is the first-order one."""
    first = next(iter(paths.values()))
    names = [n for n in labels if n in first.variables._fields]
    figure, axes = plt.subplots(1, len(names), figsize=(2.8 * len(names), 2.8), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        for k, (size, path) in enumerate(paths.items()):
            deviation = getattr(path.variables, name) - getattr(path.steady_state, name)
            label = "first order" if k == 0 else f"{size:+g} sd"
            axis.plot(100 * deviation[:40] / size, color=PALETTE[k], linestyle=DASHES[k], label=label)
        axis.axhline(0, color=MUTED, linewidth=0.5)
        axis.set(title=labels[name], xlabel="quarters")
    axes[0, 0].set_ylabel(f"per sd of {shock}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(paths))
    return figure


@styled
def plot_posterior(model, found, params):
    """Histograms of the draws, the prior, and the parameters that the data were simulated from."""
    figure, axes = plt.subplots(1, len(found), figsize=(max(2.0 * len(found), 5.0), 2.6), squeeze=False)
    for axis, (name, draws) in zip(axes[0], found.items(), strict=True):
        axis.hist(
            np.asarray(draws).reshape(-1), bins="auto", density=True, color=PALETTE[5], label="posterior"
        )
        low, high = axis.get_xlim()
        at = np.linspace(low, high, 200)
        inside = at[np.asarray(model.priors[name].support(at))]
        axis.plot(inside, np.exp(model.priors[name].log_prob(inside)), color=MUTED, label="prior")
        axis.axvline(float(getattr(params, name)), color=INK, linestyle=DASHES[1], label="truth")
        axis.set(title=name, yticks=[])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


if __name__ == "__main__":
    model = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if model not in MODELS:
        sys.exit(f"which model? one of {', '.join(MODELS)}")
    run(model, command_line(model, num_samples=500))
