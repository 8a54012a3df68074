"""What becomes of evaluations before they are learnt from."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.evaluations import Evaluations
from estim.surrogate.dataset import build_training_set, density_weights, select_points
from estim.surrogate.recipe import RECIPES, get_recipe
from estim.surrogate.scaling import base_loglikelihood
from estim.surrogate.tails import FLATTEST, fit_quadratic, quadratic_features


def cubic(x):
    """A concave quadratic and a smooth rest."""
    return -250.0 + x[0] - 2.0 * jnp.sum(x**2) + 0.3 * jnp.sin(x[0]) * x[1] + 0.1 * x[2] ** 3


@partial(jax.jit, static_argnums=(0, 1))
def evaluate_cubic(num, gradient=True):
    x = jax.random.normal(jax.random.key(3), (num, 3)) * jnp.array([1.0, 5.0, 0.1])[None, :]
    slope = jax.vmap(jax.grad(cubic))(x) if gradient else None
    return Evaluations(x, jax.vmap(cubic)(x), jnp.zeros(num), jnp.zeros(num, int), slope)


def test_points_are_selected_and_counted():
    evaluations = evaluate_cubic(100)
    evaluations = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:20]]), evaluations)  # 20 duplicates
    evaluations = evaluations._replace(loglikelihood=evaluations.loglikelihood.at[20:30].set(-jnp.inf))
    grid = jax.tree.map(lambda leaf: leaf.reshape(2, 60, *leaf.shape[1:]), evaluations)
    for given in (evaluations, grid):
        points, counts = select_points(given, 0.2)
        assert counts == {
            "evaluations": 120,
            "not_finite": 10,
            "duplicates": 20,
            "low_density": 18,
            "kept": 72,
        }
        assert len(points.position) == 72
        finite = np.unique(np.asarray(evaluations.logdensity)[np.isfinite(evaluations.logdensity)])
        np.testing.assert_allclose(np.sort(points.logdensity), np.sort(finite)[18:])


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="needs at least 40 distinct finite points, but only 30 of 30"):
        select_points(evaluate_cubic(30), 0.0)


def test_unknown_recipe_is_refused_by_name():
    with pytest.raises(
        ValueError, match=r"unknown recipe 'fast'; the recipes are \['estim', 'paper', 'single'\]"
    ):
        get_recipe("fast")


def test_weights_fall_below_the_bulk_and_average_one():
    logdensity = np.array([0.0, -2.0, -30.0, -300.0])
    weight = density_weights(logdensity, 4, 3.0)
    assert weight.mean() == pytest.approx(1)
    assert weight[0] == weight[1] > 10 * weight[2] > 100 * weight[3] > 0
    np.testing.assert_array_equal(density_weights(logdensity, 4, None), 1)


def test_quadratic_is_recovered_and_falls_in_every_direction():
    z = np.random.default_rng(0).normal(size=(500, 2))
    values = 3.0 + z @ [1.0, -2.0] - 0.5 * (2.0 * z[:, 0] ** 2 + z[:, 1] ** 2 + z[:, 0] * z[:, 1])
    intercept, slope, curvature = fit_quadratic(quadratic_features(z), values, np.ones(500))
    np.testing.assert_allclose(curvature, [[-2.0, -0.5], [-0.5, -1.0]], atol=1e-4)
    np.testing.assert_allclose([intercept, *slope], [3.0, 1.0, -2.0], atol=1e-4)
    _, _, curvature = fit_quadratic(quadratic_features(z), values + 2 * z[:, 1] ** 2, np.ones(500))
    assert np.linalg.eigvalsh(curvature).max() == pytest.approx(-FLATTEST)


@pytest.mark.parametrize("name", ["estim", "paper"])
def test_training_set_is_the_loglikelihood_in_other_units(name):
    points, _ = select_points(evaluate_cubic(400), 0.2)
    scaling, data = build_training_set(points, RECIPES[name])
    z = jnp.asarray(data.z, float)
    np.testing.assert_allclose(scaling.center[None, :] + z @ scaling.scale.T, points.position, atol=1e-5)
    base = scaling.intercept + base_loglikelihood(scaling, z)
    np.testing.assert_allclose(base + scaling.output_scale * data.target, points.loglikelihood, atol=1e-3)
    assert np.average(np.square(data.target), weights=data.weight) == pytest.approx(1, rel=1e-5)
    if name == "estim":
        np.testing.assert_allclose(np.cov(z.T, aweights=data.weight), np.eye(3), atol=1e-5)
    else:
        np.testing.assert_allclose(np.var(z, axis=0, ddof=1), 1, atol=1e-5)


def test_gradients_are_those_of_the_target():
    evaluations = evaluate_cubic(400)
    evaluations = evaluations._replace(gradient=evaluations.gradient.at[::7].set(jnp.nan))
    points, _ = select_points(evaluations, 0.0)
    scaling, data = build_training_set(points, RECIPES["estim"])

    def target(z):
        base = scaling.intercept + base_loglikelihood(scaling, z)
        return (cubic(scaling.center + scaling.scale @ z) - base) / scaling.output_scale

    known = np.arange(400) % 7 != 0
    expected = jax.vmap(jax.grad(target))(jnp.asarray(data.z, float))
    np.testing.assert_allclose(data.gradient[known], expected[known], atol=1e-4)
    np.testing.assert_array_equal(data.gradient_weight, np.where(known, data.weight, 0))


@pytest.mark.parametrize("recipe", ["estim", "paper"])
def test_a_constant_loglikelihood_is_learnt_as_one(recipe):
    points, _ = select_points(evaluate_cubic(400)._replace(loglikelihood=np.full(400, -7.0)), 0.0)
    scaling, data = build_training_set(points, RECIPES[recipe])
    assert scaling.output_scale > 0 and np.isfinite(data.target).all()
    assert np.abs(np.asarray(data.target * scaling.output_scale)).max() < (10 if recipe == "estim" else 1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.at[:, 1].set(2.0), r"nothing can be learnt of parameters \[1\]: they are the same"),
        (lambda x: x.at[:, 2].set(3 * x[:, 0] - x[:, 1]), "some parameters depend on others linearly"),
    ],
    ids=["still", "collinear"],
)
def test_points_that_do_not_span_the_space_are_refused(change, words):
    evaluations = evaluate_cubic(400)
    evaluations = evaluations._replace(position=change(evaluations.position))
    points, _ = select_points(evaluations, 0.0)
    with pytest.raises(ValueError, match=words):
        build_training_set(points, RECIPES["estim"])


@pytest.mark.parametrize("value", [-np.inf, np.inf, np.nan])
def test_points_without_a_loglikelihood_teach_nothing(value):
    evaluations = evaluate_cubic(400)
    evaluations = evaluations._replace(loglikelihood=np.full(400, value))
    with pytest.raises(ValueError, match="only 0 of 400 evaluations are left"):
        select_points(evaluations, 0.2)
