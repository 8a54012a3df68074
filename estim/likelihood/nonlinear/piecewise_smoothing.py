"""Variables and shocks of a piecewise-linear solution given the whole sample, in the regimes that its filter found."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.nonlinear.piecewise_kalman import filter_piecewise
from estim.likelihood.state_space.filtering import leave_out_missing
from estim.likelihood.state_space.smoothing import Smoothed
from estim.likelihood.state_space.start import Gaussian
from estim.numerics import solve_discrete_lyapunov
from estim.representations.piecewise import PiecewiseLinear
from estim.representations.trend import without_trend
from estim.typing import Array


class _Period(NamedTuple):
    """Of t: T, and T less the gain times A; A'F^-1 v, A'F^-1 A; R, and R less the gain times B; B'F^-1 v, B'F^-1 B;
    the variables of t - 1 given the data up to then."""

    transition: Array
    left: Array
    score: Array
    information: Array
    selection: Array
    left_shock: Array
    score_shock: Array
    information_shock: Array
    before: Gaussian


@jax.jit
def smooth_piecewise(solution: PiecewiseLinear, observations: Array) -> Smoothed:
    """The filter of `PiecewiseKalman`, and backwards what later observations say, its regimes taken as given.

    In the regimes of t the variables are x_t = T x + R e + c with x those of t - 1, and the observables A x + B e with
    A = M T + N, B = M R. With r_t the score of the observations after t in the mean of x_t, N_t its variance, u_t =
    F^-1 v_t - gain' r_t, and P the covariance of x given the data up to t - 1,

        r_{t-1} = A' u_t + T' r_t,    E(e_t | y) = Q (B' u_t + R' r_t),    E(x_{t-1} | y) = E(x_{t-1} | ..) + P r_{t-1}.

    Args:
        observations: ``[n_periods, n_obs]``, trend included; NaN is missing.

    Returns:
        Means and covariances of the variables, in deviations from rest, and of the shocks; NaN where the filter fails.

    Source: Durbin and Koopman (2012), Time Series Analysis by State Space Methods, sections 4.4 and 4.5; regimes of
    the filter: Giovannini, Pfeiffer and Ratto (2021).
    """
    y = without_trend(solution, jnp.asarray(observations, float))
    filtered = filter_piecewise(solution, y)
    R, Q = solution.selection, solution.shock_cov
    rest = jnp.zeros(len(R))
    start = Gaussian(rest, solve_discrete_lyapunov(solution.transition, R @ Q @ R.T)[0])
    states = Gaussian(filtered.mean, filtered.cov)
    before = jax.tree.map(lambda first, rows: jnp.concatenate([first[None], rows[:-1]]), start, states)
    periods = jax.vmap(lambda *now: _period(solution, *now))(before, filtered.binding, y)

    def backward(later: tuple[Array, Array], now: _Period) -> tuple[tuple[Array, Array], Smoothed]:
        r, N = later
        shock = Q @ (now.score_shock + now.left_shock.T @ r)
        known = Q @ (now.information_shock + now.left_shock.T @ N @ now.left_shock) @ Q
        r = now.score + now.left.T @ r
        N = now.information + now.left.T @ N @ now.left
        mean, P = now.before
        return (r, N), Smoothed(Gaussian(mean + P @ r, P - P @ N @ P), Gaussian(shock, Q - known))

    nothing = rest, jnp.zeros_like(solution.transition)
    _, (x, shocks) = jax.lax.scan(backward, nothing, periods, reverse=True)
    x = jax.tree.map(lambda rows, last: jnp.concatenate([rows[1:], last[-1:]]), x, states)
    return Smoothed(x, shocks)


def _period(solution: PiecewiseLinear, before: Gaussian, binding: Array, y: Array) -> _Period:
    (T, R, c), Q, M = solution.law(binding), solution.shock_cov, solution.measured_now
    n = len(T)
    reads: Any = jnp.concatenate([M @ T + solution.measured_lag, M @ R], axis=1)
    v = y - solution.obs_intercept - M @ c - reads[:, :n] @ before.mean
    v, reads, H, _ = leave_out_missing(v, reads, solution.obs_cov)
    A, B = reads[:, :n], reads[:, n:]
    F = jsl.cho_factor(A @ before.cov @ A.T + B @ Q @ B.T + H, lower=True)
    gain = jsl.cho_solve(F, (T @ before.cov @ A.T + R @ Q @ B.T).T).T
    by_v, by_A, by_B = jsl.cho_solve(F, v), jsl.cho_solve(F, A), jsl.cho_solve(F, B)
    return _Period(T, T - gain @ A, A.T @ by_v, A.T @ by_A, R, R - gain @ B, B.T @ by_v, B.T @ by_B, before)
