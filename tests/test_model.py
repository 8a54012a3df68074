"""A model that does not fit together is refused at construction, by the name of the culprit."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro.distributions as dist
import pytest
from small_models import Observables, Params, Variables, ar1

from estim.model import ModelError
from estim.priors import jointly

PAIR = jointly(dist.MultivariateNormal(jnp.array([0.5, 1.0]), 0.01 * jnp.eye(2)))
POSITIVE = dist.Gamma(jnp.array([2.0, 3.0]), 1.0).to_event(1)


class Clash(NamedTuple):
    x: Any


class Nothing(NamedTuple):
    pass


class TooMany(NamedTuple):
    rho: Any = dist.Beta(5.0, 5.0)
    sigma: Any = dist.Gamma(4.0, 4.0)
    mean: Any = 0.5
    idle: Any = dist.Normal(0.0, 1.0)


MISTAKES = {
    "one equation too many": (
        dict(residuals=lambda lag, now, lead, e, p: {"law": now.x - p.rho * lag.x, "extra": now.x - p.sigma}),
        r"2 equations \(law, extra\) for 1 variables \(x\)",
    ),
    "residuals in a list": (dict(residuals=lambda lag, now, lead, e, p: [now.x]), "must return a dict"),
    "vector equation": (
        dict(residuals=lambda lag, now, lead, e, p: {"law": now.x * jnp.ones(2) * p.rho * p.sigma}),
        r"equation 'law' has shape \(2,\)",
    ),
    "parameter not in the prior": (
        dict(residuals=lambda lag, now, lead, e, p: {"law": now.x - p.rho * lag.x - p.sigma_x * e.e}),
        "residuals, equation 'law' uses 'sigma_x', which is not in the prior .*did you mean 'sigma'",
    ),
    "unknown variable": (
        dict(measurement=lambda now, lag, p: Observables(now.output)),
        "measurement uses 'output'",
    ),
    "measurement of another kind": (
        dict(measurement=lambda now, lag, p: now.x),
        "measurement must return Observables",
    ),
    "steady state of another kind": (
        dict(steady_state=lambda p: (0.0,)),
        "steady_state must return Variables",
    ),
    "vector steady state": (dict(steady_state=lambda p: Variables(jnp.zeros(2))), r"'x' has shape \(2,\)"),
    "measurement error of another kind": (
        dict(measurement_error=lambda p: 0.1),
        "measurement_error must return",
    ),
    "idle parameter": (dict(prior=TooMany()), "the prior gives 'idle', which no function of the model uses"),
    "prior of text": (dict(prior=Params(mean="high")), "the prior of 'mean' is 'high'; give a number"),
    "vector prior": (
        dict(prior=Params(mean=dist.Normal(jnp.zeros(2), 1))),
        r"the prior of 'mean' has shape \(2,\)",
    ),
    "half a joint prior": (
        dict(prior=Params(rho=PAIR[0])),
        r"'rho' share a joint prior of 2 parameters; give each of its components to one of them",
    ),
    "one component twice": (
        dict(prior=Params(rho=PAIR[0], sigma=PAIR[0])),
        r"'rho', 'sigma' share a joint prior of 2",
    ),
    "vector joint prior": (dict(joint_prior=lambda p: p.rho * jnp.ones(2)), r"joint_prior has shape \(2,\)"),
    "joint prior of an unknown": (dict(joint_prior=lambda p: p.beta), "joint_prior uses 'beta'"),
    "start outside a joint prior": (
        dict(prior=Params(*jointly(POSITIVE)), start={"rho": 0.5, "sigma": -1.0}),
        r"'rho', 'sigma' = 0.5, -1 lies outside the support of its prior",
    ),
    "prior in a dict": (dict(prior={"rho": 0.5}), "'prior' must be a NamedTuple"),
    "variables in a list": (dict(variables=["x"]), "'variables' must be a NamedTuple type"),
    "no observables": (dict(observables=Nothing), "'observables' is empty"),
    "shock named as a variable": (dict(shocks=Clash), "'x' is both a variable and a shock"),
    "start of an unknown parameter": (dict(start={"beta": 0.9}), "'start' gives 'beta'"),
    "published value of an unknown": (dict(published={"beta": 0.9}), "'published' gives 'beta'"),
    "start outside the prior": (dict(start={"rho": 1.5}), "'rho' = 1.5 lies outside the support"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake):
    change, words = MISTAKES[mistake]
    with pytest.raises(ModelError, match=words) as error:
        ar1(**change)
    assert "ar1" in str(error.value)


def test_defaults_are_prior_means_then_start():
    model = ar1(start={"sigma": 0.3})
    assert model.estimated == ("rho", "sigma")
    assert model.params() == Params(rho=0.5, sigma=0.3, mean=0.5)
    assert model.params({"mean": 2.0, "rho": 0.1}) == Params(rho=0.1, sigma=0.3, mean=2.0)


def test_parameters_may_share_a_prior():
    sigma, rho = jointly(dist.MultivariateNormal(jnp.array([1.0, 0.5]), 0.01 * jnp.eye(2)))
    model = ar1(prior=Params(rho=rho, sigma=sigma), start={"sigma": 0.3})
    assert model.priors == {("sigma", "rho"): rho.joint}
    assert model.estimated == ("sigma", "rho")
    assert model.params() == Params(rho=0.5, sigma=0.3, mean=0.5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rho": 1.2}, "'rho' = 1.2 lies outside the support of its prior"),
        ({"rho": float("nan")}, "'rho' is nan"),
        ({"rho": "high"}, "'rho' is 'high', not a number"),
    ],
)
def test_values_outside_the_support_are_named(values, words):
    with pytest.raises(ModelError, match=words):
        ar1().check_support(values)


def test_unknown_parameter_is_named():
    with pytest.raises(ModelError, match=r"ar1 has no parameter 'tau'; it has \(rho, sigma, mean\)"):
        ar1().params({"tau": 1.0})
