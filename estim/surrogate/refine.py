"""Active refinement: true evaluations where the surrogate is both important and unsure, then training again."""

import jax
import numpy as np

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.surrogate.estimates import evenly_spaced
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior
from estim.surrogate.fit import Surrogate, ensemble_loglikelihoods, fit_surrogate
from estim.surrogate.recipe import Recipe
from estim.surrogate.sample import propose, sample_surrogate
from estim.surrogate.train import Progress
from estim.typing import Key

CANDIDATES = 10
"""Points looked at by the surrogate for each that is evaluated truly."""


def refine(
    posterior: Posterior,
    surrogate: Surrogate,
    evaluations: Evaluations,
    rng_key: Key,
    *,
    num_evaluations: int = 1000,
    gradient: bool = True,
    recipe: str | Recipe = "estim",
    progress: Progress | None = None,
) -> tuple[Surrogate, Evaluations]:
    """One round of refinement: the new surrogate, and the evaluations that it was trained on.

    Candidates are the surrogate's own draws and the proposals of its random walk (there it is
    important); of them points are chosen with probability proportional to the variance among the
    ensemble's members (there it is unsure), or uniformly if it has one member.

    Args:
        evaluations: those the surrogate was trained on.
        gradient: evaluate the likelihood's gradient at the new points too.
    """
    key_sample, key_propose, key_choose, key_fit = jax.random.split(rng_key, 4)
    draws = sample_surrogate(
        surrogate, key_sample, num_samples=CANDIDATES * num_evaluations // 512 + 1, thin=20
    )
    current = evenly_spaced(draws.position, CANDIDATES * num_evaluations // 2)
    candidates = np.concatenate([current, propose(key_propose, current)])
    members = ensemble_loglikelihoods(surrogate, candidates)
    variance = members.var(axis=0) if len(members) > 1 else np.ones(len(candidates))
    chosen = jax.random.choice(
        key_choose, len(candidates), (num_evaluations,), replace=False, p=variance / variance.sum()
    )
    added = evaluate_posterior(posterior, candidates[np.asarray(chosen)], gradient=gradient)
    evaluations = concatenate_evaluations(evaluations, added)
    return fit_surrogate(posterior, evaluations, key_fit, recipe=recipe, progress=progress), evaluations
