"""Searches for a steady state: what is found, what stays, derivatives, and many at once."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from estim.devices import device_mesh
from estim.solution.search_steady_state import linear_steady_state, numerical_steady_state


class P(NamedTuple):
    a: Any
    b: Any


class V(NamedTuple):
    x: Any
    y: Any


def growth(lag, now, lead, p):
    """x = (a x(-1))^b, y = x / lead x + x^2: x = a^(b / (1 - b))."""
    return {"x": now.x - (p.a * lag.x) ** p.b, "y": now.y - now.x / lead.x - now.x**2}


def closed(p):
    x = p.a ** (p.b / (1 - p.b))
    return jnp.array([x, 1 + x**2])


def found(p):
    return jnp.stack(numerical_steady_state(growth, V(1.0, 1.0), P(*p)))


AT = jnp.array([1.3, 0.4])


@pytest.mark.parametrize("transform", [lambda f: f, jax.jacfwd, jax.jacrev, jax.hessian])
def test_value_and_derivatives_of_first_and_second_order(transform):
    np.testing.assert_allclose(
        jax.jit(transform(found))(AT), transform(lambda p: closed(P(*p)))(AT), rtol=1e-9, atol=1e-10
    )


def test_many_at_once_on_one_device_and_on_two():
    points = AT[None, :] + 0.05 * jax.random.normal(jax.random.key(0), (4, 2))
    expected = np.stack([closed(P(*p)) for p in points])
    np.testing.assert_allclose(jax.jit(jax.vmap(found))(points), expected, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(lambda p: jax.lax.map(found, p))(points), expected, rtol=1e-12)
    both = jax.vmap(jax.value_and_grad(lambda p: found(p).sum()))
    mesh, rows = device_mesh(4, jax.devices()[:2]), PartitionSpec("device")
    shared = jax.jit(jax.shard_map(both, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False))
    for ours, right in zip(shared(points), jax.jit(both)(points), strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-12)


def test_where_there_is_none_the_levels_are_nan_and_the_derivative_zero():
    none = lambda p: jnp.stack(
        numerical_steady_state(
            lambda lag, now, lead, p: {"x": now.x**2 + p.a, "y": now.y}, V(1.0, 1.0), P(*p)
        )
    )
    levels, derivatives = jax.jit(lambda p: (none(p), jax.jacfwd(none)(p)))(AT)
    assert jnp.isnan(levels).all() and jnp.all(derivatives == 0)


STAYS = {  # residuals, guess, levels
    "0 = 0": (
        lambda lag, now, lead, p: {"x": now.x - lag.x, "y": now.y - p.a * now.x**2},
        V(2.0, 1.0),
        V(2.0, 1.3 * 4),
    ),
    "0 = 0 by a parameter": (
        lambda lag, now, lead, p: {"x": now.x - (p.a - 0.3) * lag.x, "y": now.y - now.x},
        V(2.0, 1.0),
        V(2.0, 2.0),
    ),
    "0 = 0 in small units": (
        lambda lag, now, lead, p: {"x": 1e-9 * (now.x / lag.x - 1), "y": 1e-9 * (now.y - now.x)},
        V(2.0, 1.0),
        V(2.0, 2.0),
    ),
    "two say the same": (
        lambda lag, now, lead, p: {"x": now.x - lag.y, "y": now.y - lag.x},
        V(2.0, 2.0),
        V(2.0, 2.0),
    ),
    "two say the same elsewhere": (
        lambda lag, now, lead, p: {"x": now.x - lag.y, "y": now.y - lag.x},
        V(1.0, 3.0),
        V(2.0, 2.0),
    ),
    "small terms say something": (
        lambda lag, now, lead, p: {"x": 1e-15 * now.x**-5 - 1e-15, "y": now.y - 3 * now.x},
        V(1.1, 3.0),
        V(1.0, 3.0),
    ),
}


@pytest.mark.parametrize("what", STAYS)
def test_what_nothing_determines_stays(what):
    residuals, guess, levels = STAYS[what]
    found = jax.jit(lambda p: numerical_steady_state(residuals, guess, P(*p)))(AT)
    np.testing.assert_allclose(found, levels, rtol=1e-9)


def test_a_linear_system_takes_one_step_and_its_derivatives_are_right():
    residuals = lambda lag, now, lead, p: {
        "x": now.x - p.b * lag.x - p.a,
        "y": now.y - now.x - (now.y - lag.y) - 1,
    }
    solve = lambda p: jnp.stack(linear_steady_state(residuals, V(5.0, 7.0), P(*p)))
    x = lambda p: p[0] / (1 - p[1])
    levels, second = jax.jit(lambda p: (solve(p), jax.hessian(lambda p: solve(p)[0])(p)))(AT)
    np.testing.assert_allclose(levels[0], x(AT), rtol=1e-12)
    np.testing.assert_allclose(second, jax.hessian(x)(AT), rtol=1e-10)
