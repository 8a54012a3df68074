"""Steady states that Matlab code computes: where they begin, what they set, and their derivatives."""

import jax
import pytest

import estim  # noqa: F401  (configures JAX)
from estim.dynare import ModFileError, ModFileWarning, read_mod
from estim.dynare.modfile import translate
from estim.solution import solve_decision_rule

MODEL = """
var k c; varexo e; parameters alpha beta delta theta;
alpha = 0.3; beta = 0.96; delta = 0.1; theta = 9;
model;
1/c = beta/c(+1)*(alpha*k^(alpha-1)*exp(theta*e(+1)*0) + 1 - delta);
k = k(-1)^alpha*exp(theta*0 + e) + (1 - delta)*k(-1) - c;
end;
shocks; var e; stderr 0.01; end;
"""
OLD = """function [ys, check] = m_steadystate(ys, exo)
global M_
for i = 1:M_.param_nbr
  name = deblank(M_.param_names(i,:));
  eval([name ' = M_.params(' int2str(i) ');']);
end
check = 0; theta = 2*alpha;
k = fzero(@(x) alpha*x^(alpha-1) + 1 - delta - 1/beta, 3);
c = k^alpha - delta*k;
for i = 1:length(M_.params)
  eval(['M_.params(' num2str(i) ') = ' M_.param_names{i} ';']);
end
for i = 1:M_.orig_endo_nbr
  eval(['ys(' int2str(i) ') = ' deblank(M_.endo_names{i,:}) ';']);
end
"""
NEW = """function [ys, params, check] = m_steadystate(ys, exo, M_, options_)
alpha = M_.params(1); params = M_.params; params(4) = 2*alpha; check = 0;
ys(1) = helper(alpha, M_.params(2), M_.params(3));
ys(2) = ys(1)^alpha - M_.params(3)*ys(1);
end
function k = helper(alpha, beta, delta)
k = (alpha/(1/beta - 1 + delta))^(1/(1 - alpha));
end
"""
BLOCK = "steady_state_model; [k, theta] = level(alpha, beta, delta); c = k^alpha - delta*k; end;\n"
LEVEL = "function [k, t] = level(a, b, d)\nk = (a/(1/b - 1 + d))^(1/(1 - a)); t = 2*a;\n"
WAYS = {
    "the old way": ("m_steadystate.m", OLD, ""),
    "the new way": ("m_steadystate.m", NEW, ""),
    "functions in a block": ("level.m", LEVEL, BLOCK),
}
CAPITAL = (0.3 / (1 / 0.96 - 0.9)) ** (1 / 0.7)


def write(folder, way, text=""):
    name, code, block = WAYS[way]
    (folder / name).write_text(code)
    (folder / "m.mod").write_text(MODEL + block + text)
    return folder / "m.mod"


@pytest.mark.parametrize("way", WAYS)
def test_levels_and_parameters(way, tmp_path):
    c = translate(write(tmp_path, way, "steady;"))[0].contents
    assert c.initial == pytest.approx({"k": CAPITAL, "c": CAPITAL**0.3 - 0.1 * CAPITAL})
    assert c.values["theta"] == pytest.approx(0.6)


@pytest.mark.parametrize("way", ["the old way", "the new way"])
def test_what_the_file_sets_is_not_what_stood_there_before(way, tmp_path):
    mod = read_mod(write(tmp_path, way, "theta = 0; steady; stoch_simul(order=1, irf=0);"))
    assert float(mod.model.params().theta) == pytest.approx(0.6)
    assert "theta" not in mod.at_stoch_simul and all("theta" not in c.params for c in mod.commands)


def test_the_point_is_a_root_with_its_derivatives(tmp_path):
    model = read_mod(write(tmp_path, "the new way")).model
    at_rest = jax.jit(lambda p: solve_decision_rule(model, p).steady_state[0])
    params = model.params()
    assert float(at_rest(params)) == pytest.approx(CAPITAL, rel=1e-12)
    gradient = jax.jit(jax.grad(at_rest))(params)._asdict()
    for name in ("alpha", "beta", "delta"):
        value, step = getattr(params, name), 1e-5
        ends = [float(at_rest(params._replace(**{name: value + s}))) for s in (step, -step)]
        assert float(gradient[name]) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


WRONG = {  # what is changed in the new way, and what is said
    ("check = 0", "check = 1"): "says that there is no steady state",
    ("ys(1) = helper(", "ys(1) = unheard_of("): "m_steadystate.m, line 3: 'unheard_of' is no function",
    ("ys(2) =", "ys(2) = 1i +"): "'c' is a complex number",
}


@pytest.mark.parametrize("change", WRONG)
def test_a_file_that_fails(change, tmp_path):
    path = write(tmp_path, "the new way")
    (tmp_path / "m_steadystate.m").write_text(NEW.replace(*change))
    with pytest.raises(ModFileError) as caught:
        translate(path)
    assert WRONG[change] in str(caught.value) and "cannot be run" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "why"),
    [("alpha", "'theta' follows from 'alpha', which is estimated"), ("theta", "'theta' is estimated, yet")],
)
def test_a_parameter_that_follows_from_an_estimated_one(name, why, tmp_path):
    """The model is read at its calibration; its estimation is what is refused."""
    estimated = "varobs c; estimated_params; {}, 0.3, beta_pdf, 0.3, 0.05; end; estimation(datafile=d);"
    with pytest.warns(ModFileWarning, match="cannot be estimated: .*" + why):
        mod = read_mod(write(tmp_path, "the new way", estimated.format(name)))
    assert mod.model.estimated == ()
    assert mod.model.params().alpha == 0.3
    assert why in next(c.refused for c in mod.commands if c.name == "estimation")


def test_an_estimated_parameter_that_moves_nothing(tmp_path):
    estimated = "varobs c; estimated_params; beta, 0.3, beta_pdf, 0.3, 0.05; end;"
    assert translate(write(tmp_path, "the new way", estimated))[0].contents.priors
