"""Solving nonlinear models to second and third order beside first order, and the inversion likelihood.

    python experiments/benchmarks/perturbation.py

The model is An and Schorfheide's in levels. Rounds alternate; times are microseconds, the median and the fastest of the
rounds, and the seconds that the first call takes with its compilation. The last line is JSON.
"""

import json
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.estimation import model_loglikelihood

NUM_ROUNDS, PERIODS = 40, 80
MODEL = estim.load_model("an_schorfheide_2007_levels")
SOLVERS = {
    "first order": estim.FirstOrder(),
    "second order": estim.Perturbation(order=2),
    "third order": estim.Perturbation(order=3),
}


def observations():
    """What the second-order solution shows after drawn shocks ``[PERIODS, 3]``."""
    solution = estim.solve(MODEL, solver=SOLVERS["second order"])

    def step(state, shock):
        state = solution.step(state, shock)
        return state, solution.observe(state)

    shocks = np.random.default_rng(0).standard_normal((PERIODS, solution.num_shocks))
    return np.asarray(jax.lax.scan(step, solution.rest, jnp.asarray(shocks))[1])


def main():
    point = {n: jnp.asarray(float(v)) for n, v in MODEL.defaults.items()}
    y = observations()
    contenders = {
        label: jax.jit(lambda p, solver=solver: solver.solve(MODEL, MODEL.params(p)))
        for label, solver in SOLVERS.items()
    }
    inversion = lambda p: model_loglikelihood(
        MODEL, MODEL.params(p), y, solver=SOLVERS["second order"], likelihood="inversion"
    )[0]
    contenders["second order, inversion"] = jax.jit(inversion)
    contenders["second order, inversion, value and gradient"] = jax.jit(jax.value_and_grad(inversion))
    first, seconds = {}, {label: [] for label in contenders}
    for round_ in range(NUM_ROUNDS + 1):
        for label, fn in contenders.items():
            start = time.perf_counter()
            jax.block_until_ready(fn(point))
            passed = time.perf_counter() - start
            if round_:
                seconds[label].append(passed)
            else:
                first[label] = round(passed, 1)
    result = {
        label: [round(1e6 * statistics.median(s), 1), round(1e6 * min(s), 1), first[label]]
        for label, s in seconds.items()
    }
    for label, numbers in result.items():
        print(f"{label:45}", *numbers)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
