"""Certificate: how far a surrogate's draws can be trusted, measured with the true posterior on its own chain."""

from typing import NamedTuple

import numpy as np

from estim.arguments import Positive, checked
from estim.posterior import Posterior
from estim.surrogate.correct import WeightedDraws, weigh_draws
from estim.surrogate.estimates import (
    RELIABLE_KHAT,
    Estimate,
    accept_probability,
    batch_means,
    kl_divergence,
)
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior
from estim.surrogate.fit import Surrogate, ensemble_loglikelihoods
from estim.surrogate.sample import propose
from estim.typing import Key

SAFE_DECISION = 0.0033
"""Wrong accepts and wrong rejects below this need no correction (Kase, Rigato and Rottner 2024 report 0.33 %)."""

SAFE_MEAN_SHIFT = 0.1
"""Largest shift of a posterior mean, in posterior standard deviations, that needs no correction."""


class Certificate(NamedTuple):
    """What `certify` found; ``print`` it.

    Attributes:
        wrong_accept: P(accepted by the surrogate, not by the true posterior) = E max(a_hat - a, 0).
        wrong_reject: the reverse, E max(a - a_hat, 0).
        pareto_khat: tail index of the importance weights p/p_hat on the surrogate's draws.
        kl_divergence: KL(p || p_hat) in nats.
        mean_shift: largest |E_p x - E_p_hat x| over the parameters, in posterior standard deviations,
            by importance weights.
        largest_error: largest error of the log-posterior, centred, inside the 99 % region.
        ensemble_calibration: root mean square error of the draws over the one that the
            members' spread predicts, 1 when the ensemble knows its errors; None with one member.
        num_failures: evaluated points at which the true posterior has no value.
        num_evaluations: true evaluations spent.
        verdict: ``"safe"``, ``"use the correction"`` or ``"refine"``.
    """

    wrong_accept: Estimate
    wrong_reject: Estimate
    pareto_khat: float
    kl_divergence: Estimate
    mean_shift: float
    largest_error: float
    ensemble_calibration: float | None
    num_failures: int
    num_evaluations: int
    verdict: str

    def __str__(self) -> str:
        calibration = (
            "one member" if self.ensemble_calibration is None else f"{self.ensemble_calibration:.2f}"
        )
        return "\n".join(
            [
                f"wrong accept         {_percent(self.wrong_accept)}",
                f"wrong reject         {_percent(self.wrong_reject)}",
                f"Pareto k-hat         {self.pareto_khat:.2f}",
                f"KL divergence        {self.kl_divergence.value:.4f} +- {self.kl_divergence.error:.4f} nats",
                f"largest mean shift   {self.mean_shift:.3f} posterior standard deviations",
                f"largest error        {self.largest_error:.2f} in log-posterior, inside the 99 % region",
                f"ensemble calibration {calibration}",
                f"true evaluations     {self.num_evaluations}, of which {self.num_failures} failed",
                f"verdict              {self.verdict}: {VERDICTS[self.verdict]}",
            ]
        )


VERDICTS = {
    "safe": "the surrogate's draws can be used as they are",
    "use the correction": "delayed acceptance or importance resampling makes the draws exact",
    "refine": "add true evaluations where the surrogate is unsure and train again",
}
"""What each verdict asks of the user."""


@checked
def certify(
    posterior: Posterior,
    surrogate: Surrogate,
    draws: np.ndarray,
    rng_key: Key,
    *,
    num_evaluations: Positive = 2000,
) -> Certificate:
    """Compares the surrogate with the true posterior along the surrogate's chain.

    Half of the evaluations are the chain's draws x, evenly spaced; the other half proposals
    x' ~ N(x, 2.38^2/dim * Sigma) of its random walk. With p the true posterior and p_hat the
    surrogate's, a = min(1, p(x')/p(x)) and a_hat = min(1, p_hat(x')/p_hat(x)).

    Safe: wrong accept and wrong reject, plus two standard errors, below SAFE_DECISION, no mean shifted
    by more than SAFE_MEAN_SHIFT, and k-hat below RELIABLE_KHAT. Use the correction: k-hat below
    RELIABLE_KHAT. Refine: otherwise.

    Args:
        draws: positions of the surrogate's chains, ``[chain, draw, dim]``.
        num_evaluations: of the true posterior.

    Raises:
        ValueError: fewer than 200 evaluations, or fewer draws than half of them.
    """
    num_pairs = num_evaluations // 2
    if num_pairs < 100:
        raise ValueError(f"a certificate needs at least 200 evaluations, not {num_evaluations}")
    weighted = weigh_draws(posterior, surrogate, draws, num_evaluations=num_pairs)
    return certify_weighted(posterior, surrogate, weighted, rng_key)


def certify_weighted(
    posterior: Posterior, surrogate: Surrogate, weighted: WeightedDraws, rng_key: Key
) -> Certificate:
    """The certificate of `certify` where the draws have been weighed already: only proposals are evaluated."""
    current, weight, khat, true_current = weighted
    num_pairs = len(current)
    proposal = propose(rng_key, current)
    points = np.concatenate([current, proposal])

    true = concatenate_evaluations(true_current, evaluate_posterior(posterior, proposal))
    members = ensemble_loglikelihoods(surrogate, points)
    true_loglikelihood = np.where(np.isnan(true.loglikelihood), -np.inf, true.loglikelihood)
    logprior = np.asarray(true.logprior)
    log_p = (true_loglikelihood + logprior).reshape(2, -1)
    log_p_hat = (members.mean(axis=0) + logprior).reshape(2, -1)
    a, a_hat = accept_probability(*log_p), accept_probability(*log_p_hat)
    wrong_accept = batch_means(np.maximum(a_hat - a, 0))
    wrong_reject = batch_means(np.maximum(a - a_hat, 0))

    log_weight = log_p[0] - log_p_hat[0]
    ran_away = np.isnan(weight).any()  # from the support of the posterior
    divergence = Estimate(np.inf, np.nan) if ran_away else kl_divergence(log_weight)
    shift = weight @ current - current.mean(axis=0)
    mean_shift = np.inf if ran_away else float(np.max(np.abs(shift) / current.std(axis=0)))
    error = np.full(num_pairs, -np.inf) if ran_away else log_weight - np.median(log_weight)
    inside = log_p_hat[0] >= np.quantile(log_p_hat[0], 0.01)

    decisions_safe = all(e.value + 2 * e.error < SAFE_DECISION for e in (wrong_accept, wrong_reject))
    if not khat < RELIABLE_KHAT:
        verdict = "refine"
    elif decisions_safe and mean_shift < SAFE_MEAN_SHIFT:
        verdict = "safe"
    else:
        verdict = "use the correction"
    return Certificate(
        wrong_accept=wrong_accept,
        wrong_reject=wrong_reject,
        pareto_khat=khat,
        kl_divergence=divergence,
        mean_shift=mean_shift,
        largest_error=float(np.max(np.abs(error[inside]))),
        ensemble_calibration=None if ran_away else ensemble_calibration(members[:, :num_pairs], error),
        num_failures=int(np.sum(~np.isfinite(true_loglikelihood))),
        num_evaluations=2 * num_pairs,
        verdict=verdict,
    )


def ensemble_calibration(members: np.ndarray, error: np.ndarray) -> float | None:
    """rms(error) / rms(predicted error) of the mean of ``members`` ``[num_members, n]``; None with one member.

    The mean of m independent members errs with variance s^2/m when they scatter with variance s^2.
    Both sides are taken about their median draw, for a constant does not matter to a posterior, and
    beyond the 99 % quantile, or where there is no true value, they are left out.
    """
    if len(members) == 1:
        return None
    deviation = members - members.mean(axis=0)
    deviation = deviation - np.median(deviation, axis=1, keepdims=True)
    predicted = np.sum(deviation**2, axis=0) / (len(members) - 1) / len(members)
    central = np.abs(error) <= np.quantile(np.abs(error[np.isfinite(error)]), 0.99)
    return float(np.sqrt(np.mean(error[central] ** 2) / np.mean(predicted[central])))


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.3f} % +- {100 * estimate.error:.3f} %"
