"""The equations at rest as a system of equations: residuals, derivatives, and what they leave undetermined."""

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics import solve_linear
from estim.numerics.interpreted import interpreted_program
from estim.solution.sparse_derivatives import SparseRow, sparse_jacobian
from estim.typing import Array

type StaticResiduals = Callable[[Any, Any, Any, Any], dict[str, Any]]
"""``(lag, now, lead, params) -> {equation: residual}``, the same levels at all dates."""

_CANCELLED = 1e-12
"""Of terms of size one that cancel, rounding leaves no more."""


class StaticSystem(NamedTuple):
    """At some levels: ``value`` ``[n]``, what the equations leave; ``jacobian`` ``[n, n]``, its derivative, plus
    ``kept`` ``[n, n]``, which has a one where an equation that says 0 = 0 at rest leaves its variable where it is;
    ``scale`` ``[n]``, one plus the size of each equation's terms."""

    value: Array
    jacobian: Array
    kept: Array
    scale: Array


def read_system(
    static_residuals: StaticResiduals, kind: type[Any], levels: Array, params: Any
) -> StaticSystem:
    """The system at ``levels`` ``[n]``, which have the names of the NamedTuple `kind`.

    Dates are kept apart to know what cancels between them: ``x - rho*x(-1)`` says nothing where rho = 1.
    """
    n, traced = len(kind._fields), _traced(static_residuals, kind, params)
    value, entries = traced.compiled(*jnp.unstack(levels), *(jnp.asarray(p, float) for p in params))
    by_date = jnp.zeros((n, 3 * n)).at[traced.at].set(entries, unique_indices=True)
    return _system(jnp, value, by_date.reshape(n, 3, n), traced.own, levels)


def system_on_host(
    static_residuals: StaticResiduals, kind: type[Any], params: Any
) -> Callable[[np.ndarray, Any], StaticSystem]:
    """`read_system` as a function of levels and parameters like `params`, computed by NumPy."""
    n, traced = len(kind._fields), _traced(static_residuals, kind, params)

    def system(levels: np.ndarray, params: Any) -> StaticSystem:
        value, entries = traced.on_host(*map(float, levels), *map(float, params))
        by_date = np.zeros((n, 3 * n))
        by_date[traced.at] = entries
        with np.errstate(all="ignore"):
            return _system(np, value, by_date.reshape(n, 3, n), traced.own, levels)

    return system


def incidence(static_residuals: StaticResiduals, kind: type[Any], params: Any) -> np.ndarray:
    """``[n, n]``: whether an equation reads a variable, at any date."""
    n = len(kind._fields)
    reads = np.zeros((n, n), bool)
    rows, columns = _traced(static_residuals, kind, params).at
    reads[rows, columns % n] = True
    return reads


def equation_names(static_residuals: StaticResiduals, kind: type[Any], params: Any) -> tuple[str, ...]:
    """Of the equations, in their order."""
    return _traced(static_residuals, kind, params).names


class _Traced(NamedTuple):
    """Residuals ``[n]`` and their derivatives that are not zero by structure ``[m]``, of levels and parameters.

    ``at`` are the rows and columns of the latter, ``own`` is `_own`'s, ``names`` are the equations'.
    """

    compiled: Callable[..., Any]
    on_host: Callable[..., Any]
    at: tuple[np.ndarray, np.ndarray]
    own: np.ndarray
    names: tuple[str, ...]


_TRACED: WeakKeyDictionary[StaticResiduals, _Traced] = WeakKeyDictionary()
"""A search asks for the same derivatives many times, and to trace them takes longer than all the rest."""


def _traced(static_residuals: StaticResiduals, kind: type[Any], params: Any) -> _Traced:
    if static_residuals not in _TRACED:
        n = len(kind._fields)
        found: list[Any] = []

        def derivatives(*x: Any) -> tuple[Array, Array]:
            value, partials, names = _derivatives(static_residuals, kind, x[:n], type(params)(*x[n:]))
            found[:] = [[(i, j) for i, row in enumerate(partials) for j in row], _own(partials, n), names]
            entries = [jnp.asarray(entry, float) for row in partials for entry in row.values()]
            return jnp.stack(value), jnp.stack(entries) if entries else jnp.zeros(0)

        compiled = jax.jit(derivatives)  # JAX remembers what it traces, within other programs too
        program = compiled.trace(*[jax.ShapeDtypeStruct((), float)] * (n + len(params))).jaxpr
        at, own, names = found
        rows = tuple(np.transpose(at).astype(int)) if at else (np.zeros(0, int),) * 2
        on_host = interpreted_program(program)
        _TRACED[static_residuals] = _Traced(compiled, on_host, rows, own, names)
    return _TRACED[static_residuals]


def _derivatives(
    static_residuals: StaticResiduals, kind: type[Any], levels: Any, params: Any
) -> tuple[list[Any], list[SparseRow], tuple[str, ...]]:
    """What the equations leave, their partial derivatives by all levels of the past, today and the future, and their
    names."""
    n, names = len(kind._fields), list[str]()

    def dated(*x: Any) -> list[Any]:
        left = static_residuals(kind(*x[:n]), kind(*x[n : 2 * n]), kind(*x[2 * n :]), params)
        names[:] = left
        return list(left.values())

    return *sparse_jacobian(dated, [*levels] * 3), tuple(names)


def _system(xp: Any, value: Any, by_date: Any, own: np.ndarray, levels: Any) -> StaticSystem:
    """By JAX or by NumPy, as `xp` says."""
    jacobian, size = by_date.sum(axis=1), xp.abs(by_date).sum(axis=1)
    jacobian = xp.where(xp.abs(jacobian) <= _CANCELLED * size, 0.0, jacobian)
    says_nothing = (jacobian == 0.0).all(axis=1)
    kept = xp.where(says_nothing[:, None], own, 0.0)
    return StaticSystem(value, jacobian + kept, kept, 1.0 + size @ xp.abs(levels))


def _own(partials: list[SparseRow], n: int) -> np.ndarray:
    """``[n, n]``: a one for the variable that belongs to each equation.

    They are paired so that as few equations as may be have a variable that could cancel, because it stands in
    them at two dates: it is for these that a pair without cancelling is not to be had.
    """
    from scipy.optimize import linear_sum_assignment  # to import it takes as long as to read a small model

    cost = np.full((n, n), 3.0 * n)
    for i, row in enumerate(partials):
        variables, dates = np.unique([k % n for k in row], return_counts=True)
        cost[i, variables.astype(int)] = dates > 1
    rows, columns = linear_sum_assignment(cost)
    own = np.zeros((n, n))
    own[rows, columns] = cost[rows, columns] < 3.0 * n
    return own


def leaves_open(static_residuals: StaticResiduals, guess: Any, params: Any) -> bool:
    """Do the equations leave some levels undetermined at `guess`?"""
    here = system_on_host(static_residuals, type(guess), params)(np.array(guess, float), params)
    if here.kept.any() or not np.isfinite(here.jacobian).all():
        return bool(here.kept.any())
    size = np.abs(here.jacobian).max(axis=1, keepdims=True)
    values = np.linalg.svd(here.jacobian / np.where(size > 0, size, 1.0), compute_uv=False)
    return bool((values <= _CANCELLED * values[0]).any())


def regular(jacobian: Array) -> Array:
    """The matrix where it is regular; else, along the directions that it leaves open, the identity in place of zero.

    With orthonormal bases U of what no column reaches and V of what no row sees, A + U V' is regular, and the
    solution of (A + U V') x = b is the smallest of A x = b wherever there is one.
    """
    fixed = jax.lax.stop_gradient(jacobian)
    finite = jnp.isfinite(fixed).all()
    fixed = jnp.where(finite, fixed, jnp.eye(len(fixed)))
    size = jnp.abs(fixed).max(axis=1, keepdims=True)
    scaled = fixed / jnp.where(size > 0, size, 1.0)
    width = jnp.abs(scaled).max(axis=0, keepdims=True)
    pivots = jnp.abs(jnp.diagonal(jax.lax.linalg.lu(scaled / jnp.where(width > 0, width, 1.0))[0]))

    def complete(scaled: Array) -> Array:
        U, s, Vt = jnp.linalg.svd(scaled)
        return (U * (s <= _CANCELLED * s[0])[None, :]) @ Vt

    open_ = jax.lax.cond(pivots.min() > _CANCELLED, jnp.zeros_like, complete, scaled)
    return jacobian + jnp.where(size > 0, size, 1.0) * open_


def solve(matrix: Array, vector: Array) -> Array:
    """``matrix``^-1 ``vector``; zeros where the matrix is singular all the same."""
    return solve_linear(matrix, vector[:, None])[0][:, 0]
