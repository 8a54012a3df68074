"""Perfect-foresight transitions against the `sequence-jacobian` package and the first-order solution."""

import json
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim  # noqa: F401
from estim.model import ModelError
from estim.models import load_model
from estim.solution.sequence_space.transitions import TOLERANCE, solve_transition
from estim.status import Status

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "hank_transitions.json").read_text())
LINEAR = json.loads((FOLDER / "hank_gallery.json").read_text())["krusell_smith_1998"]


@cache
def response(name, size):
    """To one shock at date 0: the transition, and its deviations from rest."""
    model, case = load_model(name), REFERENCE[name]
    transition = program(name)(model.params(case["params"]), jnp.array([size]))
    return transition, jax.tree.map(jnp.subtract, transition.variables, transition.steady_state)


@cache
def program(name):
    model, shock = load_model(name), REFERENCE[name]["shock"]
    return jax.jit(lambda params, path: solve_transition(model, params, {shock: path}))


@pytest.mark.parametrize("name", REFERENCE)
def test_paths_match_the_reference(name):
    transition, deviations = response(name, REFERENCE[name]["size"])
    assert transition.status == Status.OK
    assert transition.error <= TOLERANCE
    for variable, path in REFERENCE[name]["paths"].items():
        np.testing.assert_allclose(getattr(deviations, variable)[:20], path, atol=1e-7)


def test_a_small_shock_has_the_first_order_response():
    """What is left is of second order: a quarter when the shock is half as large."""
    size, rho = LINEAR["shocks"]["Z"]
    at_rest = response("krusell_smith_1998", 10.0)[0].steady_state.Z
    assert rho == REFERENCE["krusell_smith_1998"]["params"]["rho_Z"]
    left = []
    for shock in (1.0, 0.5):
        _, deviations = response("krusell_smith_1998", shock)
        linear = np.array(LINEAR["irf"]["tight|C|Z"]) * (shock / 100 * at_rest / size)
        left.append(deviations.C[:10] - linear)
    assert np.max(np.abs(left[0])) < 0.02 * np.max(np.abs(linear))
    assert 3.6 < np.linalg.norm(left[0]) / np.linalg.norm(left[1]) < 4.4  # with linear interpolation, about


def test_a_shock_beyond_all_measure_is_not_converged():
    transition, _ = response("krusell_smith_1998", -2e4)
    assert transition.status == Status.NOT_CONVERGED


def test_shocks_must_be_known_and_fit():
    model = load_model("krusell_smith_1998")
    with pytest.raises(ModelError, match="krusell_smith_1998 has no shock 'eps_z'; it has eps_Z"):
        solve_transition(model, model.params(), {"eps_z": 1.0})
    with pytest.raises(ModelError, match="the path of 'eps_Z' has 9 dates, the horizon 5"):
        solve_transition(model, model.params(), {"eps_Z": np.ones(9)}, horizon=5)
