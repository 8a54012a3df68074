"""What a lower bound on the policy rate does to the estimates of a New Keynesian model: US data, 1983 to 2019.

    python experiments/lower_bound_us.py [--row NAME ...] [--num-samples 1000] [--num-chains 4] [--folder FOLDER]

The model is An and Schorfheide's (2007) in levels, with a rate that its rule asks for and the one that holds, which is
not below BOUND. Growth, inflation and the federal funds rate, six ways:

- ``first``: linearised, the bound left out, Kalman's filter;
- ``inversion_first``: the same, shocks by inversion from a state at rest, so that what the start does is seen apart;
- ``second``: to second order, the bound left out, shocks by inversion;
- ``bound_inversion``: piecewise linear, shocks by inversion, the rate left out of the data while it is at the bound;
- ``bound_kalman``: piecewise linear, the piecewise Kalman filter, the same data;
- ``joint``: to second order, the bound left out, with measurement errors, parameters and shocks sampled together. (Of
  the piecewise-linear solution there is no such row: the state before the first period is no normal vector.)

The piecewise-linear rows are sampled by random walks: where the bound would be expected to bind beyond the horizon of
ten years there is no solution, and this wall is within a standard deviation of the mode in most directions, so that
trajectories of NUTS end at it or become short (170 gradients a draw).

Into ``results/lower_bound_us``: ``table.csv``, how far each posterior is from the first and the seconds of processor
time; ``durations.csv``, for how many quarters the bound was expected to bind, at the posterior mean, beside the
quarters in which the data are at it (there the policy shock of the inversion is zero, and nothing makes the model
agree);
``cost.csv``, output with the bound less output without it after the same shocks, in percent, the median and a band of
90 % over draws; ``cost.png``, the last two from 2007 on. The last line is JSON.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from estimations import Row, bands, command_line, earlier, in_short, sample_rows, some_params, table, write

import estim
from estim.likelihood.nonlinear.piecewise_inversion import invert_piecewise
from estim.likelihood.nonlinear.piecewise_kalman import filter_piecewise
from estim.models.an_schorfheide_2007_levels import Observables
from estim.models.an_schorfheide_2007_levels import Variables as Levels
from estim.models.an_schorfheide_2007_levels import model as levels

BOUND = 0.25
"""% a year. The rate is taken for bound where the data are not above it: 2009 to 2015."""

PAIRED = (1, 2, 0)  # growth by spending, inflation by technology, the rate by policy
NUM_DRAWS = 200


class Variables(NamedTuple):
    c: Any
    y: Any
    pi: Any
    R: Any
    g: Any
    z: Any
    rule: Any  # the gross rate that the rule asks for


def steady_state(p):
    rest = levels.steady_state(p)
    return Variables(*rest, rule=rest.R)


def residuals(lag, now, lead, shocks, p):
    def of(name):
        dates = (Levels(v.c, v.y, v.pi, getattr(v, name), v.g, v.z) for v in (lag, now, lead))
        return levels.residuals(*dates, shocks, p)

    return of("R") | {"policy": of("rule")["policy"], "rate": jnp.log(now.R / now.rule)}


MODEL = replace(
    levels,
    name="an_schorfheide_2007_bound",
    variables=Variables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=lambda now, lag, p: levels.measurement(Levels(*now[:6]), Levels(*lag[:6]), p),
    complementarity={"rate": lambda lag, now, lead, p: jnp.log(now.R) - BOUND / 400},
)
NOISY = replace(MODEL, name=f"{MODEL.name}_noisy", measurement_error=lambda p: Observables(0.15, 0.25, 0.25))
DATA = estim.load_data("us_nk").loc["1983Q1":"2019Q4"]
AT_BOUND = DATA["INT"] <= BOUND
SEEN = DATA.assign(INT=DATA["INT"].mask(AT_BOUND))
PIECEWISE = estim.OccasionallyBinding()
ROWS = {
    "first": Row(MODEL, DATA, estim.FirstOrder(), estim.Kalman()),
    "inversion_first": Row(MODEL, DATA, estim.Perturbation(order=1), estim.Inversion()),
    "second": Row(MODEL, DATA, estim.Perturbation(order=2), estim.Inversion()),
    "bound_inversion": Row(MODEL, SEEN, PIECEWISE, estim.Inversion(paired=PAIRED), "rwmh", 20),
    "bound_kalman": Row(MODEL, SEEN, PIECEWISE, estim.PiecewiseKalman(), "rwmh", 100),
    "joint": Row(
        NOISY,
        DATA,
        estim.Perturbation(order=2),
        estim.Joint(linearisations=3),
        settings={"target_acceptance": 0.9},
    ),
}


@jax.jit
def durations(params: Any) -> tuple[jax.Array, jax.Array]:
    """For how many quarters the bound is expected to bind ``[n_periods]``, by inversion and by the Kalman filter."""
    solution = PIECEWISE.solve(MODEL, params)
    y = jnp.asarray(SEEN.to_numpy())
    return (
        invert_piecewise(solution, y, PAIRED).binding.sum(axis=1),
        filter_piecewise(solution, y).binding.sum(axis=1),
    )


@jax.jit
def cost(params: Any) -> jax.Array:
    """Output with the bound less output without it, in percent ``[n_periods]``; NaN where shocks are not found."""
    solution = PIECEWISE.solve(MODEL, params)
    found = invert_piecewise(solution, jnp.asarray(SEEN.to_numpy()), PAIRED)

    def step(x, shock):
        x = solution.transition @ x + solution.selection @ shock
        return x, x

    without = jax.lax.scan(step, jnp.zeros_like(solution.steady_state), found.shocks)[1]
    y = Variables._fields.index("y")
    lost = 100 * (found.variables - without)[:, y] / solution.steady_state[y]
    return jnp.where((found.status == 0).all() & (solution.status == 0), lost, jnp.nan)


def draw(results: Path) -> None:
    """Output lost to the bound, and for how long it was expected to bind, of the tables in a folder: ``cost.png``."""
    lost = pd.read_csv(results / "cost.csv", index_col="quarter").loc["2007Q1":]
    expected = pd.read_csv(results / "durations.csv", index_col="quarter").loc["2007Q1":, "bound_inversion"]
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4.5), sharex=True, layout="constrained")
    above.fill_between(lost.index, lost["5 %"], lost["95 %"], alpha=0.3, label="90 % of draws")
    above.plot(lost.index, lost["50 %"], label="median")
    above.set(ylabel="output, %")
    above.legend(frameon=False)
    below.bar(expected.index, expected)
    below.set(ylabel="expected quarters", xticks=lost.index[::8])
    figure.savefig(results / "cost.png", dpi=120)


def main() -> dict[str, Any]:
    arguments = command_line("lower_bound_us", ROWS)
    sample_rows(ROWS, arguments)
    path = arguments.results / "table.csv"
    said = table(ROWS, arguments.folder, earlier(path))
    write(said, path)
    path = arguments.results / "durations.csv"
    expected = earlier(path).to_dict("list")
    for name in ("bound_inversion", "bound_kalman"):
        if draws := some_params(ROWS[name], arguments.folder, name, NUM_DRAWS):
            mean = jax.tree.map(lambda *values: float(np.mean(values)), *draws)
            expected[name] = np.asarray(durations(mean)[name == "bound_kalman"])
    if expected:
        expected |= {"quarter": DATA.index.astype(str), "at_bound": AT_BOUND.to_numpy()}
        columns = ("quarter", "bound_inversion", "bound_kalman", "at_bound")
        write(pd.DataFrame({name: expected[name] for name in columns if name in expected}), path)
    found = some_params(ROWS["bound_inversion"], arguments.folder, "bound_inversion", NUM_DRAWS)
    if found:
        lost = bands(DATA.index.astype(str), np.array([np.asarray(cost(params)) for params in found]))
        write(lost.rename_axis("quarter").reset_index(), arguments.results / "cost.csv")
        draw(arguments.results)
    return in_short(said)


if __name__ == "__main__":
    print(json.dumps(main()))
