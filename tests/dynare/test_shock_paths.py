"""Paths of shocks in a file: standard deviations that change, and surprises where a constraint binds at times."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import solve_discrete_lyapunov
from scipy.stats import multivariate_normal

import estim
from estim.dynare import ModFileError, read_mod, run_commands

HEAD = """var x y; varexo e u; parameters rho b; rho = 0.9; b = 0.5;
model; x = rho*x(-1) + e; y = b*y(-1) + x + u; end;
shocks; var e; stderr 0.2; var u; stderr 0.3; corr e, u = 0.4; end;
varobs x y;
"""
SCALED = """heteroskedastic_shocks; var e; periods 1, 3:4, 7; scales 2, 3, 0.5; var u; periods 5; values 0.9; end;
estimated_params; rho, 0.8, beta_pdf, 0.8, 0.1; end;
estimation(datafile='seen.csv', heteroskedastic_filter);
"""


def test_a_heteroskedastic_filter(tmp_path):
    rng = np.random.default_rng(1)
    seen = pd.DataFrame(rng.normal(size=(12, 2)), columns=["x", "y"])
    seen.to_csv(tmp_path / "seen.csv", index=False)
    (tmp_path / "m.mod").write_text(HEAD + SCALED)
    mod = read_mod(tmp_path / "m.mod")
    rows = mod.likelihood_options["shock_scales"]
    np.testing.assert_allclose(rows, [[2, 1], [1, 1], [3, 1], [3, 1], [1, 3], [1, 1], [0.5, 1]])
    # by hand: all is observed, and the first period, whose scale does not count, is stationary
    A, B = np.array([[0.8, 0], [0.8, 0.5]]), np.array([[1.0, 0], [1, 1]])
    S = np.array([[0.04, 0.024], [0.024, 0.09]])
    value, last = 0.0, None
    for t, now in enumerate(seen.to_numpy()):
        s = np.array(rows[t]) if t < len(rows) else np.ones(2)
        cov = B @ (s[:, None] * S * s) @ B.T
        mean = np.zeros(2) if t == 0 else A @ last
        cov = solve_discrete_lyapunov(A, B @ S @ B.T) if t == 0 else cov
        value, last = value + multivariate_normal.logpdf(now, mean, cov), now
    found = estim.loglikelihood(mod.model, {"rho": 0.8}, mod.load_data(), **mod.likelihood_options)
    np.testing.assert_allclose(found, value, rtol=1e-9)


@pytest.mark.parametrize(
    "text, why",
    [
        (
            SCALED.replace("var u; periods 5", "var e; periods 4"),
            "'e' has two standard deviations in period 4",
        ),
        (SCALED.replace("scales 2, 3", "scales -2, 3"), "the standard deviation of 'e' is -2"),
        (SCALED.replace("rho, 0.8", "stderr u, 0.8"), "a value for 'u' in 'heteroskedastic_shocks'"),
        (SCALED.replace("var u; periods", "var x; periods"), "'x' is not an exogenous variable"),
        (SCALED[SCALED.index("estimated") :], "needs a block 'heteroskedastic_shocks'"),
        ("heteroskedastic_shocks; var e; stderr 1; end;", "expected here: var NAME; periods"),
        ("shocks(surprise); var e; periods 1:2; values 1, 2; end;", "1 periods and 2 values"),
    ],
)
def test_paths_that_are_wrong(tmp_path, text, why):
    (tmp_path / "m.mod").write_text(HEAD + text)
    with pytest.raises(ModFileError, match=why):
        read_mod(tmp_path / "m.mod")


BOUND = """var y i; varexo e; parameters rho; rho = 0.5;
model; y = rho*y(-1) - 0.5*i + e;
[name='rule', relax='zlb'] i = 2*y;
[name='rule', bind='zlb'] i = -0.1; end;
occbin_constraints; name 'zlb'; bind i < -0.1; relax 2*y > -0.1; end;
shocks; var e; stderr 0.2; end;
shocks(surprise); var e; periods 1:2, 4; values -0.3, 0.2; end;
occbin_setup(simul_periods=6);
occbin_solver;
occbin_graph y;
shocks(surprise, overwrite); var e; periods 1; values 0.2; end;
occbin_solver(simul_periods=3);
"""


def test_surprises_where_a_constraint_binds_at_times(tmp_path):
    (tmp_path / "m.mod").write_text(BOUND)
    mod = read_mod(tmp_path / "m.mod")
    assert [c.paths["e"] for c in mod.commands if c.name == "occbin_solver"] == [
        {1: -0.3, 2: -0.3, 4: 0.2},
        {1: 0.2},
    ]
    printed = list(run_commands(mod, tmp_path / "f", "svg"))
    rows = [line.split()[:3] for line in printed[0].splitlines() if line[:1].isdigit()]
    y, by_hand = 0.0, []
    for e in (-0.3, -0.3, 0, 0.2, 0, 0):
        free = (0.5 * y + e) / 2  # with i = 2 y
        y = free if 2 * free >= -0.1 else 0.5 * y + 0.05 + e
        by_hand.append((y, max(2 * free, -0.1)))
    np.testing.assert_allclose(np.array(rows, float)[:, 1:], by_hand, atol=1e-6)
    assert "LINEAR SIMULATION" in printed[1] and "0.00625" in printed[3]
    assert [p.name for p in (tmp_path / "f").iterdir()] == ["occbin_graph_10.svg"]


@pytest.mark.filterwarnings("ignore:.*skipped")
def test_no_path_where_the_constraint_was_passed_over(tmp_path):
    shared = BOUND.replace("y = rho*y(-1)", "[name='law', relax='zlb'] y = rho*y(-1)")
    shared = shared.replace("i = -0.1; end;", "i = -0.1; [name='law', bind='zlb'] y = e; end;")
    (tmp_path / "m.mod").write_text(shared)
    printed = "".join(run_commands(read_mod(tmp_path / "m.mod")))
    assert "line 9: a constraint that binds in several equations ('occbin_solver')" in printed
