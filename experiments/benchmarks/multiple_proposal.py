"""Multiple-proposal MH with an expensive target: evaluations a second on one device and on two.

A device is one core here: the process is kept on one core while one device works, and XLA's own
threads are switched off, so that a device does not use the other's core. Rounds alternate between
the two, and wall time counts only where nobody else used the machine meanwhile. CPU time an evaluation,
which others hardly change, tells what dividing the work costs. The last line is JSON.
"""

import argparse
import json
import os
from statistics import median

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

import jax
import jax.numpy as jnp
import numpy as np
from quiet import confine, take_turns, undisturbed

from estim.devices import device_mesh
from estim.posterior import from_logdensity
from estim.samplers.base import Tuning
from estim.samplers.chains import build_advance
from estim.samplers.multiple_proposal import build_multiple_proposal

DIM, NUM_PROPOSALS, NUM_STEPS = 11, 16, 2
SIZE, DEPTH = 60, 1000  # 1000 products of matrices: as dear as a filter of 60 states over 250 periods


def logdensity(position):
    """A standard normal that first multiplies matrices, in vain but for their trace."""
    index = jnp.arange(SIZE)
    matrix = jnp.eye(SIZE) * 0.9 + 0.01 * jnp.sin(jnp.outer(index, position[0] + index))
    power = jax.lax.fori_loop(0, DEPTH, lambda _, m: (m @ matrix) / (1.0 + jnp.abs(m).max()), matrix)
    return -0.5 * jnp.sum(position**2) + 1e-12 * jnp.trace(power)


def build_run(num_devices):
    """One chain advanced by NUM_STEPS, its proposals divided among the devices; returns where it ends."""
    mesh = device_mesh(NUM_PROPOSALS, jax.devices()[:num_devices])
    posterior = from_logdensity(logdensity, jnp.zeros(DIM))
    tuning = Tuning(jnp.zeros(DIM), jnp.eye(DIM), jnp.asarray(0.7))

    def build(tuning):
        return build_multiple_proposal(posterior, tuning, num_proposals=NUM_PROPOSALS, mesh=mesh)

    states = jax.vmap(build(tuning).init)(jnp.zeros((1, DIM)))
    advance = build_advance(build, mesh, NUM_STEPS, spread_chains=False)
    cores = sorted(os.sched_getaffinity(0))[:num_devices]

    def run():
        confine(cores)
        moved, _ = advance(jax.random.key(0), np.arange(1), states, tuning, 0, NUM_STEPS)
        return np.asarray(jax.block_until_ready(moved).position)

    return run


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", type=int, default=9, help="undisturbed rounds of each that are asked for")
parser.add_argument("--seconds", type=float, default=120.0, help="after which the benchmark stops")
arguments = parser.parse_args()

runs = {"one_device": build_run(1), "two_devices": build_run(2)}
np.testing.assert_allclose(*[run() for run in runs.values()], rtol=1e-9)
rounds = take_turns(runs, arguments.rounds, arguments.seconds)
evaluations = NUM_STEPS * NUM_PROPOSALS
rates = {name: [evaluations / seconds for seconds in undisturbed(taken)] for name, taken in rounds.items()}
cpu = {name: median(r.cpu_seconds for r in taken) / evaluations for name, taken in rounds.items()}
line: dict = {
    "benchmark": "multiple_proposal",
    "rounds": len(rounds["one_device"]),
    "undisturbed_rounds": {name: len(found) for name, found in rates.items()},
    "cpu_ms_per_evaluation": {name: round(1e3 * seconds, 2) for name, seconds in cpu.items()},
}
if all(rates.values()):
    one, two = (median(rates[name]) for name in runs)
    line |= {
        "evaluations_per_second": {"one_device": one, "two_devices": two},
        "speedup": round(two / one, 2),
    }
print(f"{NUM_PROPOSALS} proposals a step, {1e3 * cpu['one_device']:.1f} ms an evaluation on one device")
print(json.dumps(line))
