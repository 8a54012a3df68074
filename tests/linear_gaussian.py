"""Random state spaces, data with gaps, and what the joint normal distribution says of them."""

import itertools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.linalg import solve_discrete_lyapunov
from scipy.stats import multivariate_normal

from estim.representations.linear import StateSpace
from estim.status import Status


def random_state_space(seed, n_states=4, n_shocks=3, n_obs=2, noise=0.3):
    rng = np.random.default_rng(seed)
    transition = rng.normal(size=(n_states, n_states))
    transition *= 0.9 / np.abs(np.linalg.eigvals(transition)).max()
    root = rng.normal(size=(n_shocks, n_shocks))
    error = noise * rng.normal(size=(n_obs, n_obs))
    return StateSpace(
        transition=jnp.array(transition),
        selection=jnp.array(rng.normal(size=(n_states, n_shocks))),
        state_cov=jnp.array(root @ root.T),
        design=jnp.array(rng.normal(size=(n_obs, n_states))),
        obs_intercept=jnp.array(rng.normal(size=n_obs)),
        obs_cov=jnp.array(error @ error.T),
        status=jnp.array(Status.OK),
    )


def random_observations(seed, n_periods=12, n_obs=2, missing=0.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_periods, n_obs))
    return np.where(rng.random(y.shape) < missing, np.nan, y)


class Joint(NamedTuple):
    """Mean and covariance of all states, shocks and observations, each stacked over time."""

    mean: np.ndarray
    cov: np.ndarray
    sizes: tuple[int, int, int]

    def given(self, y):
        """Mean and covariance of states and shocks given what is not NaN in y."""
        n = sum(self.sizes[:2])
        seen = n + np.flatnonzero(~np.isnan(y.ravel()))
        gain = np.linalg.solve(self.cov[np.ix_(seen, seen)], self.cov[seen, :n]).T
        mean = self.mean[:n] + gain @ (y.ravel()[seen - n] - self.mean[seen])
        return mean, self.cov[:n, :n] - gain @ self.cov[seen, :n]

    def logdensity(self, y):
        seen = sum(self.sizes[:2]) + np.flatnonzero(~np.isnan(y.ravel()))
        return multivariate_normal.logpdf(y[~np.isnan(y)], self.mean[seen], self.cov[np.ix_(seen, seen)])


def joint_normal(state_space, n_periods, mean=None, cov=None):
    """Everything as one linear map of independent normals: s_1, the later shocks, the errors.

    By default the start is s_0 ~ stationary and the first shock is one of the normals.
    """
    T, R, Q, Z, d, H = (np.asarray(x) for x in state_space[:6])
    n, e, p = T.shape[0], R.shape[1], Z.shape[0]
    stationary = cov is None
    start_cov = solve_discrete_lyapunov(T, R @ Q @ R.T) if stationary else np.asarray(cov)
    blocks = [start_cov] + [Q] * n_periods + [H] * n_periods
    edges = np.cumsum([0] + [b.shape[0] for b in blocks])
    basis = np.eye(edges[-1])
    pick = [basis[a:b] for a, b in itertools.pairwise(edges)]
    source = np.zeros((edges[-1], edges[-1]))
    for (a, b), block in zip(itertools.pairwise(edges), blocks, strict=True):
        source[a:b, a:b] = block
    state = T @ pick[0] + R @ pick[1] if stationary else pick[0]
    states = [state]
    for t in range(2, n_periods + 1):
        state = T @ state + R @ pick[t]
        states.append(state)
    observed = [Z @ s + u for s, u in zip(states, pick[n_periods + 1 :], strict=True)]
    A = np.concatenate([*states, *pick[1 : n_periods + 1], *observed])
    state_mean = np.zeros(n) if mean is None else np.asarray(mean)
    means = [np.linalg.matrix_power(T, t) @ state_mean for t in range(n_periods)]
    mean = np.concatenate([*means, np.zeros(e * n_periods), *[Z @ m + d for m in means]])
    return Joint(mean, A @ source @ A.T, (n * n_periods, e * n_periods, p * n_periods))
