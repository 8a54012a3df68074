"""Likelihoods of a moving average, against the joint normal density of the stacked sample."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import estim  # noqa: F401
from estim.likelihood.moving_average.toeplitz import autocovariances, toeplitz_loglikelihood
from estim.likelihood.moving_average.whittle import whittle_loglikelihood
from estim.representations.moving_average import MovingAverage
from estim.status import Status

HORIZON, N_OBS, N_SHOCKS, N_PERIODS = 12, 2, 3, 30


def random_moving_average(seed=0, error=0.3):
    rng = np.random.default_rng(seed)
    psi = rng.normal(size=(HORIZON, N_OBS, N_SHOCKS)) * 0.7 ** np.arange(HORIZON)[:, None, None]
    return MovingAverage(
        impulse_responses=jnp.asarray(psi),
        shock_cov=jnp.diag(jnp.array([1.0, 0.5, 2.0])),
        obs_intercept=jnp.array([0.3, -1.0]),
        obs_cov=error**2 * jnp.eye(N_OBS),
        status=jnp.array(Status.OK),
    )


def naive_covariance(ma, n_periods):
    """Y = sum_h IRF_h e_{t-h}: the loading of every observation on every shock, squared."""
    loading = np.zeros((n_periods, N_OBS, n_periods + HORIZON, N_SHOCKS))
    for t in range(n_periods):
        for h in range(HORIZON):
            loading[t, :, t - h + HORIZON] = ma.impulse_responses[h]
    loading = loading.reshape(n_periods * N_OBS, -1)
    shocks = np.kron(np.eye(n_periods + HORIZON), ma.shock_cov)
    return loading @ shocks @ loading.T + np.kron(np.eye(n_periods), ma.obs_cov)


def sample(ma, missing=0.0, n_periods=N_PERIODS):
    rng = np.random.default_rng(1)
    mean = np.tile(ma.obs_intercept, n_periods)
    y = rng.multivariate_normal(mean, naive_covariance(ma, n_periods)).reshape(n_periods, N_OBS)
    return np.where(rng.uniform(size=y.shape) < missing, np.nan, y)


def naive_loglikelihood(ma, y):
    seen = ~np.isnan(y.reshape(-1))
    mean = np.tile(ma.obs_intercept, len(y))
    cov = naive_covariance(ma, len(y))[np.ix_(seen, seen)]
    return multivariate_normal(mean[seen], cov).logpdf(y.reshape(-1)[seen])


def test_autocovariances_against_the_sum():
    ma = random_moving_average()
    psi, cov = np.asarray(ma.impulse_responses), np.asarray(ma.shock_cov)
    naive = [sum(psi[h + k] @ cov @ psi[h].T for h in range(HORIZON - k)) for k in range(HORIZON)]
    np.testing.assert_allclose(autocovariances(ma, 20), naive + [np.zeros((N_OBS, N_OBS))] * 8, atol=1e-12)


@pytest.mark.parametrize("error", [0.0, 0.3])
@pytest.mark.parametrize(
    ("method", "missing"), [("lattice", 0.0), ("cholesky", 0.0), ("cholesky", 0.3), ("auto", 0.3)]
)
def test_loglikelihood_against_the_joint_density(method, missing, error):
    ma = random_moving_average(error=error)
    y = sample(ma, missing)
    np.testing.assert_allclose(
        toeplitz_loglikelihood(ma, y, method=method), naive_loglikelihood(ma, y), rtol=1e-9
    )


def test_traced_observations_may_be_complete_or_not():
    """Each alone, and both in a batch, where both methods are computed and one is chosen."""
    ma = random_moving_average()
    y = np.stack([sample(ma), sample(ma, 0.3)])
    value = jax.jit(lambda psi, y: toeplitz_loglikelihood(ma._replace(impulse_responses=psi), y))
    psi = ma.impulse_responses
    np.testing.assert_allclose(
        [value(psi, each) for each in y], [naive_loglikelihood(ma, each) for each in y]
    )
    slopes = jax.jit(jax.vmap(jax.grad(value), (None, 0)))(psi, y)
    for slope, each in zip(slopes, y, strict=True):
        difference = (value(psi * (1 + 1e-6), each) - value(psi * (1 - 1e-6), each)) / 2e-6
        np.testing.assert_allclose(jnp.vdot(slope, psi), difference, rtol=1e-6)


@pytest.mark.parametrize("method", ["lattice", "cholesky"])
def test_presample_is_conditioned_on(method):
    ma = random_moving_average()
    y = sample(ma)
    want = naive_loglikelihood(ma, y) - naive_loglikelihood(ma, y[:7])
    np.testing.assert_allclose(toeplitz_loglikelihood(ma, y, presample=7, method=method), want, rtol=1e-9)


@pytest.mark.parametrize(("presample", "n_periods"), [(7, N_PERIODS), (0, 24), (0, 200)])
def test_lattice_and_cholesky_have_the_same_gradient(presample, n_periods):
    """Whether or not the number of periods is one of whole chunks, and where the filter ends early."""
    ma = random_moving_average()
    y = sample(ma, n_periods=n_periods)

    @partial(jax.jit, static_argnums=0)
    @partial(jax.grad, argnums=(1, 2))
    def gradient(method, psi, mean):
        given = ma._replace(impulse_responses=psi, obs_intercept=mean)
        return toeplitz_loglikelihood(given, y, method=method, presample=presample)

    at = ma.impulse_responses, ma.obs_intercept
    for ours, want in zip(*[gradient(method, *at) for method in ("lattice", "cholesky")], strict=True):
        np.testing.assert_allclose(ours, want, rtol=1e-7, atol=1e-9)


def test_the_gradient_has_a_derivative():
    """Of the slope along psi, by differences."""
    ma = random_moving_average()
    y = sample(ma)
    value = lambda scale: toeplitz_loglikelihood(
        ma._replace(impulse_responses=scale * ma.impulse_responses), y
    )
    slope_and_bend = jax.jit(lambda scale: jax.jvp(jax.grad(value), (scale,), (jnp.ones_like(scale),)))
    bend, (up, _), (down, _) = slope_and_bend(1.0)[1], slope_and_bend(1.0 + 1e-5), slope_and_bend(1.0 - 1e-5)
    np.testing.assert_allclose(bend, (up - down) / 2e-5, rtol=1e-6)


def test_whittle_approaches_the_exact_loglikelihood():
    """Off by O(1) at any length: so the difference a period vanishes."""
    ma = random_moving_average(error=1.0)
    short, long = (sample(ma, n_periods=n) for n in (30, 300))
    gap = [abs(whittle_loglikelihood(ma, y) - toeplitz_loglikelihood(ma, y)) / len(y) for y in (short, long)]
    assert gap[1] < 0.02 and gap[1] < gap[0]


@pytest.mark.parametrize("loglikelihood", [toeplitz_loglikelihood, whittle_loglikelihood])
def test_failure_is_minus_infinity_with_no_gradient(loglikelihood):
    ma = random_moving_average()
    failed = ma._replace(
        status=jnp.array(Status.INDETERMINATE), impulse_responses=ma.impulse_responses * jnp.nan
    )
    y = sample(ma)
    value, gradient = jax.jit(
        jax.value_and_grad(lambda psi: loglikelihood(failed._replace(impulse_responses=psi), y))
    )(failed.impulse_responses)
    assert value == -jnp.inf and (gradient == 0).all()
