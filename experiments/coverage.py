"""Do 90 % bands contain the truth nine times in ten? Fifty data sets that a model made itself.

    python experiments/coverage.py hansen_1985      (or an_schorfheide_2007, or another linear model of the gallery)

Parameters are drawn from the prior, a sample of 80 quarters from the model at these parameters, and each
sample is estimated: parameters and data are then a draw of their joint distribution, so that the bands
of a correct posterior contain the truth with probability 0.9 exactly, parameter by parameter. NUTS runs
on one data set after the other in one compiled program, with a tuning for each. The truth is itself
a draw of the posterior and serves as the starting point. The last line is JSON.
"""

import json
import sys

import arviz as az
import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.estimation import model_loglikelihood
from estim.posterior import from_loglikelihood
from estim.samplers.adaptation import NUM_WINDOWS, adapt, init_adaptation
from estim.samplers.base import Tuning
from estim.samplers.nuts import build_nuts
from estim.samplers.states import first_gradient_state
from estim.samplers.transport import straight
from estim.solution import solve_state_space
from estim.solution.simulate import simulate

NUM_DATA_SETS, NUM_PERIODS = 50, 80
WINDOW, NUM_KEPT_WINDOWS = 40, 20

model = estim.load_model(sys.argv[1] if sys.argv[1:] else "hansen_1985")


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
def advance(rng_key, data, states, tunings):
    """`WINDOW` steps on each data set, one after the other: the last states, and what each step did."""

    def advance_one(args):
        key, observations, state, tuning = args
        kernel = build_nuts(posterior_given(observations), tuning)
        return jax.lax.scan(lambda state, key: kernel.step(key, state), state, jax.random.split(key, WINDOW))

    return jax.lax.map(advance_one, (jax.random.split(rng_key, len(data)), data, states, tunings))


def estimate(rng_key, truth, data):
    """Posterior draws in the model's units, ``[n, draw, dim]``."""
    n, dim = truth.shape
    prior = posterior_given(data[0])
    spread = np.linalg.cholesky(np.cov(np.asarray(prior.sample_prior(rng_key, 500)).T))
    tunings = [Tuning(np.asarray(x), spread, np.array(0.1), transport=straight(dim)) for x in truth]
    adaptations = [init_adaptation(x, spread) for x in truth]
    start = lambda args: first_gradient_state(posterior_given(args[0]), args[1])
    states, kept = jax.jit(lambda *args: jax.lax.map(start, args))(data, truth), []
    for window in range(NUM_WINDOWS + NUM_KEPT_WINDOWS):
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *tunings)
        states, info = jax.device_get(advance(jax.random.fold_in(rng_key, window), data, states, stacked))
        if window < NUM_WINDOWS:
            infos = [jax.tree.map(lambda rows, i=i: rows[i, :, None], info) for i in range(n)]
            rows = zip(tunings, adaptations, infos, strict=True)
            adapted = [adapt(*row, target_acceptance=0.8, last=window == NUM_WINDOWS - 1) for row in rows]
            tunings, adaptations = (list(column) for column in zip(*adapted, strict=True))
        else:
            kept.append(info.draws.position[:, :, 0])
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
