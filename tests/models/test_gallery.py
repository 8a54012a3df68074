"""The linear gallery against independent log-likelihoods, gradients and published moments."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.data.datasets import load_data
from estim.decision import DecisionModel
from estim.estimation import build_posterior
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.model import Model, ModelError
from estim.models import list_models, load_model
from estim.numerics import solve_discrete_lyapunov
from estim.samplers.mode import find_mode
from estim.simulation import Simulation
from estim.solution import impulse_responses, solve_decision_rule, solve_state_space
from estim.solution.sequence_space.parameter_roles import parameter_roles
from estim.solution.sequence_space.plan import find_plan
from estim.status import Status

REFERENCE = Path(__file__).parents[1] / "reference"


def reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def loglikelihood(model, observations, presample=0):
    def fn(params):
        solution = solve_state_space(model, model.params(params))
        return kalman_loglikelihood(solution, jnp.asarray(observations), presample=presample)

    return fn


def floats(params):
    return {n: jnp.asarray(float(v)) for n, v in params.items()}


@pytest.mark.parametrize("case", range(4))
def test_an_schorfheide(case):
    model, ref = load_model("an_schorfheide_2007"), reference("an_schorfheide_2007")
    entry = ref["loglik"][case]
    frame = load_data("us_nk", *entry["sample"])
    errors = zip(("me_YGR", "me_INFL", "me_INT"), entry["measurement_error_sd"], strict=True)
    params = floats(ref["points"][entry["point"]] | dict(errors))
    value = jax.jit(loglikelihood(model, frame[list(model.observables._fields)].to_numpy()))(params)
    assert value == pytest.approx(entry["loglik"], abs=1e-6)
    logprior = sum(model.priors[n].log_prob(params[n]) for n in model.estimated)
    assert logprior == pytest.approx(entry["logprior"], abs=1e-9)


def test_an_schorfheide_from_the_prior_means_to_a_mode_on_the_bound():
    """Consumer prices push kappa to 1, the end of its uniform prior; the start is 93,000 log points below."""
    model = replace(load_model("an_schorfheide_2007"), start={})
    posterior = build_posterior(model, load_data("us_nk_cpi", "1983Q1", "2002Q4"))
    assert posterior.logdensity_fn(posterior.start) < -90_000
    kappa = {}
    for density in ("params", "position"):
        mode = find_mode(posterior, jax.random.key(0), num_starts=1, density=density)
        assert mode.gradient_norm < 1e-5
        kappa[density] = float(posterior.constrain_fn(mode.position)["kappa"])
    assert kappa["params"] == pytest.approx(1.0, abs=1e-6)
    assert kappa["position"] == pytest.approx(0.8495, abs=1e-3)


@pytest.mark.parametrize("name", ["smets_wouters_2007", "schorfheide_2000"])
def test_value_and_gradient(name):
    model, ref = load_model(name), reference(name)
    if "data" in ref:
        ref["observations"] = load_data(*ref["data"])[list(model.observables._fields)].to_numpy()
    fn = loglikelihood(model, ref["observations"], ref.get("presample", 0))
    value, gradient = jax.jit(jax.value_and_grad(fn))(floats(ref["point"]))
    assert value == pytest.approx(ref["loglik"], abs=1e-6)
    for param, expected in ref["gradient"].items():
        assert gradient[param] == pytest.approx(expected, rel=1e-6), param  # theirs by differences
    logprior = sum(model.priors[n].log_prob(ref["point"][n]) for n in model.estimated)
    assert logprior == pytest.approx(ref["logprior"], abs=1e-9)


def hodrick_prescott_std(model, name, params):
    """Standard deviation of 100 times the HP-filtered variable: its spectrum, filtered and summed."""
    rule = solve_decision_rule(model, model.params(params))
    t, r = np.asarray(rule.transition), np.asarray(rule.selection)
    x = np.asarray(rule.policy)[model.variables._fields.index(name)]
    frequencies = np.linspace(-np.pi, np.pi, 4001)[1:]
    gain = 4 * 1600 * (1 - np.cos(frequencies)) ** 2
    gain = gain / (1 + gain)
    transfer = [x @ np.linalg.solve(np.eye(len(t)) - t * np.exp(-1j * w), r) for w in frequencies]
    return 100 * np.sqrt(np.mean(gain**2 * np.abs(np.squeeze(transfer)) ** 2))


@pytest.mark.parametrize("name,std", [("y", 1.76), ("c", 0.51), ("i", 5.71), ("h", 1.35), ("k", 0.47)])
def test_hansen_table_1(name, std):
    """Column "indivisible labor": means over 100 simulated samples of 115 quarters."""
    model = load_model("hansen_1985")
    assert hodrick_prescott_std(model, name, model.published) == pytest.approx(std, rel=0.1)


def test_lubik_schorfheide_figure_1():
    """A monetary contraction appreciates the currency and lowers output and inflation."""
    model = load_model("lubik_schorfheide_2007")
    responses = impulse_responses(model, model.published)
    on_impact = responses.sel(horizon=0, shock="eps_R")
    assert on_impact.sel(variable="R") > 0
    assert (on_impact.sel(variable=["y", "pi", "de"]) < 0).all()


@pytest.mark.parametrize("name", list_models(Model))
def test_conformance(name):
    model = load_model(name)
    assert model.name == name
    assert model.reference
    if (
        model.het_blocks
    ):  # solved in test_hank_gallery, and its equations are differentiated in test_derivatives
        plan, split = find_plan(model), parameter_roles(model)
        assert len(plan.unknowns) == len(plan.equations) + len(plan.matched) <= 3
        processes = {model.variables._fields[j] for step in plan.exogenous for j in step.variables}
        persistent = {
            n for z in processes if (n := f"rho_{z}") in model.param_names
        }  # some only follow others
        assert len(persistent) == len(model.shocks._fields)
        assert {n for n in split.shocks if n in model.estimated} >= persistent
        named = (*split.shocks, *split.aggregate, *split.household, *model.unknowns)
        assert sorted(named) == sorted(model.param_names)
        return
    solution = solve_state_space(model, model.params(floats(model.published)))
    assert solution.status == Status.OK
    covariance = solution.selection @ solution.state_cov @ solution.selection.T
    unconditional, status = solve_discrete_lyapunov(solution.transition, covariance)
    assert status == Status.OK
    observed = solution.design @ unconditional @ solution.design.T
    assert np.linalg.matrix_rank(observed) == len(model.observables._fields)


@pytest.mark.parametrize("name", list_models(DecisionModel))
def test_dynamic_programs_say_what_they_are(name):
    """They are solved in `test_stationary`, `test_clearing` and `test_dynamic_programs`, estimated in `test_panel` and
    `test_cross_section`."""
    model = load_model(name)
    assert model.name == name
    assert model.reference
    assert bool(model.estimated) == bool(model.log_probability or model.measurement)


def test_unknown_name():
    with pytest.raises(ModelError, match="there is no model 'smets'; the gallery has aiyagari_1994, an_"):
        load_model("smets")


def test_an_schorfheide_in_levels_is_the_linear_model_to_first_order():
    frame, linear = load_data("us_nk").iloc[:40], load_model("an_schorfheide_2007")
    observations = frame[list(linear.observables._fields)].to_numpy()
    value, in_levels = (
        jax.jit(loglikelihood(model, observations))(floats(linear.published))
        for model in (linear, load_model("an_schorfheide_2007_levels"))
    )
    assert in_levels == pytest.approx(float(value), rel=1e-10)


@pytest.mark.parametrize("name", list_models(Simulation))
def test_conformance_of_simulations(name):
    """A path is finite, and a sum over it has the derivatives of differences in every parameter that is a number."""
    model = load_model(name)
    assert model.name == name and model.reference
    shocks = 0.1 * np.random.default_rng(0).standard_normal((6, len(model.shocks._fields)))

    def total(values):
        states, observables = model.path(values, shocks)
        return sum(jnp.sum(jnp.cos(x)) for x in jax.tree.leaves(states)) + sum(o.sum() for o in observables)

    point = {n: jnp.asarray(value, float) for n, value in model.params()._asdict().items()}
    evaluate = jax.jit(jax.value_and_grad(total))
    value, gradient = evaluate(point)
    assert np.isfinite(value) and all(np.isfinite(slope).all() for slope in gradient.values())
    for param in (n for n, value in point.items() if not value.ndim):
        step = 1e-6 * max(abs(float(point[param])), 0.01)
        above, below = (evaluate(point | {param: point[param] + s * step})[0] for s in (1, -1))
        slope = (above - below) / (2 * step)
        assert float(gradient[param]) == pytest.approx(float(slope), rel=1e-4, abs=1e-4), param
