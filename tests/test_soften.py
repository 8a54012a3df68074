"""Relaxed decisions: each comes to its hard limit as the temperature falls, and a gradient passes through it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from estim import soften
from estim.arguments import ArgumentError

X = np.array([-2.0, -0.3, 0.0, 0.4, 3.0])
Y = np.array([1.0, -1.0, 0.5, 0.2, 2.0])

RELAXED = {  # each with the decision that it relaxes
    "threshold": (soften.threshold, lambda x: (x > 0) * 1.0, X != 0),
    "switch": (lambda x, k: soften.switch(x, 2 + x, -x, k), lambda x: np.where(x > 0, 2 + x, -x), X != 0),
    "positive_part": (soften.positive_part, lambda x: np.maximum(x, 0), X == X),
    "maximum": (lambda x, k: soften.maximum(x, Y, k), lambda x: np.maximum(x, Y), X == X),
    "minimum": (lambda x, k: soften.minimum(x, Y, k), lambda x: np.minimum(x, Y), X == X),
    "choose": (
        lambda x, k: soften.choose(x, 0.1 * Y, k),
        lambda x: np.eye(5)[np.argmax(x + 0.1 * Y)],
        X == X,
    ),
}


@pytest.mark.parametrize("relaxed, hard, smooth", RELAXED.values(), ids=RELAXED)
def test_the_hard_limit(relaxed, hard, smooth):
    errors = [np.abs(relaxed(X, k) - hard(X))[smooth].max() for k in (3.0, 30.0, 300.0)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 3e-3
    np.testing.assert_allclose(relaxed(X, np.inf), hard(X), atol=1e-15)


@pytest.mark.parametrize("relaxed", [r[0] for r in RELAXED.values()], ids=RELAXED)
def test_derivatives(relaxed):
    weighted = lambda x, k: jnp.sum(jnp.arange(1.0, 6.0) * relaxed(x, k))
    gradient = jax.grad(weighted)(X, 3.0)
    step = 1e-6
    for i, unit in enumerate(np.eye(5)):
        slope = (weighted(X + step * unit, 3.0) - weighted(X - step * unit, 3.0)) / (2 * step)
        np.testing.assert_allclose(gradient[i], slope, rtol=1e-6, atol=1e-8)
    for k in (1e4, np.inf):
        assert np.isfinite(jax.grad(weighted)(X, k)).all()


def test_a_gumbel_choice_is_a_draw_of_the_logit():
    values = np.array([0.0, 1.0, -0.5])
    draws = jax.random.gumbel(jax.random.key(0), (40_000, 3))
    chosen = soften.choose(values, draws, np.inf).mean(axis=0)
    expected = softmax(values)
    error = np.sqrt(expected * (1 - expected) / len(draws))
    assert (np.abs(chosen - expected) < 4 * error).all()


def test_straight_through_has_the_choice_and_the_derivative_of_its_shares():
    value, slope = np.array([1.0, 3.0, 2.0]), np.array([1.0, -2.0, 0.5])
    of = lambda through: lambda v: soften.choose(v, 0.0, 2.0, straight_through=through) @ slope
    np.testing.assert_array_equal(soften.choose(value, 0.0, 2.0, straight_through=True), [0.0, 1.0, 0.0])
    assert of(True)(value) == -2.0
    np.testing.assert_allclose(jax.grad(of(True))(value), jax.grad(of(False))(value), rtol=1e-14)


def test_anneal():
    np.testing.assert_allclose(soften.anneal(1.0, 100.0, 3), [1.0, 10.0, 100.0])
    np.testing.assert_allclose(soften.anneal(1.0, 100.0, 3, schedule="linear"), [1.0, 50.5, 100.0])
    with pytest.raises(ArgumentError, match="inverse temperatures rise"):
        soften.anneal(10.0, 1.0, 3)
