"""Steady states that Newton's method from the given start does not find."""

from typing import NamedTuple

import numpy as np
import pytest

from estim.solution.search_on_host import blocks, search


class Levels(NamedTuple):
    x: float
    y: float
    z: float


class Params(NamedTuple):
    a: float = 50.0


def in_order(lag, now, lead, p):
    """y is found by x, and z by y, whose start has no logarithm."""
    import jax.numpy as jnp

    return {
        "x": now.x - 0.5 * lag.x - 1.0,
        "y": now.y * jnp.exp(now.y) - p.a * now.x,
        "z": now.z - 0.5 * lag.z - jnp.log(now.y),
    }


@pytest.mark.parametrize("start", [(0.0, -1.0, 0.0), (5.0, -30.0, 1.0), (2.0, 1.0, 0.0)])
def test_blocks_one_after_the_other(start):
    from scipy.special import lambertw

    found, left = search(in_order, Levels(*start), [Params()])
    y = float(lambertw(100.0).real)
    np.testing.assert_allclose(found, (2.0, y, 2 * np.log(y)), rtol=1e-12)
    assert max(map(abs, left.values())) < 1e-10


def test_what_cannot_be_solved_spoils_no_other_block():
    def none(lag, now, lead, p):
        return in_order(lag, now, lead, p) | {"z": now.z * now.z + 1.0}

    found, left = search(none, Levels(0.0, 5.0, 1.0), [Params()])
    assert abs(found.x - 2) < 1e-10 and abs(left["y"]) < 1e-8 and abs(left["z"]) >= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_the_blocks_of_a_shuffled_triangle(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, 6)
    n = int(sizes.sum())
    label = np.repeat(np.arange(6), sizes)
    reads = (label[:, None] == label[None, :]) | (
        (label[:, None] > label[None, :]) & (rng.random((n, n)) < 0.3)
    )
    rows, columns = rng.permutation(n), rng.permutation(n)
    found = blocks(reads[np.ix_(rows, columns)])
    assert sorted(len(c) for _, c in found) == sorted(sizes)
    known: set[int] = set()
    for equations, variables in found:
        known |= set(variables)
        assert set(rows[equations]) == {
            i for i in range(n) if label[i] in set(label[columns[variables]])
        }  # the block's own
        for row in equations:
            assert set(np.flatnonzero(reads[np.ix_(rows, columns)][row])) <= known
