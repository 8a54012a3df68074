"""From a surrogate to draws that are certified, by the cheapest way that suffices, and the story of how."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from estim.arguments import NonNegative, Positive, PositiveReal, checked
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Draws
from estim.surrogate.certify import Certificate, certify_weighted, weighing
from estim.surrogate.correct import Functions, WeightedDraws, quantities_at, weigh_draws
from estim.surrogate.estimates import convergence, highest_rhat, margin_errors
from estim.surrogate.evaluate import concatenate_evaluations
from estim.surrogate.fit import Surrogate, fit_surrogate
from estim.surrogate.locate import locate_border
from estim.surrogate.match import match_moments
from estim.surrogate.recipe import Recipe
from estim.surrogate.sample import sample_surrogate
from estim.surrogate.temper import population_margins, temper
from estim.surrogate.verdict import LOOSER, MIN_EFFECTIVE_DRAWS, TOLERANCE, could_learn, largest_error
from estim.typing import Key

LONGER = 4
"""Times as many steps between draws where the surrogate's chains have not met or say too little."""

LENGTHENINGS = 2

_CORRECTIONS = {"safe": "none", "use the correction": "importance weights", "not certified": "failed"}


class Settled(NamedTuple):
    """Draws of a surrogate, what corrects them, and whether that is certified.

    Attributes:
        correction: ``"none"`` where the draws can be used as they are, ``"importance weights"``,
            ``"moment matching"``, ``"tempered path"`` or ``"failed"``.
        draws: what is handed out: those of the last surrogate, or at the end of a tempered path ``[population,
            particle, dim]``.
        weighted: some of them and of stretched ones with their weights; see `correct_means` and `resample_draws`.
        margins: mean, standard deviation, 5 and 95 % quantile ``[4, quantities]`` of what is handed out: those of
            the draws, and with importance weights moved by what these say.
        margin_error: their standard errors.
        certificates: of every surrogate, in order, and of matched moments; the conditions of the last say why.
        story: what was tried, in order, and why it did not suffice.
        surrogate, evaluations: the last, and all that it was taught.
        num_evaluations: true evaluations spent here, but for 80 by which each fit looks at gradients.
    """

    correction: str
    draws: Draws
    weighted: WeightedDraws
    margins: np.ndarray
    margin_error: np.ndarray
    certificates: tuple[Certificate, ...]
    story: tuple[str, ...]
    surrogate: Surrogate
    evaluations: Evaluations
    num_evaluations: int

    @property
    def certified(self) -> bool:
        """Whether what is handed out is within the tolerance, as far as the evaluations see."""
        return self.correction != "failed"

    def __str__(self) -> str:
        return "\n".join(
            [*self.story, f"handed out: {self.correction}, {self.num_evaluations:,} evaluations"]
        )


@checked
def settle(
    posterior: Posterior,
    surrogate: Surrogate,
    evaluations: Evaluations,
    rng_key: Key,
    *,
    num_evaluations: Positive = 4000,
    num_rounds: NonNegative = 2,
    training_chains: np.ndarray | None = None,
    tolerance: PositiveReal = TOLERANCE,
    functions: Functions | None = None,
    recipe: str | Recipe = "estim",
    sampling: Mapping[str, Any] | None = None,
    last_resorts: bool = False,
) -> Settled:
    """Samples a surrogate, certifies it, and corrects what the certificate finds, cheapest first.

    1. The surrogate's chains are made longer until they have met and their own Monte Carlo errors are small: this
       costs no true evaluation.
    2. A certificate. *Safe*: nothing is to be done. *Use the correction*: its weights, already paid for, move
       the margins, and their errors are within the tolerance.
    3. *Not certified*: the certificate's evaluations, which lie where the surrogate goes and beyond, teach it, with
       the border located where some have no likelihood (see `locate_border`), and all begins anew, at most
       `num_rounds` times. The next certificate uses other draws. Not where the training chains have not met: teachers
       that disagree teach no better the second time.
    4. If it is asked for, where weights were all that failed: draws are moved to the weights' moments (see
       `match_moments`), up to three quarters of a certificate's evaluations more, and another is made of all points.
    5. And then a tempered path from the last surrogate to the posterior (see `temper`): a hundred thousand evaluations
       and more. Its figures are known by how far populations differ.

    Args:
        posterior: the true posterior.
        surrogate: of `fit_surrogate`.
        evaluations: those the surrogate was trained on.
        rng_key: a JAX random key.
        num_evaluations: true ones, of each certificate.
        num_rounds: refinements, at most.
        training_chains, tolerance, functions: see `certify`.
        recipe: as in `fit_surrogate`.
        sampling: arguments of `sample_surrogate`.
        last_resorts: whether the last two steps are gone.

    Returns:
        The draws and what corrects them, certified or not.
    """
    judge = partial(
        certify_weighted,
        posterior,
        training_chains=training_chains,
        tolerance=tolerance,
        functions=functions,
        gradients=evaluations.gradient is not None,
    )
    story: list[str] = []
    certificates: list[Certificate] = []
    num_spent = 0
    for number in range(num_rounds + 1):
        key_sample, key_judge, key_fit = jax.random.split(jax.random.fold_in(rng_key, number), 3)
        draws = sample_until_met(
            surrogate, key_sample, tolerance, dict(sampling or {"num_samples": 200, "thin": 20})
        )
        weighted = weigh_draws(posterior, surrogate, draws.position, **weighing(num_evaluations))
        certificate = judge(surrogate, weighted, draws.position, key_judge)
        certificates.append(certificate)
        num_spent += certificate.num_evaluations
        story.append(_said(f"surrogate {number + 1}", certificate))
        if (
            certificate.verdict != "not certified"
            or number == num_rounds
            or not could_learn(certificate.conditions)
        ):
            break
        added = locate_border(posterior, weighted.evaluations)
        num_spent += len(added.loglikelihood) - len(weighted.weight)
        evaluations = concatenate_evaluations(evaluations, added)
        surrogate = fit_surrogate(posterior, evaluations, key_fit, recipe=recipe, noise=surrogate.noise)
    correction = _CORRECTIONS[certificate.verdict]
    weights_alone = all(c.path for c in certificate.conditions if c.refuses and c.met is False)
    last_resorts = last_resorts and correction == "failed" and weights_alone
    if last_resorts:
        few = max(num_evaluations // 4, 1)
        matched = match_moments(posterior, surrogate, weighted, draws.position, num_evaluations=few)
        if matched is not weighted:
            certificate = judge(surrogate, matched, draws.position, key_judge)
            certificates.append(certificate)
            num_spent += certificate.num_evaluations - len(weighted.weight)
            weighted = matched
            story.append(_said("moment matching", certificate))
            correction = "failed" if certificate.verdict == "not certified" else "moment matching"
    moved = certificate.margins[1] * certificate.shift * (correction not in ("none", "failed"))
    values = certificate.margins + moved
    error = np.hypot(certificate.draw_error, certificate.shift_error) * certificate.margins[1]
    if last_resorts and correction == "failed":
        draws = temper(posterior, surrogate, draws.position, jax.random.fold_in(rng_key, num_rounds + 1))
        num_spent += len(draws.evaluations.loglikelihood)
        values, error = population_margins(
            np.stack([quantities_at(posterior, functions, population) for population in draws.position])
        )
        known = [
            np.all(row < largest_error(looser, tolerance))
            for row, looser in zip(error / values[1], LOOSER.values(), strict=True)
        ]
        worst = f"its figures are known to {np.max(error / values[1]):.3f} posterior standard deviations"
        story.append(f"tempered path: {worst}, {'enough' if all(known) else 'not enough'}")
        correction = "tempered path" if all(known) else "failed"
    return Settled(
        correction,
        draws,
        weighted,
        values,
        error,
        tuple(certificates),
        tuple(story),
        surrogate,
        evaluations,
        num_spent,
    )


def _said(what: str, certificate: Certificate) -> str:
    return ", ".join([f"{what}: {certificate.verdict}", *filter(None, ["; ".join(certificate.reasons)])])


def sample_until_met(surrogate: Surrogate, rng_key: Key, tolerance: float, sampling: dict[str, Any]) -> Draws:
    """Draws of `sample_surrogate`, again with LONGER chains where they have not met, or with more draws of them."""
    for number in range(LENGTHENINGS + 1):
        draws = sample_surrogate(surrogate, jax.random.fold_in(rng_key, number), **sampling)
        met, enough = say_enough(draws.position, tolerance)
        if number == LENGTHENINGS or enough:
            break
        if met:
            longer = {"num_samples": draws.position.shape[1]}
        else:
            longer = {"thin": sampling.get("thin", 1), "num_warmup": sampling.get("num_warmup", 2000)}
        sampling = sampling | {name: LONGER * number for name, number in longer.items()}
    return draws


def say_enough(position: np.ndarray, tolerance: float) -> tuple[bool, bool]:
    """Whether chains ``[chain, draw, dim]`` have met, and whether their errors, too, leave room for the surrogate's."""
    rhat, effective = convergence(position)
    met = np.all(rhat < highest_rhat(len(position), tolerance)) and np.all(effective >= MIN_EFFECTIVE_DRAWS)
    error = margin_errors(np.asarray(position, float).reshape(-1, position.shape[-1]), effective)
    small = [np.all(4 * row < looser * tolerance) for row, looser in zip(error, LOOSER.values(), strict=True)]
    return bool(met), bool(met and all(small))
