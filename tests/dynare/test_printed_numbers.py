"""Printed expressions have the values that floats have, whole numbers or not."""

import jax.numpy as jnp
import numpy as np
import pytest

from estim.dynare.modfile import translate
from estim.dynare.reading.functions import CONSTANTS
from estim.dynare.reading.syntax import Name
from estim.dynare.writing.printer import to_python
from estim.numerics.kinks import maximum, minimum

KNOWN = {"s": 2.0, "m": -3.0, "h": 0.5}
EXPRESSIONS = [
    *(
        "s^(-1)",
        "(-s)^(-2)",
        "2^(-s)",
        "(-2)^s",
        "-2^2",
        "2^-1",
        "(-2)^(-1)",
        "s^-2^1",
        "(2*3)^(-2)",
        "1/s^(-1)",
    ),
    *(
        "m^(-1)",
        "m^2",
        "-m^(-2)",
        "(m*s)^(-3)",
        "(1-s)^(-1)",
        "s^m",
        "0^0",
        "0^s",
        "1/(m+3)",
        "1/0",
        "-1/0",
        "0/0",
    ),
    *("sign(-1)^(-3)", "max(1, 2)^(-1)", "min(s, 3)^(-1)", "abs(-2)^(-1)", "sqrt(4)^(-1)", "exp(-1)^(-2)"),
    *(
        "(9^9)^(-1)",
        "10^(-20)",
        "(10^10)*(10^10)*10^10",
        "999999*999999*999999*999999",
        "2^1023*4",
        "(-8)^(1/3)",
    ),
    *(
        "(-2*4)^(1/3)",
        "pi^(-2)",
        "(2^0.5)^2",
        "1e6^2",
        "1000000",
        "123456789012",
        "2^(3)^(-1)"[:5],
        "s - -m",
        "s--2",
    ),
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_value_is_that_of_floats(text, tmp_path):
    path = tmp_path / "m.mod"
    path.write_text(f"var y; varexo e; parameters s m h; s=2; m=-3; h=0.5;\nmodel; {text} = y + e; end;")
    contents = translate(path)[0].contents
    expression = contents.equations[0].left
    # m is written as a number where it stands, the others as floats of a parameter.
    leaf = lambda node: "-3" if node == Name("m") else str(KNOWN.get(node.name, CONSTANTS.get(node.name)))
    ours = eval(to_python(expression, leaf), {"jnp": jnp, "maximum": maximum, "minimum": minimum})
    np.testing.assert_allclose(float(ours), contents.evaluate(expression), rtol=1e-14)
