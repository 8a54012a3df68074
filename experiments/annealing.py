"""Searches for the deepest of many wells: descent, many starts, annealing, and tempered SMC as the Bayesian answer.

    python experiments/annealing.py [SEEDS]

Each seed plants two hundred wells in five dimensions, with one the deepest, at z:

    L(x) = min_k [ d_k + |x - c_k|^2 / 2 ],    d_k = slope |c_k - z| + noise,

where the slope decides whether the others say anything of where it is. Its relaxation at the inverse temperature b is
L_b(x) = -(1/b) log sum_k exp(-b (d_k + |x - c_k|^2 / 2)), whose gradient is that of a softened choice among wells. A
search succeeds when it ends in the planted well. "descent" is L-BFGS on L from a random point; "many starts" has as
many starts as annealing has stages; "annealing" goes through inverse temperatures, each search from where the last
ended; "SMC" is the share of seeds in which most particles of the density exp(-B L) end there. Phase transitions are
peaks of the heat capacity b^2 Var(energy of the chosen well) along the annealing path. The last line is JSON.
"""

import json
import sys
import time
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Uniform
from scipy.optimize import minimize

import estim
from estim import soften

DIM, WELLS, STAGES, HARD, BOX = 5, 200, 20, 1e3, 6.0
BETAS = soften.anneal(0.02, HARD, STAGES)
SMC_SEEDS, COLD = 20, 20.0


def energies(x, wells):
    centres, depths = wells
    return depths + 0.5 * jnp.sum((x[None, :] - centres) ** 2, axis=1)


def relaxed(x, beta, wells):
    return -jax.nn.logsumexp(-beta * energies(x, wells)) / beta


value_and_gradient = jax.jit(jax.value_and_grad(relaxed))


@jax.jit
def heat_capacity(x, beta, wells):
    energy = energies(x, wells)
    share = soften.choose(-energy, inverse_temperature=beta)
    return beta**2 * (share @ energy**2 - (share @ energy) ** 2)


def plant(seed, slope):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-BOX, BOX, (WELLS, DIM))
    depths = slope * np.linalg.norm(centres - centres[0], axis=1) + rng.uniform(0, 1, WELLS)
    depths[0] = depths[1:].min() - 0.3
    return centres, depths


def descend(x, beta, wells):
    """Where L-BFGS ends, and how many evaluations it took."""
    run = lambda x: tuple(np.asarray(v, float) for v in value_and_gradient(x, beta, wells))
    found = minimize(run, x, jac=True, method="L-BFGS-B", bounds=[(-BOX, BOX)] * DIM)
    return found.x, found.fun, found.nfev


def search(seed, slope):
    """Of each way: whether it ended in the planted well, evaluations; and the heat capacities of annealing."""
    wells = plant(seed, slope)
    starts = np.random.default_rng([seed, 1]).uniform(-BOX, BOX, (STAGES, DIM))
    planted = lambda x: bool(np.argmin(energies(jnp.asarray(x), wells)) == 0)
    ends = [descend(x, HARD, wells) for x in starts]
    best = min(ends, key=lambda end: end[1])
    x, used, heat = starts[0], 0, []
    for beta in BETAS:
        x, _, more = descend(x, beta, wells)
        used += more
        heat.append(float(heat_capacity(x, beta, wells)))
    return {
        "descent": (planted(ends[0][0]), ends[0][2]),
        "many starts": (planted(best[0]), sum(end[2] for end in ends)),
        "annealing": (planted(x), used),
    }, heat


def by_smc(seeds, slope):
    """The share of seeds in which most particles are in the planted well."""
    names = [f"x{i}" for i in range(DIM)]
    prior = {name: Uniform(-BOX, BOX) for name in names}
    stacked = lambda values: jnp.stack([values[name] for name in names], axis=-1)
    loglikelihood = lambda values, wells: -COLD * relaxed(stacked(values), HARD, wells)
    posterior = estim.from_loglikelihood(loglikelihood, prior, data=plant(0, slope))
    found = []
    for seed in range(seeds):
        wells = jax.tree.map(jnp.asarray, plant(seed, slope))
        draws = estim.sample(
            replace(posterior, data=wells), "smc", jax.random.key(seed), num_samples=1_000, num_chains=1
        )
        at = stacked(jax.vmap(posterior.constrain_fn)(draws.position.reshape(-1, DIM)))
        inside = jax.vmap(lambda x, wells=wells: jnp.argmin(energies(x, wells)) == 0)(at)
        found.append(bool(jnp.mean(inside) > 0.5))
    return float(np.mean(found))


def main() -> None:
    seeds, result = int(sys.argv[1]) if len(sys.argv) > 1 else 100, {}
    for name, slope in (("a funnel", 0.5), ("no funnel", 0.0)):
        begun = time.perf_counter()
        runs = [search(seed, slope) for seed in range(seeds)]
        ways = {
            way: {
                "success": float(np.mean([run[way][0] for run, _ in runs])),
                "evaluations": float(np.mean([run[way][1] for run, _ in runs])),
            }
            for way in runs[0][0]
        }
        heat = np.mean([h for _, h in runs], axis=0)
        peak = float(np.median([BETAS[int(np.argmax(h))] for _, h in runs]))
        smc = by_smc(min(seeds, SMC_SEEDS), slope)
        result[name] = ways | {"smc": smc, "peak of the heat capacity at": peak}
        for way, of in ways.items():
            print(f"{name:10}  {way:12}  {of['success']:.2f} of seeds  {of['evaluations']:.0f} evaluations")
        print(f"{name:10}  SMC           {smc:.2f} of {min(seeds, SMC_SEEDS)} seeds")
        print(f"{name:10}  heat capacity {' '.join(f'{h:.2f}' for h in heat)}, peak at {peak:.3g}")
        print(f"{name:10}  {time.perf_counter() - begun:.0f} s", flush=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
