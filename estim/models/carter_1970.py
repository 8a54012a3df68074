"""Technical coefficients that change over the years, after Carter (1970), Structural Change in the American Economy.

Each year sector j buys flow z_ij from sector i for an output x_j. The logarithm of the coefficient a_ij = z_ij / x_j
drifts with the input, as an input gains or loses ground everywhere, and by a shock of its own; flows are measured with
an error:

    ln a_ij' = ln a_ij + drift_i + s e_ij,        observed: ln (z_ij / x_j) = ln a_ij + m u_ij.

The coefficients are the state, which the data of some years teach, and its law is linear: the likelihood is exact.
Priors are ours. `economy` takes the sectors and a first guess of the table, `shares` makes data of flows and outputs.
"""

from collections import namedtuple
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from estim.models.leontief_1936 import THREE_SECTORS
from estim.priors import inverse_gamma_1, normal
from estim.simulation import Simulation

SPREAD = 0.5
"""Standard deviation of the logarithm of a coefficient around the guess, in the year before the data."""


def names(kind: str, sectors: tuple[str, ...]) -> list[str]:
    return [f"{kind}_{i}_{j}" for i in sectors for j in sectors]


def shares(flows: Any, output: Any, sectors: tuple[str, ...]) -> pd.DataFrame:
    """What is observed, from flows ``[n_years, n, n]`` and outputs ``[n_years, n]``."""
    logs = np.log(np.asarray(flows) / np.asarray(output)[:, None, :])
    return pd.DataFrame(logs.reshape(len(logs), -1), columns=names("z", sectors))


def economy(sectors=("1", "2", "3"), guess=THREE_SECTORS.A):
    """The coefficients of given sectors.

    Args:
        sectors: names that may stand in an identifier.
        guess: a table ``[n, n]`` near which the coefficients are in the year before the data.

    Raises:
        ValueError: a coefficient of the guess is not positive.
    """
    guess, n = np.asarray(guess, float), len(sectors)
    if guess.shape != (n, n) or not (guess > 0).all():
        raise ValueError(f"carter_1970: the guess must be {n} by {n} positive coefficients")
    drifts = [f"drift_{name}" for name in sectors]
    tuple_of: Any = namedtuple
    Params = tuple_of("Params", [*drifts, "s", "m", "guess"])
    Observables = tuple_of("Observables", names("z", sectors))
    drift = lambda p: jnp.stack([getattr(p, name) for name in drifts])[:, None]
    return Simulation(
        name="carter_1970",
        shocks=tuple(names("e", sectors)),
        observables=Observables,
        start=lambda p: jnp.log(jnp.asarray(p.guess)),
        transition=lambda a, shocks, p: a + drift(p) + p.s * jnp.stack(shocks).reshape(n, n),
        measurement=lambda a, p: Observables(*a.ravel()),
        measurement_error=lambda p: Observables(*(p.m * jnp.ones(n * n))),
        start_errors=lambda p: jnp.full((n, n), SPREAD),
        prior=Params(
            *(normal(0.0, 0.02) for _ in sectors),
            s=inverse_gamma_1(0.02, 0.01),
            m=inverse_gamma_1(0.05, 0.02),
            guess=guess,
        ),
        reference="Carter (1970), Structural Change in the American Economy, Harvard University Press",
    )


model = economy()
