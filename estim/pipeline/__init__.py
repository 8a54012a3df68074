"""The pipeline: an experiment becomes a run directory with a report in it.

    model, data ─▶ posterior ─▶ mode ─▶ routes ─▶ draws ──────────────────────────┐
                                          │ every evaluated point                 ├─▶ report
                                          └─▶ surrogate ─▶ draws ─▶ certificate, ─┘
                                                                 correction

Each stage looks first whether the directory holds its result: to run an experiment and to resume
it is the same call. A stage's random numbers depend on the seed and on its own name alone.
"""

import resource
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pandas as pd

from estim.experiment import Experiment, ExperimentError
from estim.model import Model
from estim.pipeline import learning
from estim.pipeline.routes import sample_routes
from estim.posterior import Posterior, build_posterior, household_parameters
from estim.progress import Progress, silent
from estim.results.analysis import constrain, implications, thin, unconstrain
from estim.results.contents import finished_routes, read_route
from estim.results.describe import describe_environment, describe_model
from estim.results.report import write_report
from estim.results.store import RunDirectory
from estim.runtime import release_memory
from estim.samplers.mode import Laplace, find_mode, laplace_approximation
from estim.typing import Key

_STEP, _WIDE_STEP = 1e-3, 0.3
"""Of the Laplace approximation; wide where household parameters are estimated, whose log-likelihood has small kinks."""
_NUM_PRIOR_DRAWS = 4000
_NUM_RESPONSES = 200


def run_experiment(experiment: Experiment, out: str | Path, progress: Progress = silent) -> RunDirectory:
    """Run an experiment, or go on with it, in the directory `out`, and write its report.

    Ctrl-C (KeyboardInterrupt) passes through; what was finished before stays in `out`, and the
    next call goes on from there to the same draws, bit for bit.

    Raises:
        ExperimentError: `out` holds a different experiment, or a setting is unknown.
        DataError, ModelError, SolutionError, SamplerError: as their messages say.
    """
    model, data, run = experiment.load_model(), experiment.load_data(), RunDirectory(out)
    _begin(run, experiment, model, data.to_csv(float_format="%.17g"))
    with _clocked(run):
        _estimate(run, experiment, model, data, progress)
    _finish(run)
    return run


def _estimate(
    run: RunDirectory, experiment: Experiment, model: Model, data: pd.DataFrame, progress: Progress
) -> None:
    """All stages but the report."""
    with run.timed("setting up"):
        posterior = build_posterior(model, data, **experiment.likelihood)

    def key(stage: str) -> Key:
        return jax.random.fold_in(jax.random.key(experiment.seed), zlib.crc32(stage.encode()))

    step = _WIDE_STEP if household_parameters(model) else _STEP
    find_laplace = partial(_mode, run, posterior, experiment.num_starts, step, key("mode"), progress)
    laplace = sample_routes(run, posterior, find_laplace, experiment.routes, key, progress)
    release_memory()
    settings = experiment.surrogate
    teachers = settings.train_on if settings else ()
    with ThreadPoolExecutor(1) as thread:  # beside the surrogate: one compiles while the other computes
        if settings:
            sliced = thread.submit(learning.slice_exact, run, posterior, laplace)
            surrogate = learning.train(run, posterior, settings, key("train"), progress)
            learning.sample(run, posterior, surrogate, settings, key("surrogate"), progress)
            sliced.result()
            release_memory()
        said = thread.submit(_implications, run, model, posterior, data, teachers)
        if settings:
            learning.certify(run, posterior, surrogate, settings, key("certify"), progress)
            learning.compare(run, posterior, surrogate, laplace, settings.train_on[0])
        said.result()


@contextmanager
def _clocked(run: RunDirectory) -> Iterator[None]:
    """Add the wall time of what is done within to that of earlier calls, whatever ends it."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        environment = run.read_json("environment.json")
        seconds = environment.get("seconds", 0.0) + time.perf_counter() - begun
        run.write_json("environment.json", environment | {"seconds": seconds})


def _begin(run: RunDirectory, experiment: Experiment, model: Model, data: str) -> None:
    """Write down what the run depends on, or make sure that it has not changed.

    Raises:
        ExperimentError: the directory holds a run of other settings, another model file or other data.
    """
    settings = experiment.settings()
    source = Path(experiment.source).read_text() if settings["own_model"] and experiment.source else None
    if run.has("settings.json"):
        for name, there, here in (
            ("settings", run.read_json("settings.json"), settings),
            ("model file", run.read_text("model.py") if run.has("model.py") else None, source),
            ("data", run.read_text("data.csv"), data),
        ):
            if there != here:
                raise ExperimentError(
                    f"{run.path} holds a run with other {name}: give another --out, or remove it"
                )
        return
    if source is not None:
        run.write_text("model.py", source)
    run.write_text("data.csv", data)
    run.write_json("model.json", describe_model(model))
    run.write_json("environment.json", describe_environment())
    run.write_json("timings.json", {})
    run.write_json("settings.json", settings)


def _mode(
    run: RunDirectory, posterior: Posterior, num_starts: int, step: float, rng_key: Key, progress: Progress
) -> Laplace:
    """The posterior mode and the Gaussian around it, and the prior's draws for the figures."""
    if not run.has("mode.npz"):
        progress("posterior mode", 0, 1, "")
        with run.timed("posterior mode"):
            key_mode, key_prior = jax.random.split(rng_key)
            mode = find_mode(posterior, key_mode, num_starts=num_starts)
            laplace = laplace_approximation(posterior, mode, step=step)
            prior = posterior.sample_prior(key_prior, _NUM_PRIOR_DRAWS)
            run.write_arrays("prior.npz", {"params": constrain(posterior, prior)})
            params = constrain(posterior, laplace.mode[None])[0]
            reached = {"logdensities": mode.logdensities, "listed": mode.heights}
            run.write_arrays("mode.npz", {**laplace._asdict(), **reached, "params": params})
        progress("posterior mode", 1, 1, f"log-posterior {laplace.logdensity:.3f}")
    saved = run.read_arrays("mode.npz")
    numbers = {name: float(saved[name]) for name in ("logdensity", "log_marginal_likelihood")}
    return Laplace(**{name: saved[name] for name in Laplace._fields} | numbers)


def _implications(
    run: RunDirectory, model: Model, posterior: Posterior, data: pd.DataFrame, teachers: tuple[str, ...]
) -> None:
    """What the model says: impulse responses at draws of every route, decompositions at those of the first.

    Routes that a surrogate learnt from come last: they may have been run for that alone.
    """
    if run.has("decompositions.npz"):
        return
    routes = sorted(finished_routes(run), key=lambda name: name in teachers)
    params = [read_route(run, name).params for name in routes]
    num = min(_NUM_RESPONSES, *(p.shape[0] * p.shape[1] for p in params))
    picked = unconstrain(posterior, np.stack([thin(p.reshape(-1, p.shape[-1]), num) for p in params]))
    with run.timed("what the model says"):
        responses, parts = implications(model, posterior, picked, data.to_numpy())
    run.write_arrays("impulse_responses.npz", dict(zip(routes, responses, strict=True)))
    run.write_arrays("decompositions.npz", parts)


def _finish(run: RunDirectory) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    run.write_json("environment.json", run.read_json("environment.json") | {"peak_memory_mib": round(peak)})
    with run.timed("report"):
        write_report(run)
