"""Ninety-per-cent bands contain the truth nine times in ten, over data that the model made itself."""

import jax
import jax.numpy as jnp
import numpy as np
from small_models import ar1

from estim.estimation import model_loglikelihood
from estim.posterior import from_loglikelihood
from estim.samplers.base import Tuning
from estim.samplers.random_walk import build_random_walk
from estim.solution import solve_state_space
from estim.solution.simulate import simulate

NUM_DATA_SETS, NUM_PERIODS, NUM_STEPS = 120, 60, 1200
TUNING = Tuning(np.zeros(2), 0.3 * np.eye(2), 1.0)


def test_bands_of_an_autoregression_cover_its_parameters(rng_key):
    """Truth from the prior and data given it are a joint draw: each band covers with probability 0.9.

    The chain starts at the truth, itself a draw of the posterior, and so is stationary throughout.
    """
    model = ar1()

    def posterior_given(observations):
        return from_loglikelihood(
            lambda values: model_loglikelihood(
                model, model.params(values), observations, method="chandrasekhar"
            ),
            model.priors,
        )

    @jax.jit
    @jax.vmap
    def covered(key, truth):
        key_data, key_chain = jax.random.split(key)
        values = model.params(posterior_given(jnp.zeros((NUM_PERIODS, 1))).constrain_fn(truth))
        data = simulate(solve_state_space(model, values), key_data, NUM_PERIODS)
        kernel = build_random_walk(posterior_given(data), TUNING)

        def step(state, key):
            state, _ = kernel.step(key, state)
            return state, state.position

        _, draws = jax.lax.scan(step, kernel.init(truth), jax.random.split(key_chain, NUM_STEPS))
        low, high = jnp.quantile(draws, jnp.array([0.05, 0.95]), axis=0)
        return (low < truth) & (truth < high)

    key_truth, key = jax.random.split(rng_key)
    truths = posterior_given(jnp.zeros((NUM_PERIODS, 1))).sample_prior(key_truth, NUM_DATA_SETS)
    coverage = np.mean(covered(jax.random.split(key, NUM_DATA_SETS), truths), axis=0)
    assert np.all(np.abs(coverage - 0.9) < 4 * np.sqrt(0.9 * 0.1 / NUM_DATA_SETS)), coverage
