"""Sparse partial derivatives are JAX's Jacobian, and have an entry only where there is one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf, erfc
from jax.scipy.stats import norm

from estim.numerics.reads import reads
from estim.solution.sparse_derivatives import differentiate, jacobian_on_host, sparse_jacobian

X = [0.3, -1.2, 2.0]


@pytest.mark.parametrize(
    "fn,pattern",
    [
        (lambda a, b, c: [a + b, c - a, -c, 3.0], ["ab", "ac", "c", ""]),
        (lambda a, b, c: [2 * a * b / c, a / 3, 1 / c], ["abc", "a", "c"]),
        (lambda a, b, c: [jnp.exp(a) * c**2.5, jnp.log(c), jnp.sqrt(c) ** 3, b**2], ["ac", "c", "c", "b"]),
        (
            lambda a, b, c: [jnp.where(a > b, a * c, b), jnp.maximum(a, b), jax.nn.softplus(a)],
            ["abc", "ab", "a"],
        ),
        (lambda a, b, c: [jnp.stack([a, b]) @ jnp.array([1.0, 2.0]), jnp.clip(a, 0, 1)], ["ab", "a"]),
        (lambda a, b, c: [jax.jit(lambda x: x * b + a)(c)], ["abc"]),
        (lambda a, b, c: [a + a - 2 * a + a * 0.0], ["a"]),
        (
            lambda a, b, c: [c**a, c**b * a, 1 / (b * c), jnp.abs(b) ** (1 / c), jnp.tanh(a)],
            ["ac", "abc", "bc", "bc", "a"],
        ),
        (
            lambda a, b, c: [norm.cdf(a), erf(b), erfc(c), jnp.where(c > a, b, 2.0)],
            ["a", "b", "c", "b"],
        ),
    ],
)
def test_is_the_jacobian(fn, pattern):
    @jax.jit
    def both(*x):
        return sparse_jacobian(fn, x), jax.jacfwd(
            lambda x: jnp.stack([jnp.asarray(y, float) for y in fn(*x)])
        )(jnp.stack(x))

    (values, partials), jacobian = both(*X)
    np.testing.assert_allclose(values, [float(y) for y in fn(*map(jnp.asarray, X))], rtol=1e-14)
    dense = np.array([[float(row.get(i, 0.0)) for i in range(3)] for row in partials])
    np.testing.assert_allclose(dense, jacobian, rtol=1e-13, atol=1e-15)
    assert ["".join("abc"[i] for i in sorted(row)) for row in partials] == pattern
    program = jax.make_jaxpr(lambda *x: [jnp.asarray(y, float) for y in fn(*x)])(*X)
    np.testing.assert_allclose(jacobian_on_host(program, X, range(3)), jacobian, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        jacobian_on_host(program, X, range(1, 3)), jacobian[:, 1:], rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize("power, x", [(2.5, 1.3), (0.0, 1.3), (0.0, 0.0), (-1.0, 0.5)])
def test_a_power_by_its_base(power, x):
    program = jax.make_jaxpr(lambda p, y: [y**p])(power, x)
    expected = jax.grad(lambda y: y**power)(x) if power else 0.0
    (row,) = jax.jit(lambda *at: differentiate(program, at, range(1, 2)))(power, x)
    assert row[0] == expected == jacobian_on_host(program, [power, x], range(1, 2))[0, 0]


def test_partials_that_are_constant_are_compiled_in():
    _, (row,) = sparse_jacobian(lambda a, b: [a - b], [1.0, 2.0])
    assert row == {0: 1.0, 1: -1.0} and all(isinstance(d, float) for d in row.values())


@pytest.mark.parametrize(
    "fn,operations",
    [
        (lambda p, x, y: [p * x + y, p * x - 3.0 * y], []),  # coefficients are there
        (lambda p, x, y: [(1 - p**2) * x, y - (1 - p**2) * x], ["integer_pow", "sub", "neg"]),  # once
        (lambda p, x, y: [x / (1 + p), (x - y) / (1 + p)], ["add", "div", "neg"]),
        (lambda p, x, y: [jax.jit(lambda z: (1 + p) * z)(x) + (1 + p) * y], ["add"]),
    ],
)
def test_operations_of_derivatives_are_few(fn, operations):
    program = jax.make_jaxpr(fn)(*X)
    derivatives = jax.make_jaxpr(lambda *x: differentiate(program, x, range(1, 3)))(*X)
    assert [e.primitive.name for e in derivatives.jaxpr.eqns] == operations


def test_reads_are_what_each_output_depends_on():
    def fn(a, b, c):
        return [
            a + 2.0,
            jnp.where(a > b, 1.0, c),
            jax.jit(lambda x, y: (x, y * b))(a, c)[0],
            jnp.stack([b, c]).sum(),
        ]

    assert reads(jax.make_jaxpr(fn)(*X)) == [{0}, {0, 1, 2}, {0}, {1, 2}]
