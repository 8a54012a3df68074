"""Iskhakov, Jorgensen, Rust and Schjerning (2017), "The Endogenous Grid Method for Discrete-Continuous Dynamic Choice
Models with (or without) Taste Shocks", Quantitative Economics 8(2): when to retire.

Of cash m a worker of age t eats c and decides whether to work on, which is a burden of delta and pays y next year. Who
has retired does not come back:

    v_w(m, t) = E max { max_c log c - delta + beta v_w(R (m - c) + y, t + 1) + eps_1, v_r(m, t) + eps_0 },
    v_r(m, t) = max_c log c + beta v_r(R (m - c), t + 1),

with taste shocks eps of scale sigma. The choice to come makes the value of saving not concave: Euler's equation has
several solutions, and an upper envelope takes the best. Observed are cash and who works on. Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.heterogeneity.ages import later, solve_ages
from estim.heterogeneity.households import save_by_envelope
from estim.numerics.interpolate import interpolate
from estim.priors import gamma


class Observables(NamedTuple):
    age: Any  # years since the first
    cash: Any
    works: Any  # 1 who works on, 0 who retires now; missing where somebody has retired


class Params(NamedTuple):
    delta: Any = gamma(1.0, 0.3)  # burden of work
    sigma: Any = gamma(0.1, 0.05)  # scale of tastes
    beta: Any = 0.98
    R: Any = 1.0  # gross return
    y: Any = 20.0  # wage
    m_low: Any = 10.0  # of the youngest, cash is uniform between these
    m_high: Any = 60.0


class Values(NamedTuple):
    worker: Any  # value, [ages, cash]
    retired: Any
    d_worker: Any  # its derivative with respect to cash
    d_retired: Any


class Choices(NamedTuple):
    c_worker: Any  # consumption who works on, [ages, cash]
    c_retired: Any
    gain: Any  # value of working on less that of retiring


def build(n_ages=20, n_assets=300, top=200.0, low=0.05):
    """The model on so many points of savings, crowded near the lowest."""
    assets = low + (top - low) * np.linspace(0.0, 1.0, n_assets) ** 2.5
    cash = 1.001 * low + 1.2 * (top - low) * np.linspace(0.0, 1.0, n_assets) ** 2.5

    def year(ahead, p):
        """What is chosen in a year, from next year's value."""

        def save(income, value, d_value):
            m = p.R * assets + income
            expected, marginal = interpolate(jnp.asarray(cash), m, (value, d_value))
            return save_by_envelope(
                p.beta * p.R * marginal, p.beta * expected, cash, assets, jnp.log, lambda x: 1 / x
            )

        _, c_worker, working = save(p.y, ahead.worker, ahead.d_worker)
        _, c_retired, resting = save(0.0, ahead.retired, ahead.d_retired)
        gain = (working - p.delta - resting) / p.sigma
        works = jax.nn.sigmoid(gain)
        value = Values(
            resting + p.sigma * jax.nn.softplus(gain),
            resting,
            works / c_worker + (1 - works) / c_retired,
            1 / c_retired,
        )
        return value, Choices(c_worker, c_retired, gain * p.sigma)

    def last(p):
        """In the last year all is eaten, and nobody works."""
        log, inverse = jnp.log(cash), 1 / jnp.asarray(cash)
        return Values(log, log, inverse, inverse)

    def policy(v, p):
        return jax.vmap(lambda ahead: year(ahead, p)[1])(later(v, last(p)))

    def log_probability(row, solution, p):
        t, gain = row.age.astype(int), solution.policy.gain
        sign = jnp.where(row.works == 1, 1.0, -1.0)
        return jnp.where(
            row.seen.works, jax.nn.log_sigmoid(sign * at(cash, row.cash, gain[t]) / p.sigma), 0.0
        )

    def draw(key, solution, p):
        first, tastes = jax.random.split(key)
        choices = solution.policy
        uniform = jax.random.uniform(tastes, (n_ages,))

        def live(state, xs):
            m, active = state
            t, u = xs
            works = active & (u < jax.nn.sigmoid(at(cash, m, choices.gain[t]) / p.sigma))
            c = jnp.where(works, at(cash, m, choices.c_worker[t]), at(cash, m, choices.c_retired[t])).clip(
                0.0, m
            )
            ahead = p.R * (m - c) + p.y * works
            return (ahead, works), Observables(t, m, jnp.where(active, works * 1.0, jnp.nan))

        start = jax.random.uniform(first, minval=p.m_low, maxval=p.m_high)
        return jax.lax.scan(live, (start, True), (jnp.arange(n_ages), uniform))[1]

    return DecisionModel(
        name="iskhakov_et_al_2017",
        prior=Params(),
        start=lambda p: jax.tree.map(lambda x: jnp.zeros((n_ages, n_assets)), last(p)),
        bellman=lambda v, p: solve_ages(lambda ahead, age: year(ahead, p)[0], last(p), n_ages),
        policy=policy,
        monotone=False,
        solver={"method": "vfi"},
        observables=Observables,
        log_probability=log_probability,
        draw=draw,
        unit="worker",
        reference='Iskhakov, F., T. H. Jorgensen, J. Rust and B. Schjerning (2017), "The Endogenous Grid Method for '
        'Discrete-Continuous Dynamic Choice Models with (or without) Taste Shocks", Quantitative Economics 8(2)',
    )


def at(knots, m, y):
    """Linear between the knots."""
    return interpolate(jnp.asarray(knots), jnp.reshape(m, (1,)), y)[0]


model = build()
