"""A run of each kind of specification and of likelihood ends in a report, and in a run that can be read."""

from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest
from small_models import Observables, Params, Shocks, ar1

import estim
from estim import Experiment, Route
from estim.pipeline import run_experiment

MODEL = ar1(measurement_error=lambda p: Observables(0.3))
SIMULATION = estim.Simulation(
    name="walk",
    shocks=Shocks,
    observables=Observables,
    start=lambda p: 0.0,
    transition=lambda x, e, p: p.rho * x + p.sigma * e.e,
    measurement=lambda x, p: Observables(x),
    measurement_error=lambda p: Observables(0.3),
    prior=Params(),
)
QUARTERS = pd.period_range("2000Q1", periods=24, freq="Q", name="date")
DATA = pd.DataFrame({"X": np.random.default_rng(0).normal(size=24)}, QUARTERS)
SECOND = estim.Perturbation(order=2)
KINDS = {
    "simulation": (SIMULATION, None, estim.LinearSimulation(), "rwmh"),
    "simulation by particles": (SIMULATION, None, estim.Particle(num_particles=50), "pseudo_marginal"),
    "second order": (replace(MODEL, measurement_error=None), SECOND, estim.Inversion(), "rwmh"),
    "parameters and shocks together": (MODEL, SECOND, estim.Joint(), "nuts"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_ends_in_a_report(kind, tmp_path):
    model, solver, likelihood, algorithm = KINDS[kind]
    route = Route(algorithm, num_samples=30, num_chains=2, num_warmup=20)
    experiment = Experiment(
        model=model,
        data=DATA,
        solver=solver,
        likelihood=likelihood,
        routes={"route": route},
        surrogate=None,
        num_starts=1,
    )
    run = run_experiment(experiment, tmp_path / "run")
    left_out = run.read_json("implications.json")["left_out"]
    assert {"history", "forecast", "identification"} <= set(left_out)
    assert all(reason.startswith("there is no rule for a ") for reason in left_out.values())
    page = run.read_text("report.html")
    assert "Not computed: " in page and "The posterior" in page
    loaded = estim.load_run(run.path)
    assert list(loaded.summary().index) == ["rho", "sigma"]
    assert set(loaded.draws()["posterior"].data_vars) >= {"rho", "sigma"}


def test_a_panel_of_agents_ends_in_a_report(tmp_path):
    data = estim.simulate_agents(estim.load_model("rust_1987"), None, 300, rng_key=jax.random.key(0))
    routes = {"route": Route("rwmh", num_samples=30, num_chains=2, num_warmup=20)}
    run = run_experiment(
        Experiment(model="rust_1987", data=data, routes=routes, surrogate=None, num_starts=1),
        tmp_path / "run",
    )
    page = run.read_text("report.html")
    assert "there is no rule for a StationaryEquilibrium" in page and "What agents do" in page
    agents = run.read_arrays("agents.npz")
    assert set(agents) == {"value", "probability of action 0", "probability of action 1"}
    assert agents["value"].shape == (5, 90) and (np.diff(agents["value"], axis=0) >= 0).all()
    assert (np.abs(agents["probability of action 1"] - 0.5) <= 0.5).all()
    assert estim.load_run(run.path).summary().shape[0] == 4
