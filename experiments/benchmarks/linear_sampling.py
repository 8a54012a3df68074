"""NUTS beside random-walk Metropolis on Smets and Wouters (2007), in one program: effective draws per core-second.

Both start from the same mode and Hessian, and adapt to the same posterior before the clock runs. What
counts is the smallest effective sample size over the 36 parameters, for each second of CPU time that the
process takes after warm-up. The last line is JSON.
"""

import json
import time

import arviz as az
import jax
import numpy as np

import estim
from estim.samplers.mode import find_mode, laplace_approximation

RUNS = {
    "nuts": dict(num_samples=1_000, num_warmup=400),
    "rwmh": dict(num_samples=40_000, num_warmup=4_000),
}


def smallest_ess(posterior, draws) -> tuple[float, str]:
    values = jax.vmap(jax.vmap(posterior.constrain_fn))(draws.position)
    ess = {name: float(az.ess(np.asarray(values[name]))) for name in posterior.param_names}
    worst = min(ess, key=lambda name: ess[name])
    return ess[worst], worst


def main():
    model = estim.load_model("smets_wouters_2007")
    data = estim.load_data("us_sw07_authors", start="1965Q1", end="2004Q4")
    posterior = estim.build_posterior(model, data, presample=4)
    laplace = laplace_approximation(posterior, find_mode(posterior, jax.random.key(0), num_starts=1))
    result = {}
    for algorithm, settings in RUNS.items():
        clock = {}

        def note(phase, *_, clock=clock):
            clock[phase] = time.process_time()

        draws = estim.sample(
            posterior,
            algorithm,
            jax.random.key(1),
            num_chains=4,
            laplace=laplace,
            progress=note,
            thin_evaluations=1_000,
            **settings,
        )
        seconds = clock["sample"] - clock["warmup"]
        ess, worst = smallest_ess(posterior, draws)
        steps = draws.stats["n_steps"].mean() if "n_steps" in draws.stats else 1.0
        print(
            f"{algorithm}: smallest ESS {ess:.0f} ({worst}) in {seconds:.1f} core-seconds, {steps:.1f} steps a draw"
        )
        result[algorithm] = {
            "smallest_ess": round(ess),
            "core_seconds": round(seconds, 1),
            "ess_per_core_second": round(ess / seconds, 2),
        }
    ratio = result["nuts"]["ess_per_core_second"] / result["rwmh"]["ess_per_core_second"]
    print(json.dumps(result | {"ratio": round(ratio, 1)}))


if __name__ == "__main__":
    main()
