"""The verdict by roots: random systems of known verdict, and models that a count alone gets wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_systems import draw
from scipy.linalg import ordqz

from estim.numerics.roots import RADIUS, solve_by_roots
from estim.solution.policy import solve_policy
from estim.status import Status


def solve(lead, now, lag):
    """x_t = T x_{t-1}, and the status, of A x_{t+1} + B x_t + C x_{t-1} = 0."""
    one = jnp.eye(len(now))
    policy, _, status = solve_policy(now, (lag, one), (lead, one))
    return policy, status


solve_one, solve_many = jax.jit(solve), jax.jit(jax.vmap(solve))


def schur(lead, now, lag):
    """T by an ordered generalised Schur form of the whole, or None where a root near the radius misleads it."""
    n = len(now)
    zero, one = np.zeros((n, n)), np.eye(n)
    stable = lambda alpha, beta: np.abs(alpha) < RADIUS * np.abs(beta)
    pencil = np.block([[zero, one], [-lag, -now]]), np.block([[one, zero], [zero, lead]])
    _, _, alpha, beta, _, z = ordqz(*pencil, sort=stable, output="complex")
    near = (np.abs(np.abs(alpha) - RADIUS * np.abs(beta)) < 1e-4 * np.abs(beta)).any()
    if stable(alpha, beta).sum() != n and near:
        return None
    assert stable(alpha, beta).sum() == n
    return np.real(z[n:, :n] @ np.linalg.inv(z[:n, :n]))


@pytest.mark.parametrize("n,count", [(2, 1800), (4, 1500), (9, 1300), (18, 350), (40, 50)])
def test_random_systems_have_the_verdict_that_they_were_built_with(n, count):
    rng = np.random.default_rng(n)
    systems = [draw(rng, n) for _ in range(count)]
    parts = [np.stack([system[k] for system in systems]) for k in range(3)]
    found, status = jax.device_get(solve_many(*parts))
    np.testing.assert_array_equal(status, [system.status for system in systems])
    assert {Status.OK, Status.EXPLOSIVE, Status.INDETERMINATE} <= set(status.tolist())
    solved = np.flatnonzero(status == Status.OK)
    expected = np.stack([systems[i].transition for i in solved])
    scale = 1.0 + np.abs(expected).max(axis=(1, 2))
    assert (np.abs(found[solved] - expected).max(axis=(1, 2)) <= 1e-7 * scale).all()
    compared = 0
    for i, size in zip(solved, scale, strict=True):
        if i < 100 and (by_schur := schur(*systems[i][:3])) is not None:
            np.testing.assert_allclose(found[i], by_schur, rtol=0, atol=1e-5 * size)
            compared += 1
    assert compared > 0


def matrices(equations, n, *values):
    """A, B, C ``[3, n, n]`` of linear equations (lag, now, lead, *values) -> residuals."""
    zero, one = np.zeros(n), np.eye(n)
    at = lambda date: [equations(*(x if d == date else zero for d in range(3)), *values) for x in one]
    return np.array([np.transpose(at(date)) for date in (2, 1, 0)])


def saver(lag, now, lead, r, rho):
    """Hall (1978): consumption c, assets a, income y."""
    return [lead[0] - now[0], now[1] - r * (lag[1] + now[2] - now[0]), now[2] - rho * lag[2]]


def leeper(lag, now, lead, beta, phi, gamma):
    """Leeper (1991): inflation p, debt b, surpluses follow debt by gamma; the interest rate is phi p."""
    p, b, last = 0, 1, 2
    debt = now[b] - (lag[b] + phi * lag[last] - now[p]) / beta + (1 / beta - 1) * gamma * lag[b]
    return [phi * now[p] - lead[p], debt, now[last] - now[p]]


def pinned_by_a_lag(lag, now, lead, rho, share):
    """p = 2 q(-1) and p(+1) = share z: no equation has q at its own date."""
    return [now[0] - 2 * lag[1], lead[0] - share * now[2], now[2] - rho * lag[2]]


def trend(lag, now, lead, drift):
    """A level, its growth, and the growth of that, which is a random walk."""
    return [now[0] - lag[0] - lag[1], now[1] - lag[1] - drift * lag[2], now[2] - lag[2]]


def one_equation(lag, now, lead, _):
    """The same in one equation, (1 - L)^3 x = 0, with the two lags that it needs."""
    return [now[0] - 3 * lag[0] + 3 * lag[1] - lag[2], now[1] - lag[0], now[2] - lag[1]]


def two_rates(lag, now, lead, growth, ahead):
    """A state and an expectation that do not meet."""
    return [now[0] - growth * lag[0], now[1] - ahead * lead[1], now[2]]


def says_twice(lag, now, lead, rho):
    """The second equation is the first, a period on."""
    return [now[0] - rho * lag[0] + now[1], 2 * lead[0] - 2 * rho * now[0] + 2 * lead[1], now[2] - now[1]]


def knife_edge(lag, now, lead, _):
    """m = w and w = m(-1), but for a number that is zero: the equations do not tell them apart."""
    return [now[0] - lead[1], now[1] - lag[0], now[2] - 0.5 * lag[2]]


@pytest.mark.parametrize(
    "equations,values,status,expected",
    [
        # c = (r - 1) / r a(-1) + (r - 1) / (r - rho) y, so that assets are a random walk.
        (
            saver,
            (1.02, 0.9),
            Status.OK,
            [[0, 0.02 / 1.02, 0.15], [0, 1, 0.765], [0, 0, 0.9]],
        ),
        (saver, (0.98, 0.9), Status.INDETERMINATE, None),
        (leeper, (0.99, 0.5, 0.0), Status.OK, None),
        (leeper, (0.99, 1.5, 3.0), Status.OK, None),
        (leeper, (0.99, 1.5, 0.0), Status.EXPLOSIVE, None),
        (leeper, (0.99, 0.5, 3.0), Status.INDETERMINATE, None),
        (pinned_by_a_lag, (0.9, 0.8), Status.OK, [[0, 2, 0], [0, 0, 0.36], [0, 0, 0.9]]),
        (trend, (1.0,), Status.OK, [[1, 1, 0], [0, 1, 1], [0, 0, 1]]),
        (trend, (0.0,), Status.OK, [[1, 1, 0], [0, 1, 0], [0, 0, 1]]),
        (one_equation, (0.0,), Status.OK, [[3, -3, 1], [1, 0, 0], [0, 1, 0]]),
        (two_rates, (1.2, 2.0), Status.EXPLOSIVE, None),
        (two_rates, (1.2, 1.1), Status.EXPLOSIVE, None),
        (two_rates, (2.0, 1.2), Status.EXPLOSIVE, None),
        (two_rates, (0.9, 1.0), Status.INDETERMINATE, None),
        (two_rates, (1.0, 0.9), Status.OK, [[1, 0, 0], [0, 0, 0], [0, 0, 0]]),
        (says_twice, (0.5,), Status.SINGULAR, None),
        (knife_edge, (0.0,), Status.SINGULAR, None),
    ],
)
def test_verdicts_known_by_hand(equations, values, status, expected):
    found, verdict = solve_one(*matrices(equations, 3, *values))
    assert Status(int(verdict)) == status
    if expected is not None:
        np.testing.assert_allclose(found, expected, atol=1e-9)
    elif status == Status.OK:
        a, b, c = matrices(equations, 3, *values)
        np.testing.assert_allclose(a @ found @ found + b @ found + c, 0.0, atol=1e-12)
        assert np.abs(np.linalg.eigvals(found)).max() < RADIUS


@jax.jit
def along(start, slope, bend):
    """The transition and its derivatives by t at start + t slope + t^2 bend / 2; the first in reverse mode too."""
    fn = lambda t: solve(*(start + t * slope + 0.5 * t**2 * bend))[0]
    first = jax.jacfwd(fn)
    gradient = jax.grad(lambda m: solve(*m)[0].sum())(start)
    return fn(0.0), first(0.0), jax.jacfwd(first)(0.0), jnp.vdot(gradient, slope)


@pytest.mark.parametrize(
    "equations,values",
    [(saver, (1.02, 0.9)), (leeper, (0.99, 0.5, 0.2)), (pinned_by_a_lag, (0.9, 0.8)), (trend, (0.7,))],
)
def test_derivatives_by_every_parameter(equations, values):
    step, at = 1e-4, lambda values: matrices(equations, 3, *values)
    for shift in step * np.eye(len(values)):
        up, middle, down = (at(values + k * shift) for k in (1, 0, -1))
        _, first, second, in_reverse = along(
            middle, (up - down) / (2 * step), (up - 2 * middle + down) / step**2
        )
        # Differences of the solution, itself smooth in the parameter.
        up, middle, down = (np.asarray(solve_one(*m)[0]) for m in (up, middle, down))
        np.testing.assert_allclose(first, (up - down) / (2 * step), atol=1e-4 * np.abs(first).max())
        expected = (up - 2 * middle + down) / step**2
        np.testing.assert_allclose(second, expected, atol=1e-3 * np.abs(expected).max() + 1e-6)
        np.testing.assert_allclose(in_reverse, np.sum(first), rtol=1e-8, atol=1e-10)


def test_what_has_no_solution_has_no_gradient():
    for values in [(1.2, 2.0), (0.9, 1.0)]:
        m = matrices(two_rates, 3, *values)
        assert all(np.isfinite(x).all() for x in along(m, np.ones_like(m), np.ones_like(m)))


def test_an_equation_of_any_size_and_variables_in_any_units():
    expected, _ = solve_one(*matrices(saver, 3, 1.02, 0.9))
    rows, units = np.array([1e-9, 1e6, 1.0]), np.array([1e7, 1.0, 1e-5])
    scaled, status = solve_one(*(rows[:, None] * matrices(saver, 3, 1.02, 0.9) * units))
    assert status == Status.OK
    np.testing.assert_allclose(units[:, None] * scaled / units[None, :], expected, rtol=1e-9, atol=1e-12)


def test_no_other_block_moves_a_unit_root():
    """Trends that drive blocks whose own roots a common decomposition would blur."""
    system = np.zeros((3, 9, 9))
    for i, (equations, values) in enumerate(
        [(trend, (1.0,)), (saver, (1.02, 0.9)), (leeper, (0.99, 0.5, 0.0))]
    ):
        system[:, 3 * i : 3 * i + 3, 3 * i : 3 * i + 3] = matrices(equations, 3, *values)
    system[1:, 3:, :3] = np.random.default_rng(3).normal(size=(2, 6, 3))
    found, status = solve_one(*system)
    assert Status(int(status)) == Status.OK
    np.testing.assert_allclose(found[:3, :3], [[1, 1, 0], [0, 1, 1], [0, 0, 1]], atol=1e-12)
    a, b, c = system
    np.testing.assert_allclose(a @ found @ found + b @ found + c, 0.0, atol=1e-9)


def test_what_todays_equations_are_known_not_to_determine():
    a, b, c = matrices(pinned_by_a_lag, 3, 0.9, 0.8)
    fn = lambda: solve_policy(b, (c, np.eye(3)), (a, np.eye(3)), determined=False)
    policy, _, status = jax.jit(fn)()
    assert Status(int(status)) == Status.OK
    np.testing.assert_allclose(policy, [[0, 2, 0], [0, 0, 0.36], [0, 0, 0.9]], atol=1e-9)


def test_a_system_without_states_has_a_solution():
    nothing = np.zeros((0, 0))
    found, status = solve_by_roots(nothing, nothing, nothing, nothing)
    assert status == Status.OK and found.shape == (0, 0)
