"""Every statement that sets a value: what the commands below it see, and what is refused by its line."""

import numpy as np
import pytest

import estim  # noqa: F401  (configures JAX)
from estim.dynare import ModFileError, ModFileWarning, read_mod
from estim.dynare.modfile import translate
from estim.dynare.reading.fields import build_fields
from estim.dynare.reading.settings import estimation_settings

HEAD = "var x y; varexo e u;\nparameters rho b;\nrho = 0.9; b = 0.5;\n"
MODEL = "model; x = rho*x(-1) + e; y = b*x + 0.2*y(-1) + u; end;\n"
SHOCKS = "shocks; var e; stderr 0.2; var u; stderr 0.3; end;\n"
STOCH = "stoch_simul(order=1, irf=3, nograph);\n"
ESTIMATE = "varobs x y; estimated_params; rho, beta_pdf, 0.5, 0.1; end;\nestimation(datafile=d);\n"
CORR = "shocks; var e; stderr 0.2; var u; stderr 0.3; corr e, u = 0.5; end;\n"


def system_of(tmp_path, text):
    path = tmp_path / "m.mod"
    (tmp_path / "calibrate.m").write_text("rho = 0.1;  % of Matlab's\n")
    (tmp_path / "saved").write_text("rho 0.7\nx 1.5\n")
    (tmp_path / "twice.m").write_text("function y = twice(x)\ny = 2*x;\nend\n")
    path.write_text(HEAD + MODEL + text)
    return translate(path)[0]


SEEN = {  # the file, values of the model, values of stoch_simul where they are others
    "below a command": (SHOCKS + STOCH + "rho = 0.1; shocks; var u; stderr 0; end;\n", {"rho": 0.9, "u": 0.3}, {}),
    "between two": (SHOCKS + STOCH + "rho = 0.4;\n" + STOCH + "rho = 0.1;\n", {"rho": 0.4}, {}),
    "no command": (SHOCKS + "rho = 0.1;\n", {"rho": 0.1}, {}),
    "an estimation below": (
        SHOCKS + STOCH + "b = 0.7; shocks; var u; stderr 0.1; end;\n" + ESTIMATE + "b = 0.1;\n",
        {"b": 0.7, "u": 0.1},
        {"rho": 0.9, "b": 0.5, "stderr_u": 0.3},
    ),
    "an estimation above": (SHOCKS + ESTIMATE + "b = 0.7;\n" + STOCH, {"b": 0.5}, {"b": 0.7}),
    "a homotopy": (
        SHOCKS + "homotopy_setup; b, 0.1, 0.6; rho, 0.3; end; steady(homotopy_mode=1, homotopy_steps=4);\n",
        {"b": 0.6, "rho": 0.3},
        {},
    ),
    "a homotopy of a shock's mean": (
        SHOCKS + "homotopy_setup; e, 0.2; end; steady(homotopy_mode=2);\n",
        {"mean of e": 0.2},
        {},
    ),
    "a homotopy without a mode": (SHOCKS + "homotopy_setup; b, 0.1, 0.6; end; steady;\n", {"b": 0.5}, {}),
    "two homotopies": (
        SHOCKS
        + "homotopy_setup; b, 0.6; end; steady(homotopy_mode=1);\nhomotopy_setup; rho, 0.3; end; steady;\n",
        {"b": 0.6, "rho": 0.3},
        {},
    ),
    "a value after a homotopy": (
        SHOCKS + "homotopy_setup; b, 0.6; end; steady(homotopy_mode=3); b = 0.2;\n",
        {"b": 0.2},
        {},
    ),
    "set_param_value": (SHOCKS + "set_param_value('rho', 2*b - 0.5);\n", {"rho": 0.5}, {}),
    "set_shock_stderr_value": (SHOCKS + "set_shock_stderr_value('e', b);\n", {"e": 0.5, "u": 0.3}, {}),
    "Sigma_e, lower": ("Sigma_e = [0.04; 0.01, 0.09];\n", {"e": 0.2, "u": 0.3, "corr": 1 / 6}, {}),
    "Sigma_e, upper": ("Sigma_e = [0.04 -0.01; 0.09];\n", {"e": 0.2, "u": 0.3, "corr": -1 / 6}, {}),
    "Sigma_e of expressions": ("s = 0.2; Sigma_e = [(s^2); (s*b/10), (0.09)];\n", {"corr": 1 / 6}, {}),
    "Sigma_e of rank one": ("Sigma_e = [0.04; -0.06, 0.09];\n", {"corr": -1.0}, {}),
    "Sigma_e over shocks": (CORR + "Sigma_e = [1; 0, 4];\n", {"e": 1.0, "u": 2.0, "corr": 0.0}, {}),
    "shocks over Sigma_e": (
        "Sigma_e = [0.04; 0.01, 0.09]; shocks; var e; stderr 0.4; end;\n",
        {"e": 0.4, "corr": 0.01 / 0.12},
        {},
    ),
    "a covariance stays where its correlation was given": (
        CORR + STOCH + "shocks; var e; stderr 0.4; end;\n" + STOCH,
        {"e": 0.4, "corr": 0.25},
        {},
    ),
    "two at once": (SHOCKS + "[rho, b] = deal(0.1, 0.2);\n", {"rho": 0.1, "b": 0.2}, {}),
    "a sum": (SHOCKS + "rho_ = [0.1 0.2]; rho_(end) += 0.5;\nrho = rho_(2);\n", {"rho": 0.7}, {}),
    "a loop": (SHOCKS + "for k = 1:3\n  rho = k/10;\nend\n", {"rho": 0.3}, {}),
    "a condition": (SHOCKS + "if b > 1\n rho = 0;\nelseif b == 0.5\n rho = 0.2;\nend\n", {"rho": 0.2}, {}),
    "a switch": (SHOCKS + "w = 'low';\nswitch w\n case {'low', 'mid'}\n rho = 0.2;\nend\n", {"rho": 0.2}, {}),
    "commands in a loop": (
        SHOCKS + "for k = 1:2\n  set_param_value('rho', k/10);\n  stoch_simul(order=1) x;\nend\nrho = 0.7;\n",
        {"rho": 0.2},
        {},
    ),
    "Matlab's own variable": (SHOCKS + "verbatim;\nrho = 2;\nend;\neval('b = 3');\n", {"rho": 0.9, "b": 0.5}, {}),
    "M_": ("M_.params(2) = 2*M_.params(1); M_.Sigma_e = [0.04 0.01; 0.01 0.09];\n", {"b": 1.8, "corr": 1 / 6}, {}),
    "names in M_": (SHOCKS + "k = strmatch('b', M_.param_names, 'exact'); M_.params(k) = 2;\n", {"b": 2.0}, {}),
    "what a script sets is Matlab's": (SHOCKS + "calibrate;\nset_param_value('b', rho);\n", {"rho": 0.9, "b": 0.1}, {}),
    "a function": (SHOCKS + "b = twice(rho);\n", {"b": 1.8}, {}),
    "values from a file": (SHOCKS + "load_params_and_steady_state('saved');\n", {"rho": 0.7, "b": 0.5}, {}),
    "after the last command": (SHOCKS + STOCH + "rho = gong(1); M_.params(1) = gong(1);\n", {"rho": 0.9}, {}),
    "a block in one line with Matlab": ("close all; shocks; var e; stderr 2; end;\n", {"e": 2.0}, {}),
    "a correlation stays where variances are estimated": (
        CORR + "shocks; var e; stderr 0.4; end;\n" + ESTIMATE,
        {"e": 0.4, "corr": 0.5},
        {},
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*(skipped|supported|order=1)")
@pytest.mark.parametrize("what", SEEN)
def test_a_command_sees_the_values_above_it(what, tmp_path):
    text, own, at_stoch_simul = SEEN[what]
    system = system_of(tmp_path, text)
    c, fields = system.contents, build_fields(system)
    known = c.values | c.stderr | {f"mean of {n}": v for n, v in c.initial.items()}
    known |= {"corr": eval(fields.correlation("e", "u").replace("p.", ""), {}, numbers(fields))}
    assert {n: known[n] for n in own} == pytest.approx(own, abs=1e-12)
    if at_stoch_simul:
        assert fields.at_stoch_simul() == pytest.approx(at_stoch_simul)


def numbers(fields):
    values = zip(fields.identifiers.values(), fields.defaults.values(), strict=True)
    return {name: float(text) for name, text in values if not text.startswith("priors")}


def test_the_last_command_is_computed_at_its_own_values(tmp_path):
    path = tmp_path / "m.mod"
    path.write_text(HEAD + MODEL + SHOCKS + ESTIMATE + "b = 0.1;\n" + STOCH)
    mod = read_mod(path)
    assert float(mod.model.params().b) == 0.5 and mod.at_stoch_simul == {"b": 0.1}
    responses = mod.run_stoch_simul().responses["e"]["y"]  # at the prior mean of rho, 0.5
    np.testing.assert_allclose(
        responses, 0.2 * 0.1 * np.array([1.0, 0.5 + 0.2, 0.25 + 0.1 + 0.04]), rtol=1e-9
    )


REFUSED = {
    "Sigma_e = [0.04];": "a lower or an upper triangle of 2 rows",
    "Sigma_e = [0.04 0.01; 0.01 0.09];": "its rows have 2, 2 numbers",
    "Sigma_e = [-1; 0, 1];": "the variance of 'e' is -1",
    "Sigma_e = [0.04; 0.07, 0.09];": "larger than their variances allow",
    "Sigma_e = [0.04; 0.01, 0.09": "expected: Sigma_e = [ ... ];",
    "homotopy_setup; q, 1; end;": "unknown name 'q'",
    "homotopy_setup; x, 1; end;": "'x' is not a parameter",
    "set_shock_stderr_value('x', 1);": "'x' is not an exogenous variable",
    "z = 1; z = load('f.mat');\nrho = z;": "'z' is set by code that cannot be run (there is no file 'f.mat')",
    "z = gong(2);\nif z\n rho = 2;\nend\nb = rho;": "b: 'rho' is set by code that cannot be run",
    "M_.params(1) = gong(1);": "the model depends on it: 'gong' is no function",
    "set_param_value('q', 1);": "unknown name 'q'",
    "M_.Correlation_matrix = eye(2);": "Matlab code sets 'M_.Correlation_matrix', which estim does not follow",
    "if gong(1) > 2\n shocks; var e; stderr 1; end;\nend": "the model depends on it: 'gong' is no function",
    "load_params_and_steady_state('none');": "there is no file none",
    "set_param_value('rho', oo_.mean);": "the model depends on it: 'oo_' is no function",
    "estimation(prior_trunc=1e-3);": "'prior_trunc=1e-3' is not supported",
    "shocks; corr e, u = 1.5; end;": "the correlation of e and u is 1.5",
}


@pytest.mark.filterwarnings("ignore:.*skipped")
@pytest.mark.parametrize("text", REFUSED)
def test_refused_by_its_line(text, tmp_path):
    with pytest.raises(ModFileError) as caught:
        system_of(tmp_path, text)
    assert REFUSED[text] in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'm.mod'}:")


NOT_ESTIMATED = {
    "irf_calibration; y(1), e, +; end;\n": "an endogenous prior ('irf_calibration')",
    "moment_calibration; x, x, [0 1]; end;\n": "an endogenous prior ('moment_calibration')",
    "filter_initial_state; y(0) = 1; end;\n": "a given initial state of the filter ('filter_initial_state')",
    "[rho, b].prior(shape=beta);\n": "a prior outside 'estimated_params' ('[rho, b].prior(...)')",
    "std(e).prior(shape=gamma, mean=1);\n": "a prior outside 'estimated_params' ('std(e).prior(...)')",
}


@pytest.mark.filterwarnings("ignore:.*skipped")
@pytest.mark.parametrize("text", NOT_ESTIMATED)
def test_an_estimation_that_is_not_here_leaves_the_model(text, tmp_path):
    with pytest.warns(ModFileWarning, match="without its priors") as caught:
        contents = system_of(tmp_path, text + ESTIMATE).contents
    assert any(f"{NOT_ESTIMATED[text]} is not supported by estim" in str(w.message) for w in caught)
    assert not contents.priors and contents.not_estimated


def test_numbers_drawn_at_random_are_the_same_each_time(tmp_path):
    text = "rand('state', 1); z = randn(2, 3); rho = rand; b = z(2, 3);\n"
    with pytest.warns(ModFileWarning, match="drawn at random"):
        first, second = (system_of(tmp_path, text).contents.values for _ in range(2))
    assert first == second and 0 < first["rho"] < 1 and first["b"] != 0


def test_correlations_of_no_random_variables(tmp_path):
    path = tmp_path / "m.mod"
    head = "var x; varexo e u w; parameters a; a = 0.5; model(linear); x = a*x(-1) + e + u + w; end;\n"
    shocks = (
        "shocks; var e; stderr 1; var u; stderr 1; var w; stderr 1; corr e, u = 0.9; corr e, w = 0.9; {} end;"
    )
    path.write_text(head + shocks.format("corr u, w = 0.9;"))
    translate(path)
    path.write_text(head + shocks.format("corr u, w = -0.9;"))
    with pytest.raises(ModFileError, match=r"the correlations of e, u, w .* not positive semidefinite"):
        translate(path)


def test_unit_root_vars_mean_a_diffuse_filter_and_an_unchecked_steady_state(tmp_path):
    system = system_of(tmp_path, "steady_state_model; x = 1; y = 1; end;\nunit_root_vars x;\n")
    assert estimation_settings(system.contents).lik_init == 3 and system.unchecked


OPTIONS = {
    "options_.lik_init = 2;": {"lik_init": 2},
    "options_.presample = 1 + 2;": {"presample": 3},
    "options_.diffuse_filter = 1;": {"lik_init": 3},
    "options_.loglinear = true;": {"log": True},
}


@pytest.mark.parametrize("text", OPTIONS)
def test_options_that_matlab_sets(text, tmp_path):
    settings = estimation_settings(system_of(tmp_path, SHOCKS + text).contents)
    assert {n: getattr(settings, n) for n in OPTIONS[text]} == OPTIONS[text]


@pytest.mark.parametrize("value", ["0", "0.0"])
def test_a_prior_that_is_not_truncated(value, tmp_path):
    assert system_of(tmp_path, f"estimation(prior_trunc={value});").contents.options["estimation"]


def test_a_few_correlations_of_many_shocks(tmp_path):
    names = [f"e{i}" for i in range(12)]
    sides = " + ".join(names)
    (tmp_path / "m.mod").write_text(
        f"var y; varexo {' '.join(names)}; parameters a; a = 0.5; model(linear); y = a*y(-1) + {sides}; end;\n"
        f"shocks; {' '.join(f'var {n}; stderr 2;' for n in names)} corr e3, e1 = 0.3; var e11, e0 = -0.8; end;"
    )
    model = read_mod(tmp_path / "m.mod").model
    wanted = np.eye(12)
    wanted[3, 1] = wanted[1, 3] = 0.3
    wanted[11, 0] = wanted[0, 11] = -0.2
    np.testing.assert_allclose(model.shock_correlation(model.params({})), wanted)


def test_a_shock_whose_variance_stands_below_a_command_has_none_above_it(tmp_path):
    text = """var x y; varexo e u; model; x = 0.5*x(-1) + e; y = u; end;
    shocks; var e; stderr 1; end; stoch_simul(order=1, irf=0);
    shocks; var u; stderr 2; end; stoch_simul(order=1, irf=0);"""
    (tmp_path / "m.mod").write_text(text)
    above, below = (c.params for c in read_mod(tmp_path / "m.mod").commands)
    assert (above["stderr_e"], above["stderr_u"]) == (1.0, 0.0)
    assert (below["stderr_e"], below["stderr_u"]) == (1.0, 2.0)
