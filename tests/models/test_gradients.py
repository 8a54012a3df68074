"""Every gallery model: the gradient of its solution in its parameters against differences.

What is differenced is a weighted sum of the first responses of the observables and of what they are at rest; with
heterogeneous agents, and where the rest is compared elsewhere, of all equations and of the measurement, linearised at
the stated steady state. What follows from these, and households (`test_sequence_space`, `tests/heterogeneity`),
likelihoods, and second derivatives (`test_derivative_rules`) are looked at by themselves.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim  # noqa: F401
from estim.models import list_models, load_model
from estim.solution.linearize import linearize
from estim.solution.rational_expectations import solve_state_space

COUNTED = 8
PUBLISHED = ("smets_wouters_2007", "schorfheide_2000")  # gradients of their likelihoods are in `test_gallery`
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def first_order(model, params):
    """The arrays that are looked at."""
    if model.het_blocks or model.name in PUBLISHED:
        linear = linearize(model, params, model.steady_state(params))
        return [*linear.steady_state, *linear._replace(steady_state=None, residual=None, status=None)]
    s = solve_state_space(model, params)
    follow = lambda state, _: (s.transition @ state, s.design @ state)
    return [jax.lax.scan(follow, s.selection, length=COUNTED)[1], s.obs_intercept]


@pytest.mark.parametrize("name", list_models())
def test_gradient(name):
    model = load_model(name)
    start = {n: float(v) for n, v in model.params()._asdict().items() if n not in model.unknowns}
    start |= {n: float(v) for n, v in model.published.items() if n in start}
    names, x = list(start), np.array(list(start.values()))

    @partial(jax.jit, compiler_options=QUICK)
    @jax.value_and_grad
    def sum_and_gradient(x):
        arrays = first_order(model, model.params(dict(zip(names, x, strict=True))))
        rng = np.random.default_rng(1)
        return sum(jnp.sum(rng.uniform(0.5, 1.5, jnp.shape(a)) * a) for a in arrays if a is not None)

    gradient = np.asarray(sum_and_gradient(x)[1])
    h = 1e-4 * np.maximum(np.abs(x), 1e-2)
    at = lambda i, k: float(sum_and_gradient(x + k * h[i] * np.eye(len(x))[i])[0])
    difference = [(8 * (at(i, 1) - at(i, -1)) - at(i, 2) + at(i, -2)) / (12 * h[i]) for i in range(len(x))]
    scale = np.maximum(np.abs(x), 1e-2)
    largest = np.abs(gradient * scale).max()
    assert largest > 0
    np.testing.assert_allclose(gradient * scale, difference * scale, rtol=1e-6, atol=1e-7 * largest)
