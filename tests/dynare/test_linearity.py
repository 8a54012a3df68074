"""A model that is declared linear is linear in its variables and shocks, whatever its parameters do."""

import pytest

from estim.dynare import ModFileError
from estim.dynare.modfile import translate

FILE = """var y x;
varexo e u;
parameters a b;
a = 0.5; b = 2;
model(linear);
  # double = 2*a*y(-1);
  y = a*y(-1) + e;
  {};
end;
"""

LINEAR = [
    "x = y",
    "x = a^2*y(-1)/(1 - a) + exp(a)*u",
    "x = double + u",
    "x = -(y - y(+1))/b + log(b)",
    "x = STEADY_STATE(y)*y + u",
    "x = y^1 + 3",
    "x = 2*(3*(y + a*(x(-1) - u)))",
    "x = diff(y) + EXPECTATION(-1)(y(+1))",
    "(1 - a)*x = max(a, b)*y",
]

NOT_LINEAR = [
    "x = y^2",
    "x = y*y(-1)",
    "x = y*u",
    "x = e*u",
    "x = a/y",
    "x = a^y",
    "exp(x) = y",
    "x = max(y, 0)",
    "x = double*y",
    "x = (y + 1)*(1 + x(-1))",
    "x = abs(u)",
    "x = y > 0",
    "x = log(STEADY_STATE(y) + y)",
]


def translated(tmp_path, equation):
    path = tmp_path / "model.mod"
    path.write_text(FILE.format(equation))
    return translate(path)


@pytest.mark.parametrize("equation", LINEAR)
def test_linear_equations_pass(tmp_path, equation):
    translated(tmp_path, equation)


@pytest.mark.parametrize("equation", NOT_LINEAR)
def test_other_equations_are_refused_by_line(tmp_path, equation):
    with pytest.raises(
        ModFileError, match=r"model\.mod:8:3: the model is declared linear, but this equation is not"
    ):
        translated(tmp_path, equation)


def test_an_equation_with_a_name_is_refused_by_it(tmp_path):
    with pytest.raises(ModFileError, match="but equation 'rule' is not: leave 'linear' out, or linearise it"):
        translated(tmp_path, "[name='rule'] x = y^2")
