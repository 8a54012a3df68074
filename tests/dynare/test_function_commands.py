"""`prior_function` and `posterior_function`, against the function by hand."""

import numpy as np
import pytest

from estim.dynare import read_mod, run_commands
from estim.results.store import RunDirectory

FILE = """var x y; varexo e; parameters rho m; rho = 0.5; m = 2;
model; x - m = rho*(x(-1) - m) + e; y = x^2; end;
initval; x = 2; y = 4; end;
shocks; var e; stderr 0.5; end;
varobs x; estimated_params; rho, uniform_pdf, , , 0, 0.9; stderr e, inv_gamma_pdf, 0.5, inf; end;
"""
CODE = """function out = halflife(x, M_, options_, oo_, estim_params_, bayestopt_, dataset_, dataset_info)
rho = M_.params(strmatch('rho', M_.param_names, 'exact'));
out = {log(0.5)/log(rho), [rho - x(1), M_.Sigma_e(1, 1) - x(2)^2], oo_.steady_state(2)*M_.params(1)};
"""


def printed(folder, command, code=CODE):
    (folder / "m.mod").write_text(FILE + command)
    (folder / "halflife.m").write_text(code)
    mod = read_mod(folder / "m.mod")
    text = "".join(run_commands(mod))
    return mod, {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}, text


def test_over_the_prior(tmp_path):
    _, rows, text = printed(tmp_path, "prior_function(function='halflife', sampling_draws=40);")
    assert "halflife OVER 40 DRAWS OF THE PRIOR" in text
    np.testing.assert_allclose([float(x) for k in ("2(1)", "2(2)") for x in rows[k]], 0.0, atol=1e-12)
    low, high = float(rows["3"][2]) / 4, float(rows["3"][3]) / 4  # quantiles of rho
    assert 0 < low < 0.3 and 0.6 < high < 0.9


def test_over_the_posterior(tmp_path):
    rho, run = np.array([[0.2, 0.4], [0.5, 0.8]]), RunDirectory(tmp_path / "m")
    run.write_arrays("mode.npz", {"log_marginal_likelihood": np.array(0.0)})
    run.write_json("settings.json", {"routes": {"rwmh": {}}})
    run.write_json("model.json", {"prior": [{"name": "rho"}, {"name": "stderr_e"}]})
    chunk = {name: np.zeros((2, 2)) for name in ("loglikelihood", "logprior")}
    params = np.stack([rho, np.full((2, 2), 0.3)], axis=-1)
    run.append_chunk("rwmh", chunk | {"params": params, "num_evaluations": np.array(4)})
    _, rows, text = printed(tmp_path, "posterior_function(function='halflife');")
    assert "halflife OVER 4 DRAWS OF THE POSTERIOR" in text
    wanted = np.log(0.5) / np.log(rho)
    np.testing.assert_allclose(
        [float(x) for x in rows["1"][:2]], [wanted.mean(), wanted.std(ddof=1)], rtol=1e-5
    )


@pytest.mark.parametrize(
    "command, code, why",
    [
        ("prior_function;", CODE, "needs function='NAME'"),
        ("posterior_function(function='halflife');", CODE, "'m' has no run yet"),
        ("prior_function(function='none', sampling_draws=1);", CODE, "none: 'none' is no function"),
        (
            "prior_function(function='halflife', sampling_draws=1);",
            CODE.replace("log(rho)", "gong(rho)"),
            "'gong' is no",
        ),
    ],
)
def test_what_is_wrong(tmp_path, command, code, why):
    assert why in printed(tmp_path, command, code)[2]
