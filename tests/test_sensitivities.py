"""Derivatives of any function, by the cheaper mode, by the other one where only that is there, and along directions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.arguments import ArgumentError
from estim.jacobians import cheaper_mode

AT = {"a": np.array([0.3, -0.2, 0.5]), "b": 2.0}


def many(x):
    return {"exp": jnp.exp(x["a"]) * x["b"], "sum": jnp.sum(x["a"]) ** 2}


def one(x):
    return jnp.sum(jnp.sin(x["a"]) * x["b"])


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_all_derivatives(mode):
    found = estim.sensitivities(many, AT, mode=mode)
    np.testing.assert_allclose(found["exp"]["a"], 2 * np.diag(np.exp(AT["a"])), rtol=1e-14)
    np.testing.assert_allclose(found["exp"]["b"], np.exp(AT["a"]), rtol=1e-14)
    np.testing.assert_allclose(found["sum"]["a"], np.full(3, 1.2), rtol=1e-14)
    assert found["sum"]["b"] == 0.0


def test_the_mode_follows_from_the_sizes():
    path = lambda x: jnp.cumsum(jnp.outer(x["a"], x["a"]).ravel())
    assert cheaper_mode(one, AT) == "reverse"
    assert cheaper_mode(path, AT) == "forward"
    assert cheaper_mode(jnp.sum, jnp.zeros(1_000_000)) == "reverse"


def test_a_function_with_derivatives_in_one_mode_only():
    @jax.custom_vjp
    def pulled(x):
        return jnp.stack([x, x * x])

    pulled.defvjp(lambda x: (pulled(x), x), lambda x, d: (d[0] + 2 * x * d[1],))
    np.testing.assert_allclose(estim.sensitivities(pulled, 3.0), [1.0, 6.0])

    def looped(x):
        return jax.lax.while_loop(lambda y: y[0] < 10.0, lambda y: 2 * y, x).sum()

    np.testing.assert_allclose(estim.sensitivities(looped, np.ones(3)), np.full(3, 16.0))
    with pytest.raises(ValueError, match="Reverse-mode"):
        estim.sensitivities(looped, np.ones(3), mode="reverse")


def test_along_directions():
    jacobian = estim.sensitivities(many, AT)
    step = {"a": np.array([1.0, 0.0, 2.0])}
    found = estim.sensitivities(many, AT, along=step)
    np.testing.assert_allclose(found["exp"], jacobian["exp"]["a"] @ step["a"], rtol=1e-14)
    both = estim.sensitivities(many, AT, along=[step, {"b": 1.0}])
    np.testing.assert_allclose(both["exp"], [found["exp"], jacobian["exp"]["b"]], rtol=1e-14)
    pair = estim.sensitivities(lambda x: x[0] * x[1], [2.0, 5.0], along=[1.0, 0.0])  # a direction, not two
    np.testing.assert_allclose(pair, 5.0)


def test_a_direction_that_is_none():
    with pytest.raises(ArgumentError, match="along gives 'c', which is not in the arguments"):
        estim.sensitivities(many, AT, along={"c": 1.0})
    with pytest.raises(ArgumentError, match="a direction must be like the arguments"):
        estim.sensitivities(many, AT, along={"a": np.ones(2)})
    with pytest.raises(ArgumentError, match="go forward"):
        estim.sensitivities(many, AT, along={"b": 1.0}, mode="reverse")
    with pytest.raises(ArgumentError, match="mode must be"):
        estim.sensitivities(many, AT, mode="backward")


def test_they_are_those_of_differences():
    assert estim.check_gradients(one, AT).error < 1e-9
