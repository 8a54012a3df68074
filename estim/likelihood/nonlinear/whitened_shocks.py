"""Coordinates in which shocks, given the observations, are nearly independent and standard normal.

Along the path of some z the solution is nearly linear. With x the distance of the state from its own on this path, and
a 1 behind it, d_t = z_t' - z_t that of other shocks and v_t what is observed less what the path has,

    v_t = C_t x_{t-1} + D_t d_t + u_t,    x_t = A_t x_{t-1} + B_t d_t,    z_t' ~ N(0, I),    u_t ~ N(0, H_t),

minus twice the log-density of what is observed from t + 1 on is x_t' P_t x_t, and P follows backwards from P_T = 0:
what period t adds is a quadratic form in (d_t, x_{t-1}),

    K = [I, 0, z_t]' [I, 0, z_t] + [D, C, -v]' H_t^-1 [D, C, -v] + [B, A]' P_t [B, A],

whose first rows and columns, those of d_t, have the factor K_dd = U' U. With V = U'^-1 K_dx,

    P_{t-1} = K_xx - V' V,    d_t = U^-1 (w_t - V x_{t-1}),    w_t ~ N(0, I).

So shocks are made of independent normals w, period after period from a state x_0 that is made in the same way.
Whatever the solution is, this map from w to z' is a bijection, with the determinant of the U^-1. Where the solution is
linear w is normal and independent of the parameters; elsewhere it is so nearly, where the path is a likely one. w = 0
gives a likelier one: repeated, this is the method of Gauss and Newton, which ends at the most likely shocks.

Sources: the conditional distribution of shocks in a linear state space, Durbin and Koopman (2012), Time Series Analysis
by State Space Methods, sec. 4.9, by the recursion of the linear regulator; linearised again along the path that was
found, Bell (1994), "The Iterated Kalman Smoother as a Gauss-Newton Method", SIAM Journal on Optimization 4.
"""

from functools import singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics import semidefinite_cholesky, small_product
from estim.representations.linear import StateSpace
from estim.representations.paths import follow_parts, observed_path
from estim.representations.pruned import PrunedStateSpace, inputs_covariance
from estim.typing import Array, Scalar

Beginning = tuple[Array, Array]
STEPS = np.array([1, 1 / 2, 1 / 4, 1 / 16, 1 / 64])
"""Of the way to the likeliest path of a linearised solution: the first of these that makes it likelier is gone."""


class LinearLaw(NamedTuple):
    """A solution along the path of shocks and a start: ``transition`` A ``[n_periods, n, n]``, ``selection`` B
    ``[n_periods, n, n_shocks]``, ``lagged`` C ``[n_periods, n_obs, n]`` and ``impact`` D ``[n_periods, n_obs,
    n_shocks]``, by shocks of unit variance; what is ``observed`` on the path ``[n_periods, n_obs]``, and a ``root`` of
    the variance of the state before the first period ``[n, k]``."""

    transition: Array
    selection: Array
    lagged: Array
    impact: Array
    observed: Array
    root: Array


class Drawn(NamedTuple):
    """``start`` ``[n]``, the state before the first period as a vector, and ``shocks`` ``[n_periods, n_shocks]`` in the
    units of the model's file."""

    start: Array
    shocks: Array


def drawn_shocks(solution: Any, latents: Array, beginning: Beginning | None = None) -> Drawn:
    """Start and shocks of latents z: the components of the start, then the shocks period by period.

    Args:
        beginning: that of the solution, where it is known already.
    """
    mean, root = solution.beginning if beginning is None else beginning
    before, white = latents[: root.shape[1]], latents[root.shape[1] :].reshape(-1, solution.num_shocks)
    return Drawn(mean + root @ before, white @ semidefinite_cholesky(solution.shock_cov).T)


@singledispatch
def law_at_rest(solution: Any, beginning: Beginning, n_periods: int) -> LinearLaw | None:
    """What a solution is to first order around the mean of what is observed; None where there is no rule."""
    return None


@law_at_rest.register
def _(solution: StateSpace, beginning: Beginning, n_periods: int) -> LinearLaw:
    A, B, Z = solution.transition, solution.selection, solution.design
    return _in_all_periods(
        n_periods, solution, LinearLaw(A, B, Z @ A, Z @ B, solution.obs_intercept, beginning[1])
    )


@law_at_rest.register
def _(solution: PrunedStateSpace, beginning: Beginning, n_periods: int) -> LinearLaw:
    """The part of first order, around the mean of that of second order."""
    n, seen = len(solution.states), solution.measured
    root, mean = beginning[1][:n], seen.level
    if solution.order > 1:
        spread = jnp.tensordot(seen.quadratic, inputs_covariance(solution, root @ root.T), 2)
        mean = mean + seen.linear[:, :n] @ beginning[0][n : 2 * n] + 0.5 * (spread + seen.risk)
    A, B = jnp.split(solution.motion.linear, [n], axis=1)
    C, D = jnp.split(seen.linear, [n], axis=1)
    return _in_all_periods(n_periods, solution, LinearLaw(A, B, C, D, mean, root))


def law_along(solution: PrunedStateSpace, beginning: Beginning, latents: Array) -> LinearLaw:
    """What a solution is to first order along the path of ``latents`` z."""
    drawn = drawn_shocks(solution, latents, beginning)
    lags, observed = follow_parts(solution, *drawn)
    move, show = (jax.vmap(rule.slopes)(lags, drawn.shocks) for rule in (solution.motion, solution.measured))
    size = solution.order * len(solution.states)
    A, B = jnp.split(jnp.concatenate(move, axis=1), [size], axis=2)
    C, D = jnp.split(sum(show), [size], axis=2)
    return _by_unit_shocks(solution, LinearLaw(A, B, C, D, observed, beginning[1]))


def _by_unit_shocks(solution: Any, law: LinearLaw) -> LinearLaw:
    root = semidefinite_cholesky(solution.shock_cov)
    return law._replace(selection=law.selection @ root, impact=law.impact @ root)


def _in_all_periods(n_periods: int, solution: Any, law: LinearLaw) -> LinearLaw:
    law = _by_unit_shocks(solution, law)
    same = jax.tree.map(lambda x: jnp.broadcast_to(x, (n_periods, *x.shape)), law)
    return same._replace(root=law.root)


def standard_normals(
    solution: Any, beginning: Beginning, observations: Array, whiten: Array, w: Array, linearisations: int
) -> tuple[Array, Scalar]:
    """Standard normals z behind start and shocks, and ln |dz/dw|, of those that are nearly independent.

    Args:
        linearisations: how often the solution is made linear, first at rest, then along the likeliest path so far;
            zero, or a solution without `law_at_rest`: w is z. One that is linear needs one.
        others: see `smoothed`.
    """
    law, nothing = law_at_rest(solution, beginning, len(observations)), jnp.zeros_like(w)
    if linearisations == 0 or law is None:
        return w, jnp.zeros(())
    if linearisations == 1 or getattr(solution, "order", 1) == 1:
        shift, spread, logdet = smoothed(law, nothing, observations, whiten, w)
        return shift + spread, logdet

    def surprise(z: Array) -> Scalar:
        """Minus twice the log-density of observations and z, but for a constant."""
        missed = observations - observed_path(solution, *drawn_shocks(solution, z, beginning))
        white = small_product(whiten, jnp.where(jnp.isnan(missed), 0.0, missed)[:, :, None])
        return (white * white).sum() + z @ z

    def far_enough(z: Array, shift: Array) -> Array:
        steps = jnp.asarray(STEPS)
        less = jax.vmap(lambda step: surprise(z + step * shift))(steps) < surprise(z)
        return jnp.where(less.any(), steps[less.argmax()], 0.0)

    def linearised(z: Array, w: Array) -> tuple[Array, Scalar]:
        law = law_along(solution, beginning, z)
        shift, spread, logdet = smoothed(law, z, observations, whiten, w)
        return z + far_enough(*jax.lax.stop_gradient((z, shift))) * shift + spread, logdet

    first, _, _ = smoothed(law, nothing, observations, whiten, nothing)
    again = linearisations - 2
    z, _ = jax.lax.scan(lambda z, _: (linearised(z, nothing)[0], None), first, length=again)
    return linearised(z, w)


def smoothed(
    law: LinearLaw, along: Array, observations: Array, whiten: Array, w: Array
) -> tuple[Array, Array, Scalar]:
    """How far the likeliest shocks are from those of the path, and what w adds to these.

    Args:
        law: the solution along the path of z.
        along: this z: the start's components, then those of the shocks period by period, ``[k + n_periods n_shocks]``.
        observations: ``[n_periods, n_obs]`` without trend; NaN is missing.
        whiten: roots of the inverse covariances of the measurement errors ``[n_periods, n_obs, n_obs]``.
        w: independent normals in the order of z.

    Returns:
        Both in the order of z, and ln |dz/dw|.
    """
    A, B, C, D, observed, root = law
    (n_periods, n, m), k = B.shape, root.shape[1]
    begin, shocks = along[:k], along[k:].reshape(n_periods, m)
    motion = _beside_one(jnp.concatenate([B, A], axis=2))
    missed = (observed - observations)[:, :, None]
    seen = jnp.where(jnp.isnan(missed), 0.0, jnp.concatenate([D, C, missed], axis=2))
    seen = small_product(whiten, seen)
    added = small_product(seen.swapaxes(1, 2), seen) + jax.vmap(lambda z: _of_prior(z, n))(shocks)

    def back(P: Array, now: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        added, motion = now
        return _eliminate(added + small_product(small_product(motion.T, P), motion), m)

    def ahead(x: Array, now: tuple[Array, ...]) -> tuple[Array, Array]:
        A, B, U, V, w = now
        d = _back_substitute(U, w - small_product(V[:, :n], x))
        return small_product(A, x) + small_product(B, d), d

    def both(w: Array, V: Array) -> Array:
        """On the right of U d = w - V x: of the likeliest what is in V behind x, of the rest w."""
        return jnp.stack([-V[..., -1], w], axis=-1)

    # Recomputed on the way back: what a step would keep costs more to write than to compute.
    step = lambda function: jax.checkpoint(function, prevent_cse=False)
    P, (U, V) = jax.lax.scan(step(back), jnp.zeros((n + 1, n + 1)), (added, motion), reverse=True)
    first = _beside_one(root)
    _, (U0, V0) = _eliminate(_of_prior(begin, 0) + first.T @ P @ first, k)
    start = _back_substitute(U0, both(w[:k], V0))
    others = jax.lax.scan(step(ahead), root @ start, (A, B, U, V, both(w[k:].reshape(n_periods, m), V)))[1]
    logdet = -jnp.log(jnp.diagonal(U, axis1=1, axis2=2)).sum() - jnp.log(jnp.diagonal(U0)).sum()
    shift, spread = jnp.concatenate([start, others.reshape(-1, 2)]).T
    return shift, spread, logdet


def _beside_one(matrix: Array) -> Array:
    """With a row and a column for the 1 behind the state."""
    pad = ((0, 0),) * (matrix.ndim - 2) + ((0, 1), (0, 1))
    return jnp.pad(matrix, pad).at[..., -1, -1].set(1.0)


def _of_prior(z: Array, num_states: int) -> Array:
    """The form [I, 0, z]' [I, 0, z] of standard normals that are z on the path."""
    row = jnp.concatenate([jnp.eye(len(z)), jnp.zeros((len(z), num_states)), z[:, None]], axis=1)
    return row.T @ row


def _eliminate(K: Array, size: int) -> tuple[Array, tuple[Array, Array]]:
    """What is left of a quadratic form once its first `size` coordinates are at their best, K_xx - V'V, and (U, V).

    Row by row in the open: a call for matrices as small as these costs more than their arithmetic.
    """
    rows = []
    for j in range(size):
        row = K[0] / jnp.sqrt(K[0, 0])
        rows.append(jnp.pad(row, (j, 0)))
        K = (K - row[:, None] * row[None, :])[1:, 1:]
    both = jnp.stack(rows) if rows else jnp.zeros((0, len(K)))
    return K, (both[:, :size], both[:, size:])


def _back_substitute(U: Array, right: Array) -> Array:
    """U^-1 ``right`` ``[size, n]`` of an upper-triangular U."""
    found: list[Array] = []
    for i in reversed(range(len(right))):
        known = sum((U[i, i + 1 + j] * x for j, x in enumerate(found)), jnp.zeros(right.shape[1]))
        found.insert(0, (right[i] - known) / U[i, i])
    return jnp.stack(found) if found else right
