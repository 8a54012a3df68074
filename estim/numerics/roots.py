"""The verdict on a two-point boundary problem by its roots: an ordered Schur form, block by block.

The stretch of one period of `estim.numerics.doubling`,

    m_{t+1} = E m_t + H w_{t+1},        w_t = G m_t + F w_{t+1},

is the pencil [I, -H; 0, F] z_{t+1} = [E, 0; -G, I] z_t of z = (m, w). A path that does not explode
keeps z in the subspace that belongs to the roots inside a radius. So there is a stable solution
from every m if this subspace reaches every m (a rank), and only one if it has as many dimensions
as m (a count). Sources: Blanchard and Kahn (1980, Econometrica 48); King and Watson (1998,
International Economic Review 39) on the rank; Klein (2000, J. Economic Dynamics and Control 24)
on the generalised Schur form.

Each strongly connected block of variables is judged by itself: trends and exogenous processes have
their own roots, which no rounding error of the others moves.
"""

import numpy as np
from scipy.linalg import lapack, matrix_balance, qz

from estim.status import Status

RADIUS = 1.000001
"""A root up to this modulus is stable, as in Dynare (``qz_criterium``): unit roots are allowed."""

RESIDUAL = 1e-8
"""Of the equation that a solution solves, relative to its size."""

_SHIFTS = 1.3 * np.exp(0.9j), 0.6 * np.exp(2.0j), 1.7 * np.exp(2.6j)
"""Numbers that are hardly roots, as far from zero and infinity as from one."""

_SINGULAR = 1e-13
_UNREACHED = 1e-10
_ROUNDING = 4 * np.finfo(float).eps
_SPREAD, _AT_ONE = 1e-4, 1e-9


def solve_by_roots(e: np.ndarray, h: np.ndarray, g: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, Status]:
    """V of `solve_expectations` and its `Status`, in NumPy.

    Args, returns: as there; where it is NOT_CONVERGED, V is what was found, which may be a start for another method.
    """
    nothing = np.zeros(g.shape)
    if not all(np.isfinite(a).all() for a in (e, h, g, f)):
        return nothing, Status.NOT_FINITE
    if not g.size:
        return nothing, Status.OK
    try:
        w, status = _stable_subspace(e, h, g, f)
        if status != Status.OK:
            return nothing, status
        # On the subspace w = W m, so that v_t = W m_{t+1} = W (E m_t + H v_t).
        v = np.linalg.solve(np.eye(len(f)) - w @ h, w @ e)
    except np.linalg.LinAlgError:
        return nothing, Status.NOT_CONVERGED
    if not np.isfinite(v).all():
        return nothing, Status.NOT_CONVERGED
    residual, size = np.linalg.norm((g + f @ v) @ (e + h @ v) - v), np.linalg.norm(v)
    return v, status if residual < RESIDUAL * (1.0 + size) else Status.NOT_CONVERGED


def _stable_subspace(e, h, g, f) -> tuple[np.ndarray, Status]:
    """W of the subspace w = W m, zeros where the status is not OK."""
    n, nothing = len(e), np.zeros(g.shape)
    whole, (scale, _) = matrix_balance(np.block([[e, h], [g, f]]), permute=False, separate=True)
    # What is smaller than the rounding error of the largest entry may as well be zero.
    whole = np.where(np.abs(whole) > _ROUNDING * np.abs(whole).max(initial=0.0), whole, 0.0)
    now, lead = np.eye(len(whole), dtype=complex), np.eye(len(whole), dtype=complex)
    now[:n, :n], now[n:, :n] = whole[:n, :n], -whole[n:, :n]
    lead[:n, n:], lead[n:, n:] = -whole[:n, n:], whole[n:, n:]

    order, blocks = _blocks(whole != 0)
    now, lead = now[np.ix_(order, order)], lead[np.ix_(order, order)]
    if any(_is_singular(now[b, b], lead[b, b]) for b in blocks):
        return nothing, Status.SINGULAR
    basis = _stable_basis(now, lead, blocks)[np.argsort(order)]
    reached = np.linalg.svd(basis[:n], compute_uv=False)
    if basis.shape[1] < n or not reached.min(initial=1.0) > _UNREACHED:
        return nothing, Status.EXPLOSIVE
    if basis.shape[1] > n:
        return nothing, Status.INDETERMINATE
    w = np.linalg.solve(basis[:n].T, basis[n:].T).T.real
    return w * scale[n:, None] / scale[:n], Status.OK


def _blocks(depends: np.ndarray) -> tuple[np.ndarray, list[slice]]:
    """An order of the variables, and their strongly connected blocks, each before those it depends on."""
    reach = (depends | np.eye(len(depends), dtype=bool)).astype(float)
    for _ in range(len(depends).bit_length()):
        reach = np.minimum(reach @ reach, 1.0)
    first = np.argmax(reach * reach.T, axis=1)  # of the block
    # Who depends on others depends on more of them.
    order = np.lexsort((first, -reach.sum(axis=1)))
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    return order, [slice(a, b) for a, b in zip(starts, [*starts[1:], len(depends)], strict=True)]


def _is_singular(now: np.ndarray, lead: np.ndarray) -> bool:
    """Is every number a root? Then each of some numbers is; rows are scaled, as equations may be."""

    def smallest(shift: complex) -> float:
        matrix = shift * lead - now
        size = np.abs(matrix).max(axis=1, keepdims=True)
        values = np.linalg.svd(matrix / np.where(size > 0, size, 1.0), compute_uv=False)
        return values[-1] / values[0]

    return all(smallest(shift) < _SINGULAR for shift in _SHIFTS)


def _stable_basis(now: np.ndarray, lead: np.ndarray, blocks: list[slice]) -> np.ndarray:
    """An orthonormal basis of the stable deflating subspace of a block triangular pencil."""
    size = len(now)
    left, right, stable = np.eye(size, dtype=complex), np.eye(size, dtype=complex), np.zeros(size, bool)
    for b in blocks:
        alpha, beta, left[b, b], right[b, b] = qz(now[b, b], lead[b, b], output="complex")
        stable[b] = _is_stable(np.diagonal(alpha), np.diagonal(beta))
    now, lead = (np.triu(left.conj().T @ a @ right) for a in (now, lead))
    found = lapack.ztgsen(stable, now, lead, left, right, ijob=0)
    if found[-1] != 0:
        raise np.linalg.LinAlgError("the roots could not be put in order")
    return found[5][:, : stable.sum()]


def _is_stable(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Is the modulus of ``alpha / beta`` within `RADIUS`? A multiple root of modulus one is judged by its mean.

    Rounding spreads a k-fold root by the k-th root of its size, and moves the mean by its size.
    """
    infinite = np.abs(beta) < 1e-10 * np.abs(alpha)
    roots = np.where(infinite, 1e10, alpha) / np.where(infinite, 1.0, beta)
    near = np.abs(roots[:, None] - roots) < _SPREAD
    mean = np.where(near, roots, 0.0).sum(axis=1) / near.sum(axis=1)
    return (np.abs(alpha) <= RADIUS * np.abs(beta)) | (np.abs(np.abs(mean) - 1.0) < _AT_ONE)
