"""A model solved once by NumPy has the numbers and the verdict of its compiled program."""

from dataclasses import replace

import numpy as np
import pytest
from random_systems import draw

import estim
from estim.solution import linearize, linearize_once, solve_decision_rule, solve_decision_rule_once
from estim.solution.on_host import _improved, _left, at_rest_once, solve_policy_once
from estim.status import Status


@pytest.mark.parametrize("name", ["hansen_1985", "an_schorfheide_2007"])
def test_the_same_solution(name):
    model = estim.load_model(name)
    params = model.params()
    for one, other in zip(linearize_once(model, params), linearize(model, params), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    ours, compiled = solve_decision_rule_once(model, params), solve_decision_rule(model, params)
    assert int(ours.status) == int(compiled.status) == 0
    for field in ("policy", "transition", "selection", "steady_state", "shock_cov"):
        np.testing.assert_allclose(getattr(ours, field), getattr(compiled, field), rtol=1e-8, atol=1e-10)
    assert all(isinstance(x, np.ndarray) for x in ours)


def test_equations_are_traced_once():
    plain, calls = estim.load_model("hansen_1985"), []

    def residuals(*dated):
        calls.append(1)
        return plain.residuals(*dated)

    model = replace(plain, residuals=residuals)
    linear, rule = linearize_once(model, model.params()), solve_decision_rule_once(model, model.params())
    assert len(calls) == 1
    np.testing.assert_array_equal(rule.policy, solve_decision_rule_once(plain, plain.params()).policy)
    levels, left = at_rest_once(model, model.params())
    np.testing.assert_allclose(levels, linear.steady_state, rtol=1e-15)
    np.testing.assert_allclose([*left.values()], linear.residual, atol=1e-15)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_random_systems_have_the_verdict_that_they_were_built_with(n):
    rng, one = np.random.default_rng(n), np.eye(n)
    seen = set()
    for _ in range(60):
        system = draw(rng, n)
        policy, _, status = solve_policy_once(system.now, system.lag, one, system.lead, one)
        assert status == system.status
        seen.add(status)
        if status == Status.OK:
            np.testing.assert_allclose(
                policy, system.transition, atol=1e-7 * (1 + np.abs(system.transition).max())
            )
    assert {Status.OK, Status.EXPLOSIVE, Status.INDETERMINATE} <= seen


def test_what_is_wrong_has_its_status():
    model = estim.load_model("an_schorfheide_2007")
    status = lambda **values: int(solve_decision_rule_once(model, model.params(values)).status)
    assert status(psi1=0.5, psi2=0.0) == Status.INDETERMINATE
    assert status(tau=np.nan) == Status.NO_STEADY_STATE
    hansen = estim.load_model("hansen_1985")
    bad = type(hansen.prior)(*(-abs(x) for x in hansen.params()))
    assert (
        int(solve_decision_rule_once(hansen, bad).status) == int(solve_decision_rule(hansen, bad).status) != 0
    )


def test_newton_steps_mend_a_rule():
    rng, one = np.random.default_rng(3), np.eye(6)
    seen = 0
    while seen < 5:
        system = draw(rng, 6)
        if system.status != Status.OK or np.abs(system.transition).max() > 5:
            continue
        seen += 1
        rough = system.transition * (1 + 1e-4 * rng.standard_normal((6, 6)))
        policy, transition = _improved(rough, one, system.now, system.lag, system.lead)
        np.testing.assert_allclose(policy, system.transition, atol=1e-8)
        np.testing.assert_array_equal(transition, policy)


def test_what_moves_nothing_is_judged_by_what_does():
    now, lead, l = np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros((2, 2)), np.array([[-0.5], [0.0]])
    left = lambda rounding: _left(np.array([[0.5], [rounding]]), np.array([[0.5]]), now, l, lead)
    assert left(1e-17) < 1e-11 < 1e-6 < left(1e-9)
