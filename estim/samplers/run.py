"""`sample`: chains of any algorithm, in chunks of steps, spread over the devices of the machine.

The key of a step depends on ``rng_key``, the number of the step and the chain alone, so that
neither the length of the chunks nor an interruption changes a draw.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import jax
import numpy as np

from estim.arguments import NonNegative, Positive, check, checked
from estim.devices import device_mesh, takes_turns
from estim.pace import Pace
from estim.posterior import Posterior
from estim.progress import Progress
from estim.runtime import available_memory, require_own_runtime
from estim.samplers.adaptation import Adaptation, adapt, begun_from, init_adaptation, window_lengths
from estim.samplers.base import Draws, Info, SamplerError, SamplingAlgorithm, Tuning, count_failures
from estim.samplers.chains import build_advance
from estim.samplers.first_approximation import first_approximation
from estim.samplers.joining import Chunk, to_draws
from estim.samplers.mode import Laplace
from estim.samplers.multiple_proposal import default_num_proposals
from estim.samplers.particles import PopulationState
from estim.samplers.registry import Algorithm, Spread, algorithm_named, require_gradient
from estim.samplers.starting_points import require_superchains, starting_states
from estim.samplers.transport import straight
from estim.stopping import stop_is_asked
from estim.typing import Array, Key

SECONDS_PER_CHUNK = 1.0
_CAPACITY = 1024
_FIRST_CHUNK = 1
_BUFFER = 2**28  # bytes: of what the steps of one call say
_KEEP_AFTER = 60.0  # seconds after which the steps of a window that is not complete are kept


class RunState(NamedTuple):
    """All that a run needs to go on: a pytree of arrays, to be saved leaf by leaf.

    ``chains``: kernel states, leading axis ``[chain]``; ``step``: steps taken, warm-up included; ``window``: `Info` of
    the steps of a window of warm-up that is not complete, leading axes ``[step, chain]``.
    """

    chains: Any
    tuning: Tuning
    adaptation: Adaptation
    step: Any
    window: Any = None


@checked
def sample(
    posterior: Posterior,
    algorithm: str,
    rng_key: Key,
    *,
    num_samples: Positive = 1000,
    num_chains: Positive = 4,
    num_warmup: NonNegative = 500,
    thin_evaluations: Positive = 1,
    **settings: Any,
) -> Draws:
    """Draws from a posterior.

    Args:
        posterior: what is sampled.
        rng_key: all that is random comes from it.
        num_chains: independent chains, or runs of a population.
        algorithm: a name in `estim.samplers.registry.ALGORITHMS`.
        num_samples: draws a chain after warm-up; of a population, particles a run.
        num_warmup: steps of adaptation a chain, which are not kept (a population has none).
        thin_evaluations: keep the evaluated points of every so many steps.
        settings: the algorithm's own, and the further arguments of `sample_chunks`: ``laplace``,
            ``initial_positions``, ``num_superchains``, ``progress``, ``spread``.

    Ctrl-C ends the run and returns the draws that are finished; a population has none before its last temperature.

    Returns:
        The draws after warm-up, with everything that was evaluated.

    Raises:
        ArgumentError: an unknown algorithm or setting, or a value out of its range.
        SamplerError: a starting point without a density, or starting points of a wrong shape; more draws than
            there is memory for.
    """
    points = (
        num_samples * num_chains * (1 + math.ceil((settings.get("num_proposals") or 1) / thin_evaluations))
    )
    if (needed := 8 * points * (len(posterior.start) + 3)) > (available := available_memory()):
        raise SamplerError(
            f"{num_chains:,} chains of {num_samples:,} draws and the points evaluated for them are {needed:,} bytes, "
            f"and this machine has {available:,}: ask for fewer, or for a thin_evaluations above {thin_evaluations}"
        )
    chunks: list[Any] = []
    run = sample_chunks(
        posterior,
        algorithm,
        rng_key,
        num_samples=num_samples,
        num_chains=num_chains,
        num_warmup=num_warmup,
        **settings,
    )
    try:
        chunks.extend(chunk for _, chunk in run)
    except KeyboardInterrupt:
        if not any(chunk.phase == "sample" for chunk in chunks):
            raise
    return to_draws(posterior, chunks, num_samples, thin_evaluations)._replace(posterior=posterior)


def sample_chunks(
    posterior: Posterior,
    algorithm: str,
    rng_key: Key,
    *,
    num_samples: int,
    num_chains: int,
    num_warmup: int,
    laplace: Laplace | Callable[[], Laplace] | None = None,
    initial_positions: Array | None = None,
    num_superchains: int = 0,
    progress: Progress | None = None,
    spread: Spread = "chains",
    earlier: Sequence[np.ndarray] | None = None,
    state: RunState | PopulationState | Sequence[np.ndarray] | None = None,
    **settings: Any,
) -> Iterator[tuple[Any, Any]]:
    """The run of `sample`, a chunk at a time, each with the state from which the run can go on.

    Args:
        laplace: Gaussian approximation for starting points and the first tuning; found here
            where it is not given. A function that returns it is called when the steps are compiled,
            so that another thread can look for it meanwhile.
        initial_positions: ``[chain, dim]``; scattered at twice the width of `laplace` by default. A population, which
            begins from draws of the prior, has no use for either.
        num_superchains: points at which chains begin, neighbours together, for `nested_rhat`; it divides `num_chains`.
            Each chain at a point of its own where it is zero.
        progress: told after every chunk the phase, and the steps of all chains that are done and in all.
        spread: what is divided among the devices: ``"chains"`` or, with ``mpmh`` and an
            expensive density, ``"proposals"``.
        earlier: leaves of the `RunState` that another run of this algorithm ended with, on a posterior that is near:
            its step size, metric and transport map are the first ones here.
        state: go on from here: a `RunState`, or its leaves (``jax.tree.leaves``) as
            they were saved. The draws that follow are those of an uninterrupted run, bit for bit.

    Yields `RunState` and `Chunk`; of a population `PopulationState` and `PopulationChunk`.
    """
    require_own_runtime()
    row = algorithm_named(algorithm, settings)
    require_gradient(algorithm, posterior)
    check(spread, Spread, "spread")
    if row.drive is not None:
        if initial_positions is not None or spread != "chains":
            raise SamplerError(
                f"{algorithm} begins from draws of the prior: it takes no initial_positions, no spread"
            )
        settings |= {"num_samples": num_samples, "num_chains": num_chains}
        yield from row.drive(posterior, rng_key, state=state, progress=progress, **settings)
        return
    shape = (num_chains, len(posterior.start))
    if initial_positions is not None and np.shape(initial_positions) != shape:
        raise SamplerError(
            f"initial_positions has shape {np.shape(initial_positions)}; it must be {shape}, a position for each chain"
        )
    require_superchains(num_superchains, num_chains)
    given = {"posterior": posterior} | {n: v for n, v in settings.items() if isinstance(v, Posterior)}
    fixed = {n: v for n, v in settings.items() if n not in given}
    if spread == "chains":
        mesh = device_mesh(num_chains, jax.local_devices())
    else:
        mesh = device_mesh(settings.get("num_proposals") or default_num_proposals(), jax.devices())
        fixed["mesh"] = mesh
    build = partial(row.build, **given, **fixed)
    num_steps = num_warmup + math.ceil(num_samples / settings.get("num_draws", 1))
    windows = window_lengths(num_warmup)
    capacity = _capacity(num_chains, len(posterior.start), settings)
    target_acceptance = row.target_acceptance(**settings)

    failures, seconds = Counter[str](), defaultdict[str, float](float)
    sequential = takes_turns(row.unequal or posterior.sequential)
    settled = tuple(sorted(fixed.items(), key=itemgetter(0)))
    advance = build_advance(row.build, settled, mesh, capacity, spread == "chains", sequential)
    advance = partial(advance, given, rng_key, np.arange(num_chains))
    blank = _blank_state(row, build, posterior, num_chains)
    with _timed(seconds, "compile"):
        _, nothing = advance(blank.chains, blank.tuning, 0, 0)
        blank = blank._replace(window=_on_host(nothing, 0))
        del nothing

    if isinstance(state, RunState):
        now = state
    elif state is not None:
        now = jax.tree.unflatten(jax.tree.structure(blank), state)
    else:
        if callable(laplace):
            laplace = laplace()
        with _timed(seconds, "mode"):
            laplace = laplace or first_approximation(posterior, rng_key)
        tuning = laplace.tuning(row.first_step_size(len(laplace.mode)))._replace(
            transport=blank.tuning.transport
        )
        adaptation = init_adaptation(laplace.mode, laplace.scale_tril)
        if (learnt := _learnt_earlier(earlier, blank)) is not None:
            tuning, adaptation = learnt
        with _timed(seconds, "compile"):
            chains, failures = starting_states(
                posterior,
                build(tuning=tuning),
                rng_key,
                num_chains,
                laplace,
                initial_positions,
                num_superchains,
            )
        now = RunState(chains, tuning, adaptation, np.array(0), blank.window)

    ends, pace = np.cumsum(windows), Pace(capacity, _FIRST_CHUNK, SECONDS_PER_CHUNK)
    kept: list[Info] = []  # of the window, since the last chunk
    before = np.asarray(now.chains.position)
    while (step := int(now.step)) < num_steps:
        stopping = stop_is_asked()
        window = int(np.searchsorted(ends, step, side="right"))
        warming_up = window < len(ends)
        phase = "warmup" if warming_up else "sample"
        if not stopping:
            end = int(ends[window]) if warming_up else num_steps
            count = pace.next(end - step)
            begun = time.perf_counter()
            with _timed(seconds, phase):
                chains, info = advance(now.chains, now.tuning, step, count)
                info = _on_host(info, count)
            pace.took(count, time.perf_counter() - begun)
            kept.append(info)
            step += count
            now = now._replace(chains=chains, step=np.array(step))
            failures += count_failures(info.evaluations.status)
            if warming_up and step < end and seconds[phase] < _KEEP_AFTER:
                continue
        if kept:
            info = _joined(kept)
            whole = _joined([now.window, info]) if warming_up else info
            if warming_up and step == ends[window]:
                last = step == num_warmup
                tuning, adaptation = adapt(
                    now.tuning, now.adaptation, whole, target_acceptance, last=last, law=row.law
                )
                now = now._replace(tuning=tuning, adaptation=adaptation, window=blank.window)
            elif warming_up:
                now = now._replace(window=whole)
            rate = len(info.acceptance_rate) / seconds[phase]
            yield now, Chunk(phase, info, before, failures, seconds)
            kept, before = [], np.asarray(now.chains.position)
            failures, seconds = Counter[str](), defaultdict[str, float](float)
            if progress is not None:
                first, last_step = (0, num_warmup) if warming_up else (num_warmup, num_steps)
                progress(
                    phase,
                    num_chains * (step - first),
                    num_chains * (last_step - first),
                    f"{num_chains * rate:,.0f} steps/s, acceptance {np.mean(info.acceptance_rate):.2f}",
                )
        if stopping:
            raise KeyboardInterrupt


def _capacity(num_chains: int, dim: int, settings: dict[str, Any]) -> int:
    """The longest call: as many steps as say no more than `_BUFFER` bytes, so far as that can be known beforehand."""
    points = 1 + (settings.get("num_proposals") or 1)
    return max(min(_CAPACITY, _BUFFER // (8 * (dim + 3) * points * num_chains)), 1)


def _joined(parts: Sequence[Info]) -> Info:
    """The steps of all parts, one after another."""
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *rows: np.concatenate(rows), *parts)


def _on_host(info: Info, count: int) -> Info:
    """The first `count` rows, copied, so that the buffers behind them are let go."""
    return jax.tree.map(lambda rows: np.array(np.asarray(rows)[:count]), info)


def _blank_state(
    row: Algorithm, build: Callable[..., SamplingAlgorithm], posterior: Posterior, num_chains: int
) -> RunState:
    """A `RunState` of the right structure, shapes and types, in which nothing is learnt yet."""
    dim = len(posterior.start)
    leading = dim - sum(len(latent.names) for latent in posterior.parameters.latents)
    bend = straight(dim, leading) if row.uses_gradient else None
    tuning = Tuning(np.zeros(dim), np.eye(dim), np.ones(()), np.ones(()), bend)
    one = jax.eval_shape(build(tuning=tuning).init, posterior.start)
    chains = jax.tree.map(lambda leaf: np.zeros((num_chains, *leaf.shape), leaf.dtype), one)
    return RunState(chains, tuning, init_adaptation(tuning.mean, tuning.scale_tril), np.array(0))


def _learnt_earlier(
    earlier: Sequence[np.ndarray] | None, blank: RunState
) -> tuple[Tuning, Adaptation] | None:
    """Of the leaves of a state; None where there are none, or they are of another algorithm or dimension."""
    if earlier is None or len(earlier) != len(jax.tree.leaves(blank)):
        return None
    state = jax.tree.unflatten(jax.tree.structure(blank), earlier)
    shapes = lambda tuning: [np.shape(leaf) for leaf in jax.tree.leaves(tuning)]
    if shapes(state.tuning) != shapes(blank.tuning):
        return None
    return state.tuning, begun_from(state.adaptation)


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[phase] += time.perf_counter() - begun
