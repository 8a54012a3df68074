"""Growing variables: what the reader makes of deflators is what one writes by hand."""

import numpy as np
import pytest

from estim.dynare import ModFileError, read_mod
from estim.dynare.building.linear_steady_state import at_rest
from estim.dynare.modfile import translate
from estim.solution import solve_decision_rule_once

HEAD = "varexo e u; parameters rho g s; rho = 0.5; g = 1.02; s = 0.3;\n"
SHOCKS = "shocks; var e; stderr 0.1; var u; stderr 0.2; end;\n"
GROWING = f"""
{HEAD} trend_var(growth_factor=gA) A; trend_var(growth_factor = g*exp(u)) M;
var gA y; var(deflator=A) k c; var(deflator=M(-1)/A) P;
model;
gA = g*exp(e);
k = s*y(-2)*A(-1) + 0.5*k(-1);
c = 0.5*c(+1)*A^2/A(+1)^2 + 0.1*(k - k(-1));
P*k = 2*M(-1)*y;
y = rho*y(-1) + 1 - rho;
end;
initval; gA = 1.02; y = 1; k = 0.6; c = 1; P = 3; end; {SHOCKS}
"""
BY_HAND = f"""
{HEAD} var gA y k c P;
model;
gA = g*exp(e);
k = (s*y(-2) + 0.5*k(-1))/gA;
c = 0.5*c(+1)/gA(+1) + 0.1*(k - k(-1)/gA);
P*k = 2*y;
y = rho*y(-1) + 1 - rho;
end;
initval; gA = 1.02; y = 1; k = 0.6; c = 1; P = 3; end; {SHOCKS}
"""
LOGS = f"""
{HEAD} log_trend_var(log_growth_factor=gA) A;
var gA; var(log_deflator=A) y; var(log_deflator=2*A) k;
model(linear);
gA = e; y = A + rho*(y(-1) - A(-1)); k = 2*y + k(-1) - 2*y(-1) + u + 0.1*(y(+1) - A(+1));
end; {SHOCKS}
"""
LOGS_BY_HAND = f"""
{HEAD} var gA y k;
model(linear);
gA = e; y = rho*y(-1); k = 2*y + k(-1) - 2*y(-1) + u + 0.1*y(+1);
end; {SHOCKS}
"""


def residuals(tmp_path, text, levels):
    (tmp_path / "m.mod").write_text(text)
    system = translate(tmp_path / "m.mod")[0]
    c = system.contents
    return [c.evaluate(at_rest(c, e), levels) for e in system.static.values()], list(c.variables)


def rule(tmp_path, text):
    (tmp_path / "m.mod").write_text(text)
    model = read_mod(tmp_path / "m.mod").model
    return solve_decision_rule_once(model, model.params({})), model


@pytest.mark.parametrize("growing, by_hand", [(GROWING, BY_HAND), (LOGS, LOGS_BY_HAND)])
def test_the_same_responses(tmp_path, growing, by_hand):
    (ours, model), (theirs, other) = rule(tmp_path, growing), rule(tmp_path, by_hand)
    names = other.variables._fields
    rows = [model.variables._fields.index(n) for n in names]
    assert int(ours.status) == int(theirs.status) == 0
    np.testing.assert_allclose(ours.steady_state[rows], theirs.steady_state, atol=1e-9)
    state, other_state = ours.selection, theirs.selection
    for _ in range(6):
        np.testing.assert_allclose((ours.policy @ state)[rows], theirs.policy @ other_state, atol=1e-9)
        state, other_state = ours.transition @ state, theirs.transition @ other_state


def test_two_periods_and_more(tmp_path):
    text = HEAD + "trend_var(growth_factor=gA) A; var gA x; model; gA = g; x = A(+2)/A(-2); end;\n" + SHOCKS
    left, names = residuals(tmp_path, text, {"gA": 1.1, "x": 1.3})
    assert names == ["gA", "x"]
    np.testing.assert_allclose(left, [1.1 - 1.02, 1.3 - 1.1**4])


@pytest.mark.parametrize(
    "text, why",
    [
        ("trend_var A;", "growth_factor=EXPRESSION"),
        ("var A; trend_var(growth_factor=g) A;", "declared twice"),
    ],
)
def test_what_is_wrong(tmp_path, text, why):
    (tmp_path / "m.mod").write_text(HEAD + text + "var x; model; x = rho*x(-1) + e; end;")
    with pytest.raises(ModFileError, match=why):
        translate(tmp_path / "m.mod")
