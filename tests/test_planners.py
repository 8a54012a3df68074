"""Planners, simple rules and welfare: against independent programs, derivatives against differences, invariances."""

import json
from collections import namedtuple
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_policy import PARTS, Params, Variables, loss, model, residuals

import estim
from estim.arguments import ArgumentError
from estim.model import ModelError

REFERENCE = json.loads((Path(__file__).parent / "reference" / "optimal_policy.json").read_text())
LINEAR = REFERENCE["linear_quadratic"]
POINTS = range(len(LINEAR))
RULE = ("f_pi", "f_x", "f_i")
PLANNER: dict[str, Any] = dict(instruments={"i": "rule"}, discount="bet")


def values(ref):
    return ref["params"] | {"sd_r": ref["shock_sd"]["e_r"], "sd_u": ref["shock_sd"]["e_u"]}


FOUND = {
    method: estim.optimal_policy(model, values(LINEAR[0]), loss, method=method, **PLANNER)
    for method in ("commitment", "discretion")
}


def differences(f, x, step=1e-5):
    return (f(x + step) - f(x - step)) / (2 * step)


# --- linear-quadratic ---


@pytest.mark.parametrize("point", POINTS)
def test_commitment(point):
    ref, policy = LINEAR[point], FOUND["commitment"]
    want = ref["commitment"]
    found = policy.value_fn(values(ref))
    assert float(found.from_zero) == pytest.approx(want["loss_conditional_zero_multipliers"], rel=1e-8)
    assert float(found.unconditional) == pytest.approx(want["loss_unconditional"], rel=1e-8)
    rule = policy.rule_fn(values(ref))
    sd = np.array([ref["shock_sd"][s] for s in ("e_r", "e_u")])
    rows = [policy.model.variables._fields.index(v) for v in ("pinf", "x", "i", "mult_pc", "mult_is")]
    impact = np.asarray(rule.policy @ rule.selection)[rows] / sd
    order = [want["order"].index(v) for v in ("pinf", "x", "i", "MULT_1", "MULT_2")]
    np.testing.assert_allclose(impact, np.array(want["ghu"])[order], atol=1e-8)


def test_the_rule_of_commitment_remembers_its_promises():
    want = LINEAR[0]["commitment"]
    columns = ["rn(-1)", "u(-1)", "mult_pc(-1)", "mult_is(-1)"]
    found = FOUND["commitment"].coefficients.sel(variable=["pinf", "x", "i"], to=columns)
    np.testing.assert_allclose(found, np.array(want["ghx"])[:3], atol=1e-8)
    responses = FOUND["commitment"].impulse_responses(21)
    for shock, paths in want["irf_one_sd"].items():
        for name, path in paths.items():
            np.testing.assert_allclose(responses.sel(variable=name, shock=shock), path, atol=1e-8)


@pytest.mark.parametrize("point", POINTS)
def test_discretion(point):
    ref, policy = LINEAR[point], FOUND["discretion"]
    want = ref["discretion"]
    found = policy.value_fn(values(ref))
    assert float(found.timeless) == pytest.approx(want["loss_conditional"], rel=1e-8)
    assert float(found.unconditional) == pytest.approx(want["loss_unconditional"], rel=1e-8)
    rule = policy.rule_fn(values(ref))
    for name, answers in want["rule"].items():
        row = np.asarray(rule.selection)[model.variables._fields.index(name)]
        sd = [ref["shock_sd"][s] for s in ("e_r", "e_u")]
        np.testing.assert_allclose(row / sd, [answers["rn"], answers["u"]], atol=1e-8)


def names(*given):
    return namedtuple("Names", given)


Debt, Seen = names("b", "tau"), names("seen")


def test_discretion_with_a_state_is_the_riccati_answer_where_nothing_is_expected():
    """Without forward-looking variables promises are worth nothing: b' = 1.05 b - tau + e, loss b^2 + 0.3 tau^2."""
    economy = estim.Model(
        name="debt",
        variables=Debt,
        shocks=names("e"),
        observables=Seen,
        residuals=lambda lag, now, lead, e, p: {
            "debt": now.b - 1.05 * lag.b + now.tau - e.e,
            "tax": now.tau - p.f * lag.b,
        },
        measurement=lambda now, lag, p: Seen(now.b),
        steady_state=lambda p: Debt(0.0, 0.0),
        prior=names("f", "beta")(0.5, 0.97),
        linearised=True,
    )
    found = estim.optimal_policy(
        economy,
        None,
        lambda now, p: now.b**2 + 0.3 * now.tau**2,
        instruments={"tau": "tax"},
        discount="beta",
        method="discretion",
    )
    # the state is what debt would be without a tax, s' = 1.05 (s - tau): loss (s - tau)^2 + 0.3 tau^2
    exact = estim.solve_lq([[1.05]], [[-1.05]], [[1.0]], [[1.3]], beta=0.97, cross=[[-1.0]])
    answer = -float(exact.policy[0, 0])
    taxes = found.coefficients.sel(variable="tau")
    np.testing.assert_allclose(taxes, [1.05 * answer, answer], rtol=1e-9)
    promised = estim.optimal_policy(
        economy,
        None,
        lambda now, p: now.b**2 + 0.3 * now.tau**2,
        instruments={"tau": "tax"},
        discount="beta",
        method="commitment",
    )
    np.testing.assert_allclose(promised.coefficients.sel(variable="tau", to=["b(-1)", "e"]), taxes, rtol=1e-9)
    assert promised.value.timeless == pytest.approx(found.value.timeless, rel=1e-9)


@pytest.mark.parametrize("method", FOUND)
def test_the_loss_has_exact_derivatives(method):
    policy, at = FOUND[method], values(LINEAR[0])
    of = lambda p: policy.value_fn(at | p).unconditional
    point = {name: at[name] for name in ("bet", "sig", "kap", "lam_x", "rho_u", "sd_u")}
    slope = jax.jit(jax.grad(of))
    found = slope(point)
    for name, x in point.items():
        want = differences(lambda x, n=name: float(of(point | {n: x})), x)
        assert float(found[name]) == pytest.approx(want, rel=2e-6, abs=1e-6)
    if method == "discretion":
        along_kap = {name: float(name == "kap") for name in point}
        twice = jax.jit(lambda p: jax.jvp(jax.grad(of), (p,), (along_kap,))[1])(point)
        for name in point:
            want = differences(lambda x, n=name: float(slope(point | {"kap": x})[n]), at["kap"])
            assert float(twice[name]) == pytest.approx(want, rel=1e-5, abs=1e-4)


def test_promises_are_worth_something_and_units_are_not():
    assert FOUND["commitment"].value.from_zero < FOUND["discretion"].value.timeless
    other = estim.optimal_policy(
        model,
        values(LINEAR[0]),
        lambda now, p: -50 * loss(now, p),
        method="discretion",
        maximise=True,
        **PLANNER,
    )
    np.testing.assert_allclose(other.coefficients, FOUND["discretion"].coefficients, atol=1e-9)
    assert other.value.timeless == pytest.approx(-50 * FOUND["discretion"].value.timeless, rel=1e-9)


# --- simple rules ---

BEST = estim.optimal_rule(model, values(LINEAR[0]), loss, rule=RULE)


def test_a_simple_rule():
    want = LINEAR[0]["simple_rule"]
    assert BEST.success and BEST.loss == pytest.approx(want["objective"], rel=1e-8)
    np.testing.assert_allclose(
        [BEST.coefficients[n] for n in RULE], [want["optimum"][n] for n in RULE], atol=1e-6
    )
    assert max(abs(g) for g in BEST.gradient.values()) < 1e-7
    again = BEST.loss_at(values(LINEAR[0]))
    assert again == pytest.approx(BEST.loss, rel=1e-12)
    other = LINEAR[1]["simple_rule"]
    with_it = BEST._criterion.by_draw(
        {n: jnp.asarray(other["optimum"][n]) for n in RULE},
        {n: jnp.asarray([v]) for n, v in model.params(values(LINEAR[1]))._asdict().items()},
    )
    assert float(with_it[0, 0]) == pytest.approx(other["objective"], rel=1e-6)


def test_the_best_coefficients_move_as_their_sensitivities_say():
    """Moved along, they leave the gradient at zero, but for terms of second order."""
    slope, at, step = BEST.sensitivities(), values(LINEAR[0]), 1e-5
    criterion, one = BEST._criterion, jnp.ones(1)
    for name in ("kap", "lam_i", "rho_u"):
        moved = lambda s, name=name: {
            n: jnp.asarray([v]) for n, v in model.params(at | {name: at[name] + s})._asdict().items()
        }
        along = {
            n: jnp.asarray(BEST.coefficients[n] + step * float(slope.sel(coefficient=n, parameter=name)))
            for n in RULE
        }
        stay = {n: jnp.asarray(BEST.coefficients[n]) for n in RULE}
        left, without = (criterion.value_and_gradient(f, moved(step), one)[1] for f in (along, stay))
        for n in RULE:
            assert abs(float(left[n])) < 2e-3 * max(abs(float(x)) for x in without.values()) + 2e-8


def test_the_rule_that_is_best_on_average_is_worse_at_the_mode_and_better_elsewhere():
    at, kappas = values(LINEAR[0]), np.array([[0.05, 0.1], [0.15, 0.2]])
    found = estim.optimal_rule(model, at | {"kap": kappas}, loss, rule=RULE)
    assert found.success and found.losses.shape == (4,)
    assert found.loss == pytest.approx(found.losses.mean(), rel=1e-12)
    assert found.loss < BEST.loss_at(at | {"kap": kappas}) - 1e-4
    assert found.loss_at(at) > BEST.loss


def test_the_frontier_falls_and_has_a_band():
    aims = {"inflation": lambda now, p: now.pinf**2, "rest": lambda now, p: now.x**2 + now.i**2}
    points = estim.rule_frontier(
        model,
        values(LINEAR[0]) | {"kap": np.array([0.08, 0.12])},
        aims,
        rule=("f_pi", "f_x"),
        weights=[{"inflation": 1.0, "rest": w} for w in (0.6, 0.2, 0.05)],
    )
    assert points.success.all()
    mean = points.objective.mean("draw")
    assert (np.diff(mean.sel(of="inflation")) < 0).all() and (np.diff(mean.sel(of="rest")) > 0).all()
    assert points.objective.sizes == {"weights": 3, "of": 2, "draw": 2}
    np.testing.assert_allclose(points.weight.sel(of="rest"), [0.6, 0.2, 0.05])


# --- any model ---


Far = names("k", "c", "z", "tau")


def test_what_multiplies_past_and_future_reaches_further_than_a_period():
    """A planner who may do without the tax finds the allocation of Brock and Mirman: k = alpha beta z k(-1)^alpha,
    where the condition of the households reads k(-1) and c(+1) in one term, so that the planner's reads two periods."""
    alpha, beta = 0.36, 0.95

    def equations(lag, now, lead, e, p):
        made = jnp.exp(now.z) * lag.k**p.alpha
        ahead = p.alpha * jnp.exp(lead.z) * now.k ** (p.alpha - 1) / lead.c
        return {
            "euler": lag.k * (1 / now.c - p.beta * (1 - now.tau) * ahead),
            "resources": made - now.c - now.k,
            "technology": now.z - 0.9 * lag.z - 0.02 * e.e,
            "tax": now.tau - 0.1,
        }

    taxed = estim.Model(
        name="taxed",
        variables=Far,
        shocks=names("e"),
        observables=Seen,
        residuals=equations,
        measurement=lambda now, lag, p: Seen(now.c),
        start={"k": 0.17, "c": 0.35, "tau": 0.1},
        prior=names("alpha", "beta")(alpha, beta),
    )
    planned = estim.ramsey_model(
        taxed, lambda now, p: jnp.log(now.c), instruments={"tau": "tax"}, discount="beta", maximise=True
    )
    assert {"ahead_k", "before_k"} <= set(planned.variables._fields)
    shocks = {"e": np.array([1.0, -2.0, 0.5, 0.0])}
    path = estim.simulate(planned, None, shocks)
    exact = estim.simulate(
        estim.load_model("brock_mirman_1972"),
        {"alpha": alpha, "discount": beta, "rho": 0.9, "sigma": 0.02},
        np.array(shocks["e"])[:, None],
        solver=estim.FirstOrder(),
    )
    np.testing.assert_allclose(
        path.sel(variable=["k", "c", "z"]), exact.sel(variable=["k", "c", "z"]), atol=1e-9
    )
    np.testing.assert_allclose(path.sel(variable="tau"), 0.0, atol=1e-9)


def test_a_bound_of_the_rule_binds_the_planner():
    """The rate of the canonical economy does not fall below -0.5: the planner of this one keeps to that, too."""
    bound = {"rule": lambda lag, now, lead, p: now.i + 0.5}
    bounded = estim.Model(**{**PARTS, "complementarity": bound, "name": "bounded"})
    planned = estim.ramsey_model(bounded, loss, **PLANNER)
    shocks = {"e_r": np.array([-4.0, 0.0, 0.0, 0.0, 0.0, 0.0])}
    path = estim.simulate(planned, values(LINEAR[0]), shocks, solver=estim.OccasionallyBinding())
    rate = path.sel(variable="i").values
    assert (rate > -0.5 - 1e-9).all() and (np.abs(rate + 0.5) < 1e-9).sum() >= 2
    free = estim.simulate(FOUND["commitment"].model, values(LINEAR[0]), shocks)
    assert free.sel(variable="i").min() < -0.5


# --- what is wrong is said ---

WRONG: dict[str, tuple[type[Exception], Any]] = {
    "the instrument 'j' is no variable": (ModelError, dict(instruments={"j": "rule"})),
    "cannot take the place of 'role', no equation of (pc, is, rule, natural, cost); did you mean 'rule'?": (
        ModelError,
        dict(instruments={"i": "role"}),
    ),
    "two instruments take the place of one equation": (
        ModelError,
        dict(instruments={"i": "rule", "x": "rule"}),
    ),
    "instruments must say which variable replaces which equation": (ModelError, dict(instruments={})),
    "the discount factor 'beta' is no parameter; did you mean 'bet'?": (ModelError, dict(discount="beta")),
    "the discount factor is 1.5, not between zero and one": (ModelError, dict(discount=1.5)),
    "objective uses 'pi'": (ModelError, dict(objective=lambda now, p: now.pi**2)),
    "flat at the steady state, a quadratic loss, but it moves there with (x)": (
        ModelError,
        dict(objective=lambda now, p: now.pinf**2 + (now.x - 0.1) ** 2),
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_said(message):
    error, changed = WRONG[message]
    asked = {"objective": loss, "method": "discretion", **PLANNER, **changed}
    with pytest.raises(error) as caught:
        estim.optimal_policy(model, None, asked.pop("objective"), **asked)
    assert message in str(caught.value)


def test_what_is_wrong_with_a_rule_is_said():
    with pytest.raises(ModelError, match="coefficient 'f_y' is no parameter"):
        estim.optimal_rule(model, None, loss, rule=("f_y",))
    with pytest.raises(ValueError, match="not finite at the start"):
        estim.optimal_rule(model, {"f_pi": 0.0, "f_x": 0.0, "f_i": 0.0}, loss, rule=RULE)
    with pytest.raises(ArgumentError, match="different shapes"):
        estim.optimal_rule(model, {"kap": np.ones(3), "sig": np.ones(2)}, loss, rule=RULE)
    with pytest.raises(ModelError, match="its equations are linearised"):
        estim.consumption_equivalent(model, model, None, loss, discount=0.99)


def test_parameters_of_the_rule_alone_are_calibrated():
    estimated = estim.Model(
        **{**PARTS, "prior": Params(kap=estim.priors.gamma(0.1, 0.02), f_pi=estim.priors.normal(1.5, 0.1))}
    )
    planned = estim.ramsey_model(estimated, loss, **PLANNER)
    assert planned.estimated == ("kap",) and planned.prior.f_pi == 1.5
    assert set(residuals(*[Variables(*range(5))] * 3, planned.shocks(0, 0), Params())) == {
        "pc",
        "is",
        "rule",
        "natural",
        "cost",
    }
