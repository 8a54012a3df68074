"""Parameters and shocks as one position: the likelihood is the integral, exactly; draws; failures."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from linear_gaussian import random_observations, random_state_space
from pruned_solutions import arrays, gaps, pruned
from scipy.stats import multivariate_normal, norm
from small_models import Observables, ar1

import estim
from estim.arguments import ArgumentError
from estim.gradients import check_gradients
from estim.likelihood.nonlinear.joint import Joint
from estim.likelihood.nonlinear.whitened_shocks import drawn_shocks, law_along
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.representations.paths import observed_path
from estim.status import Status


def integrated(logdensity, dim):
    """ln of the integral of exp(logdensity) over R^dim, where that is a quadratic function."""
    at = jnp.zeros(dim)
    value, gradient, hessian = jax.jit(
        lambda z: (logdensity(z), jax.grad(logdensity)(z), jax.hessian(logdensity)(z))
    )(at)
    _, logdet = np.linalg.slogdet(-np.asarray(hessian))
    mode = value - 0.5 * gradient @ np.linalg.solve(hessian, gradient)
    return mode + 0.5 * dim * np.log(2 * np.pi) - 0.5 * logdet


def test_the_integral_over_shocks_is_the_likelihood_of_kalman():
    """With correlated shocks and errors, a trend, gaps and a presample."""
    space = random_state_space(0)._replace(obs_trend=jnp.array([0.05, -0.1]))
    y = jnp.asarray(random_observations(0, missing=0.3)).at[3].set(jnp.nan)
    dim = 4 + 3 * len(y)

    def logdensity(z):
        return Joint().loglikelihood(space, y, z).value - 0.5 * (z @ z + dim * jnp.log(2 * jnp.pi))

    np.testing.assert_allclose(integrated(logdensity, dim), kalman_loglikelihood(space, y), rtol=1e-9)


def test_of_a_linear_solution_the_coordinates_know_nothing_of_each_other():
    """Given the observations they are standard normal: the likelihood is the same at all of them, and Kalman's."""
    space = random_state_space(0)._replace(obs_trend=jnp.array([0.05, -0.1]))
    y = jnp.asarray(random_observations(0, missing=0.3)).at[3].set(jnp.nan)
    w = 2.0 * np.random.default_rng(0).normal(size=(3, 4 + 3 * len(y)))
    found = jax.vmap(lambda w: Joint().loglikelihood(space, y, w).value)(w)
    np.testing.assert_allclose(found, kalman_loglikelihood(space, y), rtol=1e-9)
    first = pruned(arrays(), 1)
    found = [Joint().loglikelihood(first, gaps(), s * w[0, :22]).value for s in (0.0, 1.0)]
    np.testing.assert_allclose(*found, rtol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_density_given_shocks_is_that_of_the_errors(order):
    """Period by period, by the solution's own steps, with correlated shocks."""
    solution, y = pruned(arrays(), order), np.asarray(gaps())
    w = np.random.default_rng(order).normal(size=2 + 2 * len(y))
    z = np.asarray(Joint().meant_by(solution, y, w))
    begin, shocks = drawn_shocks(solution, jnp.asarray(z))
    root = np.linalg.cholesky(solution.shock_cov)
    np.testing.assert_allclose(shocks, z[2:].reshape(-1, 2) @ root.T, atol=1e-12)
    state, total, move, H = solution.from_vector(begin), 0.0, jax.jit(solution.step), solution.obs_cov
    for row, shock in zip(y, shocks, strict=True):
        state, seen = move(state, shock), ~np.isnan(row)
        if seen.any():
            total += multivariate_normal.logpdf(row[seen], state.observed[seen], H[np.ix_(seen, seen)])
    plain = Joint(linearisations=0)
    np.testing.assert_allclose(plain.loglikelihood(solution, y, z).value, total, rtol=1e-10)
    assert plain.meant_by(solution, y, z) is z
    # in other coordinates, the same density
    slope = np.asarray(jax.jit(jax.jacfwd(lambda w: Joint().meant_by(solution, y, w)))(w))
    of_map = norm.logpdf(z).sum() - norm.logpdf(w).sum() + np.linalg.slogdet(slope)[1]
    np.testing.assert_allclose(Joint().loglikelihood(solution, y, w).value, total + of_map, rtol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_law_is_the_derivative_of_the_path_along_which_it_is_taken(order):
    """In start and shocks."""
    solution, rng = pruned(arrays(), order), np.random.default_rng(order)
    k, m, T = solution.beginning[1].shape[1], solution.num_shocks, 5
    z = jnp.asarray(rng.normal(size=k + m * T))
    law = law_along(solution, solution.beginning, z)
    path = lambda z: observed_path(solution, *drawn_shocks(solution, z))
    np.testing.assert_allclose(law.observed, path(z), rtol=1e-12)
    for i, expected in enumerate(np.moveaxis(jax.jacfwd(path)(z), -1, 0)):
        moved = np.eye(len(z))[i]
        x, shocks = law.root @ moved[:k], moved[k:].reshape(T, m)
        for t in range(T):
            seen = law.lagged[t] @ x + law.impact[t] @ shocks[t]
            np.testing.assert_allclose(seen, expected[t], rtol=1e-10, atol=1e-12)
            x = law.transition[t] @ x + law.selection[t] @ shocks[t]


@pytest.mark.parametrize("order", [2, 3])
def test_linearised_often_enough_the_middle_is_the_most_likely_path(order):
    """There the density of data and shocks has no slope; every linearisation brings it nearer."""
    solution, y = pruned(arrays(), order), gaps()
    plain = lambda z: Joint(linearisations=0).loglikelihood(solution, y, z).value - 0.5 * z @ z
    density = jax.jit(jax.value_and_grad(plain))
    nothing = jnp.zeros(2 + 2 * len(y))
    found = [density(Joint(linearisations=n).meant_by(solution, y, nothing)) for n in (2, 3, 4, 200)]
    values, slopes = zip(*found, strict=True)
    assert values[0] < values[1] < values[2] < values[3] + 1e-9
    np.testing.assert_allclose(slopes[3], 0.0, atol=1e-6)


def test_the_start_has_the_distribution_of_the_solution():
    solution = pruned(arrays())
    n = solution.beginning[1].shape[1]
    z = np.random.default_rng(0).normal(size=(20_000, n + 2))
    begun = np.asarray(jax.vmap(lambda z: drawn_shocks(solution, z).start)(z))
    drawn = jax.vmap(lambda key: solution.to_vector(solution.start(key)))(
        jax.random.split(jax.random.key(0), 20_000)
    )
    spread = np.asarray(drawn).std(axis=0) + 1e-12
    np.testing.assert_allclose(begun.mean(axis=0) / spread, drawn.mean(axis=0) / spread, atol=0.05)
    np.testing.assert_allclose(np.cov(begun.T), np.cov(drawn.T), atol=0.05 * spread.max() ** 2)


def test_gradients_in_every_number_and_every_shock():
    y, rng = gaps(6), np.random.default_rng(1)
    z = jnp.asarray(rng.normal(size=2 + 12))
    value = lambda both: Joint(presample=1, linearisations=3).loglikelihood(pruned(both[0]), y, both[1]).value
    found = check_gradients(value, (arrays(), z), step=1e-3)
    assert found.error < 1e-7 and found.product_error < 1e-6, found


NOISY = ar1(name="noisy", measurement_error=lambda p: Observables(0.4))
DATA = pd.DataFrame(
    {"X": np.random.default_rng(0).normal(0.5, 1.0, 8)}, index=pd.period_range("2000Q1", periods=8, freq="Q")
)


@pytest.fixture(scope="module")
def posterior():
    return estim.build_posterior(NOISY, DATA, likelihood=estim.Joint())


def test_shocks_join_the_position_with_their_exact_prior(posterior):
    names = posterior.param_names
    assert names[:4] == ("rho", "sigma", "start[1]", "shocks[1, e]") and len(names) == 2 + 1 + 8
    x = jnp.asarray(np.random.default_rng(0).normal(size=11))
    kalman = estim.build_posterior(NOISY, DATA)
    expected = kalman.logprior_fn(x[:2]) + norm.logpdf(x[2:]).sum()
    np.testing.assert_allclose(posterior.logprior_fn(x), expected, rtol=1e-12)
    back = posterior.unconstrain_fn(posterior.constrain_fn(x))
    np.testing.assert_allclose(back, x, rtol=1e-9)
    draws = posterior.sample_prior(jax.random.key(0), 2_000)
    assert draws.shape == (2_000, 11)
    np.testing.assert_allclose(np.std(draws[:, 2:], axis=0), 1.0, atol=0.1)
    dim = 9
    total = integrated(lambda z: posterior.logdensity_fn(jnp.concatenate([x[:2], z])), dim)
    np.testing.assert_allclose(total, kalman.logdensity_fn(x[:2]), rtol=1e-9)
    again = estim.build_posterior(NOISY, DATA + 1.0, likelihood="joint")
    assert jax.tree.structure(again) == jax.tree.structure(posterior)  # of which programs are compiled


def test_draws_carry_the_shocks(posterior):
    draws = estim.sample(posterior, "nuts", jax.random.key(0), num_samples=200, num_warmup=200, num_chains=2)
    tree = draws.to_datatree(DATA)
    shocks = tree.posterior["shocks"]
    assert shocks.dims == ("chain", "draw", "period", "shock") and list(shocks.shock.values) == ["e"]
    assert tree.posterior["rho"].dims == ("chain", "draw")
    # given parameters near the posterior's, the smoother's shocks
    at = {name: float(tree.posterior[name].mean()) for name in ("rho", "sigma")}
    smoothed = estim.smooth(estim.solve(NOISY, at), DATA.to_numpy()).shocks
    found = shocks.mean(("chain", "draw")).to_numpy()[:, 0]
    spread = np.sqrt(np.asarray(smoothed.cov)[:, 0, 0])
    assert (np.abs(found - np.asarray(smoothed.mean)[:, 0]) < 0.5 * spread).all()
    assert np.corrcoef(found, smoothed.mean[:, 0])[0, 1] > 0.95


def test_failures_are_values(posterior):
    explosive = arrays() | {"linear": arrays()["linear"].at[:, :2].multiply(2.0)}
    value = lambda a: tuple(Joint().loglikelihood(pruned(a), gaps(), jnp.zeros(2 + 20)))
    for bad, status in (
        (explosive, Status.NO_STATIONARY_START),
        (arrays() | {"H": jnp.zeros((2, 2))}, Status.SINGULAR_OBSERVABLES),
    ):
        (number, found), gradient = jax.value_and_grad(value, has_aux=True)(bad)
        assert number == -np.inf and found == status
        assert all((g == 0).all() for g in jax.tree.leaves(gradient))


def test_refusals(posterior):
    with pytest.raises(
        ArgumentError, match="Joint reads the density of measurement errors, and ar1 has none"
    ):
        estim.build_posterior(ar1(), DATA, likelihood="joint")
    with pytest.raises(
        ArgumentError, match="density of parameters and shocks together: take build_posterior"
    ):
        estim.loglikelihood(NOISY, {}, DATA, likelihood="joint")
    with pytest.raises(ArgumentError, match="presample=8 must be less than the 8 periods"):
        estim.build_posterior(NOISY, DATA, likelihood=Joint(presample=8))
    points = posterior.evaluate_fn(posterior.start)
    with pytest.raises(ArgumentError, match="its position holds 9 shocks beside 2 parameters"):
        estim.fit_surrogate(posterior, jax.tree.map(lambda x: x[None], points), jax.random.key(0))
