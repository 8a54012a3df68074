"""The routes of a run: samplers of the exact posterior, a chunk of draws after another.

A route that needs what the run makes, as delayed acceptance needs the surrogate, is run once that is there.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from estim.evaluations import Evaluations
from estim.experiment import Route
from estim.posterior import Posterior
from estim.progress import Progress
from estim.results.contents import count_draws, flatten
from estim.results.store import RunDirectory
from estim.samplers.base import Draws, Info
from estim.samplers.constrain import constrain
from estim.samplers.joining import Chunk, to_draws
from estim.samplers.mode import Laplace
from estim.samplers.particles import PopulationChunk, PopulationState
from estim.samplers.run import RunState, sample_chunks
from estim.typing import Key


def sample_route(
    run: RunDirectory,
    posterior: Posterior,
    laplace: Callable[[], Laplace],
    name: str,
    route: Route,
    rng_key: Key,
    progress: Progress,
    made: Mapping[str, Posterior],
    num_points: int = 0,
) -> None:
    """The draws of one route, a chunk after another, from where the directory left off.

    Args:
        laplace: called when the steps are compiled: the mode may be sought meanwhile.
        made: what settings of the route stand for, by setting.
        num_points: about how many of its evaluations something learns from; only these are kept.
    """
    if count_draws(run, name) >= route.num_samples:
        return

    chunks = sample_chunks(
        posterior,
        route.algorithm,
        rng_key,
        num_samples=route.num_samples * route.thin,
        num_chains=route.num_chains,
        num_warmup=route.num_warmup,
        laplace=laplace,
        state=_saved_state(run, name),
        progress=of_route(progress, name),
        **{**route.settings, **made, **_beginning(run, name, route)},
    )
    drawn = sum(int(n) for chunk in run.read_chunks(name, "num_draws") for n in chunk.values())
    for state, chunk in chunks:
        arrays = _chunk_arrays(posterior, state, chunk)
        if not num_points:
            arrays = {k: v for k, v in arrays.items() if not k.startswith(_POINTS)}
        if not isinstance(chunk, PopulationChunk) and "params" in arrays:
            arrays = _thinned(arrays, route, drawn, num_points, chunk.info.evaluations.status.shape)
            drawn += int(arrays["num_draws"])
        run.append_chunk(name, arrays)


_DRAWS, _POINTS = ("params", "loglikelihood", "logprior", "stats."), "evaluations."


def _thinned(
    arrays: dict[str, np.ndarray], route: Route, drawn: int, num_points: int, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """What is kept of a chunk after `drawn` draws of each chain: those whose number `thin` divides, and the evaluations
    ``[step, chain, ...]`` of so many steps, evenly spread, that there will be about `num_points`. No chunk matters."""
    num, steps = arrays["params"].shape[1], shape[0]
    draws_a_step, points_a_step = num // steps, int(np.prod(shape[1:]))
    draws = (drawn + 1 + np.arange(num)) % route.thin == 0
    every = route.num_samples * route.thin // draws_a_step * points_a_step // max(num_points, 1)
    taught = np.repeat((drawn // draws_a_step + np.arange(steps)) % max(every, 1) == 0, points_a_step)
    kept = {
        k: v[:, draws] if k.startswith(_DRAWS) else v[taught] if k.startswith(_POINTS) else v
        for k, v in arrays.items()
    }
    return kept | {"num_draws": np.asarray(num)}


_PHASES = {"warmup": "warm-up", "temper": "tempering", "sample": "sampling"}


def of_route(progress: Progress, name: str) -> Progress:
    """What is told of a phase, told of that phase of the route `name`."""
    return lambda phase, *rest: progress(f"{name}: {_PHASES.get(phase, phase)}", *rest)


def _chunk_arrays(
    posterior: Posterior, state: RunState | PopulationState, chunk: Chunk | PopulationChunk
) -> dict[str, np.ndarray]:
    """A chunk as named arrays: what it cost, the state after it and, after warm-up, its draws."""
    arrays = {f"state.{i:03d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    arrays |= flatten(chunk.failures, "failures") | flatten(chunk.seconds, "seconds")
    if isinstance(chunk, PopulationChunk):
        draws = chunk.draws
        evaluations: Evaluations | None = chunk.evaluations
        num = chunk.evaluations.status.size
    else:
        draws = to_draws(posterior, [chunk], sys.maxsize) if chunk.phase == "sample" else None
        evaluations, num = draws.evaluations if draws else None, _num_evaluations(chunk.info)
    arrays |= {"num_evaluations": np.asarray(num)} | flatten(evaluations, "evaluations")
    return arrays if draws is None else arrays | draw_arrays(posterior, draws)


def _num_evaluations(info: Info) -> int:
    """Of the posterior: the leapfrog steps where a kernel counts them, for it may not keep every point."""
    return int(np.sum(info.stats["n_steps"])) if "n_steps" in info.stats else info.evaluations.status.size


def draw_arrays(posterior: Posterior, draws: Draws) -> dict[str, np.ndarray]:
    """Draws in the model's units; the log-density is the sum of its parts and not kept beside them."""
    stats = {name: values for name, values in draws.stats.items() if name != "lp"}
    arrays = {"params": constrain(posterior, draws.position)} | flatten(stats, "stats")
    return arrays | {"loglikelihood": draws.loglikelihood, "logprior": draws.logprior}


def begun_file(name: str) -> str:
    """What a route begins from, where the run was begun from another: ``position`` ``[chain, dim]``, unconstrained, and
    the leaves of the sampler's last state there."""
    return f"begun/{name}.npz"


def _beginning(run: RunDirectory, name: str, route: Route) -> dict[str, Any]:
    """Where the chains begin, if it is not each by itself around the mode."""
    groups = {"num_superchains": route.num_superchains} if route.num_superchains else {}
    if not run.has(begun_file(name)):
        return groups
    saved = run.read_arrays(begun_file(name))
    leaves = [leaf for key, leaf in saved.items() if key != "position"]
    return groups | {"initial_positions": saved["position"], "earlier": leaves}


def _saved_state(run: RunDirectory, name: str) -> list[np.ndarray] | None:
    """The leaves of the sampler's state after the last finished chunk."""
    chunks = run.chunks(name)
    return list(run.read_arrays(chunks[-1], "state.").values()) if chunks else None
