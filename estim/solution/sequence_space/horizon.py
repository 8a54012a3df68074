"""How wrong a log-likelihood is because the horizon is too short for the economy's own inertia.

Beyond the horizon the increments of the responses (`processes`) are taken for zero. Here they go on at the rate at
which they fade at its end, which changes the covariance S of a sample by dS. To first order the log-likelihood of
the sample then changes by a number of standard deviation

    sqrt( tr (S^-1 dS)^2 / 2 ),

the square root of twice the Kullback-Leibler divergence. What a horizon cuts off is slow, so the sample is taken as the
means of the observables over `BLOCKS` stretches that are together as long as the horizon: S has 48 rows for three
observables.
"""

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics import block_toeplitz, compute_where, follow_recursion
from estim.solution.sequence_space.processes import Processes
from estim.status import Status
from estim.typing import Array, Scalar

LOG_POINTS = 1e-2
BLOCKS = 16
_SHARES = 3  # of a block
_RIDGE = 1e-10  # of a variance, where observables are linearly dependent
_SEEN = 1e-7
"""Increments that have fallen to this share of their peak at the end of the horizon cut nothing off that matters:
even if they fade by one per cent a date from there on, they move no variance by more than some 1e-5 of it."""


def horizon_status(increments: Array, processes: Processes, obs_cov: Array) -> Array:
    """OK, or HORIZON_TOO_SHORT where what the horizon cuts off is worth more than `LOG_POINTS`."""
    increments, processes, obs_cov = jax.lax.stop_gradient((increments, processes, obs_cov))
    sizes = jnp.abs(increments)
    end = sizes[-max(len(sizes) // 10, 1) :].max(axis=0)
    open_end = (end > _SEEN * sizes.max(axis=0)).any() | jnp.isnan(end).any()
    error = compute_where(open_end, truncation_error, jnp.zeros(()), increments, processes, obs_cov)
    return jnp.where(error > LOG_POINTS, Status.HORIZON_TOO_SHORT, Status.OK)


def truncation_error(increments: Array, processes: Processes, obs_cov: Array) -> Scalar:
    """The standard deviation of the change in the log-likelihood, in log points.

    Args:
        increments: of the observables after a unit of each process, ``[T, n_obs, n]``.
        processes: ``[n, n]`` and ``[n, n_shocks]``.
        obs_cov: covariance of the measurement errors ``[n_obs, n_obs]``.
    """
    twice = jnp.concatenate([increments, jnp.zeros_like(increments)])
    beyond = jnp.concatenate([jnp.zeros_like(increments), _continued(increments)])
    both = follow_recursion(jnp.concatenate([twice, beyond], axis=1), processes.transition) @ processes.impact
    cut, missing = jnp.split(both, 2, axis=1)
    kept, true = (_of_means(psi, obs_cov) for psi in (cut, cut + missing))
    ridge = jnp.diag(_RIDGE * jnp.diagonal(true))
    relative = jnp.linalg.solve(true + ridge, true - kept)
    return jnp.sqrt(0.5 * jnp.sum(relative * relative.T))


def _continued(increments: Array) -> Array:
    """As many increments again, at the rate of the second half of the horizon: sizes of its two quarters, compared."""
    horizon = len(increments)
    quarter = max(horizon // 4, 1)
    size = lambda x: jnp.sqrt(jnp.mean(x**2, axis=0))
    last, before = size(increments[-quarter:]), size(increments[-2 * quarter : -quarter])
    rate = jnp.clip(last / jnp.where(before > 0, before, 1.0), 0.0, 1.0) ** (1 / quarter)
    first = jnp.sign(increments[-1]) * last * rate ** (quarter / 2)
    return first[None] * rate[None] ** np.arange(horizon)[:, None, None]


def _of_means(psi: Array, obs_cov: Array) -> Array:
    """Covariance of the observables' means over `BLOCKS` stretches of time, from responses ``psi`` ``[2 T, n_obs,
    n_shocks]``: of the response of a mean to shocks at every date that is a third of a stretch apart."""
    share = max(len(psi) // (2 * BLOCKS * _SHARES), 1)
    count = len(psi) // share
    sums = psi[: count * share].reshape(count, share, *psi.shape[1:]).sum(axis=1)
    sums = jnp.pad(sums, ((_SHARES - 1, BLOCKS * _SHARES), (0, 0), (0, 0)))
    together = jnp.stack([sums[k : len(sums) - _SHARES + 1 + k] for k in range(_SHARES)])
    mean = together.sum(axis=0) / (_SHARES * share)
    ahead = jnp.stack([mean[_SHARES * k : _SHARES * k + count] for k in range(BLOCKS)])
    covariances = share * jnp.tensordot(ahead, mean[:count], ((1, 3), (0, 2)))
    return block_toeplitz(covariances.at[0].add(obs_cov / (_SHARES * share)))
