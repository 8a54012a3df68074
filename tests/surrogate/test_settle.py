"""What is handed out: the draws as they are, moved by weights, after a refinement, or with the word that it failed."""

import jax
import numpy as np
import pytest
from helpers_surrogate import gaussian_posterior, gaussian_surrogate
from scipy.stats import norm

from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.recipe import Recipe
from estim.surrogate.settle import settle

KEY = jax.random.key(0)
SAMPLING = {"num_samples": 100, "num_chains": 256, "num_warmup": 200, "thin": 5}
RECIPE = Recipe(hidden=(16,), num_members=1, max_steps=200)


@pytest.fixture(scope="module")
def truth():
    """A standard normal in two dimensions, and what an exact sampler evaluated of it."""
    posterior = gaussian_posterior(2)
    points = np.random.default_rng(0).normal(size=(1000, 2)) * 1.3
    return posterior, evaluate_posterior(posterior, points)


@pytest.mark.parametrize(
    ("mean", "sd", "rounds", "correction", "certificates"),
    [
        (0.0, 1.0, 0, "none", 1),
        (0.3, 1.0, 0, "importance weights", 1),
        (0.0, 0.2, 0, "tempered path", 2),
        (0.0, 0.2, 1, "none", 2),
    ],
    ids=["right", "shifted", "narrow", "refined"],
)
def test_the_cheapest_correction_that_suffices(truth, mean, sd, rounds, correction, certificates):
    posterior, evaluations = truth
    surrogate = gaussian_surrogate(posterior, [mean, 0.0], sd * np.eye(2))
    settled = settle(
        posterior,
        surrogate,
        evaluations,
        KEY,
        num_rounds=rounds,
        num_evaluations=6000,
        recipe=RECIPE,
        sampling=SAMPLING,
        functions={"sum": lambda x: x.sum(axis=1)},
        last_resorts=True,
    )
    assert settled.correction == correction and settled.certified
    assert len(settled.certificates) == certificates
    spent = 6000 * (1 + rounds)
    if correction == "tempered path":
        matched = len(settled.weighted.weight) - 3600  # and the second certificate's own
        spent += matched + settled.certificates[1].num_evaluations - len(settled.weighted.weight)
        spent += len(settled.draws.evaluations.loglikelihood)
    assert settled.num_evaluations == spent
    assert f"handed out: {correction}" in str(settled) and str(settled).count("surrogate ") == 1 + rounds
    sds = np.array([1.0, 1.0, np.sqrt(2)])
    low, high = norm.ppf([0.05, 0.95])
    exact = np.stack([0 * sds, sds, low * sds, high * sds])
    assert np.all(np.abs(settled.margins - exact) < 4 * settled.margin_error + 0.01)
    wanted = np.array([0.1, 0.05, 0.1, 0.1])[:, None] * sds
    assert np.all(np.abs(settled.margins - exact) < wanted)


def test_a_path_does_not_mend_what_the_surrogate_never_saw(truth):
    """Exact chains in two modes, the surrogate in one: no path from its draws leads to the other."""
    posterior, evaluations = truth
    surrogate = gaussian_surrogate(posterior, [0.0, 0.0], 0.2 * np.eye(2))
    chains = np.random.default_rng(1).normal(size=(4, 500, 2))
    chains[:, 250:] += 6
    settled = settle(
        posterior,
        surrogate,
        evaluations,
        KEY,
        num_rounds=0,
        sampling=SAMPLING,
        training_chains=chains,
        last_resorts=True,
    )
    assert settled.correction == "failed" and not settled.certified
    assert "handed out: failed" in str(settled) and "tempered path" not in str(settled)


def test_without_being_asked_no_path_is_gone(truth):
    posterior, evaluations = truth
    surrogate = gaussian_surrogate(posterior, [0.0, 0.0], 0.2 * np.eye(2))
    settled = settle(posterior, surrogate, evaluations, KEY, num_rounds=0, sampling=SAMPLING)
    assert settled.correction == "failed" and settled.num_evaluations == 4000
