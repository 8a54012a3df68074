"""Multiple-proposal MH with an expensive target: evaluations a second on one device and on two.

A device is one core here: XLA's own threads are switched off, so that one device does not use the
second core. Rounds alternate between the two; the last line is JSON.
"""

import json
import os
import statistics
import time

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

import jax
import jax.numpy as jnp
import numpy as np

from estim.posterior import from_logdensity
from estim.samplers.base import Tuning
from estim.samplers.chains import build_advance, device_mesh
from estim.samplers.multiple_proposal import build_multiple_proposal

DIM, NUM_PROPOSALS, NUM_STEPS, NUM_ROUNDS = 11, 16, 10, 9
SIZE, DEPTH = 24, 300  # a state-space filter of 24 states over 300 periods costs about as much


def logdensity(position):
    """A standard normal that first multiplies matrices, in vain but for their trace."""
    matrix = jnp.eye(SIZE) * 0.9 + 0.01 * jnp.sin(jnp.outer(jnp.arange(SIZE), position[0] + jnp.arange(SIZE)))
    power = jax.lax.fori_loop(0, DEPTH, lambda _, m: (m @ matrix) / (1.0 + jnp.abs(m).max()), matrix)
    return -0.5 * jnp.sum(position**2) + 1e-12 * jnp.trace(power)


def runner(num_devices):
    """One chain advanced by NUM_STEPS, its proposals divided among the devices."""
    mesh = device_mesh(NUM_PROPOSALS, jax.devices()[:num_devices])
    posterior = from_logdensity(logdensity, jnp.zeros(DIM))
    tuning = Tuning(jnp.zeros(DIM), jnp.eye(DIM), jnp.asarray(0.7))

    def build(tuning):
        return build_multiple_proposal(posterior, tuning, num_proposals=NUM_PROPOSALS, mesh=mesh)

    states = jax.vmap(build(tuning).init)(jnp.zeros((1, DIM)))
    advance = build_advance(build, mesh, NUM_STEPS, spread_chains=False)

    def run(first_step):
        begun = time.perf_counter()
        moved, _ = jax.block_until_ready(
            advance(jax.random.key(0), np.arange(1), states, tuning, first_step, NUM_STEPS)
        )
        return NUM_STEPS * NUM_PROPOSALS / (time.perf_counter() - begun), np.asarray(moved.position)

    run(0)
    return run


def main():
    runners = {n: runner(n) for n in (1, 2)}
    rates = {n: [] for n in runners}
    for i in range(NUM_ROUNDS):
        positions = []
        for n, run in runners.items():
            rate, position = run(i * NUM_STEPS)
            rates[n].append(rate)
            positions.append(position)
        np.testing.assert_allclose(*positions, rtol=1e-9)
    one, two = (statistics.median(rates[n]) for n in (1, 2))
    print(f"{NUM_PROPOSALS} proposals a step, {1e3 / one:.2f} ms an evaluation on one device")
    print(
        json.dumps(
            {
                "benchmark": "multiple_proposal",
                "evaluations_per_second_one_device": round(one),
                "evaluations_per_second_two_devices": round(two),
                "speedup": round(two / one, 2),
                "speedup_best_round": round(max(rates[2]) / max(rates[1]), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
