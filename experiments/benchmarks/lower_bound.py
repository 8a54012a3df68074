"""The likelihood of a lower bound: three equations, 150 quarters, beside the Kalman filter of the model without it.

The data are simulated, the rate at its bound in some periods and missing there. Times are milliseconds, the median and
the fastest of alternating rounds, at other parameters in every round; the solution of the model is part of them. The
last line is JSON.
"""

import json
import statistics
import time
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim import priors
from estim.estimation import model_likelihood

QUARTERS, NUM_ROUNDS = 150, 30


class Variables(NamedTuple):
    x: Any
    pinf: Any
    i: Any
    inot: Any
    rn: Any
    u: Any


class Shocks(NamedTuple):
    e_r: Any
    e_u: Any
    e_i: Any


class Observables(NamedTuple):
    x: Any
    pinf: Any
    i: Any


class Params(NamedTuple):
    bet: Any = 0.995
    sig: Any = 1.5
    kap: Any = 0.08
    phi_pi: Any = 1.8
    phi_x: Any = 0.15
    rho_i: Any = 0.7
    rho_r: Any = 0.85
    rho_u: Any = 0.3
    ibar: Any = 0.75
    sd_r: Any = 0.5
    sd_u: Any = 0.1
    sd_i: Any = 0.08


def residuals(lag: Any, now: Any, lead: Any, shocks: Any, p: Any) -> dict[str, Any]:
    wanted = (1 - p.rho_i) * (p.phi_pi * now.pinf + p.phi_x * now.x)
    return {
        "demand": now.x - lead.x + (now.i - lead.pinf - now.rn) / p.sig,
        "supply": now.pinf - p.bet * lead.pinf - p.kap * now.x - now.u,
        "rule": now.inot - p.rho_i * lag.inot - wanted - p.sd_i * shocks.e_i,
        "rate": now.i - now.inot,
        "natural": now.rn - p.rho_r * lag.rn - p.sd_r * shocks.e_r,
        "cost": now.u - p.rho_u * lag.u - p.sd_u * shocks.e_u,
    }


MODEL = estim.Model(
    name="lower_bound",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    prior=Params(),
    steady_state=lambda p: Variables(*[0.0] * 6),
    residuals=residuals,
    measurement=lambda now, lag, p: Observables(now.x, now.pinf, now.i),
    complementarity={"rate": lambda lag, now, lead, p: now.i + p.ibar},
)


PRIOR = Params(
    sig=priors.gamma(1.5, 0.3),
    kap=priors.gamma(0.08, 0.02),
    phi_pi=priors.gamma(1.8, 0.2),
    phi_x=priors.gamma(0.15, 0.05),
    rho_i=priors.beta(0.7, 0.1),
    rho_r=priors.beta(0.8, 0.1),
    rho_u=priors.beta(0.3, 0.1),
    sd_r=priors.gamma(0.5, 0.2),
    sd_u=priors.gamma(0.1, 0.04),
    sd_i=priors.gamma(0.1, 0.04),
)
ESTIMATED = replace(MODEL, prior=PRIOR)


def simulate() -> np.ndarray:
    shocks = np.random.default_rng(1).normal(size=(QUARTERS, 3))
    path = estim.simulate(MODEL, None, shocks, solver=estim.OccasionallyBinding()).to_pandas()
    path["i"] = path["i"].where(path["i"] > 1e-9 - Params().ibar)
    return path[list(Observables._fields)].to_numpy()


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
            params = MODEL.prior._replace(kap=x[0], phi_pi=x[1], sd_r=x[2])
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
