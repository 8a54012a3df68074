"""Huggett (1993), "The Risk-Free Rate in Heterogeneous-Agent Incomplete-Insurance Economies", Journal of Economic
Dynamics and Control 17: an endowment that is high or low, and a bond that nobody issues but households themselves,

    c + q a' = a + e,    a' >= limit.

In equilibrium the bonds add up to zero. Six periods are a year; the price q of a bond that pays one is solved for.
Observed are bonds with an error. They say how much credit there is, and little of beta, as q moves with it: that is
given. Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.heterogeneity.distribution import forward
from estim.heterogeneity.households import save_one_asset
from estim.numerics.interpolate import lottery
from estim.priors import gamma, normal


class Observables(NamedTuple):
    bonds: Any  # of a household, with an error


class Params(NamedTuple):
    beta: Any = 0.99322
    gamma: Any = 1.5  # relative risk aversion
    e: Any = np.array([0.1, 1.0])  # endowment
    Pi: Any = np.array([[0.5, 0.5], [0.075, 0.925]])  # from this period's to the next one's
    limit: Any = -4.0  # lowest credit balance
    q: Any = 0.996  # price of a bond: solved for
    sigma_m: Any = 0.5  # standard deviation of the error in observed bonds


PRIOR = Params(limit=normal(-4.0, 0.5), sigma_m=gamma(0.5, 0.2))


class Household(NamedTuple):
    c: Any  # consumption, [endowment, assets]
    a: Any  # next period's bonds


def build(n_assets, width):
    """The model on so many points, from the limit up to `width` above it, crowded near the limit."""
    above = width * np.linspace(0.0, 1.0, n_assets) ** 2.0

    def decide(c, p):
        """q u'(c) = beta E u'(c'), or more where the limit binds."""
        bonds = p.limit + above
        marginal = p.beta / p.q * (p.Pi @ c**-p.gamma)
        saved, c = save_one_asset(marginal, bonds[None, :] + p.e[:, None], bonds, p.gamma, p.q)
        return Household(c, saved)

    def start(p):
        """All hold their bonds for ever."""
        return jnp.maximum(p.e[:, None] + (1 - p.q) * (p.limit + above)[None, :], 0.01)

    def clearing(solution, p):
        return solution.distribution.sum(axis=0) @ (p.limit + above)

    def draw(key, solution, p):
        which, error = jax.random.split(key)
        i = jax.random.categorical(which, jnp.log(solution.distribution.clip(0.0).sum(axis=0)))
        return Observables(p.limit + jnp.asarray(above)[i] + p.sigma_m * jax.random.normal(error))

    return DecisionModel(
        name="huggett_1993",
        prior=PRIOR,
        start=start,
        bellman=lambda c, p: decide(c, p).c,
        policy=decide,
        monotone=False,
        motion=lambda D, solution, p: forward(p.Pi, [lottery(p.limit + above, solution.policy.a)], D),
        unknowns={"q": lambda p: (1.00005 * p.beta, 1.05)},
        clearing=clearing,
        observables=Observables,
        measurement=lambda solution, p: Observables(
            jnp.broadcast_to(p.limit + above, solution.distribution.shape)
        ),
        measurement_error=lambda p: Observables(p.sigma_m),
        draw=draw,
        reference='Huggett, M. (1993), "The Risk-Free Rate in Heterogeneous-Agent Incomplete-Insurance Economies", '
        "Journal of Economic Dynamics and Control 17",
    )


def interest_rate(solution):
    """A year's, (1 / q)^6 - 1."""
    return solution.params.q**-6.0 - 1


model = build(300, 24.0)
