"""Random linear systems A x_{t+1} + B x_t + C x_{t-1} = 0 whose verdict is known by construction.

From (I - L^-1 F)(I - T L) x_t = 0, T of stable roots and F of roots below one follows x_t = T x_{t-1}
and nothing else: A = -F, B = I + F T, C = -T. A root of T beyond one leaves nothing, one of F beyond
one leaves more than one solution. In a pair (debt, price) whose debt explodes by itself and whose
price looks ahead by a stable root, the price keeps the debt at bay if the debt feels it.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from estim.status import Status


class System(NamedTuple):
    """The matrices, the verdict, and the transition where there is one solution."""

    lead: np.ndarray
    now: np.ndarray
    lag: np.ndarray
    status: Status
    transition: np.ndarray


def with_roots(rng, roots, repeated=False):
    """A random matrix with these (real) roots, in one Jordan block where they are `repeated`."""
    n = len(roots)
    shape = np.diag(np.asarray(roots, float)) + np.diag(np.full(n - 1, 0.5 * repeated), 1)
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0] @ np.diag(rng.uniform(0.5, 2.0, n))
    return basis @ shape @ np.linalg.inv(basis)


def factored(rng, n, status):
    """One block from T and F: unit roots, repeated ones, and a singular F among them."""
    stable, ahead = rng.uniform(-0.97, 0.97, n), rng.uniform(-0.97, 0.97, n)
    if rng.random() < 0.3:
        stable[: rng.integers(1, n + 1)] = 1.0  # so many random walks
    repeated = rng.random() < 0.2
    if repeated:
        stable[:] = rng.choice([0.6, 0.9])
    ahead[: rng.integers(0, n + 1)] = 0.0
    if status == Status.EXPLOSIVE:
        stable[0] = rng.choice([1.001, 1.02, 1.5])
        repeated = False
    if status == Status.INDETERMINATE:
        ahead[-1] = rng.choice([1.001, 1.05, 2.0])
    t, f = with_roots(rng, stable, repeated), with_roots(rng, ahead)
    return System(-f, np.eye(n) + f @ t, -t, status, t)


def pair(rng, coupling):
    """A debt b = r b(-1) + coupling p that its own price p = phi p(+1) must tame, 1 / phi stable."""
    r, stable = rng.choice([1.005, 1.05, 1.4]), rng.choice([1.0, 0.98, 0.7, 0.3])
    # b_t = s b_{t-1} and p_t = -(r - s) / coupling b_{t-1}, so that p falls by s as well.
    effect = 0.0 if coupling == 0 else -(r - stable) / coupling
    return System(
        np.array([[0.0, 0.0], [0.0, -1.0 / stable]]),
        np.array([[1.0, -coupling], [0.0, 1.0]]),
        np.array([[-r, 0.0], [0.0, 0.0]]),
        Status.OK if coupling else Status.EXPLOSIVE,
        np.array([[stable, 0.0], [effect, 0.0]]),
    )


def trend(depth):
    """A level, its growth, the growth of that: one unit root, `depth` times."""
    t = np.eye(depth) + np.diag(np.ones(depth - 1), 1)
    return System(np.zeros((depth, depth)), np.eye(depth), -t, Status.OK, t)


def stack(parts):
    """Blocks that do not meet: no solution if one has none, more than one if one has more."""
    found = {part.status for part in parts}
    first = next(
        s for s in (Status.SINGULAR, Status.EXPLOSIVE, Status.INDETERMINATE, Status.OK) if s in found
    )
    matrices = [block_diag(*(part[i] for part in parts)) for i in (0, 1, 2, 4)]
    return System(*matrices[:3], first, matrices[3])


def draw(rng, n):
    """One system of n equations; half of them with equations mixed and variables mixed."""
    parts, left = [], n
    wanted = rng.choice([Status.OK, Status.OK, Status.EXPLOSIVE, Status.INDETERMINATE])
    while left:
        kind, size = rng.random(), int(rng.integers(1, min(left, 8) + 1))
        if kind < 0.35 and left >= 2:
            coupling = rng.choice([1.0, 0.03, 1e-3, 1e-5] if rng.random() < 0.9 else [0.0])
            parts.append(pair(rng, coupling))
        elif kind < 0.45:
            parts.append(trend(min(left, int(rng.integers(1, 4)))))
        else:
            parts.append(factored(rng, size, wanted if rng.random() < 0.5 else Status.OK))
        left = n - sum(len(part.now) for part in parts)
    system = stack(parts)
    if rng.random() < 0.05:  # an equation that says what another says, at another date or at this
        rows = [m.copy() for m in system[:3]]
        i, k = rng.choice(n, 2, replace=False)
        for m in rows:
            m[i] = 2.0 * m[k]
        system = System(*rows, Status.SINGULAR, system.transition)
    if rng.random() < 0.5:
        system = mix_equations(rng, system)
    return system


def mix_equations(rng, system):
    """Each equation becomes a combination of all, of any size; the solution stays."""
    n = len(system.now)
    mix = np.linalg.qr(rng.normal(size=(n, n)))[0] * 10.0 ** rng.uniform(-3, 3, n)[:, None]
    return system._replace(lead=mix @ system.lead, now=mix @ system.now, lag=mix @ system.lag)
