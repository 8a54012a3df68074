"""Observables that are sums or averages over several periods, for data of mixed frequency.

The model runs at the higher frequency. A series of the lower one is missing (NaN) in all
periods but the last of each of its own, and there it measures an aggregate of several.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from jax.scipy.linalg import block_diag

from estim.representations.linear import StateSpace


def aggregate_observables(state_space: StateSpace, weights: Mapping[int, Sequence[float]]) -> StateSpace:
    """The state space in which some observables are weighted sums over the last periods.

        y_jt = sum_h w_h (z_j s_{t-h} + d_j + g_j (t - h)) + u_jt

    Args:
        state_space: the model at its own, higher, frequency.
        weights: w_0, w_1, ... by the row of the observable. An average over a quarter of
            months is (1/3, 1/3, 1/3); the growth of a quarterly average is (1, 2, 3, 2, 1)/3
            of monthly growth (Mariano and Murasawa 2003, Journal of Applied Econometrics 18).

    Returns:
        The state grows by len(w) - 1 lags of z_j s for each aggregated row j.
    """
    T, R, Q, Z, d, H, _, g, scales = state_space
    for row, over_time in weights.items():
        w = jnp.asarray(over_time, float)
        n, lags = T.shape[0], len(over_time) - 1
        # lag 1 of z_j s_t is z_j s_{t-1}; lag h + 1 today is lag h yesterday
        shift = jnp.eye(lags, k=-1)
        T = block_diag(T, shift)
        if lags:
            T = T.at[n, :n].set(Z[row, :n])
        R = jnp.concatenate([R, jnp.zeros((lags, R.shape[1]))])
        Z = jnp.concatenate([Z, jnp.zeros((Z.shape[0], lags))], axis=1)
        Z = Z.at[row].set(jnp.concatenate([w[0] * Z[row, :n], w[1:]]))
        d = d.at[row].multiply(w.sum())
        if g is not None:
            d = d.at[row].add(-g[row] * (w @ jnp.arange(lags + 1.0)))
            g = g.at[row].multiply(w.sum())
    return StateSpace(T, R, Q, Z, d, H, state_space.status, g, scales)
