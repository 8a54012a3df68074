"""Lucas (1978), "Asset Prices in an Exchange Economy", Econometrica 46(6): a tree whose fruit is all that there is
to eat. With ln y' = alpha ln y + sigma e and u(c) = c^(1 - gamma) / (1 - gamma) its price-dividend ratio solves

    v(y) = beta E[ (y' / y)^(1 - gamma) (1 + v(y')) | y ],

at Gauss and Hermite's nodes of the stationary law of ln y (the method of Tauchen and Hussey, 1991, Econometrica 59).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from estim.decision import DecisionModel

NODES = 100
Z, WEIGHTS = np.polynomial.hermite_e.hermegauss(NODES)


class Params(NamedTuple):
    beta: Any = 0.95
    gamma: Any = 2.0  # relative risk aversion
    alpha: Any = 0.9  # persistence of log dividends
    sigma: Any = 0.1


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


model = DecisionModel(
    name="lucas_1978",
    prior=Params(),
    start=lambda p: jnp.zeros(NODES),
    bellman=lambda v, p: price_dividend(p.sigma / jnp.sqrt(1 - p.alpha**2) * Z, v, p),
    reference='Lucas, R. E. (1978), "Asset Prices in an Exchange Economy", Econometrica 46(6)',
)
