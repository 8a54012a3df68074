"""The debugging ladder says in words what is wrong, and climbs no further."""

from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_models import Params, Shocks, Variables, ar1

from estim import priors
from estim.accounts import Accounts
from estim.ladder import check_model
from estim.model import Model
from estim.models import aiyagari_1994, list_models, load_model, optimal_savings


class Two(NamedTuple):
    x: Any
    z: Any


def two_variables(**equations):
    """x is the AR(1); `equations` maps a name to a function of (lag, now, lead)."""

    def residuals(lag, now, lead, shocks, p):
        law = {"law": now.x - p.rho * lag.x - p.sigma * shocks.e}
        return law | {name: f(lag, now, lead) for name, f in equations.items()}

    return ar1(variables=Two, steady_state=lambda p: Two(0.0, 0.0), residuals=residuals)


@jax.custom_jvp
def wrong_slope(x):
    return x


wrong_slope.defjvp(lambda primals, tangents: (primals[0], 1.001 * tangents[0]))

# What is wrong, the title of the rung where the climb ends, and the words there.
FAULTS = {
    "a variable in no equation": (
        two_variables(again=lambda lag, now, lead: now.x - lag.x),
        "2 equations in 2 variables",
        "no equation contains z",
    ),
    "a steady state that is none": (
        ar1(steady_state=lambda p: Variables(0.3)),
        "steady state",
        "equation 'law of motion' leaves 0.15",
    ),
    "a steady state that is not a number": (
        ar1(steady_state=lambda p: Variables(jnp.log(-p.rho))),
        "steady state",
        "equation 'law of motion' leaves nan",
    ),
    "an indeterminate model": (
        two_variables(expectation=lambda lag, now, lead: 2.0 * lead.z - now.z - now.x),
        "one stable solution",
        "indeterminate",
    ),
    "an explosive model": (
        two_variables(explosion=lambda lag, now, lead: now.z - 1.1 * lag.z - now.x),
        "one stable solution",
        "explosive",
    ),
    "a wrong derivative": (
        ar1(
            residuals=lambda lag, now, lead, e, p: {"law": now.x - wrong_slope(p.rho) * lag.x - p.sigma * e.e}
        ),
        "gradient",
        "rho: ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_climb_ends_where_the_fault_is(fault):
    model, title, words = FAULTS[fault]
    *below, last = check_model(model)
    assert all(rung.passed for rung in below)
    assert not last.passed
    assert title in last.title
    assert any(words in line for line in last.lines), last.lines


def test_failures_on_prior_draws_are_counted():
    """Draws with rho > 1/2 are declared explosive by a second equation."""
    model = ar1(
        variables=Two,
        shocks=Shocks,
        steady_state=lambda p: Two(0.0, 0.0),
        residuals=lambda lag, now, lead, e, p: {
            "law": now.x - p.rho * lag.x - p.sigma * e.e,
            "other": now.z - 2.0 * p.rho * lag.z - now.x,
        },
        start={"rho": 0.3},
    )
    rungs = check_model(model, num_draws=50)
    lines = next(r for r in rungs if r.title == "The log-density is finite on draws from the prior").lines
    counts = {line.split(": ")[1]: int(line.split()[0]) for line in lines}
    assert set(counts) == {"solved", "explosive"}
    assert sum(counts.values()) == 50


def test_the_levels_are_shown_where_the_steady_state_is_none():
    model = ar1(
        variables=Two,
        steady_state=lambda p: Two(0.3, jnp.log(-p.rho)),
        residuals=lambda lag, now, lead, e, p: {
            "law": now.x - p.rho * lag.x - p.sigma * e.e,
            "other": now.z - lag.z,
        },
    )
    *_, last = check_model(model)
    assert not last.passed
    assert "no number: z" in last.lines and "at rest: x = 0.3, z = nan" in last.lines


def test_what_moves_nothing_is_named():
    class Three(NamedTuple):
        e: Any
        spare: Any

    model = ar1(
        variables=Two,
        shocks=Three,
        steady_state=lambda p: Two(0.0, 0.0),
        residuals=lambda lag, now, lead, e, p: {
            "law": now.x - p.rho * lag.x - p.sigma * e.e,
            "copy": now.z - now.x,
        },
    )
    first = next(check_model(model))
    assert first.passed
    assert "no equation contains the shock spare" in first.lines
    assert "in one equation only, and not observed: z" in first.lines


def test_a_calibrated_model_climbs_to_its_likelihood():
    *_, last = check_model(ar1(prior=Params(rho=0.5, sigma=1.0)))
    assert last.passed and "finite" in last.title
    assert last.lines[-1] == "no parameter has a prior: there is nothing to estimate"


@pytest.fixture(scope="module")
def sound():
    """The whole climb of a sound model, with data that are given."""
    return list(check_model(ar1(), pd.DataFrame({"X": np.linspace(-1.0, 1.0, 20)})))


def test_data_may_be_given(sound):
    assert "gradient" in sound[-1].title
    assert all(rung.passed for rung in sound)


def one_of_each_kind():
    """All models with one agent; of the others one, for the rest are solved in tests/models and tests/solution."""
    models = list_models(Model)
    heterogeneous = [name for name in models if load_model(name).het_blocks]
    return [name for name in models if name not in heterogeneous] + ["krusell_smith_1998"]


@pytest.mark.parametrize("name", one_of_each_kind())
def test_gallery_passes(name):
    """The model without reference numbers climbs to the top; the others' likelihoods and gradients have theirs."""
    model = load_model(name)
    num_rungs = None if name == "lubik_schorfheide_2007" else 3 if model.het_blocks else 4
    rungs = islice(check_model(model, num_draws=20), num_rungs)
    with jax.numpy_rank_promotion("allow"):  # household problems are written on grids, with broadcasting
        assert all(rung.passed for rung in rungs)


def test_a_sign_that_the_likelihood_does_not_see_is_named(sound):
    """A standard deviation with a normal prior, where the shock's variance is all that is seen."""
    prior = Params(rho=priors.beta(0.5, 0.2), sigma=priors.normal(1.0, 0.8))
    rung = next(r for r in check_model(ar1(prior=prior)) if "draws from the prior" in r.title)
    assert any("the sign of 'sigma' does not enter the likelihood" in line for line in rung.lines)
    (rung,) = (r for r in sound if "draws from the prior" in r.title)
    assert not any("the sign of" in line for line in rung.lines)


DATA = pd.DataFrame({"Y": [100.0, 101.0, 99.5], "C": [80.0, 80.5, 80.0], "H": [80.0, 79.0, 81.0]})


def test_a_simulation_climbs_by_its_path_and_accounts():
    titles = [rung.title for rung in check_model("godley_lavoie_2007_sim", DATA, num_draws=3) if rung.passed]
    assert (
        titles[:2] == ["A path of 96 periods is finite", "The accounts balance"] and "gradient" in titles[-1]
    )
    assert [rung.passed for rung in check_model("baqaee_farhi_2019")] == [True]
    sim = load_model("godley_lavoie_2007_sim")
    unpaid = lambda before, now, p: {"taxes": {"households": -now.T}}
    *_, last = check_model(replace(sim, accounts=Accounts(sim.accounts.stocks, unpaid)))
    assert not last.passed and any("flow taxes: 2" in line for line in last.lines)


def test_a_dynamic_program_climbs_from_its_fixed_point():
    rungs = list(check_model("mccall_1970", num_draws=20))
    assert [rung.title for rung in rungs][:2] == [
        "The fixed point is found",
        "The log-density is finite at the start",
    ]
    assert len(rungs) == 4
    assert all(rung.passed for rung in rungs)
    assert "spectral radius of discounting at most 0.96" in rungs[0].lines[1]
    (only,) = check_model("solow_1956")
    assert only.passed


def test_the_ladder_of_agents_between_prices():
    rungs = list(islice(check_model(aiyagari_1994.build(100, 40.0)), 4))
    assert [rung.passed for rung in rungs] == [True] * 4
    found, market, policies, distribution = (" ".join((rung.title, *rung.lines)) for rung in rungs)
    assert "The fixed point is found solved" in found
    assert "The market clears K = 8." in market
    assert "c from 0.13" in policies and "rises along axis 0, rises along axis 1" in policies
    assert "mass 1, " in distribution and "axis 1, of 100: 0.0" in distribution


def test_the_ladder_says_where_a_grid_is_too_short():
    *_, distribution = islice(check_model(aiyagari_1994.build(100, 15.0)), 4)
    assert distribution.lines[-1].startswith("agents gather at the end of a grid")


def test_the_ladder_of_choices_on_a_grid():
    _, policies = check_model(optimal_savings.build(30, 10))
    assert "the best action from 0 to 29; rises along axis 0, rises along axis 1" in policies.lines
    assert policies.lines[-1].startswith("the last of 30 actions is taken in")
