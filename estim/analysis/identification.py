"""Local identification: which directions of the parameters leave every moment of the data unchanged.

Source: Iskrev (2010), "Local identification in DSGE models", Journal of Monetary Economics 57.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.moments import theoretical_moments
from estim.arguments import NonNegative, checked
from estim.solution.representations import StateSpace
from estim.typing import Array

_RANK_TOLERANCE = 1e-8


class Identification(NamedTuple):
    """Singular values of the moments' Jacobian, with columns scaled to unit length.

    Attributes:
        param_names: the parameters, in the order of the columns.
        rank: number of singular values above 1e-8 of the largest; below the number of
            parameters, some direction is not identified.
        singular_values: ``[n_params]``, largest first.
        directions: ``[n_params, n_params]``; row i moves the moments by ``singular_values[i]``.
            The last rows are the weakly identified combinations.
        sensitivity: ``[n_params]``, the length of each column before scaling: how strongly
            the moments, each over its standard deviation, respond to that parameter alone.
    """

    param_names: tuple[str, ...]
    rank: int
    singular_values: np.ndarray
    directions: np.ndarray
    sensitivity: np.ndarray


@checked
def local_identification(
    solve: Callable[[Mapping[str, Array]], StateSpace], params: Mapping[str, float], num_lags: NonNegative = 4
) -> Identification:
    """Rank and singular vectors of the Jacobian of means and autocovariances.

    Args:
        solve: parameters by name to the model's solution.
        params: the point; those listed are the ones whose identification is asked.
        num_lags: autocovariances 0 .. num_lags count.
    """
    names = tuple(params)

    def moments(values: Array) -> Array:
        mean, autocovariance = theoretical_moments(solve(dict(zip(names, values, strict=True))), num_lags)
        sd = jax.lax.stop_gradient(jnp.sqrt(jnp.diagonal(autocovariance[0])))
        scaled = autocovariance / (sd[:, None] * sd[None, :])[None]
        upper = jnp.triu_indices(sd.shape[0])  # the covariance matrix is symmetric: count it once
        return jnp.concatenate([mean / sd, scaled[0][upper], scaled[1:].ravel()])

    point = jnp.array([float(v) for v in params.values()])
    jacobian = np.asarray(jax.jit(jax.jacrev(moments))(point))
    sensitivity = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / np.where(sensitivity > 0, sensitivity, 1.0)
    _, values, directions = np.linalg.svd(scaled, full_matrices=False)
    rank = int((values > _RANK_TOLERANCE * values[0]).sum())
    return Identification(names, rank, values, directions, sensitivity)
