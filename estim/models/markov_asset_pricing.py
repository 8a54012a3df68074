"""Prices of a claim to dividends that grow by a Markov chain (Mehra and Prescott, 1985, Journal of Monetary Economics
15; Borovicka and Stachurski, 2020, Journal of Finance 75). The price-dividend ratio v solves

    v = K (1 + v),    K(x, x') = beta exp[ mu_d - gamma mu_c + (1 - gamma) x + (s_d^2 + gamma^2 s_c^2) / 2 ] P(x, x'),

where dividends grow by mu_d + x + s_d e_d, consumption by mu_c + x + s_c e_c. It is finite if and only if r(K) < 1.

Observed are the log of the ratio, with an error, and the growth of dividends to the next period; x is hidden. What only
moves the level of the ratio, as beta does, cannot be told apart from beta: mu_c and s_c are given. Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from estim.decision import DecisionModel
from estim.numerics.grids import tauchen
from estim.priors import beta, gamma, normal

PERIODS = 200  # of a simulated claim


class Observables(NamedTuple):
    log_ratio: Any  # of price and dividend, with an error
    growth: Any  # of log dividends to the next period


class Params(NamedTuple):
    beta: Any = 0.98
    gamma: Any = 2.5  # relative risk aversion
    mu_c: Any = 0.01
    mu_d: Any = 0.01
    s_c: Any = 0.02
    s_d: Any = 0.04
    rho: Any = 0.9  # persistence of the common growth rate x
    sigma: Any = 0.01
    error: Any = 0.05  # standard deviation of that in log ratios


PRIOR = Params(
    beta=normal(0.98, 0.005),  # which may be above one where consumption grows (Kocherlakota, 1990)
    gamma=gamma(2.5, 0.5),
    mu_d=normal(0.01, 0.005),
    s_d=gamma(0.04, 0.01),
    rho=beta(0.9, 0.05),
    sigma=gamma(0.01, 0.003),
    error=gamma(0.05, 0.02),
)


def observed(growth, motion):
    """The fields of a `DecisionModel` that say what is seen of a claim whose value is its price-dividend ratio.

    Args:
        growth: ``params -> (mean, sd)`` of the growth of log dividends to the next period, in each state.
        motion: the model's.
    """

    def log_probability(row, solution, p):
        """In each state."""
        ratio = norm.logpdf(row.log_ratio, jnp.log(solution.value), p.error)
        grown = norm.logpdf(row.growth, *growth(p))
        return jnp.where(row.seen.log_ratio, ratio, 0.0) + jnp.where(row.seen.growth, grown, 0.0)

    def draw(key, solution, p):
        """A claim that begins in a state of the stationary distribution."""
        law = solution.distribution
        mean, sd = (jnp.broadcast_to(x, law.shape).reshape(-1) for x in growth(p))
        log_ratio = jnp.log(solution.value).reshape(-1)

        def period(law, key):
            which, shocks = jax.random.split(key)
            s = jax.random.categorical(which, jnp.log(law.clip(0.0)).reshape(-1))
            e = jax.random.normal(shocks, (2,))
            ahead = motion(jax.nn.one_hot(s, law.size).reshape(law.shape), solution, p)
            return ahead, Observables(log_ratio[s] + p.error * e[0], mean[s] + sd[s] * e[1])

        return jax.lax.scan(period, law, jax.random.split(key, PERIODS))[1]

    fields = {"observables": Observables, "log_probability": log_probability, "draw": draw, "unit": "claim"}
    return fields | {"motion": motion}


def build(n_growth):
    """The model on a grid of so many growth rates."""

    def chain(p):
        return tauchen(p.rho, p.sigma, n_growth)

    def bellman(v, p):
        x, transition = chain(p)
        risk = 0.5 * (p.s_d**2 + p.gamma**2 * p.s_c**2)
        return p.beta * jnp.exp(p.mu_d - p.gamma * p.mu_c + (1 - p.gamma) * x + risk) * (transition @ (1 + v))

    return DecisionModel(
        name="markov_asset_pricing",
        prior=PRIOR,
        start=lambda p: jnp.zeros(n_growth),
        bellman=bellman,
        reference='Mehra, R. and E. C. Prescott (1985), "The Equity Premium: A Puzzle", '
        "Journal of Monetary Economics 15(2)",
        **observed(
            growth=lambda p: (p.mu_d + chain(p).states, p.s_d),
            motion=lambda law, solution, p: law @ chain(p).transition,
        ),
    )


model = build(100)
