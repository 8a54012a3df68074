"""Optimal policy under commitment: the linear-quadratic case by hand, derivatives by differences, invariances."""

import numpy as np
import pytest

from estim.dynare import ModFileError, read_mod
from estim.dynare.building.derivative import _OUTER, derivative
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.source import Source
from estim.dynare.reading.syntax import Binary, Call, Name, Number, children, rebuild
from estim.solution import solve_decision_rule

BETA, KAPPA, WEIGHT, RHO = 0.99, 0.1275, 0.02125, 0.8
FILE = """
var pi x u; varexo e; parameters beta kappa weight rho;
beta = 0.99; kappa = 0.1275; weight = 0.02125; rho = 0.8;
{model}; {phillips}; u = rho*u(-1) + e; end;
shocks; var e; stderr 1; end;
planner_objective {objective};
"""
PLAIN = {
    "model": "model(linear)",
    "phillips": "pi = beta*pi(+1) + kappa*x + u",
    "objective": "pi^2 + weight*x^2",
}
COMMAND = "ramsey_model(planner_discount=beta); stoch_simul(order=1, irf=0);"
WAYS = {
    "linear": (PLAIN, COMMAND),
    "as any model": (PLAIN | {"model": "model"}, COMMAND),
    "a command that solves as well": (
        PLAIN,
        "ramsey_policy(planner_discount=0.99, order=1, instruments=(x)) x;",
    ),
    "the weight in other units": (PLAIN | {"objective": "-50*(pi*pi + weight*x^2)"}, COMMAND),
    "a local variable": (PLAIN | {"phillips": "# f = beta*pi(+1) + kappa*x; pi - f = u"}, COMMAND),
    "the constraint turned round": (PLAIN | {"phillips": "pi(+1) = (pi - kappa*x - u)/beta"}, COMMAND),
}


def response(text, tmp_path, periods=6):
    """Of inflation and the gap to one shock, ``[periods, 2]``."""
    (tmp_path / "m.mod").write_text(text)
    mod = read_mod(tmp_path / "m.mod")
    rule = solve_decision_rule(mod.model, mod.model.params())
    assert int(rule.status) == 0
    rows = [mod.model.variables._fields.index(name) for name in ("pi", "x")]
    state, found = np.asarray(rule.selection)[:, 0], []
    for _ in range(periods):
        found.append((np.asarray(rule.policy) @ state)[rows])
        state = np.asarray(rule.transition) @ state
    return np.array(found)


def by_hand(periods=6):
    """Gali, Monetary Policy, Inflation, and the Business Cycle (2008), equations 5.9 to 5.12."""
    a = WEIGHT / (WEIGHT * (1 + BETA) + KAPPA**2)
    delta = (1 - np.sqrt(1 - 4 * BETA * a**2)) / (2 * a * BETA)
    impulse = delta / (1 - delta * BETA * RHO)
    price, gap, found = 0.0, 0.0, []
    for t in range(periods):
        before, u = price, RHO**t
        price = delta * price + impulse * u
        gap = delta * gap - KAPPA / WEIGHT * impulse * u
        found.append((price - before, gap))
    return np.array(found)


@pytest.mark.parametrize("way", WAYS)
def test_the_linear_quadratic_case(way, tmp_path):
    parts, command = WAYS[way]
    np.testing.assert_allclose(response(FILE.format(**parts) + command, tmp_path), by_hand(), atol=1e-9)


@pytest.mark.parametrize("function", [*_OUTER, "^", "^^", "/"])
def test_derivatives(function):
    inner = Binary("+", Number(0.1), Binary("*", Number(0.6), Name("x", 1)))
    power = {"^": Number(2.5), "^^": inner}
    expression = Call(function, (inner,))
    if function in power:
        expression = Binary("^", inner, power[function])
    if function == "/":
        expression = Binary("/", Number(2.0), Binary("*", inner, Name("x", 1)))
    here = lambda e, x: Contents(Source([])).evaluate(_undated(e), {"x": x})
    found, step = here(derivative(expression, "x", 1), 0.7), 1e-6
    differences = (here(expression, 0.7 + step) - here(expression, 0.7 - step)) / (2 * step)
    assert found == pytest.approx(differences, rel=1e-8, abs=1e-9)
    assert derivative(expression, "x", 0) == Number(0.0)


def _undated(expression):
    if isinstance(expression, Name):
        return Name(expression.name)
    return rebuild(expression, tuple(_undated(child) for child in children(expression)))


WRONG = {
    "ramsey_model;": "'ramsey_model' needs a 'planner_objective' above it",
    "planner_objective pi*unheard; ramsey_model;": "unknown name 'unheard'",
    "planner_objective max(pi, x); ramsey_model;": "optimal policy under an equation with the function 'max'",
}


@pytest.mark.parametrize("command", WRONG)
def test_what_is_wrong_is_said(command, tmp_path):
    head = FILE.split("planner_objective")[0].format(**PLAIN)
    (tmp_path / "m.mod").write_text(head + command)
    with pytest.raises(ModFileError) as caught:
        read_mod(tmp_path / "m.mod")
    assert WRONG[command] in str(caught.value)
