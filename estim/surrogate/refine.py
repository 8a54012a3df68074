"""Active refinement: true evaluations where the surrogate is both important and unsure, then training again."""

from typing import Any

import jax
import numpy as np

from estim.arguments import Positive, checked
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.progress import Progress
from estim.samplers.states import evaluate_logprior
from estim.surrogate.acquire import choose_batch
from estim.surrogate.dataset import density_weights, units, whitened
from estim.surrogate.estimates import evenly_spaced
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior
from estim.surrogate.fit import Surrogate, ensemble_loglikelihoods, fit_surrogate
from estim.surrogate.recipe import MIN_MEMBERS, Recipe, get_recipe
from estim.surrogate.sample import sample_surrogate
from estim.typing import Key

CANDIDATES = 10
"""Points looked at by the surrogate for each that is evaluated truly."""

FINALISTS = 2
"""Of the candidates, for each evaluation, among which a batch is chosen."""

GROUP = 250
"""Evaluations that are chosen together, out of their own finalists: the time for one group grows with its cube."""

TAIL_TEMPERATURE = 2.0
"""Of half of these points: a Gaussian's tails are then wide enough for weights p/p_hat of finite variance."""


@checked
def refine(
    posterior: Posterior,
    surrogate: Surrogate,
    evaluations: Evaluations,
    rng_key: Key,
    *,
    num_evaluations: Positive = 1000,
    gradient: bool = True,
    recipe: str | Recipe = "estim",
    progress: Progress | None = None,
) -> tuple[Surrogate, Evaluations]:
    """One round of refinement: the new surrogate, and the evaluations that it was trained on.

    Candidates are draws of the surrogate's posterior, half of them at temperature 2, which
    reach into the tails, where a surrogate that is too low would otherwise never be found out. FINALISTS for each
    evaluation are drawn with probability proportional to their weight in training (there it is important) times the
    variance among the ensemble's members (there it is unsure), and of these the batch is chosen that is expected to
    take most from the variance integrated over the posterior (`estim.surrogate.acquire`). With fewer than MIN_MEMBERS,
    whose variance is mostly chance, the weight alone draws them.

    Args:
        posterior: the true posterior.
        surrogate: of `fit_surrogate`.
        evaluations: those the surrogate was trained on.
        gradient: evaluate the likelihood's gradient at the new points too.
        rng_key: of the candidates, the choice and the training.
        num_evaluations: of the true posterior, in this round.
        recipe: as in `fit_surrogate`.
        progress: as in `fit_surrogate`.

    Returns:
        The new surrogate and all evaluations.
    """
    key_sample, key_tail, key_choose, key_fit = jax.random.split(rng_key, 4)
    num_candidates = CANDIDATES * num_evaluations // 2
    settings: Any = {"num_samples": num_candidates // 512 + 1, "thin": 20}
    draws = [
        sample_surrogate(surrogate, key_sample, **settings),
        sample_surrogate(surrogate, key_tail, temperature=TAIL_TEMPERATURE, **settings),
    ]
    candidates = np.concatenate([evenly_spaced(d.position, num_candidates) for d in draws])
    members = ensemble_loglikelihoods(surrogate, candidates)
    logdensity = members.mean(axis=0) + np.asarray(evaluate_logprior(posterior.logprior_fn, candidates))
    temperature = get_recipe(recipe).density_temperature
    weight = density_weights(logdensity, candidates.shape[1], temperature)
    unsure = members.var(axis=0) if len(members) >= MIN_MEMBERS else 1.0
    num = num_evaluations if len(members) < MIN_MEMBERS else FINALISTS * num_evaluations
    chosen = np.asarray(
        jax.random.choice(
            key_choose, len(candidates), (num,), replace=False, p=weight * unsure / np.sum(weight * unsure)
        )
    )
    if len(members) >= MIN_MEMBERS:
        z = whitened(*units(candidates[:num_candidates]), candidates[chosen])
        groups = np.array_split(np.arange(len(chosen)), -(-num_evaluations // GROUP))
        shares = np.array_split(np.arange(num_evaluations), len(groups))
        best = [
            group[choose_batch(z[group], weight[chosen[group]], members[:, chosen[group]], len(share))]
            for group, share in zip(groups, shares, strict=True)
        ]
        chosen = chosen[np.concatenate(best)]
    added = evaluate_posterior(posterior, candidates[chosen], gradient=gradient, anew=True)
    evaluations = concatenate_evaluations(evaluations, added)
    settings = {"recipe": recipe, "noise": surrogate.noise, "progress": progress}
    return fit_surrogate(posterior, evaluations, key_fit, **settings), evaluations
