"""Standard deviations that change from period to period, against the joint normal distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import Joint, joint_normal, random_observations, random_state_space

import estim
from estim.analysis.forecasts import forecast
from estim.arguments import ArgumentError
from estim.likelihood.state_space.diffuse import diffuse_loglikelihood
from estim.likelihood.state_space.filtering import filter_states
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.likelihood.state_space.smoothing import sample_smoothed, smooth
from estim.likelihood.state_space.start import stationary_start

N, N_SCALED = 7, 5
SCALES = np.random.default_rng(3).uniform(0.0, 3.0, (N_SCALED, 3))


def scaled(seed=0):
    return random_state_space(seed)._replace(shock_scales=jnp.asarray(SCALES))


def joint(space):
    """By hand: states, shocks and observations as one linear map of s_1 with e_1, later shocks, and errors."""
    T, R, Q, Z = map(np.asarray, space[:4])
    plain = joint_normal(space._replace(shock_scales=None), N)
    n, e, p = len(T), R.shape[1], len(Z)
    extra = np.zeros_like(plain.cov)
    for t in range(1, N):
        s = SCALES[t] if t < N_SCALED else np.ones(e)
        A = np.zeros((len(extra), e))
        for h in range(t, N):
            moved = np.linalg.matrix_power(T, h - t) @ R
            A[h * n : (h + 1) * n] = moved
            A[(n + e) * N + h * p : (n + e) * N + (h + 1) * p] = Z @ moved
        A[n * N + t * e : n * N + (t + 1) * e] = np.eye(e)
        extra += A @ (s[:, None] * Q * s - Q) @ A.T
    return Joint(plain.mean, plain.cov + extra, plain.sizes)


def test_filter_and_smoother_are_the_conditional_distribution():
    space, y = scaled(), random_observations(0, N, missing=0.2)
    by_hand = joint(space)
    _, densities = filter_states(space, jnp.asarray(y), stationary_start(space))
    np.testing.assert_allclose(densities.sum(), by_hand.logdensity(y), rtol=1e-10)
    mean, cov = by_hand.given(y)
    for start in (None, stationary_start(space)):
        states, shocks = smooth(space, jnp.asarray(y), start)
        np.testing.assert_allclose(states.mean.ravel(), mean[: 4 * N], atol=1e-9)
        np.testing.assert_allclose(shocks.mean.ravel(), mean[4 * N :], atol=1e-9)
        blocks = [cov[a : a + 3, a : a + 3] for a in 4 * N + 3 * np.arange(N)]
        np.testing.assert_allclose(shocks.cov, blocks, atol=1e-9)
    np.testing.assert_allclose(
        diffuse_loglikelihood(space, jnp.asarray(y), 0), by_hand.logdensity(y), rtol=1e-9
    )
    assert abs(by_hand.logdensity(y) - joint_normal(space._replace(shock_scales=None), N).logdensity(y)) > 1


def test_draws_of_the_smoother_have_its_moments():
    space, y = scaled(), jnp.asarray(random_observations(0, N))
    draw = jax.jit(jax.vmap(lambda key: sample_smoothed(key, space, y)[1]))
    draws = np.asarray(draw(jax.random.split(jax.random.key(0), 4000)))
    found = smooth(space, y).shocks
    sd = np.sqrt(np.maximum(np.diagonal(np.asarray(found.cov), axis1=1, axis2=2), 1e-12))
    assert (np.abs(draws.mean(0) - found.mean) < 5 * sd / np.sqrt(4000) + 1e-9).all()
    np.testing.assert_allclose(draws.std(0), sd, rtol=0.1, atol=1e-6)


def test_forecasts_see_the_sample_as_it_was():
    space, y = scaled(), random_observations(1, N - 2)
    expected = forecast(space, jnp.asarray(y), jnp.full((2, 2), np.nan))
    mean, _ = joint(space).given(np.vstack([y, np.full((2, 2), np.nan)]))
    ahead = mean[4 * (N - 2) : 4 * N].reshape(2, 4) @ np.asarray(space.design).T + np.asarray(
        space.obs_intercept
    )
    np.testing.assert_allclose(expected.mean, ahead, atol=1e-9)


def test_the_setting_reaches_the_solution_and_its_errors_name_it():
    ones = estim.Kalman(shock_scales=np.ones((4, 3)))
    assert ones.shock_scales == ((1.0,) * 3,) * 4 and hash(ones) == hash(
        estim.Kalman(shock_scales=ones.shock_scales)
    )
    assert ones.for_data(np.zeros((8, 2)))[0].method == "standard"
    assert ones.solver_for(estim.FirstOrder()).shock_scales == ones.shock_scales
    for wrong in ([1.0], [[-1.0]], "x", [[1.0], [1.0, 2.0]]):
        with pytest.raises(ArgumentError, match="shock_scales must be rows"):
            estim.Kalman(shock_scales=wrong)
    with pytest.raises(ArgumentError, match="with shock_scales it is 'auto'"):
        estim.Kalman(shock_scales=[[1.0]], method="parallel")
    space, y = random_state_space(0), jnp.asarray(random_observations(0, 8))
    np.testing.assert_allclose(
        ones.for_data(y)[0]
        .loglikelihood(space._replace(shock_scales=jnp.ones((4, 3))), ones.for_data(y)[1])
        .value,
        kalman_loglikelihood(space, y),
        rtol=1e-10,
    )
