"""Far out: the tail is the one that the points have, and the border lies where solutions end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_surrogate import gaussian_posterior, gaussian_surrogate, make_posterior
from scipy.optimize import check_grad

from estim.surrogate.border import SIDES, _loss, fit_border, no_border
from estim.surrogate.correct import surrogate_logdensity
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import fit_surrogate
from estim.surrogate.recipe import Recipe
from estim.surrogate.sample import propose
from estim.surrogate.scaling import base_loglikelihood, fall, log_solvable
from estim.surrogate.tails import fit_hill, fit_tail, quadratic_features

SHAPES = {
    "Gaussian": lambda q: -0.5 * q,
    "exponential": lambda q: -4.0 * np.sqrt(1 + q),
    "Student's t3": lambda q: -0.5 * (3 + 3) * np.log1p(q / 3),
    "Student's t6": lambda q: -0.5 * (6 + 3) * np.log1p(q / 6),
}
MIX = np.array([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.2, 0.7]])


def points_of(shape, rng=0, num=2000):
    z = np.random.default_rng(rng).standard_t(4, size=(num, 3))
    return z, SHAPES[shape](np.sum((z @ MIX) ** 2, axis=1)) + 7.0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_points_choose_the_tail(shape):
    z, values = points_of(shape)
    hill = fit_hill(z, values, np.ones(len(z)))
    expected = {"Gaussian": 1.0, "exponential": 0.5}.get(shape, 0.0)
    assert hill.power == expected
    if expected == 0:
        freedom = 2 * hill.bend - 3
        assert freedom == pytest.approx(float(shape[-1]), rel=0.25)
    far, there = points_of(shape, rng=1)
    beyond = np.sum(far**2, axis=1) > np.quantile(np.sum(z**2, axis=1), 0.99)
    assert np.abs(hill(far) - there)[beyond].max() < 0.05 * np.ptp(there)
    gaussian = fit_tail(quadratic_features(z), values, np.ones(len(z)), 1.0, 1.0)
    if expected < 1:
        wrong = [np.abs(h(far) - there)[beyond].max() for h in (gaussian, hill)]
        assert wrong[1] < 0.2 * wrong[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_of_the_hill(shape):
    z, values = points_of(shape)
    hill = fit_hill(z, values, np.ones(len(z)))

    def value(one):
        quadratic = hill.intercept + one @ hill.slope + 0.5 * one @ hill.curvature @ one
        return hill.top - fall(hill.top - quadratic, hill.power, hill.bend)

    expected = jax.vmap(jax.grad(value))(jnp.asarray(z[:50]))
    np.testing.assert_allclose(hill.gradient(z[:50]), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("power", [1.0, 0.5, 1e-9, 0.0])
def test_the_fall_begins_like_the_quadratic_and_never_rises(power):
    depth = jnp.linspace(0, 1e4, 10_001)
    fallen = np.asarray(fall(depth, power, 5.0))
    assert fallen[0] == 0 and np.all(np.diff(fallen) > 0) and np.all(fallen <= np.asarray(depth) + 1e-9)
    assert jax.grad(fall)(1e-9, power, 5.0) == pytest.approx(1.0)
    if power == 1e-9:
        np.testing.assert_allclose(fallen, fall(depth, 0.0, 5.0), rtol=1e-6)


BORDERS = {
    "a plane": lambda z: z[:, 0] + 0.5 * z[:, 1] < 1.0,
    "a corner": lambda z: (z[:, 0] < 0.7) & (z[:, 1] > -0.7),
    "a conic": lambda z: z[:, 0] < 0.5 + 0.4 * z[:, 1] ** 2,
}


@pytest.mark.parametrize("kind", BORDERS)
def test_the_border_lies_where_solutions_end(kind):
    z = np.random.default_rng(0).normal(size=(3000, 3)) * 1.3
    inside = BORDERS[kind](z)
    border = fit_border(z[inside], z[~inside])
    scaling = gaussian_surrogate(gaussian_posterior(3), np.zeros(3), np.eye(3)).scaling
    names = ("border_offset", "border_normal", "border_curvature")
    scaling = scaling._replace(**dict(zip(names, map(jnp.asarray, border), strict=True)))
    fresh = np.random.default_rng(1).normal(size=(4000, 3))
    log_p, there = np.asarray(log_solvable(scaling, jnp.asarray(fresh))), BORDERS[kind](fresh)
    assert np.mean((log_p > np.log(0.5)) == there) > 0.98
    assert np.mean(np.exp(log_p[there])) > 0.9 and np.mean(np.exp(log_p[~there])) < 0.1
    assert log_p[there].min() > -8  # no point with a solution weighs without bound
    assert np.isfinite(log_p).all()
    plain = scaling._replace(**dict(zip(names, map(jnp.asarray, no_border(3)), strict=True)))
    np.testing.assert_allclose(log_solvable(plain, jnp.asarray(fresh)), 0, atol=1e-15)


def test_a_border_is_learnt_from_a_share_of_many_points():
    rng = np.random.default_rng(1)
    z = 1.5 * rng.normal(size=(20_000, 2))
    inside = z[:, 0] + 0.3 * z[:, 1] ** 2 < 2
    border = fit_border(z[inside], z[~inside])
    fresh = rng.normal(size=(20_000, 2))
    assert np.mean((border.chance(fresh) > 0.5) != (fresh[:, 0] + 0.3 * fresh[:, 1] ** 2 < 2)) < 2e-3


def test_gradient_of_the_borders_likelihood():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 3))
    known, features, weight = z[:, 0] < 0.3, quadratic_features(z), rng.uniform(size=200)
    start = rng.normal(size=SIDES * 4 + 6)
    given = (features, known, weight, (0.1, 0.3))
    value, gradient = (
        (lambda i: lambda x: _loss(x, *given)[i])(0),
        (lambda i: lambda x: _loss(x, *given)[i])(1),
    )
    assert check_grad(value, gradient, start) < 1e-4 * np.linalg.norm(gradient(start))


QUICK = Recipe(max_steps=300, hidden=(32, 32), num_members=1)


def test_weights_stay_bounded_on_students_t_and_at_a_cliff():
    """Exact draws of t3, cut off at 1 of the first: in the tails, and at the edge, p / p_hat stays near one."""
    nu, dim = 3.0, 3
    posterior = make_posterior(
        lambda x: jnp.where(x[0] < 1, -0.5 * (nu + dim) * jnp.log1p(jnp.sum(x**2) / nu), -jnp.inf), dim, 1e6
    )
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(8000, dim)) / np.sqrt(rng.chisquare(nu, size=(8000, 1)) / nu)
    draws = draws[draws[:, 0] < 1]
    taught, fresh = draws[:2000], draws[2000:5000]
    points = np.concatenate([taught, propose(jax.random.key(0), taught)])
    evaluations = evaluate_posterior(posterior, points)
    surrogate = fit_surrogate(posterior, evaluations, jax.random.key(1), recipe=QUICK)
    assert surrogate.scaling.power == 0
    log_ratio = np.asarray(evaluate_posterior(posterior, fresh).logdensity) - surrogate_logdensity(
        surrogate, fresh
    )
    log_ratio -= np.median(log_ratio)
    assert np.quantile(log_ratio, 0.999) < 4 and np.mean(np.abs(log_ratio)) < 0.3
    beyond = rng.normal(size=(500, dim)) * 0.5 + np.array([4.0, 0, 0])
    mirrored = beyond * np.array([-1.0, 1, 1])
    lower = surrogate_logdensity(surrogate, beyond) - surrogate_logdensity(surrogate, mirrored)
    assert np.median(lower) < -3  # where there is no solution the density falls
    far = 1e3 * rng.normal(size=(100, dim)) @ np.asarray(surrogate.scaling.scale).T
    assert np.all(surrogate_logdensity(surrogate, 2 * far) < surrogate_logdensity(surrogate, far))


def test_the_base_is_the_same_in_float32():
    z, values = points_of("Student's t3")
    posterior = gaussian_posterior(3)
    scaling = gaussian_surrogate(posterior, np.zeros(3), np.eye(3)).scaling
    hill = fit_hill(z, values, np.ones(len(z)))
    scaling = scaling._replace(**{k: jnp.asarray(v) for k, v in hill._asdict().items()})
    single = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), scaling)
    np.testing.assert_allclose(
        base_loglikelihood(single, jnp.asarray(z, jnp.float32)),
        base_loglikelihood(scaling, jnp.asarray(z)),
        rtol=1e-4,
        atol=1e-4,
    )
