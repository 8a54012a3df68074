"""A model written as a Dynare file and read back is the model: its log-likelihood, its prior, its data."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from numpyro import distributions as dist
from small_models import ar1

import estim
from estim import priors
from estim.dynare import ModFileWarning, read_mod, write_mod
from estim.model import Model, ModelError


class Variables(NamedTuple):
    x: Any
    lag_x: Any
    log: Any  # a word of Dynare's


class Shocks(NamedTuple):
    e: Any
    sigma: Any  # a parameter's name, too


class Observables(NamedTuple):
    x: Any
    growth: Any


class Params(NamedTuple):
    rho: Any = priors.truncated(priors.beta(0.5, 0.2), 0.01, 0.9, renormalise=False)
    sigma: Any = priors.inverse_gamma_1(0.5, np.inf)
    drift: Any = priors.normal(0.1, 1.0)
    noise: Any = priors.gamma(0.3, 0.1)
    fixed: Any = 0.25


def residuals(lag, now, lead, shocks, p):
    return {
        "law": p.rho * lag.x + p.sigma * shocks.e - now.x,
        "memory": now.lag_x - (lag.x - 0.2 * (lead.lag_x - now.x)),
        "level": jnp.exp(now.log) - jnp.exp(p.fixed * jnp.log1p(now.x**2)) * (2.0 + shocks.sigma**2) ** -1.0,
    }


def measurement(now, lag, p):
    return Observables(now.x, now.log - lag.log + now.lag_x / (1.0 - p.rho))


MODEL = Model(
    name="small",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=lambda p: Variables(0.0, 0.0, -jnp.log(2.0)),
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    shock_correlation=lambda p: jnp.array([[1.0, 0.3], [0.3, 1.0]]),
    measurement_error=lambda p: Observables(p.noise, 0.1 + p.fixed),
    trend=lambda p: Observables(0.0, p.drift / 4),
)


def some_data(model, periods=12):
    numbers = np.random.default_rng(0).normal(size=(periods, len(model.observables._fields)))
    index = pd.period_range("2001Q1", periods=periods, freq="Q")
    return pd.DataFrame(0.1 * numbers, index, list(model.observables._fields))


CORRELATED_ERRORS = replace(
    MODEL,
    name="correlated_errors",
    measurement_error=lambda p: jnp.array([[0.2, 0.05], [0.05, 0.1]]) * (1 + p.fixed),
    prior=Params(noise=0.3),
    trend=lambda p: Observables(p.noise, p.drift / 4),
)


@pytest.mark.parametrize("model", [MODEL, CORRELATED_ERRORS, ar1()], ids=lambda m: m.name)
def test_what_is_read_back_has_the_same_posterior(model, tmp_path):
    data = some_data(model)
    file = read_mod(write_mod(model, tmp_path / "written.mod", data))
    ours, theirs = (estim.build_posterior(m, d) for m, d in ((model, data), (file.model, file.load_data())))
    assert theirs.param_names == ours.param_names
    begun = [{n: float(v) for n, v in p.constrain_fn(p.start).items()} for p in (ours, theirs)]
    assert begun[1] == pytest.approx(begun[0], rel=1e-12)
    for position in (ours.start, ours.start + 0.1):
        at = theirs.unconstrain_fn(ours.constrain_fn(position))
        assert float(theirs.loglikelihood_fn(at)) == pytest.approx(
            float(ours.loglikelihood_fn(position)), abs=1e-9
        )
        assert float(theirs.logprior_fn(at)) == pytest.approx(float(ours.logprior_fn(position)), abs=1e-9)


ONE_OF_EACH = [
    priors.normal(0.1, 2.0),
    priors.beta(0.5, 0.2),
    priors.beta(0.1, 0.3, -1.0, 1.0),
    priors.gamma(2.0, 0.5),
    priors.gamma(2.0, 0.5, 1.0),
    priors.uniform(-1.0, 2.0),
    priors.inverse_gamma_1(0.5, 0.2),
    priors.inverse_gamma_1(0.5, np.inf),
    priors.inverse_gamma_2(0.5, 0.2),
    priors.truncated(priors.normal(0.1, 2.0), low=-0.5, renormalise=False),
]


class Y(NamedTuple):
    y: Any


def test_every_family_of_priors_comes_back(tmp_path):
    params = NamedTuple("Many", [(f"a{i}", Any) for i in range(len(ONE_OF_EACH))])
    model = Model(
        name="many",
        variables=Y,
        shocks=NamedTuple("E", [("e", Any)]),
        observables=Y,
        steady_state=lambda p: Y(0.0),
        residuals=lambda lag, now, lead, e, p: {"y": now.y - 0.5 * lag.y - sum(p) * e.e},
        measurement=lambda now, lag, p: Y(now.y),
        prior=params(*ONE_OF_EACH),
    )
    back = read_mod(write_mod(model, tmp_path / "many.mod")).model
    for name, prior in model.priors.items():
        at = float(jnp.squeeze(prior.mean)) * 1.1
        assert float(back.priors[name].log_prob(at)) == pytest.approx(float(prior.log_prob(at)), abs=1e-9), (
            name
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"residuals": lambda *a: {**residuals(*a), "law": jnp.where(a[1].x > 0, 1.0, 2.0) * a[1].x}},
            "small: Dynare's language cannot say equation 'law': the operation",
        ),
        (
            {"shock_correlation": lambda p: jnp.array([[1.0, p.rho], [p.rho, 1.0]])},
            "the correlation of the shocks depends on estimated parameters",
        ),
        (
            {"complementarity": {"law": lambda lag, now, lead, p: now.x + 1.0}},
            "constraints that bind at times",
        ),
    ],
    ids=["equation", "correlation", "constraint"],
)
def test_what_dynare_cannot_say_is_refused_by_name(changes, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        write_mod(replace(MODEL, **changes), tmp_path / "no.mod")
    assert not list(tmp_path.iterdir())


def test_households_are_refused(tmp_path):
    with pytest.raises(ModelError, match="has households"):
        write_mod(estim.load_model("krusell_smith_1998"), tmp_path / "no.mod")


def test_a_prior_that_dynare_lacks_is_named_and_the_model_written(tmp_path):
    model = replace(MODEL, prior=Params(rho=dist.LogNormal(-1.0, 0.2)))
    with pytest.warns(ModFileWarning, match="no such prior \\(rho\\)"):
        path = write_mod(model, tmp_path / "m.mod")
    assert "estimated_params" not in path.read_text() and read_mod(path).model.variables._fields[0] == "x"
