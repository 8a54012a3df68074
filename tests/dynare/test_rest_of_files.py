"""Where whole files rest, and what follows from it: constants, unit roots, rounded and unchecked steady states.

Numbers by hand; those of rows with a unit root or an equation that says 0 = 0 at rest are what Dynare 5.3 keeps too.
"""

import jax
import numpy as np
import pandas as pd
import pytest

import estim
from estim.data.datasets import DataError
from estim.dynare import ModFileError, read_mod
from estim.solution import solve_decision_rule

HEAD = "var x y z; varexo e; parameters rho b c s; rho = 0.5; b = 2; c = 0.25; s = 2;\n"
SHOCKS = "shocks; var e; stderr 0.2; end;\n"
LINEAR = "model(linear); {} end;\n"
GIVEN = "steady_state_model; x = 1; y = 1.25; z = {}; end;\n"
LOGS = "model; x = x(-1)^rho*exp(e); y = x + c; z = log(y)*b; end;\n"

RESTS = {
    "constants, one after another": (
        LINEAR.format("x = rho*x(-1) + c + e; y = b*x; z = y + y(-1) + 1;"),
        (0.5, 1.0, 3.0),
    ),
    "constants, together": (
        LINEAR.format("x = rho*x(-1) + c + 0.1*y + e; y = b*x - 1; z = y - x + 2;"),
        (0.5, 0.0, 1.5),
    ),
    "two random walks": (
        LINEAR.format("x = x(-1) + e; y = y(-1) + e; z = y - x + 1;") + "initval; x = 3; y = 1; end;",
        (3.0, 1.0, -1.0),
    ),
    "a parameter of one": (
        "rho = 1;\n" + LINEAR.format("x = rho*x(-1) + e; y = b*x; z = y - x;") + "initval; x = 3; end;",
        (3.0, 6.0, 3.0),
    ),
    "cointegrated": (
        LINEAR.format("x = x(-1) - 0.1*(x(-1) - y(-1)) + e; y = y(-1) + e; z = y - x + 1;")
        + "initval; x = 3; y = 3; z = 1; end;",
        (3.0, 3.0, 1.0),
    ),
    "0 = 0 at rest": (
        "model; log(x/steady_state(x)) = rho*log(x(-1)/steady_state(x)) + e; y = x^2; z = y*x; end;\n"
        "initval; x = 1.5; y = 1; z = 1; end; steady;",
        (1.5, 2.25, 3.375),
    ),
    "four digits": (LOGS + GIVEN.format("0.446287"), (1.0, 1.25, 2 * np.log(1.25))),
    "four digits, with a parameter that follows": (
        LOGS.replace("*b", "*s") + GIVEN.format("0.669431; s = 3"),
        (1.0, 1.25, 3 * np.log(1.25)),
    ),
    "unchecked": (
        "model; x = x(-1) + s + e; y = x(-1) + c; z = rho*z(-1) + x; end;\n"
        + GIVEN.format("1")
        + "steady(nocheck);",
        (1.0, 1.25, 1.0),
    ),
}


def write(tmp_path, text):
    path = tmp_path / "m.mod"
    path.write_text(text)
    return read_mod(path)


@pytest.mark.parametrize("what", RESTS)
def test_rest(what, tmp_path):
    text, levels = RESTS[what]
    mod = write(tmp_path, HEAD + text + SHOCKS)
    rule = jax.jit(lambda p: solve_decision_rule(mod.model, p))(mod.model.params())
    assert int(rule.status) == 0
    np.testing.assert_allclose(rule.steady_state[:3], levels, rtol=1e-7)


def test_three_digits_are_no_steady_state(tmp_path):
    with pytest.raises(ModFileError, match="no steady state: 1 of 3"):
        write(tmp_path, HEAD + LOGS + GIVEN.format("0.446") + SHOCKS)


def test_a_file_without_shocks(tmp_path):
    mod = write(
        tmp_path, "var x no_shock; parameters a; a = 0.5; model(linear); x = a*x(-1) + 1; no_shock = x; end;"
    )
    assert mod.model.shocks._fields == ("no_shock_",)
    np.testing.assert_allclose(mod.model.steady_state(mod.model.params()), (2.0, 2.0))


# --- likelihoods ---

RANK_ONE = """var y g; varexo e u; parameters a; a = 0.6; model(linear); g = a*g(-1) + u; y = 0.8*y(-1) + g + e; end;
shocks; var e; stderr 0.1; var u; stderr 0.3; corr e, u = -1; end;
varobs y; estimated_params; a, 0.6, beta_pdf, 0.5, 0.2; end;
"""


def test_shocks_that_are_one(tmp_path):
    """y is moved by one shock v: u = 0.3 v, e = -0.1 v; its autocovariances by hand give the density."""
    data = np.random.default_rng(5).normal(size=12)
    model = write(tmp_path, RANK_ONE).model
    y = np.zeros(600)
    g = 0.3 * 0.6 ** np.arange(600)
    for t in range(600):
        y[t] = (0.8 * y[t - 1] if t else -0.1) + g[t]
    cov = np.array([y[: 600 - k] @ y[k:] for k in range(12)])[np.abs(np.subtract.outer(range(12), range(12)))]
    by_hand = -0.5 * (data @ np.linalg.solve(cov, data) + np.linalg.slogdet(2 * np.pi * cov)[1])
    posterior = estim.build_posterior(model, pd.DataFrame({"y": data}))
    value_and_grad = jax.jit(jax.value_and_grad(posterior.loglikelihood_fn))
    value, gradient = value_and_grad(posterior.start)
    np.testing.assert_allclose(value, by_hand, rtol=1e-9)
    step = 1e-5
    finite = value_and_grad(posterior.start + step)[0] - value_and_grad(posterior.start - step)[0]
    np.testing.assert_allclose(gradient[0], finite / (2 * step), rtol=1e-6)


TREND = """var y; varexo e; parameters rho gam; rho = 0.8; gam = 0.02;
model; y = rho*y(-1) + e; end; shocks; var e; stderr 0.3; end;
varobs y; observation_trends; y(gam); end;
estimated_params; rho, 0.8, beta_pdf, 0.7, 0.1; gam, 0.02, normal_pdf, 0.02, 0.01; end;
estimation(datafile='d.csv', prefilter=1{});
"""


@pytest.mark.parametrize(("options", "rows"), [("", slice(None)), (", first_obs=3, nobs=9", slice(2, 11))])
def test_prefilter_takes_the_mean_out_of_the_trend_too(options, rows, tmp_path):
    series = np.random.default_rng(1).normal(size=14).round(4)
    (tmp_path / "d.csv").write_text("y\n" + "\n".join(map(str, series)) + "\n")
    mod = write(tmp_path, TREND.format(options))
    ours = estim.loglikelihood(mod.model, None, mod.load_data(), **mod.likelihood_options)
    data, t = series[rows], np.arange(14.0)[rows]
    left = data - data.mean() - 0.02 * (t - t.mean())
    cov = 0.3**2 / (1 - 0.8**2) * 0.8 ** np.abs(np.subtract.outer(t, t))
    by_hand = -0.5 * (left @ np.linalg.solve(cov, left) + np.linalg.slogdet(2 * np.pi * cov)[1])
    np.testing.assert_allclose(ours, by_hand, rtol=1e-10)
    with pytest.raises(DataError):
        mod.load_data(pd.DataFrame({"y": series[:5]}))


def test_prefilter_of_a_trend_needs_the_length_of_the_sample(tmp_path):
    with pytest.raises(ModFileError, match="over how many periods, 'nobs' must say"):
        write(tmp_path, TREND.format(""))


# --- samplers ---

SEARCHED = """var k q; varexo e u; parameters a b; a = 0.5; b = 0.2;
model; k = 0.1 + a*k(-1) + e; q = exp(b*k) + 0.1*q(-1) + u; end;
initval; k = 0.2; q = 1; end; steady;
shocks; var e; stderr 1; var u; stderr 1; end;
varobs k q; estimated_params; a, beta_pdf, 0.5, 0.1; end;
"""


def test_a_searched_steady_state_is_sampled(tmp_path):
    """Values and gradients of two chains, each on a device of its own where there are two."""
    model = write(tmp_path, SEARCHED).model
    data = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 2)), columns=["k", "q"])
    posterior = estim.build_posterior(model, data)
    settings = {"num_samples": 4, "num_chains": 2, "num_warmup": 4}
    draws = estim.sample(posterior, "nuts", jax.random.key(0), **settings)
    assert np.isfinite(draws.position).all() and draws.position.shape == (2, 4, 1)
