"""A simulation that does not fit together is refused by the name of the culprit; its paths are those of a loop."""

from collections import namedtuple
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpyro.distributions import Beta, Normal
from small_models import ar1

import estim
from estim import paths
from estim.arguments import ArgumentError
from estim.model import ModelError
from estim.simulation import Simulation
from estim.solution.simulated import Simulated
from estim.status import SolutionError, Status


class State(NamedTuple):
    Y: Any  # income
    H: Any  # wealth


class Shocks(NamedTuple):
    e: Any


class Observables(NamedTuple):
    Y: Any
    saving: Any


class Params(NamedTuple):
    a1: Any = Beta(6.0, 4.0)  # propensity to consume out of income
    a2: Any = Beta(4.0, 6.0)  # out of wealth
    sigma: Any = 2.0
    G: Any = 20.0
    weights: Any = np.array([1.0, 0.5])


def start(p):
    return State(Y=100.0, H=80.0)


def transition(state, shocks, p):
    """Godley and Lavoie's simplest economy, without taxes on wealth."""
    Y = (p.G + p.a2 * state.H + p.sigma * shocks.e) / (1 - p.a1 * 0.8)
    consumption = p.a1 * 0.8 * Y + p.a2 * state.H
    return State(Y=Y, H=state.H + 0.8 * Y - consumption)


def measurement(state, p):
    return Observables(Y=p.weights[0] * state.Y, saving=p.weights[1] * state.H)


def economy(**changes):
    parts: dict[str, Any] = dict(
        name="sim",
        shocks=Shocks,
        observables=Observables,
        start=start,
        transition=transition,
        measurement=measurement,
        prior=Params(),
        measurement_error=lambda p: Observables(1.0, 0.5),
    )
    return Simulation(**(parts | changes))


class TooMany(NamedTuple):
    a1: Any = Beta(6.0, 4.0)
    a2: Any = Beta(4.0, 6.0)
    sigma: Any = 2.0
    G: Any = 20.0
    weights: Any = np.array([1.0, 0.5])
    idle: Any = Normal(0.0, 1.0)


MISTAKES = {
    "no function": (
        dict(transition=3.0),
        "transition must be a function, not 3",
    ),
    "too few arguments": (
        dict(transition=lambda state, shocks: state),
        r"transition must be a function of \(state, shocks, params\), but takes \(state, shocks\)",
    ),
    "no state": (dict(start=lambda p: ()), "start must return a state, a pytree of arrays"),
    "a state of text": (
        dict(start=lambda p: State("much", 1.0)),
        "start: 'Y' is 'much', not a real number or array",
    ),
    "another state": (
        dict(transition=lambda s, e, p: (s.Y, s.H)),
        "transition must return a state like that of start",
    ),
    "another shape": (
        dict(transition=lambda s, e, p: State(s.Y * jnp.ones(3), s.H)),
        r"transition: 'Y' has shape \(3,\) and type float64, in start \(\) and float64",
    ),
    "a typo": (
        dict(transition=lambda s, e, p: State(s.Y + p.sigm * e.e, s.H)),
        "transition uses 'sigm', which is not in .*did you mean 'sigma'",
    ),
    "a shock in the wrong place": (
        dict(measurement=lambda s, p: Observables(s.e, s.H)),
        "measurement uses 'e', which is in the shocks and not in 'state'",
    ),
    "an observable too few": (dict(measurement=lambda s, p: s.Y), "measurement must return Observables"),
    "errors of another size": (
        dict(measurement_error=lambda p: jnp.eye(3)),
        r"measurement_error must return Observables.* or a covariance matrix \[2, 2\]",
    ),
    "errors twice": (
        dict(measurement=lambda s, p, u: Observables(s.Y + u.Y, s.H * p.weights[0])),
        "measurement takes errors itself, so there can be no measurement_error",
    ),
    "idle parameter": (
        dict(prior=TooMany()),
        "the prior gives 'idle', which no function of the simulation uses",
    ),
    "unknown start value": (
        dict(start_values={"a3": 0.1}),
        "'start_values' gives 'a3', not among the parameters",
    ),
    "no names": (dict(shocks=()), "'shocks' is empty"),
    "a name twice": (dict(shocks=("e", "e")), "'shocks': .*duplicate"),
    "numbers for names": (dict(shocks=(1, 2)), "'shocks' must be names"),
    "an infinite array": (
        dict(prior=Params(weights=np.array([np.inf, 1.0]))),
        "'weights' is an array with an entry that is not finite",
    ),
    "a part too few": (dict(wealth=start), r"unexpected keyword argument 'wealth'"),
}


@pytest.mark.parametrize("changes, words", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named(changes, words):
    with pytest.raises(ModelError, match=words):
        economy(**changes)


def test_what_a_specification_says_of_its_parameters():
    sim = economy(start_values={"a1": 0.7})
    assert sim.estimated == ("a1", "a2") and sim.param_names == Params._fields
    assert sim.params().a1 == 0.7 and sim.params({"a2": 0.2}).a2 == 0.2
    with pytest.raises(ModelError, match="has no parameter 'a3'"):
        sim.params({"a3": 0.1})
    with pytest.raises(ModelError, match=r"parameter 'a1' = 1\.5 lies outside the support"):
        estim.simulate(sim, {"a1": 1.5}, {"e": [0.0]})
    with pytest.raises(ModelError, match=r"parameter 'weights' has shape \(3,\), not \(2,\)"):
        estim.simulate(sim, {"weights": np.ones(3)}, {"e": [0.0]})


def by_loop(e, p):
    state, rows = start(p), []
    for shock in e:
        state = transition(state, Shocks(shock), p)
        rows.append([*state, *measurement(state, p)])
    return np.array(rows)


E = np.array([0.0, 1.0, -2.0, 0.5])


def test_a_path_is_that_of_a_loop():
    sim = economy()
    found = estim.simulate(sim, {"a1": 0.7}, pd.DataFrame({"e": E}, index=[10, 11, 12, 13]))
    assert found.dims == ("period", "variable") and list(found["period"].values) == [10, 11, 12, 13]
    assert list(found["variable"].values) == ["Y", "H", "observed Y", "saving"]
    np.testing.assert_allclose(found, by_loop(E, sim.params({"a1": 0.7})), rtol=1e-12)
    later = estim.simulate(sim, {"a1": 0.7}, E[2:], start=State(*found[1, :2].to_numpy()))
    np.testing.assert_allclose(later, found[2:], rtol=1e-12)


def test_a_frame_without_columns_says_for_how_long_nothing_happens():
    calm = estim.simulate(economy(), None, pd.DataFrame(index=["a", "b"]))
    assert list(calm["period"].values) == ["a", "b"]
    np.testing.assert_array_equal(calm, estim.simulate(economy(), None, {"e": [0.0, 0.0]}))
    with pytest.raises(ArgumentError, match=r"simulate: shocks must have a number for each period: .* \[\]"):
        estim.simulate(economy(), None, {})


def test_errors_are_added_with_their_covariance():
    u = np.array([[1.0, 0.0], [0.0, -2.0]])
    without, exact = (estim.simulate(economy(), None, {"e": E[:2]}, errors=errors) for errors in (None, u))
    np.testing.assert_allclose((exact - without)[:, 2:], u * np.array([1.0, 0.5]), atol=1e-12)
    inside = economy(
        measurement=lambda s, p, u: Observables(s.Y + u.Y, p.weights[1] * s.H + 0.5 * u.saving),
        measurement_error=None,
    )
    assert inside.adds_errors
    np.testing.assert_allclose(estim.simulate(inside, None, {"e": E[:2]}, errors=u), exact, atol=1e-12)
    added = [Simulated().solve(sim, sim.params()).obs_cov for sim in (economy(), inside)]
    np.testing.assert_allclose(*added)
    with pytest.raises(ModelError, match="errors have 2 rows for a path of 3"):
        inside.path(None, E[:2, None], u, include_start=True)


@pytest.mark.parametrize(
    ("model", "shocks", "more", "words"),
    [
        (economy(), {"u": E}, {}, r"shocks give 'u', which is not in \(e\)"),
        (economy(), {"e": [0.0, np.nan]}, {}, "shocks: 'e' is no path of finite numbers"),
        (economy(), np.zeros((3, 2)), {}, r"a column for each of \(e\), not the shape \(3, 2\)"),
        (economy(), ["much"], {}, "shocks must be numbers"),
        (economy(), None, {}, r"shocks must be paths of \(e\)"),
        (ar1(), {"e": E}, {"errors": E}, "errors are for a Simulation"),
        (ar1(), {"e": E}, {"start": {"z": 1.0}}, "start gives 'z', no variable"),
    ],
)
def test_shocks_that_are_no_shocks(model, shocks, more, words):
    with pytest.raises(ArgumentError, match=words):
        estim.simulate(model, None, shocks, **more)


def test_a_model_without_a_solution_has_no_path():
    with pytest.raises(SolutionError) as caught:
        estim.simulate("an_schorfheide_2007", {"psi1": 0.2, "psi2": 0.01}, {"eps_R": [1.0]})
    assert caught.value.status == Status.INDETERMINATE


def test_a_linear_model_follows_its_responses():
    """A shock of one unit after another, and a start away from rest as the shock that led there."""
    horizon = 6
    responses = estim.impulse_responses("hansen_1985", horizon=horizon).to_numpy()[:, :, 0]
    rest = estim.simulate("hansen_1985", None, {"eps": np.zeros(2)})
    pulse = np.eye(horizon)[0]
    found = estim.simulate(
        "hansen_1985", None, xr.DataArray(pulse[:, None], {"shock": ["eps"]}, ("period", "shock"))
    )
    np.testing.assert_allclose(found - rest[0], responses, atol=1e-12)
    both = estim.simulate("hansen_1985", None, {"eps": pulse - 2 * np.roll(pulse, 2)}, include_start=True)
    expected = responses.copy()
    expected[2:] -= 2 * responses[:-2]
    np.testing.assert_allclose(both[1:] - rest[0], expected, atol=1e-12)
    np.testing.assert_allclose(both[0], rest[0])
    levels = dict(zip(found["variable"].values, found[0].to_numpy(), strict=True))
    later = estim.simulate("hansen_1985", None, np.zeros(horizon - 1), start=levels)
    np.testing.assert_allclose(later, found[1:], atol=1e-12)


def test_an_economy_of_households_follows_its_responses(monkeypatch):
    """Its responses, which take long to find, are made up here."""
    rng = np.random.default_rng(0)
    model = estim.load_model("krusell_smith_1998")
    n = len(model.variables._fields), len(model.shocks._fields)
    responses, rest = rng.normal(size=(3, *n)), rng.normal(size=n[0])
    made_up = lambda model: lambda params: (responses, rest, np.array(Status.OK))
    monkeypatch.setattr(paths, "household_paths", made_up)
    e = rng.normal(size=(5, n[1]))
    found = estim.simulate(model, None, e, include_start=True)
    assert list(found["variable"].values) == list(model.variables._fields)
    expected = [rest + sum(responses[h] @ e[t - h] for h in range(3) if t - h >= 0) for t in range(-1, 5)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    with pytest.raises(ArgumentError, match="a path begins at rest"):
        estim.simulate(model, None, e, start={"Y": 1.0})


def test_data_have_a_likelihood_and_a_posterior():
    sim = economy()
    rng = np.random.default_rng(0)
    path = estim.simulate(sim, None, rng.normal(size=(10, 1)), errors=rng.normal(size=(10, 2)))
    data = pd.DataFrame({"Y": path.sel(variable="observed Y"), "saving": path.sel(variable="saving")})
    particle = estim.Particle(num_particles=50)
    posterior = estim.build_posterior(sim, data, likelihood=particle)
    evaluated = posterior.evaluate_fn(posterior.start)
    by_name = estim.loglikelihood(sim, sim.defaults, data, likelihood="particle", num_particles=50)
    np.testing.assert_allclose(evaluated.loglikelihood, by_name, rtol=1e-12)
    np.testing.assert_allclose(
        evaluated.loglikelihood, estim.loglikelihood(sim, None, data, likelihood=particle)
    )
    solution = estim.solve(sim)
    assert isinstance(solution, estim.NonlinearStateSpace) and solution.num_shocks == 1
    with pytest.raises(ModelError, match="measurement_error: the standard deviation of 'Y' is -1"):
        estim.solve(economy(measurement_error=lambda p: Observables(-1.0, 1.0)))


def test_changed_parts_make_another_simulation():
    louder = replace(economy(), measurement_error=lambda p: Observables(2.0, 0.5))
    assert Simulated().solve(louder, louder.params()).obs_cov[0, 0] == 4.0


def test_responses_of_a_simulation_are_what_a_shock_changes():
    sim, e = economy(), np.eye(4)[:1].T
    found = estim.impulse_responses(sim, {"a1": 0.7}, horizon=4, size=-1.5)
    assert found.dims == ("horizon", "variable", "shock") and list(found["shock"].values) == ["e"]
    expected = by_loop(-1.5 * e[:, 0], sim.params({"a1": 0.7})) - by_loop(
        0 * e[:, 0], sim.params({"a1": 0.7})
    )
    np.testing.assert_allclose(found[:, :, 0], expected, atol=1e-12)
    elsewhere = estim.impulse_responses(sim, {"a1": 0.7}, horizon=4, size=-1.5, start=State(10.0, 5.0))
    np.testing.assert_allclose(elsewhere, found, atol=1e-12)  # it is linear
    twice = estim.impulse_responses(ar1(), size=2.0, horizon=3)
    np.testing.assert_allclose(twice, 2 * estim.impulse_responses(ar1(), horizon=3))
    with pytest.raises(ArgumentError, match="start is for a Simulation"):
        estim.impulse_responses(ar1(), start={"z": 1.0})


@pytest.mark.parametrize("num", [1, 23, 1003])
def test_checkpoints_change_no_path(num):
    shocks = np.random.default_rng(0).normal(size=(num, 1))
    mean = lambda checkpoint: (
        lambda p: jnp.mean(
            economy().path(p, shocks, include_start=True, checkpoint=checkpoint).observables.saving
        )
    )
    at = {"a1": 0.7, "a2": 0.3}
    forward = lambda f: lambda p: jax.jvp(f, (p,), (p,))
    for derivative in (jax.value_and_grad, forward):
        without, with_them = (jax.jit(derivative(mean(c)))(at) for c in (False, True))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), without, with_them)


@pytest.mark.parametrize("size, by_itself", [(1000, False), (2500, True)])
def test_checkpoints_hold_less(size, by_itself):
    """Numbers over 900 periods: a hundred states at a time, in the place of 900; unasked where a path takes 18 MB."""
    many = Simulation(
        name="many",
        shocks=("e",),
        observables=("mean",),
        start=lambda p: jnp.ones(size),
        transition=lambda x, e, p: jnp.sin(p.rho * x) + e.e,
        measurement=lambda x, p: (x.mean(),),
        prior=namedtuple("P", ["rho"])(0.9),
    )

    def bytes_held(checkpoint):
        last = lambda rho: many.path(
            {"rho": rho}, np.zeros((900, 1)), checkpoint=checkpoint
        ).observables.mean[-1]
        return jax.jit(jax.grad(last)).lower(0.9).compile().memory_analysis().temp_size_in_bytes

    assert bytes_held(True) < bytes_held(False) / 8
    assert bytes_held(None) == bytes_held(by_itself)


def test_shocks_by_household():
    """A shock of a cross-section hits each by its own amount; one number hits all alike."""
    many = Simulation(
        name="many",
        shocks=("common", "own"),
        observables=("mean",),
        start=lambda p: jnp.zeros(3),
        transition=lambda x, e, p: p.rho * x + e.common + e.own,
        measurement=lambda x, p: (x.mean(),),
        prior=namedtuple("P", ["rho"])(0.5),
    )
    own = np.arange(6.0).reshape(2, 3)
    found = many.path(None, many.shocks(np.array([1.0, 0.0]), own))
    np.testing.assert_allclose(found.states, [own[0] + 1, (own[0] + 1) / 2 + own[1]])
    table = estim.simulate(many, None, many.shocks(np.array([1.0, 0.0]), own), include_start=True)
    np.testing.assert_allclose(table[1:, 3], found.observables.mean)
    assert list(table["period"].values) == [0, 1, 2]
    with pytest.raises(ModelError, match="shocks must have as many periods each"):
        many.path(None, many.shocks(np.ones(3), own))


def test_a_start_with_errors():
    sim = economy(start_errors=lambda p: State(Y=0.0, H=3.0))
    solution = estim.solve(sim)
    drawn = jax.vmap(solution.start)(jax.random.split(jax.random.key(0), 4000))
    assert (drawn.Y == 100.0).all() and abs(drawn.H.mean() - 80) < 4 * 3 / np.sqrt(4000)
    assert abs(drawn.H.std() / 3 - 1) < 4 / np.sqrt(2 * 4000)
    assert solution.rest == State(100.0, 80.0)
    with pytest.raises(ModelError, match="start_errors must return a state like that of start"):
        economy(start_errors=lambda p: (1.0, 2.0))
