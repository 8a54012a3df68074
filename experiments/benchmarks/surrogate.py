"""Metropolis on a surrogate beside the matrix products that it consists of: iterations a second, and memory.

One network of three hidden layers of 128 units, 11 parameters of An and Schorfheide (2007) with their priors, all
draws stored. Rounds alternate with the network's matrix products alone; wall time counts only where nobody
else used the machine meanwhile, CPU time is hardly changed by others. `--draws N` also streams N draws to disk and
tells the peak memory. The last line is JSON. What surrogates learn is in surrogate_accuracy.py.
"""

import argparse
import json
import resource
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec
from quiet import take_turns, undisturbed

import estim
from estim.devices import device_mesh
from estim.surrogate.sample import TILE

NUM_TILES = 2


def build_products(network, num_steps):
    """The matrix products of `num_steps` steps of every tile, all devices at work."""
    weights = [jnp.asarray(network[f"Dense_{i}"]["kernel"][0]) for i in range(len(network))]
    mesh = device_mesh(NUM_TILES, jax.local_devices())
    tiles = PartitionSpec(mesh.axis_names)

    def products(z):
        def step(_, z):
            h = z
            for weight in weights:
                h = h @ weight
            return z + 1e-6 * h  # the next step needs this one's result

        return jax.lax.map(lambda tile: jax.lax.fori_loop(0, num_steps, step, tile), z)

    run = jax.jit(jax.shard_map(products, mesh=mesh, in_specs=tiles, out_specs=tiles, check_vma=False))
    start = jnp.ones((NUM_TILES, TILE, weights[0].shape[0]), jnp.float32)
    z = jax.device_put(start, NamedSharding(mesh, tiles))
    return lambda: run(z).block_until_ready()


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=2000, help="steps of each of 512 chains in a round")
parser.add_argument("--rounds", type=int, default=7, help="undisturbed rounds of each that are asked for")
parser.add_argument("--seconds", type=float, default=120.0, help="after which no round is begun")
parser.add_argument("--draws", type=int, default=0, help="draws to stream to disk")
arguments = parser.parse_args()

model = estim.load_model("an_schorfheide_2007")
data = estim.load_data("us_nk", start="1983Q1", end="2002Q4")
means = {"piA": float(data["INFL"].mean()), "gammaQ": float(data["YGR"].mean())}
posterior = estim.build_posterior(replace(model, prior=model.prior._replace(**means)), data)
points = posterior.start[None, :] + 0.1 * jax.random.normal(jax.random.key(0), (2000, len(posterior.start)))
evaluations = estim.evaluate_posterior(posterior, points)
recipe = estim.Recipe(num_members=1, hidden=(128, 128, 128), max_steps=1000)
surrogate = estim.fit_surrogate(posterior, evaluations, jax.random.key(1), recipe=recipe)


def sample():
    estim.sample_surrogate(surrogate, jax.random.key(2), num_samples=arguments.steps, num_warmup=0)


runs = {"metropolis": sample, "matrix_products": build_products(surrogate.network, arguments.steps)}
for run in runs.values():
    run()
rounds = take_turns(runs, arguments.rounds, arguments.seconds)
iterations = NUM_TILES * TILE * arguments.steps
cpu = {name: median(r.cpu_seconds for r in taken) / iterations for name, taken in rounds.items()}
seconds = {name: undisturbed(taken) for name, taken in rounds.items()}
line: dict = {
    "benchmark": "surrogate",
    "parameters": len(posterior.param_names),
    "devices": len(jax.local_devices()),
    "rounds": len(rounds["metropolis"]),
    "undisturbed_rounds": {name: len(taken) for name, taken in seconds.items()},
    "cpu_ns_per_iteration": {name: round(1e9 * value) for name, value in cpu.items()},
    "fraction_of_matrix_products": round(cpu["matrix_products"] / cpu["metropolis"], 2),
}
if all(seconds.values()):
    line["iterations_per_second"] = {name: round(iterations / median(s)) for name, s in seconds.items()}
if arguments.draws:
    with tempfile.TemporaryDirectory() as folder:
        num_samples = -(-arguments.draws // (NUM_TILES * TILE))
        draws = estim.sample_surrogate(
            surrogate, jax.random.key(0), num_samples=num_samples, out=Path(folder)
        )
        line["streamed_draws"] = draws.loglikelihood.size
        line["streamed_per_second"] = round(draws.loglikelihood.size / draws.seconds["sample"])
line["peak_memory_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
print(json.dumps(line))
