"""The particle filter: Kalman's likelihood without bias, the score as particles grow, failures as values."""

from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from linear_gaussian import random_observations, random_state_space
from numpyro.distributions import Beta, Gamma
from scipy.linalg import solve_discrete_lyapunov

import estim
from estim import analysis
from estim.arguments import ArgumentError
from estim.likelihood.nonlinear.particle import Particle, ParticleData
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.models import load_model
from estim.representations.linear import StateSpace
from estim.representations.nonlinear import NonlinearStateSpace
from estim.simulation import Simulation
from estim.solution.rational_expectations import solve_state_space
from estim.solution.simulated import Simulated
from estim.status import Status

RUNS = 20
KEYS = jax.random.split(jax.random.key(1), RUNS)
PARTICLE = Particle(num_particles=500, presample=2)


@jax.jit
def evaluate(state_space, y, key):
    """Value, status and gradient, by one program for all tests."""

    def loglikelihood(s):
        return PARTICLE.loglikelihood(s, PARTICLE.for_data(y)[1]._replace(key=key))

    return jax.value_and_grad(loglikelihood, has_aux=True, allow_int=True)(state_space)


def noisy(seed=0):
    """Correlated shocks and errors, and a trend."""
    return random_state_space(seed)._replace(
        obs_cov=jnp.array([[4.0, 1.0], [1.0, 3.0]]), obs_trend=jnp.array([0.05, -0.1])
    )


def gaps():
    y = random_observations(0, missing=0.3)
    y[3] = np.nan
    return y


def is_unbiased(values, exact):
    """The mean of the likelihood's ratio to the exact one is one within four standard errors."""
    ratio = np.exp(np.asarray(values) - float(exact))
    assert np.var(values) < 1.0
    assert abs(ratio.mean() - 1.0) < 4.0 * ratio.std(ddof=1) / RUNS**0.5


def test_kalman_on_the_gallery():
    """With measurement errors of a fifth of each observable; `experiments/particle_filter.py` has three models."""
    model = load_model("an_schorfheide_2007")
    state_space = solve_state_space(model, model.params())
    T, R, Q, Z, d = (np.asarray(x) for x in state_space[:5])
    variances = np.diag(Z @ solve_discrete_lyapunov(T, R @ Q @ R.T) @ Z.T)
    state_space = state_space._replace(obs_cov=jnp.diag(variances / 25))
    rng, state, y = np.random.default_rng(0), np.zeros(len(T)), np.empty((28, len(Z)))
    for t in range(len(y)):  # 20 periods from rest, then 8 that count
        state = T @ state + R @ rng.normal(size=R.shape[1])
        y[t] = d + Z @ state + np.sqrt(variances / 25) * rng.normal(size=len(Z))
    y = y[-8:]
    particle, data = Particle(num_particles=2_000, ess_fraction=1.0).for_data(y)
    values = [particle.loglikelihood(state_space, data._replace(key=key)).value for key in KEYS]
    is_unbiased(values, kalman_loglikelihood(state_space, y))


def test_missing_numbers_a_presample_a_trend_and_correlated_shocks():
    values = [evaluate(noisy(), gaps(), key)[0][0] for key in KEYS]
    is_unbiased(values, kalman_loglikelihood(noisy(), gaps(), presample=2))


def test_bias_and_variance_fall_with_the_number_of_particles():
    state_space, y = noisy(), gaps()
    exact = float(kalman_loglikelihood(state_space, y, presample=2))
    particle, data = replace(PARTICLE, num_particles=25).for_data(y)
    few = (
        np.array([particle.loglikelihood(state_space, data._replace(key=key)).value for key in KEYS]) - exact
    )
    many = np.array([evaluate(state_space, y, key)[0][0] for key in KEYS]) - exact
    # a ratio of two variances of 20 runs has a standard error of 0.46 in logs; that of 20 must be told from one
    assert 20 / np.exp(4 * 0.46) < few.var(ddof=1) / many.var(ddof=1)
    for error in (few, many):  # the log is too low by half its variance
        assert abs(error.mean() + error.var(ddof=1) / 2) < 4 * error.std(ddof=1) / RUNS**0.5


def test_the_gradient_tends_to_the_score():
    """In every direction of T, R, Q, Z, d and H: within four standard errors, and few of these."""
    state_space, y = noisy(), gaps()
    found = [evaluate(state_space, y, key)[1][:6] for key in KEYS]
    score = jax.jit(jax.grad(lambda s: kalman_loglikelihood(s, y, presample=2), allow_int=True))(state_space)
    for i, name in enumerate(StateSpace._fields[:6]):
        many, exact = np.stack([gradient[i] for gradient in found]), np.asarray(score[i])
        if name in ("state_cov", "obs_cov"):  # only the symmetric part is a direction
            many, exact = many + many.swapaxes(1, 2), exact + exact.T
        error = many.std(axis=0, ddof=1) / RUNS**0.5
        assert (np.abs(many.mean(axis=0) - exact) < 4.5 * error + 0.02 * np.abs(exact).max()).all(), name
        assert error.mean() < 0.5 * np.abs(exact).max(), name


def test_a_key_makes_it_a_function():
    first, again = (Particle(seed=seed).for_data(gaps())[1].key for seed in (0, 0))
    values = [evaluate(noisy(), gaps(), key)[0][0] for key in (first, again, KEYS[0])]
    assert values[0] == values[1] != values[2]


class Params(NamedTuple):
    rho: Any = Beta(5.0, 5.0)
    sigma: Any = Gamma(4.0, 4.0)
    noise: Any = 0.5


simulation = Simulation(
    name="ar1",
    shocks=("e",),
    observables=("X",),
    start=lambda p: {"x": 0.0},
    transition=lambda state, shocks, p: {"x": p.rho * state["x"] + p.sigma * shocks.e},
    measurement=lambda state, p: jnp.stack([state["x"]]),
    measurement_error=lambda p: jnp.reshape(p.noise**2, (1, 1)),
    prior=Params(),
)


def test_a_simulation_and_its_state_space_are_weighed_alike():
    """The same draws move both, from the same start."""

    class AtRest(StateSpace):
        def start(self, key):
            return jnp.zeros(1)

    y = random_observations(2, n_obs=1)
    p = simulation.params()
    one = jnp.eye(1)
    linear = AtRest(
        p.rho * one, p.sigma * one, one, one, jnp.zeros(1), p.noise**2 * one, jnp.array(Status.OK)
    )
    particle, data = Particle(num_particles=100).for_data(y)
    solution = Simulated().solve(simulation, p)
    assert isinstance(solution, NonlinearStateSpace) and isinstance(linear, NonlinearStateSpace)
    found, expected = (particle.loglikelihood(s, data) for s in (solution, linear))
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-12)


BROKEN = {
    "a bad status": (lambda s: s._replace(status=jnp.array(Status.INDETERMINATE)), Status.INDETERMINATE),
    "explosive": (lambda s: s._replace(transition=1.5 * s.transition), Status.NOT_FINITE),
    "NaN": (lambda s: s._replace(obs_cov=s.obs_cov * jnp.nan), Status.NOT_FINITE),
    "no errors": (lambda s: s._replace(obs_cov=jnp.zeros((2, 2))), Status.SINGULAR_OBSERVABLES),
    "tied errors": (lambda s: s._replace(obs_cov=jnp.ones((2, 2))), Status.SINGULAR_OBSERVABLES),
    "out of sight": (lambda s: s._replace(obs_intercept=jnp.array([1e200, 1e200])), Status.NOT_FINITE),
}


def test_failures_are_values():
    for name, (broken, status) in BROKEN.items():
        found, gradient = evaluate(broken(noisy()), gaps(), KEYS[0])
        assert found == (-jnp.inf, status), name
        for g in gradient[:6]:
            np.testing.assert_array_equal(g, 0.0, err_msg=name)


def test_words_of_errors():
    with pytest.raises(ArgumentError, match="num_particles must be"):
        Particle(num_particles=0)
    with pytest.raises(ArgumentError, match="ess_fraction must be"):
        Particle(ess_fraction=1.5)
    with pytest.raises(ArgumentError, match="presample=12 must be less than the 12 periods"):
        Particle(presample=12).for_data(random_observations(0))


def test_errors_that_are_not_added_have_no_density():
    multiplied = Simulation(
        name="scaled",
        shocks=("e",),
        observables=("X",),
        start=lambda p: 1.0,
        transition=lambda x, shocks, p: p.rho * x + p.sigma * shocks.e,
        measurement=lambda x, p, errors: jnp.stack([x * (1 + p.noise * errors.X)]),
        prior=Params(),
    )
    assert not multiplied.adds_errors
    particle, data = Particle(num_particles=10).for_data(random_observations(2, n_obs=1))
    with pytest.raises(ArgumentError, match="their density is not known"):
        particle.loglikelihood(Simulated().solve(multiplied, multiplied.params()), data)


def test_the_start_of_a_state_space_is_its_stationary_distribution():
    """Also where the variance is singular: a state that is there twice."""
    s = random_state_space(1)
    twice = s._replace(
        transition=jnp.block([[s.transition, jnp.zeros((4, 4))], [s.transition, jnp.zeros((4, 4))]]),
        selection=jnp.concatenate([s.selection, s.selection]),
    )
    draw = jax.jit(jax.vmap(lambda s, key: s.start(key), (None, 0)))
    keys = jax.random.split(jax.random.key(0), 20_000)
    draws = np.asarray(draw(twice, keys))
    np.testing.assert_allclose(draws[:, :4], draws[:, 4:], atol=1e-5)
    T, R, Q = (np.asarray(x) for x in s[:3])
    cov = solve_discrete_lyapunov(T, R @ Q @ R.T)
    error = np.sqrt((cov**2 + np.outer(np.diag(cov), np.diag(cov))) / len(draws))
    assert (np.abs(np.cov(draws[:, :4].T) - cov) < 5 * error).all()
    assert np.isnan(draw(twice._replace(transition=1.5 * twice.transition), keys)).all()


def test_gradient_samplers_refuse_it_by_name_and_others_take_it():
    data = pd.DataFrame({"X": np.asarray(random_observations(2, n_obs=1))[:, 0]})
    posterior = estim.build_posterior(simulation, data, likelihood=Particle(num_particles=50))
    with pytest.raises(ArgumentError, match="'nuts' moves by gradients, and the likelihood's is biased"):
        estim.sample(posterior, "nuts", jax.random.key(0), num_samples=5)
    draws = estim.sample(posterior, "rwmh", jax.random.key(0), num_samples=20, num_warmup=20, num_chains=2)
    assert np.isfinite(draws.loglikelihood).all()


METHODS = {"conditionally_optimal": 60, "tempered": 200}


@cache
def estimates(method):
    """By one program for all tests of a method: of linear models with correlated shocks and errors, and gaps."""
    particle = Particle(num_particles=METHODS[method], method=method, presample=2)
    given = lambda y, key: ParticleData(y, key)
    return jax.jit(
        jax.vmap(lambda s, y, key: particle.loglikelihood(s, given(y, key)).value, (None, None, 0))
    )


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_are_without_bias_too(method):
    values = estimates(method)(noisy(), gaps(), KEYS)
    is_unbiased(values, kalman_loglikelihood(noisy(), gaps(), presample=2))


@pytest.mark.parametrize("method", METHODS)
def test_with_small_errors_they_scatter_less_than_the_bootstrap(method):
    """Of as many particles; where the measurement is linear given the state, by much."""
    small = noisy()._replace(obs_cov=0.02 * noisy().obs_cov)
    values = np.asarray(estimates(method)(small, gaps(), KEYS))
    particle = replace(PARTICLE, num_particles=METHODS[method])
    blind = [particle.loglikelihood(small, ParticleData(jnp.asarray(gaps()), key)).value for key in KEYS]
    # a ratio of two variances of 20 runs has a standard error of 0.46 in logs
    assert values.var(ddof=1) * np.exp(2 * 0.46) < np.var(blind, ddof=1)


def test_random_numbers_are_drawn_anew_in_part_or_all():
    data = pd.DataFrame({"X": np.asarray(random_observations(2, n_obs=1))[:, 0]})
    posterior = estim.build_posterior(simulation, data, likelihood=Particle(num_particles=50))
    assert posterior.noisy
    keys = lambda p: np.asarray(jax.random.key_data(p.data.read.key))
    same, some, all_new = (posterior.redraw_fn(jax.random.key(5), share) for share in (0.0, 0.3, 1.0))
    changed = (keys(same) != keys(some)).any(axis=1)
    assert 0 < changed.sum() < len(changed) == len(data) + 1
    assert (keys(same) != keys(all_new)).any(axis=1).all()
    value = lambda p: float(p.loglikelihood_fn(p.start))
    assert value(same) == value(posterior) != value(all_new)
    scatter = analysis.loglikelihood_scatter(posterior, jax.random.key(1))
    assert scatter.values.shape == (20,) and scatter.sd == np.std(scatter.values, ddof=1) > 0.01
    exact = estim.build_posterior(simulation, data, likelihood="linear_simulation")
    with pytest.raises(ArgumentError, match="depends on no random numbers"):
        analysis.loglikelihood_scatter(exact, jax.random.key(0))


def test_pseudo_marginal_draws_are_those_of_the_exact_posterior():
    """With thirty particles the estimate scatters; the draws are those of Kalman's likelihood all the same."""
    data = pd.DataFrame({"X": np.asarray(random_observations(2, n_obs=1))[:, 0]})
    key, settings = jax.random.key(1), dict(num_samples=2_000, num_warmup=500, num_chains=4)
    posterior = estim.build_posterior(simulation, data, likelihood=Particle(num_particles=30))
    found = estim.sample(posterior, "pseudo_marginal", key, refresh=0.3, **settings).position
    exact = estim.build_posterior(simulation, data, likelihood="linear_simulation")
    expected = estim.sample(exact, "rwmh", key, **settings).position
    for i in range(2):
        by_chain = [p[..., i].mean(axis=1) for p in (found, expected)]
        error = np.hypot(*[m.std(ddof=1) / 2 for m in by_chain])
        assert abs(by_chain[0].mean() - by_chain[1].mean()) < 5 * error + 1e-3
        assert 0.8 < found[..., i].std() / expected[..., i].std() < 1.25


def test_a_model_without_measurement_errors_is_refused_by_name():
    model = load_model("brock_mirman_1972")
    data = pd.DataFrame(np.zeros((3, 1)), columns=model.observables._fields)
    with pytest.raises(ArgumentError, match="density of measurement errors, and brock_mirman_1972 has none"):
        estim.build_posterior(model, data, solver=estim.Perturbation(), likelihood=Particle())
