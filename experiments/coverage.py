"""Do 90 % bands contain the truth nine times in ten? Fifty data sets that Hansen's (1985) model made itself.

Parameters are drawn from the prior, a sample of 80 quarters from the model at these parameters, and each
sample is estimated: parameters and data are then a draw of their joint distribution, so that the bands
of a correct posterior contain the truth with probability 0.9 exactly, parameter by parameter. The
fifty random walks advance side by side in one compiled program, each with a tuning of its own. The
truth is itself a draw of the posterior and serves as the starting point. The last line is JSON.
"""

import json

import arviz as az
import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.posterior import from_loglikelihood, model_loglikelihood
from estim.samplers.adaptation import NUM_WINDOWS, adapt, init_adaptation
from estim.samplers.base import Tuning
from estim.samplers.random_walk import build_random_walk
from estim.solution import solve_state_space
from estim.solution.simulate import simulate

NUM_DATA_SETS, NUM_PERIODS = 50, 80
WINDOW, NUM_KEPT_WINDOWS, THIN = 500, 40, 10

model = estim.load_model("hansen_1985")


def posterior_given(observations):
    """The posterior as a function of the data, so that one program serves all data sets."""
    return from_loglikelihood(
        lambda values: model_loglikelihood(model, model.params(values), observations, method="chandrasekhar"),
        model.priors,
    )


def draw_truth_and_data(rng_key):
    """Positions ``[n, dim]`` from the prior at which the model has a solution, and data ``[n, t, n_obs]``."""
    key_truth, key_data = jax.random.split(rng_key)
    prior = posterior_given(jnp.zeros((NUM_PERIODS, len(model.observables._fields))))

    @jax.jit
    @jax.vmap
    def make(position, key):
        params = model.params(prior.constrain_fn(position))
        solution = solve_state_space(model, params)
        return solution.status, simulate(solution, key, NUM_PERIODS)

    positions = prior.sample_prior(key_truth, 4 * NUM_DATA_SETS)
    status, data = make(positions, jax.random.split(key_data, len(positions)))
    solved = np.flatnonzero(np.asarray(status) == 0)[:NUM_DATA_SETS]
    return positions[solved], data[solved]


@jax.jit
@jax.vmap
def advance(rng_key, observations, position, tuning):
    """`WINDOW` steps on one data set: the last position, all of them, and the acceptance rates."""
    kernel = build_random_walk(posterior_given(observations), tuning)

    def step(state, key):
        state, info = kernel.step(key, state)
        return state, (state.position, info.acceptance_rate)

    state, (positions, rates) = jax.lax.scan(step, kernel.init(position), jax.random.split(rng_key, WINDOW))
    return state.position, positions, rates


def estimate(rng_key, truth, data):
    """Posterior draws in the model's units, ``[n, draw, dim]``."""
    n, dim = truth.shape
    prior = posterior_given(data[0])
    spread = np.linalg.cholesky(np.cov(np.asarray(prior.sample_prior(rng_key, 500)).T))
    tunings = [Tuning(np.asarray(x), spread, np.array(2.38 / dim**0.5)) for x in truth]
    adaptations = [init_adaptation(dim)] * n
    position, kept = truth, []
    for window in range(NUM_WINDOWS + NUM_KEPT_WINDOWS):
        keys = jax.random.split(jax.random.fold_in(rng_key, window), n)
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *tunings)
        position, positions, rates = advance(keys, data, position, stacked)
        if window < NUM_WINDOWS:
            last = window == NUM_WINDOWS - 1
            rows = zip(tunings, adaptations, np.asarray(positions), np.asarray(rates), strict=True)
            adapted = [adapt(*row, target_acceptance=0.25, last=last) for row in rows]
            tunings, adaptations = (list(column) for column in zip(*adapted, strict=True))
        else:
            kept.append(np.asarray(positions)[:, ::THIN])
    values = jax.jit(jax.vmap(jax.vmap(prior.constrain_fn)))(np.concatenate(kept, axis=1))
    return np.stack([values[name] for name in prior.param_names], axis=-1)


def main():
    truth, data = draw_truth_and_data(jax.random.key(0))
    draws = estimate(jax.random.key(1), truth, data)
    values = jax.vmap(posterior_given(data[0]).constrain_fn)(truth)
    low, high = np.quantile(draws, [0.05, 0.95], axis=1)
    ess = np.array([[float(az.ess(one[None, :, i])) for i in range(one.shape[-1])] for one in draws])
    result = {}
    for i, name in enumerate(model.estimated):
        inside = np.mean((low[:, i] < values[name]) & (values[name] < high[:, i]))
        print(f"{name:8s} {inside:5.0%} of {len(truth)}; effective draws: median {np.median(ess[:, i]):.0f}")
        result[name] = round(float(inside), 2)
    overall = float(np.mean(list(result.values())))
    print("smallest effective sample sizes by data set:", np.sort(ess.min(axis=1)).round().astype(int))
    print(f"all      {overall:6.1%}; smallest effective sample size {ess.min():.0f}")
    print(json.dumps({"coverage": result, "overall": round(overall, 3), "smallest_ess": round(ess.min())}))


if __name__ == "__main__":
    main()
