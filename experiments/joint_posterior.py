"""Parameters and shocks sampled together, beside the posterior of the exact likelihood, which a linear model has.

    python experiments/joint_posterior.py

An and Schorfheide's linear model with measurement errors, 80 quarters that the model itself makes. NUTS on the density
of parameters and shocks (`estim.Joint`), and on Kalman's likelihood. Prints for each parameter the distance of the two
means in posterior standard deviations and in combined Monte Carlo errors, the ratio of the standard deviations, and the
effective sample sizes; the last line is JSON.
"""

import json
from dataclasses import replace

import arviz
import jax
import numpy as np
import pandas as pd

import estim
from estim import analysis
from estim.models.an_schorfheide_2007 import Observables

PERIODS, SETTINGS = 80, dict(num_samples=1500, num_warmup=500, num_chains=2)
MODEL = replace(
    estim.load_model("an_schorfheide_2007"),
    name="noisy",
    measurement_error=lambda p: Observables(0.2, 0.5, 0.5),
)


def main() -> dict[str, dict[str, float]]:
    y = analysis.simulate(estim.solve(MODEL), jax.random.key(0), PERIODS)
    data = pd.DataFrame(np.asarray(y), columns=Observables._fields)
    draws = {}
    for likelihood in ("kalman", "joint"):
        posterior = estim.build_posterior(MODEL, data, likelihood=likelihood)
        draws[likelihood] = estim.sample(posterior, "nuts", jax.random.key(1), **SETTINGS)
        print(likelihood, {k: round(v, 1) for k, v in draws[likelihood].seconds.items()}, flush=True)
        print("gradients a draw", round(float(draws[likelihood].stats["n_steps"].mean()), 1), flush=True)
    found = {}
    for i, name in enumerate(MODEL.estimated):
        kalman, joint = (draws[which].position[..., i] for which in ("kalman", "joint"))
        sizes = [float(arviz.ess(x)) for x in (kalman, joint)]
        error = np.hypot(kalman.std() / sizes[0] ** 0.5, joint.std() / sizes[1] ** 0.5)
        apart = abs(kalman.mean() - joint.mean())
        found[name] = {
            "standard deviations apart": round(float(apart / kalman.std()), 3),
            "Monte Carlo errors apart": round(float(apart / error), 2),
            "ratio of standard deviations": round(float(joint.std() / kalman.std()), 3),
            "effective, kalman": round(sizes[0]),
            "effective, joint": round(sizes[1]),
        }
        print(f"{name:8}", *found[name].values(), flush=True)
    return found


if __name__ == "__main__":
    print(json.dumps(main()))
