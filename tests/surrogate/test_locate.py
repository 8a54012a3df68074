"""A border is located: the segments that cross it become short, and a surrogate's draws keep inside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_surrogate import make_posterior

from estim.surrogate.correct import usable_logdensity
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import fit_surrogate
from estim.surrogate.locate import FEWEST_SEGMENTS, MAX_HALVINGS, SHORT, locate_border
from estim.surrogate.recipe import Recipe
from estim.surrogate.sample import sample_surrogate

QUICK = Recipe(max_steps=300, hidden=(32, 32), num_members=1)


def inside(x):
    """Where the posterior's likelihood is; the mode lies at the edge."""
    return (x[..., 0] > 0) & (x[..., 1] < 1.0 + 0.2 * x[..., 0])


@pytest.fixture(scope="module")
def posterior():
    return make_posterior(
        lambda x: jnp.where(inside(x), -2.0 * x[0] - 0.5 * jnp.sum(x[1:] ** 2), -jnp.inf), 3, 1e3
    )


@pytest.fixture(scope="module")
def taught(posterior):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.exponential(0.5, size=(900, 1)) - 0.15, rng.normal(size=(900, 2))], axis=1)
    return evaluate_posterior(posterior, x)


@pytest.fixture(scope="module")
def located(posterior, taught):
    return locate_border(posterior, taught)


def test_bisection_by_hand(posterior, taught, located):
    """The same segment, halved in a loop: its middle is among the points as long as it is not short."""
    position, known = np.asarray(taught.position), np.isfinite(taught.logdensity)
    white = np.linalg.inv(np.linalg.cholesky(np.cov(position[known].T)))
    outside = position[~known][0]
    away = np.linalg.norm((position[known] - outside) @ white.T, axis=1)
    within = position[known][np.argmin(away)]
    added = np.asarray(located.position)[len(position) :]
    for _ in range(MAX_HALVINGS):
        if np.linalg.norm(white @ (within - outside)) <= SHORT:
            break
        middle = (within + outside) / 2
        assert np.min(np.abs(added - middle).max(axis=1)) < 1e-12
        within, outside = (middle, outside) if inside(middle) else (within, middle)


def test_points_on_both_sides_are_near_each_other_and_right(taught, located):
    num = len(taught.loglikelihood)
    np.testing.assert_array_equal(located.position[:num], taught.position)
    added, known = np.asarray(located.position)[num:], np.isfinite(located.logdensity)[num:]
    np.testing.assert_array_equal(known, inside(added))
    assert FEWEST_SEGMENTS < len(added) <= FEWEST_SEGMENTS * MAX_HALVINGS
    ends = added[-50:]  # of the last halvings
    edge = np.minimum(np.abs(ends[:, 0]), np.abs(ends[:, 1] - 1 - 0.2 * ends[:, 0]))
    assert edge.max() < 0.02


def test_draws_of_the_surrogate_keep_inside(posterior, taught, located):
    def failing(evaluations):
        surrogate = fit_surrogate(posterior, evaluations, jax.random.key(0), recipe=QUICK)
        draws = sample_surrogate(surrogate, jax.random.key(1), num_samples=10, num_chains=256, num_warmup=500)
        at = evaluate_posterior(posterior, np.asarray(draws.position, float).reshape(-1, 3))
        return np.mean(np.isneginf(usable_logdensity(at)))

    assert failing(located) < 0.004 < 0.02 < failing(taught)


@pytest.mark.parametrize("unsolved", [0, 1])
def test_nothing_is_evaluated_where_there_is_next_to_no_border(posterior, taught, unsolved):
    solved = jax.tree.map(lambda leaf: np.array(leaf)[np.isfinite(taught.logdensity)], taught)
    solved.loglikelihood[:unsolved] = -np.inf
    assert locate_border(posterior, solved) is solved
