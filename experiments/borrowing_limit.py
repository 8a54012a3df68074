"""What NUTS does where the log-likelihood jumps: one household parameter, the exact posterior beside the draws.

Households at the borrowing limit are a mass in each income state. At some elasticity of substitution the limit
ceases to bind in one of the states, and the first-order responses jump. Data are simulated at that very
point, so that the posterior has the jump in its middle; a sum over a fine grid gives its exact moments.

    python experiments/borrowing_limit.py [--num-samples 250] [--num-warmup 120] [--out DIR]
"""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from sequence_space import command_line, save, simulated
from sticky_wage_hank import ESTIMATED, MODEL, TRUTH

import estim
from estim.results.diagnostics import summarise
from estim.results.figures.style import INK, PALETTE, styled
from estim.samplers.mode import find_mode, laplace_approximation
from estim.solution.sequence_space.linear_system import solve_moving_average
from estim.solution.sequence_space.stationary_equilibrium import solve_stationary_equilibrium

ONE = replace(MODEL, prior=MODEL.prior._replace(**(TRUTH | {"eis": ESTIMATED["eis"]})), start={"eis": 0.5})
NUM_POINTS = 401


@jax.jit
def states_at_limit(eis):
    """Number of income states in which a household at the borrowing limit stays there."""
    equilibrium = solve_stationary_equilibrium(ONE, ONE.params({"eis": eis}))
    (household,) = equilibrium.households
    return jnp.sum(household.outcomes["a"][:, 0] <= equilibrium.params.min_a)


def switch(low: float, high: float) -> float:
    """The elasticity between `low` and `high` at which the limit begins to bind in one state more, by bisection."""
    before = states_at_limit(low)
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if states_at_limit(middle) == before else (low, middle)
    return low


def main():
    arguments = command_line("borrowing_limit", num_samples=250, num_warmup=120)
    at = switch(0.40, 0.55)
    solution = jax.jit(lambda eis: solve_moving_average(ONE, ONE.params({"eis": eis})))(at)
    posterior = estim.build_posterior(ONE, simulated(ONE, solution, jax.random.key(5), 200))

    # The exact posterior: density at the middles of cells that have the jump at an edge.
    width = 0.4 / NUM_POINTS
    eis = at + width * (np.arange(NUM_POINTS) - NUM_POINTS // 2 + 0.5)
    position = jax.vmap(posterior.unconstrain_fn)({"eis": jnp.asarray(eis)})
    loglikelihood = np.asarray(jax.jit(lambda z: jax.lax.map(posterior.loglikelihood_fn, z))(position))
    logdensity = loglikelihood + np.asarray(ESTIMATED["eis"].log_prob(eis))
    probability = np.exp(logdensity - logdensity.max())
    probability /= probability.sum()
    mean = probability @ eis
    exact = {
        "mean": mean,
        "sd": np.sqrt(probability @ (eis - mean) ** 2),
        "below": probability[eis < at].sum(),
    }

    mode = find_mode(posterior, jax.random.key(1))
    draws = estim.sample(
        posterior, "nuts", jax.random.key(0), laplace=laplace_approximation(posterior, mode, step=0.3),
        num_samples=arguments.num_samples, num_warmup=arguments.num_warmup, num_chains=4,
    )  # fmt: skip
    found = np.asarray(jax.vmap(jax.vmap(posterior.constrain_fn))(draws.position)["eis"])
    summary = summarise(np.stack([found, found < at], axis=-1))
    drawn = {
        "mean": summary.mean[0], "sd": summary.std[0], "below": summary.mean[1],
        "ess": summary.ess_bulk[0], "ess_below": summary.ess_bulk[1], "rhat": summary.rhat[0],
        "divergences": draws.stats["diverging"].sum(), "steps": draws.stats["n_steps"].mean(),
        "acceptance_rate": draws.stats["acceptance_rate"].mean(),
    }  # fmt: skip
    save(plot(eis, probability / width, found, at), arguments.out / "borrowing_limit.png")
    first_above = int((eis < at).sum())
    result = {
        "switch": at,
        "jump": loglikelihood[first_above] - loglikelihood[first_above - 1],
        "exact": exact,
        "drawn": drawn,
    }
    print(json.dumps(jax.tree.map(float, result)))


@styled
def plot(eis, density, draws, at):
    """The exact posterior density, and the draws of NUTS."""
    figure, axis = plt.subplots(figsize=(5.0, 3.0))
    axis.hist(draws.reshape(-1), bins=60, density=True, color=PALETTE[5], label="NUTS")
    axis.plot(eis, density, color=INK, linewidth=1.0, label="exact")
    axis.axvline(at, color=PALETTE[1], linewidth=0.8, label="limit begins to bind")
    axis.set(xlabel="elasticity of intertemporal substitution", xlim=(draws.min(), draws.max()), yticks=[])
    axis.legend()
    return figure


if __name__ == "__main__":
    main()
