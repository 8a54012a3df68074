"""The exact log-likelihood of linear simulations: independent numbers, the joint normal density, what is refused."""

import json
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

import estim
from estim.arguments import ArgumentError
from estim.estimation import EstimationData, model_likelihood
from estim.gradients import check_gradients
from estim.likelihood.nonlinear.linear_simulation import LinearSimulation
from estim.models import list_models, load_model
from estim.simulation import Simulation

REFERENCE = Path(__file__).parents[1] / "reference"
SIM = load_model("godley_lavoie_2007_sim")
EXPECTED = json.loads((REFERENCE / "sfc_likelihood.json").read_text())
DATA = pd.read_csv(REFERENCE / "sfc_sim_path_200.csv")


def loglikelihood(data):
    """Of SIM at parameters, of its two hundred quarters; one compiled program."""
    evaluation, read = model_likelihood(SIM, data[["Y", "C", "H"]].to_numpy())
    assert isinstance(evaluation.likelihood, LinearSimulation)  # nobody asked for it
    return lambda values: evaluation.at(SIM.params(values), EstimationData(read)).value


@pytest.mark.parametrize("point", EXPECTED["points"], ids=["truth", "off"])
def test_two_hundred_quarters(point):
    value = jax.jit(loglikelihood(DATA))(point["parameters"])
    np.testing.assert_allclose(value, point["loglikelihood"], rtol=1e-12)


def test_gradients():
    point = EXPECTED["points"][0]
    gradient = jax.jit(jax.grad(loglikelihood(DATA)))(point["parameters"])
    for name, slope in point["gradient_fd"].items():
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-6, err_msg=name)
    found = check_gradients(loglikelihood(DATA[:20]), point["parameters"])
    assert found.error < 1e-7 and found.product_error < 1e-6


def test_gaps_take_another_filter_and_the_same_number():
    p = EXPECTED["points"][0]["parameters"]
    last_gone = DATA[:30].copy()
    last_gone.loc[29, ["Y", "C", "H"]] = np.nan
    values = [jax.jit(loglikelihood(d))(p) for d in (last_gone, DATA[:29])]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-12)


def walk(**changes):
    """A random walk with drift and a start that is uncertain: no stationary distribution."""
    parts = dict(
        name="walk",
        shocks=("e",),
        observables=("y", "z"),
        start=lambda p: jnp.array([3.0, 1.0]),
        transition=lambda x, e, p: jnp.stack([x[0] + p.drift + e.e, 0.5 * x[1] - e.e]),
        measurement=lambda x, p: (x[0], x[0] + x[1]),
        prior=namedtuple("P", ["drift", "sd"])(estim.priors.normal(0.2, 1.0), 0.7),
        measurement_error=lambda p: (0.3, 0.4),
        start_errors=lambda p: jnp.array([p.sd, 0.0]),
    )
    return Simulation(**(parts | changes))


@pytest.mark.parametrize("errors", [(0.3, 0.4), (0.0, 0.4)], ids=["with errors", "an observable without"])
def test_a_walk_is_that_of_the_joint_normal(errors):
    """What is observed is linear in the errors of start, shocks and measurement: its covariance by differentiation."""
    T, sim = 12, walk(measurement_error=lambda p: errors)

    def observed(given):
        path = sim.path(
            None, given["e"][:, None], start=jnp.array([3.0, 1.0]) + jnp.array([given["x_0"], 0.0])
        )
        return jnp.stack(path.observables, axis=1).ravel()

    at = {"e": np.zeros(T), "x_0": 0.0}
    slopes = estim.sensitivities(observed, at)
    cov = slopes["e"] @ slopes["e"].T + 0.7**2 * jnp.outer(slopes["x_0"], slopes["x_0"])
    cov = cov + np.diag(np.tile(np.square(errors), T))
    y = np.random.default_rng(0).normal(size=(T, 2)).cumsum(axis=0)
    data = pd.DataFrame(y, columns=["y", "z"])
    expected = multivariate_normal(np.asarray(observed(at)), np.asarray(cov)).logpdf(y.ravel())
    np.testing.assert_allclose(estim.loglikelihood(sim, None, data), expected, rtol=1e-11)
    parts = [estim.loglikelihood(sim, None, d, presample=p) for d, p in ((data, 4), (data, 0), (data[:4], 0))]
    np.testing.assert_allclose(parts[0], parts[1] - parts[2], rtol=1e-11)


def test_the_particle_filter_agrees():
    sim, data = walk(), pd.DataFrame({"y": [3.2, 3.9, 4.0], "z": [4.0, 4.3, 3.9]})
    exact = estim.loglikelihood(sim, None, data)
    draws = [
        estim.loglikelihood(sim, None, data, likelihood=estim.Particle(num_particles=4000, seed=i))
        for i in range(6)
    ]
    assert abs(np.mean(draws) - exact) < 4 * np.std(draws, ddof=1) / np.sqrt(6) + 1e-3


def test_what_is_linear():
    linear = {name for name in list_models(Simulation) if load_model(name).is_linear}
    assert linear == {"godley_lavoie_2007_sim", "leontief_1936"}
    assert not walk(transition=lambda x, e, p: x + p.drift + 0.0 * e.e + 1.0 * (x > 0)).is_linear  # steps
    assert not walk(measurement=lambda x, p: (x[0] * p.drift, x[1] ** 2)).is_linear


def test_what_is_not_linear_is_refused_by_name():
    data = pd.DataFrame({"Y": [100.0], "C": [80.0], "V": [85.0]})
    with pytest.raises(ArgumentError, match="godley_lavoie_2007_pc is not linear in its state and shocks"):
        estim.loglikelihood("godley_lavoie_2007_pc", None, data, likelihood="linear_simulation")
    inside = replace(
        walk(), measurement=lambda x, p, u: (x[0] * jnp.exp(u.y), x[1] + u.z), measurement_error=None
    )
    with pytest.raises(ArgumentError, match="walk: the density of its measurement errors is not known"):
        estim.loglikelihood(
            inside, None, pd.DataFrame({"y": [1.0], "z": [1.0]}), likelihood="linear_simulation"
        )


def test_failure_is_a_value():
    evaluate = jax.jit(jax.value_and_grad(loglikelihood(DATA)))
    value, gradient = evaluate(EXPECTED["points"][0]["parameters"] | {"rho": 1.5})  # no spread at the start
    assert value == -jnp.inf and all(slope == 0 for slope in gradient.values())
