"""Incidence of a gallery model against its equations, and covers against brute force."""

from itertools import combinations

import numpy as np
import pytest

from estim.models import load_model
from estim.solution.incidence import incidence, minimum_vertex_cover


def names(model, row):
    return {name for name, present in zip(model.variables._fields, row, strict=True) if present}


def test_incidence_of_an_schorfheide():
    model = load_model("an_schorfheide_2007")
    found = incidence(model)
    row = dict(zip(found.equations, range(5), strict=True))
    assert names(model, found.now[row["euler"]]) == {"y", "R", "g"}
    assert names(model, found.lead[row["euler"]]) == {"y", "pi", "g", "z"}
    assert names(model, found.lag[row["policy"]]) == {"R"}
    assert names(model, found.lead[row["phillips"]]) == {"pi"}
    np.testing.assert_array_equal(found.shocks[row["technology"]], [False, False, True])
    assert names(model, found.measured_lag[0]) == {"y"}
    assert names(model, found.measured_now[0]) == {"y", "z"}


def smallest(pattern):
    """The size of the smallest cover, by trying all sets of rows."""
    rows = range(pattern.shape[0])
    return min(
        k + pattern[[i for i in rows if i not in chosen]].any(axis=0).sum()
        for k in range(len(rows) + 1)
        for chosen in combinations(rows, k)
    )


@pytest.mark.parametrize("seed", range(30))
def test_cover_covers_and_is_smallest(seed):
    rng = np.random.default_rng(seed)
    pattern = rng.random((rng.integers(1, 7), rng.integers(1, 7))) < rng.choice([0.0, 0.2, 0.5, 1.0])
    rows, columns = minimum_vertex_cover(pattern)
    left = pattern.copy()
    left[rows], left[:, columns] = False, False
    assert not left.any()
    assert len(rows) + len(columns) == smallest(pattern)
