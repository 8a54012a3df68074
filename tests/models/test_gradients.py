"""Every gallery model: the gradient of its log-likelihood in all of its parameters against differences of the value,
and a Hessian-vector product against differences of the gradient. Household parameters are no exception.

Heterogeneous agents live on a coarse grid with a horizon of 60. There the log-likelihood is smooth in pieces (policies
cross points of the grid), so differences take short steps, and of three points nearby one must do.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_models import coarse

from estim.likelihood.kalman import kalman_loglikelihood
from estim.likelihood.toeplitz import toeplitz_loglikelihood
from estim.models import list_models, load_model
from estim.solution import solve_state_space
from estim.solution.sequence_space import solve_moving_average
from estim.solution.stationary_equilibrium import solve_household_jacobians

HORIZON, PERIODS = 60, 40


def loglikelihood(model):
    """Of all parameters but the steady state's unknowns, given wandering numbers as data."""
    steps = np.random.default_rng(0).normal(size=(PERIODS, len(model.observables._fields)))
    data = 0.3 * np.cumsum(steps, axis=0)

    def value(params):
        p = model.params(params)
        if not model.het_blocks:
            return kalman_loglikelihood(solve_state_space(model, p), data)
        household = solve_household_jacobians(model, p, HORIZON)
        # Whether so short a horizon is long enough is not the question here.
        solution = solve_moving_average(model, p, household)._replace(status=household.status)
        return toeplitz_loglikelihood(solution, data)

    return value


@pytest.mark.parametrize("name", list_models())
def test_gradient_and_hessian_vector_product(name):
    model = load_model(name)
    if model.het_blocks:
        model = coarse(name)
    start = {n: float(v) for n, v in model.params()._asdict().items() if n not in model.unknowns}
    start |= {n: float(v) for n, v in model.published.items()}
    names = list(start)
    x0 = np.array([start[n] for n in names])
    direction = np.random.default_rng(1).normal(size=len(x0)) * np.maximum(np.abs(x0), 1e-2)
    value = loglikelihood(model)

    @jax.jit
    def along(x):
        fn = lambda x: value(dict(zip(names, x, strict=True)))
        return jax.jvp(jax.value_and_grad(fn), (x,), (jnp.asarray(direction),))

    for shift in (0.0, 1e-3, 2.3e-3):
        x = x0 * (1 + shift)
        (level, gradient), (slope, product) = along(x)
        assert np.isfinite(level) and np.isfinite(gradient).all() and np.isfinite(product).all()
        np.testing.assert_allclose(slope, gradient @ direction, rtol=1e-8)
        h = 1e-6 * np.maximum(np.abs(x), 1e-2)
        found = [along(x + s * h[i] * np.eye(len(x))[i])[0][0] for i in range(len(x)) for s in (1, -1)]
        difference = (np.array(found[::2]) - np.array(found[1::2])) / (2 * h)
        scale = np.maximum(np.abs(x), 1e-2)
        wrong = np.abs(gradient - difference) * scale / (1e-4 * np.abs(gradient * scale).max())
        up, down = (along(x + s * 1e-6 * direction)[0][1] for s in (1, -1))
        twice = (np.asarray(up) - np.asarray(down)) / 2e-6
        wrong_twice = np.abs(product - twice) / (1e-4 * np.abs(twice).max())
        if max(wrong.max(), wrong_twice.max()) < 1:
            return
    raise AssertionError(
        {
            n: (float(g), float(d))
            for n, g, d, w in zip(names, gradient, difference, wrong, strict=True)
            if w >= 1
        }
        | {"product": (np.asarray(product), twice)}
    )
