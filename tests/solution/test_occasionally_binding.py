"""Piecewise-linear solutions: against independent numbers, the textbook recursion, and models without a constraint."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from bounded import Variables, bounded, slack

import estim
from estim.model import ModelError
from estim.solution.linearize import linearize
from estim.solution.rational_expectations import solve_all_variables
from estim.status import SolutionError, Status

REFERENCE = Path(__file__).parent.parent / "reference"
SIMULATIONS = json.loads((REFERENCE / "binding_at_times.json").read_text())["simulations"]


@pytest.mark.parametrize("name", SIMULATIONS)
def test_paths_and_expected_regimes(name):
    ref, model = SIMULATIONS[name], estim.read_mod(REFERENCE / "mod" / f"{name}.mod").model
    unit = {f"stderr_{shock}": 1.0 for shock in ref["shocks"]}
    for case in ref["cases"]:
        shocks = np.zeros((len(case["path"]), len(ref["shocks"])))
        shocks[: len(case["shocks"])] = case["shocks"]
        frame = pd.DataFrame(shocks, columns=ref["shocks"])
        path = estim.simulate(model, case["params"] | unit, frame, solver=estim.OccasionallyBinding())
        np.testing.assert_allclose(path.sel(variable=ref["variables"]), case["path"], rtol=0, atol=1e-7)
        assert path.regimes.to_numpy()[: len(case["regimes"])].tolist() == case["regimes"]


def test_laws_of_motion_are_those_of_the_backward_recursion():
    """Guerrieri and Iacoviello (2015, equations 6 to 9) for regimes that come and go."""
    horizon, solver = 8, estim.OccasionallyBinding(horizon=8)
    params = bounded.params()
    solution, linear = solver.solve(bounded, params), linearize(bounded, params)
    A, B, C, D = (np.array(m) for m in linear[:4])
    _, P, R = solve_all_variables(bounded, params)
    P, k = np.array(P), np.zeros(4)
    row, binding = 2, np.array([1, 0, 1, 1, 0, 0, 0, 0], bool)
    for t in range(horizon - 1, -1, -1):
        b, constant = B.copy(), np.zeros(4)
        if binding[t]:
            b[row], constant[row] = np.eye(4)[1], params.bound
        left = A @ P + b
        k = -np.linalg.solve(left, A @ k + constant)
        R = -np.linalg.solve(left, D)
        P = -np.linalg.solve(left, C)
    law = solution.law(jnp.asarray(binding))
    for found, expected in zip(law, (P, R, k), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_limit_that_binds_at_rest_is_the_reference_regime():
    """The same economy with the roles of slack and residual exchanged, and shocks of either kind."""

    def residuals(lag, now, lead, shocks, p):
        return bounded.residuals(lag, now, lead, shocks, p) | {"rate": now.i + p.bound}

    exchanged = replace(
        bounded,
        name="exchanged",
        residuals=residuals,
        complementarity={"rate": lambda lag, now, lead, p: now.i - now.rule},
    )
    shocks = {"e_r": [-3.0, 0.0, 1.0, -1.0, 0.0, 0.0], "e_rule": [0.0, 0.0, 0.5, 0.0, 0.0, 0.0]}
    a, b = (estim.simulate(m, None, shocks, solver=estim.OccasionallyBinding()) for m in (bounded, exchanged))
    assert a.regimes.to_numpy()[0].startswith("1")
    np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_allclose(
        estim.simulate(exchanged, None, shocks), estim.simulate(bounded, None, shocks), atol=1e-12
    )


def test_a_path_keeps_both_inequalities():
    shocks = {"e_r": np.random.default_rng(0).normal(size=60) * 1.5}
    path = estim.simulate(bounded, None, shocks, solver=estim.OccasionallyBinding()).to_pandas()
    residual, room = path["i"] - path["rule"], path["i"] + bounded.params().bound
    assert (residual > -1e-10).all() and (room > -1e-10).all() and (np.minimum(residual, room) < 1e-10).all()
    assert (room < 1e-10).sum() > 5


@pytest.mark.parametrize(
    ("complementarity", "words"),
    [
        ({"rate": lambda lag, now, lead, p: now.i}, "'rate' has no reference regime.*both zero"),
        ({"rate": lambda lag, now, lead, p: now.i - p.bound}, "'rate' is violated: .*the slack -1"),
        ({"rat": slack}, "'complementarity' has 'rat', no equation of .*did you mean 'rate'"),
        ({"rate": lambda lag, now, lead: now.i}, "complementarity of 'rate' must be a function of"),
        ({}, "no constraint binds at times"),
    ],
)
def test_what_is_no_constraint(complementarity, words):
    with pytest.raises(ModelError, match=words):
        estim.solve(replace(bounded, complementarity=complementarity), solver=estim.OccasionallyBinding())


class Pegged(NamedTuple):
    pi: Any
    i: Any
    rule: Any


class News(NamedTuple):
    e: Any


class Policy(NamedTuple):
    phi: Any = 2.0
    psi: Any = 0.8
    bound: Any = 1.0


def test_a_second_solution_is_reported():
    """A rule that answers past inflation the other way (Holden 2023, Review of Economics and Statistics 105(6)): at
    rest the bound may also hold for a period, after which pi_t = A pi_{t-1}, if people believe that it will."""
    model = estim.Model(
        name="pegged",
        variables=Pegged,
        shocks=News,
        observables=Pegged,
        prior=Policy(),
        steady_state=lambda p: Pegged(0.0, 0.0, 0.0),
        residuals=lambda lag, now, lead, shocks, p: {
            "fisher": now.i - lead.pi,
            "rule": now.rule - p.phi * now.pi + p.psi * lag.pi - shocks.e,
            "rate": now.i - now.rule,
        },
        measurement=lambda now, lag, p: now,
        complementarity={"rate": lambda lag, now, lead, p: now.i + p.bound},
    )
    A = 1.0 - np.sqrt(1.0 - 0.8)
    pi = -(A ** np.arange(-1.0, 8.0))  # bound in the first of these periods
    rule = 2.0 * pi - 0.8 * np.array([0.0, *pi[:-1]])
    np.testing.assert_allclose(np.maximum(rule, -1.0)[:-1], pi[1:], atol=1e-12)
    assert rule[0] < -1.0 < rule[1:].min()
    path = estim.simulate(model, None, {"e": [0.0]}, solver=estim.OccasionallyBinding(horizon=4))
    assert path.regimes.to_numpy()[0] == "" and path.other_regimes.to_numpy()[0] == "1"
    alone = estim.simulate(bounded, None, {"e_r": [-3.0, 0.0, 1.0]}, solver=PIECEWISE)
    assert alone.regimes.to_numpy()[0] and set(alone.other_regimes.to_numpy()) == {""}


def test_a_residual_that_is_negative_at_rest():
    def residuals(lag, now, lead, shocks, p):
        return bounded.residuals(lag, now, lead, shocks, p) | {"rate": now.i - p.bound}

    with pytest.raises(ModelError, match=r"'rate' is violated: .*the residual is -1 and the slack 1"):
        estim.solve(replace(bounded, residuals=residuals), solver=estim.OccasionallyBinding())


def test_a_constraint_that_never_lets_go():
    with pytest.raises(SolutionError, match="bounded, period 1: a constraint still binds at the end"):
        estim.simulate(bounded, None, {"e_r": [-30.0]}, solver={"name": "occasionally_binding", "horizon": 8})


def test_a_draw_without_a_reference_regime_is_a_status():
    solve = lambda bound: estim.OccasionallyBinding().solve(bounded, bounded.params({"bound": bound}))
    assert int(solve(-0.5).status) == Status.NO_REFERENCE and int(solve(0.5).status) == Status.OK


def test_without_a_binding_period_it_is_the_first_order_solution():
    shocks, start = {"e_r": [0.3, -0.2, 0.1]}, {"r": 0.4, "rule": -0.1}
    paths = [estim.simulate(bounded, None, shocks, solver=s, start=start) for s in ("first_order", PIECEWISE)]
    np.testing.assert_allclose(paths[0], paths[1], atol=1e-13)
    assert set(paths[1].regimes.to_numpy()) == {""}


PIECEWISE = {"name": "occasionally_binding", "horizon": 40}


def test_the_first_order_state_space_and_a_step_agree():
    solution = estim.OccasionallyBinding().solve(bounded, bounded.params())
    state = jax.jit(solution.step)(
        solution.start(jax.random.key(0))._replace(now=jnp.zeros(4)), jnp.array([-4.0, 0.0])
    )
    assert int(state.status) == Status.OK and bool(state.binding[0])
    assert float(Variables(*state.now).i) == pytest.approx(-1.0, abs=1e-12)
