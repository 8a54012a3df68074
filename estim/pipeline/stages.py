"""Stages of a run besides its routes and its surrogate: the mode, and what the model says at the draws."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import random

from estim.experiment import Experiment, ExperimentError
from estim.pipeline.evidence import populations
from estim.posterior import Posterior
from estim.progress import Progress
from estim.results.analysis import thin
from estim.results.contents import count_draws, finished_routes, read_route
from estim.results.implications import Implied, implications
from estim.results.over_draws import Estimated
from estim.results.store import RunDirectory
from estim.samplers.constrain import constrain, unconstrain
from estim.samplers.first_approximation import first_approximation
from estim.samplers.mode import Laplace, find_mode, laplace_approximation
from estim.samplers.states import first_gradient_state
from estim.specification import Specification
from estim.typing import Key

_NUM_PRIOR_DRAWS = 4000
_NUM_IMPLIED = 200
SAID = "implications.json"
"""Written when all that the model says is there: what is left out, and why."""
_SAME_DENSITY = 1e-6
"""Of the log-posterior at the mode: far above rounding on another machine, far below what a changed model does."""


def find_laplace(
    run: RunDirectory, posterior: Posterior, num_starts: int, step: float, rng_key: Key, progress: Progress
) -> Laplace:
    """The posterior mode and the Gaussian around it, and the prior's draws for the figures."""
    if not (run.has("mode.npz") and run.has("prior.npz")):
        progress("posterior mode", 0, 1, "")
        with run.timed("posterior mode"):
            key_mode, key_prior = random.split(rng_key)
            if posterior.gradient == "exact" and not posterior.parameters.latents:
                mode = find_mode(posterior, key_mode, num_starts=num_starts)
                laplace = laplace_approximation(posterior, mode, step=step)
                reached = {"logdensities": mode.logdensities, "listed": mode.heights}
            else:
                laplace = first_approximation(posterior, key_mode)
                reached = dict.fromkeys(("logdensities", "listed"), np.array([laplace.logdensity]))
            prior = posterior.sample_prior(key_prior, _NUM_PRIOR_DRAWS)
            run.write_arrays("prior.npz", {"params": constrain(posterior, prior)})
            params = constrain(posterior, laplace.mode[None])[0]
            run.write_arrays("mode.npz", {**laplace._asdict(), **reached, "params": params})
        progress("posterior mode", 1, 1, f"log-posterior {laplace.logdensity:.3f}")
    saved: dict[str, Any] = run.read_arrays("mode.npz")
    numbers = {name: float(saved[name]) for name in ("logdensity", "log_marginal_likelihood")}
    return Laplace(**{name: saved[name] for name in Laplace._fields} | numbers)


def require_same_density(run: RunDirectory, posterior: Posterior) -> None:
    """The log-posterior at the mode is what it was when the run found it: no names can change that unseen.

    Raises:
        ExperimentError: it is another number.
    """
    if not run.has("mode.npz"):
        return
    saved = run.read_arrays("mode.npz")
    then, now = float(saved["logdensity"]), np.nan
    if saved["mode"].shape == np.shape(posterior.start):
        now = float(first_gradient_state(posterior, jnp.asarray(saved["mode"])).logdensity)
    if not abs(now - then) <= _SAME_DENSITY * (1 + abs(then)):
        raise ExperimentError(
            f"{run.path} holds a run with another model: its log-posterior at the mode was {then:.8g} and is now "
            f"{now:.8g}. Put the model back as it was, or give another --out"
        )


def is_finished(run: RunDirectory, experiment: Experiment) -> bool:
    """Whether all but the report is there."""
    last = ["mode.npz", "prior.npz", SAID]
    last += ["surrogate/certificate.json", "proposals.npz"] if experiment.surrogate else []
    last += ["evidence.json"] if populations(experiment.routes) else []
    drawn = (count_draws(run, name) >= route.num_samples for name, route in experiment.routes.items())
    return all(map(run.has, last)) and all(drawn)


def say_implications(
    run: RunDirectory,
    model: Specification,
    posterior: Posterior,
    data: pd.DataFrame,
    trained_on: tuple[str, ...],
    rng_key: Key,
) -> None:
    """What the model says: responses at draws of every route, all else at those of the first; and what is left out.

    Routes that a surrogate learnt from come last: they may have been run for that alone.
    """
    if run.has(SAID):
        return
    routes = sorted(finished_routes(run), key=lambda name: name in trained_on)
    params = [read_route(run, name).params for name in routes]
    num = min(_NUM_IMPLIED, *(p.shape[0] * p.shape[1] for p in params))
    picked = [thin(p.reshape(-1, p.shape[-1]), num).astype(float) for p in params]
    before = thin(run.read_arrays("prior.npz")["params"], num)
    *positions, prior = (unconstrain(posterior, values) for values in (*picked, before))
    drawn = Estimated(model, posterior, data, picked[0])
    left_out: dict[str, str] = {}
    with run.timed("what the model says"):
        given = Implied(drawn, dict(zip(routes, positions, strict=True)), prior, rng_key)
        for name, found in implications(given):
            if isinstance(found, str):
                left_out[name] = found
            else:
                run.write_arrays(f"{name}.npz", found)
    run.write_json(SAID, {"left_out": left_out})
