"""Functions of Matlab's in equations: the equation is the one that has their arithmetic in it."""

import pytest
from scipy.stats import expon, lognorm

from estim.dynare import ModFileError
from estim.dynare.building.linear_steady_state import at_rest
from estim.dynare.modfile import translate

FILE = """
var y c; varexo e; parameters a; a = 0.5;
{declared}
model; # d = {call}; y = a*y(-1) + e; c = 2*d + y; end;
initval; y = 1.7; end;
"""
PRODUCT = """
function [v, dv] = product(x, n) % n times x squared
half = 0.5;
v = n*x.^2 + half ...
    - exp(-x);
if nargout > 1
    dv = [2*n*x + exp(-x), x^2];
end
end
"""


def read(tmp_path, declared, call):
    (tmp_path / "m.mod").write_text(FILE.format(declared=declared, call=call))
    return translate(tmp_path / "m.mod")[0]


def test_a_function_in_a_file(tmp_path):
    (tmp_path / "product.m").write_text(PRODUCT)
    declared = "external_function(name=product, nargs=2, first_deriv_provided);"
    ours = read(tmp_path, declared, "product(y(-1), a + 1)")
    by_hand = read(tmp_path, "", "(a + 1)*y(-1)^2 + 0.5 - exp(-y(-1))")
    assert ours.locals == by_hand.locals and ours.auxiliaries == by_hand.auxiliaries
    (room := tmp_path / "+room" / "+inner").mkdir(parents=True)
    (room / "product.m").write_text(PRODUCT)
    elsewhere = declared.replace("=product", "=room.inner.product")
    assert read(tmp_path, elsewhere, "room.inner.product(y(-1), a + 1)").locals == by_hand.locals
    twice = read(tmp_path, declared, "product(product(y, a), 3)").locals["d"]
    x = 0.5 * 1.7**2 + 0.5 - 2.718281828459045**-1.7
    c = ours.contents
    assert c.evaluate(at_rest(c, twice), c.initial) == pytest.approx(3 * x**2 + 0.5 - 2.718281828459045**-x)


@pytest.mark.parametrize(
    "call, value",
    [
        ("logncdf(y, a, 0.4)", lognorm.cdf(1.7, 0.4, scale=1.6487212707001282)),
        ("lognpdf(y(+1), a, 0.4)", lognorm.pdf(1.7, 0.4, scale=1.6487212707001282)),
        ("logncdf(y)", lognorm.cdf(1.7, 1.0)),
        ("expcdf(y, a)", expon.cdf(1.7, scale=0.5)),
        ("exppdf(y, a)", expon.pdf(1.7, scale=0.5)),
    ],
)
def test_distributions(tmp_path, call, value):
    system = read(tmp_path, f"external_function(name={call.split('(')[0]}, nargs=3);", call)
    c = system.contents
    assert c.evaluate(at_rest(c, system.locals["d"]), c.initial) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text, call, why",
    [
        (None, "product(y, a)", "there is no file product.m"),
        (PRODUCT, "product(y)", "2 arguments, not 1"),
        (
            "function v = product(x, n)\nv = x;\nfor k = 1:n\nv = v*x;\nend\n",
            "product(y, a)",
            "no arithmetic",
        ),
        (
            "function v = product(x, n)\nv = gamma(x)*n;\n",
            "product(y, a)",
            "'gamma' is no function of Dynare's",
        ),
    ],
)
def test_what_cannot_be_written_out(tmp_path, text, call, why):
    if text is not None:
        (tmp_path / "product.m").write_text(text)
    with pytest.raises(ModFileError, match=rf":4:\d+: .*'product'.*{why}"):
        read(tmp_path, "external_function(name=product, nargs=2);", call)
