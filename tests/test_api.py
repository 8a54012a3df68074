"""The first calls: names or objects, the model's units, and errors that name the culprit."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from numpyro.distributions import Beta
from small_models import Params, Variables, ar1

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
    (
        dict(model="smets_wouter"),
        estim.ModelError,
        "there is no model 'smets_wouter'; the gallery has .*did you mean 'smets_wouters_2007'",
    ),
    (dict(data="us_kn"), estim.DataError, "us_kn"),
    (
        dict(model=ar1(steady_state=lambda p: Variables(1.0 / p.rho))),
        estim.SolutionError,
        "ar1: no steady state was found: equation 'law of motion' leaves 0.667",
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


def two_observed(errors):
    """x seen twice, by measurements whose errors have the covariance `errors`."""

    class Twice(NamedTuple):
        a: Any
        b: Any

    return ar1(
        observables=Twice,
        measurement=lambda now, lag, p: Twice(p.mean + now.x, now.x),
        measurement_error=lambda p: errors(Twice),
    )


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (lambda kind: kind(0.1, -0.2), "ar1: measurement_error: the standard deviation of 'b' is -0.2"),
        (lambda kind: kind(jnp.nan, 0.2), "the standard deviation of 'a' is nan"),
        (
            lambda kind: jnp.array([[1.0, 0.5], [0.4, 1.0]]),
            "not symmetric: 0.5 for 'a' and 'b', 0.4 the other way",
        ),
        (
            lambda kind: jnp.array([[1.0, 2.0], [2.0, 1.0]]),
            "is no covariance matrix: it is not positive semidefinite",
        ),
        (lambda kind: jnp.array([[1.0, 0.0], [0.0, -1.0]]), "the variance of 'b' is -1"),
        (lambda kind: jnp.array([[1.0, jnp.inf], [jnp.inf, 1.0]]), "is not finite"),
    ],
)
def test_errors_that_have_no_covariance_are_named(errors, words):
    model, frame = two_observed(errors), pd.DataFrame({"a": [0.1, 0.2], "b": [0.3, 0.1]})
    for call in (
        lambda: estim.loglikelihood(model, {}, frame),
        lambda: estim.solve(model),
        lambda: estim.build_posterior(model, frame),
        lambda: list(estim.check_model(model, frame)),
    ):
        with pytest.raises(estim.ModelError, match=words):
            call()


def test_errors_of_rank_one_are_legal():
    model = two_observed(lambda kind: jnp.ones((2, 2)))
    estim.solve(model)


KEY = jax.random.key(0)
POSTERIOR = estim.build_posterior(ar1(), DATA)

# A call with an argument of a wrong kind, the error, and what it says.
WRONG_KINDS = [
    (
        lambda: estim.loglikelihood(3, {}, DATA),
        "loglikelihood: model must be a Model or a Simulation or a DecisionModel or text, not 3",
    ),
    (lambda: estim.loglikelihood(ar1(), [0.5], DATA), "ar1: parameters must be a mapping"),
    (lambda: estim.loglikelihood(ar1(), {"rho": [0.5]}, DATA), r"parameter 'rho' is \[0\.5\], not a number"),
    (
        lambda: estim.loglikelihood(ar1(), {"rho": 10**400}, DATA),
        "parameter 'rho' is 1000.*not a finite number",
    ),
    (lambda: estim.loglikelihood(ar1(), {5: 0.5}, DATA), "ar1 has no parameter '5'"),
    (lambda: estim.loglikelihood(ar1(), {}, DATA["X"]), "the data must be a DataFrame of pandas, not Series"),
    (lambda: estim.loglikelihood(ar1(), {}, DATA.iloc[:0]), "the data of ar1 have no rows"),
    (
        lambda: estim.loglikelihood(ar1(), {}, DATA, presample=4),
        "presample=4 must be less than the 4 periods",
    ),
    (
        lambda: estim.loglikelihood(ar1(), {}, DATA, presample=1.0),
        r"presample must be a whole number from 0 on",
    ),
    (lambda: estim.loglikelihood(ar1(), {}, DATA, stert="diffuse"), "'stert'.*did you mean 'start'"),
    (lambda: estim.loglikelihood(ar1(), {}, DATA, method="kalman"), "method must be one of"),
    (
        lambda: estim.loglikelihood(ar1(), {}, DATA.assign(X=[0.1, None, 0.2, 0.3]), method="chandrasekhar"),
        "method='chandrasekhar' needs data without gaps",
    ),
    (
        lambda: estim.solve(None),
        "solve: model must be a Model or a Simulation or a DecisionModel or text, not None",
    ),
    (lambda: estim.impulse_responses(ar1(), horizon=0), "horizon must be a whole number from 1 on, not 0"),
    (
        lambda: estim.impulse_responses(ar1(), horizon=2.5),
        "horizon must be a whole number from 1 on, not 2.5",
    ),
    (
        lambda: estim.build_posterior("ar1", DATA),
        "build_posterior: model must be a Model or a Simulation or a DecisionModel, not 'ar1'",
    ),
    (lambda: estim.build_posterior(ar1(), None), "the data must be a DataFrame of pandas, not NoneType"),
    (lambda: estim.build_posterior(ar1(), DATA, presample=-1), "presample must be a whole number from 0 on"),
    (lambda: estim.build_posterior(ar1(prior=Params(0.5, 1.0)), DATA), "there is nothing to estimate"),
    (
        lambda: estim.check_model(ar1(), num_draws=0),
        "check_model: num_draws must be a whole number from 1 on",
    ),
    (lambda: list(estim.check_model(ar1(), 3)), "the data must be a DataFrame of pandas, not int"),
    (lambda: estim.load_data(3), "load_data: name must be text or a Path, not 3"),
    (lambda: estim.load_data("us_nkk"), "unknown data set 'us_nkk'.*did you mean 'us_nk'"),
    (lambda: estim.load_model(3), "there is no model '3'"),
    (lambda: estim.read_mod(3), "read_mod: path must be text or a Path, not 3"),
    (lambda: estim.run_experiment("file.py", "out"), "run_experiment: experiment must be an Experiment"),
    (lambda: estim.from_logdensity(3, jnp.zeros(2)), "logdensity must be a function, not 3"),
    (
        lambda: estim.from_logdensity(jnp.sum, jnp.zeros((2, 2))),
        r"start must be a vector .* not of shape \(2, 2\)",
    ),
    (lambda: estim.from_logdensity(jnp.sum, jnp.zeros(2), ("a",)), "with a number for each parameter"),
    (lambda: estim.from_loglikelihood(jnp.sum, {}), "prior must have a parameter"),
    (lambda: estim.from_loglikelihood(jnp.sum, {"a": 0.5}), r"prior\['a'\] must be a Distribution, not 0\.5"),
    (
        lambda: estim.from_loglikelihood(jnp.sum, {"a": Beta(2.0, 2.0)}, {"b": 1.0}),
        r"start names 'b', which has no prior; they are \['a'\]",
    ),
    (lambda: estim.sample(ar1(), "rwmh", KEY), "sample: posterior must be a Posterior"),
    (
        lambda: estim.sample(POSTERIOR, "rwmh", 0),
        r"rng_key must be a random key such as jax\.random\.key\(0\), not 0",
    ),
    (lambda: estim.sample(POSTERIOR, "rwm", KEY), "unknown algorithm 'rwm'.*did you mean 'rwmh'"),
    (
        lambda: estim.sample(POSTERIOR, "rwmh", KEY, num_samples=0),
        "num_samples must be a whole number from 1 on",
    ),
    (
        lambda: estim.sample(POSTERIOR, "nuts", KEY, target_acceptance=2),
        "nuts.target_acceptance must be a number between",
    ),
    (
        lambda: estim.sample(POSTERIOR, "smc", KEY, ess_fraction=1.5),
        "smc.ess_fraction must be a number between",
    ),
    (lambda: estim.Recipe(num_members=0), "num_members must be a whole number from 1 on"),
    (lambda: estim.fit_surrogate(POSTERIOR, None, KEY), "evaluations must be an Evaluations, not None"),
    (lambda: estim.sample_surrogate(None, KEY, num_samples=5), "surrogate must be a Surrogate, not None"),
    (
        lambda: estim.evaluate_posterior(POSTERIOR, "here"),
        "positions must be an array of numbers, not 'here'",
    ),
    (lambda: estim.to_datatree(None, POSTERIOR), "draws must be a Draws, not None"),
]


@pytest.mark.parametrize(("call", "words"), WRONG_KINDS)
def test_an_argument_of_a_wrong_kind_is_named(call, words):
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert type(error.value).__module__.startswith("estim.")


def test_parameters_may_be_the_models_own_or_a_series():
    model = ar1()
    given = {"rho": 0.8, "sigma": 0.5, "mean": 0.1}
    value = estim.loglikelihood(model, given, DATA)
    assert estim.loglikelihood(model, Params(**given), DATA) == value
    assert estim.loglikelihood(model, pd.Series(given), DATA) == value


def test_every_name_of_the_package_can_be_had():
    for name in estim.__all__:
        assert getattr(estim, name) is not None
