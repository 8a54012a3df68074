"""The doubling against a generalised Schur decomposition: the solution, and why there is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_derivatives
from scipy.linalg import ordqz

from estim.numerics import solve_expectations
from estim.status import Status

solve_expectations = jax.jit(solve_expectations)  # type: ignore[assignment]
_jacobians = jax.jit(jax.jacrev(lambda *a: solve_expectations(*a)[0], argnums=(0, 1, 2, 3)))


def schur(e, h, g, f, unit=1 + 1e-6):
    """V from the stable invariant subspace of [I -H; 0 F] z_{t+1} = [E 0; -G I] z_t, z = (m, w)."""
    n, m = h.shape
    lead = np.block([[np.eye(n), -h], [np.zeros((m, n)), f]])
    now = np.block([[e, np.zeros((n, m))], [-g, np.eye(m)]])
    stable = lambda alpha, beta: np.abs(alpha) < unit * np.abs(beta)
    *_, alpha, beta, _, z = ordqz(now, lead, sort=stable, output="complex")
    count = stable(alpha, beta).sum()
    if count != n:
        return None, Status.INDETERMINATE if count > n else Status.EXPLOSIVE
    w_of_m = np.real(z[n:, :n] @ np.linalg.inv(z[:n, :n]))
    return w_of_m @ np.linalg.solve(np.eye(n) - h @ w_of_m, e), Status.OK


def random(rng, n, m, scale):
    return [scale * rng.normal(size=s) / np.sqrt(n + m) for s in [(n, n), (n, m), (m, n), (m, m)]]


@pytest.mark.parametrize("n,m", [(1, 1), (2, 3), (4, 2), (6, 6)])
def test_agrees_with_schur(n, m):
    rng = np.random.default_rng(10 * n + m)
    seen = []
    for scale in np.tile([0.5, 0.8, 1.2, 2.0], 50):
        blocks = random(rng, n, m, scale)
        expected, reason = schur(*blocks)
        v, status = solve_expectations(*blocks)
        assert Status(int(status)) == reason
        np.testing.assert_allclose(
            v, np.zeros((m, n)) if expected is None else expected, rtol=1e-7, atol=1e-8
        )
        seen.append(reason)
    assert {Status.OK, Status.INDETERMINATE, Status.EXPLOSIVE} <= set(seen)


def scalar(e, h, g, f):
    return tuple(jnp.array([[float(x)]]) for x in (e, h, g, f))


@pytest.mark.parametrize(
    "blocks,status",
    [
        (scalar(1.0, 0.0, 1.0, 0.5), Status.OK),  # unit root of the state: allowed
        (scalar(1 + 1e-8, 0.0, 1.0, 0.5), Status.OK),
        (scalar(1 + 1e-4, 0.0, 1.0, 0.5), Status.EXPLOSIVE),
        (scalar(0.5, 0.0, 1.0, 1.0), Status.INDETERMINATE),  # unit root of the expectation
        (scalar(0.5, 0.0, 1.0, 1 + 1e-4), Status.INDETERMINATE),
        (scalar(0.5, 0.0, 1.0, 1 - 1e-4), Status.OK),
        (scalar(2.0, 0.0, 0.0, 2.0), Status.EXPLOSIVE),  # the count is right, the rank is not
        (scalar(np.nan, 0.0, 1.0, 0.5), Status.NOT_FINITE),
    ],
)
def test_status(blocks, status):
    v, found = solve_expectations(*blocks)
    assert found == status
    assert jnp.isfinite(v).all()
    jacobians = _jacobians(*blocks)
    assert all(jnp.isfinite(j).all() for j in jacobians)


def test_no_expectations_or_no_states():
    e = jnp.diag(jnp.array([0.5, 0.9]))
    none = jnp.zeros((2, 0)), jnp.zeros((0, 2)), jnp.zeros((0, 0))
    assert solve_expectations(e, *none)[1] == Status.OK
    assert solve_expectations(1.2 * e, *none)[1] == Status.EXPLOSIVE
    assert solve_expectations(jnp.zeros((0, 0)), jnp.zeros((0, 2)), jnp.zeros((2, 0)), e)[1] == Status.OK


def test_derivatives():
    rng = np.random.default_rng(4)
    blocks = [jnp.asarray(b) for b in random(rng, 3, 2, 0.6)]
    assert solve_expectations(*blocks)[1] == Status.OK
    fn = lambda *a: solve_expectations(*a)[0]
    assert_derivatives(fn, *blocks)


def test_batch_is_loop():
    rng = np.random.default_rng(5)
    blocks = [jnp.asarray(b) for b in random(rng, 3, 2, 0.6)]
    batch = [jnp.stack([0.1 * b, b, 4 * b]) for b in blocks]
    v, status = jax.jit(jax.vmap(solve_expectations))(*batch)
    for i in range(3):
        one, reason = solve_expectations(*(b[i] for b in batch))
        np.testing.assert_allclose(v[i], one, atol=1e-13)
        assert status[i] == reason
