"""The heterogeneous-agent gallery against the `sequence-jacobian` package at tight tolerances."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim  # noqa: F401
from estim.kept import kept_on_model
from estim.models import load_model
from estim.solution.linearize import linearize
from estim.solution.sequence_space import stationary_equilibrium
from estim.solution.sequence_space.assemble import assemble
from estim.solution.sequence_space.linear_system import solve_paths
from estim.solution.sequence_space.propagate import block_outputs, process_paths
from estim.solution.sequence_space.stationary_equilibrium import (
    default_household_jacobians,
    solve_household_jacobians,
)
from estim.status import Status

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "hank_gallery.json").read_text())
TOLERANCE = {
    "auclert_et_al_2021_two_asset": 1e-5
}  # its reference differs by as much between steps of 1e-6 and 1e-7
HORIZON = 300
SHORT = ("auclert_et_al_2021_two_asset",)
"""Capital returns so slowly there that more than a hundredth of a peak is left at this horizon."""
SEARCHED = ("krusell_smith_1998",)
"""Solved as at any parameters; the others, which take longer, as at their defaults, of which no search is compiled."""
PROCESS = {"Z": ("eps_Z", "Z"), "G": ("eps_G", "G"), "rstar": ("eps_m", "m")}
OPTIMISED = ("auclert_et_al_2021_two_asset",)
"""Its households are solved for longer by code that is compiled as the tests' other programs are than it takes to
compile better code."""


@kept_on_model
def optimised_search(model):
    """The program of the search for a steady state, optimised."""
    options = {"xla_backend_optimization_level": 2}
    return jax.jit(partial(stationary_equilibrium._search, model), compiler_options=options)


def responses(model, household):
    """The paths that end with the horizon, as the package's do; and those without end, with their status."""
    linear = linearize(model, household.params, household.variables)
    system = assemble(model, linear, household)
    impulses = jnp.pad(linear.shocks[:, None], ((0, 0), (0, HORIZON - 1), (0, 0)))
    gaps = jnp.zeros((len(block_outputs(model)), HORIZON))
    solve = lambda x: system.solve(process_paths(model, system.plan, linear, x), x, gaps).variables
    return jax.vmap(solve, -1, -1)(impulses), solve_paths(model, linear, household)


@pytest.mark.parametrize("name", REFERENCE)
def test_steady_state_jacobians_and_responses(name, monkeypatch):
    if name in OPTIMISED:
        monkeypatch.setattr(stationary_equilibrium, "_search_program", optimised_search)
    model, want, tolerance = load_model(name), REFERENCE[name], TOLERANCE.get(name, 1e-6)
    rhos = {f"rho_{PROCESS[s][1]}": rho for s, (_, rho) in want["shocks"].items() if s in PROCESS}
    params = model.params({n: rho for n, rho in rhos.items() if n in model.param_names})
    if name in SEARCHED:
        household = jax.jit(lambda p: solve_household_jacobians(model, p, HORIZON))(params)
    else:
        household = default_household_jacobians(replace(model, horizon=HORIZON))
        solved = {n: getattr(household.params, n) for n in model.unknowns}
        household = household._replace(params=params._replace(**solved))
    assert household.status == Status.OK
    for unknown, value in want["unknowns"].items():
        np.testing.assert_allclose(getattr(household.params, unknown), value, rtol=1e-8)
    for output, value in want.get("totals", {}).items():
        np.testing.assert_allclose(getattr(household.variables, output), value, rtol=1e-8)
    for pair, numbers in want["jacobian"].items():
        found, scale = household.jacobians[tuple(pair.split("|"))], numbers["absmax"]
        np.testing.assert_allclose(found[:3, :3], numbers["block3x3"], atol=tolerance * scale)
        diagonal = {int(t): value for t, value in numbers["diag_sample"].items()}
        np.testing.assert_allclose(
            np.diag(found)[list(diagonal)], list(diagonal.values()), atol=tolerance * scale
        )

    index = model.variables._fields.index
    ends, (paths, status) = jax.jit(partial(responses, model))(household)
    for response, values in want["irf"].items():
        _, variable, input_ = response.split("|")
        shock, process = PROCESS[input_]
        scale = max(abs(want["shocks"][input_][0]), np.max(np.abs(values)))
        for found in (ends, paths):
            path = found[:, :, model.shocks._fields.index(shock)]
            scaled = path[index(variable), :10] / path[index(process), 0] * want["shocks"][input_][0]
            np.testing.assert_allclose(scaled, values, atol=tolerance * scale)
    assert status == (Status.HORIZON_TOO_SHORT if name in SHORT else Status.OK)
