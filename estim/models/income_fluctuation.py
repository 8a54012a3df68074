"""The income fluctuation problem by the endogenous grid (Carroll, 2006, Economics Letters 91; Ma, Stachurski and Toda,
2020, Journal of Economic Theory 187): assets a, of which c is eaten and s = a - c >= 0 saved,

    u'(c) = max { beta R E u'(c'), u'(a) },    a' = R s + y',    u(c) = c^(1 - gamma) / (1 - gamma).

Points of the consumption function are found at given savings s, and linear between, flat beyond. `households` has the
stationary distribution, of which consumption and assets are observed. Priors are ours.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.heterogeneity.distribution import forward
from estim.numerics.grids import tauchen
from estim.numerics.interpolate import interpolate, lottery
from estim.priors import beta, gamma


class Observables(NamedTuple):
    assets: Any  # of a household, with an error
    consumption: Any


class Params(NamedTuple):
    beta: Any = 0.99
    R: Any = 1.01  # gross return
    gamma: Any = 1.5  # relative risk aversion
    rho: Any = 0.99  # persistence of log income
    nu: Any = 0.02  # standard deviation of its innovation
    error: Any = 0.0  # standard deviation of those in what is observed


class Household(NamedTuple):
    a: Any  # assets, [income, savings of the period before]
    c: Any  # consumption
    s: Any  # savings


class Points(NamedTuple):
    a: Any  # assets, [income, savings]
    c: Any  # consumption there


def consumption(points, assets):
    """c at assets ``[n_income, n]``, or ``[n]`` for every income."""
    assets = jnp.broadcast_to(assets, (points.a.shape[0], np.shape(assets)[-1]))
    assets = jnp.minimum(assets, points.a[:, -1:])
    return interpolate(points.a, assets, points.c[:, None] if points.c.ndim < 2 else points.c)


def build(n_savings, n_income, s_max):
    """The model on so many points."""
    savings = s_max * np.linspace(0.0, 1.0, n_savings)

    def bellman(points, p):
        chain = tauchen(p.rho, p.nu, n_income)
        ahead = consumption(points, p.R * savings[None, 1:] + jnp.exp(chain.states)[:, None])
        c = (p.beta * p.R * (chain.transition @ ahead**-p.gamma)) ** (-1 / p.gamma)
        c = jnp.pad(c, ((0, 0), (1, 0)))  # nothing is eaten where there is nothing
        return Points((savings[None] + c).at[:, 0].set(0.0), c)

    def start(p):
        everything = jnp.broadcast_to(savings, (n_income, n_savings))
        return Points(everything, everything)

    return DecisionModel(
        name="income_fluctuation",
        prior=Params(),
        start=start,
        bellman=bellman,
        change=lambda ahead, points: jnp.abs(ahead.c - points.c).max(),
        monotone=False,
        reference='Ma, Q., J. Stachurski and A. A. Toda (2020), "The Income Fluctuation Problem and the Evolution of '
        'Wealth", Journal of Economic Theory 187',
    )


def households(n_savings, n_income, s_max):
    """The model with the distribution of its households over income and savings, and what is estimated of them."""
    savings = s_max * np.linspace(0.0, 1.0, n_savings)

    def policy(points, p):
        a = p.R * savings[None] + jnp.exp(tauchen(p.rho, p.nu, n_income).states)[:, None]
        c = consumption(points, a)
        return Household(a, c, a - c)

    def motion(D, solution, p):
        return forward(tauchen(p.rho, p.nu, n_income).transition, [lottery(savings, solution.policy.s)], D)

    def draw(key, solution, p):
        which, error = jax.random.split(key)
        i = jax.random.categorical(which, jnp.log(solution.distribution.clip(0.0).reshape(-1)))
        of = lambda x: x.reshape(-1)[i]
        errors = p.error * jax.random.normal(error, (2,))
        return Observables(of(solution.policy.a) + errors[0], of(solution.policy.c) + errors[1])

    return replace(
        build(n_savings, n_income, s_max),
        prior=Params(beta(0.95, 0.01), 1.01, gamma(1.5, 0.4), 0.9, gamma(0.2, 0.05), gamma(0.05, 0.02)),
        policy=policy,
        motion=motion,
        observables=Observables,
        measurement=lambda solution, p: Observables(solution.policy.a, solution.policy.c),
        measurement_error=lambda p: Observables(p.error, p.error),
        draw=draw,
    )


model = build(200, 25, 16.0)
