"""The likelihood of a lower bound: three equations, 150 quarters, beside the Kalman filter of the model without it.

The data are simulated, the rate at its bound in some periods and missing there. Times are milliseconds, the median and
the fastest of alternating rounds, at other parameters in every round; the solution of the model is part of them. The
last line is JSON.
"""

import json
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.estimation import model_likelihood

QUARTERS, NUM_ROUNDS = 150, 30


MODEL = estim.load_model("gali_2015_bound")
TRUTH = {"rho_r": 0.85, "sd_i": 0.08}  # the others are means of priors


def simulate() -> np.ndarray:
    shocks = np.random.default_rng(1).normal(size=(QUARTERS, 3))
    path = estim.simulate(MODEL, TRUTH, shocks, solver=estim.OccasionallyBinding()).to_pandas()
    path["i"] = path["i"].where(path["i"] > 1e-9 - MODEL.params().ibar)
    return path[list(MODEL.observables._fields)].to_numpy()


def main() -> dict[str, Any]:
    observed, rng = simulate(), np.random.default_rng(2)
    rows = {
        "kalman, no bound": ("first_order", "kalman"),
        "inversion": ({"name": "occasionally_binding"}, "inversion"),
        "piecewise kalman": ({"name": "occasionally_binding"}, "piecewise_kalman"),
    }
    contenders = {}
    for label, (solver, likelihood) in rows.items():
        evaluation, read = model_likelihood(MODEL, observed, solver, likelihood)
        program = evaluation.solver, evaluation.likelihood

        def value(x, read, program=program):
            params = MODEL.params(TRUTH | {"kap": x[0], "phi_pi": x[1], "sd_r": x[2]})
            return program[1].loglikelihood(program[0].solve(MODEL, params), read).value

        contenders[label] = jax.jit(value), read
        contenders[f"{label}, value and gradient"] = jax.jit(jax.value_and_grad(value)), read
    seconds: dict[str, list[float]] = {label: [] for label in contenders}
    for round_ in range(NUM_ROUNDS + 1):
        x = jnp.array([0.08, 1.8, 0.5]) * jnp.asarray(1.0 + 0.02 * rng.normal(size=3))
        for label, (fn, read) in contenders.items():
            start = time.perf_counter()
            jax.block_until_ready(fn(x, read))
            if round_:  # the first one compiles
                seconds[label].append(time.perf_counter() - start)
    times = {k: [round(1e3 * of(v), 2) for of in (statistics.median, min)] for k, v in seconds.items()}
    return {"periods at the bound": int(np.isnan(observed[:, 2]).sum()), "ms": times}


if __name__ == "__main__":
    result = main()
    for label, (median, fastest) in result["ms"].items():
        print(f"{label}: median {median} ms, fastest {fastest} ms")
    print(json.dumps(result))
