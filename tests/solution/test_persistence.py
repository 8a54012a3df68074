"""Persistent processes: the log-likelihood of a short horizon is that of one four times as long."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_models import coarse

from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.models import auclert_rognlie_straub_2024 as ars
from estim.solution.sequence_space.linear_system import solve_aggregate_responses, solve_moving_average
from estim.solution.sequence_space.stationary_equilibrium import default_household_jacobians
from estim.solution.simulate import simulate
from estim.status import Status

SHORT, LONG = 120, 480


class Variables(NamedTuple):
    Y: Any
    pi: Any
    i: Any
    piw: Any
    r_ante: Any
    r: Any
    Z: Any
    T: Any
    B: Any
    C: Any
    A: Any
    X: Any
    G: Any
    m: Any
    u: Any  # what productivity learns today
    G_before: Any  # spending a quarter ago


def residuals(lag, now, lead, eps, p):
    """Productivity is an ARMA(1, 1), spending an AR(2) with a root of 0.4, whose shock moves policy too."""
    equations = ars.residuals(lag, now, lead, eps, p)
    return equations | {
        "productivity": now.X - 1 - p.rho_X * (lag.X - 1) - p.sig_X / 100 * (now.u + 0.5 * lag.u),
        "spending": now.G
        - (p.rho_G + 0.4) * lag.G
        + 0.4 * p.rho_G * lag.G_before
        - p.sig_G / 100 * eps.eps_G,
        "Taylor rule": equations["Taylor rule"] - p.sig_G / 200 * eps.eps_G,
        "innovation": now.u - eps.eps_X,
        "spending before": now.G_before - lag.G,
    }


def steady_state(p):
    return Variables(**ars.steady_state(p)._asdict(), u=0.0, G_before=p.G)


PLAIN = coarse("auclert_rognlie_straub_2024")
BENT = replace(PLAIN, variables=Variables, residuals=residuals, steady_state=steady_state)
MODELS = {"AR(1)": PLAIN, "ARMA(1, 1), AR(2), and a shock in two equations": BENT}
RHO = ("rho_m", "rho_X", "rho_G")


def params_at(model, rho, **others):
    return model.params({n: rho for n in RHO} | {"phi_T": 0.25} | others)


solve = jax.jit(solve_moving_average, static_argnums=0)
aggregate = jax.jit(solve_aggregate_responses, static_argnums=0)


@pytest.fixture(scope="module")
def household():
    """That of the defaults, since persistence and the tax rule do not enter it: no search for another is compiled."""
    found = default_household_jacobians(replace(PLAIN, horizon=LONG))
    solved = {n: getattr(found.params, n) for n in PLAIN.unknowns}
    params = params_at(PLAIN, 0.9)._replace(**solved)
    return found._replace(params=as_floats(params), variables=as_floats(found.variables))


def as_floats(values):
    """Of one type, whether they were given or computed: one program serves all."""
    return jax.tree.map(lambda x: jnp.asarray(x, float), values)


@pytest.fixture(scope="module")
def y(household):
    data = simulate(solve(PLAIN, params_at(PLAIN, 0.9), shorter(household, SHORT)), jax.random.key(0), 100)
    return np.asarray(data)


def shorter(household, horizon):
    """The first dates of a Jacobian are the Jacobian of the first dates."""
    return household._replace(jacobians={k: J[:horizon, :horizon] for k, J in household.jacobians.items()})


@pytest.mark.parametrize("name", MODELS)
def test_the_horizon_does_not_matter(name, household, y):
    model = MODELS[name]
    household = household._replace(variables=as_floats(model.steady_state(household.params)))
    responses = aggregate(model, params_at(model, 0.9), shorter(household, SHORT))
    for rho in (0.5, 0.98, 0.995, 0.9999):
        p = params_at(model, rho)
        long = solve(model, p, household)
        short, quick = solve(model, p, shorter(household, SHORT)), solve(model, p, responses)
        assert short.status == quick.status == long.status == Status.OK
        want = toeplitz_loglikelihood(long, y)
        for found in (short, quick):
            # what the coarse economy's own inertia leaves after 120 dates is worth 0.002 log points here
            np.testing.assert_allclose(toeplitz_loglikelihood(found, y), want, rtol=5e-6, atol=5e-3)
            np.testing.assert_allclose(found.impulse_responses, long.impulse_responses[:SHORT], atol=1e-5)


def without_tail(solution):
    """That what comes after the horizon is zero: the program of the tail itself says so."""
    return solution._replace(tail=solution.tail._replace(loading=0 * solution.tail.loading))


def test_without_a_tail_they_would_be_wrong(household, y):
    """What is cut off at the short horizon; and at the long one, where little is left of the shock."""
    p = params_at(PLAIN, 0.98)
    right, cut = solve(PLAIN, p, shorter(household, SHORT)), without_tail(solve(PLAIN, p, household))
    off = toeplitz_loglikelihood(without_tail(right), y) - toeplitz_loglikelihood(right, y)
    assert abs(off) > 1.0
    np.testing.assert_allclose(toeplitz_loglikelihood(right, y), toeplitz_loglikelihood(cut, y), rtol=1e-5)


def test_gradient_in_persistence(household, y):
    near = shorter(household, SHORT)
    value = lambda rho: toeplitz_loglikelihood(solve(PLAIN, params_at(PLAIN, rho), near), y)
    gradient = jax.jit(jax.grad(value))
    for rho in (0.9, 0.995):
        h = 3e-4  # the value's own rounding is 1e-6 at 0.995, where these data are very unlikely
        apart = [value(rho + k * h) - value(rho - k * h) for k in (1, 2, 3)]
        difference = (45 * apart[0] - 9 * apart[1] + apart[2]) / (60 * h)
        np.testing.assert_allclose(gradient(rho), difference, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"rho_G": 1.0}, Status.EXPLOSIVE),
        ({"rho_G": 1.01}, Status.EXPLOSIVE),
        ({"rho_m": -0.999}, Status.OK),
        ({"phi_T": 0.03}, Status.HORIZON_TOO_SHORT),  # the root of debt is 0.98, and 0.98^120 = 0.09
        ({"phi_T": 0.1}, Status.OK),  # 0.91
    ],
)
def test_status(household, change, status):
    found = solve(PLAIN, params_at(PLAIN, 0.9, **change), shorter(household, SHORT))
    assert Status(int(found.status)) == status
