"""Warm-up learns from what a window says, not from how long it was."""

import numpy as np
import pytest

from estim.evaluations import Evaluations
from estim.samplers.adaptation import STEP_LAWS, adapt, init_adaptation, shrunk
from estim.samplers.base import Info, Tuning

DIM, NUM_STEPS, NUM_CHAINS = 20, 200, 4


def autoregression(correlation, seed=0):
    """Chains ``[step, chain, 1, dim]`` whose draws are N(0, I)."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(NUM_CHAINS, 1, DIM))]
    for _ in range(NUM_STEPS - 1):
        x.append(correlation * x[-1] + np.sqrt(1 - correlation**2) * rng.normal(size=x[0].shape))
    return np.stack(x)


def window(position, acceptance_rate, gradient=None):
    """A window in which nothing but the draws was evaluated."""
    nothing = np.zeros((*position.shape[:2], 0))
    draws = Evaluations(position, np.zeros(position.shape[:3]), np.zeros(position.shape[:3]), None)
    evaluations = Evaluations(np.zeros((*nothing.shape, DIM)), nothing, nothing, None)
    return Info(draws, evaluations, np.asarray(acceptance_rate), {}, gradient=gradient)


def after(position, num_windows=1):
    tuning, adaptation = (
        Tuning(np.zeros(DIM), np.eye(DIM), np.array(1.0)),
        init_adaptation(np.zeros(DIM), np.eye(DIM)),
    )
    adaptation = adaptation._replace(num_windows=np.array(10))
    for _ in range(num_windows):
        tuning, adaptation = adapt(tuning, adaptation, window(position, 0.3), 0.3, last=False)
    return tuning.scale_tril @ tuning.scale_tril.T, float(adaptation.num_draws)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.98])
def test_a_window_counts_by_its_effective_draws(correlation):
    _, num_draws = after(autoregression(correlation))
    effective = num_draws - 0.9 * float(init_adaptation(np.zeros(DIM), np.eye(DIM)).num_draws)
    expected = NUM_STEPS * NUM_CHAINS * (1 - correlation) / (1 + correlation)
    assert effective == pytest.approx(expected, rel=0.15)


def test_windows_weigh_in_proportion_to_their_number():
    position = autoregression(0.0)
    tuning, adaptation = (
        Tuning(np.zeros(DIM), np.eye(DIM), np.array(1.0)),
        init_adaptation(np.zeros(DIM), np.eye(DIM)),
    )
    for k in range(20):
        tuning, adaptation = adapt(tuning, adaptation, window(position, 0.3), 0.3, last=k == 19)
    expected = (
        4 * float(init_adaptation(np.zeros(DIM), np.eye(DIM)).num_draws)
        + NUM_STEPS * NUM_CHAINS * sum(range(5, 20))
    ) / 19
    assert float(adaptation.num_draws) == pytest.approx(expected, rel=0.05)


def test_draws_that_hardly_move_do_not_spoil_a_good_covariance():
    covariance, _ = after(autoregression(0.995), num_windows=3)
    assert np.abs(np.linalg.eigvalsh(covariance) - 1).max() < 0.2


def test_slopes_and_few_draws_give_a_gaussian_its_covariance_exactly():
    """Both centred: the geometric mean of C' and (P C' P)^-1 is P^-1 whatever the draws' own covariance C' is, and
    their mean, moved by P^-1 times the mean slope, the Gaussian's."""
    rng = np.random.default_rng(0)
    root, mean = np.tril(rng.normal(size=(DIM, DIM))) + 5 * np.eye(DIM), rng.normal(size=DIM)
    position = mean + rng.normal(size=(6, NUM_CHAINS, 1, DIM)) @ root.T  # 24 draws
    adaptation = init_adaptation(np.zeros(DIM), np.eye(DIM))._replace(
        num_windows=np.array(10), num_draws=np.array(1e-9)
    )
    tuning = Tuning(np.zeros(DIM), np.eye(DIM), np.array(1.0))
    slopes = -(position - mean) @ np.linalg.inv(root @ root.T)
    found, _ = adapt(tuning, adaptation, window(position, 0.8, slopes), 0.8, last=False)
    left = np.linalg.solve(np.linalg.cholesky(root @ root.T), found.scale_tril)
    assert np.linalg.cond(left) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(found.mean, mean, atol=1e-6)


def test_slopes_shorten_the_directions_in_which_the_density_bends():
    """A density with curvature four times the inverse of its variance: half of that variance."""
    position = autoregression(0.0)
    position = position - position.mean(axis=(0, 1, 2))
    adaptation = init_adaptation(np.zeros(DIM), np.eye(DIM))._replace(
        num_windows=np.array(10), num_draws=np.array(1e-9)
    )
    tuning = Tuning(np.zeros(DIM), np.eye(DIM), np.array(1.0))
    found, _ = adapt(tuning, adaptation, window(position, 0.8, -2.0 * position), 0.8, last=False)
    np.testing.assert_allclose(found.scale_tril @ found.scale_tril.T, 0.5 * np.eye(DIM), atol=1e-6)


def test_chains_that_are_stuck_change_nothing():
    covariance, _ = after(np.ones((NUM_STEPS, NUM_CHAINS, 1, DIM)), num_windows=10)
    np.testing.assert_allclose(covariance, np.eye(DIM), atol=1e-12)


def test_a_stuck_chain_makes_the_first_steps_small():
    """Three chains that move and one that does not: the mean rate is on target, and the fourth stays stuck for good."""
    tuning, acceptance_rate = (
        Tuning(np.zeros(DIM), np.eye(DIM), np.array(1.0)),
        np.tile([1, 1, 1, 0.0], (10, 1)),
    )
    for k, smaller in ((0, True), (10, False)):
        adaptation = init_adaptation(np.zeros(DIM), np.eye(DIM))._replace(num_windows=np.array(k))
        found, _ = adapt(tuning, adaptation, window(autoregression(0.0), acceptance_rate), 0.75, last=False)
        assert (found.step_size < 0.5) == smaller


@pytest.mark.parametrize(
    ("law", "factor"), [("random_walk", 1.70566), ("hamiltonian", 1.70566**0.5), ("candidates", 3.0**0.4)]
)
def test_each_kind_of_kernel_has_its_law_of_the_step(law, factor):
    """From a rate of 0.5 to a target of 0.25: erfcinv(0.25) / erfcinv(0.5) = 1.70566, its root, and the odds of 3."""
    tuning, adaptation = (
        Tuning(np.zeros(DIM), np.eye(DIM), np.array(1.0)),
        init_adaptation(np.zeros(DIM), np.eye(DIM)),
    )
    half = window(autoregression(0.0), np.full((10, NUM_CHAINS), 0.5))
    found, _ = adapt(tuning, adaptation, half, 0.25, last=False, law=law)
    assert float(found.step_size) == pytest.approx(factor, rel=1e-4)


@pytest.mark.parametrize("law", STEP_LAWS)
def test_a_higher_rate_makes_a_longer_step(law):
    steps = [STEP_LAWS[law](rate) for rate in np.linspace(0.01, 0.97, 20)]
    assert np.all(np.diff(steps) < 0)


def far_away(rng):
    return 1e200 * rng.normal(size=(20, NUM_CHAINS, 1, DIM))


@pytest.mark.parametrize(
    ("position", "slopes"),
    [
        (far_away, lambda x: -x),
        (lambda rng: rng.normal(size=(20, NUM_CHAINS, 1, DIM)), lambda x: 1e200 * x),
        (lambda rng: rng.normal(size=(20, NUM_CHAINS, 1, DIM)), lambda x: np.where(x > 0, np.nan, -x)),
        (far_away, lambda x: None),
    ],
    ids=["draws overflow", "slopes overflow", "slopes that are not known", "no slopes"],
)
def test_a_window_of_which_nothing_can_be_learnt_teaches_nothing(position, slopes):
    draws = position(np.random.default_rng(0))
    tuning, adaptation = (
        Tuning(np.zeros(DIM), np.eye(DIM), np.array(1.0)),
        init_adaptation(np.zeros(DIM), np.eye(DIM)),
    )
    adaptation = adaptation._replace(num_windows=np.array(10))
    found, _ = adapt(tuning, adaptation, window(draws, np.nan, slopes(draws)), 0.8, last=False)
    np.testing.assert_array_equal(found.scale_tril, np.eye(DIM))
    np.testing.assert_array_equal(found.mean, 0.0)
    assert np.isfinite(found.step_size)


def test_correlations_that_may_be_chance_shrink_among_the_many_and_not_among_the_parameters():
    rng, leading, num = np.random.default_rng(0), 3, 400
    mixed = rng.normal(size=(leading, leading))
    noise = rng.normal(size=(num, 200))
    chance = np.cov(np.concatenate([noise[:, :leading] @ mixed, noise[:, leading:]], axis=1).T)
    found = shrunk(chance, leading, num)
    np.testing.assert_allclose(np.diag(found), np.diag(chance))
    np.testing.assert_allclose(found[:leading, :leading], chance[:leading, :leading])
    spread = lambda matrix: np.ptp(np.linalg.eigvalsh(matrix[leading:, leading:]))
    assert spread(found) < 0.5 * spread(chance) and np.linalg.eigvalsh(found).min() > 0
    # what hangs together stays so
    tied = noise + rng.normal(size=(num, 1))
    tied = np.cov(tied.T)
    np.testing.assert_allclose(shrunk(tied, leading, num), tied, rtol=0.02)
