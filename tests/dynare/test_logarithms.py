"""Differences of logs: as logs of ratios they are numbers where both are negative, and the same elsewhere."""

import numpy as np
import pytest

from estim.dynare import ModFileError, read_mod
from estim.dynare.building.logarithms import ratios
from estim.dynare.reading.parser import parse_expression
from estim.dynare.reading.source import Source
from estim.dynare.reading.syntax import Binary, Call, Name, Number, Unary
from estim.solution import solve_decision_rule_once


def value(node, x):
    match node:
        case Number(number):
            return number
        case Name(name):
            return x[name]
        case Unary(_, operand):
            return -value(operand, x)
        case Call("log" | "ln", (inner,)):
            return np.log(value(inner, x))
        case Call("exp", (inner,)):
            return np.exp(value(inner, x))
        case Binary(sign, left, right):
            a, b = value(left, x), value(right, x)
            return {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[sign]


@pytest.mark.parametrize(
    "text",
    [
        "log(a) - log(b)",
        "c + log(a) - (b - ln(c) + log(b))",
        "-(log(a) - 2) + a*(c + log(b) - log(c))",
        "a - log(b) - log(c) + log(a) + log(a*b) - log(c + exp(log(a) - log(b)))",
        "log(a) + log(b)",
    ],
)
def test_the_same_number(text):
    written = parse_expression(Source([]), text, 0)
    x = {"a": 1.3, "b": 0.4, "c": 2.1}
    assert value(ratios(written), x) == pytest.approx(value(written, x), rel=1e-13)
    if text.startswith("log(a) - "):
        assert ratios(written) == Call("log", (Binary("/", Name("a"), Name("b")),))


FILE = """
var x y z; varexo e; parameters rho base; rho = 0.5; base = -1;
model; x = rho*x(-1) - 1 + e; y = 0.25 + log(x) - log(x(-1)); {} end;
initval; x = -1.5; end; shocks; var e; stderr 0.2; end;
"""


def test_a_negative_number_that_grows(tmp_path):
    (tmp_path / "m.mod").write_text(FILE.format("z = log(x) - log(base);"))
    model = read_mod(tmp_path / "m.mod").model
    rule = solve_decision_rule_once(model, model.params({}))
    assert int(rule.status) == 0
    np.testing.assert_allclose(rule.steady_state, [-2, 0.25, np.log(2)], atol=1e-12)
    response = rule.policy @ rule.selection[:, 0]
    np.testing.assert_allclose(response, [0.2, -0.1, -0.1], atol=1e-12)  # dlog(x) = dx/x


def test_a_log_of_its_own_is_none(tmp_path):
    (tmp_path / "m.mod").write_text(FILE.format("z = log(x);"))
    with pytest.raises(ModFileError, match=r"1 of 3 equations leave a residual\n.*nan"):
        read_mod(tmp_path / "m.mod")
