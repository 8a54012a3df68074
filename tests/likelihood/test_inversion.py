"""The inversion filter: shocks found again, Kalman on linear models, exact gradients, failures as values."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bounded import bounded

import estim
from estim.arguments import ArgumentError
from estim.gradients import check_gradients
from estim.likelihood.nonlinear.inversion import Inversion
from estim.likelihood.nonlinear.newton_inversion import invert_by_newton
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.models import load_model
from estim.representations.linear import StateSpace
from estim.representations.nonlinear import NonlinearStateSpace
from estim.status import Status

GROWTH = load_model("brock_mirman_1972")
VALUES = {"alpha": 0.33, "rho": 0.7, "sigma": 0.2}


def observe(order, shocks):
    """What the growth model shows after shocks ``[n_periods]``: the measurement's own polynomial."""
    solution = estim.solve(GROWTH, VALUES, solver=estim.Perturbation(order=order))

    def step(state, shock):
        state = solution.step(state, shock)
        return state, solution.observe(state)

    return solution, np.asarray(jax.lax.scan(step, solution.rest, jnp.asarray(shocks)[:, None])[1])


@pytest.mark.parametrize("order", [2, 3])
def test_shocks_are_found_again_and_their_density_is_that_of_a_change_of_variables(order):
    shocks = np.random.default_rng(order).standard_normal(30)
    solution, y = observe(order, shocks)
    found = jax.jit(invert_by_newton, static_argnums=2)(solution, y, (0,))
    np.testing.assert_allclose(found.shocks[:, 0], shocks, atol=1e-9)
    # naive: dy/de by differences, one period after another
    state, total, h = solution.rest, 0.0, 1e-5
    show = jax.jit(lambda s, e: solution.observe(solution.step(s, e)))
    move = jax.jit(solution.step)
    for e in shocks[:, None]:
        slope = (show(state, e + h) - show(state, e - h)) / (2 * h)
        total += -0.5 * e @ e - 0.5 * np.log(2 * np.pi) - np.log(abs(slope[0]))
        state = move(state, e)
    outcome = Inversion().loglikelihood(solution, jnp.asarray(y))
    assert outcome.status == Status.OK
    np.testing.assert_allclose(outcome.value, total, rtol=1e-8)


def test_on_a_linear_model_it_is_the_kalman_filter_that_starts_at_rest():
    """Correlated shocks, a trend, and a start that is known."""
    rng = np.random.default_rng(0)
    root, T = rng.standard_normal((2, 2)), 0.3 * rng.standard_normal((3, 3))
    R, Z = rng.standard_normal((3, 2)), rng.standard_normal((2, 3))
    space = StateSpace(
        *map(jnp.asarray, (T, R, root @ root.T, Z, rng.standard_normal(2), np.zeros((2, 2)))),
        jnp.asarray(0),
        jnp.asarray([0.3, -0.1]),
    )
    y = jnp.asarray(rng.standard_normal((12, 2)))
    first = estim.Gaussian(jnp.zeros(3), space.selection @ space.state_cov @ space.selection.T)
    expected = kalman_loglikelihood(space, y, start=first)
    np.testing.assert_allclose(Inversion().loglikelihood(space, y).value, expected, rtol=1e-10)


@partial(jax.tree_util.register_dataclass, data_fields=["slope", "bend", "obs_cov", "status"], meta_fields=[])
@dataclass(frozen=True)
class Bent(NonlinearStateSpace):
    """y = s + A e + B (e e), s' = y / 2: as many shocks as observables, and every number differentiable."""

    slope: jax.Array
    bend: jax.Array
    obs_cov: jax.Array
    status: jax.Array
    shock_cov = property(lambda self: jnp.eye(2))
    rest = property(lambda self: jnp.zeros(2))

    def start(self, key):
        return self.rest

    def step(self, state, shock):
        return 0.5 * state + self.slope @ shock + self.bend @ (shock * shock)

    def observe(self, state):
        return state


def bent(slope, bend):
    return Bent(slope, bend, jnp.zeros((2, 2)), jnp.asarray(0))


SLOPE, BEND = jnp.array([[1.0, 0.3], [-0.2, 0.8]]), jnp.array([[0.05, 0.02], [0.01, 0.04]])


def test_gradient_and_second_derivatives():
    y = jnp.asarray(np.random.default_rng(0).standard_normal((8, 2)))
    loglikelihood = lambda p: Inversion().loglikelihood(bent(p["slope"], p["bend"]), y).value
    found = check_gradients(loglikelihood, {"slope": SLOPE, "bend": BEND}, step=1e-3)
    assert np.abs(found.gradient).min() > 0
    assert found.error < 1e-7 and found.product_error < 1e-6, found


def test_where_there_are_no_shocks_the_gradient_is_zero():
    y = jnp.full((3, 2), -50.0)  # far below what the parabola reaches
    value = lambda slope: Inversion().loglikelihood(bent(slope, BEND), y)
    (number, outcome), slope = jax.value_and_grad(lambda s: (value(s).value, value(s)), has_aux=True)(SLOPE)
    assert number == -np.inf and outcome.status == Status.NO_SHOCKS
    assert (slope == 0).all()


class Square(NonlinearStateSpace):
    """y = e + e^2, which is never below -1/4."""

    obs_cov, shock_cov, status = jnp.zeros((1, 1)), jnp.eye(1), jnp.asarray(0)
    rest = jnp.zeros(1)

    def start(self, key):
        return self.rest

    def step(self, state, shock):
        return shock + shock**2

    def observe(self, state):
        return state


def test_the_root_that_continues_the_linear_one_and_where_there_is_none():
    y = jnp.array([[2.0], [-0.2], [6.0], [-0.3], [-0.25]])
    found = invert_by_newton(Square(), y, (0,))
    np.testing.assert_allclose(found.shocks[:3, 0], (np.sqrt(1 + 4 * y[:3, 0]) - 1) / 2, atol=1e-9)
    assert list(found.status[:4]) == [Status.OK, Status.OK, Status.OK, Status.NO_SHOCKS]
    assert found.status[4] in (Status.NO_SHOCKS, Status.SINGULAR_OBSERVABLES)


def test_a_missing_observable_leaves_its_shock_at_zero():
    space, y = observe(2, np.array([0.5, 0.0, -0.7]))
    y = np.where(np.arange(3)[:, None] == 1, np.nan, y)
    found = invert_by_newton(space, jnp.asarray(y), (0,))
    np.testing.assert_allclose(found.shocks[:, 0], [0.5, 0.0, -0.7], atol=1e-9)
    assert found.logdensity[1] == 0


def test_refusals():
    frame = load_frame(3)
    for model, words in (
        ("smets_wouters_2007", None),
        ("an_schorfheide_2007", "an_schorfheide_2007 has measurement errors"),
        ("schorfheide_2000", None),
    ):
        if words is None:
            Inversion().check_specification(load_model(model))
        else:
            with pytest.raises(ArgumentError, match=words):
                estim.loglikelihood(model, None, frame, likelihood="inversion")
    with pytest.raises(ArgumentError, match="2 shocks for 3 observables; with measurement errors"):
        Inversion()._paired(3, 2)
    fewer = replace(bounded, shocks=NamedTuple("Shocks", [("e_r", Any)]), residuals=without_rule_shock)
    with pytest.raises(
        ArgumentError, match="1 shocks for 2 observables: e_r for x, i; with measurement errors"
    ):
        Inversion().check_specification(fewer)
    with pytest.raises(ArgumentError, match="must give each of the 2 observables a shock"):
        Inversion(paired=(0, 2))._paired(2, 2)
    with pytest.raises(ArgumentError, match="gives one shock to two observables"):
        Inversion(paired=(0, 0))


def without_rule_shock(lag, now, lead, shocks, p):
    return bounded.residuals(lag, now, lead, bounded.shocks(shocks.e_r, 0.0), p)


def load_frame(periods):
    return estim.load_data("us_nk").iloc[:periods]
