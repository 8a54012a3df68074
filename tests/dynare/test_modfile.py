"""What `read_mod` returns: names, priors, settings, data, and the module that `convert_mod` writes."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from estim import priors
from estim.data.datasets import DataError
from estim.dynare import ModFileError, convert_mod, read_mod
from estim.dynare.modfile import translate
from estim.dynare.reading.priors import prior_source
from estim.dynare.reading.settings import EstimationSettings, estimation_settings
from estim.solution import solve_decision_rule

MODELS = Path(__file__).parent / "mod"
MODEL = "model(linear);\ny = a*y(-1) + e;\nc = b*y + u;\nend;\n"
HEAD = "var y c;\nvarexo e u;\nparameters a b;\na = 0.5; b = 0.2;\n"
SHOCKS = "shocks; var e; stderr 0.1; var u; stderr 0.2; end;\n"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "m.mod"
        path.write_text(text)
        return read_mod(path)

    return read


PRIORS = {
    "a, beta_pdf, 0.5, 0.1": priors.beta(0.5, 0.1),
    "a, beta_pdf, 0, 0.3, -1, 1": priors.beta(0.0, 0.3, -1.0, 1.0),
    "a, gamma_pdf, 0.5, 0.1": priors.gamma(0.5, 0.1),
    "a, gamma_pdf, 0.5, 0.1, 0.2": priors.gamma(0.5, 0.1, 0.2),
    "a, normal_pdf, 0.5, 0.1": priors.normal(0.5, 0.1),
    "a, uniform_pdf, , , 0, 2": priors.uniform(0.0, 2.0),
    "a, uniform_pdf, 0.5, 1/sqrt(12)": priors.uniform(0.0, 1.0),
    "a, inv_gamma_pdf, 0.5, 0.1": priors.inverse_gamma_1(0.5, 0.1),
    "a, inv_gamma1_pdf, 0.5, inf": priors.inverse_gamma_1(0.5, np.inf),
    "a, inv_gamma2_pdf, 0.5, 0.1": priors.inverse_gamma_2(0.5, 0.1),
    "a, weibull_pdf, 0.5, 0.1": priors.weibull(0.5, 0.1),
    "a, 0.5, 0.1, 0.9": priors.uniform(0.1, 0.9),
    "a, 0.5, 0.1, 0.9, normal_pdf, 0.5, 0.1": priors.truncated(priors.normal(0.5, 0.1), 0.1, 0.9, False),
    "a, 0.5, 0, 1, beta_pdf, 0.5, 0.1": priors.beta(0.5, 0.1),
}


@pytest.mark.parametrize("line", PRIORS)
def test_priors(line, tmp_path):
    path = tmp_path / "m.mod"
    path.write_text(HEAD + MODEL + f"estimated_params;\n{line};\nend;")
    contents = translate(path)[0].contents
    prior = eval(prior_source(contents, contents.priors["parameter", "a"]), {"priors": priors, "inf": np.inf})
    x = jnp.array([0.3, 0.5, 0.62])
    np.testing.assert_allclose(jax.vmap(prior.log_prob)(x), jax.vmap(PRIORS[line].log_prob)(x), rtol=1e-10)


def test_initial_values_and_bounds_given_later(read):
    lines = "estimated_params; a, 0.4, beta_pdf, 0.5, 0.1; b, normal_pdf, 0, 1; stderr e, gamma_pdf, 0.2, 0.1; end;"
    later = "estimated_params_init(use_calibration); a, 0.6; end; estimated_params_bounds; a, 0.2, 0.8; end;"
    model = read(HEAD + MODEL + SHOCKS + lines + later).model
    assert {n: float(v) for n, v in model.start.items()} == {"a": 0.6, "b": 0.2, "stderr_e": 0.1}
    assert float(model.priors["a"].log_prob(0.85)) == -np.inf


def test_settings(read):
    mod = read(
        HEAD
        + MODEL
        + SHOCKS
        + "varobs y;\nestimation(datafile='d/file.xlsx', xls_sheet=two, xls_range=B1:C9, first_obs=3, "
        "nobs=40, presample=4, prefilter=1, diffuse_filter, mh_replic=2000, optim=('MaxIter', 100));\n"
        "stoch_simul(order=1, irf=12, ar=3, hp_filter=1600, irf_shocks = ( u ), "
        "conditional_variance_decomposition=[2, 4:6]) c;"
    )
    assert mod.estimation == EstimationSettings("d/file.xlsx", 3, 40, 4, True, False, 3, "two", "B1:C9")
    assert mod.likelihood_options == {"presample": 4, "start": "diffuse"}
    assert mod.stoch_simul == (("c",), ("u",), 12, 3, 1600.0, (2, 4, 5, 6), True, 1)
    assert read(HEAD + MODEL + SHOCKS).stoch_simul == (("y", "c"), ("e", "u"), 40, 5, None, (), False, 1)


@pytest.mark.parametrize(
    ("options", "lik_init"),
    [("", 1), ("lik_init=4", 4), ("diffuse_filter", 3), ("kalman_algo=2", 1), ("kalman_algo=4", 3)],
)
def test_the_start_of_the_filter(options, lik_init, tmp_path):
    path = tmp_path / "m.mod"
    path.write_text(HEAD + MODEL + f"varobs y;\nestimation(datafile=d{options and ', '}{options});")
    assert estimation_settings(translate(path)[0].contents).lik_init == lik_init


def test_the_data_command(read):
    text = (
        HEAD
        + MODEL
        + SHOCKS
        + "varobs y;\ndata(file='d.csv', first_obs=3, last_obs=12);\nestimation(presample=2);"
    )
    assert read(text).estimation == EstimationSettings("d.csv", first_obs=3, nobs=10, presample=2)


def test_comments_of_all_kinds(read):
    text = (
        "// one\nvar y c; % two\n%{\nvar not_there;\n%}\n/* three\n var nor_here; */ varexo e u;\n"
        "parameters a b; a = 0.5; // b = 3;\nb = 0.2;\n"
    )
    assert read(text + MODEL).source == read(HEAD + MODEL).source.replace("line 6", "line 11").replace(
        "line 7", "line 12"
    )


def test_a_steady_state_that_is_not_checked(read):
    text = HEAD + MODEL.replace("c = b*y", "c = b*y + 1") + "steady_state_model; y = 0; c = 0; end;\n"
    with pytest.raises(ModFileError, match="no steady state"):
        read(text)
    assert read(text + "steady(nocheck);").model.variables._fields == ("y", "c")


def test_before_an_estimation_the_calibration_counts(read):
    text = HEAD + MODEL + SHOCKS + "varobs y;\nestimated_params; a, beta_pdf, 0.8, 0.1; end;\n"
    before = read(text + "stoch_simul(order=1) y; estimation(datafile=x);")
    after = read(text + "estimation(datafile=x); stoch_simul(order=1) y;")
    assert before.calibration == {"a": 0.5}
    for mod, rho in ((before, 0.5), (after, 0.8)):
        variance = mod.run_stoch_simul().moments.loc["y", "variance"]
        assert variance == pytest.approx(0.01 / (1 - rho**2))


def test_words_that_python_keeps_for_itself(read):
    model = read(
        "var lambda is count; varexo in; parameters del class_ _x priors;\n"
        "del = 0.5; class_ = 1; _x = 0.1; priors = 2;\n"
        "model; lambda = del*lambda(-1) + in; is = class_*lambda + _x;\n"
        "# p = priors; # now = 1; count = p*now*is; end;\n"
        "steady_state_model; lambda = 0; is = _x; count = priors*_x; end;"
    ).model
    assert model.variables._fields == ("lambda_", "is_", "count_")
    assert model.shocks._fields == ("in_",)
    assert model.param_names == ("del_", "class_", "x", "priors_", "stderr_in")


def test_convert_writes_what_read_runs(tmp_path):
    target = convert_mod(MODELS / "rbc.mod", tmp_path / "converted.py")
    assert target.read_text() == read_mod(MODELS / "rbc.mod").source
    spec = importlib.util.spec_from_file_location("converted", target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.model.variables._fields == ("y", "c", "k", "i", "n", "a")
    assert "1 / now.c - p.beta / lead.c * (1 - p.delta + p.alpha * lead.y / now.k)" in target.read_text()


def test_auxiliary_variables_have_readable_names():
    system, _ = translate(MODELS / "long_leads_lags.mod")
    assert {"y_lag1", "y_lag2", "e_now", "e_now_lag1", "z_lead1", "f_now", "w_lag3"} <= set(
        system.auxiliaries
    )


@pytest.mark.parametrize("name", ["rbc_initval", "trends"])
def test_gradient_against_finite_differences(name):
    """Through a steady state that is searched for, and through correlations of shocks."""
    model = read_mod(MODELS / f"{name}.mod").model
    values = {n: float(v) for n, v in model.params()._asdict().items()}
    names = [n for n in values if n.startswith(("alpha", "psi", "sigma", "rho", "corr"))]

    def summary(x):
        rule = solve_decision_rule(model, model.params(values | dict(zip(names, x, strict=True))))
        return jnp.sum(jnp.sin(rule.policy @ rule.selection)) + jnp.sum(rule.steady_state)

    at, step, value = jnp.array([values[n] for n in names]), 1e-5, jax.jit(summary)
    finite = [
        (value(at.at[i].add(step)) - value(at.at[i].add(-step))) / (2 * step) for i in range(len(names))
    ]
    np.testing.assert_allclose(jax.jit(jax.grad(summary))(at), finite, rtol=1e-5, atol=1e-7)


def test_the_search_begins_where_an_equation_divides_by_zero(read):
    """A variable without an initial value begins at zero; what is searched for is found all the same."""
    text = "var k q; varexo e; parameters a; a = 0.5; model; k = 0.1 + a*k(-1) + e; q = 0.04/k - k^-2; end;"
    model = read(text + "initval; q = 1; end; steady; shocks; var e; stderr 1; end;").model
    np.testing.assert_allclose(model.steady_state(model.params()), (0.2, 0.2 - 25))


# --- data ---

SERIES = {"y": [1.0, 2.0, 4.0, 8.0], "c": [0.5, np.nan, 0.25, 1.0]}


def write_data(folder, extension):
    path = folder / f"series{extension}"
    frame = pd.DataFrame(SERIES)
    match extension:
        case ".csv":
            frame.to_csv(path, index=False, na_rep="NaN")
        case ".xlsx":
            frame.to_excel(path, index=False)
        case ".mat":
            savemat(path, {k: np.array(v)[:, None] for k, v in SERIES.items()})
        case ".m":
            rows = lambda v: "\n".join(map(str, v))
            path.write_text("% data\n" + "".join(f"{k} = [\n{rows(v)}\n];\n" for k, v in SERIES.items()))
    return path


@pytest.mark.parametrize("extension", [".csv", ".xlsx", ".mat", ".m"])
@pytest.mark.parametrize("written", ["series", "series{}"])
def test_data_formats(extension, written, read, tmp_path):
    write_data(tmp_path, extension)
    mod = read(HEAD + MODEL + SHOCKS + f"varobs c y;\nestimation(datafile='{written.format(extension)}');")
    frame = mod.load_data()
    assert frame.columns.tolist() == ["c", "y"]
    np.testing.assert_array_equal(frame["y"], SERIES["y"])
    np.testing.assert_array_equal(frame["c"], SERIES["c"])


def test_sample_logs_and_means(read, tmp_path):
    write_data(tmp_path, ".csv")
    options = "datafile=series, first_obs=2, nobs=2, prefilter=1, loglinear"
    steady = "steady_state_model; y = 1; c = 1; end;\n"
    model = MODEL.replace("(linear)", "").replace("a*y(-1)", "y(-1)^a").replace("b*y + u", "y^b + u")
    mod = read(
        HEAD + model.replace("+ e", "*exp(e)") + steady + SHOCKS + f"varobs y;\nestimation({options});"
    )
    np.testing.assert_allclose(mod.load_data()["y"], [-np.log(2) / 2, np.log(2) / 2])


def test_quarters_become_the_index(read, tmp_path):
    (tmp_path / "d.csv").write_text("date,y\n1999Q4,1\n2000Q1,2\n")
    frame = read(HEAD + MODEL + SHOCKS + "varobs y; estimation(datafile=d);").load_data()
    assert frame.index.astype(str).tolist() == ["1999Q4", "2000Q1"]


BAD_DATA = {
    "estimation(datafile=none);": "there is no data file none",
    "estimation(presample=1);": "the file names no data",
    "estimation(datafile=series, first_obs=3, nobs=9);": "ask for more than the 4 rows",
    "estimation(datafile=other);": "'varobs' lists y, which the data lack; they have z",
    "estimation(datafile=text);": "column y does not hold numbers",
    "estimation(datafile=broken);": "broken.mat cannot be read",
    "estimation(datafile='old.xls');": "data are read from .csv, .xlsx, .mat and .m files",
}


@pytest.mark.parametrize("command", BAD_DATA)
def test_bad_data(command, read, tmp_path):
    write_data(tmp_path, ".csv")
    (tmp_path / "other.csv").write_text("z\n1\n2\n")
    (tmp_path / "text.csv").write_text("y\n1\nabc\n")
    (tmp_path / "broken.mat").write_text("no Matlab file " * 20)
    (tmp_path / "old.xls").write_text("")
    with pytest.raises(DataError, match=BAD_DATA[command]):
        read(HEAD + MODEL + SHOCKS + "varobs y;\n" + command).load_data()


def test_a_variable_that_does_not_move_has_no_variance(read):
    """Its variance would be the rounding errors of what cancels, of either sign."""
    mod = read("""
        var x y still; varexo e u; parameters rho; rho = 0.9;
        model(linear);
        x = rho*x(-1) + e; y = 0.5*y(-1) + 0.3*x + u; still = 1000*(y - 0.3*x - u - 0.5*y(-1));
        end;
        shocks; var e; stderr 100; var u; stderr 30; end;
        stoch_simul(order=1, irf=3, nograph);
    """)
    variance = mod.run_stoch_simul().moments["variance"]
    assert variance["still"] == 0.0
    np.testing.assert_allclose(variance["x"], 1e4 / (1 - 0.9**2))
