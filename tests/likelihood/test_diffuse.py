"""The diffuse likelihood against its definition, computed densely, and what must not move it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import joint_normal
from scipy.linalg import block_diag, solve_discrete_lyapunov

import estim  # noqa: F401
from estim.likelihood.state_space.diffuse import diffuse_sample
from estim.likelihood.state_space.kalman import kalman_likelihood, kalman_loglikelihood
from estim.likelihood.state_space.smoothing import smooth
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.solution.unit_roots import unit_root_projector
from estim.status import Status

TREND = {1: np.eye(1), 2: np.eye(2) + np.eye(2, k=1), 3: np.eye(3) + np.eye(3, k=1)}
TURN = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
ROOTS = {
    "one": [TREND[1]],
    "two": [TREND[1], TREND[1]],
    "double": [TREND[2]],
    "double and one": [TREND[2], TREND[1]],
    "triple": [TREND[3]],
    "three": [TREND[1], TREND[1], TREND[1]],
    "of other frequencies": [TURN, -TREND[1]],
}
N_PERIODS, N_STATES = 12, 5  # so that all cases share their programs


def count(roots):
    return sum(map(len, ROOTS[roots]))


def with_roots(roots, n_obs=2, noise=0.3, seed=0):
    """Unit roots, which come first in the state, that stationary ones and the shocks move."""
    rng = np.random.default_rng(seed)
    n, k = N_STATES, count(roots)
    stationary = rng.normal(size=(n - k, n - k))
    T = block_diag(*ROOTS[roots], 0.8 * stationary / np.abs(np.linalg.eigvals(stationary)).max())
    T[:k, k:] = 0.3 * rng.normal(size=(k, n - k))
    matrices = (T, rng.normal(size=(n, n)), np.eye(n), rng.normal(size=(n_obs, n)), rng.normal(size=n_obs))
    return StateSpace(*map(jnp.asarray, (*matrices, noise**2 * np.eye(n_obs))), jnp.array(Status.OK))


def levels(n_obs=2, missing=0.0, seed=1):
    rng = np.random.default_rng(seed)
    y = np.cumsum(rng.normal(size=(N_PERIODS, n_obs)), axis=0)
    return np.where(rng.random(y.shape) < missing, np.nan, y)


def rank(X):
    """Of rows in units of their own."""
    sizes = np.linalg.svd(X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-300), compute_uv=False)
    return int(np.sum(sizes > 1e-9)) if X.size else 0


def by_definition(state_space, y, k):
    """The limit for delta ~ N(0, kappa I) by least squares in the joint normal, and 1/2 ln |X1' X1|."""
    T, Z = np.asarray(state_space.transition), np.asarray(state_space.design)
    n = len(T)
    shock_cov = np.asarray(state_space.selection @ state_space.state_cov @ state_space.selection.T)
    rest = np.zeros((n, n))
    rest[k:, k:] = solve_discrete_lyapunov(T[k:, k:], shock_cov[k:, k:])
    joint = joint_normal(state_space, len(y), np.zeros(n), T @ rest @ T.T + shock_cov)
    start, seen = sum(joint.sizes[:2]), ~np.isnan(y.ravel())
    V = joint.cov[start:, start:][np.ix_(seen, seen)]
    X = np.concatenate([Z @ np.linalg.matrix_power(T, t + 1)[:, :k] for t in range(len(y))])
    period = np.repeat(np.arange(len(y)), y.shape[1])[seen]
    v, X = (y.ravel() - joint.mean[start:])[seen], X[seen]
    d = rank(X)
    X = X @ np.linalg.svd(X)[2][:d].T
    periods = next((t for t in range(len(y) + 1) if rank(X[period < t]) == d), 0)
    L = np.linalg.cholesky(V)
    u, W = np.linalg.solve(L, v), np.linalg.solve(L, X)
    left = u - W @ np.linalg.lstsq(W, u, rcond=None)[0]
    half_logdet = lambda A: np.log(np.linalg.svd(A, compute_uv=False)).sum() if d else 0.0
    constant = -0.5 * len(v) * np.log(2 * np.pi) - np.log(np.diag(L)).sum()
    return constant - 0.5 * left @ left - half_logdet(W) + half_logdet(X[period < periods])


compiled = jax.jit(lambda s, y: kalman_loglikelihood(s, y, start="diffuse"))


def gaps(kind):
    y = levels(missing=0.3 if kind == "gaps" else 0.0)
    if kind == "late":
        y[:4, 0], y[:2, 1] = np.nan, np.nan
    return y


@pytest.mark.parametrize("kind", ["complete", "gaps", "late"])
@pytest.mark.parametrize("roots", ROOTS)
def test_it_is_the_limit_and_the_size_of_the_first_effects(roots, kind):
    state_space, y = with_roots(roots), gaps(kind)
    expected = by_definition(state_space, y, count(roots))
    np.testing.assert_allclose(compiled(state_space, y), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("unseen", [1, 2])
@pytest.mark.parametrize("roots", ["one", "double", "triple", "two"])
def test_directions_that_the_data_do_not_show_drop_out(roots, unseen):
    state_space, y = with_roots(roots), gaps("gaps")
    state_space = state_space._replace(
        design=state_space.design.at[:, : min(unseen, len(ROOTS[roots][0]))].set(0)
    )
    expected = by_definition(state_space, y, count(roots))
    np.testing.assert_allclose(compiled(state_space, y), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("presample", [1, 4])
@pytest.mark.parametrize("roots", ["one", "triple", "double and one"])
def test_a_presample_is_conditioned_on(roots, presample):
    state_space, y, k = with_roots(roots), levels(missing=0.3), count(roots)
    expected = by_definition(state_space, y, k) - by_definition(state_space, y[:presample], k)
    actual = kalman_loglikelihood(state_space, y, start="diffuse", presample=presample)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("roots", ROOTS)
def test_neither_state_nor_order_nor_units_move_it(roots):
    state_space, y = with_roots(roots), gaps("late")
    T, R, Q, Z, d, H, status, _ = state_space[:8]
    expected, n, rng = compiled(state_space, y), len(T), np.random.default_rng(3)
    for C in (rng.normal(size=(n, n)), np.diag(10.0 ** rng.uniform(-4, 4, n)), np.eye(n)[rng.permutation(n)]):
        back = np.linalg.inv(C)
        changed = StateSpace(C @ T @ back, C @ R, Q, Z @ back, d, H, status)
        np.testing.assert_allclose(compiled(changed, y), expected, rtol=0, atol=1e-8)
    turned = StateSpace(T, R, Q, Z[::-1], d[::-1], H[::-1, ::-1], status)
    np.testing.assert_allclose(compiled(turned, y[:, ::-1]), expected, rtol=0, atol=1e-8)
    # all numbers but those spent on the roots change their units
    spent = rank(
        np.concatenate([Z @ np.linalg.matrix_power(T, t)[:, : count(roots)] for t in range(N_PERIODS)])
    )
    for c in (1e-6, 1e6):
        scaled = StateSpace(T, R, Q, c * Z, c * d, c**2 * H, status)
        change = -(np.sum(~np.isnan(y)) - spent) * np.log(c)
        np.testing.assert_allclose(compiled(scaled, c * y), expected + change, rtol=0, atol=1e-8)


def test_a_stationary_root_close_to_one_stays_stationary():
    state_space = with_roots("one")
    close = state_space.transition.at[1:, 1:].set(jnp.diag(jnp.array([0.9999, 0.5, 0.3, -0.6])))
    close = state_space._replace(transition=close)
    y = gaps("gaps")
    np.testing.assert_allclose(compiled(close, y), by_definition(close, y, 1), rtol=0, atol=1e-8)


@jax.jit
@jax.value_and_grad
def along_a_line(step, state_space, moves, turn):
    """The state turns, so that the unit roots' directions do, and all else moves."""
    T, R, Q, Z, d, H = (x + step * e for x, e in zip(state_space[:6], moves, strict=True))
    C = jnp.eye(N_STATES) + step * turn
    T, Z = (jnp.linalg.solve(C.T, x.T).T for x in (C @ T, Z))
    moved = StateSpace(T, C @ R, Q @ Q.T, Z, d, H @ H.T + 0.1 * jnp.eye(2), state_space.status)
    return kalman_loglikelihood(moved, levels(missing=0.2), start="diffuse")


@pytest.mark.parametrize("roots", ["one", "triple", "double and one"])
def test_gradient_is_that_of_finite_differences(roots):
    state_space, rng = with_roots(roots), np.random.default_rng(5)
    moves = [jnp.asarray(0.1 * rng.normal(size=x.shape)) for x in state_space[:6]]
    moves[0] = moves[0].at[:, : count(roots)].set(0.0)  # the roots at one stay there
    turn, h = jnp.asarray(rng.normal(size=(N_STATES, N_STATES))), 1e-4
    f = lambda step: along_a_line(step, state_space, moves, turn)
    np.testing.assert_allclose(f(0.0)[1], (f(h)[0] - f(-h)[0]) / (2 * h), rtol=2e-6)


def test_a_batch_is_its_members():
    """Of models with one, two and three unit roots, of which two to four are counted."""
    members = [with_roots(roots) for roots in ("triple", "double and one", "three")]
    batch, y = jax.tree.map(lambda *x: jnp.stack(x), *members), gaps("late")
    expected = [compiled(s, y) for s in members]
    np.testing.assert_allclose(jax.jit(jax.vmap(compiled, (0, None)))(batch, y), expected, rtol=1e-11)


def test_tied_observables_have_a_status_of_their_own():
    state_space, y = with_roots("one", noise=0.0), levels()
    state_space = state_space._replace(design=state_space.design.at[1].set(2.0 * state_space.design[0]))
    found = kalman_likelihood(state_space, y, start="diffuse")
    assert found.status == Status.SINGULAR_OBSERVABLES and found.value == -jnp.inf


@pytest.mark.parametrize("roots", ["one", "triple"])
def test_what_a_sample_says_is_what_it_says_from_a_very_wide_start(roots):
    state_space, y = with_roots(roots), levels(missing=0.2)
    T = np.asarray(state_space.transition)
    found = jax.jit(diffuse_sample)(state_space, y)
    variance = 1e7
    wide = Gaussian(found.start.mean, found.start.cov + variance * unit_root_projector(T))
    expected = smooth(state_space, y, wide).states
    first = found.start.mean + found.effects @ found.delta.mean
    actual = smooth(state_space, y, Gaussian(first, found.start.cov)).states
    np.testing.assert_allclose(actual.mean, expected.mean, atol=1e-4)
    np.testing.assert_allclose(found.last.mean, expected.mean[-1], atol=1e-4)
    np.testing.assert_allclose(found.last.cov, expected.cov[-1], atol=1e-4)
    np.testing.assert_allclose(found.unknown, 0.0, atol=1e-9)


@pytest.mark.parametrize("roots", ROOTS)
def test_unit_root_projector_in_any_coordinates(roots):
    T, C = np.asarray(with_roots(roots).transition), np.random.default_rng(0).normal(size=(5, 5))
    span, _ = np.linalg.qr(C[:, : count(roots)])
    actual = jax.jit(unit_root_projector)(jnp.asarray(C @ T @ np.linalg.inv(C)))
    np.testing.assert_allclose(actual, span @ span.T, atol=1e-9)
