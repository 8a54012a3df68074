"""Pruned solutions of second order made of random numbers, and data with gaps."""

import itertools

import jax.numpy as jnp
import numpy as np
from linear_gaussian import random_observations

from estim.representations.pruned import PrunedStateSpace, Rule

ARRAYS = ("linear", "quadratic", "risk", "seen", "bend", "seen_risk", "level", "Q", "H")


def arrays(seed=0, n=2, e=2, p=2):
    """Of a pruned solution of second order whose first two variables are its states, bent a good deal."""
    rng = np.random.default_rng(seed)
    square = lambda k: (lambda A: A @ A.T / k + 0.3 * np.eye(k))(rng.normal(size=(k, k)))
    symmetric = lambda D: 0.5 * (D + D.swapaxes(1, 2))
    linear = np.concatenate([0.5 * rng.normal(size=(n, n)), rng.normal(size=(n, e))], axis=1)
    linear[:, :n] *= 0.8 / np.abs(np.linalg.eigvals(linear[:, :n])).max()
    bent = lambda k: 0.2 * symmetric(rng.normal(size=(k, n + e, n + e)))
    found = linear, bent(n), 0.1 * rng.normal(size=n), rng.normal(size=(p, n + e)), bent(p)
    found = *found, 0.1 * rng.normal(size=p), rng.normal(size=p), square(e), 0.2 * square(p)
    return dict(zip(ARRAYS, map(jnp.asarray, found), strict=True))


def pruned(a, order=2):
    """The solution; of first order without what is beyond, of third with further random numbers."""
    n, v = a["linear"].shape
    rng = np.random.default_rng(3)

    def beyond(quadratic, risk):
        k = len(risk)
        any_order = rng.normal(size=(k, v, v, v))
        cubic = sum(any_order.transpose(0, *at) for at in itertools.permutations((1, 2, 3)))
        return (quadratic, risk, 0.02 * cubic, 0.1 * rng.normal(size=(k, v)))[: 2 * (order - 1)]

    symmetric = lambda M: 0.5 * (M + M.T)
    return PrunedStateSpace(
        variables=Rule(jnp.zeros(n), a["linear"], *beyond(a["quadratic"], a["risk"])),
        measured=Rule(a["level"], a["seen"], *beyond(a["bend"], a["seen_risk"])),
        shock_cov=symmetric(a["Q"]),
        obs_cov=symmetric(a["H"]),
        status=jnp.asarray(0),
        states=tuple(range(n)),
    )


def gaps(periods=10):
    y = random_observations(0, n_periods=periods, missing=0.2)
    y[3] = np.nan
    return jnp.asarray(y)
