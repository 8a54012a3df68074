"""Poisson regression, and its maximum likelihood by Newton and Raphson (Nelder and Wedderburn, 1972, Journal of the
Royal Statistical Society A 135): counts y with the mean exp(x'b),

    log p(y | x, b) = y x'b - exp(x'b) - log y!.

Nobody decides: each observation is one agent, who follows this rule. Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from estim.decision import DecisionModel
from estim.numerics.newton import newton_step
from estim.priors import normal


class Observables(NamedTuple):
    y: Any  # a count
    x: Any  # what explains it; its square does too


class Params(NamedTuple):
    constant: Any = normal(0.0, 2.0)
    linear: Any = normal(0.0, 1.0)
    square: Any = normal(0.0, 1.0)


def log_density(y, predictor):
    return y * predictor - jnp.exp(predictor) - gammaln(y + 1)


def loglikelihood(b, X, y):
    """Of coefficients b ``[k]``, given ``[n, k]`` regressors and ``[n]`` counts."""
    return log_density(y, X @ b).sum()


def improve(b, X, y):
    """A step of Newton and Raphson, b - H^-1 g."""
    return newton_step(jax.grad(lambda b: loglikelihood(b, X, y)), b)


def maximum_likelihood(X, y, start, tolerance=1e-3):
    """Coefficients after which no step changes one by more than the `tolerance`, and their standard errors."""
    step = jax.jit(improve)
    b, ahead = start, step(start, X, y)
    while jnp.abs(ahead - b).max() > tolerance:
        b, ahead = ahead, step(ahead, X, y)
    information = -jax.hessian(loglikelihood)(ahead, X, y)
    return ahead, jnp.sqrt(jnp.diagonal(jnp.linalg.inv(information)))


def draw(key, solution, p):
    of_x, of_y = jax.random.split(key)
    x = jax.random.normal(of_x)
    return Observables(jax.random.poisson(of_y, jnp.exp(p.constant + p.linear * x + p.square * x**2)), x)


model = DecisionModel(
    name="poisson_regression",
    prior=Params(),
    observables=Observables,
    log_probability=lambda row, solution, p: log_density(
        row.y, p.constant + p.linear * row.x + p.square * row.x**2
    ),
    draw=draw,
    reference="Nelder, J. A. and R. W. M. Wedderburn (1972), Journal of the Royal Statistical Society A 135(3)",
)
