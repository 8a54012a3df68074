"""Do bands cover beyond first order? Fifty data sets that each model made itself, at parameters drawn from its prior.

    python experiments/nonlinear_coverage.py [DIRECTORY [NUMBER OF DATA SETS [CASE ...]]]

Parameters and data are a draw of their joint distribution, so that 90 % bands of a right posterior have the truth with
probability 0.9, parameter by parameter.

- ``inversion``: Brock and Mirman's growth model to second order, 60 periods from rest, shocks by inversion;
- ``bound``: the three equations with a lower bound of `gali_2015_bound` without the policy shock, 60 quarters
  from rest. Output gap and inflation are observed and the rate is not, so that the inversion is the likelihood exactly;
- ``joint``: Brock and Mirman's with measurement errors, 40 periods, parameters and shocks sampled together.

``bound`` is sampled by a random walk: where the bound would bind beyond the horizon nearby, NUTS takes many short
steps. Where a path has no solution parameters and shocks are both drawn again. The rows and the last line are those of
`decisions_coverage.py`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from decisions_coverage import BAND, NUM_DATA_SETS
from decisions_coverage import main as fill

import estim
from estim import priors
from estim.representations.paths import observed_path

BY_NUTS = {"algorithm": "nuts", "num_warmup": 400, "num_samples": 800}
BY_STEPS = {"algorithm": "rwmh", "num_warmup": 1_500, "num_samples": 6_000, "thin_evaluations": 10}
GROWTH = estim.load_model("brock_mirman_1972")
THREE = estim.load_model("gali_2015_bound")
SECOND, PIECEWISE = estim.Perturbation(order=2), estim.OccasionallyBinding()


class Shocks(NamedTuple):
    e_r: Any
    e_u: Any


class Observables(NamedTuple):
    x: Any
    pinf: Any


def residuals(lag, now, lead, shocks, p):
    return THREE.residuals(lag, now, lead, THREE.shocks(*shocks, e_i=0.0), p)


BOUND = replace(
    THREE,
    name="bound",
    shocks=Shocks,
    observables=Observables,
    prior=THREE.prior._replace(
        sig=1.5,
        phi_x=0.15,
        rho_i=0.7,
        rho_u=0.3,
        sd_i=0.08,
        rho_r=priors.beta(0.8, 0.05),
        sd_r=priors.gamma(0.4, 0.1),
        sd_u=priors.gamma(0.1, 0.02),
    ),
    residuals=residuals,
    measurement=lambda now, lag, p: Observables(now.x, now.pinf),
)


@dataclass(frozen=True)
class Case:
    """A model, how it is solved and compared with data, data of given parameters, and how the posterior is sampled."""

    model: Any
    solver: Any
    likelihood: Any
    make: Callable[["Case", dict[str, float], Any], pd.DataFrame]
    sampling: dict[str, Any]


def from_rest(case, truth, key):
    """60 periods after a state at rest, without errors."""
    shocks = pd.DataFrame(
        jax.random.normal(key, (60, len(case.model.shocks._fields))), columns=case.model.shocks._fields
    )
    if case.solver is PIECEWISE:
        path = estim.simulate(case.model, truth, shocks, solver=PIECEWISE)
        return path.sel(variable=list(case.model.observables._fields)).to_pandas()
    solution = estim.solve(case.model, truth, solver=case.solver)
    seen = observed_path(solution, solution.to_vector(solution.rest), shocks.to_numpy())
    return pd.DataFrame(np.asarray(seen), columns=case.model.observables._fields)


def from_a_drawn_state(case, truth, key):
    """40 periods after a state of the stationary distribution, with measurement errors."""
    of_start, of_shocks, of_errors = jax.random.split(key, 3)
    solution = estim.solve(case.model, truth, solver=case.solver)
    begin = solution.to_vector(solution.start(of_start))
    shocks = jax.random.normal(of_shocks, (40, solution.num_shocks))
    errors = jax.random.normal(of_errors, (40, len(solution.obs_cov))) @ np.sqrt(solution.obs_cov)
    seen = observed_path(solution, begin, shocks) + errors
    return pd.DataFrame(np.asarray(seen), columns=case.model.observables._fields)


NOISY = replace(GROWTH, name="growth", measurement_error=lambda p: GROWTH.observables(dc=4.0))
CASES = {
    "inversion": Case(GROWTH, SECOND, estim.Inversion(), from_rest, BY_NUTS),
    "bound": Case(BOUND, PIECEWISE, estim.Inversion(), from_rest, BY_STEPS),
    "joint": Case(NOISY, SECOND, estim.Joint(), from_a_drawn_state, BY_NUTS),
}


def posterior_of(case, data):
    return estim.build_posterior(case.model, data, solver=case.solver, likelihood=case.likelihood)


@cache
def first_posterior(name):
    """Of data of its own, whose place those of each data set take: one program serves them all."""
    return posterior_of(CASES[name], CASES[name].make(CASES[name], {}, jax.random.key(0)))


def covered(name, seed):
    """Whether the band of each parameter has the truth."""
    case, posterior = CASES[name], first_posterior(name)
    estimated = case.model.estimated
    key, of_draws = jax.random.split(jax.random.fold_in(jax.random.key(1), seed))
    data = None
    while data is None:
        key, of_truth, of_data = jax.random.split(key, 3)
        values = posterior.constrain_fn(posterior.sample_prior(of_truth, 1)[0])
        truth = {n: float(values[n]) for n in estimated}
        try:
            data = case.make(case, truth, of_data)
        except estim.SolutionError as error:
            print(f"{name}, seed {seed}: drawn again, {error}", flush=True)
    posterior = replace(posterior, data=posterior_of(case, data).data)
    draws = estim.sample(posterior, rng_key=of_draws, num_chains=1, **case.sampling)
    values = jax.vmap(posterior.constrain_fn)(draws.position.reshape(-1, draws.position.shape[-1]))
    tail = (1 - BAND) / 2
    bands = {n: np.quantile(values[n], [tail, 1 - tail]) for n in estimated}
    return {n: bool(low <= truth[n] <= high) for n, (low, high) in bands.items()}


def main(directory="runs/nonlinear_coverage", num=NUM_DATA_SETS, *names):
    fill(directory, names or tuple(CASES), covered, int(num))


if __name__ == "__main__":
    main(*sys.argv[1:])
