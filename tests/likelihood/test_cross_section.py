"""Cross-sections: against independent numbers, a sum over states by NumPy, differences, and simulated agents."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import estim
from estim.arguments import ArgumentError
from estim.models import aiyagari_1994, hopenhayn_1992, huggett_1993, inventory_firms, rust_1987
from estim.tables import DataError

REFERENCE = Path(__file__).parents[1] / "reference" / "decisions"
FIRMS = {"firm_sizes": hopenhayn_1992, "inventory_firms": inventory_firms}


def reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def firms(name):
    data = pd.read_csv(REFERENCE / f"{name}.csv")
    return inventory_firms.transitions(data) if name == "inventory_firms" else data


@pytest.mark.parametrize("name", FIRMS)
def test_firms_and_their_gradients(name):
    """Sizes of firms of the stationary law, and (s, S) firms from period to period."""
    model, ref = FIRMS[name].model, reference(name)
    likelihood = "panel" if name == "inventory_firms" else "cross_section"
    posterior = estim.build_posterior(model, firms(name), likelihood=likelihood)
    at = jax.jit(lambda values: posterior.likelihood.at(model.params(values), posterior.data).value)
    for point in ref["points"]:
        assert at(point["parameters"]) == pytest.approx(point["loglikelihood"], abs=2e-7)
        if name == "inventory_firms":  # whether a firm ordered adds nothing to what its inventory says
            seen = point["loglikelihood_with_restocked_observed"]
            assert at(point["parameters"]) == pytest.approx(seen, abs=2e-7)
    values = {n: float(v) for n, v in ref["points"][0]["parameters"].items()}
    gradient = jax.grad(at)(values)
    for parameter, expected in ref["points"][0]["gradient_fd"].items():
        assert gradient[parameter] == pytest.approx(expected, rel=1e-5, abs=1e-4), parameter


def test_what_the_firms_did():
    ref, data = reference("inventory_firms"), pd.read_csv(REFERENCE / "inventory_firms.csv")
    rows = inventory_firms.transitions(data)
    assert int((rows.inventory > rows.before).sum()) == ref["restocks"]
    assert int((data.inventory == 0).sum()) == ref["zero_inventories"]


@pytest.fixture(scope="module")
def economy():
    return aiyagari_1994.build(100, 40.0)


@pytest.fixture(scope="module")
def households(economy):
    return estim.simulate_agents(economy, {"beta": 0.95, "sigma_m": 0.5}, 300, rng_key=jax.random.key(0))


def test_it_is_a_mixture_over_states(economy, households):
    """Where no mass is on the grid's end, and in any order of the rows."""
    values = {"beta": 0.95, "sigma_m": 0.7}
    solution = estim.solve(economy, values)
    assets, law = 40.0 * np.linspace(0, 1, 100) ** 2.5, np.asarray(solution.distribution).sum(axis=0)
    density = norm.pdf(households.wealth.to_numpy()[:, None], assets[None, :], 0.7) @ law
    found = estim.loglikelihood(economy, values, households.sample(frac=1.0, random_state=0))
    assert found == pytest.approx(np.log(density).sum(), rel=1e-10)


def test_its_gradient_is_that_of_differences(economy, households):
    """Of steps so small that no lottery moves on to other points of the grid."""
    posterior = estim.build_posterior(economy, households)
    both = jax.jit(
        jax.value_and_grad(lambda v: posterior.likelihood.at(economy.params(v), posterior.data).value)
    )
    values = {"beta": 0.951, "sigma_m": 0.6}
    gradient = both(values)[1]
    for name, step in (("beta", 1e-6), ("sigma_m", 1e-4)):
        up, down = (both(values | {name: values[name] + s * step})[0] for s in (1, -1))
        assert gradient[name] == pytest.approx(float(up - down) / (2 * step), rel=1e-5), name


def test_bonds_say_how_much_credit_there_is():
    """Of Huggett's households: the mixture over states, and its derivatives."""
    model, values = huggett_1993.build(40, 12.0), {"limit": -3.8, "sigma_m": 0.5}
    data = estim.simulate_agents(model, values, 200, rng_key=jax.random.key(0))
    solution = estim.solve(model, values)
    bonds, law = -3.8 + 12.0 * np.linspace(0, 1, 40) ** 2, np.asarray(solution.distribution).sum(axis=0)
    density = norm.pdf(data.bonds.to_numpy()[:, None], bonds[None, :], 0.5) @ law
    posterior = estim.build_posterior(model, data)
    both = jax.jit(
        jax.value_and_grad(lambda v: posterior.likelihood.at(model.params(v), posterior.data).value)
    )
    value, gradient = both(values)
    assert value == pytest.approx(np.log(density).sum(), rel=1e-10)
    for name, step in (("limit", 1e-6), ("sigma_m", 1e-4)):
        up, down = (both(values | {name: values[name] + s * step})[0] for s in (1, -1))
        assert gradient[name] == pytest.approx(float(up - down) / (2 * step), rel=1e-4), name


@pytest.mark.parametrize(
    "changed,words",
    [
        (dict(measurement=None, measurement_error=None), "to have measurement, .* or log_probability"),
        (dict(measurement_error=None), "to have measurement_error, params -> standard deviations"),
        (dict(types=lambda p: [(1.0, p)]), "whose agents are of types"),
    ],
)
def test_what_a_model_must_say(economy, households, changed, words):
    with pytest.raises(ArgumentError, match=words):
        estim.build_posterior(replace(economy, **changed), households, likelihood=estim.CrossSection())


def test_a_row_without_numbers(economy):
    with pytest.raises(DataError, match="row 1 of the data has no number"):
        estim.build_posterior(economy, pd.DataFrame({"wealth": [1.0, np.nan]}))


def test_agents_with_a_density_of_rows_are_a_panel_by_default():
    assert rust_1987.model.measurement is None
    data = estim.simulate_agents(rust_1987.model, None, 1, rng_key=jax.random.key(0))
    assert "Panel" in repr(estim.build_posterior(rust_1987.model, data).likelihood)
