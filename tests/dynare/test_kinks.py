"""`max` and `min` at their kinks have the second argument's derivative, as in Dynare."""

import jax
import numpy as np
import pytest

from estim.dynare import read_mod, write_mod
from estim.numerics.kinks import maximum, minimum
from estim.solution import solve_decision_rule, solve_decision_rule_once

FILE = """var y pi i;
varexo e;
model;
  y = y(+1) - 0.5*(i - pi(+1)) + e;
  pi = 0.1*y + 0.9*pi(+1);
  i = {};
end;
steady_state_model; y = 0; pi = 0; i = 0; end;
shocks; var e; stderr 1; end;
stoch_simul(order=1);
"""


def model_with(rate, folder):
    (folder / "m.mod").write_text(FILE.format(rate))
    return read_mod(folder / "m.mod").model


@pytest.mark.parametrize("x, y", [(1.0, 2.0), (2.0, 1.0), (3.0, 3.0)])
def test_derivatives_beside_a_kink_and_on_it(x, y):
    for function, first in ((maximum, x > y), (minimum, x < y)):
        assert function(x, y) == (x if first else y)
        assert jax.grad(function, (0, 1))(x, y) == (float(first), float(not first))


@pytest.mark.parametrize("rate", ["max(0, 1.5*pi + 0.5*y)", "min(0, 1.5*pi + 0.5*y)"])
def test_a_rule_at_rest_on_its_floor_is_the_rule(rate, tmp_path):
    model = model_with(rate, tmp_path)
    rule = solve_decision_rule_once(model, model.params())
    free = model_with("1.5*pi + 0.5*y", tmp_path)
    expected = solve_decision_rule_once(free, free.params())
    assert int(rule.status) == int(expected.status) == 0
    np.testing.assert_allclose(rule.policy @ rule.selection, expected.policy @ expected.selection, atol=1e-14)


def test_the_other_argument_is_a_pegged_rate(tmp_path):
    model = model_with("max(1.5*pi + 0.5*y, 0)", tmp_path)
    assert int(solve_decision_rule_once(model, model.params()).status)
    assert int(solve_decision_rule(model, model.params()).status)


def test_it_is_written_as_it_was_read(tmp_path):
    model = model_with("max(0, 1.5*pi + 0.5*y)", tmp_path)
    assert "max(0, 1.5*pi + 0.5*y)" in write_mod(model, tmp_path / "again.mod").read_text()
