"""Analyses of models that grow, that have unit roots, or whose shocks are correlated, against dense normal algebra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import joint_normal, random_observations, random_state_space
from scipy.linalg import block_diag, solve_discrete_lyapunov
from scipy.stats import multivariate_normal

import estim  # noqa: F401
from estim.analysis import (
    forecast,
    historical_decomposition,
    impulse_responses,
    local_identification,
    one_step_ahead,
    predictive_statistics,
    sample_forecast,
    sample_smoothed,
    simulate,
    smooth,
    theoretical_moments,
    variance_decomposition,
)
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.likelihood.moving_average.whittle import whittle_loglikelihood
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.likelihood.state_space.mixed_frequency import aggregate_observables
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import trend_path, without_trend
from estim.status import SolutionError, Status

GROWTH = jnp.array([0.5, -0.2])
FREE = np.full((3, 2), np.nan)
# Samples and models have the same shapes wherever they can, so that they are compiled once.
PERIODS = 12
KEY = jax.random.key(0)


def growing(seed=0):
    return random_state_space(seed)._replace(obs_trend=GROWTH)


def level(solution):
    """The same without growth: a trend of zero is none (see the first test), and needs no program of its own."""
    return solution._replace(obs_trend=jnp.zeros(2))


def moving_average(state_space, horizon=100):
    Q, (_, d, H, status, trend) = state_space.state_cov, state_space[3:8]
    responses = impulse_responses(state_space, horizon) @ jnp.linalg.inv(jnp.linalg.cholesky(Q))
    return MovingAverage(responses, Q, d, H, status, trend)


# --- trends ---


def test_no_trend_is_one_of_zero():
    """All that any analysis or likelihood knows of the trend are these two functions, and the field itself."""
    s, y = random_state_space(0), random_observations(0, PERIODS, missing=0.2)
    for solution in (s, moving_average(s)):
        assert solution.obs_trend is None
        np.testing.assert_array_equal(trend_path(solution, PERIODS), np.zeros((PERIODS, 2)))
        np.testing.assert_array_equal(without_trend(solution, y), y)
        np.testing.assert_array_equal(without_trend(level(solution), y), y)
    none, zero = (kalman_loglikelihood(x, y, method="standard") for x in (s, level(s)))
    np.testing.assert_allclose(none, zero, rtol=1e-12)


def test_a_trend_moves_the_data_and_nothing_else():
    s, y = growing(), random_observations(0, PERIODS, missing=0.2)
    flat, drift = level(s), np.arange(1, 16)[:, None] * np.asarray(GROWTH)
    trending = y + drift[:12]
    path = FREE.copy()
    path[1, 0] = 0.7
    for call in (
        lambda s, y, path: kalman_loglikelihood(s, y),
        lambda s, y, path: smooth(s, y),
        lambda s, y, path: historical_decomposition(s, y),
        lambda s, y, path: sample_smoothed(KEY, s, y),
        lambda s, y, path: forecast(s, y, path).cov,
        lambda s, y, path: toeplitz_loglikelihood(moving_average(s), y),
        lambda s, y, path: historical_decomposition(moving_average(s), y),
    ):
        grown, still = call(s, trending, path + drift[12:]), call(flat, y, path)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), grown, still)
    complete = np.nan_to_num(y)
    np.testing.assert_allclose(
        whittle_loglikelihood(moving_average(s), complete + drift[:12]),
        whittle_loglikelihood(moving_average(flat), complete),
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    "call", [lambda s, y, p: forecast(s, y, p).mean, lambda *a: sample_forecast(jax.random.key(1), *a)]
)
def test_forecasts_go_on_growing(call):
    s, y = growing(), random_observations(0, 12)
    drift = np.arange(1, 16)[:, None] * np.asarray(GROWTH)
    flat = call(level(s), y, FREE)
    np.testing.assert_allclose(call(s, y + drift[:12], FREE), flat + drift[12:], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", [lambda s: s, moving_average])
def test_simulations_and_predictive_checks_grow(form):
    solution, key = form(growing()), jax.random.key(0)
    drift = np.asarray(trend_path(solution, 30))
    np.testing.assert_allclose(drift, np.arange(1, 31)[:, None] * np.asarray(GROWTH))
    flat = simulate(level(solution), key, 30)
    np.testing.assert_allclose(simulate(solution, key, 30), flat + drift, atol=1e-12)
    many = jax.tree.map(lambda x: jnp.stack([x] * 16), solution)
    last = predictive_statistics(key, many, lambda y: y[-1] - y[0], np.zeros((30, 2)))
    np.testing.assert_allclose(last.mean(axis=0), 29 * GROWTH, atol=5 * np.max(last.std(axis=0)) / 4)


def test_an_average_over_periods_grows_by_the_average_of_the_trend():
    s, rng = growing(), np.random.default_rng(0)
    averaged = aggregate_observables(s, {0: (0.5, 0.3, 0.2)})
    flat = aggregate_observables(level(s), {0: (0.5, 0.3, 0.2)})
    y, t = rng.normal(size=(9, 2)), np.arange(1, 10)
    drift = np.stack([GROWTH[0] * (0.5 * t + 0.3 * (t - 1) + 0.2 * (t - 2)), GROWTH[1] * t], axis=1)
    np.testing.assert_allclose(
        kalman_loglikelihood(averaged, y + drift), kalman_loglikelihood(flat, y), rtol=1e-10
    )


# --- unit roots ---


def stationary_states(seed, num_roots):
    """What is stationary of the seven states."""
    return random_state_space(seed, 7 - num_roots)


def with_an_idle_state(s):
    """A state that nothing moves and nobody sees: as many states as the models with unit roots have."""
    more = lambda x, *widths: jnp.pad(x, widths)
    return s._replace(
        transition=more(s.transition, (0, 1), (0, 1)),
        selection=more(s.selection, (0, 1), (0, 0)),
        design=more(s.design, (0, 0), (0, 1)),
    )


def with_unit_roots(seed, num_roots, observed=True):
    """Seven states: a stationary part beside a random walk, or a walk whose growth is one, in mixed coordinates."""
    s, rng, steady = stationary_states(seed, num_roots), np.random.default_rng(seed), 7 - num_roots
    walk = np.eye(num_roots) + np.eye(num_roots, k=1)
    T = block_diag(np.asarray(s.transition), walk)
    R = np.concatenate([s.selection, 0.3 * rng.normal(size=(num_roots, 3))])
    Z = np.concatenate(
        [s.design, rng.normal(size=(2, num_roots)) if observed else np.zeros((2, num_roots))], axis=1
    )
    mix = np.linalg.qr(rng.normal(size=T.shape))[0] * rng.uniform(0.5, 2.0, len(T))
    T, R, Z = mix @ T @ np.linalg.inv(mix), mix @ R, Z @ np.linalg.inv(mix)
    levels = mix[:, steady:]
    return s._replace(transition=jnp.array(T), selection=jnp.array(R), design=jnp.array(Z)), levels, mix


def by_least_squares(s, y, levels, rest_cov):
    """Means and covariances of states, shocks and y itself, with the levels by generalised least squares."""
    n_periods, n, k = len(y), len(s.transition), levels.shape[1]
    T = np.asarray(s.transition)
    joint = joint_normal_from(s, n_periods, rest_cov)
    effect = np.zeros((sum(joint.sizes), k))
    power = levels
    for t in range(n_periods):
        power = T @ power
        effect[t * n : (t + 1) * n] = power
        base = sum(joint.sizes[:2]) + t * 2
        effect[base : base + 2] = np.asarray(s.design) @ power
    seen = sum(joint.sizes[:2]) + np.flatnonzero(~np.isnan(y.ravel()))
    V, X = joint.cov[np.ix_(seen, seen)], effect[seen]
    error = y.ravel()[~np.isnan(y.ravel())] - joint.mean[seen]
    S = X.T @ np.linalg.solve(V, X)
    delta = np.linalg.solve(S, X.T @ np.linalg.solve(V, error))
    gain = np.linalg.solve(V, joint.cov[seen]).T
    mean = joint.mean + effect @ delta + gain @ (error - X @ delta)
    B = effect - gain @ X
    return mean, joint.cov - gain @ joint.cov[seen] + B @ np.linalg.solve(S, B.T), joint.sizes


def joint_normal_from(s, n_periods, rest_cov):
    """`joint_normal` whose s_0 has covariance `rest_cov`: the first shock stays one of the normals."""
    T, R, Q, Z, d, H = (np.asarray(x) for x in s[:6])
    widened = StateSpace(
        block_diag(T, np.zeros((3, 3))),
        np.vstack([R, np.eye(3)]),
        Q,
        np.hstack([Z, np.zeros((2, 3))]),
        d,
        H,
        s.status,
    )  # the shock is a state too
    n = len(T)
    first = np.zeros((n + 3, n + 3))
    first[:n, :n] = T @ rest_cov @ T.T + R @ Q @ R.T
    first[:n, n:], first[n:, :n], first[n:, n:] = R @ Q, Q @ R.T, Q
    wide = joint_normal(widened, n_periods, np.zeros(n + 3), first)
    rows = np.arange(n_periods)[:, None] * (n + 3)
    states = (rows + np.arange(n)).ravel()
    shocks = (rows + n + np.arange(3)).ravel()
    kept = np.concatenate([states, shocks, np.arange(sum(wide.sizes[:2]), sum(wide.sizes))])
    return wide._replace(
        mean=wide.mean[kept],
        cov=wide.cov[np.ix_(kept, kept)],
        sizes=(n * n_periods, 3 * n_periods, 2 * n_periods),
    )


@pytest.mark.parametrize("num_roots", [1, 2, 3])
def test_smoothed_levels_are_those_of_generalised_least_squares(num_roots):
    s, levels, mix = with_unit_roots(1, num_roots)
    rest = np.zeros_like(s.transition)
    part = stationary_states(1, num_roots)
    R, Q = np.asarray(part.selection), np.asarray(part.state_cov)
    steady = slice(7 - num_roots)
    rest[steady, steady] = solve_discrete_lyapunov(np.asarray(part.transition), R @ Q @ R.T)
    y = 3 * random_observations(1, PERIODS, missing=0.3)
    mean, cov, (n_states, n_shocks, _) = by_least_squares(s, y, levels, mix @ rest @ mix.T)
    states, shocks = smooth(s, y)
    n = len(s.transition)
    np.testing.assert_allclose(states.mean.ravel(), mean[:n_states], atol=1e-6)
    np.testing.assert_allclose(shocks.mean.ravel(), mean[n_states : n_states + n_shocks], atol=1e-6)
    for t in range(PERIODS):
        block = slice(t * n, (t + 1) * n)
        np.testing.assert_allclose(states.cov[t], cov[block, block], atol=1e-6)
        block = slice(n_states + 3 * t, n_states + 3 * t + 3)
        np.testing.assert_allclose(shocks.cov[t], cov[block, block], atol=1e-6)
    path = FREE.copy()
    path[1, 0] = 2.0
    ahead, ahead_cov, sizes = by_least_squares(s, np.concatenate([y, path]), levels, mix @ rest @ mix.T)
    future = slice(sum(sizes[:2]) + 2 * PERIODS, None)
    expected = forecast(s, y, path)
    np.testing.assert_allclose(expected.mean.ravel(), ahead[future], atol=1e-6)
    diagonal = np.diag(ahead_cov)[future].reshape(3, 2)
    np.testing.assert_allclose(np.diagonal(expected.cov, axis1=1, axis2=2), diagonal, atol=1e-6)


@pytest.mark.parametrize("form", [lambda s: s, moving_average])
def test_one_step_ahead_densities_add_up_to_the_likelihood(form):
    s, y = form(growing()), random_observations(0, PERIODS, missing=0.2)
    found = one_step_ahead(s, y)
    total = 0.0
    for t in range(PERIODS):
        seen = ~np.isnan(y[t])
        np.testing.assert_array_equal(np.isnan(found.mean[t]), ~seen)
        if seen.any():
            total += multivariate_normal.logpdf(
                y[t, seen], found.mean[t, seen], np.asarray(found.cov[t])[np.ix_(seen, seen)]
            )
    likelihood = kalman_loglikelihood if isinstance(s, StateSpace) else toeplitz_loglikelihood
    np.testing.assert_allclose(total, likelihood(s, y), rtol=1e-9)


@pytest.mark.parametrize("num_roots", [1, 2])
def test_one_step_ahead_is_the_forecast_by_what_was_known(num_roots):
    """From an unknown level: infinite variance until it was seen, and what comes later does not matter."""
    s, _, _ = with_unit_roots(1, num_roots)
    y = 3 * random_observations(1, PERIODS)
    found = one_step_ahead(s, y)
    assert np.isinf(np.diagonal(found.cov[0])).all() and np.isfinite(found.cov[2:]).all()
    for t in (4, PERIODS - 1):
        ahead = forecast(s, y[:t], FREE)
        np.testing.assert_allclose(found.mean[t], ahead.mean[0], atol=1e-7)
        np.testing.assert_allclose(found.cov[t], ahead.cov[0], atol=1e-7)
    other = one_step_ahead(s, np.where(np.arange(PERIODS)[:, None] < 6, y, -y))
    np.testing.assert_allclose(other.mean[:6], found.mean[:6], atol=1e-8)


def test_a_level_that_is_never_observed_is_not_known_and_disturbs_nothing():
    s, _, _ = with_unit_roots(2, 1, observed=False)
    y, alone = random_observations(2, PERIODS, missing=0.2), with_an_idle_state(stationary_states(2, 1))
    np.testing.assert_allclose(smooth(s, y).shocks.mean, smooth(alone, y).shocks.mean, atol=1e-8)
    assert np.isinf(
        np.diagonal(smooth(s, y).states.cov[5])
    ).all()  # in mixed coordinates every state has a part of it
    expected, right = forecast(s, y, FREE), forecast(alone, y, FREE)
    np.testing.assert_allclose(expected.mean, right.mean, atol=1e-8)
    np.testing.assert_allclose(expected.cov, right.cov, atol=1e-8)


def test_draws_of_smoothed_states_have_the_smoothed_moments():
    s, _, _ = with_unit_roots(3, 2)
    y = random_observations(3, PERIODS, missing=0.1)
    draws = jax.vmap(lambda key: sample_smoothed(key, s, y)[0])(jax.random.split(KEY, 2000))
    states = smooth(s, y).states
    sd = np.sqrt(np.diagonal(states.cov, axis1=1, axis2=2))
    assert (np.abs(draws.mean(axis=0) - states.mean) < 5 * sd / np.sqrt(2000) + 1e-9).all()
    assert (np.abs(draws.std(axis=0) / sd - 1) < 5 / np.sqrt(4000)).all()


def test_the_history_of_a_random_walk_is_its_start_and_its_shocks():
    one = jnp.ones((1, 1))
    walk = StateSpace(one, one, one, one, jnp.array([2.0]), 0 * one, jnp.array(Status.OK))
    y = np.cumsum(np.arange(1.0, 7.0))[:, None]
    parts = historical_decomposition(walk, y)
    np.testing.assert_allclose(parts.shocks[1:, 0, 0] - parts.shocks[:-1, 0, 0], np.diff(y[:, 0]), atol=1e-12)
    np.testing.assert_allclose(parts.initial, np.full_like(parts.initial, y[0, 0] - 2.0), atol=1e-12)


def test_moments_of_what_does_not_depend_on_the_unit_root():
    (s, _, _), rest = with_unit_roots(4, 1, observed=False), with_an_idle_state(stationary_states(4, 1))
    for of in (
        lambda s: theoretical_moments(s, 3).autocovariance,
        lambda s: variance_decomposition(s, (float("inf"), 2)),
    ):
        np.testing.assert_allclose(of(s), of(rest), rtol=1e-7, atol=1e-9)
    level, _, mix = with_unit_roots(4, 1)
    alone = rest.design[0] @ jnp.linalg.inv(mix)
    seen = level._replace(design=level.design.at[0].set(alone))
    moments = theoretical_moments(seen, 3)
    assert np.isnan(moments.autocovariance[:, 1]).all() and np.isnan(moments.mean[1])
    np.testing.assert_allclose(
        moments.autocovariance[0, 0, 0],
        theoretical_moments(rest, 3).autocovariance[0, 0, 0],
        rtol=1e-7,
    )
    assert np.isnan(variance_decomposition(seen, (float("inf"), 2))[0, 1]).all()


# --- correlated shocks, and what cannot happen ---


def two_walkers(correlation):
    """Two autoregressions that are observed, and beside them a third and a constant that are not."""
    Q = jnp.array([[1.0, correlation, 0.0], [correlation, 1.0, 0.0], [0.0, 0.0, 1.0]])
    eye = jnp.eye(4)
    return StateSpace(
        jnp.diag(jnp.array([0.8, 0.5, 0.3, 0.0])), eye[:, :3], Q, eye[:2], jnp.zeros(2), jnp.zeros((2, 2)),
        jnp.array(Status.OK), jnp.zeros(2),
    )  # fmt: skip


@pytest.mark.parametrize("form", [lambda s: s, moving_average])
def test_no_shock_moves_what_it_does_not_enter_however_correlated(form):
    y = random_observations(5, PERIODS)
    parts = historical_decomposition(form(two_walkers(0.6)), y)
    np.testing.assert_allclose(parts.shocks[:, 1, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(parts.shocks[:, 0, 1], 0.0, atol=1e-9)
    np.testing.assert_allclose(parts.shocks.sum(axis=2) + parts.initial, y, atol=1e-9)


def test_shocks_that_move_together_have_responses():
    responses = impulse_responses(two_walkers(-1.0), 2)
    np.testing.assert_allclose(responses[:, :, 0], [[1.0, -1.0], [0.8, -0.5]], atol=1e-12)
    np.testing.assert_allclose(responses[:, :, 1:], 0.0, atol=1e-12)


mean_inside = jax.jit(lambda *args: forecast(*args).mean)


@pytest.mark.parametrize(
    ("state_space", "path"),
    [
        (two_walkers(1.0)._replace(transition=jnp.zeros((4, 4))), [1.0, 1.0]),  # one shock in fact
        (
            two_walkers(0.0)._replace(selection=jnp.eye(4)[:, :3].at[1].set(0.0)),
            [np.nan, 0.3],
        ),  # none moves it
        (two_walkers(0.0)._replace(selection=jnp.zeros((4, 3))), [0.0, np.nan]),
    ],
)
def test_what_no_shock_can_bring_about_is_refused(state_space, path):
    seen, path = np.full((PERIODS, 2), np.nan), np.stack([path, *FREE[1:]])
    with pytest.raises(SolutionError, match="no shock can bring about what is imposed on period 1"):
        forecast(state_space, seen, path)
    inside = mean_inside(state_space, seen, path)
    assert np.isnan(np.asarray(inside)[np.isnan(path)]).all()


@pytest.mark.parametrize("analysis", [smooth, historical_decomposition, lambda s, y: forecast(s, y, FREE)])
def test_a_singular_sample_is_refused(analysis):
    with pytest.raises(SolutionError, match="stochastic singularity"):
        analysis(two_walkers(1.0), random_observations(0, PERIODS))


def test_identification_of_a_model_in_levels_names_what_has_no_moments():
    with pytest.raises(SolutionError, match=r"observables \[1\] depend on a unit root"):
        local_identification(
            lambda p: two_walkers(0.0)._replace(transition=jnp.diag(jnp.stack([p["rho"], 1.0, 0.0, 0.0]))),
            {"rho": 0.5},
        )
