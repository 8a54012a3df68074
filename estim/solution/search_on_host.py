"""The search for a steady state by SciPy, at the edge, where it may take its time.

From where it begins all equations are solved at once; where that fails, one set after the other, each that depends
only on those before it (the block triangular form, as Dynare's `solve_algo=4`); then by Newton's homotopy from where
it begins; then all of it from other starts.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from estim.solution.static_system import (
    StaticResiduals,
    StaticSystem,
    equation_names,
    incidence,
    system_on_host,
)

TOLERANCE = 1e-10
"""What an equation may leave, in units of one plus the size of its terms."""

_STEPS = 60
"""Of a homotopy."""

_SMALLEST = 1e-3
"""Share of the way that a step of a homotopy goes at least."""

_WIDE = np.concatenate([[1.0], np.geomspace(0.01, 100.0, 41), -np.geomspace(0.01, 100.0, 21)])
"""Multiples of where it begins at which an equation in one variable is looked at."""

type System = Callable[[np.ndarray, Any], StaticSystem]


def search(
    static_residuals: StaticResiduals, guess: Any, stages: Sequence[Any]
) -> tuple[Any, dict[str, float]]:
    """Levels and what they leave. The best attempt is returned, good or bad.

    Args:
        static_residuals: as in `numerical_steady_state`.
        guess: a NamedTuple of levels to begin from.
        stages: parameters on the way of a homotopy; each search begins where the one before ended.
    """
    kind = type(guess)
    system = _remembered(system_on_host(static_residuals, kind, stages[-1]))
    names = equation_names(static_residuals, kind, stages[-1])
    levels = np.array(guess, float)
    reads = incidence(static_residuals, kind, stages[-1])
    for params in stages:
        levels = _best(system, reads, levels, params)
    return kind(*levels), dict(zip(names, np.asarray(system(levels, stages[-1]).value), strict=True))


def _remembered(system: System) -> System:
    """The same, which knows where it was asked for last."""
    last: list[Any] = [None, None, None]

    def asked(levels: np.ndarray, params: Any) -> StaticSystem:
        if params is not last[0] or not np.array_equal(levels, last[1]):
            last[:] = params, np.array(levels, float), system(levels, params)
        return last[2]

    return asked


def _best(system: System, reads: np.ndarray, guess: np.ndarray, params: Any) -> np.ndarray:
    here = lambda x: system(x, params)

    def of_all(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found: Any = here(x)
        return np.asarray(found.value + found.kept @ (x - guess)), found.jacobian

    best, size = guess, _left(of_all(guess)[0])
    for found in _attempts(of_all, reads, guess, np.asarray(here(guess).kept)):
        if (left := _left(of_all(found)[0])) < size:
            best, size = found, left
        if not size[0] and (np.abs(of_all(best)[0]) <= TOLERANCE * here(best).scale).all():
            break
    return best


def _attempts(
    of_all: Callable, reads: np.ndarray, guess: np.ndarray, kept: np.ndarray
) -> Iterator[np.ndarray]:
    """One way after the other; each is tried only where those before it failed."""
    for method in ("hybr", "lm"):
        yield _root(of_all, guess, method)
    in_blocks = _block_by_block(of_all, reads, guess, kept)
    yield in_blocks
    yield _root(of_all, in_blocks, "hybr")
    for start in (guess, in_blocks):
        yield _root(of_all, _along_homotopy(of_all, start), "hybr")
    for start in _starts(guess):
        for method in ("hybr", "lm"):
            yield _root(of_all, start, method)


def _root(of_all: Callable, start: np.ndarray, method: str) -> np.ndarray:
    from scipy.optimize import root  # to import it takes as long as to read a small model

    found = root(of_all, start, jac=True, method=method, tol=1e-14)
    return found.x if np.isfinite(found.x).all() else start


def _left(left: np.ndarray) -> tuple[int, float]:
    """How many equations have no value, and the most that the others leave."""
    finite = np.isfinite(left)
    return int((~finite).sum()), float(np.abs(left[finite]).max(initial=0.0))


def _size(left: np.ndarray) -> float:
    return float(np.abs(left).max()) if np.isfinite(left).all() else np.inf


def _starts(guess: np.ndarray) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    scattered = [guess * np.exp(0.1 * rng.standard_normal(guess.shape)) for _ in range(4)]
    return [np.where(guess == 0, 0.1, guess), np.where(guess == 0, 1.0, guess), *scattered]


# --- one set of equations after the other ---


def _block_by_block(of_all: Callable, reads: np.ndarray, guess: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Each block is solved with the levels of those before it; one that has no root leaves the rest to go on."""
    says_nothing = kept.any(axis=1)
    levels = guess.copy()
    for rows, columns in blocks(np.where(says_nothing[:, None], kept != 0, reads)):

        def of_block(
            x: np.ndarray, rows: Any = rows, columns: Any = columns
        ) -> tuple[np.ndarray, np.ndarray]:
            there = levels.copy()
            there[columns] = x
            value, jacobian = of_all(there)
            return value[rows], jacobian[np.ix_(rows, columns)]

        levels[columns] = _root_of_block(of_block, levels[columns])
    return levels


def _root_of_block(of_block: Callable, start: np.ndarray) -> np.ndarray:
    finite = lambda x: _size(of_block(x)[0])
    if finite(start) == 0.0:
        return start
    found = (
        [_root(of_block, start, method) for method in ("hybr", "lm")] if np.isfinite(finite(start)) else []
    )
    if len(start) == 1 and not any(finite(x) <= TOLERANCE for x in found):
        found += _crossings(lambda x: float(of_block(np.array([x]))[0][0]), float(start[0]))
    elif not any(finite(x) <= TOLERANCE for x in found):
        found += [_root(of_block, other, "hybr") for other in _starts(start) if np.isfinite(finite(other))]
    return min([start, *found], key=finite)


def _crossings(of_one: Callable[[float], float], start: float) -> list[np.ndarray]:
    """Where an equation in one variable changes its sign, nearest to the start."""
    from scipy.optimize import brentq

    points = np.sort((start or 1.0) * _WIDE)
    values = np.array([of_one(x) for x in points])
    signs = np.sign(values)
    ends = [i for i in range(len(points) - 1) if signs[i] * signs[i + 1] < 0]
    ends.sort(key=lambda i: abs(points[i] - start))
    return [np.array([brentq(of_one, points[i], points[i + 1], xtol=1e-14)]) for i in ends[:1]]


def blocks(reads: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The block triangular form: equations and variables of each block, in an order in which they can be solved.

    Args:
        reads: ``[n, n]``, whether an equation reads a variable. Equations that cannot be paired with a variable of
            their own form one block with all that depends on them.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching

    row_of = maximum_bipartite_matching(csr_array(reads), perm_type="row")
    if (row_of < 0).any():
        everything = np.arange(len(reads))
        return [(everything, everything)]
    depends = reads[row_of]
    count, label = connected_components(csr_array(depends), connection="strong")
    needs = np.zeros((count, count), bool)
    at, on = np.nonzero(depends)
    needs[label[at], label[on]] = True
    np.fill_diagonal(needs, False)
    ordered, waiting = list[int](), set(range(count))
    while waiting:
        ready = sorted(k for k in waiting if not needs[k, list(waiting)].any())
        ordered += ready
        waiting -= set(ready)
    members = [np.flatnonzero(label == k) for k in ordered]
    return [(row_of[m], m) for m in members]


# --- Newton's homotopy ---


def _along_homotopy(of_all: Callable, start: np.ndarray) -> np.ndarray:
    """Along F(x) = (1 - t) F(start) from t = 0 to 1, in steps that shrink where a root is lost (Newton's homotopy;
    Judd 1998, Numerical Methods in Economics, ch. 5)."""
    begin = of_all(start)[0]
    if not np.isfinite(begin).all():
        return start
    x, reached, step = start, 0.0, 0.1
    for _ in range(_STEPS):
        until = min(1.0, reached + step)

        def left(y: np.ndarray, until: float = until) -> tuple[np.ndarray, np.ndarray]:
            value, jacobian = of_all(y)
            return value - (1.0 - until) * begin, jacobian

        found = _root(left, x, "hybr")
        if _size(left(found)[0]) <= 1e-8 * (1.0 + _size(begin)):
            x, reached, step = found, until, 2 * step
        else:
            step /= 2
        if reached == 1.0 or step < _SMALLEST:
            break
    return x
