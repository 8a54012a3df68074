"""Models beyond first order: solutions, likelihoods with their gradients, a particle filter, and joint draws.

    python experiments/benchmarks/nonlinear.py [solution] [inversion] [lower_bound] [particle] [joint] [joint_reference]
        [joint_at_rest]

Without words all of them. An and Schorfheide's model in levels, and eight countries of five equations each; the data
are simulated, those of ``joint_reference`` by the independent program whose likelihoods the tests of particle filters
have, and ``joint_at_rest`` is the same with shocks in the coordinates of the solution at rest. Times are milliseconds,
the median and the fastest of alternating rounds at other parameters in each. Of the joint draws the smallest effective
sample size over the parameters is divided by the seconds of sampling, of wall time and of the processor (on one core:
`taskset -c 0`). The last line is JSON.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import lower_bound
import numpy as np
import pandas as pd

import estim
from estim.estimation import model_likelihood, model_loglikelihood
from estim.models.an_schorfheide_2007 import Observables
from estim.representations.paths import observed_path
from estim.results.diagnostics import summarise
from estim.samplers.constrain import constrain

REFERENCE = Path(__file__).parents[2] / "tests" / "reference" / "perturbation.json"
NUM_ROUNDS, PERIODS, COUNTRIES, PARTICLES = 40, 80, 8, 10_000
SECOND = estim.Perturbation(order=2)
MODEL = estim.load_model("an_schorfheide_2007_levels")
NOISY = replace(MODEL, name="with_errors", measurement_error=lambda p: Observables(0.2, 0.5, 0.5))

Variables = NamedTuple("Variables", [(f"{v}{i}", Any) for i in range(COUNTRIES) for v in "kcyrz"])
Shocks = NamedTuple("Shocks", [(f"e{i}", Any) for i in range(COUNTRIES)])


class One(NamedTuple):
    y: Any


class Params(NamedTuple):
    alpha: Any = 0.33
    beta: Any = 0.96
    delta: Any = 0.1
    rho: Any = 0.8
    spill: Any = 0.1
    sigma: Any = 0.01


def countries() -> estim.Model:
    """Growth in eight countries whose productivities move each other: forty equations."""

    def rest(p: Any) -> Any:
        k = ((1 / p.beta - 1 + p.delta) / p.alpha) ** (1 / (p.alpha - 1))
        one = (k, k**p.alpha - p.delta * k, k**p.alpha, 1 / p.beta, 0.0)
        return Variables(*one * COUNTRIES)

    def residuals(lag: Any, now: Any, lead: Any, shocks: Any, p: Any) -> dict[str, Any]:
        found = {}
        for i in range(COUNTRIES):
            (k0, *_, z0), (k, c, y, r, z), (_, c1, _, r1, _) = (
                x[5 * i : 5 * i + 5] for x in (lag, now, lead)
            )
            abroad = lag[(5 * i + 9) % (5 * COUNTRIES)]
            found |= {
                f"euler{i}": p.beta * c / c1 * r1 - 1,
                f"capital{i}": k - (1 - p.delta) * k0 + c - y,
                f"output{i}": y - jnp.exp(z) * k0**p.alpha,
                f"return{i}": r - p.alpha * y / k0 - 1 + p.delta,
                f"technology{i}": z - p.rho * z0 - p.spill * abroad - p.sigma * shocks[i],
            }
        return found

    return estim.Model(
        name="countries",
        variables=Variables,
        shocks=Shocks,
        observables=One,
        prior=Params(),
        steady_state=rest,
        residuals=residuals,
        measurement=lambda now, lag, p: One(now.y0),
    )


def simulated(errors: bool) -> np.ndarray:
    """What the second-order solution shows after drawn shocks ``[PERIODS, 3]``."""
    solution, rng = estim.solve(MODEL, solver=SECOND), np.random.default_rng(0)
    begin = solution.to_vector(solution.rest)
    path = np.asarray(observed_path(solution, begin, jnp.asarray(rng.standard_normal((PERIODS, 3)))))
    return path + errors * rng.standard_normal(path.shape) * [0.2, 0.5, 0.5]


def timed(contenders: dict[str, Callable[[Any], Any]], point: Any) -> dict[str, list[float]]:
    rng = np.random.default_rng(1)
    seconds: dict[str, list[float]] = {label: [] for label in contenders}
    for round_ in range(NUM_ROUNDS + 1):
        at = jax.tree.map(lambda x: jnp.asarray(x * (1.0 + 0.001 * rng.standard_normal())), point)
        for label, fn in contenders.items():
            start = time.perf_counter()
            jax.block_until_ready(fn(at))
            if round_:  # the first one compiles
                seconds[label].append(time.perf_counter() - start)
    return {k: [round(1e3 * of(v), 3) for of in (statistics.median, min)] for k, v in seconds.items()}


def solution() -> dict[str, Any]:
    many = countries()
    solve = lambda model: jax.jit(lambda p: SECOND.solve(model, model.params(p)))
    found = timed({"An and Schorfheide, second order": solve(MODEL)}, MODEL.defaults)
    return found | timed({"forty equations, second order": solve(many)}, many.prior._asdict())


def inversion() -> dict[str, Any]:
    y = simulated(errors=False)
    value = lambda p: model_loglikelihood(MODEL, MODEL.params(p), y, solver=SECOND, likelihood="inversion")[0]
    both = {"inversion": jax.jit(value), "inversion, value and gradient": jax.jit(jax.value_and_grad(value))}
    return timed(both, MODEL.defaults)


def particle() -> dict[str, Any]:
    contenders = {}
    for method in ("bootstrap", "conditionally_optimal"):
        row = estim.Particle(num_particles=PARTICLES, method=method)
        evaluation, read = model_likelihood(NOISY, simulated(errors=True), SECOND, row)

        def value(p: Any, row: Any = evaluation.likelihood, read: Any = read) -> Any:
            return row.loglikelihood(SECOND.solve(NOISY, NOISY.params(p)), read).value

        contenders[f"{PARTICLES:,} particles, {method}"] = jax.jit(value)
    return timed(contenders, MODEL.defaults)


def joint(data: np.ndarray, linearisations: int = 2) -> dict[str, Any]:
    likelihood = estim.Joint(linearisations=linearisations)
    posterior = estim.build_posterior(
        NOISY, pd.DataFrame(data, columns=Observables._fields), solver=SECOND, likelihood=likelihood
    )
    ended: dict[str, float] = {}  # processor time at the end of each phase

    def tick(phase: str, *_: Any) -> None:
        ended[phase] = time.process_time()

    settings = {"num_samples": 1000, "num_warmup": 500, "num_chains": 2}
    draws = estim.sample(posterior, "nuts", jax.random.key(0), progress=tick, **settings)
    processor = ended["sample"] - ended["warmup"]
    said = summarise(constrain(posterior, draws.position)[..., : len(NOISY.estimated)])
    smallest = int(np.argmin(said.ess_bulk))
    return {
        "smallest effective size": round(float(said.ess_bulk[smallest]), 1),
        "of": NOISY.estimated[smallest],
        "largest R-hat": round(float(np.max(said.rhat)), 4),
        "seconds": {k: round(v, 1) for k, v in draws.seconds.items()},
        "processor seconds of sampling": round(processor, 1),
        "effective draws a second": round(said.ess_bulk[smallest] / draws.seconds["sample"], 2),
        "effective draws a processor second": round(said.ess_bulk[smallest] / processor, 2),
        "gradients a draw": round(float(draws.stats["n_steps"].mean()), 1),
        "diverging": int(draws.stats["diverging"].sum()),
    }


def reference_data() -> np.ndarray:
    return np.array(json.loads(REFERENCE.read_text())["particle_filter"]["data"])


PARTS = {
    "solution": solution,
    "inversion": inversion,
    "lower_bound": lambda: lower_bound.main()["ms"],
    "particle": particle,
    "joint": lambda: joint(simulated(errors=True)),
    "joint_reference": lambda: joint(reference_data()),
    "joint_at_rest": lambda: joint(reference_data(), linearisations=1),
}

if __name__ == "__main__":
    result = {}
    for name in sys.argv[1:] or PARTS:
        result[name] = PARTS[name]()
        for label, numbers in result[name].items():
            print(f"{label}: {numbers}", flush=True)
    print(json.dumps(result))
