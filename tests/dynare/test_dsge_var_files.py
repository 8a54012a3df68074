"""A DSGE-VAR in a file: its weight given or estimated."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

import estim
from estim.dynare import ModFileError, read_mod

DYNARE, SAMPLE = (11.6908, 11.8933), (9.362, 9.557)
HEAD = """var x y; varexo e u; parameters rho b; rho = 0.9; b = 0.5;
model; x = rho*x(-1) + e; y = b*y(-1) + x + u; end;
shocks; var e; stderr 0.2; var u; stderr 0.3; end;
varobs x y;
estimated_params; rho, 0.8, beta_pdf, 0.8, 0.1; EXTRA end;
"""


def read(tmp_path, extra, command):
    (tmp_path / "m.mod").write_text(HEAD.replace("EXTRA", extra) + command)
    return read_mod(tmp_path / "m.mod")


def test_the_weight_is_a_number_or_a_parameter(tmp_path):
    data = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["x", "y"])
    given = read(tmp_path, "", "estimation(datafile='d.csv', dsge_var=.8, dsge_varlag=2);")
    assert given.likelihood_options == {"name": "dsge_var", "lags": 2, "weight": 0.8}
    value = estim.loglikelihood(given.model, {"rho": 0.8}, data, **given.likelihood_options)
    free = read(tmp_path, "dsge_prior_weight, uniform_pdf, , , 0, 2;", "estimation(dsge_var, dsge_varlag=2);")
    assert free.model.estimated == ("rho", "dsge_prior_weight")
    weighted = {"rho": 0.8, "dsge_prior_weight": 0.8}
    assert estim.loglikelihood(free.model, weighted, data, **free.likelihood_options) == pytest.approx(
        float(value)
    )
    posterior = estim.build_posterior(free.model, data, **free.likelihood_options)
    prior = estim.build_posterior(free.model, data).parameters.logprior_fn
    at = posterior.parameters.unconstrain_fn(weighted)
    assert float(posterior.evaluate_fn(at).loglikelihood) == pytest.approx(float(value))
    assert float(posterior.parameters.logprior_fn(at)) == float(prior(at))


def test_the_rows_before_the_sample_are_read(tmp_path):
    data = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["x", "y"])
    file = read(tmp_path, "", "estimation(first_obs=4, nobs=10, dsge_var=.8, dsge_varlag=2);")
    assert list(file.load_data(data).index) == list(range(1, 13))


@pytest.mark.parametrize("prefilter", [0, 1])
def test_the_regression_has_a_constant_as_in_dynare(prefilter, tmp_path):
    """Dynare 5.3 sets no `noconstant`, with demeaned data neither, and counts the rows before the sample into T: its
    numbers for this file are 11.6908 and, with `prefilter`, 11.8933 (`DYNARE`), with T = 38 periods 9.362 and 9.557."""
    command = f"estimation(first_obs=3, nobs=38, prefilter={prefilter}, dsge_var=.8, dsge_varlag=2);"
    file = read(tmp_path, "", command)
    data = file.load_data(pd.read_csv(Path(__file__).parents[1] / "reference" / "dynare_dsge_var.csv"))[
        ["x", "y"]
    ].to_numpy()
    row, moments = estim.DSGEVAR(
        **{k: v for k, v in file.likelihood_options.items() if k != "name"}
    ).for_data(data)
    solution = estim.solve(file.model, {"rho": 0.8})
    logprior = beta.logpdf(0.8, 12.0, 3.0)
    value = lambda T: float(row.loglikelihood(solution, moments.at[-1].set(T)).value) + logprior
    assert float(moments[-1, 0]) == 38.0
    assert value(38.0) == pytest.approx(SAMPLE[prefilter], abs=1e-3)
    assert value(40.0) == pytest.approx(DYNARE[prefilter], abs=1e-3)


def test_without_a_weight_it_is_an_error(tmp_path):
    with pytest.raises(ModFileError, match="'dsge_var' needs a number, or 'dsge_prior_weight' in"):
        read(tmp_path, "", "estimation(dsge_var);")
