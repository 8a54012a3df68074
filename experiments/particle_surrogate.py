"""The posterior of a particle filter's likelihood by a certified surrogate, beside one that is exact.

    python experiments/particle_surrogate.py [CASE ...]

Brock and Mirman's growth model with measurement errors, 40 periods that it makes itself. The likelihood is estimated by
1,000 particles, with other random numbers at each point; pseudo-marginal chains teach a surrogate, which is certified.

- ``linear``: to first order; the exact posterior is that of Kalman's likelihood, by NUTS;
- ``second``: to second order; the exact one is that of parameters and shocks together (`estim.Joint`), by NUTS.

Prints by case the certificate, what the noise costs, evaluations and seconds, and by parameter the distance of the
means in posterior standard deviations and in combined standard errors, of the surrogate and of the pseudo-marginal
chains themselves; the last line is JSON.
"""

import json
import sys
import time
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pandas as pd

import estim
from estim.representations.paths import observed_path
from estim.results.diagnostics import summarise
from estim.samplers.constrain import constrain

PERIODS, ERROR, PARTICLES = 40, 2.0, 1_000
GROWTH = estim.load_model("brock_mirman_1972")
MODEL = replace(GROWTH, name="growth", measurement_error=lambda p: GROWTH.observables(dc=ERROR))
CASES = {
    "linear": (estim.Perturbation(order=1), estim.FirstOrder(), estim.Kalman()),
    "second": (estim.Perturbation(order=2), estim.Perturbation(order=2), estim.Joint()),
}


def simulated(solver: Any) -> pd.DataFrame:
    """Observations after a state of the stationary distribution, with errors."""
    of_start, of_shocks, of_errors = jax.random.split(jax.random.key(0), 3)
    solution = estim.solve(MODEL, solver=solver)
    begin = solution.to_vector(solution.start(of_start))
    seen = observed_path(solution, begin, jax.random.normal(of_shocks, (PERIODS, 1)))
    return pd.DataFrame(np.asarray(seen + ERROR * jax.random.normal(of_errors, (PERIODS, 1))), columns=["dc"])


def compare(name: str) -> dict[str, Any]:
    """A case: the certificate of its surrogate, and how far its means are from the exact ones."""
    solver, exact_solver, exact_likelihood = CASES[name]
    data, keys = simulated(solver), jax.random.split(jax.random.key(1), 4)
    exact = estim.build_posterior(MODEL, data, solver=exact_solver, likelihood=exact_likelihood)
    draws = estim.sample(exact, "nuts", keys[0], num_samples=2_000, num_warmup=500, num_chains=4)
    right = summarise(constrain(exact, draws.position)[..., : len(MODEL.estimated)])
    begin, cpu = time.perf_counter(), time.process_time()
    particle = estim.Particle(num_particles=PARTICLES)
    noisy = estim.build_posterior(MODEL, data, solver=solver, likelihood=particle)
    taught = estim.sample(noisy, "pseudo_marginal", keys[1], num_samples=1_500, num_warmup=500, num_chains=8)
    surrogate = estim.fit_surrogate(noisy, taught.evaluations, keys[2])
    settled = estim.settle(noisy, surrogate, taught.evaluations, keys[3])
    print(settled.certificates[-1], flush=True)
    num = len(MODEL.estimated)
    chains = summarise(constrain(noisy, taught.position))

    def apart(mean: np.ndarray, std: np.ndarray, error: np.ndarray) -> dict[str, dict[str, float]]:
        distance, both = np.abs(mean - right.mean), np.hypot(error, right.std / np.sqrt(right.ess_bulk))
        found = {
            "standard deviations apart": distance / right.std,
            "standard errors apart": distance / both,
            "ratio of standard deviations": std / right.std,
        }
        by_name = lambda values: dict(zip(MODEL.estimated, np.round(values, 3).tolist(), strict=True))
        return {label: by_name(values) for label, values in found.items()}

    return {
        "certificate": settled.certificates[-1].verdict,
        "correction": settled.correction,
        "evaluations": len(taught.evaluations.loglikelihood) + settled.num_evaluations,
        "seconds": round(time.perf_counter() - begin, 1),
        "processor seconds": round(time.process_time() - cpu, 1),
        "noise": str(settled.certificates[-1].noise),
        "surrogate": apart(settled.margins[0, :num], settled.margins[1, :num], settled.margin_error[0, :num]),
        "pseudo-marginal": apart(chains.mean, chains.std, chains.mcse),
        "effective draws, pseudo-marginal": round(float(np.min(chains.ess_bulk))),
        "largest R-hat, pseudo-marginal": round(float(np.max(chains.rhat)), 4),
        "effective draws of the exact posterior": round(float(np.min(right.ess_bulk))),
    }


if __name__ == "__main__":
    result = {}
    for name in sys.argv[1:] or CASES:
        result[name] = compare(name)
        print(name, *result[name].items(), sep="\n  ", flush=True)
    print(json.dumps(result))
