"""Do bands cover? Fifty data sets that each simulation of the gallery made itself, at parameters drawn from its prior.

    python experiments/simulations_coverage.py [DIRECTORY [MODEL ...]]

Parameters and data are a draw of their joint distribution, so that 90 % bands of a right posterior have the truth with
probability 0.9, parameter by parameter. Stock-flow models are estimated on a hundred periods, technical coefficients on
25 years of flows; where they are linear by the exact likelihood, and where stocks multiply rates by the unscented
filter. Firms and households are estimated on moments of one cross-section, which are simulated again at each point;
inventories on moments, whose cycles make several modes, which tempered particles from the prior find, and by the exact
likelihood of firms that are followed.
The rows and the last line are those of `decisions_coverage.py`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from decisions_coverage import BAND
from decisions_coverage import main as fill

import estim
from estim.likelihood.moment_matching import EstimatedMoments
from estim.models import arrow_harris_marschak_1951, benhabib_bisin_zhu_2011, kesten_1973

NUM_AGENTS, BURN, NUM_FIRMS = 500, 40, 10
NUM_PERIODS = {"carter_1970": 25}
POPULATION = {"num_chains": 1, "num_samples": 500, "num_mutations": 2}


def walk(num_samples):
    return {"num_chains": 2, "num_warmup": 400, "num_samples": num_samples}


@dataclass(frozen=True)
class Case:
    """A model, data made at given parameters, the likelihood and the sampler."""

    model: Any
    make: Callable[[Any, Any, Any], Any]  # model, parameters and a key -> data
    likelihood: Any = None
    algorithm: str = "nuts"
    sampling: Any = MappingProxyType({"num_chains": 2, "num_warmup": 400, "num_samples": 500})


def path_with_errors(model, params, key):
    """Observables of a simulation whose start and measurement errors are drawn."""
    of_start, of_shocks, of_errors = jax.random.split(key, 3)
    start = estim.solve(model, params).start(of_start)
    num_periods = NUM_PERIODS.get(model.name, 100)
    rows = lambda key, names: jax.random.normal(key, (num_periods, len(names)))
    shocks, errors = rows(of_shocks, model.shocks._fields), rows(of_errors, model.observables._fields)
    return pd.DataFrame(model.compiled_path(params, shocks, errors, start=start).observables._asdict())


def last_agents(model, params, key):
    """The state of each agent after `BURN` periods."""
    keys = jax.random.split(key, len(model.shocks._fields))
    shocks = model.shocks(*(jax.random.normal(key, (BURN, NUM_AGENTS)) for key in keys))
    if "z" in shocks._fields:  # an aggregate shock, which is held at zero
        shocks = shocks._replace(z=jnp.zeros(BURN))
    return jax.tree.map(lambda path: path[-1], model.path(params, shocks).states)


def log_moments(x):
    """Of each agent ``[n, 2]``: the logarithm of its size, and its square."""
    return jnp.stack([jnp.log(x), jnp.log(x) ** 2], axis=-1)


def cross_section(rows):
    """The likelihood of means of rows, and the data of an economy: means and their covariance."""

    def make(model, params, key):
        seen = np.asarray(rows(jax.jit(last_agents, static_argnums=0)(model, params, key)))
        return EstimatedMoments(seen.mean(axis=0), np.cov(seen.T) / len(seen))

    def of_model(solution, key):
        return rows(last_agents(solution.specification, solution.params, key)).mean(axis=0)

    return make, estim.MomentMatching(of_model=of_model, simulations=2)


def followed(model, params, key):
    return estim.simulate_agents(model, params, NUM_FIRMS, rng_key=key)


@cache
def cases():
    linear = [estim.load_model(name) for name in ("godley_lavoie_2007_sim", "carter_1970")]
    found = {model.name: Case(model, path_with_errors) for model in linear}
    for model in (estim.load_model(f"godley_lavoie_2007_{name}") for name in ("pc", "bmw")):
        found[model.name] = Case(
            model, path_with_errors, estim.GaussianFilter(rule="unscented"), "rwmh", walk(1_000)
        )
    of_agents = {
        "kesten_1973": (kesten_1973.economy(NUM_AGENTS), log_moments),
        "benhabib_bisin_zhu_2011": (
            benhabib_bisin_zhu_2011.economy(NUM_AGENTS),
            lambda states: log_moments(states.w),
        ),
        "arrow_harris_marschak_1951": (
            arrow_harris_marschak_1951.economy(NUM_AGENTS),
            lambda states: jnp.stack([states.stock, states.stock**2 / 100], axis=-1),
        ),
    }
    for name, (model, rows) in of_agents.items():
        sampler = ("smc", POPULATION) if name.startswith("arrow") else ("rwmh", walk(1_500))
        found[name] = Case(model, *cross_section(rows), *sampler)
    found["inventory_firms"] = Case(estim.load_model("inventory_firms"), followed)
    return found


@cache
def posterior_of(name):
    """With data of its own, whose place those of each data set take: one program serves them all."""
    case = cases()[name]
    data = case.make(case.model, None, jax.random.key(0))
    return estim.build_posterior(case.model, data, likelihood=case.likelihood)


def covered(name, seed):
    """Whether the band of each parameter has the truth."""
    case, posterior = cases()[name], posterior_of(name)
    of_truth, of_data, of_draws = jax.random.split(jax.random.fold_in(jax.random.key(1), seed), 3)
    truth = posterior.constrain_fn(posterior.sample_prior(of_truth, 1)[0])
    truth = {n: float(x) for n, x in truth.items()}
    data = case.make(case.model, truth, of_data)
    likelihood = case.likelihood
    if isinstance(likelihood, estim.MomentMatching):  # other random numbers for each data set
        likelihood = replace(likelihood, seed=seed + 1)
    posterior = replace(posterior, data=estim.build_posterior(case.model, data, likelihood=likelihood).data)
    draws = estim.sample(posterior, case.algorithm, of_draws, **case.sampling)
    values = jax.vmap(jax.vmap(posterior.constrain_fn))(draws.position)
    tail = (1 - BAND) / 2
    bands = {n: np.quantile(values[n], [tail, 1 - tail]) for n in truth}
    return {n: bool(low <= truth[n] <= high) for n, (low, high) in bands.items()}


def main(directory="runs/simulations_coverage", *names):
    fill(directory, names or tuple(cases()), covered)


if __name__ == "__main__":
    main(*sys.argv[1:])
