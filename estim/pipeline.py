"""The pipeline: an experiment becomes a run directory with a report in it.

    model, data ─▶ posterior ─▶ mode ─▶ routes ─▶ draws ──────────────────────────┐
                                          │ every evaluated point                 ├─▶ report
                                          └─▶ surrogate ─▶ draws ─▶ certificate ──┘

Each stage looks first whether the directory holds its result: to run an experiment and to resume
it is the same call. A stage's random numbers depend on the seed and on its own name alone.
"""

import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import jax
import numpy as np
import pandas as pd

from estim.evaluations import Evaluations
from estim.experiment import Experiment, ExperimentError, Route, SurrogateRoute
from estim.model import Model
from estim.posterior import Posterior, build_posterior
from estim.progress import Progress, silent
from estim.results.analysis import (
    constrain,
    decompositions,
    draw_impulse_responses,
    posterior_slices,
    thin,
    unconstrain,
)
from estim.results.contents import count_draws, finished_routes, read_evaluations, read_route
from estim.results.describe import describe_environment, describe_model
from estim.results.report import write_report
from estim.results.store import RunDirectory, flatten
from estim.samplers.base import Draws
from estim.samplers.mode import Laplace, find_mode, laplace_approximation
from estim.samplers.run import Chunk, RunState, sample_chunks, to_draws
from estim.surrogate.certify import Certificate, certify
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior
from estim.surrogate.fit import Surrogate, fit_surrogate, surrogate_from_arrays, surrogate_to_arrays
from estim.surrogate.recipe import get_recipe
from estim.surrogate.sample import sample_surrogate
from estim.typing import Key

_NUM_PRIOR_DRAWS = 4000
_NUM_RESPONSES = 200
_NUM_CHECKED = 2000
_NUM_SHOWN = 20_000


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
    posterior = build_posterior(model, data, **experiment.likelihood)

    def key(stage: str) -> Key:
        return jax.random.fold_in(jax.random.key(experiment.seed), zlib.crc32(stage.encode()))

    laplace = _mode(run, posterior, experiment.num_starts, key("mode"), progress)
    _sample_routes(run, posterior, laplace, experiment, key, progress)
    if experiment.surrogate:
        surrogate = _train(run, posterior, experiment.surrogate, key("train"), progress)
        _sample_surrogate(run, posterior, surrogate, experiment.surrogate, key("surrogate"), progress)
        _certify(run, posterior, surrogate, experiment.surrogate, key("certify"), progress)
        _compare(run, posterior, surrogate, laplace, experiment.surrogate.train_on[0])
    _implications(run, model, posterior, data)
    _finish(run)
    return run


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
    run: RunDirectory, posterior: Posterior, num_starts: int, rng_key: Key, progress: Progress
) -> Laplace:
    """The posterior mode and the Gaussian around it, and the prior's draws for the figures."""
    if not run.has("mode.npz"):
        progress("posterior mode", 0, 1, "")
        with _timed(run, "posterior mode"):
            key_mode, key_prior = jax.random.split(rng_key)
            laplace = laplace_approximation(posterior, find_mode(posterior, key_mode, num_starts=num_starts))
            prior = posterior.sample_prior(key_prior, _NUM_PRIOR_DRAWS)
            run.write_arrays("prior.npz", {"params": constrain(posterior, prior)})
            params = constrain(posterior, laplace.mode[None])[0]
            run.write_arrays("mode.npz", {**laplace._asdict(), "params": params})
        progress("posterior mode", 1, 1, f"log-posterior {laplace.logdensity:.3f}")
    saved = run.read_arrays("mode.npz")
    return Laplace(
        saved["mode"],
        saved["scale_tril"],
        float(saved["logdensity"]),
        float(saved["log_marginal_likelihood"]),
    )


def _sample_routes(
    run: RunDirectory,
    posterior: Posterior,
    laplace: Laplace,
    experiment: Experiment,
    key: Callable[[str], Key],
    progress: Progress,
) -> None:
    """As many routes at a time as there are devices: while one compiles, another samples.

    If one fails, or on Ctrl-C, all stop.
    """
    stopped = Event()

    def watched(what: str, done: int, total: int, remark: str = "") -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        progress(what, done, total, remark)

    with ThreadPoolExecutor(len(jax.local_devices())) as threads:
        routes = [
            threads.submit(_sample_route, run, posterior, laplace, name, route, key(name), watched)
            for name, route in experiment.routes.items()
        ]
        try:
            for route in as_completed(routes):
                route.result()
        except BaseException:
            stopped.set()
            raise


def _sample_route(
    run: RunDirectory,
    posterior: Posterior,
    laplace: Laplace,
    name: str,
    route: Route,
    rng_key: Key,
    progress: Progress,
) -> None:
    """The draws of one route, a chunk after another, from where the directory left off."""
    if count_draws(run, name) >= route.num_samples:
        return

    def report(phase: str, done: int, total: int, acceptance: float, rate: float) -> None:
        what = {"warmup": f"{name}: warm-up", "sample": f"{name}: sampling"}[phase]
        progress(what, done, total, f"{rate:,.0f} steps/s, acceptance {acceptance:.2f}")

    chunks = sample_chunks(
        posterior,
        route.algorithm,
        rng_key,
        num_samples=route.num_samples,
        num_chains=route.num_chains,
        num_warmup=route.num_warmup,
        laplace=laplace,
        state=_saved_state(run, name),
        progress=report,
        **route.settings,
    )
    for state, chunk in chunks:
        run.append_chunk(name, _chunk_arrays(posterior, state, chunk))


def _chunk_arrays(posterior: Posterior, state: RunState, chunk: Chunk) -> dict[str, np.ndarray]:
    """A chunk as named arrays: what it cost, the state after it and, after warm-up, its draws."""
    arrays = {f"state.{i:03d}": leaf for i, leaf in enumerate(jax.tree.leaves(state))}
    arrays |= flatten(chunk.failures, "failures") | flatten(chunk.seconds, "seconds")
    arrays["num_evaluations"] = np.asarray(chunk.info.evaluations.status.size)
    if chunk.phase == "sample":
        draws = to_draws(posterior, [chunk], sys.maxsize)
        arrays |= _draw_arrays(posterior, draws) | flatten(draws.evaluations, "evaluations")
    return arrays


def _draw_arrays(posterior: Posterior, draws: Draws) -> dict[str, np.ndarray]:
    """Draws in the model's units; the log-density is the sum of its parts and not kept beside them."""
    stats = {name: values for name, values in draws.stats.items() if name != "lp"}
    arrays = {"params": constrain(posterior, draws.position)} | flatten(stats, "stats")
    return arrays | {"loglikelihood": draws.loglikelihood, "logprior": draws.logprior}


def _saved_state(run: RunDirectory, name: str) -> list[np.ndarray] | None:
    """The leaves of the sampler's state after the last finished chunk."""
    chunks = run.chunks(name)
    return list(run.read_arrays(chunks[-1], "state.").values()) if chunks else None


def _train(
    run: RunDirectory, posterior: Posterior, settings: SurrogateRoute, rng_key: Key, progress: Progress
) -> Surrogate:
    """The network, trained on what a route has evaluated."""
    if not run.has("surrogate/network.npz"):

        def report(epoch: int, num_epochs: int, train_loss: float, validation_loss: float) -> None:
            progress("surrogate: training", epoch, num_epochs, f"validation loss {validation_loss:.2e}")

        evaluated = [read_evaluations(run, name) for name in settings.train_on]
        thinned = [{k: thin(v, settings.max_points) for k, v in e.items()} for e in evaluated]
        evaluations = concatenate_evaluations(*(Evaluations(**e) for e in thinned))
        recipe = replace(get_recipe(settings.recipe), **settings.settings)
        with _timed(run, "surrogate: training"):
            surrogate = fit_surrogate(posterior, evaluations, rng_key, recipe=recipe, progress=report)
        run.write_arrays("surrogate/network.npz", surrogate_to_arrays(surrogate))
    return surrogate_from_arrays(posterior, run.read_arrays("surrogate/network.npz"))


def _sample_surrogate(
    run: RunDirectory,
    posterior: Posterior,
    surrogate: Surrogate,
    settings: SurrogateRoute,
    rng_key: Key,
    progress: Progress,
) -> None:
    """Many chains on the network; quick enough to be made in one piece."""
    if run.chunks("surrogate"):
        return

    def report(phase: str, done: int, total: int, acceptance: float) -> None:
        what = {"warmup": "surrogate: warm-up", "sample": "surrogate: sampling"}[phase]
        progress(what, done, total, f"acceptance {acceptance:.2f}")

    draws = sample_surrogate(
        surrogate,
        rng_key,
        num_samples=settings.num_samples,
        num_chains=settings.num_chains,
        num_warmup=settings.num_warmup,
        thin=settings.thin,
        progress=report,
    )
    arrays = _draw_arrays(posterior, draws) | flatten(draws.seconds, "seconds")
    run.append_chunk("surrogate", {**arrays, "num_evaluations": np.asarray(0)})


def _certify(
    run: RunDirectory,
    posterior: Posterior,
    surrogate: Surrogate,
    settings: SurrogateRoute,
    rng_key: Key,
    progress: Progress,
) -> None:
    """The certificate, and the errors at points of the surrogate's chain."""
    if run.has("surrogate/certificate.json"):
        return
    progress("surrogate: certificate", 0, 1, "")
    with _timed(run, "surrogate: certificate"):
        position: Any = unconstrain(posterior, read_route(run, "surrogate").params)
        certificate = certify(
            posterior, surrogate, position, rng_key, num_evaluations=settings.num_certificate
        )
        points = thin(position.reshape(-1, position.shape[-1]), _NUM_CHECKED).astype(float)
        exact, learnt = (evaluate_posterior(p, points).logdensity for p in (posterior, surrogate.posterior))
    run.write_arrays("surrogate/check.npz", {"exact": exact, "surrogate": learnt})
    run.write_json("surrogate/certificate.json", _plain(certificate))
    progress("surrogate: certificate", 1, 1, certificate.verdict)


def _plain(certificate: Certificate) -> dict[str, Any]:
    """The certificate as JSON knows it: an estimate is a value and an error, what is not finite is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(v) for v in value]
        return None if isinstance(value, float) and not np.isfinite(value) else value

    return {name: plain(value) for name, value in certificate._asdict().items()}


def _compare(
    run: RunDirectory, posterior: Posterior, surrogate: Surrogate, laplace: Laplace, train_on: str
) -> None:
    """What the figures of the surrogate show: slices through the mode, points proposed and accepted."""
    if run.has("proposals.npz"):
        return
    run.write_arrays("slices.npz", posterior_slices(posterior, surrogate.posterior, laplace))
    proposed = read_evaluations(run, train_on)["position"]
    accepted = read_route(run, train_on).params
    run.write_arrays(
        "proposals.npz",
        {
            "proposed": constrain(posterior, thin(proposed, _NUM_SHOWN)),
            "accepted": thin(accepted.reshape(-1, accepted.shape[-1]), _NUM_SHOWN),
        },
    )


def _implications(run: RunDirectory, model: Model, posterior: Posterior, data: pd.DataFrame) -> None:
    """What the model says: impulse responses at draws of every route, decompositions at those of the first."""
    if run.has("decompositions.npz"):
        return
    routes = finished_routes(run)
    params = [read_route(run, name).params for name in routes]
    num = min(_NUM_RESPONSES, *(p.shape[0] * p.shape[1] for p in params))
    picked = np.stack([thin(p.reshape(-1, p.shape[-1]), num) for p in params])
    picked = unconstrain(posterior, picked)
    with _timed(run, "impulse responses"):
        responses = draw_impulse_responses(model, posterior, picked)
    run.write_arrays("impulse_responses.npz", dict(zip(routes, responses, strict=True)))
    with _timed(run, "decompositions"):
        parts = decompositions(model, posterior, picked[0], data.to_numpy())
    run.write_arrays("decompositions.npz", parts)


def _finish(run: RunDirectory) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    run.write_json("environment.json", run.read_json("environment.json") | {"peak_memory_mib": round(peak)})
    with _timed(run, "report"):
        write_report(run)


@contextmanager
def _timed(run: RunDirectory, stage: str) -> Iterator[None]:
    """Note in ``timings.json`` how many seconds a stage took."""
    begun = time.perf_counter()
    yield
    run.write_json("timings.json", run.read_json("timings.json") | {stage: time.perf_counter() - begun})
