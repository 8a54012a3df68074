"""Doubling against the Kronecker solution, in value and in both modes of differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_derivatives

from estim.numerics import solve_discrete_lyapunov, solve_sylvester
from estim.status import Status

solve_sylvester = jax.jit(solve_sylvester)
solve_discrete_lyapunov = jax.jit(solve_discrete_lyapunov)


def stable(rng, n, radius=0.9):
    a = rng.normal(size=(n, n))
    return jnp.asarray(a * radius / np.abs(np.linalg.eigvals(a)).max())


def kronecker(left, right, constant):
    """vec X = (I - B' (x) A)^{-1} vec C, columns stacked."""
    system = np.eye(constant.size) - np.kron(np.asarray(right).T, left)
    return np.linalg.solve(system, np.asarray(constant).ravel("F")).reshape(constant.shape, order="F")


@pytest.mark.parametrize("radii", [(0.9, 0.9), (0.999, 0.99), (3.0, 0.3), (0.0, 2.0)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (6, 2)])
def test_sylvester_is_kronecker(shape, radii):
    rng = np.random.default_rng(0)
    left, right = stable(rng, shape[0], radii[0]), stable(rng, shape[1], radii[1])
    constant = jnp.asarray(rng.normal(size=shape))
    x, status = solve_sylvester(left, right, constant)
    assert status == Status.OK
    np.testing.assert_allclose(x, kronecker(left, right, constant), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("radius", [0.0, 0.5, 0.98, 0.9999])
def test_lyapunov_is_kronecker(radius):
    rng = np.random.default_rng(1)
    a = stable(rng, 5, radius)
    q = jnp.asarray(np.cov(rng.normal(size=(5, 20))))
    x, status = solve_discrete_lyapunov(a, q)
    assert status == Status.OK
    np.testing.assert_allclose(x, kronecker(a, a.T, q), rtol=1e-9)
    np.testing.assert_allclose(x, x.T, rtol=1e-12)


def test_derivatives():
    rng = np.random.default_rng(2)
    left, right, q = stable(rng, 3), stable(rng, 2), jnp.asarray(rng.normal(size=(3, 2)))
    assert_derivatives(lambda *a: solve_sylvester(*a)[0], left, right, q)
    assert_derivatives(lambda a, c: solve_discrete_lyapunov(a, c @ c.T)[0], left, q)


@pytest.mark.parametrize("culprit", [1.0, 1.5, np.nan, np.inf])
def test_divergence_gives_zeros_and_a_status(culprit):
    a, q = jnp.diag(jnp.array([0.5, culprit])), jnp.eye(2)
    for fn in (lambda a, q: solve_sylvester(a, a.T, q), solve_discrete_lyapunov):
        x, status = fn(a, q)
        assert status == Status.NOT_CONVERGED
        assert not x.any()
        gradients = jax.jit(jax.grad(lambda a, q, fn=fn: fn(a, q)[0].sum(), argnums=(0, 1)))(a, q)
        assert all(jnp.isfinite(g).all() for g in gradients)


def test_batch_is_loop():
    rng = np.random.default_rng(3)
    a = jnp.stack([stable(rng, 3, r) for r in (0.2, 0.99, 1.5)])
    x, status = jax.jit(jax.vmap(solve_discrete_lyapunov, in_axes=(0, None)))(a, jnp.eye(3))
    np.testing.assert_allclose(x, [solve_discrete_lyapunov(one, jnp.eye(3))[0] for one in a], rtol=1e-12)
    assert status.tolist() == [Status.OK, Status.OK, Status.NOT_CONVERGED]
