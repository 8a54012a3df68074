"""Posteriors of models for the study of certificates: short samples that a model made itself, truth by long chains.

A problem is a number. A model's parameters are drawn from its prior, a sample from the model at these parameters; the
truth comes from NUTS, four chains until the smallest effective size is ENOUGH.
"""

from contextlib import suppress
from typing import NamedTuple

import arviz
import jax
import numpy as np
import pandas as pd
from certificate_problems import FRESH, POINTS, Problem, teach

import estim
from estim import analysis
from estim.samplers.constrain import constrain
from estim.surrogate.estimates import margins

FIRST = 300
"""Number of the first of them (and FRESH more than it); those before are of closed form."""

ENOUGH = 20_000


class Kind(NamedTuple):
    family: str
    model: str
    periods: tuple[int, int]
    num_samples: int


KINDS = (
    *(Kind("short sample", "hansen_1985", (20, 60), 4_000) for _ in range(7)),
    *(Kind("household model", "krusell_smith_1998", (40, 80), 6_500) for _ in range(3)),
)
"""Each for an even and for an odd number."""

NUM_MODELS = 2 * len(KINDS)


def make_model_problem(number: int) -> Problem:
    """Problem `number`, FIRST or more."""
    kind, key = KINDS[(number % FRESH - FIRST) // 2], jax.random.key(number)
    model = estim.load_model(kind.model)
    keys = jax.random.split(key, 4)
    periods = int(jax.random.randint(keys[0], (), *kind.periods))
    solution = _solved_at_a_draw_of_the_prior(model, keys[1])
    y = analysis.simulate(solution, keys[2], periods)
    data = pd.DataFrame(np.asarray(y), columns=model.observables._fields)
    posterior = estim.build_posterior(model, data)
    draws = estim.sample(
        posterior, "nuts", keys[3], num_samples=kind.num_samples, num_warmup=500, num_chains=4
    )
    chains = np.asarray(draws.position, float)
    if (least := min(float(arviz.ess(one)) for one in np.moveaxis(chains, -1, 0))) < ENOUGH:
        raise RuntimeError(
            f"problem {number}: {least:.0f} effective draws, {ENOUGH} are wanted: raise num_samples"
        )
    dim = chains.shape[-1]
    truth = margins(constrain(posterior, chains.reshape(-1, dim))).figures
    kept = chains[:, :: chains.shape[1] // (POINTS // 8)][:, : POINTS // 8]
    points = teach(posterior, kept.reshape(-1, dim), POINTS, jax.random.key(number))
    return Problem(number, kind.family, False, False, dim, posterior, truth, kept, points)


def _solved_at_a_draw_of_the_prior(model: estim.Model, rng_key):
    """At the first of some draws that has a solution."""
    nothing = pd.DataFrame(np.zeros((2, len(model.observables._fields))), columns=model.observables._fields)
    prior = estim.build_posterior(model, nothing)
    for position in prior.sample_prior(rng_key, 100):
        values = {name: float(v) for name, v in prior.constrain_fn(position).items()}
        with suppress(estim.SolutionError):
            return estim.solve(model, model.params(values))
    raise RuntimeError(f"{model.name}: none of 100 draws of the prior has a solution")
