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


@pytest.fixture(scope="module")
def evaluate():
    """Value and gradient at parameters, compiled once."""
    return jax.jit(jax.value_and_grad(loglikelihood(DATA)))


@pytest.mark.parametrize("point", EXPECTED["points"], ids=["truth", "off"])
def test_two_hundred_quarters(evaluate, point):
    value, gradient = evaluate(point["parameters"])
    np.testing.assert_allclose(value, point["loglikelihood"], rtol=1e-12)
    for name, slope in point.get("gradient_fd", {}).items():
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-6, err_msg=name)


def test_the_second_derivative_of_the_recursion(evaluate):
    """Hessian-vector product, by the tangent of the gradient and by its differences."""
    p = EXPECTED["points"][0]["parameters"]
    direction = {name: 0.1 * value for name, value in p.items()}
    move = lambda k: {name: value + k * direction[name] for name, value in p.items()}
    gradient = jax.jit(jax.grad(loglikelihood(DATA)))
    found = jax.jvp(gradient, (p,), (direction,))[1]
    above, below = (evaluate(move(k))[1] for k in (1e-4, -1e-4))
    size = max(abs(float(x)) for x in found.values())
    for name, product in found.items():
        np.testing.assert_allclose(product, (above[name] - below[name]) / 2e-4, rtol=1e-5, atol=1e-6 * size)


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


@pytest.mark.parametrize("errors", [(0.3, 0.4), (0.0, 0.4)], ids=["complete", "a gap and an error of zero"])
def test_a_walk_is_that_of_the_joint_normal(errors):
    """What is observed is linear in the errors of start, shocks and measurement: its covariance by differentiation."""
    T, sim = 12, walk(measurement_error=lambda p: errors)

    def observed(given):
        start = jnp.array([3.0, 1.0]) + given["x_0"] * jnp.array([1.0, 0.0])
        return jnp.stack(sim.path(None, given["e"][:, None], start=start).observables, axis=1).ravel()

    at = {"e": np.zeros(T), "x_0": 0.0}
    slopes = estim.sensitivities(observed, at)
    cov = slopes["e"] @ slopes["e"].T + 0.7**2 * jnp.outer(slopes["x_0"], slopes["x_0"])
    cov, mean = np.asarray(cov) + np.diag(np.tile(np.square(errors), T)), np.asarray(observed(at))
    y = np.random.default_rng(0).normal(size=(T, 2)).cumsum(axis=0)
    y[7, 1] = y[7, 1] if errors[0] else np.nan

    def density(num):
        seen = np.flatnonzero(~np.isnan(y.ravel()))[: 2 * num]
        return multivariate_normal(mean[seen], cov[np.ix_(seen, seen)]).logpdf(y.ravel()[seen])

    found = estim.loglikelihood(sim, None, pd.DataFrame(y, columns=["y", "z"]), presample=4)
    np.testing.assert_allclose(found, density(T) - density(4), rtol=1e-11)


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
    assert linear == {"carter_1970", "godley_lavoie_2007_sim", "godley_lavoie_2007_us", "leontief_1936"}
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


def test_failure_is_a_value(evaluate):
    value, gradient = evaluate(EXPECTED["points"][0]["parameters"] | {"rho": 1.5})  # no spread at the start
    assert value == -jnp.inf and all(slope == 0 for slope in gradient.values())
