"""The batch is the one that takes most variance, and it does not take the same twice."""

import numpy as np
import pytest

from estim.surrogate.acquire import NOISE, _length, choose_batch


def candidates(num=60, dim=2, length=0.7, members=400, rng=0):
    """Members drawn from a Gaussian process, so that its length is known."""
    rng = np.random.default_rng(rng)
    z = rng.normal(size=(num, dim))
    squared = np.sum((z[:, None] - z) ** 2, axis=2)
    sd = np.exp(0.3 * z[:, 0])
    covariance = np.outer(sd, sd) * np.exp(-0.5 * squared / length**2)
    root = np.linalg.cholesky(covariance + 1e-10 * np.eye(num))
    return z, rng.uniform(0.2, 1, num), (root @ rng.normal(size=(num, members))).T, covariance


@pytest.mark.parametrize("length", [0.4, 1.5])
def test_the_length_is_the_members(length):
    z, _, members, _ = candidates(length=length)
    deviation = members - members.mean(axis=0)
    squared = np.sum((z[:, None] - z) ** 2, axis=2)
    assert abs(np.log(_length(squared, deviation, members.std(axis=0, ddof=1)) / length)) < 0.2


def test_each_point_by_conditioning_on_those_before():
    """Naive: the variances that are left after each possible next point, from the whole covariance."""
    z, weight, members, _ = candidates()
    deviation = members - members.mean(axis=0)
    sd = members.std(axis=0, ddof=1)
    squared = np.sum((z[:, None] - z) ** 2, axis=2)
    covariance = np.outer(sd, sd) * np.exp(-0.5 * squared / _length(squared, deviation, sd) ** 2)
    noise = NOISE * np.mean(sd**2)

    def left(points):
        among = covariance[np.ix_(points, points)] + noise * np.eye(len(points))
        across = covariance[:, points]
        return weight @ (np.diag(covariance) - np.sum(across * np.linalg.solve(among, across.T).T, axis=1))

    naive: list[int] = []
    for _ in range(6):
        others = [j for j in range(len(z)) if j not in naive]
        naive.append(min(others, key=lambda j: left([*naive, j])))
    np.testing.assert_array_equal(choose_batch(z, weight, members, 6), naive)


def test_no_point_is_taken_twice_nor_two_at_one_place():
    z, weight, members, _ = candidates()
    twice = (
        np.concatenate([z, z]),
        np.concatenate([weight, weight]),
        np.concatenate([members, members], axis=1),
    )
    chosen = choose_batch(*twice, 20)
    assert len(set(chosen)) == len(set(chosen % 60)) == 20
    assert sorted(choose_batch(z, weight, members, 60)) == list(range(60))


def test_units_do_not_matter():
    z, weight, members, _ = candidates()
    chosen = choose_batch(z, weight, members, 10)
    np.testing.assert_array_equal(choose_batch(z, 7 * weight, 100 * members + 5, 10), chosen)
