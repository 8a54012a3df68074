"""Rust (1987), "Optimal Replacement of GMC Bus Engines: An Empirical Model of Harold Zurcher", Econometrica 55(5).

Each month a manager keeps an engine of mileage x, in 90 bins, or replaces it (equation 4.14, without Euler's constant):

    W(x) = log { exp[ -0.001 theta1 x + beta E W(x') ] + exp[ -RC + beta E W(x'_0) ] },

where mileage moves by 0, 1 or 2 bins with probabilities p0, p1, 1 - p0 - p1, from x where the engine is kept and from 0
where it is replaced. The likelihood is that of the nested fixed point: choices, and the steps between months.
Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.priors import beta, gamma

BINS = 90
MONTHS = 120  # of a simulated bus
KEEP, REPLACE = 0, 1


class Observables(NamedTuple):
    bin: Any  # mileage at the start of the month, 0 .. 89
    replaced: Any  # 1 where the engine is replaced
    increment: Any  # bins from here, or from 0, to the next month's


class Params(NamedTuple):
    RC: Any = gamma(10.0, 3.0)  # cost of a new engine
    theta1: Any = gamma(3.0, 1.5)  # operating cost of 1,000 bins a month
    p0: Any = beta(0.35, 0.1)
    p1: Any = beta(0.6, 0.1)
    discount: Any = 0.9999


def reward(p):
    mileage = np.arange(BINS)
    return jnp.stack([-0.001 * p.theta1 * mileage, jnp.full(BINS, -p.RC)], axis=1)


def steps(p):
    """Probabilities of 0, 1 and 2 bins."""
    return jnp.stack([p.p0, p.p1, 1 - p.p0 - p.p1])


def continuation(W, p):
    ahead = np.minimum(np.arange(BINS)[:, None] + np.arange(3), BINS - 1)
    kept = W[ahead] @ steps(p)
    return p.discount * jnp.stack([kept, jnp.broadcast_to(kept[0], kept.shape)], axis=1)


def log_probability(row, solution, p):
    choice = solution.log_choice[row.bin.astype(int), row.replaced.astype(int)]
    probability = steps(p)[row.increment.astype(int)]
    possible = probability > 0
    step = jnp.where(possible, jnp.log(jnp.where(possible, probability, 1.0)), -jnp.inf)
    return choice + jnp.where(row.seen.increment, step, 0.0)


def draw(key, solution, p):
    """A bus from the factory."""
    log_step = jnp.log(steps(p))

    def month(bin, key):
        choose, drive = jax.random.split(key)
        replaced = jax.random.categorical(choose, solution.log_choice[bin])
        increment = jax.random.categorical(drive, log_step)
        ahead = jnp.minimum(jnp.where(replaced == REPLACE, 0, bin) + increment, BINS - 1)
        return ahead, Observables(bin, replaced, increment)

    return jax.lax.scan(month, jnp.array(0), jax.random.split(key, MONTHS))[1]


model = DecisionModel(
    name="rust_1987",
    prior=Params(),
    reward=reward,
    start=lambda p: (
        -0.75 * p.RC * np.arange(BINS) / BINS
    ),  # what an old engine is worth less than a new one, roughly
    continuation=continuation,
    taste=lambda p: 1.0,
    observables=Observables,
    log_probability=log_probability,
    draw=draw,
    reference='Rust, J. (1987), "Optimal Replacement of GMC Bus Engines: An Empirical Model of Harold Zurcher", '
    "Econometrica 55(5)",
)
