"""A draw without a solution, whatever reads the solution: -inf, no gradient, and a reason that is counted."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from bounded import Observables, Params, bounded

import estim
from estim import priors
from estim.arguments import ArgumentError
from estim.samplers.base import count_failures

EXACT = replace(
    bounded, name="exact", prior=Params(phi=priors.normal(0.8, 1.0), bound=priors.normal(1.0, 1.0))
)
NOISY = replace(EXACT, name="noisy", measurement_error=lambda p: Observables(0.1, 0.1))
DATA = pd.DataFrame({"x": [0.1, -0.2, 0.3], "i": [0.1, 0.0, -0.1]})
PIECEWISE = estim.OccasionallyBinding(horizon=4)
SECOND = estim.Perturbation(order=2)

ROWS = {
    "inversion": (EXACT, SECOND, "inversion"),
    "extended": (NOISY, SECOND, "gaussian_filter"),
    "quadratic": (NOISY, SECOND, "quadratic_kalman"),
    "particle": (NOISY, SECOND, {"name": "particle", "num_particles": 20}),
    "joint": (NOISY, SECOND, "joint"),
    "piecewise_inversion": (EXACT, PIECEWISE, "inversion"),
    "piecewise_kalman": (NOISY, PIECEWISE, "piecewise_kalman"),
    "piecewise_particle": (NOISY, PIECEWISE, {"name": "particle", "num_particles": 20}),
}


@pytest.mark.parametrize("row", ROWS)
def test_it_is_a_counted_failure(row):
    model, solver, likelihood = ROWS[row]
    posterior = estim.build_posterior(model, DATA, solver=solver, likelihood=likelihood)
    sound = jnp.zeros_like(posterior.start).at[:2].set(jnp.array([0.8, 1.0]))
    indeterminate, violated = sound.at[0].set(-1.5), sound.at[1].set(-0.5)
    value = lambda x: (lambda e: (e.loglikelihood, e.status))(posterior.evaluate_fn(x))
    both = jax.jit(jax.vmap(jax.value_and_grad(value, has_aux=True)))
    (number, status), gradient = both(jnp.stack([sound, indeterminate, violated]))
    has_bound = solver is PIECEWISE
    assert count_failures(status) == {"INDETERMINATE": 1} | ({"NO_REFERENCE": 1} if has_bound else {})
    np.testing.assert_array_equal(np.isneginf(number), [False, True, has_bound])
    assert np.isfinite(gradient).all() and not np.any(gradient[np.isneginf(number)])


def test_where_constraints_bind_the_shocks_are_not_sampled():
    with pytest.raises(
        ArgumentError, match="the state is no normal vector: take likelihood='piecewise_kalman'"
    ):
        estim.build_posterior(NOISY, DATA, solver=PIECEWISE, likelihood="joint")


def test_a_sampler_says_how_many_there_were():
    posterior = estim.build_posterior(EXACT, DATA, solver=PIECEWISE, likelihood="inversion")
    draws = estim.sample(posterior, "rwmh", jax.random.key(0), num_samples=100, num_warmup=50, num_chains=1)
    status = np.asarray(draws.evaluations.status)
    assert sum(draws.failures.values()) >= (status != 0).sum() > 0 and "NO_REFERENCE" in draws.failures
