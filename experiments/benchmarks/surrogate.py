"""The surrogate: Metropolis on it beside the matrix products it consists of, and recipes beside each other.

Speed: one network of three hidden layers of 128 units and 11 parameters, its draws stored, against the
network's matrix products alone in the same rounds; medians of wall time. Accuracy: wrong decisions
against the truth, recipe by recipe, on a non-Gaussian density of 11 parameters (two bananas, skewed
and heavy tails). ``--draws N`` also streams N draws to disk and tells the peak memory. The last line is JSON.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.sharding import NamedSharding, PartitionSpec

import estim  # noqa: F401  (configures JAX)
from estim.posterior import from_loglikelihood
from estim.samplers.chains import device_mesh
from estim.surrogate.estimates import accept_probability
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import ensemble_loglikelihoods, fit_surrogate
from estim.surrogate.recipe import RECIPES
from estim.surrogate.sample import TILE, propose, sample_surrogate

DIM = 11
MIXING = (
    np.linalg.qr(np.random.default_rng(1).normal(size=(DIM, DIM)))[0] * np.geomspace(0.2, 3.0, DIM)[None, :]
)


def loglikelihood(values):
    """Known draws: see `exact_draws`."""
    u = jnp.linalg.inv(MIXING) @ jnp.stack(list(values.values()))
    bananas = u[0] ** 2 + (u[1] - (u[0] ** 2 - 1)) ** 2 + u[2] ** 2 + (u[3] - 0.7 * (u[2] ** 2 - 1)) ** 2
    log_gammas = 2.0 * u[4] - jnp.exp(u[4]) - 3.0 * u[5] - jnp.exp(-u[5])
    return -0.5 * bananas + log_gammas - 3.5 * jnp.log1p(u[6] ** 2 / 6) - 0.5 * jnp.sum(u[7:] ** 2)


def exact_draws(seed, num):
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(num, DIM))
    u[:, 1] += u[:, 0] ** 2 - 1
    u[:, 3] += 0.7 * (u[:, 2] ** 2 - 1)
    u[:, 4] = np.log(rng.gamma(2.0, size=num))
    u[:, 5] = -np.log(rng.gamma(3.0, size=num))
    u[:, 6] = rng.standard_t(6, size=num)
    return u @ MIXING.T


def visited_points(seed, num):
    """Draws and random-walk proposals from them, half and half, as a sampler leaves them behind."""
    draws = exact_draws(seed, num)
    return np.concatenate([draws[: num // 2], propose(jax.random.key(seed), draws)[num // 2 :]])


def wrong_decisions(surrogate, num=10_000):
    """P(wrong accept) and P(wrong reject) in per cent."""
    current = exact_draws(99, num)
    points = np.concatenate([current, propose(jax.random.key(99), current)])
    a = accept_probability(*np.asarray(evaluate_posterior(posterior, points).logdensity).reshape(2, -1))
    logprior = np.asarray(jax.vmap(posterior.logprior_fn)(points))
    learnt = ensemble_loglikelihoods(surrogate, points).mean(axis=0) + logprior
    a_hat = accept_probability(*learnt.reshape(2, -1))
    return [100 * float(np.maximum(x, 0).mean()) for x in (a_hat - a, a - a_hat)]


def matrix_products(network, num_steps, num_tiles=2):
    """Seconds that the products of `num_steps` steps of every tile take, all devices at work."""
    weights = [jnp.asarray(network[f"Dense_{i}"]["kernel"][0]) for i in range(len(network))]
    mesh = device_mesh(num_tiles, jax.local_devices())
    tiles = PartitionSpec(mesh.axis_names)

    def products(z):
        def step(_, z):
            h = z
            for weight in weights:
                h = h @ weight
            return z + 1e-6 * h  # the next step needs this one's result

        return jax.lax.map(lambda tile: jax.lax.fori_loop(0, num_steps, step, tile), z)

    run = jax.jit(jax.shard_map(products, mesh=mesh, in_specs=tiles, out_specs=tiles, check_vma=False))
    z = jax.device_put(jnp.ones((num_tiles, TILE, DIM), jnp.float32), NamedSharding(mesh, tiles))
    run(z).block_until_ready()

    def timed():
        begin = time.perf_counter()
        run(z).block_until_ready()
        return time.perf_counter() - begin

    return timed


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--points", type=int, default=5000, help="true evaluations that a recipe learns from")
parser.add_argument("--steps", type=int, default=2000, help="steps of each of 512 chains in a timed round")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--draws", type=int, default=0, help="draws to stream to disk")
arguments = parser.parse_args()

posterior = from_loglikelihood(loglikelihood, {f"x{i}": dist.Normal(0.0, 20.0) for i in range(DIM)})
evaluations = evaluate_posterior(posterior, visited_points(0, arguments.points), gradient=True)
values = evaluations._replace(gradient=None)
line = {"points": arguments.points, "devices": len(jax.local_devices())}
for label, recipe, points in [
    ("paper", RECIPES["paper"], values),
    ("estim_values", RECIPES["estim"], values),
    ("estim_gradients", RECIPES["estim"], evaluations),
]:
    begin = time.perf_counter()
    surrogate = fit_surrogate(posterior, points, jax.random.key(1), recipe=recipe)
    seconds = time.perf_counter() - begin
    wrong_accept, wrong_reject = wrong_decisions(surrogate)
    line[label] = {
        "seconds": seconds,
        "wrong_accept_percent": wrong_accept,
        "wrong_reject_percent": wrong_reject,
    }
    print(
        f"{label:16s} {seconds:6.1f} s   wrong accept {wrong_accept:.3f} %   wrong reject {wrong_reject:.3f} %"
    )

quick = replace(RECIPES["estim"], num_members=1, max_steps=1000)
surrogate = fit_surrogate(posterior, values, jax.random.key(1), recipe=quick)
products = matrix_products(surrogate.network, arguments.steps)
sampling, multiplying = [], []
for i in range(arguments.rounds + 1):
    draws = sample_surrogate(surrogate, jax.random.key(i), num_samples=arguments.steps, num_warmup=200)
    sampling.append(draws.seconds["sample"])
    multiplying.append(products())
num_steps = 2 * TILE * arguments.steps
line["iterations_per_second"] = num_steps / statistics.median(sampling[1:])
line["matrix_products_per_second"] = num_steps / statistics.median(multiplying[1:])
line["fraction_of_limit"] = line["iterations_per_second"] / line["matrix_products_per_second"]
print(f"Metropolis {line['iterations_per_second']:,.0f} iterations/s, draws stored: ", end="")
print(
    f"{100 * line['fraction_of_limit']:.0f} % of the {line['matrix_products_per_second']:,.0f} of the products alone"
)
if arguments.draws:
    with tempfile.TemporaryDirectory() as folder:
        num_samples = -(-arguments.draws // (2 * TILE))
        draws = sample_surrogate(surrogate, jax.random.key(0), num_samples=num_samples, out=Path(folder))
        line["streamed_draws"] = draws.loglikelihood.size
        line["streamed_per_second"] = draws.loglikelihood.size / draws.seconds["sample"]
line["peak_memory_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps(line))
