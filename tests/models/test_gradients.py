"""Every gallery model: the gradient of its solution in its parameters against differences.

What is differenced is a weighted sum of the first responses of the observables and of what they are at rest. Households
are stood in for by Jacobians made up here, which no parameter moves: the equations of every model are in question, and
the derivatives of households (`tests/heterogeneity`), of likelihoods, and second ones (`test_derivative_rules`) are
looked at by themselves.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim  # noqa: F401
from estim.models import list_models, load_model
from estim.solution.rational_expectations import solve_state_space
from estim.solution.sequence_space import solve_moving_average
from estim.solution.stationary_equilibrium import HouseholdJacobians
from estim.status import Status

HORIZON, COUNTED = 24, 8
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def stand_in(model):
    """Assets and consumption that respond to what is near in time, in some proportion for each pair."""
    rng, params = np.random.default_rng(0), model.params()
    near = 0.7 ** np.abs(np.arange(HORIZON)[:, None] - np.arange(HORIZON))
    pairs = [(o, i) for block in model.het_blocks for o in block.outputs for i in block.inputs]
    jacobians = {pair: jnp.asarray(rng.uniform(0.2, 0.6) * near) for pair in pairs}
    return HouseholdJacobians(params, model.steady_state(params), jacobians, jnp.array(Status.OK))


def first_responses(model, params):
    """``[COUNTED, n_obs, n_shocks]``, and the observables at rest."""
    if model.het_blocks:
        found = solve_moving_average(model, params, stand_in(model))
        return found.impulse_responses[:COUNTED], found.obs_intercept
    s = solve_state_space(model, params)
    follow = lambda state, _: (s.transition @ state, s.design @ state)
    return jax.lax.scan(follow, s.selection, length=COUNTED)[1], s.obs_intercept


@pytest.mark.parametrize("name", list_models())
def test_gradient(name):
    model = load_model(name)
    start = {n: float(v) for n, v in model.params()._asdict().items() if n not in model.unknowns}
    start |= {n: float(v) for n, v in model.published.items() if n in start}
    names, x = list(start), np.array(list(start.values()))

    @partial(jax.jit, compiler_options=QUICK)
    @jax.value_and_grad
    def sum_and_gradient(x):
        responses, rest = first_responses(model, model.params(dict(zip(names, x, strict=True))))
        weights = np.random.default_rng(1).uniform(0.5, 1.5, responses.shape)
        return jnp.sum(weights * responses) + jnp.sum(rest)

    gradient = np.asarray(sum_and_gradient(x)[1])
    h = 1e-4 * np.maximum(np.abs(x), 1e-2)
    at = lambda i, k: float(sum_and_gradient(x + k * h[i] * np.eye(len(x))[i])[0])
    difference = [
        (8 * (at(i, 1) - at(i, -1)) - at(i, 2) + at(i, -2)) / (12 * h[i]) for i in range(len(x))
    ]
    scale = np.maximum(np.abs(x), 1e-2)
    largest = np.abs(gradient * scale).max()
    assert largest > 0
    np.testing.assert_allclose(gradient * scale, difference * scale, rtol=1e-6, atol=1e-7 * largest)
