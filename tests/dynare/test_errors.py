"""What is wrong in a file is said with its place; what is not supported is called by its name."""

import re

import pytest

import estim  # noqa: F401  (configures JAX)
from estim.dynare import ModFileError, ModFileWarning, UnsupportedError, read_mod
from estim.dynare.modfile import translate

HEAD = "var y c;\nvarexo e;\nparameters a b;\na = 0.5; b = 0.2;\n"
MODEL = "model;\ny = a*y(-1) + e;\nc = b*y;\nend;\n"


def write(tmp_path, text):
    path = tmp_path / "m.mod"
    path.write_text(text)
    return path


WRONG = {  # text, line, column, words
    "unknown name": (
        HEAD + "model;\ny = aa*y(-1) + e;\nc = y;\nend;",
        6,
        5,
        "unknown name 'aa'; did you mean 'a'?",
    ),
    "unknown function": (HEAD + "model;\ny = lug(c, 1);\nc = y;\nend;", 6, 5, "unknown name 'lug'"),
    "arity": (HEAD + "model;\ny = max(c);\nc = y;\nend;", 6, 5, "max takes 2 argument(s), not 1"),
    "parenthesis": (HEAD + "model;\ny = (a*y(-1) + e;\nc = y;\nend;", 6, 17, "expected ')'"),
    "operator": (HEAD + "model;\ny = a*y(-1) + ;\nend;", 6, 15, "syntax error at ';'"),
    "two powers": (HEAD + "model;\ny = a^b^2;\nc = y;\nend;", 6, 8, "syntax error at '^'"),
    "no end": (HEAD + "model;\ny = a*y(-1) + e;", 5, 1, "the block 'model' is not closed by 'end;'"),
    "stray end": (HEAD + MODEL + "end;", 9, 1, "there is no block to close"),
    "no semicolon": ("var y", 1, 5, "the statement 'var' is not ended by ';'"),
    "open comment": (HEAD + "/* " + MODEL, 5, 1, "not closed by '*/'"),
    "no model": (HEAD, 4, 17, "the file has no model"),
    "counts": (HEAD + "model;\ny = a*y(-1) + e;\nend;", 6, 1, "1 equations for 2 endogenous variables"),
    "no value": (
        "var y; varexo e;\nparameters a;\nmodel; y = a*y(-1) + e; end;",
        2,
        12,
        "parameter 'a' has no value",
    ),
    "declared twice": (HEAD + "varexo y;\n" + MODEL, 5, 8, "'y' is declared twice"),
    "reserved": ("var exp;", 1, 5, "'exp' means something else"),
    "local twice": (
        HEAD + "model;\n# z = a;\n# z = b;\nend;",
        7,
        3,
        "the local variable 'z' is defined already",
    ),
    "start outside the prior": (
        HEAD
        + MODEL
        + "varobs y; estimated_params;\nb, 0.2, gamma_pdf, 1, 0.1;\na, 2, beta_pdf, 0.5, 0.1;\nend;",
        11,
        1,
        "parameter 'a' = 2 lies outside the support of its prior",
    ),
    "negative variance": (HEAD + MODEL + "shocks; var e = -1; end;", 9, 13, "the variance of 'e' is -1"),
    "correlation": (
        HEAD.replace("e;", "e u;") + MODEL + "shocks; corr e, u = 2; end;",
        9,
        14,
        "the correlation of e and u is 2",
    ),
    "observe a shock": (HEAD + MODEL + "varobs e;", 9, 8, "'e' is not an endogenous variable"),
    "error of the unobserved": (
        HEAD + MODEL + "varobs y;\nshocks; var c; stderr 1; end;",
        1,
        7,
        "'c' has a measurement error but",
    ),
    "prior fields": (
        HEAD + MODEL + "estimated_params;\na, 1, 2, beta_pdf, 0.5, 0.1;\nend;",
        10,
        1,
        "expected: name",
    ),
    "prior shape": (
        HEAD + MODEL + "estimated_params;\na, bata_pdf, 0.5, 0.1;\nend;",
        10,
        4,
        "mean 'beta_pdf'?",
    ),
    "two priors": (
        HEAD + MODEL + "estimated_params;\na, normal_pdf, 0, 1;\na, normal_pdf, 0, 1;\nend;",
        11,
        1,
        "has two priors",
    ),
    "no such prior": (
        HEAD + MODEL + "estimated_params_remove; a; end;",
        9,
        26,
        "'a' is not in 'estimated_params'",
    ),
    "macro variable": (HEAD + "@#if x == 1\n@#endif", 5, 1, "unknown macro variable x"),
    "macro never ends": (HEAD + "  @#for i in 1:3\nx", 5, 3, "'@#for' is not closed by '@#endfor'"),
    "macro mismatch": ("@#for i in 1:3\n@#endif", 2, 1, "'@#endif' does not close line 1"),
    "macro type": ('@#define s = "a" + 1', 1, 1, "'+' does not combine a string and a real"),
    "macro error": ('@#error "stop here"', 1, 1, "stop here"),
    "include": ('@#include "none.inc"', 1, 1, "there is no file none.inc"),
    "shock and error": (
        HEAD + MODEL + "varobs y;\nshocks; var y; stderr 1; corr e, y = 0.1; end;",
        2,
        8,
        "e and y cannot be correlated: one is a shock, one a measurement error",
    ),
    "periods": (
        HEAD + MODEL + "stoch_simul(order=1, conditional_variance_decomposition=[0 4]);",
        9,
        22,
        "must list periods from 1 on, not [0 4]",
    ),
    "response to a variable": (
        HEAD + MODEL + "stoch_simul(order=1, irf_shocks=(e, c));",
        9,
        22,
        "'c' is not an exogenous variable",
    ),
    "matlab value": (HEAD + "a = [1 2];\n" + MODEL, 5, 1, "a: one number was expected, not 1 x 2"),
    "matlab of more": (
        HEAD + "a = gong(2);\n" + MODEL,
        5,
        1,
        "a: 'gong' is no function or variable known here",
    ),
    "optimal policy": (
        HEAD.replace("y c", "y c r") + MODEL + "discretionary_policy(planner_discount=0.9);",
        9,
        1,
        "'discretionary_policy' needs a 'planner_objective' above it",
    ),
}

UNSUPPORTED = {
    "pac_model(model_name=m, discount=b);": "a semi-structural model ('pac_model')",
    "estimation(lik_init=5);": "'lik_init=5'",
}

PASSED_OVER = {
    "stoch_simul(partial_information, order=1);": (
        "a solution under partial information ('stoch_simul(partial_information)')"
    ),
    "extended_path(periods=100);": "a perfect-foresight simulation ('extended_path')",
    "shocks(learnt_in=2); end;": "a perfect-foresight simulation ('shocks(learnt_in)')",
    "markov_switching(chain=1, number_of_regimes=2);": "a Markov-switching VAR ('markov_switching')",
    "bvar_density 4;": "a Bayesian VAR ('bvar_density')",
    "filter_initial_state; y(0) = 1; end;": "a given initial state of the filter ('filter_initial_state')",
}


@pytest.mark.filterwarnings("ignore:.*is not supported by estim")
@pytest.mark.parametrize("what", WRONG)
def test_wrong(what, tmp_path):
    text, line, column, words = WRONG[what]
    path = write(tmp_path, text)
    with pytest.raises(ModFileError) as caught:
        read_mod(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}:{column}: ")


@pytest.mark.filterwarnings("ignore:.*is not supported by estim")
@pytest.mark.parametrize("text", UNSUPPORTED)
def test_unsupported(text, tmp_path):
    path = write(tmp_path, HEAD + MODEL + text)
    with pytest.raises(UnsupportedError) as caught:
        translate(path)
    assert f"{UNSUPPORTED[text]} is not supported by estim" in str(caught.value)
    assert str(caught.value).startswith(f"{path}:9:")


@pytest.mark.parametrize("text", PASSED_OVER)
def test_a_command_that_is_not_supported_leaves_the_model(text, tmp_path):
    path = write(tmp_path, HEAD + MODEL + text)
    with pytest.warns(ModFileWarning) as caught:
        system, _ = translate(path)
    assert f"{PASSED_OVER[text]} is not supported by estim" in str(caught[0].message)
    assert str(caught[0].message).startswith(f"{path}:9:") and len(system.equations) == 2


BINDING = "model;\n[name='m', relax='z'] y = a*y(-1) + e;\n[name='m', bind='z'] y = 0;\nc = y;\nend;\n"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "model;\n[mcp='y']\ny = a*y(-1) + e;\nc = y;\nend;",
            "the tag mcp='y' must be of the form 'variable > number'",
        ),
        (BINDING, "'z' is the name of no constraint in 'occbin_constraints'"),
        (
            BINDING + "occbin_constraints; name 'z'; bind y(-1) < 0; relax y > 0; end;",
            "must be of today's variables",
        ),
        (BINDING + "occbin_constraints; name 'z'; bind y; relax y > 0; end;", "no comparison of two numbers"),
        (
            BINDING
            + "occbin_constraints; name 'z'; bind y < 0; relax y > 0; name 'w'; bind y < 0; relax y > 0; end;",
            "no equation has the tag relax='w'",
        ),
    ],
)
def test_constraints_that_bind_at_times(tmp_path, model, words):
    path = write(tmp_path, HEAD + model)
    with pytest.raises(ModFileError, match=re.escape(words)):
        translate(path)


def test_the_line_and_the_place_are_shown(tmp_path):
    path = write(tmp_path, HEAD + "model;\n  y = (a*y(-1) + e;\nc = y;\nend;")
    with pytest.raises(ModFileError) as caught:
        translate(path)
    _, shown, caret = str(caught.value).splitlines()
    assert shown[caret.index("^")] == ";"
    assert shown.strip() == "y = (a*y(-1) + e;"


SKIPPED = {
    "z = gong(3);": "skipped: z = gong(3); ('gong' is no function or variable known here)",
    "z = oo_.dr.ghx;": "skipped: z = oo_.dr.ghx; ('oo_' is no function or variable known here)",
    "unheard of syntax here;": "skipped: unheard of syntax here;",
    "stoch_simul(order=4) y;": "'stoch_simul(order=4)': estim solves to first order",
    "squeeze_shock_decomposition y;": "skipped: squeeze_shock_decomposition y;",
    "init2shocks; y e; end;": "skipped: init2shocks;",
    "identification(lik=1);": "options of 'identification' that estim does not follow: lik",
    "z = load('file.mat');": "skipped: z = load('file.mat'); (there is no file 'file.mat')",
    "stoch_simul y;": "'stoch_simul' without 'order=1' means order 2 in Dynare",
    "stoch_simul(order=1, nograph, one_sided_hp_filter=1600, periods=200) y;": (
        "options of 'stoch_simul' that estim does not follow: one_sided_hp_filter, periods"
    ),
    "estimation(mode_compute=4, mh_replic=2000, nograph);": (
        "options of 'estimation' that estim does not follow: mode_compute, mh_replic"
    ),
    '@#echo "hi"': "@#echo: hi",
}


@pytest.mark.parametrize("text", SKIPPED)
def test_skipped_with_a_warning_that_quotes(text, tmp_path):
    path = write(tmp_path, HEAD + text + "\n" + MODEL)
    with pytest.warns(ModFileWarning) as caught:
        translate(path)
    assert SKIPPED[text] in str(caught[0].message)
    assert str(caught[0].message).startswith(f"{path}:5:1")


def test_no_steady_state_shows_the_residuals(tmp_path):
    path = write(
        tmp_path, "var y c; varexo e; model; [name='odd'] y^2 = -1 + e; c = y; end; initval; y = 1; end;"
    )
    with pytest.raises(ModFileError) as caught:
        read_mod(path)
    assert "no steady state: 1 of 2 equations leave a residual" in str(caught.value)
    assert "\n    odd " in str(caught.value) and "initval" in str(caught.value)


def test_a_steady_state_that_does_not_hold(tmp_path):
    path = write(
        tmp_path, HEAD + MODEL.replace("c = b*y", "c = b*y + 1") + "steady_state_model; y = 0; c = 0; end;"
    )
    with pytest.raises(ModFileError, match=r"equation 2, line 7 +-1"):
        read_mod(path)


def test_missing_file(tmp_path):
    with pytest.raises(ModFileError, match="No such file"):
        read_mod(tmp_path / "none.mod")
