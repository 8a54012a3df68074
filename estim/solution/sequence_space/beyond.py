"""What lies beyond the horizon: paths that go on with their processes, and not paths that end.

If X_t is the response to a unit of each exogenous process, z_{t+1} = F z_t, an economy whose own inertia has died out
follows the process alone:

    X_{T-1+j} = X_{T-1} F^j,    j > 0.

Equations see one date of it, and households all that they foresee. News of a date s at a date t < s that lies
farther ahead than the horizon moves nobody, so that a Jacobian goes on along its diagonals, J[t, T-1+j] =
J[t-j, T-1], and what its block leaves is a recursion from its last column.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import lu_factor, lu_solve

from estim.model import Model
from estim.numerics import follow_recursion
from estim.solution.incidence import incidence
from estim.solution.linearize import LinearModel
from estim.solution.sequence_space.propagate import block_inputs
from estim.typing import Array


def residuals_of_tail(
    model: Model, linear: LinearModel, jacobian: Array, transition: Array, last: Array
) -> Array:
    """What the dates beyond the horizon add to the residuals of those before, ``[n_equations + n_outputs, T, n]``.

    Args:
        jacobian: of all blocks ``[n_outputs, T, n_inputs, T]``.
        transition: F ``[n, n]``.
        last: all variables at the last date, X_{T-1} ``[n_variables, n]``.
    """
    names, horizon = model.variables._fields, jacobian.shape[1]
    inputs = np.array([names.index(i) for i in block_inputs(model)])
    equations = jnp.pad((linear.lead @ last @ transition)[:, None], ((0, 0), (horizon - 1, 0), (0, 0)))
    moved = jnp.einsum("oti,in->ton", jacobian[..., -1], last[inputs])
    blocks = follow_recursion(jnp.pad(moved, ((1, 0), (0, 0), (0, 0)))[:-1], transition) @ transition
    return jnp.concatenate([equations, -blocks.swapaxes(0, 1)])


def solve_with_tail(
    model: Model, solve: Callable[[Array], Array], tail: Callable[[Array], Array], like: Array
) -> Callable[[Array], Array]:
    """From a solver of paths that end with the horizon, R x = b, one of paths that go on: R x + `tail`(x_{T-1}) = b.

    Few variables matter at the last date: what equations lead or blocks read. With E their rows at that date,

        E x + (E R^-1) tail(E x) = E R^-1 b,

    so that a solution with the transpose of R for each of them is all that it takes besides.

    Args:
        solve: R^-1 of ``[rows, T, n]``, linear, one column as any other.
        tail: linear, from all variables at the last date ``[n_variables, n]``.
        like: an array like b.
    """
    names = model.variables._fields
    read = incidence(model).lead.any(axis=0)
    read[[names.index(i) for i in block_inputs(model)]] = True
    seen = np.flatnonzero(read)
    n = like.shape[-1]
    unit = jnp.eye(len(seen))

    pick = np.eye(len(names))[seen]
    one = jax.ShapeDtypeStruct((*like.shape[:-1], 1), like.dtype)
    seen_at_end = jax.linear_transpose(lambda b: solve(b)[seen, -1, 0], one)
    rows = jax.vmap(lambda e: seen_at_end(e)[0][..., 0])(unit)  # E R^-1

    at_end = lambda b: jnp.einsum("ert,rtn->en", rows, b)  # E R^-1 b
    basis = jnp.eye(len(seen) * n).reshape(-1, len(seen), n)
    moved = jax.vmap(lambda values: at_end(tail(pick.T @ values)))(basis)
    factors = lu_factor(jnp.eye(len(basis)) + moved.reshape(len(basis), -1).T)

    def solution(b: Array) -> Array:
        last = lu_solve(factors, at_end(b).reshape(-1)).reshape(-1, n)
        return solve(b - tail(pick.T @ last))

    return solution
