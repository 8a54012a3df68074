"""What the three HANK experiments share: Jacobians, impulse responses and an estimation, with figures.

The estimation is on data simulated from the model, over the parameters of its shocks. Household Jacobians
and the aggregate responses are solved for once (`cost_split` says that these parameters leave them alone).
"""

import argparse
import json
from pathlib import Path

import jax
import matplotlib
import numpy as np
import pandas as pd

import estim
from estim.likelihood.toeplitz import toeplitz_loglikelihood
from estim.posterior import from_loglikelihood
from estim.solution.cost_split import cost_split
from estim.solution.sequence_space import solve_aggregate_responses, solve_moving_average
from estim.solution.simulate import simulate
from estim.solution.stationary_equilibrium import solve_household_jacobians

matplotlib.use("agg")
import matplotlib.pyplot as plt


def run(name: str, num_periods: int = 200) -> None:
    """Solve the gallery model `name`, draw its figures, estimate its shock parameters; prints a JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs") / name)
    parser.add_argument("--num-samples", type=int, default=500)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = estim.load_model(name)
    params = model.params()
    household = jax.jit(lambda p: solve_household_jacobians(model, p))(params)
    if int(household.status):
        raise estim.SolutionError(household.status, name)
    responses = jax.jit(lambda p, h: solve_aggregate_responses(model, p, h))(params, household)
    solution = jax.jit(lambda p, r: solve_moving_average(model, p, r))(params, responses)
    data = simulate(solution, jax.random.key(1), num_periods)
    pd.DataFrame(np.asarray(data), columns=list(model.observables._fields)).to_csv(
        arguments.out / "data.csv", index=False
    )
    plot_jacobians(household.jacobians, arguments.out / "jacobians.png")
    plot_responses(model, solution, arguments.out / "responses.png")

    free = [n for n in cost_split(model).shocks if n in model.estimated]

    def loglikelihood(values):
        moving_average = solve_moving_average(model, params._replace(**values), responses)
        return toeplitz_loglikelihood(moving_average, data), moving_average.status

    posterior = from_loglikelihood(loglikelihood, {n: model.priors[n] for n in free})
    draws = estim.sample(
        posterior, "nuts", jax.random.key(0), num_samples=arguments.num_samples, num_chains=2
    )
    found = jax.vmap(jax.vmap(posterior.constrain_fn))(draws.position)
    summary = {
        n: {"truth": float(getattr(params, n)), "mean": float(found[n].mean()), "sd": float(found[n].std())}
        for n in free
    }
    plot_posterior(found, params, arguments.out / "posterior.png")
    print(json.dumps({"model": name, "posterior": summary, "seconds": draws.seconds}))


def plot_jacobians(jacobians, path: Path) -> None:
    """Columns of each household Jacobian: the response to news of an input at several dates."""
    figure, axes = plt.subplots(1, len(jacobians), figsize=(3.6 * len(jacobians), 3), squeeze=False)
    for axis, ((output, input_), matrix) in zip(axes[0], jacobians.items(), strict=True):
        for date in (0, 25, 50, 75, 100):
            axis.plot(matrix[:150, date], label=f"s = {date}")
        axis.set(title=f"d{output} / d{input_}", xlabel="quarters")
    axes[0, 0].legend(frameon=False)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def plot_responses(model, solution, path: Path) -> None:
    """Observables after a shock of one standard deviation."""
    rows, columns = model.shocks._fields, model.observables._fields
    figure, axes = plt.subplots(
        len(rows), len(columns), figsize=(3.2 * len(columns), 2.4 * len(rows)), squeeze=False, sharex=True
    )
    for s, shock in enumerate(rows):
        for o, observable in enumerate(columns):
            axes[s, o].plot(solution.impulse_responses[:40, o, s])
            axes[s, o].axhline(0, color="grey", linewidth=0.5)
            axes[s, o].set_title(f"{observable} after {shock}")
    figure.savefig(path, dpi=150, bbox_inches="tight")


def plot_posterior(found, params, path: Path) -> None:
    """Histograms of the draws, with the parameters that the data were simulated from."""
    figure, axes = plt.subplots(1, len(found), figsize=(2.6 * len(found), 2.4), squeeze=False)
    for axis, (name, draws) in zip(axes[0], found.items(), strict=True):
        axis.hist(np.asarray(draws).reshape(-1), bins=40, density=True)
        axis.axvline(float(getattr(params, name)), color="black")
        axis.set(title=name, yticks=[])
    figure.savefig(path, dpi=150, bbox_inches="tight")
