"""Steady states that a model leaves to be found."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import estim
from estim import priors
from estim.model import SEARCHED, Model, ModelError
from estim.models import load_model
from estim.solution.linearize import linearize
from estim.solution.simulate import simulate
from estim.solution.steady_state import steady_state_of

HANSEN = load_model("hansen_1985")


def without_steady_state(model, **start):
    """The gallery's model, its steady state to be searched for from rough levels."""
    fields = {name: getattr(model, name) for name in model.__dataclass_fields__}
    return Model(**fields | {"steady_state": SEARCHED, "start": dict(model.start) | start})


def rough(model, factor=1.7):
    levels = model.steady_state(model.params())
    return {name: factor * float(level) for name, level in levels._asdict().items()}


FOUND = without_steady_state(HANSEN, **rough(HANSEN))


def test_the_search_finds_what_the_closed_form_says():
    for params in (
        HANSEN.params(),
        HANSEN.params({HANSEN.estimated[0]: 1.1 * HANSEN.defaults[HANSEN.estimated[0]]}),
    ):
        found, stated = steady_state_of(FOUND)(params), HANSEN.steady_state(params)
        np.testing.assert_allclose(np.array(found), np.array(stated), rtol=1e-9, atol=1e-12)


def test_likelihood_and_every_gradient_are_those_of_the_closed_form():
    data = pd.DataFrame(
        np.asarray(simulate(estim.solve(HANSEN), jax.random.key(0), 60)),
        columns=list(HANSEN.observables._fields),
    )
    stated, searched = estim.build_posterior(HANSEN, data), estim.build_posterior(FOUND, data)
    found, wanted = (jax.jit(jax.value_and_grad(p.logdensity_fn)) for p in (searched, stated))
    for shift in (0.0, 0.2):
        value, gradient = found(searched.start + shift)
        expected = wanted(stated.start + shift)
        np.testing.assert_allclose(value, expected[0], rtol=1e-9)
        np.testing.assert_allclose(gradient, expected[1], atol=1e-6 * np.max(np.abs(expected[1])))


class Variables(NamedTuple):
    k: float
    c: float


class Shocks(NamedTuple):
    eps: float


class Observables(NamedTuple):
    y: float


class Prior(NamedTuple):
    alpha: object = priors.beta(0.33, 0.02)
    delta: float = 0.1


def growth(residuals, **settings):
    return Model(
        name="growth",
        variables=Variables,
        shocks=Shocks,
        observables=Observables,
        residuals=residuals,
        measurement=lambda now, lag, p: Observables(now.c),
        prior=Prior(),
        **settings,
    )


def equations(lag, now, lead, shocks, p):
    return {
        "capital": now.k - (1 - p.delta) * lag.k - lag.k**p.alpha * jnp.exp(shocks.eps) + now.c,
        "saving": now.c - 0.7 * lag.k**p.alpha * jnp.exp(shocks.eps),
    }


def test_a_model_without_a_steady_state_is_refused_with_a_table():
    impossible = lambda *args: equations(*args) | {"saving": args[1].c ** 2 + 1.0}
    model = growth(impossible, start={"k": 1.0})
    with pytest.raises(estim.SolutionError, match=r"no steady state was found: .*equation 'saving' leaves"):
        estim.solve(model)


def test_levels_to_begin_from_are_looked_at():
    with pytest.raises(
        ModelError, match=r"'start' gives 'kk', neither a parameter nor a variable; did you mean 'k'"
    ):
        growth(equations, start={"kk": 1.0})
    with pytest.raises(ModelError, match="must be a number, not 'much'"):
        growth(equations, start={"k": "much"})
    with pytest.raises(ModelError, match="'start' gives 'k', not among the parameters"):
        growth(equations, steady_state=lambda p: Variables(1.0, 1.0), start={"k": 1.0})


def test_a_point_without_a_steady_state_is_a_status():
    square = lambda *args: equations(*args) | {"saving": args[1].c ** 2 - args[4].delta}
    model = growth(square, start={"k": 3.0, "c": 1.0})
    status = jax.jit(lambda p: linearize(model, p).status)
    assert int(status(model.params())) == estim.Status.OK
    assert int(status(model.params()._replace(delta=-0.1))) == estim.Status.NO_STEADY_STATE
