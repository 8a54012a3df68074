"""Forecasts that know the path of deterministic variables, against recursions by hand and Dynare 5.3."""

import numpy as np
import pytest

from estim.dynare import read_mod, run_commands
from estim.dynare.announced import announced

FILE = """var c x z; varexo e; varexo_det tau; parameters b rho; b = 0.9; rho = 0.5;
model;
c = b*c(+1) + x + 0.3*tau + 0.05*c(-1);
x = rho*x(-1) + tau + e;
z = c^2*0.1 + tau*x;
end;
initval; tau = 0.5; x = 1; c = 23; z = 53.4; end;
shocks; var e; stderr 0.2; var tau; periods 1:2, 4; values 0.7, 0.4; end;
forecast(periods=6) c x z;
shocks(overwrite); var e; stderr 0.2; end;
forecast(periods=6) c x z;
"""
DYNARE = [
    (23.70183562650574, 1.2, 56.92844388192639),
    (23.49092847389526, 1.3, 56.00827097991821),
    (23.10648521396664, 1.15, 53.96483198424655),
    (22.92437643363542, 0.975, 52.93963159472294),
    (22.97116908104121, 0.9875, 53.26112777278956),
    (22.98605584373271, 0.99375, 53.33273188117047),
]
"""Of Dynare 5.3 under Octave: `oo_.forecast.Mean` of c, x and z."""


@pytest.fixture(scope="module")
def mod(tmp_path_factory):
    path = tmp_path_factory.mktemp("announced") / "m.mod"
    path.write_text(FILE)
    return read_mod(path)


def test_what_is_announced_is_known_from_the_beginning(mod):
    first, second = (command for command in mod.commands if command.name == "forecast")
    assert first.paths == {"tau": {1: 0.7, 2: 0.7, 4: 0.4}} and second.paths == {}
    found = announced(mod, first.params, first.paths, 6)
    np.testing.assert_allclose(found[["c", "x", "z"]] + [23, 1, 53.4], DYNARE, rtol=1e-12)
    tau, x = [0.2, 0.2, 0, -0.1, 0, 0], 0.0
    for t, now in enumerate(tau, 1):
        x = 0.5 * x + now
        np.testing.assert_allclose(found["x"][t], x, atol=1e-12)
    assert not announced(mod, second.params, second.paths, 6).to_numpy().any()
    short = announced(mod, first.params, first.paths, 2)  # what comes after the forecast counts
    np.testing.assert_allclose(short, found.iloc[:2])


def test_the_command_prints_it(mod):
    printed = list(run_commands(mod))
    rows = [next(line for line in text.splitlines() if line.startswith("1 ")).split() for text in printed]
    np.testing.assert_allclose([float(rows[0][1]), float(rows[1][1])], [23.7018, 23.0], rtol=1e-5)
