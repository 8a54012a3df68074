"""The first calls: names or objects, the model's units, and errors that name the culprit."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_models import Variables, ar1

import estim

REFERENCE = Path(__file__).parent / "reference"
DATA = pd.DataFrame({"X": [0.3, 0.5, -0.2, 0.9]})


def naive_ar1_loglikelihood(rho, sigma, mean, x):
    """Joint normal density of the observed numbers."""
    seen = np.flatnonzero(~np.isnan(x))
    cov = sigma**2 / (1 - rho**2) * rho ** np.abs(seen[:, None] - seen[None, :])
    e = x[seen] - mean
    return -0.5 * (e @ np.linalg.solve(cov, e) + np.linalg.slogdet(2 * np.pi * cov)[1])


def test_loglikelihood_is_the_joint_normal_density():
    value = estim.loglikelihood(ar1(), {"rho": 0.8, "sigma": 0.5, "mean": 0.1}, DATA)
    assert value == pytest.approx(naive_ar1_loglikelihood(0.8, 0.5, 0.1, DATA["X"].to_numpy()), rel=1e-12)


def test_an_schorfheide_by_name_matches_dynare():
    reference = json.loads((REFERENCE / "an_schorfheide_2007.json").read_text())
    for entry in reference["loglik"]:
        start, end = (str(pd.Period(date, freq="Q")) for date in entry["sample"])
        data = estim.load_data("us_nk", start=start, end=end)
        errors = dict(zip(("me_YGR", "me_INFL", "me_INT"), entry["measurement_error_sd"], strict=True))
        params = reference["points"][entry["point"]] | errors
        value = estim.loglikelihood("an_schorfheide_2007", params, data)
        assert value == pytest.approx(entry["loglik"], abs=1e-6)


def test_solve_returns_a_state_space():
    solution = estim.solve(ar1(), {"rho": 0.8, "sigma": 0.5})
    response = solution.design @ solution.selection
    assert abs(float(response[0, 0])) == pytest.approx(0.5)
    assert float(solution.transition[0, 0]) == pytest.approx(0.8)


def test_build_posterior_counts_the_prior():
    model = ar1()
    posterior = estim.build_posterior(model, DATA)
    found = posterior.evaluate_fn(posterior.unconstrain_fn({"rho": 0.8, "sigma": 0.5}))
    assert found.loglikelihood == pytest.approx(estim.loglikelihood(model, {"rho": 0.8, "sigma": 0.5}, DATA))


MISTAKES = [
    (dict(params={"tau": 1.0}), estim.ModelError, "ar1 has no parameter 'tau'"),
    (dict(params={"rho": 1.5}), estim.ModelError, "'rho' = 1.5 lies outside the support"),
    (dict(data=DATA.rename(columns={"X": "Y"})), estim.DataError, "ar1 observes X, which the data lack"),
    (dict(data=DATA.assign(X=np.nan)), estim.DataError, "every number is missing in 0, 1, 2, 3"),
    (dict(model="smets_wouter"), estim.ModelError, "there is no model 'smets_wouter'; the gallery has"),
    (dict(data="us_kn"), estim.DataError, "us_kn"),
    (
        dict(model=ar1(steady_state=lambda p: Variables(1.0 / p.rho))),
        estim.SolutionError,
        "ar1: no steady state was found",
    ),
    (
        dict(
            model=ar1(
                residuals=lambda lag, now, lead, e, p: {"law": now.x - 2 * p.rho * lag.x - p.sigma * e.e}
            )
        ),
        estim.SolutionError,
        "ar1: explosive",
    ),
    (
        dict(model=ar1(measurement_error=lambda p: type(ar1().observables(0.0))(jnp.inf * p.sigma))),
        estim.SolutionError,
        "ar1: a value is not finite",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), MISTAKES)
def test_a_mistake_is_named(call, error, words):
    arguments = {"model": ar1(), "params": {"rho": 0.6, "sigma": 1.0}, "data": DATA} | call
    if isinstance(arguments["model"], str):
        arguments["params"] = {}
    with pytest.raises(error, match=words):
        estim.loglikelihood(**arguments)


def test_every_name_of_the_package_can_be_had():
    for name in estim.__all__:
        assert getattr(estim, name) is not None
