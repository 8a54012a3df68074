"""McCall's (1970) job search with persistent offers, x' = rho x + nu e on a grid, w = exp(x), and taste shocks:

    v(w) = max { w / (1 - beta), c + beta E[v(w') | w] }.

Workers who are averse to risk in the value itself, theta < 0, put (1 / theta) log E exp(theta v) in the place of the
expectation (Hansen and Sargent, 1995, IEEE Transactions on Automatic Control 40). Observed are the number of offers up
to the accepted one and which it was; spells still open after 30 offers are censored. Priors are ours.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.decision import DecisionModel
from estim.numerics.grids import tauchen
from estim.priors import gamma, normal

ACCEPT, WAIT = 0, 1
OFFERS = 30  # after which spells are no longer observed


class Observables(NamedTuple):
    duration: Any  # offers up to the accepted one, that included; of an open spell, 30
    censored: Any  # 1 where the spell is open
    accepted: Any  # which point of the grid; missing where the spell is open


class Params(NamedTuple):
    c: Any = normal(1.0, 0.3)  # income without a job
    tau: Any = gamma(3.0, 1.0)  # scale of taste shocks to accepting and waiting
    discount: Any = 0.98
    theta: Any = 0.0  # attitude to risk; zero is the expectation
    rho: Any = 0.9
    nu: Any = 0.2


def offers(p, n_offers):
    """The wages on the grid, and the chain of their logs."""
    chain = tauchen(p.rho, p.nu, n_offers)
    return jnp.exp(chain.states), chain


def certain_equivalent(value, transition, theta):
    """E v, or (1 / theta) log E exp(theta v)."""
    shift = value.max()  # so that no exponential overflows
    scale = jnp.where(theta == 0, -1.0, theta)
    averse = shift + jnp.log(transition @ jnp.exp(scale * (value - shift))) / scale
    return jnp.where(theta == 0, transition @ value, averse)


def build(n_offers, taste=None):
    """The model on a grid of so many offers; without `taste` shocks the better action is taken."""

    def reward(p):
        wage, _ = offers(p, n_offers)
        return jnp.stack([wage / (1 - p.discount), jnp.full(n_offers, p.c)], axis=1)

    def continuation(v, p):
        _, chain = offers(p, n_offers)
        later = p.discount * certain_equivalent(v, chain.transition, p.theta)
        return jnp.stack([jnp.zeros(n_offers), later], axis=1)

    return DecisionModel(
        name="mccall_1970_markov",
        prior=Params() if taste else Params(c=normal(1.0, 0.3), tau=0.0),
        reward=reward,
        continuation=continuation,
        taste=taste,
        observables=Observables,
        reference='McCall, J. J. (1970), "Economics of Information and Job Search", '
        "Quarterly Journal of Economics 84(1)",
    )


def reservation_wage(solution):
    """Where the lines between grid points of accepting and of waiting cross, so that it moves with the parameters."""
    wage, _ = offers(solution.params, solution.value.shape[0])
    gain = solution.action_values[:, ACCEPT] - solution.action_values[:, WAIT]
    j = jnp.argmax(gain >= 0)
    share = -gain[j - 1] / (gain[j] - gain[j - 1])
    return wage[j - 1] + share * (wage[j] - wage[j - 1])


def spells(solution, p):
    """The mass of spells that come to their t-th offer in each state ``[30, n]``, and its part that waits then."""
    _, chain = offers(p, solution.value.shape[0])
    wait = solution.choice[:, WAIT]
    first = chain.stationary
    ahead = lambda mass, _: ((mass * wait) @ chain.transition, mass)
    return jax.lax.scan(ahead, first, length=OFFERS)[1], wait


def log_probability(row, solution, p):
    mass, wait = spells(solution, p)
    t, j = row.duration.astype(int) - 1, row.accepted.astype(int)
    accepted = jnp.log(mass[t, j]) + solution.log_choice[j, ACCEPT]
    return jnp.where(row.censored == 1, jnp.log(mass[t] @ wait), accepted)


def draw(key, solution, p):
    _, chain = offers(p, solution.value.shape[0])
    begin, *keys = jax.random.split(key, 1 + OFFERS)
    state = jax.random.categorical(begin, jnp.log(chain.stationary))

    def offer(state, key):
        choose, move = jax.random.split(key)
        accepts = jax.random.categorical(choose, solution.log_choice[state]) == ACCEPT
        return jax.random.categorical(move, jnp.log(chain.transition[state])), (state, accepts)

    _, (states, accepts) = jax.lax.scan(offer, state, jnp.stack(keys))
    t, censored = jnp.argmax(accepts), ~accepts.any()
    return Observables(
        jnp.where(censored, OFFERS, t + 1), censored.astype(int), jnp.where(censored, jnp.nan, states[t])
    )


model = replace(build(60, taste=lambda p: p.tau), log_probability=log_probability, draw=draw)
