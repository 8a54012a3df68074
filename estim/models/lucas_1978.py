"""Lucas (1978), "Asset Prices in an Exchange Economy", Econometrica 46(6): a tree whose fruit is all that there is
to eat. With ln y' = alpha ln y + sigma e and u(c) = c^(1 - gamma) / (1 - gamma) its price-dividend ratio solves

    v(y) = beta E[ (y' / y)^(1 - gamma) (1 + v(y')) | y ],

at Gauss and Hermite's nodes of the stationary law of ln y (the method of Tauchen and Hussey, 1991, Econometrica 59).
Observed are the logs of dividends and, with an error, of the price-dividend ratio. Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

import estim.priors as priors
from estim.decision import DecisionModel

PERIODS = 200  # of a simulated tree
NODES = 100
Z, WEIGHTS = np.polynomial.hermite_e.hermegauss(NODES)


class Observables(NamedTuple):
    before: Any  # log dividends of the period before
    log_dividend: Any
    log_ratio: Any  # of price and dividend


class Params(NamedTuple):
    beta: Any = priors.beta(0.95, 0.01)
    gamma: Any = priors.gamma(2.0, 0.5)  # relative risk aversion
    alpha: Any = priors.beta(0.9, 0.05)  # persistence of log dividends
    sigma: Any = priors.gamma(0.1, 0.02)
    error: Any = priors.gamma(0.05, 0.02)  # standard deviation of that in log ratios


def price_dividend(log_dividends, v, p):
    """The ratio at any log dividends ``[n]``, from the ratios v at the nodes."""
    sd = p.sigma / jnp.sqrt(1 - p.alpha**2)
    now, ahead = log_dividends[:, None], (sd * Z)[None, :]
    density = jnp.exp(norm.logpdf(ahead, p.alpha * now, p.sigma) - norm.logpdf(ahead, 0.0, sd))
    weight = WEIGHTS[None, :] / np.sqrt(2 * np.pi) * density
    return p.beta * (weight * jnp.exp((1 - p.gamma) * (ahead - now))) @ (1 + v)


def price(solution, dividends):
    """The price of the tree at dividends ``[n]``."""
    return dividends * price_dividend(jnp.log(dividends), solution.value, solution.params)


def log_ratio(log_dividend, solution, p):
    return jnp.log(price_dividend(jnp.reshape(log_dividend, (1,)), solution.value, p))[0]


def log_probability(row, solution, p):
    moved = norm.logpdf(row.log_dividend, p.alpha * row.before, p.sigma)
    return moved + norm.logpdf(row.log_ratio, log_ratio(row.log_dividend, solution, p), p.error)


def draw(key, solution, p):
    """A tree whose log dividends begin at zero."""

    def period(before, shocks):
        now = p.alpha * before + p.sigma * shocks[0]
        return now, Observables(before, now, log_ratio(now, solution, p) + p.error * shocks[1])

    return jax.lax.scan(period, jnp.array(0.0), jax.random.normal(key, (PERIODS, 2)))[1]


model = DecisionModel(
    name="lucas_1978",
    prior=Params(),
    start=lambda p: jnp.zeros(NODES),
    bellman=lambda v, p: price_dividend(p.sigma / jnp.sqrt(1 - p.alpha**2) * Z, v, p),
    observables=Observables,
    log_probability=log_probability,
    draw=draw,
    unit="tree",
    reference='Lucas, R. E. (1978), "Asset Prices in an Exchange Economy", Econometrica 46(6)',
)
