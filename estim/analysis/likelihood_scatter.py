"""How much an estimated log-likelihood scatters at one point."""

from typing import NamedTuple

import jax
import numpy as np

from estim.arguments import Positive, checked
from estim.kept import compiled_by_structure
from estim.posterior import Posterior
from estim.typing import Array, Key, Position, Scalar


class Scatter(NamedTuple):
    """``values`` ``[n]`` of the log-likelihood with random numbers of their own, -inf where an estimate failed, and the
    standard deviation ``sd`` of those that are finite."""

    values: np.ndarray
    sd: float


@checked
def loglikelihood_scatter(
    posterior: Posterior, rng_key: Key, position: Array | None = None, *, num_draws: Positive = 20
) -> Scatter:
    """Log-likelihoods at one point with different random numbers.

    A standard deviation of 1 to 1.8 costs "pseudo_marginal" least (Doucet, Pitt, Deligiannidis and Kohn 2015); a
    surrogate learns from less, and wants half of the variance added back.

    Args:
        posterior: one whose likelihood is noisy, as that of `estim.Particle`.
        rng_key: of the random numbers.
        position: where ``[dim]``; ``posterior.start`` by default.
        num_draws: how many.

    Returns:
        The values and their standard deviation.

    Raises:
        ArgumentError: the log-likelihood depends on no random numbers.
    """
    at = posterior.start if position is None else position
    posterior.redraw_fn(rng_key)  # refused in words, where there is nothing to draw
    values = np.array([_value(posterior, at, key) for key in jax.random.split(rng_key, num_draws)])
    finite = values[np.isfinite(values)]
    return Scatter(values, float(finite.std(ddof=1)) if len(finite) > 1 else np.nan)


@compiled_by_structure
def _value(posterior: Posterior, position: Position, rng_key: Key) -> Scalar:
    return posterior.redraw_fn(rng_key).loglikelihood_fn(position)
