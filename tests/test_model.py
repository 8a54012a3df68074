"""A model that does not fit together is refused at construction, by the name of the culprit."""

import copy
import gc
import math
import weakref
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import Observables, Params, Variables, ar1

import estim
from estim import priors
from estim.arguments import ArgumentError
from estim.model import Model, ModelError
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


def residual(expression):
    """The AR(1) whose equation 'law' is computed by `expression`."""
    return dict(residuals=lambda lag, now, lead, e, p: {"law": expression(lag, now, e, p)})


def law(lag, now, e, p):
    return now.x - p.rho * lag.x - p.sigma * e.e


# What beginners write, and what they are told to write instead.
BEGINNERS = {
    "an if on a variable": (
        lambda lag, now, e, p: now.x if now.x > 0 else p.rho * p.sigma,
        r"'if'.* write jnp\.where\(condition, a, b\)",
    ),
    "a maximum of Python's": (lambda lag, now, e, p: max(now.x, p.rho), r"jnp\.minimum or jnp\.maximum"),
    "an assertion": (lambda lag, now, e, p: now.x and p.rho, r"write jnp\.where"),
    "math": (
        lambda lag, now, e, p: math.exp(p.rho) * now.x,
        r"functions of math need a number.* jnp\.exp for math\.exp",
    ),
    "float": (lambda lag, now, e, p: float(p.rho) * now.x, r"leave float\(\) and int\(\) out"),
    "numpy": (lambda lag, now, e, p: np.exp(p.rho) * now.x, r"take jax\.numpy, jnp\.exp for np\.exp"),
    "an array of numpy": (lambda lag, now, e, p: np.array([now.x, 1.0])[0], r"take jax\.numpy"),
    "a variable as an index": (lambda lag, now, e, p: [1.0, 2.0][now.x], "raises TypeError: .*integer"),
    "a division by zero": (lambda lag, now, e, p: law(lag, now, e, p) + 1 / 0, "raises ZeroDivisionError"),
    "text in a sum": (
        lambda lag, now, e, p: now.x + "1",
        r"raises TypeError: .*'a variable or parameter' and 'str'",
    ),
    "nothing in a sum": (lambda lag, now, e, p: now.x + None, r"'a variable or parameter' and 'NoneType'"),
    "a name that is nowhere": (
        lambda lag, now, e, p: now.y - p.rho,
        r"uses 'y', which is not in the prior \(rho, sigma",
    ),
    "a parameter of a variable's": (
        lambda lag, now, e, p: now.x - now.rho,
        r"uses 'rho', which is in the prior and not in 'now'",
    ),
    "a variable of the parameters": (
        lambda lag, now, e, p: now.x - p.x,
        r"'x', which is in the variables and not in 'params'",
    ),
    "a function that jnp has not": (
        lambda lag, now, e, p: jnp.expp(now.x),
        r"raises AttributeError: .*'expp'",
    ),
}


@pytest.mark.parametrize("mistake", BEGINNERS)
def test_what_a_beginner_writes_is_named_by_equation_and_line(mistake):
    expression, words = BEGINNERS[mistake]

    def residuals(lag, now, lead, e, p):
        return {
            "one": law(lag, now, e, p),
            "two": expression(lag, now, e, p),
        }

    with pytest.raises(
        ModelError, match=rf"^ar1: residuals, equation 'two'.*{words}.*\(test_model\.py, line \d+: `"
    ):
        ar1(residuals=residuals)


def test_the_error_of_the_users_own_is_told_and_kept():
    def steady_state(p):
        raise RuntimeError("the calibration is missing")

    with pytest.raises(
        ModelError, match="ar1: steady_state raises RuntimeError: the calibration is missing"
    ) as error:
        ar1(steady_state=steady_state)
    assert isinstance(error.value.__cause__, RuntimeError)
    assert not getattr(error.value, "__notes__", ())


def two_names(p):
    return TwoVariables(0.0)


class TwoVariables(NamedTuple):
    x: Any
    z: Any


KINDS = {
    "an equation without a value": (residual(lambda *_: None), "equation 'law' is None, not a real number"),
    "an equation of text": (residual(lambda *_: "0"), "equation 'law' is '0', not a real number"),
    "a truth value": (residual(lambda lag, now, e, p: now.x > p.rho), "equation 'law' is of type bool"),
    "a complex equation": (
        residual(lambda lag, now, e, p: now.x + 1j),
        "equation 'law' is of type complex128",
    ),
    "all variables at once": (residual(lambda lag, now, e, p: now), "equation 'law' is Variables"),
    "an equation without a name": (
        dict(residuals=lambda lag, now, lead, e, p: {5: now.x}),
        "the name of an equation must be text, not 5",
    ),
    "an equation too few": (
        dict(variables=TwoVariables, steady_state=lambda p: TwoVariables(0.0, 0.0)),
        r"1 equations \(law of motion\) for 2 variables \(x, z\); none contains 'z'",
    ),
    "a level too few": (
        dict(variables=TwoVariables, steady_state=two_names),
        r"steady_state must give a value for each name: .*missing 1 required positional argument: 'z' \(test_model",
    ),
    "a level of text": (
        dict(steady_state=lambda p: Variables("0")),
        "steady_state: 'x' is '0', not a real number",
    ),
    "levels in a dict": (
        dict(steady_state=lambda p: {"x": 0.0}),
        r"must return Variables\('x',\), not {'x': 0.0}",
    ),
    "a forgotten return": (
        dict(measurement=lambda now, lag, p: None),
        r"must return Observables\('X',\), not None",
    ),
    "arguments too few": (
        dict(residuals=lambda lag, now, shocks, p: {}),
        r"residuals must be a function of \(lag, now, lead, shocks, params\), but takes \(lag, now, shocks, p\)",
    ),
    "arguments too many": (
        dict(trend=lambda p, t: t),
        r"trend must be a function of \(params\), but takes \(p, t\)",
    ),
    "no function": (dict(residuals=None), "residuals must be a function, not None"),
    "no steady state": (dict(steady_state=None), "steady_state must be a function, not None"),
    "a number for a function": (dict(trend=0.5), "trend must be a function or None, not 0.5"),
    "an observable of text": (
        dict(measurement=lambda now, lag, p: Observables("1")),
        "measurement: 'X' is '1'",
    ),
    "errors of text": (dict(measurement_error=lambda p: Observables("1")), "measurement_error: 'X' is '1'"),
    "errors of another size": (
        dict(measurement_error=lambda p: jnp.eye(2)),
        r"Observables\('X',\) or a covariance matrix \[1, 1\]",
    ),
    "a joint prior of text": (dict(joint_prior=lambda p: "0"), "joint_prior is '0'"),
    "an if in a joint prior": (
        dict(joint_prior=lambda p: 0.0 if p.rho > 0.5 else -1.0),
        r"joint_prior: 'if'.*jnp\.where",
    ),
    "the type of the parameters": (
        dict(prior=Params),
        r"'prior' must be a NamedTuple of parameters: write Params\(\)",
    ),
    "a prior that is not called": (
        dict(prior=Params(mean=priors.gamma)),
        r"the prior of 'mean' is .*write gamma\(\.\.\.\)",
    ),
    "a parameter that is no number": (dict(prior=Params(mean=float("nan"))), "the prior of 'mean' is nan"),
    "a parameter beyond all": (
        dict(prior=Params(mean=10**400)),
        "the prior of 'mean' is 1000.*give a finite number",
    ),
    "a truth value for a parameter": (dict(prior=Params(mean=True)), "the prior of 'mean' is True"),
    "a start without values": (dict(start=None), "start must be a mapping, not None"),
    "a start of text": (dict(start={"rho": "0.5"}), r"start\['rho'\] must be a number, not '0\.5'"),
    "a start of a name that is none": (dict(start={5: 0.5}), "start: the name 5 must be text"),
    "a start of nearly a name": (dict(start={"rhho": 0.5}), "'start' gives 'rhho', .*did you mean 'rho'"),
    "a horizon of nothing": (dict(horizon=0), "horizon must be a whole number from 1 on, not 0"),
    "blocks that are none": (
        dict(het_blocks=("household",)),
        "het_blocks must hold HetBlocks, not 'household'",
    ),
    "a bound too few": (
        dict(unknowns={"mean": (0.0,)}, targets=("law",)),
        r"unknowns\['mean'\] must be 2 values",
    ),
    "a target that is text": (dict(targets="law"), "targets must be a list, not 'law'"),
    "values for a type": (
        dict(variables=Variables(0.0)),
        r"must be a NamedTuple type, not Variables\(x=0\.0\); give Variables",
    ),
    "the name of a column": (
        dict(observables=NamedTuple("O", [("date", Any)])),
        "cannot be called 'date': the column",
    ),
    "a nameless model": (dict(name=""), "a model's name must be text, not ''"),
}


@pytest.mark.parametrize("mistake", KINDS)
def test_a_part_of_a_wrong_kind_is_named(mistake):
    change, words = KINDS[mistake]
    with pytest.raises(ModelError, match=words) as error:
        ar1(**change)
    assert "ar1" in str(error.value) or "name" in change


def test_parts_that_are_missing_or_unknown_are_named():
    with pytest.raises(
        ModelError, match=r"Model\(name, variables, .*missing a required argument: 'variables'"
    ):
        Model(name="m")
    with pytest.raises(ModelError, match="'measurement_errors'; did you mean 'measurement_error'"):
        ar1(measurement_errors=None)


@given(
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))
)
@pytest.mark.parametrize("part", [f.name for f in Model.__dataclass_fields__.values()])
def test_a_model_with_anything_for_a_part_is_built_or_refused_in_our_words(part, value):
    try:
        ar1(**{part: value})
    except ValueError as error:
        assert type(error).__module__.startswith("estim."), error


PRIORS = {
    "text": (lambda: priors.gamma("2", 0.1), "gamma: mean must be a number, not '2'"),
    "no number": (lambda: priors.normal(float("nan"), 1.0), "normal: mean must be a number, not nan"),
    "a vector": (lambda: priors.beta(np.array([0.5, 0.6]), 0.1), "beta: mean must be a number"),
    "another word for it": (lambda: priors.normal(mean=0.0, sd=1.0), r"normal\(mean, std\): missing .*'std'"),
    "a spread that is too large": (lambda: priors.beta(0.5, 0.9), "std must be positive and below 0.5"),
    "bounds of a number": (
        lambda: priors.truncated(3.0, 0.0, 1.0),
        "truncated: base must be a Distribution, not 3.0",
    ),
    "components of a number": (lambda: priors.jointly(3.0), "jointly: joint must be a Distribution"),
}


@pytest.mark.parametrize("mistake", PRIORS)
def test_a_prior_of_a_wrong_kind_is_named(mistake):
    make, words = PRIORS[mistake]
    with pytest.raises(ArgumentError, match=words):
        make()


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
        ({"rho": np.array([0.5])}, r"'rho' is array\(\[0\.5\]\), not a number"),
        ({"rho": True}, "'rho' is True, not a number"),
        ({"rho": None}, "'rho' is None, not a number"),
        ({"mean": 10**400}, "'mean' is 1000.*not a finite number"),
    ],
)
def test_values_outside_the_support_are_named(values, words):
    with pytest.raises(ModelError, match=words):
        ar1().check_support(values)


def test_unknown_parameter_is_named():
    with pytest.raises(ModelError, match=r"ar1 has no parameter 'tau'; it has \(rho, sigma, mean\)"):
        ar1().params({"tau": 1.0})


@pytest.mark.parametrize("values", ["rho", ["rho"], 3, {"rho"}, np.ones(3), [0.5, 1.0, 0.5]])
def test_parameters_are_a_mapping(values):
    with pytest.raises(ModelError, match=r"ar1: parameters must be a mapping {name: number}, not"):
        ar1().params(values)


def test_parameters_may_be_the_models_own():
    model = ar1()
    assert model.params(Params(rho=0.1, sigma=0.2, mean=0.3)) == Params(rho=0.1, sigma=0.2, mean=0.3)
    with pytest.raises(ModelError, match=r"no parameter 'rhho'; it has .*did you mean 'rho'"):
        model.params({"rhho": 0.5})


def test_what_was_computed_for_a_model_goes_with_it():
    """A loop over models keeps nothing of them, but for the programs of the last posteriors."""
    data = pd.DataFrame({"X": np.sin(np.arange(20.0))})
    gone = []
    for k in range(3):
        model = ar1(name=f"model_{k}")
        estim.loglikelihood(model, {}, data)
        gone.append(weakref.ref(model))
    del model
    gc.collect()
    assert [reference() for reference in gone] == [None, None, None]


def test_a_value_given_counts_before_a_start():
    """What is calibrated has no value to begin a search from any more."""
    model = ar1(start={"rho": 0.3}, published={"rho": 0.4})
    assert model.params().rho == 0.3
    given = model.with_values({"rho": 0.7})
    assert given.params().rho == 0.7
    assert "rho" not in {**given.start, **given.published}


def test_a_copy_is_without_the_programs_that_are_kept():
    """They may not be copied, and a copy may be changed."""
    model = ar1()
    estim.solve(model)
    other = copy.deepcopy(model)
    assert "_kept" in model.__dict__ and "_kept" not in other.__dict__
    assert estim.solve(other).transition == estim.solve(model).transition


def test_a_model_is_copied_while_a_function_of_it_is_traced():
    """With values to start from, whose priors' supports are looked at."""
    model = estim.load_model("kase_rigato_rottner_2024")
    assert model.start_values

    def function(x):
        return x * len(replace(model).param_names)

    assert jax.jit(function)(1.0) == len(model.param_names)
