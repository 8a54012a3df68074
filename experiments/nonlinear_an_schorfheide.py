"""What risk does to the estimates of An and Schorfheide's (2007) model: US data, 1983 to 2007.

    python experiments/nonlinear_an_schorfheide.py [--row NAME ...] [--num-samples 1000] [--num-chains 4]

Growth, inflation and the federal funds rate, four ways: ``first``, linearised with Kalman's filter;
``inversion_first``, the same with shocks by inversion from a state at rest, so that what the start does is seen apart;
``second``, to second order, shocks by inversion; ``joint``, to second order with measurement errors, parameters and
shocks sampled together.

Into ``results/nonlinear_an_schorfheide``: ``table.csv``, how far each posterior is from the first and the seconds of
processor time; ``risk.csv``, by variable what risk adds to the mean, over draws of ``second``: the median and a band
of 90 %, in percent of the level at rest, for rates and inflation in percentage points a year. The last line is JSON.
"""

import json
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from estimations import Row, bands, command_line, earlier, in_short, sample_rows, some_params, table, write

import estim
from estim.analysis import risk_adjusted_mean
from estim.models.an_schorfheide_2007_levels import Observables
from estim.models.an_schorfheide_2007_levels import model as MODEL

DATA = estim.load_data("us_nk").loc["1983Q1":"2007Q4"]
NOISY = replace(MODEL, name=f"{MODEL.name}_noisy", measurement_error=lambda p: Observables(0.15, 0.25, 0.25))
SECOND = estim.Perturbation(order=2)
ROWS = {
    "first": Row(MODEL, DATA, estim.FirstOrder(), estim.Kalman()),
    "inversion_first": Row(MODEL, DATA, estim.Perturbation(order=1), estim.Inversion()),
    "second": Row(MODEL, DATA, SECOND, estim.Inversion()),
    "joint": Row(NOISY, DATA, SECOND, estim.Joint()),
}
OF_LEVELS = {"c": 100, "y": 100, "pi": 400, "R": 400}
NUM_DRAWS = 200


@jax.jit
def risk(params: Any) -> jax.Array:
    """What risk adds to the means of OF_LEVELS, ``[4]``."""
    solution = SECOND.solve(MODEL, params)
    rows = np.array([MODEL.variables._fields.index(name) for name in OF_LEVELS])
    share = (risk_adjusted_mean(solution) / solution.variables.level - 1)[rows]
    return jnp.where(solution.status == 0, share * jnp.array(list(OF_LEVELS.values())), jnp.nan)


def main() -> dict[str, Any]:
    arguments = command_line("nonlinear_an_schorfheide", ROWS)
    sample_rows(ROWS, arguments)
    path = arguments.results / "table.csv"
    said = table(ROWS, arguments.folder, earlier(path))
    write(said, path)
    if draws := some_params(ROWS["second"], arguments.folder, "second", NUM_DRAWS):
        added = bands(list(OF_LEVELS), np.array([np.asarray(risk(params)) for params in draws]))
        write(added.rename_axis("variable").reset_index(), arguments.results / "risk.csv")
    return in_short(said)


if __name__ == "__main__":
    print(json.dumps(main()))
