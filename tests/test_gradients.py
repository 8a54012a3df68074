"""The check of derivatives: it passes what is right, and names what is wrong in either order."""

import jax
import jax.numpy as jnp
import numpy as np

from estim.gradients import check_gradients


def smooth(p):
    return jnp.sum(jnp.exp(p["a"]) * p["b"][0]) + jnp.sin(p["b"][1] * p["a"][1])


POINT = {"a": np.array([0.3, -0.2]), "b": [2.0, 0.5]}


def test_right_derivatives_pass():
    found = check_gradients(smooth, POINT)
    assert found.names == ("a.0", "a.1", "b.0", "b.1")
    exact = np.array(
        [
            2.0 * np.exp(0.3),
            2.0 * np.exp(-0.2) + 0.5 * np.cos(-0.1),
            np.exp(0.3) + np.exp(-0.2),
            -0.2 * np.cos(-0.1),
        ]
    )
    np.testing.assert_allclose(found.gradient, exact * np.abs([0.3, -0.2, 2.0, 0.5]), rtol=1e-12)
    assert found.error < 1e-10
    assert found.product_error < 1e-10


def test_a_wrong_gradient_is_seen_at_its_entry():
    @jax.custom_jvp
    def square(x):
        return x * x

    square.defjvp(lambda x, d: (square(*x), 2.1 * x[0] * d[0]))
    found = check_gradients(lambda p: square(p["x"]) + p["y"], {"x": 3.0, "y": 1.0})
    wrong = np.abs(found.gradient - found.differences) > 1e-6
    assert dict(zip(found.names, wrong, strict=True)) == {"x": True, "y": False}
    assert found.error > 0.01


def test_a_right_gradient_with_a_wrong_second_derivative_is_seen():
    square = lambda x: (
        jax.lax.stop_gradient(2 * x) * x - jax.lax.stop_gradient(x * x)
    )  # x^2, slope 2 x, then zero
    found = check_gradients(lambda p: square(p["x"]), {"x": 3.0})
    assert found.error < 1e-8
    assert found.product_error > 0.5


def test_scales_are_the_user_s():
    found = check_gradients(lambda p: p["x"] ** 2, {"x": 3.0}, scales={"x": 0.5})
    np.testing.assert_allclose(found.gradient, [3.0], rtol=1e-12)
    np.testing.assert_allclose(found.differences, [3.0], rtol=1e-9)


def test_a_jump_in_one_of_three_pieces_does_not_matter():
    jumps = lambda p: p["x"] ** 3 + jnp.where(p["x"] > 3.0 + 1e-7, 1.0, 0.0)
    assert check_gradients(jumps, {"x": 3.0}, step=1e-7).error > 1
    assert (
        check_gradients(jumps, {"x": 3.0}, step=1e-7, pieces=3).error < 1e-5
    )  # the slope, half a stretch away
