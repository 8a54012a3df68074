"""What an accelerator is good for: the same calls on it and on the cores of its machine, one after the other.

    python experiments/benchmarks/accelerator.py [PART ...] [--rounds N]

Each part runs on JAX's default backend and again, in a process of its own, on the CPU with every core a device: batches
of log-likelihoods with their gradients, one long sample, a surrogate's training and its Metropolis, a particle filter,
a million households, multi-proposal Metropolis-Hastings, and heterogeneous agents. Times are the median and the lowest
wall time of rounds in milliseconds, and the compilation in seconds. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import arviz
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import estim
from estim.devices import AXIS, device_mesh, over
from estim.estimation import model_likelihood
from estim.models import benhabib_bisin_zhu_2011
from estim.representations.paths import observed_path

ROUNDS = 5


def measured(call: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Seconds of the first call less the median's, and the median and lowest of the others in milliseconds."""
    taken = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        taken.append(time.perf_counter() - begin)
    first, *taken = taken
    middle = statistics.median(taken)
    return {
        "compile_s": round(first - middle, 1),
        "median_ms": round(1e3 * middle, 3),
        "lowest_ms": round(1e3 * min(taken), 3),
    }


def batch_of(fn: Callable[[Any], Any], num: int, sequential: bool = False) -> Callable[[Any], Any]:
    """`fn` over the rows of its argument, spread over all devices, side by side or in turn on each."""
    mesh = device_mesh(num, jax.local_devices())
    rows = PartitionSpec(AXIS)
    program = jax.jit(
        jax.shard_map(over(fn, sequential), mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False)
    )
    return lambda points: program(jax.device_put(points, NamedSharding(mesh, rows)))


def scattered(center: Any, num: int, size: float = 1e-3) -> np.ndarray:
    center = np.asarray(center)
    return center + size * np.random.default_rng(0).standard_normal((num, len(center)))


def smets_wouters() -> Any:
    data = estim.load_data("us_sw07_authors", start="1965Q1", end="2004Q4")
    return estim.build_posterior(estim.load_model("smets_wouters_2007"), data, presample=4)


def linear(rounds: int) -> dict[str, Any]:
    """Solution and likelihood of Smets and Wouters (2007), and their gradient, at many points."""
    posterior, found = smets_wouters(), {}
    for num in (64, 1_024, 8_192):
        points = scattered(posterior.start, num)
        for label, fn in (
            ("value", posterior.logdensity_fn),
            ("value and gradient", jax.value_and_grad(posterior.logdensity_fn)),
        ):
            program = batch_of(fn, num)
            found[f"{num:,} points, {label}"] = measured(lambda p=points, f=program: f(p), rounds)
    return found


def long(rounds: int) -> dict[str, Any]:
    """One sample of 20,000 quarters of An and Schorfheide (2007): period after period, and by an associative scan."""
    model = estim.load_model("an_schorfheide_2007")
    y = np.random.default_rng(0).standard_normal((20_000, 3))
    found = {}
    for method in ("standard", "parallel"):
        evaluation, read = model_likelihood(model, y, likelihood={"method": method})

        def value(p: Any, evaluation: Any = evaluation, read: Any = read) -> Any:
            solution = estim.FirstOrder().solve(model, model.params(p))
            return evaluation.likelihood.loglikelihood(solution, read).value

        program = jax.jit(value)
        found[method] = measured(lambda f=program: f(model.defaults), rounds)
    return found


def hank(rounds: int) -> dict[str, Any]:
    """Steady state, Jacobians and likelihood of the one-asset model of Auclert et al. (2021), household included."""
    model = estim.load_model("auclert_et_al_2021_one_asset")
    y = 0.1 * np.random.default_rng(0).standard_normal((80, len(model.observables._fields)))
    evaluation, read = model_likelihood(model, y)
    center = {n: float(v) for n, v in model.params()._asdict().items() if n not in model.unknowns}
    names = list(center)

    def value(point: Any) -> Any:
        params = model.params(dict(zip(names, point, strict=True)))
        return evaluation.likelihood.loglikelihood(evaluation.solver.solve(model, params), read).value

    found = {}
    for num in (16, 64):
        points = scattered(list(center.values()), num, 1e-5)
        for label, fn in (("value", value), ("value and gradient", jax.value_and_grad(value))):
            program = batch_of(fn, num, sequential=True)
            found[f"{num} points, {label}"] = measured(lambda p=points, f=program: f(p), min(rounds, 2))
    return found


def surrogate(rounds: int) -> dict[str, Any]:
    """A network of three layers of 128 units in 11 parameters: its training, and steps of its Metropolis."""
    model, data = (
        estim.load_model("an_schorfheide_2007"),
        estim.load_data("us_nk", start="1983Q1", end="2002Q4"),
    )
    means = {"piA": float(data["INFL"].mean()), "gammaQ": float(data["YGR"].mean())}
    posterior = estim.build_posterior(replace(model, prior=model.prior._replace(**means)), data)
    evaluations = estim.evaluate_posterior(posterior, scattered(posterior.start, 20_000, 0.1))
    recipe = estim.Recipe(num_members=1, hidden=(128, 128, 128), max_steps=500)
    found, kept = {}, []

    def fit() -> None:
        kept.append(estim.fit_surrogate(posterior, evaluations, jax.random.key(1), recipe=recipe))

    found["training, 500 steps"] = measured(fit, 1)
    for num in (512, 8_192, 65_536):
        size = {"num_samples": 20, "num_chains": num, "num_warmup": 0, "thin": 100}
        run = lambda size=size: estim.sample_surrogate(kept[-1], jax.random.key(2), **size).position
        taken = found[f"{num:,} chains, 2,000 steps each"] = measured(run, min(rounds, 3))
        taken["million_steps_a_second"] = round(num * 2e-3 / taken["median_ms"] * 1e3 / 1e3, 2)
    return found


def particle(rounds: int) -> dict[str, Any]:
    """Bootstrap filter of An and Schorfheide's model of second order, 80 quarters."""
    model = estim.load_model("an_schorfheide_2007_levels")
    errors = model.observables(0.2, 0.5, 0.5)
    model = replace(model, name="with_errors", measurement_error=lambda p: errors)
    second, rng = estim.Perturbation(order=2), np.random.default_rng(0)
    solution = estim.solve(model, solver=second)
    begin = solution.to_vector(solution.rest)
    path = np.asarray(observed_path(solution, begin, jnp.asarray(rng.standard_normal((80, 3)))))
    y = path + rng.standard_normal(path.shape) * errors
    found = {}
    for num in (10_000, 100_000, 1_000_000):
        evaluation, read = model_likelihood(model, y, second, estim.Particle(num_particles=num))

        def value(p: Any, evaluation: Any = evaluation, read: Any = read) -> Any:
            return evaluation.likelihood.loglikelihood(second.solve(model, model.params(p)), read).value

        program = jax.jit(value)
        found[f"{num:,} particles"] = measured(lambda f=program: f(model.defaults), rounds)
    return found


def wealth(rounds: int) -> dict[str, Any]:
    """A million households of Benhabib, Bisin and Zhu (2011) over 20 periods, and the derivative of their mean."""
    n = 1_000_000
    model = benhabib_bisin_zhu_2011.economy(n)

    def mean(s_0: Any) -> Any:
        p = model.params({"s_0": s_0, "mu_r": 0.1})

        def step(state: Any, key: Any) -> Any:
            return model.transition(state, model.shocks(0.0, *jax.random.normal(key, (2, n))), p), None

        keys = jax.random.split(jax.random.key(0), 20)
        return jnp.mean(jax.lax.scan(step, model.start(p), keys)[0].w)

    programs = {"simulation": jax.jit(mean), "simulation and gradient": jax.jit(jax.value_and_grad(mean))}
    return {label: measured(lambda f=f: f(0.75), rounds) for label, f in programs.items()}


def proposals(rounds: int) -> dict[str, Any]:
    """Draws of An and Schorfheide (2007) by multi-proposal Metropolis-Hastings: chains times proposals at once."""
    data = estim.load_data("us_nk", start="1983Q1", end="2002Q4")
    posterior, found = estim.build_posterior(estim.load_model("an_schorfheide_2007"), data), {}
    for chains, num in ((16, 4), (256, 16)):
        size = {"num_chains": chains, "num_proposals": num, "num_samples": 400, "num_warmup": 200}
        draws = estim.sample(posterior, "mpmh", jax.random.key(1), thin_evaluations=100, **size)
        values = np.asarray(draws.position)
        smallest = min(float(arviz.ess(values[..., i])) for i in range(values.shape[-1]))
        found[f"{chains} chains of {num} proposals"] = {
            "smallest_ess": round(smallest),
            "evaluations": chains * num * 400,
            "sample_s": round(draws.seconds["sample"], 2),
            "ess_a_second": round(smallest / draws.seconds["sample"], 1),
        }
    return found


PARTS = {f.__name__: f for f in (linear, long, surrogate, particle, wealth, proposals, hank)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--here", action="store_true", help="on this backend alone")
    arguments = parser.parse_args()
    device = jax.local_devices()[0]
    where = f"{len(jax.local_devices())} x {device.device_kind}"
    found: dict[str, Any] = {where: {}}
    for name in arguments.parts or PARTS:
        found[where][name] = PARTS[name](arguments.rounds)
        for label, numbers in found[where][name].items():
            print(f"{where}, {name}, {label}: {numbers}", flush=True)
    if device.platform != "cpu" and not arguments.here:
        again = [sys.executable, __file__, "--here", *sys.argv[1:]]
        cpu = subprocess.run(
            again, env=os.environ | {"JAX_PLATFORMS": "cpu"}, check=True, stdout=subprocess.PIPE, text=True
        )
        print(cpu.stdout, end="")
        found |= json.loads(cpu.stdout.splitlines()[-1])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
