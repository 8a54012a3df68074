"""Gaussian filters and the quadratic Kalman filter: Kalman on linear models, textbook versions, gradients, failures."""

import itertools
from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bounded import bounded
from jax.flatten_util import ravel_pytree
from linear_gaussian import random_observations, random_state_space
from pruned_solutions import arrays, gaps, pruned
from scipy.stats import multivariate_normal

import estim
from estim.arguments import ArgumentError
from estim.likelihood.nonlinear.gaussian import GaussianFilter
from estim.likelihood.nonlinear.quadratic import QuadraticKalman
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.representations.augmented import augmented, news_products
from estim.representations.linear import StateSpace
from estim.status import Status

RULES = ("extended", "unscented", "central_difference")
FILTERS = {rule: GaussianFilter(rule=rule, presample=1) for rule in RULES} | {
    "quadratic": QuadraticKalman(presample=1)
}


@cache
def program(name):
    """The value, the status and the gradient in every number, by one program for all tests."""
    return jax.jit(
        jax.value_and_grad(lambda a, y: tuple(FILTERS[name].loglikelihood(pruned(a), y)), has_aux=True)
    )


def test_a_linear_model_is_filtered_as_by_kalman():
    space = random_state_space(0)._replace(obs_trend=jnp.array([0.05, -0.1]))
    expected = kalman_loglikelihood(space, gaps(), presample=1)
    found = GaussianFilter(presample=1).loglikelihood(space, gaps()).value
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", FILTERS)
def test_to_first_order_all_target_the_likelihood_of_kalman(name):
    """Without measurement errors too: what is filtered is known exactly then, and rounding is all that is left of its
    variance. To second order each is an approximation of its own, and their posteriors differ."""
    y = jnp.asarray(random_observations(0))
    for errors in (0.0, 1.0):
        a = arrays() | {"H": errors * arrays()["H"]}
        Z, A = a["seen"], a["linear"]
        linear = StateSpace(  # of the state (x, y)
            jnp.pad(jnp.concatenate([A[:, :2], Z[:, :2]]), ((0, 0), (0, 2))),
            jnp.concatenate([A[:, 2:], Z[:, 2:]]),
            a["Q"],
            jnp.eye(2, 4, 2),
            a["level"],
            a["H"],
            jnp.asarray(0),
        )
        found = FILTERS[name].loglikelihood(pruned(a, order=1), y)
        np.testing.assert_allclose(found.value, kalman_loglikelihood(linear, y, presample=1), rtol=1e-8)


def moments_by_rule(rule, move, mean, cov):
    """Mean and covariance of move(x), the textbook way: point by point."""
    d = len(mean)
    if rule == "extended":
        J = np.stack([(move(mean + h) - move(mean - h)) / 2e-5 for h in 1e-5 * np.eye(d)], axis=1)
        return move(mean), J @ cov @ J.T
    S, h = np.linalg.cholesky(cov), np.sqrt(d) if rule == "unscented" else np.sqrt(3.0)
    up, down = ([move(mean + sign * h * S[:, i]) for i in range(d)] for sign in (1, -1))
    if rule == "unscented":
        average = sum(up + down) / (2 * d)
        return average, sum(np.outer(v - average, v - average) for v in up + down) / (2 * d)
    average = (h**2 - d) / h**2 * move(mean) + sum(up + down) / (2 * h**2)
    pairs = list(zip(up, down, strict=True))
    first = sum(np.outer(a - b, a - b) for a, b in pairs) / (4 * h**2)
    second = [a + b - 2 * move(mean) for a, b in pairs]
    return average, first + (h**2 - 1) / (4 * h**4) * sum(np.outer(b, b) for b in second)


def conditional(mean, cov, y, H):
    """The state given the numbers seen of y, which stand behind it, and their log-density."""
    n, seen = len(mean) - len(y), ~np.isnan(y)
    at = n + np.flatnonzero(seen)
    F = cov[np.ix_(at, at)] + H[np.ix_(seen, seen)]
    gain = np.linalg.solve(F, cov[at, :n]).T if seen.any() else np.zeros((n, 0))
    density = multivariate_normal.logpdf(y[seen], mean[at], F) if seen.any() else 0.0
    return mean[:n] + gain @ (y[seen] - mean[at]), cov[:n, :n] - gain @ cov[at, :n], density


@pytest.mark.parametrize("rule", RULES)
def test_a_textbook_version(rule):
    solution, y = pruned(arrays()), np.asarray(gaps())
    Q, H, n = np.asarray(solution.shock_cov), np.asarray(solution.obs_cov), 4
    step = jax.jit(
        lambda v: (lambda s: jnp.concatenate([*s.parts, s.observed]))(
            solution.step(solution.from_vector(v[:n]), v[n:])
        )
    )
    move = lambda v: np.asarray(step(v))
    mean, root = (np.asarray(x) for x in solution.beginning)
    cov, total = root @ root.T, 0.0
    for t, row in enumerate(y):
        joint = np.block([[cov, np.zeros((n, 2))], [np.zeros((2, n)), Q]])
        if t == 0:  # the second-order part is known: leave it out of the points
            free = np.array([0, 1, 4, 5])
            centre = np.concatenate([mean, np.zeros(2)])

            def moved(v, free=free, centre=centre):
                full = centre.copy()
                full[free] = v
                return move(full)

            forecast = moments_by_rule(rule, moved, centre[free], joint[np.ix_(free, free)])
        else:
            forecast = moments_by_rule(rule, move, np.concatenate([mean, np.zeros(2)]), joint)
        mean, cov, density = conditional(*forecast, row, H)
        total += density if t >= 1 else 0.0
    value = FILTERS[rule].loglikelihood(solution, gaps()).value
    np.testing.assert_allclose(value, total, rtol=1e-6)


def products(x, e):
    """The shocks, and their distinct products with the states and among themselves."""
    v = np.concatenate([x, e])
    a, b = news_products(len(x), len(e))
    return np.concatenate([e, v[a] * v[b]])


def test_the_law_of_states_and_products_is_that_of_the_solution_and_its_news_have_these_moments():
    """By a quadrature that is exact for polynomials of fourth degree."""
    solution, rng = pruned(arrays(1)), np.random.default_rng(0)
    law, e = augmented(solution), rng.normal(size=2)
    x1, x2 = rng.normal(size=2), rng.normal(size=2)
    square = lambda x: np.array([x[0] * x[0], x[0] * x[1], x[1] * x[1]])
    z = np.concatenate([x1, x2, square(x1)])
    Q = np.asarray(solution.shock_cov)
    news = products(x1, e)
    a, b = news_products(2, 2)
    news[2:] -= np.where(a >= 2, Q[a - 2, b - 2], 0.0)
    after = solution.step(solution.from_vector(jnp.asarray(z[:4])), jnp.asarray(e))
    first, second = after.parts
    expected = np.concatenate([first, second, square(first)])
    np.testing.assert_allclose(law.constant + law.transition @ z + law.selection @ news, expected, rtol=1e-10)
    observed = law.level + law.measured @ z + law.measured_news @ news
    np.testing.assert_allclose(observed, after.observed, rtol=1e-10)

    mean, cov = rng.normal(size=2), np.array([[0.5, 0.2], [0.2, 0.3]])
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    weights = weights / weights.sum()
    root = np.linalg.cholesky(np.block([[cov, np.zeros((2, 2))], [np.zeros((2, 2)), Q]]))
    draws, shares = [], []
    for at in itertools.product(range(4), repeat=4):
        v = root @ nodes[list(at)]
        draws.append(products(mean + v[:2], v[2:]))
        shares.append(weights[list(at)].prod())
    draws, shares = np.array(draws), np.array(shares)
    centred = draws - shares @ draws
    found = law.news_cov(jnp.asarray(mean), jnp.asarray(np.outer(mean, mean) + cov))
    np.testing.assert_allclose(found, (centred * shares[:, None]).T @ centred, atol=1e-10)


def test_the_quadratic_filter_is_kalmans_with_news_of_these_moments():
    solution, y = pruned(arrays()), np.asarray(gaps())
    law, H = augmented(solution), np.asarray(solution.obs_cov)
    A, B = np.concatenate([law.transition, law.measured]), np.concatenate([law.selection, law.measured_news])
    constant = np.concatenate([law.constant, law.level])
    begin, root = (np.asarray(x) for x in solution.beginning)
    P = root[:2] @ root[:2].T
    i, j = np.array([0, 0, 1]), np.array([0, 1, 1])
    mean, cov = np.concatenate([begin, P[i, j]]), np.zeros((7, 7))
    cov[:2, :2] = P
    cov[4:, 4:] = P[np.ix_(i, i)] * P[np.ix_(j, j)] + P[np.ix_(i, j)] * P[np.ix_(j, i)]
    total = 0.0
    for t, row in enumerate(y):
        x = mean[:2]
        news = np.asarray(law.news_cov(jnp.asarray(x), jnp.asarray(np.outer(x, x) + cov[:2, :2])))
        mean, cov, density = conditional(constant + A @ mean, A @ cov @ A.T + B @ news @ B.T, row, H)
        total += density if t >= 1 else 0.0
    np.testing.assert_allclose(FILTERS["quadratic"].loglikelihood(solution, y).value, total, rtol=1e-9)


@pytest.mark.parametrize("name", ["central_difference", "quadratic"])
def test_gradients_in_every_number_and_failures_as_values(name):
    flat, unravel = ravel_pytree(arrays())
    (value, status), gradient = program(name)(arrays(), gaps())
    assert np.isfinite(value) and status == Status.OK
    at = lambda x: program(name)(unravel(x), gaps())[0][0]
    differences = [(at(flat + h) - at(flat - h)) / 2e-5 for h in 1e-5 * np.eye(len(flat))]
    gradient = ravel_pytree(gradient)[0]
    np.testing.assert_allclose(gradient, differences, atol=1e-6 * np.abs(gradient).max())

    explosive = arrays() | {"linear": arrays()["linear"].at[:, :2].multiply(2.0)}
    for bad, expected in (
        (explosive, Status.NO_STATIONARY_START),
        (arrays() | {"H": jnp.full((2, 2), jnp.nan)}, Status.NOT_FINITE),
    ):
        (number, status), gradient = program(name)(bad, gaps())
        assert number == -np.inf and status == expected
        assert all((g == 0).all() for g in jax.tree.leaves(gradient))


def test_refusals():
    with pytest.raises(ArgumentError, match=r"likelihood.rule must be"):
        GaussianFilter(rule="third")
    second = pruned(arrays())
    third = replace(second, variables=second.variables._replace(cubic=jnp.zeros((2, 4, 4, 4))))
    with pytest.raises(ArgumentError, match="reads a perturbation of order 1 or 2"):
        QuadraticKalman().loglikelihood(third, gaps())
    piecewise = estim.OccasionallyBinding(horizon=12).solve(bounded, bounded.params())
    with pytest.raises(
        ArgumentError, match="the state is no normal vector: take likelihood='piecewise_kalman'"
    ):
        GaussianFilter().loglikelihood(piecewise, jnp.zeros((3, 2)))
