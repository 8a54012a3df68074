"""What NUTS costs on the problems of certificate.py: gradients for each effective draw, beside what a surrogate took.

    python experiments/certificate_nuts.py [--half even|odd] [--minutes MINUTES]

Four chains of 500 steps after a warm-up of 500, which counts, and as many more as 1,000 effective draws need. The
surrogate's evaluations are those that taught it (its teacher's 4,000 or fewer, those that located a border) and those
of its certificates, which have 2,400 weighted points. A gradient counts as one evaluation, though it takes two to four
times as long. A line of results/certificate_nuts.jsonl for each problem, that another call does not do again. The last
line is JSON: medians over problems, by family.
"""

import argparse
import json
import time

import arviz
import jax
import numpy as np
from certificate import FILE, NUM_EVALUATIONS, is_model, order
from certificate_problems import FEW, POINTS, make_problem

import estim

COSTS = FILE.with_name("certificate_nuts.jsonl")
EFFECTIVE = 1_000
"""Effective draws that both are asked for."""

WARMUP, SAMPLES, CHAINS = 500, 500, 4


def cost(number: int) -> dict:
    """Gradients of NUTS for EFFECTIVE draws of the parameter that has the fewest, warm-up included."""
    problem = make_problem(number)
    draws = estim.sample(
        problem.posterior,
        "nuts",
        jax.random.key(number),
        num_samples=SAMPLES,
        num_warmup=WARMUP,
        num_chains=CHAINS,
    )
    steps = float(np.mean(draws.stats["n_steps"]))
    least = min(float(arviz.ess(one)) for one in np.moveaxis(np.asarray(draws.position, float), -1, 0))
    gradients = steps * CHAINS * (WARMUP + SAMPLES * EFFECTIVE / least)
    return {
        "number": number,
        "family": problem.family,
        "dim": problem.dim,
        "effective": round(least),
        "nuts": round(gradients),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=("even", "odd", "both"), default="both")
    parser.add_argument("--minutes", type=float, default=np.inf)
    arguments = parser.parse_args()
    studied = {line["number"]: line for line in map(json.loads, FILE.open())}
    wanted = [n for n in studied if not is_model(n) and arguments.half in ("both", ("even", "odd")[n % 2])]
    lines = [json.loads(line) for line in COSTS.open()] if COSTS.exists() else []
    end = time.perf_counter() + 60 * arguments.minutes
    for number in sorted(set(wanted) - {line["number"] for line in lines}, key=order):
        if time.perf_counter() > end:
            break
        lines.append(cost(number))
        with COSTS.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
    found: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        study = studied[line["number"]]
        taught = FEW * (line["dim"] + 1) if "few points" in study["family"] else POINTS
        ours = taught + study["located"] + study["evaluations"]
        found.setdefault(study["family"].split(",")[0], []).append((ours, line["nuts"]))
    medians = {family: np.median(rows, axis=0).astype(int).tolist() for family, rows in found.items()}
    print(f"{'':22}{'surrogate':>12}{'NUTS':>12}")
    for family, (ours, nuts) in medians.items():
        print(f"{family:22}{ours:12,}{nuts:12,}")
    print(json.dumps({"effective": EFFECTIVE, "certificate": NUM_EVALUATIONS, "medians": medians}))


if __name__ == "__main__":
    main()
