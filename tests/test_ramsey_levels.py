"""A planner in An and Schorfheide's economy, in levels: against an independent program, to second order."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import estim

REFERENCE = json.loads((Path(__file__).parent / "reference" / "optimal_policy.json").read_text())
NONLINEAR = REFERENCE["ramsey_nonlinear"]

levels = estim.load_model("an_schorfheide_2007_levels")
utility = lambda now, p: (now.c ** (1 - p.tau) - 1) / (1 - p.tau) - now.y
patience = lambda p: 1 / (1 + p.rA / 400)


def in_levels(ref):
    p, sd = ref["params"], ref["shock_sd"]
    ours = {"tau": "tau", "kappa": "kap", "nu": "nu", "share": "invg", "piA": "piA", "gammaQ": "gamQ"}
    found = {name: p[theirs] for name, theirs in ours.items()} | {"rA": 400 * (1 / p["bet"] - 1)}
    return found | {f"rho_{s}": p[f"rho_{s}"] for s in "gz"} | {f"eps_{s}": 100 * sd[f"e_{s}"] for s in "gz"}


@cache
def planned():
    at, asked = in_levels(NONLINEAR[0]), dict(instruments={"R": "policy"}, discount=patience, maximise=True)
    return estim.optimal_policy(levels, at, utility, **asked)


SIGNS = np.array([1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1])  # our residuals are right less left


@pytest.mark.parametrize("point", range(len(NONLINEAR)))
def test_ramsey(point):
    ref = NONLINEAR[point]
    found, want = planned().value_fn(in_levels(ref)), ref["welfare"]
    assert float(found.steady) == pytest.approx(want["steady"], rel=1e-9)
    assert float(found.timeless) == pytest.approx(want["conditional_steady_multipliers"], rel=1e-9)
    assert float(found.from_zero) == pytest.approx(want["conditional_zero_multipliers"], rel=1e-9)
    assert float(found.unconditional) == pytest.approx(want["unconditional"], rel=1e-9)
    rule = planned().rule_fn(in_levels(ref))
    np.testing.assert_allclose(rule.steady_state * SIGNS, ref["steady_state"][:-1], atol=1e-8)
    sd = np.array([ref["shock_sd"][s] for s in ("e_g", "e_z")])
    impact = np.asarray(rule.policy @ rule.selection)[:, -2:] / sd
    np.testing.assert_allclose(impact * SIGNS[:, None], np.array(ref["ghu"])[:-1], atol=1e-8)


def test_the_rule_of_ramsey():
    ref = NONLINEAR[0]
    columns = [f"{n}(-1)" for n in ("c", "y", "R", "g", "z", "mult_euler", "mult_pricing")]
    found = planned().coefficients.sel(to=columns) * SIGNS[:, None] * np.array([1, 1, 1, 1, 1, -1, -1])
    np.testing.assert_allclose(found, np.array(ref["ghx"])[:-1], atol=1e-8)


def test_a_rule_costs_a_share_of_consumption():
    """With (1 + s) c in place of c the rule is worth as much as the planner, by definition."""
    at = in_levels(NONLINEAR[0]) | {"eps_R": 0.2}
    share = estim.consumption_equivalent(levels, planned().model, at, utility, discount=patience)
    richer = lambda now, p: utility(now._replace(c=now.c * (1 + share)), p)
    assert 0 < share < 0.05
    found = estim.welfare(levels, at, richer, discount=patience)
    assert found.conditional == pytest.approx(planned().value.timeless, rel=1e-9)
