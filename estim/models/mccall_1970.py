"""McCall (1970), "Economics of Information and Job Search", Quarterly Journal of Economics 84(1).

A worker without a job gets c a period, meets an offer with probability lam, ln w ~ N(mu, sigma^2), and keeps a job that
she accepts for ever. She accepts what is not below the reservation wage,

    w* = c + beta lam / (1 - beta) E (w - w*)^+,

written here so that its right side is a contraction. Observed are the duration of a spell, which may still be open when
observation ends, and the log of the accepted wage, with an error. Estimation from such spells: Flinn and
Heckman (1982, Journal of Econometrics 18). Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr
from jax.scipy.stats import norm

from estim.decision import DecisionModel
from estim.priors import beta, gamma, normal

PERIODS = 24  # after which simulated spells are no longer observed


class Observables(NamedTuple):
    duration: Any  # periods up to the accepting one, that included; of an open spell, periods observed
    censored: Any  # 1 where the spell is open
    log_wage: Any  # missing where the spell is open


class Params(NamedTuple):
    c: Any = normal(0.6, 0.3)  # income without a job
    lam: Any = beta(0.4, 0.15)  # probability of an offer
    mu: Any = normal(0.0, 0.3)  # mean of log offers
    sigma: Any = gamma(0.5, 0.15)  # their standard deviation
    sigma_m: Any = gamma(0.1, 0.05)  # of the error in observed log wages
    discount: Any = 0.99


def gain(reservation, p):
    """E (w - w*)^+ of a lognormal offer."""
    z = (p.mu - log_of(reservation)) / p.sigma
    return jnp.exp(p.mu + 0.5 * p.sigma**2) * ndtr(z + p.sigma) - reservation * ndtr(z)


def log_of(wage):
    """Its log; every offer exceeds a reservation wage below zero."""
    positive = wage > 0
    return jnp.where(positive, jnp.log(jnp.where(positive, wage, 1.0)), -30.0)


def bellman(reservation, p):
    return (1 - p.discount) * p.c + p.discount * (reservation + p.lam * gain(reservation, p))


def acceptance(reservation, p):
    """Probability that an offer is accepted."""
    return ndtr((p.mu - log_of(reservation)) / p.sigma)


def log_probability(row, solution, p):
    lowest = log_of(solution.value)
    hazard = p.lam * acceptance(solution.value, p)
    # log wage = log offer + error: given the wage, the offer is normal around `mean` with deviation `sd`
    variance = p.sigma**2 + p.sigma_m**2
    mean = (row.log_wage * p.sigma**2 + p.mu * p.sigma_m**2) / variance
    sd = p.sigma * p.sigma_m / jnp.sqrt(variance)
    log_wage = norm.logpdf(row.log_wage, p.mu, jnp.sqrt(variance)) + log_ndtr((mean - lowest) / sd)
    accepted = jnp.log(p.lam) + log_wage  # the probability of acceptance cancels
    last = jnp.where(row.censored == 1, jnp.log1p(-hazard), accepted)
    return (row.duration - 1) * jnp.log1p(-hazard) + last


def draw(key, solution, p):
    search, offer, error = jax.random.split(key, 3)
    hazard = p.lam * acceptance(solution.value, p)
    duration = 1 + jnp.floor(jnp.log(jax.random.uniform(search)) / jnp.log1p(-hazard))
    censored = duration > PERIODS
    lowest = (log_of(solution.value) - p.mu) / p.sigma
    log_offer = p.mu + p.sigma * jax.random.truncated_normal(offer, lowest, jnp.inf)
    log_wage = log_offer + p.sigma_m * jax.random.normal(error)
    return Observables(
        jnp.minimum(duration, PERIODS), censored.astype(float), jnp.where(censored, jnp.nan, log_wage)
    )


model = DecisionModel(
    name="mccall_1970",
    prior=Params(),
    start=lambda p: p.c + jnp.exp(p.mu),
    bellman=bellman,
    observables=Observables,
    log_probability=log_probability,
    draw=draw,
    reference='McCall, J. J. (1970), "Economics of Information and Job Search", '
    "Quarterly Journal of Economics 84(1)",
)
