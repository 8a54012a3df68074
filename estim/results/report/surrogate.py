"""The section on the surrogate: its certificate, slices, training and the points it learned from."""

from typing import Any

import numpy as np

from estim.results import figures
from estim.results.report.page import Item, decimals, digits, number, percent_pair
from estim.results.report.reading import LABELS, Report
from estim.surrogate.verdict import MAX_TRAINING_RHAT, VERDICTS


def surrogate_section(report: Report) -> list[Item]:
    certificate = report.certificate
    if certificate is None:
        return []
    run, surrogate = report.run, report.settings["surrogate"]
    fit = run.read_arrays("surrogate/network.npz")
    check = run.read_arrays("surrogate/check.npz")
    slices = run.read_arrays("slices.npz")
    proposals = run.read_arrays("proposals.npz")
    counts = {k.removeprefix("counts/"): int(v) for k, v in fit.items() if k.startswith("counts/")}
    trained_on = [LABELS.get(name, name) for name in surrogate["train_on"]]
    added = surrogate.get("num_refinement", 0)
    refined = f", and from {added:,} more where it was unsure" if added else ""
    again = run.has("surrogate/added.npz") and int(run.read_arrays("surrogate/added.npz")["round"])
    refined += ", and again from those of a certificate that was refused" if again else ""
    return [
        report.text(
            "A neural network learned the log-likelihood from points that "
            f"{' and '.join(trained_on)} had evaluated anyway{refined} ("
            + ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in counts.items())
            + "); the prior is exact and is "
            "added to it. The certificate compares the two at points of the surrogate's own chains and a little "
            "beyond; what neither these nor the chains that taught it ever entered is not seen."
        ),
        report.table(
            ["", "estimate", "error", "meaning"],
            _certificate_rows(certificate),
            f"The certificate. {verdict_sentence(certificate)}",
            f"Estimated with {certificate['num_evaluations']:,} evaluations of the exact posterior, of which "
            f"{certificate['num_failures']:,} failed; {certificate['effective_evaluations']:,.0f} effective weights. "
            + "".join(f"Because {reason}. " for reason in certificate["reasons"]),
            left=(3,),
        ),
        _conditions_table(report, certificate),
        _correction_table(report, check, certificate),
        report.figure(
            figures.slice_figure(
                slices["grids"],
                slices["exact"],
                slices["surrogate"],
                report.titles,
                slices["mode"],
                proposals["proposed"],
            ),
            "Slices of the log-posterior",
            "The exact log-posterior and the surrogate's along each parameter, the others held at the mode (zero is "
            "the exact value there). The dashed line should lie on the broad one wherever the bar below says that "
            "there were points to learn from. After figure 1 of Kase, Rigato and Rottner (2024).",
        ),
        report.figure(
            figures.surrogate_fit_figure(
                {k: fit[f"history/{k}_loss"].mean(axis=1) for k in ("train", "validation")},
                check["exact"],
                check["surrogate"],
            ),
            "Training and error of the surrogate",
            "Left: the network's loss while it learned; a validation loss that turns upwards would mean that it "
            "learned the points by heart. Right: what error is left at points of the surrogate's chain; to a sampler "
            "only its spread matters.",
        ),
        report.figure(
            figures.proposal_figure(proposals["proposed"], proposals["accepted"], report.titles),
            "Proposed and accepted points",
            f"Where {trained_on[0]} looked and what it kept. The rejected points say what lies around the "
            "posterior: their spread should contain the posterior with room to spare. After figure 3 of Kase, "
            "Rigato and Rottner (2024).",
        ),
    ]


def _correction_table(report: Report, check: dict[str, np.ndarray], certificate: dict[str, Any]) -> Item:
    """The surrogate's means beside those that importance weights correct."""
    summary = report.summaries[LABELS["surrogate"]]
    rows = [
        [
            name,
            *(number(value, digits(std) + 1) for value in (mean, corrected, error)),
            number((mean - corrected) / std, 3),
            number(error / std, 3),
        ]
        for name, mean, corrected, error, std in zip(
            report.names, summary.mean, check["mean"], check["error"], summary.std, strict=True
        )
    ]
    trusted = certificate["verdict"] != "not certified"
    return report.table(
        ["", "mean", "corrected", "error", "gap/sd", "error/sd"],
        rows,
        "The surrogate's posterior means, and the same corrected.",
        f"{len(check['exact']):,} draws, some of them stretched outward, are weighed by the exact posterior (k̂ "
        f"{decimals(certificate['pareto_khat'], 2)}), with the surrogate as control variate; errors are Monte Carlo "
        "standard errors of the corrected means. "
        + ("" if trusted else "The certificate does not vouch for this correction."),
    )


def _conditions_table(report: Report, certificate: dict[str, Any]) -> Item:
    """What the word follows from, a row each."""
    said = {True: "yes", False: "no", None: "not looked at"}
    rows = [
        [what, said[met], found, wanted] for what, found, wanted, met, *_ in certificate.get("conditions", [])
    ]
    return report.table(
        ["", "met", "found", "wanted"],
        rows,
        "What the certificate asks.",
        "The word above follows from these. Errors are in posterior standard deviations; two standard errors "
        "count as error.",
        left=(1, 2, 3),
    )


def _certificate_rows(certificate: dict[str, Any]) -> list[list[str]]:
    c = certificate
    step = decimals(c["step_size"], 2)
    rows = [
        ["R̂", decimals(c["rhat"], 3), "", "of the surrogate's chains, nested where these are many"],
        [
            "R̂ of the training chains",
            decimals(c["training_rhat"], 3),
            "",
            f"wanted: below {MAX_TRAINING_RHAT}",
        ],
        [
            "wrong accept",
            *percent_pair(c["wrong_accept"]),
            f"E max(â − a, 0): accepted, though it should not be; at steps of {step}",
        ],
        [
            "wrong reject",
            *percent_pair(c["wrong_reject"]),
            f"E max(a − â, 0): rejected, though it should not be; at steps of {step}",
        ],
        [
            "Pareto k̂",
            decimals(c["pareto_khat"], 2),
            "",
            f"below {decimals(c['reliable_khat'], 2)} so many importance weights can be trusted",
        ],
        ["KL divergence", *(decimals(v, 4) for v in c["kl_divergence"]), "nats, from exact to surrogate"],
        ["total variation", *percent_pair(c["total_variation"]), "largest error of any probability"],
        ["mean shift", decimals(c["mean_shift"], 3), "", "largest, in posterior sd, by importance weights"],
        ["sd shift", decimals(c["sd_shift"], 3), "", "largest, relative, by the same weights"],
        ["quantile shift", decimals(c["quantile_shift"], 3), "", "largest of 5 and 95 %, in posterior sd"],
        ["largest error", decimals(c["largest_error"], 2), "", "log points, inside the 99 % region"],
    ]
    if c["ensemble_calibration"] is not None:
        meaning = "actual over predicted error of the ensemble; 1 is perfect"
        rows.append(["ensemble", decimals(c["ensemble_calibration"], 2), "", meaning])
    if c.get("stein") is not None:
        value, probability = c["stein"]
        meaning = f"kernel discrepancy from the exact gradient; as large with probability {probability:.2f}"
        rows.append(["Stein discrepancy", decimals(value, 4), "", meaning])
    if c.get("noise") is not None:
        variance, share, alone = c["noise"]
        meaning = f"its variance; evaluations count {100 * share:.0f} %, total variation of its own {100 * alone:.1f} %"
        rows.append(["noise of the log-likelihood", decimals(variance, 2), "", meaning])
    return rows


def correction_sentence(report: Report) -> str:
    """How far the importance weights move the surrogate's means."""
    check, summary = report.run.read_arrays("surrogate/check.npz"), report.summaries[LABELS["surrogate"]]
    gaps = np.abs(summary.mean - check["mean"]) / summary.std
    worst = int(np.argmax(gaps))
    error = check["error"][worst] / summary.std[worst]
    return (
        f"Corrected by {len(check['exact']):,} importance weights, no posterior mean moves by more than "
        f"{gaps[worst]:.3f} ± {error:.3f} posterior standard deviations ({report.names[worst]})."
    )


def verdict_sentence(certificate: dict[str, Any]) -> str:
    """The word of the certificate and what it means."""
    word = certificate["verdict"]
    return f"{word[0].upper()}{word[1:]}: {VERDICTS[word]}."


def certificate_sentence(certificate: dict[str, Any]) -> str:
    accept, reject = (" ± ".join(percent_pair(certificate[k])) for k in ("wrong_accept", "wrong_reject"))
    because = f" First reason: {certificate['reasons'][0]}." if certificate["reasons"] else ""
    return (
        f"{verdict_sentence(certificate)}{because} At steps of {decimals(certificate['step_size'], 2)} it accepts "
        f"wrongly with probability {accept} and rejects wrongly with probability {reject}, over "
        f"{certificate['num_evaluations']:,} exact evaluations."
    )
