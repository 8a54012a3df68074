"""How often is a certificate wrong? More than three hundred adversarial posteriors whose margins are known.

    python experiments/certificate.py [--file FILE] [--half even|odd|fresh] [--minutes MINUTES]

For each problem of certificate_problems.py and certificate_models.py a surrogate is taught, refined, sampled,
certified and, where its certificate asks for it, corrected. *Wrong* is a posterior some mean of which is off by more
than 0.1 posterior standard deviations, some standard deviation by more than 5 %, or some 5 or 95 % quantile by more
than 0.15. A false "safe" is wrong and called safe; a false alarm is another word for what is not wrong. Even numbers
were looked at while the certificate was made; odd ones were held out and then looked at; fresh ones are held out. A
mode that no point of the teacher ever saw is beyond the claim and counted apart. A line of the file for each problem,
that another call does not do again: remove the file when the certificate has changed. The last line is JSON.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import numpy as np
from certificate_models import FIRST, KINDS, NUM_MODELS, make_model_problem
from certificate_problems import FAMILIES, FRESH, Problem, dimension, make_problem

import estim
from estim.surrogate.settle import settle

FILE = Path(__file__).parent / "results" / "certificate.jsonl"
HALVES = {
    "even": range(0, FIRST + NUM_MODELS, 2),
    "odd": range(1, FIRST + NUM_MODELS, 2),
    "fresh": range(FRESH + 1, FRESH + FIRST + NUM_MODELS, 2),
}
NUM_EVALUATIONS = 4_000
LIMITS = {"mean": 0.1, "sd": 0.05, "quantile": 0.15}
REFINED = 2_000
"""Evaluations that refine a surrogate before it is certified."""

RECIPE = estim.Recipe(num_members=5, max_steps=6_000)


def errors_of(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Largest errors over the parameters, of margins ``[4, dim]``, in the true standard deviations."""
    mean, sd, low, high = np.max(np.abs(found - truth) / truth[1], axis=1)
    return {"mean": float(mean), "sd": float(sd), "quantile": float(max(low, high))}


def is_wrong(errors: dict[str, float]) -> bool:
    return not all(errors[name] <= limit for name, limit in LIMITS.items())


SAMPLING = {"num_samples": 100, "num_chains": 256, "num_warmup": 1_000, "thin": 10}


def run(problem: Problem) -> dict:
    """One line of the table: the first certificate, and what is handed out after the correction it advises."""
    key = jax.random.key(1_000 + problem.number)
    clock = time.perf_counter()
    points = estim.locate_border(problem.posterior, problem.points)
    surrogate = estim.fit_surrogate(problem.posterior, points, key, recipe=RECIPE)
    surrogate, points = estim.refine(
        problem.posterior,
        surrogate,
        points,
        jax.random.fold_in(key, 2),
        num_evaluations=REFINED,
        gradient=points.gradient is not None,
        recipe=RECIPE,
    )
    taught = time.perf_counter()
    settings = {"num_evaluations": NUM_EVALUATIONS, "training_chains": problem.chains, "sampling": SAMPLING}
    settled = settle(
        problem.posterior, surrogate, points, jax.random.fold_in(key, 1), recipe=RECIPE, **settings
    )
    done = time.perf_counter()
    first, last = settled.certificates[0], settled.certificates[-1]
    errors, ended, corrected = (
        errors_of(margins, problem.truth) for margins in (first.margins, last.margins, settled.margins)
    )
    return {
        "number": problem.number,
        "family": problem.family + (", few points" if problem.few else ""),
        "dim": problem.dim,
        "unseen": problem.unseen,
        "errors": errors,
        "wrong": is_wrong(errors),
        "verdict": first.verdict,
        "reasons": first.reasons,
        "pareto_khat": float(first.pareto_khat),
        "rhat": first.rhat,
        "ended": ended,
        "ended_wrong": is_wrong(ended),
        "ended_verdict": last.verdict,
        "correction": settled.correction,
        "corrected": corrected,
        "corrected_wrong": is_wrong(corrected),
        "last_reasons": last.reasons if not settled.certified else (),
        "certified": settled.certified,
        "surrogates": len(settled.certificates),
        "evaluations": settled.num_evaluations,
        "located": len(points.loglikelihood) - len(problem.points.loglikelihood),
        "seconds": [round(b - a, 2) for a, b in ((clock, taught), (taught, done))],
    }


def table(lines: list[dict]) -> dict:
    """Printed by family; the counts of all."""
    groups = [*FAMILIES, *dict.fromkeys(kind.family for kind in KINDS), "few points"]
    print(
        f"{'':22}{'n':>4}{'wrong':>7}{'safe':>6}{'false safe':>12}{'false alarm':>13}{'certified':>11}{'wrongly':>9}"
    )
    for name in groups:
        print(f"{name:22}" + _row(count([x for x in lines if _in(x, name)])))
    total = count(lines)
    print(f"{'all':22}" + _row(total))
    for line in lines:
        if line["unseen"] is False and (false_safe(line) or (certified(line) and wrong_after(line))):
            print(
                "failure:",
                line["number"],
                line["family"],
                line["dim"],
                line["verdict"],
                line["errors"],
                line.get("corrected"),
            )
    return total


def _in(line: dict, group: str) -> bool:
    return line["family"] == group or (group == "few points" and line["family"].endswith(group))


def _row(c: dict) -> str:
    return (
        f"{c['problems']:4}{c['wrong']:7}{c['safe']:6}{c['false_safe']:12}{c['false_alarms']:13}"
        f"{c['certified']:11}{c['wrongly_certified']:9}"
    )


def false_safe(line: dict) -> bool:
    return line["verdict"] == "safe" and line["wrong"]


def certified(line: dict) -> bool:
    """Safe as it is, or after the correction."""
    return line["certified"]


def wrong_after(line: dict) -> bool:
    return line["corrected_wrong"]


def count(lines: list[dict]) -> dict:
    seen = [line for line in lines if not line["unseen"]]
    return {
        "problems": len(seen),
        "unseen": len(lines) - len(seen),
        "unseen_safe": sum(line["verdict"] == "safe" for line in lines if line["unseen"]),
        "wrong": sum(line["wrong"] for line in seen),
        "safe": sum(line["verdict"] == "safe" for line in seen),
        "false_safe": sum(map(false_safe, seen)),
        "right": sum(not line["wrong"] for line in seen),
        "false_alarms": sum(not line["wrong"] and line["verdict"] != "safe" for line in seen),
        "certified": sum(map(certified, seen)),
        "wrongly_certified": sum(certified(line) and wrong_after(line) for line in seen),
    }


def order(number: int) -> tuple[bool, int]:
    """Models last; problems of one dimension, which share programs, together."""
    return (True, number) if is_model(number) else (False, dimension(number))


def is_model(number: int) -> bool:
    return number % FRESH >= FIRST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--half", choices=HALVES, default="even")
    parser.add_argument("--minutes", type=float, default=np.inf)
    parser.add_argument("--every", type=int, default=1, help="only each so many-th problem of the half")
    arguments = parser.parse_args()
    numbers = HALVES[arguments.half][:: arguments.every]
    lines = [json.loads(line) for line in arguments.file.open()] if arguments.file.exists() else []
    end = time.perf_counter() + 60 * arguments.minutes
    for number in sorted(set(numbers) - {line["number"] for line in lines}, key=order):
        if time.perf_counter() > end:
            break
        lines.append(run(make_model_problem(number) if is_model(number) else make_problem(number)))
        with arguments.file.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
        print(*(lines[-1][k] for k in ("number", "family", "dim", "verdict", "wrong", "seconds")), flush=True)
    lines = [line for line in lines if line["number"] in numbers]
    print(json.dumps({"half": arguments.half} | table(lines)))


if __name__ == "__main__":
    main()
