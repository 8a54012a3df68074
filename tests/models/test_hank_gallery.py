"""The heterogeneous-agent gallery against the `sequence-jacobian` package at tight tolerances."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import two_asset_model

import estim  # noqa: F401
from estim.heterogeneity.household import solve_household
from estim.models import load_model
from estim.solution.linearize import linearize
from estim.solution.sequence_space import solve_paths
from estim.solution.stationary_equilibrium import solve_household_jacobians
from estim.status import Status

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "hank_gallery.json").read_text())
PROCESS = {"Z": ("eps_Z", "Z"), "G": ("eps_G", "G"), "rstar": ("eps_m", "m")}


@pytest.mark.parametrize("name", ["krusell_smith_1998", "auclert_et_al_2021_one_asset"])
def test_steady_state_jacobians_and_responses(name):
    model, want = load_model(name), REFERENCE[name]
    rhos = {f"rho_{PROCESS[s][1]}": rho for s, (_, rho) in want["shocks"].items() if s in PROCESS}
    params = model.params({n: rho for n, rho in rhos.items() if n in model.param_names})
    household = jax.jit(lambda p: solve_household_jacobians(model, p))(params)
    assert household.status == Status.OK
    for unknown, value in want["unknowns"].items():
        np.testing.assert_allclose(getattr(household.params, unknown), value, rtol=1e-8)
    for pair, numbers in want["jacobian"].items():
        found, scale = household.jacobians[tuple(pair.split("|"))], numbers["absmax"]
        np.testing.assert_allclose(found[:3, :3], numbers["block3x3"], atol=1e-6 * scale)
        diagonal = {int(t): value for t, value in numbers["diag_sample"].items()}
        np.testing.assert_allclose(np.diag(found)[list(diagonal)], list(diagonal.values()), atol=1e-6 * scale)

    paths, status = jax.jit(lambda h: solve_paths(model, linearize(model, h.params, h.variables), h))(
        household
    )
    assert status == Status.OK
    index = model.variables._fields.index
    for response, values in want["irf"].items():
        _, variable, input_ = response.split("|")
        shock, process = PROCESS[input_]
        path = paths[:, :, model.shocks._fields.index(shock)]
        scaled = path[index(variable), :10] / path[index(process), 0] * want["shocks"][input_][0]
        np.testing.assert_allclose(scaled, values, atol=1e-6 * abs(want["shocks"][input_][0]))


def test_two_asset_household():
    """At the reference's discount factor and adjustment cost, found there to 1e-6."""
    model = two_asset_model.model
    want = REFERENCE[model.name]["steady"]
    params = model.params({n: want[n] for n in ("beta", "chi1", "vphi")})
    block = model.het_blocks[0]
    household = jax.jit(lambda p: solve_household(block, model.steady_state(p), p))(params)
    assert household.error < 1e-10
    for output, outcome in block.outputs.items():
        np.testing.assert_allclose(household.total(outcome), want[output], rtol=1e-5)
    np.testing.assert_allclose(jnp.sum(household.distribution), 1.0)
