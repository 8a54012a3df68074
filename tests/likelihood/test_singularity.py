"""Observables that are tied to each other: no filter gives them a density, whatever units they are in."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from linear_gaussian import joint_normal, random_observations, random_state_space

import estim
import estim.arguments
from estim.ladder import check_model
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.likelihood.moving_average.whittle import whittle_loglikelihood
from estim.likelihood.state_space.chandrasekhar import stationary_logdensities
from estim.likelihood.state_space.kalman import kalman_likelihood
from estim.likelihood.state_space.mixed_frequency import aggregate_observables
from estim.likelihood.state_space.start import stationary_start
from estim.representations.moving_average import MovingAverage
from estim.samplers.mode import ModeError, finite_starts
from estim.status import Status

METHODS = ["standard", "chandrasekhar", "square_root", "parallel"]
N_PERIODS = 25


def three_of_two_shocks(seed=0):
    """The third enters nowhere."""
    state_space = random_state_space(seed, n_states=5, n_obs=3, noise=0.0)
    return state_space._replace(selection=state_space.selection.at[:, 2].set(0.0))


def a_shock_without_variance(seed=0):
    state_space = random_state_space(seed, n_states=5, n_obs=3, noise=0.0)
    return state_space._replace(state_cov=jnp.diag(jnp.array([1.0, 0.0, 2.0])))


def one_series_twice(seed=0):
    state_space = random_state_space(seed, n_states=5, n_obs=3, noise=0.0)
    return state_space._replace(design=state_space.design.at[2].set(-3.0 * state_space.design[0]))


def an_identity_with_a_lag(seed=0):
    """The third series is the sum of the first two of last period, which is one more state."""
    state_space = random_state_space(seed, n_states=4, n_obs=3, noise=0.0)
    return aggregate_observables(
        state_space._replace(
            design=state_space.design.at[2].set(state_space.design[0] + state_space.design[1])
        ),
        {2: (0.0, 1.0)},
    )


TIED = [three_of_two_shocks, a_shock_without_variance, one_series_twice, an_identity_with_a_lag]


def in_units(state_space, units):
    units = jnp.asarray(units)
    return state_space._replace(
        design=state_space.design * units[:, None],
        obs_intercept=state_space.obs_intercept * units,
        obs_cov=state_space.obs_cov * jnp.outer(units, units),
    )


@pytest.mark.parametrize("units", [(1.0, 1.0, 1.0), (1e6, 1.0, 1e-6)])
@pytest.mark.parametrize("tied", TIED)
@pytest.mark.parametrize("method", METHODS)
def test_no_filter_gives_them_a_density(method, tied, units):
    y = random_observations(0, N_PERIODS, n_obs=3) * np.asarray(units)
    for seed in range(4):
        found = kalman_likelihood(in_units(tied(seed), units), y, method=method)
        assert (float(found.value), int(found.status)) == (-np.inf, Status.SINGULAR_OBSERVABLES)


@pytest.mark.parametrize("tied", TIED)
def test_a_recursion_that_saw_no_small_pivot_rules_a_tie_out(tied):
    """What spares the look at a point: true of no tied observables, nor before a tie can have shown itself."""
    y = random_observations(0, N_PERIODS, n_obs=3)
    for seed in range(4):
        free = random_state_space(seed, n_states=5, n_obs=3, noise=0.0)
        for state_space, rows, regular in [(tied(seed), y, False), (free, y, True), (free, y[:5], False)]:
            found = stationary_logdensities(state_space, jnp.asarray(rows), stationary_start(state_space))
            assert bool(found.regular) is regular


@pytest.mark.parametrize("method", ["standard", "square_root"])
def test_nor_where_some_numbers_are_missing(method):
    y = random_observations(0, N_PERIODS, n_obs=3)
    y[::3, 1] = np.nan
    for seed in range(4):
        found = kalman_likelihood(three_of_two_shocks(seed), y, method=method)
        assert (float(found.value), int(found.status)) == (-np.inf, Status.SINGULAR_OBSERVABLES)


@pytest.mark.parametrize("method", ["standard", "square_root"])
def test_series_that_take_turns_are_not_tied(method):
    """Three series and two shocks, but never more than two numbers a period."""
    y = random_observations(0, 10, n_obs=3)
    y[np.arange(10), np.arange(10) % 3] = np.nan
    state_space = three_of_two_shocks()
    found = kalman_likelihood(state_space, y, method=method)
    np.testing.assert_allclose(found.value, joint_normal(state_space, 10).logdensity(y), rtol=1e-7)
    assert found.status == Status.OK


def with_small_errors(share, units=(1.0, 1.0, 1.0)):
    """Measurement errors whose standard deviation is a share of each series' own."""
    state_space = three_of_two_shocks()
    cov = joint_normal(state_space, 1).cov[-3:, -3:]
    return in_units(state_space._replace(obs_cov=jnp.diag(share**2 * np.diag(cov))), units)


@pytest.mark.parametrize("units", [(1.0, 1.0, 1.0), (1e6, 1.0, 1e-6)])
@pytest.mark.parametrize(
    ("method", "share"), [("standard", 1e-5), ("square_root", 1e-5), ("square_root", 1e-8)]
)
def test_small_measurement_errors_are_legal(method, share, units):
    y = random_observations(0, 10, n_obs=3)
    exact = kalman_likelihood(with_small_errors(share), y, method="square_root")
    found = kalman_likelihood(with_small_errors(share, units), y * np.asarray(units), method=method)
    assert found.status == Status.OK
    np.testing.assert_allclose(found.value, exact.value - 10 * np.log(units).sum(), rtol=1e-4)


def moving_average(state_space, horizon=200):
    T, R, Q, Z, d, H, status, _ = state_space[:8]
    responses = [Z @ jnp.linalg.matrix_power(T, h) @ R for h in range(horizon)]
    return MovingAverage(jnp.stack(responses), Q, d, H, status)


@pytest.mark.parametrize("tied", TIED[:3])
def test_no_likelihood_of_a_moving_average_gives_them_a_density(tied):
    y = random_observations(0, N_PERIODS, n_obs=3)
    gaps = y.copy()
    gaps[0, 0] = np.nan
    process = moving_average(tied())
    assert toeplitz_loglikelihood(process, y, method="lattice") == -jnp.inf
    assert toeplitz_loglikelihood(process, y, method="cholesky") == -jnp.inf
    assert toeplitz_loglikelihood(process, gaps) == -jnp.inf
    assert whittle_loglikelihood(process, y) == -jnp.inf


class Variables(NamedTuple):
    x: float


class Shocks(NamedTuple):
    e: float


class Observables(NamedTuple):
    A: float
    B: float


class Params(NamedTuple):
    rho: object = estim.priors.beta(0.5, 0.2)
    sigma: float = 1.0
    error: float = 0.0


def model(**changes):
    parts = dict(
        name="one shock",
        variables=Variables,
        shocks=Shocks,
        observables=Observables,
        steady_state=lambda p: Variables(0.0),
        residuals=lambda lag, now, lead, e, p: {"law": now.x - p.rho * lag.x - p.sigma * e.e},
        measurement=lambda now, lag, p: Observables(now.x, 2 * now.x),
        prior=Params(),
    )
    return estim.Model(**parts | changes)


def data():
    return pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["A", "B"])


COUNTS = "2 observables, 1 shock, no measurement error: add measurement errors or shocks"


def test_a_model_with_too_few_shocks_is_refused_in_words():
    with pytest.raises(estim.SolutionError, match=f"one shock: stochastic singularity: {COUNTS}"):
        estim.loglikelihood(model(), {}, data())
    posterior = estim.build_posterior(model(), data())
    values = jax.jit(jax.vmap(posterior.loglikelihood_fn))(posterior.sample_prior(jax.random.key(0), 20))
    assert np.all(values == -np.inf)
    with pytest.raises(ModeError, match=COUNTS):
        finite_starts(posterior, jax.random.key(0), 1)
    last = list(check_model(model(), data()))[-1]
    assert not last.passed and COUNTS in last.lines[0]


def test_observables_that_are_tied_for_another_reason_are_refused_in_words():
    errors = lambda p: Observables(p.error, p.error)
    without = model(measurement_error=errors, prior=Params(sigma=estim.priors.gamma(1.0, 0.5), error=1.0))
    assert np.isfinite(estim.loglikelihood(without, {}, data()))
    with pytest.raises(estim.SolutionError, match="2 measurement errors, yet the observables are tied"):
        estim.loglikelihood(without, {"error": 0.0}, data())


def test_a_start_that_does_not_exist_says_which_to_take():
    walk = model(
        measurement_error=lambda p: Observables(1.0, 1.0),
        residuals=lambda lag, now, lead, e, p: {"law": now.x - lag.x - p.rho * e.e},
        prior=Params(),
    )
    with pytest.raises(estim.SolutionError, match=r"no stationary distribution.*take start='diffuse'"):
        estim.loglikelihood(walk, {}, data())
    assert np.isfinite(estim.loglikelihood(walk, {}, data(), start="diffuse"))


@pytest.mark.parametrize("presample", [-1, 20, 1000, 2.5, "4", None, True])
def test_a_presample_out_of_range_is_refused(presample):
    errors, frame = model(measurement_error=lambda p: Observables(1.0, 1.0)), data()
    with pytest.raises(estim.arguments.ArgumentError, match="presample"):
        estim.loglikelihood(errors, {}, frame, presample=presample)
    with pytest.raises(estim.arguments.ArgumentError, match="presample"):
        estim.build_posterior(errors, frame, presample=presample)
