"""Certificate: what true evaluations at a surrogate's draws, and beyond them, say of its posterior."""

from functools import partial
from typing import NamedTuple

import numpy as np

from estim.arguments import Positive, PositiveReal, checked
from estim.posterior import Posterior
from estim.surrogate.correct import (
    Functions,
    WeightedDraws,
    log_mass_ratio,
    quantities_at,
    surrogate_logdensity,
    usable_logdensity,
    weigh_draws,
)
from estim.surrogate.estimates import (
    Estimate,
    accept_probability,
    batch_means,
    convergence,
    divergences,
    evenly_spaced,
    highest_rhat,
    jackknife,
    margin_errors,
    margin_shifts,
    margins,
    missing_mass,
    rank_rhat,
    reliable_khat,
    tail_khat,
)
from estim.surrogate.evaluate import evaluate_posterior, score_at
from estim.surrogate.fit import Surrogate, ensemble_loglikelihoods
from estim.surrogate.noise import NoiseCost, noise_cost
from estim.surrogate.recipe import MIN_MEMBERS
from estim.surrogate.sample import propose, tune_step
from estim.surrogate.stein import NUM_POINTS, SteinTest, stein_test
from estim.surrogate.verdict import TOLERANCE, VERDICTS, Condition, Findings, judge
from estim.typing import Key


class Certificate(NamedTuple):
    """What `certify` found; ``print`` it.

    Attributes:
        rhat: largest R-hat of the surrogate's chains, of many short ones the nested one.
        training_rhat: the same of the exact chains that taught it; None where they were not given.
        wrong_accept: P(accepted by the surrogate, not by the true posterior) = E max(a_hat - a, 0).
        wrong_reject: the reverse, E max(a - a_hat, 0). The two are shown and decide nothing.
        step_size: of the proposals that these two belong to, in units of the draws' covariance; the surrogate
            accepts TARGET_ACCEPTANCE of them, to which its sampler tunes.
        pareto_khat: tail index of the importance weights.
        reliable_khat: what it must lie below, for so many weights.
        kl_divergence: KL(p || p_hat) in nats.
        total_variation: largest error of any posterior probability.
        missing: the same seen from draws of the training chains: posterior mass where the surrogate has too little;
            None where they were not given.
        chi_square: chi-square(p || p_hat), the variance of p/p_hat over draws of the surrogate.
        mean_shift: largest |E_p x - E_p_hat x| over the quantities, in the surrogate's standard deviations.
        sd_shift: largest |sd_p / sd_p_hat - 1|.
        quantile_shift: largest shift of a 5 or 95 % quantile, in the surrogate's standard deviations.
        quantities: names of the parameters and of the user's functions.
        margins: of the draws, mean, standard deviation, 5 and 95 % quantile, ``[4, quantities]``.
        shift: these by quantity, ``[4, quantities]``: mean, standard deviation, 5 % and 95 % quantile, true less
            surrogate's, of the parameters in their own units and of the functions.
        shift_error: their standard errors.
        draw_error: the Monte Carlo errors of the draws' own figures, alike.
        largest_error: largest error of the log-posterior, centred, inside the 99 % region.
        ensemble_calibration: root mean square error of the draws over the one that the
            members' spread predicts, 1 when the ensemble knows its errors; None with fewer than MIN_MEMBERS.
        effective_evaluations: 1 / sum of squared weights.
        num_failures: evaluated points at which the true posterior has no value.
        num_evaluations: true evaluations spent.
        tolerance: what was asked for.
        conditions: of the claim, in their order.
        verdict: ``"safe"``, ``"use the correction"`` or ``"not certified"``.
        reasons: why it is not safe: the conditions that are not met.
        noise: what that of the log-likelihood costs, if it has some. Each evaluation has random numbers of its own, so
            that weights are right on average; divergences, calibration and the largest error contain the noise.
        stein: kernel Stein discrepancy of some draws, where gradients were asked for; it decides nothing.
    """

    rhat: float
    training_rhat: float | None
    wrong_accept: Estimate
    wrong_reject: Estimate
    step_size: float
    pareto_khat: float
    reliable_khat: float
    kl_divergence: Estimate
    total_variation: Estimate
    missing: Estimate | None
    chi_square: Estimate
    mean_shift: float
    sd_shift: float
    quantile_shift: float
    quantities: tuple[str, ...]
    margins: np.ndarray
    shift: np.ndarray
    shift_error: np.ndarray
    draw_error: np.ndarray
    largest_error: float
    ensemble_calibration: float | None
    effective_evaluations: float
    num_failures: int
    num_evaluations: int
    tolerance: float
    conditions: tuple[Condition, ...]
    verdict: str
    reasons: tuple[str, ...]
    noise: NoiseCost | None = None
    stein: SteinTest | None = None

    def __str__(self) -> str:
        c = self
        training_rhat = "not looked at" if c.training_rhat is None else f"{c.training_rhat:.3f}"
        calibration = "none" if c.ensemble_calibration is None else f"{c.ensemble_calibration:.2f}"
        lines = [
            f"R-hat                {c.rhat:.3f}; of the training chains {training_rhat}",
            f"wrong accept         {_percent(c.wrong_accept)} at steps of {c.step_size:.2f}",
            f"wrong reject         {_percent(c.wrong_reject)}",
            f"Pareto k-hat         {c.pareto_khat:.2f}, wanted below {c.reliable_khat:.2f}",
            f"KL divergence        {c.kl_divergence.value:.4f} +- {c.kl_divergence.error:.4f} nats",
            f"total variation      {_percent(c.total_variation)}",
            f"chi-square           {c.chi_square.value:.3g} +- {c.chi_square.error:.2g}",
            f"largest mean shift   {c.mean_shift:.3f} posterior standard deviations",
            f"largest sd shift     {100 * c.sd_shift:.1f} %",
            f"largest 5 or 95 % quantile shift {c.quantile_shift:.3f} posterior standard deviations",
            f"largest error        {c.largest_error:.2f} in log-posterior, inside the 99 % region",
            f"ensemble calibration {calibration}",
            f"true evaluations     {c.num_evaluations}, of which {c.num_failures} failed; "
            f"{c.effective_evaluations:.0f} effective weights",
            f"verdict              {c.verdict}: {VERDICTS[c.verdict]}",
        ]
        lines += [] if c.stein is None else [f"Stein discrepancy    {c.stein}"]
        lines += [] if c.noise is None else [f"noise                {c.noise}"]
        lines += [f"                     because {reason}" for reason in c.reasons]
        marks = {True: "yes", False: "NO ", None: "?  "}
        lines.append(f"conditions           at a tolerance of {c.tolerance:g} posterior standard deviations")
        lines += [f"    {marks[c.met]}  {c.what}: {c.found}, wanted {c.wanted}" for c in c.conditions]
        return "\n".join(lines)


@checked
def certify(
    posterior: Posterior,
    surrogate: Surrogate,
    draws: np.ndarray,
    rng_key: Key,
    *,
    num_evaluations: Positive = 2000,
    training_chains: np.ndarray | None = None,
    tolerance: PositiveReal = TOLERANCE,
    functions: Functions | None = None,
    gradients: bool = False,
) -> Certificate:
    """Compares the surrogate with the true posterior along the surrogate's chain, a little beyond, and at exact draws.

    Two fifths of the evaluations are the chain's draws x, evenly spaced; one fifth are draws stretched outward
    (`estim.surrogate.stretch`); one fifth draws of the training chains, where these are given; the rest
    proposals x' of the surrogate's random walk, with a step at which it
    accepts TARGET_ACCEPTANCE. With p the true posterior and p_hat the surrogate's, a = min(1, p(x')/p(x)) and
    a_hat = min(1, p_hat(x')/p_hat(x)). What follows from the figures is in `judge`. A region that neither
    the surrogate's chains nor the training chains' ever entered is not seen.

    Args:
        posterior: the true posterior.
        surrogate: of `fit_surrogate`.
        rng_key: of the proposals and the stretched points.
        draws: positions of the surrogate's chains, ``[chain, draw, dim]``.
        num_evaluations: of the true posterior.
        training_chains: positions of the exact chains that taught it, ``[chain, draw, dim]``: their R-hat is looked
            at, and what the surrogate says of their draws.
        tolerance: by how much of itself a standard deviation may be wrong; means by twice, and 5 and 95 % quantiles by
            three times as many posterior standard deviations. The verdict follows from it.
        functions: the user's own quantities by name, functions of positions ``[n, dim]`` that give ``[n]``; they are
            judged as the parameters are.
        gradients: whether they are cheap: 250 more evaluations have them, for a kernel Stein discrepancy.

    Returns:
        The certificate: its word, its conditions and the figures behind it.

    Raises:
        ValueError: fewer than 200 evaluations, or fewer draws than three fifths of them, or a draw that is not finite.
    """
    if num_evaluations < 200:
        raise ValueError(f"a certificate needs at least 200 evaluations, not {num_evaluations}")
    weighted = weigh_draws(posterior, surrogate, draws, **weighing(num_evaluations))
    return certify_weighted(
        posterior,
        surrogate,
        weighted,
        draws,
        rng_key,
        training_chains=training_chains,
        tolerance=tolerance,
        functions=functions,
        gradients=gradients,
    )


def weighing(num_evaluations: int) -> dict[str, int]:
    """The arguments of `weigh_draws` that leave a certificate one evaluation for a proposal of each plain draw."""
    num_plain = 2 * num_evaluations // 5
    return {"num_evaluations": num_evaluations - num_plain, "num_stretched": num_evaluations - 2 * num_plain}


def certify_weighted(
    posterior: Posterior,
    surrogate: Surrogate,
    weighted: WeightedDraws,
    draws: np.ndarray,
    rng_key: Key,
    *,
    training_chains: np.ndarray | None = None,
    tolerance: float = TOLERANCE,
    functions: Functions | None = None,
    gradients: bool = False,
) -> Certificate:
    """The certificate of `certify` where the draws have been weighed already: only the rest is evaluated."""
    plain = weighted.position[weighted.plain]
    log_p = usable_logdensity(weighted.evaluations)
    log_p_hat = surrogate_logdensity(surrogate, weighted.position)
    num_reference = 0 if training_chains is None else min(len(plain) // 2, training_chains[..., 0].size)
    chosen = np.linspace(0, len(plain) - 1, len(plain) - num_reference).astype(int)
    current, now, now_hat = plain[chosen], log_p[weighted.plain][chosen], log_p_hat[weighted.plain][chosen]
    step = tune_step(lambda x: surrogate_logdensity(surrogate, x), rng_key, current, now_hat)
    proposal = propose(rng_key, current, step)
    true = usable_logdensity(evaluate_posterior(posterior, proposal, anew=True))
    a = accept_probability(now, true)
    a_hat = accept_probability(now_hat, surrogate_logdensity(surrogate, proposal))

    quantities = partial(quantities_at, posterior, functions)
    names = (*posterior.param_names, *(functions or ()))
    flat = quantities(np.reshape(draws, (-1, plain.shape[1])))
    rhat, effective_draws = convergence(flat.reshape(*draws.shape[:2], -1))
    training_rhat = missing = None
    if training_chains is not None:
        training_rhat = rank_rhat(training_chains)
        reference = evenly_spaced(training_chains, num_reference)
        true_there = usable_logdensity(evaluate_posterior(posterior, reference, anew=True))
        missing = missing_mass(
            true_there - surrogate_logdensity(surrogate, reference) - log_mass_ratio(weighted, log_p_hat)
        )

    at = plain[np.linspace(0, len(plain) - 1, NUM_POINTS * gradients).astype(int)]
    weights = weighted.weight, weighted.surrogate_weight
    learnt, values = margins(flat), quantities(weighted.position)
    shift, shift_error = jackknife(partial(margin_shifts, learnt), values, *weights)
    draw_error = margin_errors(flat, effective_draws)
    apart, apart_error = jackknife(divergences, *weights)
    total_variation = Estimate(float(apart[1]), float(apart_error[1]))
    findings = Findings(
        names=names,
        rhat=rhat,
        max_rhat=highest_rhat(len(draws), tolerance),
        training_rhat=training_rhat,
        effective_draws=effective_draws,
        failed_share=float(np.mean(np.isneginf(log_p[weighted.plain]))),
        pareto_khat=weighted.pareto_khat,
        reliable_khat=reliable_khat(min(len(weighted.weight), float(np.min(effective_draws)))),
        effective_evaluations=weighted.effective_sample_size,
        shift=shift,
        shift_error=shift_error,
        error=np.hypot(shift_error, draw_error),
        tail_khat=tail_khat(learnt, values, weighted.weight),
        total_variation=total_variation,
        missing=missing,
        tolerance=tolerance,
    )
    verdict, conditions = judge(findings)
    error, calibration = _errors(
        surrogate, plain, (log_p - log_p_hat)[weighted.plain], log_p_hat[weighted.plain]
    )
    largest = np.max(np.abs(shift), axis=1)
    return Certificate(
        rhat=float(np.max(rhat)),
        training_rhat=None if training_rhat is None else float(np.max(training_rhat)),
        wrong_accept=batch_means(np.maximum(a_hat - a, 0)),
        wrong_reject=batch_means(np.maximum(a - a_hat, 0)),
        step_size=step,
        pareto_khat=findings.pareto_khat,
        reliable_khat=findings.reliable_khat,
        kl_divergence=Estimate(float(apart[0]), float(apart_error[0])),
        total_variation=total_variation,
        missing=missing,
        chi_square=Estimate(float(apart[2]), float(apart_error[2])),
        mean_shift=float(largest[0]),
        sd_shift=float(largest[1]),
        quantile_shift=float(largest[2:].max()),
        quantities=names,
        margins=learnt.figures,
        shift=shift,
        shift_error=shift_error,
        draw_error=draw_error,
        largest_error=error,
        ensemble_calibration=calibration,
        effective_evaluations=findings.effective_evaluations,
        num_failures=int(np.sum(np.isneginf(log_p)) + np.sum(np.isneginf(true))),
        num_evaluations=len(log_p) + len(true) + num_reference + len(at),
        tolerance=tolerance,
        conditions=conditions,
        verdict=verdict,
        reasons=tuple(c.otherwise for c in conditions if c.met is False),
        noise=None if surrogate.noise is None else noise_cost(surrogate.noise, plain),
        stein=stein_test(at, score_at(posterior, at)) if gradients else None,
    )


def _errors(
    surrogate: Surrogate, draws: np.ndarray, log_ratio: np.ndarray, log_p_hat: np.ndarray
) -> tuple[float, float | None]:
    """Largest error of the log-posterior inside the 99 % region, and the ensemble's calibration.

    A constant does not matter to a posterior, so errors are taken about their median; a draw that failed
    is infinitely wrong.
    """
    if not np.isfinite(log_ratio).any():
        return np.inf, None
    error = log_ratio - np.median(log_ratio[np.isfinite(log_ratio)])
    inside = log_p_hat >= np.quantile(log_p_hat, 0.01)
    calibration = ensemble_calibration(ensemble_loglikelihoods(surrogate, draws), error)
    return float(np.max(np.abs(error[inside]))), calibration


def ensemble_calibration(members: np.ndarray, error: np.ndarray) -> float | None:
    """rms(error) / rms(predicted error) of the mean of ``members`` ``[num_members, n]``; None with few of them.

    The mean of m independent members errs with variance s^2/m when they scatter with variance s^2.
    Both sides are taken about their median draw, for a constant does not matter to a posterior, and
    beyond the 99 % quantile, or where there is no true value, they are left out.
    """
    if len(members) < MIN_MEMBERS:
        return None
    deviation = members - members.mean(axis=0)
    deviation = deviation - np.median(deviation, axis=1, keepdims=True)
    predicted = np.sum(deviation**2, axis=0) / (len(members) - 1) / len(members)
    central = np.abs(error) <= np.quantile(np.abs(error[np.isfinite(error)]), 0.99)
    with np.errstate(divide="ignore", invalid="ignore"):  # members that agree to the last bit
        return float(np.sqrt(np.mean(error[central] ** 2) / np.mean(predicted[central])))


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.3f} % +- {100 * estimate.error:.3f} %"
