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
from estim.representations.linear import StateSpace
from estim.status import SolutionError, Status
from estim.typing import Array

_RANK_TOLERANCE = 1e-8


class Identification(NamedTuple):
    """Singular values of the moments' Jacobian, with columns scaled to unit length.

    Attributes:
        param_names: the parameters, in the order of the columns.
        rank: number of singular values above 1e-8 of the largest; below the number of
            parameters, some direction is not identified.
        singular_values: ``[n_params]``, largest first.
        directions: ``[n_params, n_params]``; row i moves the moments by ``singular_values[i]``, each
            parameter measured in units of 1 / ``sensitivity``. The last rows are the weakly identified
            combinations.
        sensitivity: ``[n_params]``, the length of each column before scaling: how strongly
            the moments, each over its standard deviation, respond to that parameter alone.
        num_lags: the autocovariances 0 .. num_lags that count.
    """

    param_names: tuple[str, ...]
    rank: int
    singular_values: np.ndarray
    directions: np.ndarray
    sensitivity: np.ndarray
    num_lags: int

    @property
    def moves(self) -> np.ndarray:
        """``directions`` in the parameters' own units, ``[n_params, n_params]``: small moves of them along row i
        move the moments by ``singular_values[i]`` times as much. A parameter that moves nothing moves by one."""
        return self.directions / np.where(self.sensitivity > 0, self.sensitivity, 1.0)[None, :]


@checked
def local_identification(
    solve: Callable[[Mapping[str, Array]], StateSpace],
    params: Mapping[str, float],
    num_lags: NonNegative | None = None,
) -> Identification:
    """Rank and singular vectors of the Jacobian of means and autocovariances.

    Args:
        solve: parameters by name to the model's solution.
        params: the point; those listed are the ones whose identification is asked.
        num_lags: autocovariances 0 .. num_lags count. None is twice the number of states: the
            autocovariances of two models with n states each that agree so far agree at every lag, since both
            follow a linear recursion of order n (Cayley and Hamilton).

    Raises:
        SolutionError: the model has no solution there, or an observable has no moments, as it depends
            on a unit root.
    """
    names = tuple(params)
    point = jnp.array([float(v) for v in params.values()])
    solution = solve(dict(zip(names, point, strict=True)))
    _check_moments(solution)
    lags = 2 * solution.transition.shape[-1] if num_lags is None else num_lags

    def moments(values: Array) -> Array:
        mean, autocovariance = theoretical_moments(solve(dict(zip(names, values, strict=True))), lags)
        sd = jax.lax.stop_gradient(jnp.sqrt(jnp.diagonal(autocovariance[0])))
        sd = jnp.where(sd > 0, sd, 1.0)  # what does not move is told by its mean
        scaled = autocovariance / (sd[:, None] * sd[None, :])[None]
        upper = jnp.triu_indices(sd.shape[0])  # the covariance matrix is symmetric: count it once
        return jnp.concatenate([mean / sd, scaled[0][upper], scaled[1:].ravel()])

    jacobian = np.asarray(jax.jit(jax.jacfwd(moments))(point))
    sensitivity = np.linalg.norm(jacobian, axis=0)
    scaled = jacobian / np.where(sensitivity > 0, sensitivity, 1.0)
    _, values, directions = np.linalg.svd(scaled, full_matrices=False)
    rank = int((values > _RANK_TOLERANCE * values[0]).sum())
    return Identification(names, rank, values, directions, sensitivity, lags)


def _check_moments(solution: StateSpace) -> None:
    if int(solution.status) != Status.OK:
        raise SolutionError(int(solution.status), "no identification")
    mean = np.asarray(theoretical_moments(solution, 0).mean)
    if (without := np.flatnonzero(np.isnan(mean))).size:
        which = ", ".join(str(i) for i in without)
        raise SolutionError(
            Status.NOT_FINITE,
            f"observables [{which}] depend on a unit root and have no moments; observe their growth instead",
        )
