"""What Dynare's preprocessor accepts beside the plain forms."""

import math

import numpy as np
import pytest

import estim
from estim.dynare import ModFileError, read_mod
from estim.dynare.modfile import translate
from estim.dynare.reading.settings import estimation_settings
from estim.prior_checks import begin_at
from estim.solution import solve_decision_rule_once

HEAD = "var y c;\nvarexo e;\nparameters a b;\na = 0.5; b = 0.2;\n"
MODEL = "model;\ny = a*y(-1) + e;\nc = b*y;\nend;\n"

SAME = {
    "keywords in capitals": HEAD.replace("var ", "VAR ").replace("par", "Par") + MODEL.replace("model", "Model"),
    "a parameter with a date": HEAD + MODEL.replace("a*y(-1)", "a(-1)*y(-1)").replace("b*y", "b(+1)*y"),
    "a line without a semicolon": "label = 'base'\nclose all\n" + HEAD + MODEL,
    "types in the model": "model; y|e = a|p*y(-1) + e|x; c|e = b|p*y; end; a = 0.5; b = 0.2;",
    "exogenous unless it has a type": "model; y|e = a|p*y(-1) + e; c|e = b|p*y; end; a = 0.5; b = 0.2;",
    "arguments of a command": HEAD + MODEL + "resid(1); set_dynare_seed('default'); check(qz_zero_threshold=1e-9);",
    "an index that ends": HEAD + "z = 1;\nfor k = 1:2\n  z(end) = k;\n  if z(end), disp('it''s'); end\nend;\n" + MODEL,
    "a verbatim block to the end of the file": HEAD + MODEL + "steady;\nverbatim;\ny = 3;\n",
    "a type that is changed": "var y c b; varexo e; parameters a; change_type(parameters) b; a = 0.5; b = 0.2;" + MODEL,
    "variables that tags declare": (
        "parameters a b; a = 0.5; b = 0.2; model; [endogenous='y'] y = a*y(-1) + e; [endogenous='c'] c = b*y; end;"
    ),
    "constraints that share equations": HEAD + MODEL.replace("y = a", "[name='m', relax='z'] y = a").replace(
        "c = b*y;", "[name='m', bind='z'] y = 0; [name='n', bind='z'] c = 0; [name='n', relax='z'] c = b*y;"
    ) + "occbin_constraints; name 'z'; bind y < 0; relax y > 1; error_bind abs(y); error_relax abs(c); end;",
    "options in options": HEAD + MODEL + "varobs y; estimation(posterior_sampler_options=('optim',('a',1e-6,'b',(3))), "
    "mode_compute=4);",
    "names that a decomposition alone knows": HEAD + MODEL + "shock_decomposition(nograph) y unheard;",
    "complementarity": HEAD + MODEL.replace("c = b*y;", "c = b*y ⟂ c > 0;"),
    "a value of a parameter without one": HEAD.replace("a b", "a b d") + "d = b; b = d;\n" + MODEL,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*(skipped|stands)")
@pytest.mark.parametrize("what", SAME)
def test_the_same_model(what, tmp_path):
    (tmp_path / "m.mod").write_text(SAME[what])
    c = translate(tmp_path / "m.mod")[0].contents
    assert list(c.variables) == ["y", "c"] and list(c.shocks) == ["e"] and len(c.equations) == 2
    assert {n: c.values[n] for n in "ab"} == {"a": 0.5, "b": 0.2}


PRIORS = {  # a line of estimated_params: start, low, high, shape
    "a, 0.3, BETA_PDF, 0.5, 0.1;": (0.3, None, None, "beta"),
    "a, 0.3, 0, 1;": (0.3, 0, 1, None),
    "a, 0.3;": (0.3, None, None, None),
    "a, , 0, 1;": (0.5, 0, 1, None),
    "a;": (0.5, None, None, None),
}


@pytest.mark.parametrize("line", PRIORS)
def test_priors_and_maximum_likelihood(line, tmp_path):
    (tmp_path / "m.mod").write_text(HEAD + MODEL + f"varobs y; estimated_params; {line} end;")
    system, text = translate(tmp_path / "m.mod")
    prior = system.contents.priors["parameter", "a"]
    number = lambda x: None if math.isnan(x) else x
    assert (prior.start, number(prior.low), number(prior.high), prior.shape) == PRIORS[line]
    assert ("priors.flat()" in text) == (prior.shape is None and number(prior.low) is None)


def test_a_prior_of_what_no_equation_contains(tmp_path):
    text = (
        HEAD.replace("a b", "a b d")
        + MODEL
        + "estimated_params; d, beta_pdf, 0.5, 0.1; a, beta_pdf, 0.5, 0.1; end;"
    )
    (tmp_path / "m.mod").write_text(text)
    with pytest.warns(match="'d' is estimated, but no equation contains it"):
        system, _ = translate(tmp_path / "m.mod")
    assert list(system.contents.priors) == [("parameter", "a")]


SAMPLES = {
    "first_obs=2003Q1, nobs=20": ("2003Q1", 20),
    "first_obs=[8 11], nobs=[40 60]": (8, 60),
    "first_obs=3, last_obs=12": (3, 10),
}


@pytest.mark.filterwarnings("ignore:.*is taken")
@pytest.mark.parametrize("options", SAMPLES)
def test_dates_and_vectors_in_the_sample(options, tmp_path):
    (tmp_path / "m.mod").write_text(HEAD + MODEL + f"data(file=d, {options});")
    settings = estimation_settings(translate(tmp_path / "m.mod")[0].contents)
    assert (settings.first_obs, settings.nobs) == SAMPLES[options]


def test_a_flat_prior_has_no_draws():
    with pytest.raises(ValueError, match="no draws"):
        estim.priors.flat(low=0.0).sample(None)
    assert float(estim.priors.flat(low=0.0).log_prob(-1.0)) == -math.inf
    with pytest.raises(ValueError, match="low must be below high"):
        estim.priors.flat(1.0, 0.0)


def test_the_line_after_a_return_is_not_read(tmp_path):
    (tmp_path / "m.mod").write_text(
        HEAD + MODEL + "steady;\nif a < 1\n  return\nend\nb = nothing_known;\ncheck;\n"
    )
    assert translate(tmp_path / "m.mod")[0].contents.values["b"] == 0.2
    with pytest.raises(ModFileError, match="nothing_known"):
        (tmp_path / "m.mod").write_text(HEAD + "b = nothing_known;\n" + MODEL)
        translate(tmp_path / "m.mod")


def test_complementarity_is_the_tag_mcp(tmp_path):
    """In each of Dynare's three ways of writing it, above a local variable too."""
    found = []
    for text in ("[mcp='c > -1'] c = b*y;", "c = b*y ⟂ c > -1;", "c = b*y _|_ c > -1; # d = y;"):
        (tmp_path / "m.mod").write_text(HEAD + MODEL.replace("c = b*y;", text))
        model = read_mod(tmp_path / "m.mod").model
        rest = model.steady_state(model.params())
        found.append(
            {n: float(f(rest, rest, rest, model.params())) for n, f in model.complementarity.items()}
        )
    assert found[0] and found[0] == found[1] == found[2]
    with pytest.raises(ModFileError, match="a complementarity belongs to an equation"):
        (tmp_path / "m.mod").write_text(HEAD + MODEL.replace("c = b*y;", "c = b*y; # d = y ⟂ c > 0;"))
        read_mod(tmp_path / "m.mod")


def test_a_constraint_without_relax_lets_go_where_it_does_not_bind(tmp_path):
    model = MODEL.replace("y = a", "[name='m', relax='z'] y = a").replace(
        "c = b", "[name='m', bind='z'] y = 0; c = b"
    )
    found = []
    for relax in ("", "relax y >= 0.1;"):
        (tmp_path / "m.mod").write_text(
            HEAD + model + f"occbin_constraints; name 'z'; bind y < 0.1; {relax} end;"
        )
        found.append(translate(tmp_path / "m.mod")[0].alternatives)
    assert found[0] and found[0] == found[1]


def test_a_start_at_the_end_of_a_flat_prior_is_moved_inside():
    priors = {"low": estim.priors.flat(low=0.0), "high": estim.priors.flat(high=2.0)}
    assert begin_at(priors, {"low": 0.0, "high": 2.0}) == {"low": 1e-3, "high": 2.0 - 1e-3}


def test_a_model_without_dynamics_is_solved(tmp_path):
    text = "var p d; varexo e; parameters a; a = 0.25; model; d = 1 - a*p + e; d = 0.5 + a*p; end;\n"
    (tmp_path / "m.mod").write_text(text + "initval; p = 1; d = 1; end; shocks; var e; stderr 1; end;\n")
    model = read_mod(tmp_path / "m.mod").model
    rule = solve_decision_rule_once(model, model.params())
    assert not int(rule.status)
    np.testing.assert_allclose(rule.steady_state, [1.0, 0.75], rtol=1e-12)
    np.testing.assert_allclose((rule.policy @ rule.selection)[:, 0], [2.0, 0.5], rtol=1e-12)
