"""The posterior of ten parameters of a lower bound, by inversion: NUTS alone, and a surrogate taught by a random walk.

    python experiments/benchmarks/lower_bound_posterior.py [nuts] [surrogate]

Three equations and 150 quarters of `lower_bound.py`. Each way is timed from the data to its draws, compilation
included: NUTS to draws whose R-hat and smallest effective size are shown, the surrogate to its certificate. The last
line is JSON.
"""

import json
import sys
import time
from typing import Any

import jax
import numpy as np
import pandas as pd
from lower_bound import MODEL, simulate

import estim
from estim.results.diagnostics import summarise
from estim.samplers.constrain import constrain


def posterior() -> Any:
    data = pd.DataFrame(simulate(), columns=MODEL.observables._fields)
    return estim.build_posterior(
        MODEL, data, solver=estim.OccasionallyBinding(), likelihood=estim.Inversion()
    )


def said(params: np.ndarray) -> dict[str, Any]:
    """Means and standard deviations of ``[chain, draw, parameter]``, the least effective and the largest R-hat."""
    found = summarise(params)
    return {
        "mean": dict(zip(MODEL.estimated, np.round(found.mean, 4).tolist(), strict=True)),
        "sd": dict(zip(MODEL.estimated, np.round(found.std, 4).tolist(), strict=True)),
        "least effective": round(float(np.min(found.ess_bulk))),
        "largest R-hat": round(float(np.max(found.rhat)), 4),
    }


def by_nuts(target: Any) -> dict[str, Any]:
    draws = estim.sample(target, "nuts", jax.random.key(0), num_samples=500, num_warmup=300, num_chains=4)
    return said(constrain(target, draws.position)) | {
        "gradients a draw": round(float(draws.stats["n_steps"].mean()), 1),
        "diverging": int(draws.stats["diverging"].sum()),
        "without a solution": dict(draws.failures),
        "phases": {name: round(seconds, 1) for name, seconds in draws.seconds.items()},
    }


def by_surrogate(target: Any) -> dict[str, Any]:
    keys = jax.random.split(jax.random.key(1), 3)
    taught = estim.sample(target, "rwmh", keys[0], num_samples=2_000, num_warmup=1_000, num_chains=8)
    evaluations = estim.locate_border(target, taught.evaluations)
    surrogate = estim.fit_surrogate(target, evaluations, keys[1])
    settled = estim.settle(target, surrogate, evaluations, keys[2])
    return said(constrain(target, settled.draws.position)) | {
        "evaluations": len(evaluations.loglikelihood) + settled.num_evaluations,
        "certificate": settled.certificates[-1].verdict,
        "correction": settled.correction,
        "story": settled.story,
    }


WAYS = {"nuts": by_nuts, "surrogate": by_surrogate}

if __name__ == "__main__":
    result = {}
    for name in sys.argv[1:] or WAYS:
        wall, cpu = time.perf_counter(), time.process_time()
        result[name] = WAYS[name](posterior())
        result[name]["seconds"] = round(time.perf_counter() - wall, 1)
        result[name]["processor seconds"] = round(time.process_time() - cpu, 1)
        print(f"{name}: {result[name]}", flush=True)
    print(json.dumps(result))
