"""How many true evaluations a surrogate of a DSGE posterior needs, by what it learns from.

An and Schorfheide (2007) on US data, steady-state inflation and growth at their sample means, which leaves 11
estimated parameters (`--all` estimates all 13). Each row is a surrogate and its certificate over `--pairs` pairs:
wrong accepts and wrong rejects in per cent, with the true evaluations that it learnt from (those of the
chains' start included, those of the search for the mode not). "chains": points that multi-proposal
Metropolis has visited; "refined": 1,250 of these, the rest added by `estim.refine`. The last line is JSON.
"""

import argparse
import json
import time
from dataclasses import replace

import jax
import numpy as np

import estim
from estim.surrogate.certify import certify

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--all", action="store_true", help="estimate all 13 parameters")
parser.add_argument("--pairs", type=int, default=4000, help="pairs of a certificate")
arguments = parser.parse_args()

model = estim.load_model("an_schorfheide_2007")
data = estim.load_data("us_nk", start="1983Q1", end="2002Q4")
if not arguments.all:
    means = {"piA": float(data["INFL"].mean()), "gammaQ": float(data["YGR"].mean())}
    model = replace(model, prior=model.prior._replace(**means))
posterior = estim.build_posterior(model, data)
LONG = estim.Recipe(max_steps=60_000, num_epochs=1000)
line: dict = {"benchmark": "surrogate_accuracy", "parameters": len(posterior.param_names)}


def key(number):
    return jax.random.fold_in(jax.random.key(0), number)


def judge(label, fit):
    """Fit, certify, print; returns what was fitted."""
    begin = time.perf_counter(), time.process_time()
    fitted, evaluations = fit()
    seconds, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    draws = estim.sample_surrogate(fitted, key(2), num_samples=200, thin=20)
    certificate = certify(posterior, fitted, draws.position, key(3), num_evaluations=2 * arguments.pairs)
    line[label] = {
        "evaluations": len(evaluations.loglikelihood),
        "wrong_accept_percent": [round(100 * value, 3) for value in certificate.wrong_accept],
        "wrong_reject_percent": [round(100 * value, 3) for value in certificate.wrong_reject],
        "pareto_khat": round(certificate.pareto_khat, 2),
        "ensemble_calibration": certificate.ensemble_calibration
        and round(certificate.ensemble_calibration, 2),
        "verdict": certificate.verdict,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }
    print(f"{label:32s} {line[label]}", flush=True)
    return fitted, evaluations


def learn(points, recipe="estim"):
    return lambda: (estim.fit_surrogate(posterior, points, key(1), recipe=recipe), points)


def refine(fitted, num, recipe="estim", gradient=True):
    return lambda: estim.refine(
        posterior, *fitted, key(4), num_evaluations=num, recipe=recipe, gradient=gradient
    )


def first(points, num):
    return jax.tree.map(lambda rows: rows[:num], points)


values = estim.sample(
    posterior, "mpmh", key(0), num_samples=2500, num_chains=4, num_warmup=0, num_proposals=4
).evaluations
some = estim.evaluate_posterior(posterior, np.asarray(values.position[:5000]), gradient=True)

judge("paper's recipe, values, 5,000", learn(first(values, 5000), "paper"))
judge("chains, values, 5,000", learn(first(values, 5000)))
judge("chains, gradients, 5,000", learn(some))
fitted = judge("chains, gradients, 1,250", learn(first(some, 1250)))
fitted = judge("refined, gradients, 2,500", refine(fitted, 1250))
fitted = judge("refined, gradients, 5,000", refine(fitted, 2500))
judge("refined, gradients, 20,000", refine(fitted, 15_000, LONG))
judge("chains, values, 40,000", learn(values))
print(json.dumps(line))
