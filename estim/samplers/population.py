"""Populations advanced piece by piece: how a kernel of many particles (`estim.samplers.smc`) is run.

A temperature of many particles can be minutes of work. So it is divided: blocks of particles are moved, some
moves in a compiled call, about a second each, and between two calls the run can be stopped, and later go on. The key
of a move depends on ``rng_key``, the run, the temperature, the number of the move and the particle alone, so that
neither the length of the calls nor an interruption changes a draw.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from estim.devices import batch_size, device_mesh, map_positions, takes_turns
from estim.evaluations import Evaluations
from estim.pace import Pace
from estim.posterior import Posterior
from estim.progress import Progress
from estim.samplers.base import SamplerError, count_failures
from estim.samplers.chains import build_advance
from estim.samplers.particles import PopulationChunk, PopulationState, draws_of, logprior_at, no_points
from estim.samplers.smc import (
    SMCState,
    as_given,
    begin_temperature,
    build_tempered,
    end_temperature,
    evaluate_from_initial,
    first_population,
    moves_of,
)
from estim.samplers.states import State
from estim.status import Status
from estim.stopping import stop_is_asked
from estim.typing import Key

_MOST_BATCHES = 100  # of first draws, in search of as many with a solution as there are particles
_BLOCK = 512  # particles of one device in a call; few where they are moved one after another
_BUFFER = 2**27  # bytes: of what the moves of one call say
_KEEP_AFTER = 30.0  # seconds after which what was evaluated is kept though the temperature is not finished

_begin = jax.jit(begin_temperature)
_end = jax.jit(end_temperature)
_first = jax.jit(first_population)


def sample_populations(
    posterior: Posterior,
    rng_key: Key,
    *,
    num_samples: int,
    num_chains: int,
    state: PopulationState | Sequence[np.ndarray] | None = None,
    progress: Progress | None = None,
    num_mutations: int | None = None,
    ess_fraction: float = 0.5,
) -> Iterator[tuple[PopulationState, PopulationChunk]]:
    """Independent runs of `estim.samplers.smc`, a chunk at a time, each with the state from which it can go on.

    Args:
        posterior: what is sampled; one that is better evaluated one point after another is.
        rng_key: of all runs.
        num_samples: particles of each run.
        num_chains: runs, one after another; particles are divided among the devices.
        state: go on from here: a `PopulationState` or its leaves as they were saved. What follows is what an
            uninterrupted run would give, bit for bit.
        progress: called after every chunk.
        num_mutations: see `estim.samplers.smc.build_smc`.
        ess_fraction: see there.

    Raises:
        SamplerError: among a hundred times `num_samples` first draws fewer than `num_samples` have a density.
        KeyboardInterrupt: it was asked to stop; what was done has been given before.
    """
    if num_samples < 2:
        raise SamplerError(f"smc: num_samples={num_samples}; a population has two particles or more")
    work = _Work(posterior, num_samples, moves_of(posterior, num_mutations), ess_fraction)
    blank = work.blank(num_chains)
    if isinstance(state, PopulationState):
        now = jax.tree.map(np.array, state)
    elif state is not None:
        now = jax.tree.map(np.array, jax.tree.unflatten(jax.tree.structure(blank), state))
    else:
        now = blank
    work.compile(rng_key, blank)
    for chain in range(num_chains):
        key = jax.random.fold_in(rng_key, chain)
        run = _Run.of(now, chain)
        while not run.is_done(num_samples):
            if not (stopping := stop_is_asked()):
                run = work.go_on(key, run)
            finished = run.is_done(num_samples)
            if stopping or finished or run.is_between(num_samples) or work.seconds_since() > _KEEP_AFTER:
                run.put(now, chain)
                if not (finished and chain == num_chains - 1):  # the last chunk is below
                    yield jax.tree.map(np.array, now), work.chunk("temper")
                    _tell(progress, now, work)
            if stopping:
                raise KeyboardInterrupt
    evaluated = work.chunk("sample")
    yield now, evaluated._replace(draws=draws_of(posterior, now))
    _tell(progress, now, work)


class _Run(NamedTuple):
    """One chain of a `PopulationState`."""

    population: SMCState
    tried: int
    found: int

    @classmethod
    def of(cls, state: PopulationState, chain: int) -> "_Run":
        population = jax.tree.map(lambda leaf: leaf[chain], state.populations)
        return cls(population, int(state.tried[chain]), int(state.found[chain]))

    def put(self, state: PopulationState, chain: int) -> None:
        """Into the arrays of `state`."""

        def assign(rows: np.ndarray, row: Any) -> None:
            rows[chain] = row

        jax.tree.map(assign, state, PopulationState(self.population, self.tried, self.found))

    def is_between(self, num_samples: int) -> bool:
        """Two temperatures."""
        return self.found == num_samples and bool(self.population.moved == 0)

    def is_done(self, num_samples: int) -> bool:
        now = self.population
        return self.is_between(num_samples) and bool(now.stage > 0 and now.phi >= 1.0)


class _Work:
    """What runs share: the compiled programs, the sizes of calls, and what was evaluated since the last chunk."""

    def __init__(self, posterior: Posterior, num: int, num_moves: int, ess_fraction: float):
        self.posterior, self.num, self.num_moves, self.ess_fraction = posterior, num, num_moves, ess_fraction
        devices, sequential = jax.local_devices(), takes_turns(posterior.sequential)
        most = (1 if sequential else _BLOCK) * len(devices)
        self.block = min(most, -(-num // len(devices)) * len(devices))
        self.num_blocks = -(-num // self.block)
        self.dim = len(posterior.start)
        row = 16 * (self.dim + 3) * self.block
        self.capacity = max(1, min(num_moves, _BUFFER // row))
        mesh = device_mesh(self.block, devices)
        advance = build_advance(build_tempered, (), mesh, self.capacity, True, sequential)
        self.advance = partial(advance, {"posterior": posterior})
        self.batch = batch_size(posterior.sequential)
        self.pace, self.first_pace = Pace(self.capacity), Pace(num)
        self.rate: float = 0.0
        self._evaluated: list[Evaluations] = []
        self._failures = Counter[str]()
        self._seconds: dict[str, float] = {}
        self._batch: tuple[bytes, int, np.ndarray] | None = None
        self._begun = time.perf_counter()

    def compile(self, rng_key: Key, blank: PopulationState) -> None:
        """The long program, before its first call is timed."""
        one = _Run.of(blank, 0).population
        some = jax.tree.map(lambda rows: np.repeat(rows[:1], self.block, axis=0), one.particles)
        self.advance(rng_key, np.arange(self.block), some, (one.tuning, one.phi), 0, 0)
        self._seconds["compile"], self._begun = self.seconds_since(), time.perf_counter()

    def blank(self, num_chains: int) -> PopulationState:
        none: Any = np.zeros(self.num)
        nothing = State(np.zeros((self.num, self.dim)), none, none)  # type: ignore[arg-type]
        each = [np.asarray(leaf) for leaf in jax.tree.leaves(_first(nothing))]
        populations = jax.tree.unflatten(
            jax.tree.structure(_first(nothing)), [np.repeat(leaf[None], num_chains, axis=0) for leaf in each]
        )
        return PopulationState(populations, np.zeros(num_chains, int), np.zeros(num_chains, int))

    def go_on(self, rng_key: Key, run: _Run) -> _Run:
        """One compiled call further."""
        key_first, key_temperatures = jax.random.split(rng_key)
        if run.found < self.num:
            return self._first_draws(key_first, run)
        key_resample, key_move = jax.random.split(
            jax.random.fold_in(key_temperatures, int(run.population.stage) - (run.population.moved > 0))
        )
        now = run.population
        if now.moved == 0:
            now = _on_host(_begin(key_resample, now, self.ess_fraction))
        now = self._move(key_move, now)
        if now.moved == self.num_blocks * self.num_moves:
            self.rate = float(now.accepted / (self.num * self.num_moves))
            now = _on_host(_end(now, self.num * self.num_moves))
        return run._replace(population=now)

    def _first_draws(self, rng_key: Key, run: _Run) -> _Run:
        """Evaluate some more draws of the initial distribution, and keep those with a density."""
        index, begin = divmod(run.tried, self.num)
        if index == _MOST_BATCHES:
            raise self._too_few(run)
        positions = self._initial(rng_key, index)
        count = min(self.batch * self.first_pace.next(self.num), self.num - begin)
        begun = time.perf_counter()
        found = map_positions(
            evaluate_from_initial,
            self.posterior,
            positions[begin : begin + count],
            sequential=self.posterior.sequential,
        )
        self.first_pace.took(max(count // self.batch, 1), time.perf_counter() - begun)
        self._evaluated.append(found)
        self._failures += count_failures(found.status)
        (finite,) = np.nonzero(np.isfinite(found.logdensity))
        kept = finite[: self.num - run.found]
        particles = jax.tree.map(np.array, run.population.particles)
        for rows, new in zip(particles[:3], found[:3], strict=True):
            rows[run.found : run.found + len(kept)] = new[kept]
        population, now_found = run.population._replace(particles=particles), run.found + len(kept)
        if now_found == self.num:
            last = run.tried + kept[-1]  # counted from zero
            share = np.log((self.num - 1) / last)
            population = _on_host(_first(particles))._replace(log_evidence=np.asarray(share))
        return _Run(population, run.tried + count, now_found)

    def _initial(self, rng_key: Key, index: int) -> np.ndarray:
        """A batch of first draws ``[num, dim]``; the last one is at hand."""
        name = np.asarray(jax.random.key_data(rng_key)).tobytes()
        if self._batch is None or self._batch[:2] != (name, index):
            drawn = self.posterior.initial.sample(jax.random.fold_in(rng_key, index), self.num)
            self._batch = (name, index, np.asarray(drawn))
        return self._batch[2]

    def _move(self, rng_key: Key, now: SMCState) -> SMCState:
        """Some moves of one block."""
        block, first_move = divmod(int(now.moved), self.num_moves)
        begin = block * self.block
        size = min(self.block, self.num - begin)
        ids = np.arange(begin, begin + self.block)
        some = jax.tree.map(lambda rows: rows[np.minimum(ids, self.num - 1)], now.particles)
        count, begun = self.pace.next(self.num_moves - first_move), time.perf_counter()
        states, info = self.advance(rng_key, ids, some, (now.tuning, now.phi), first_move, count)
        moved = _on_host(states)
        self.pace.took(count, time.perf_counter() - begun)
        particles = jax.tree.map(np.array, now.particles)
        jax.tree.map(
            lambda rows, new: rows.__setitem__(slice(begin, begin + size), new[:size]), particles, moved
        )
        accepted = np.asarray(now.accepted)
        for rates in np.asarray(info.acceptance_rate)[:count, :size]:  # in this order, however long the calls
            accepted = accepted + np.sum(rates)
        self._evaluated.append(
            jax.tree.map(
                lambda rows: np.array(np.asarray(rows)[:count, :size].reshape(-1, *rows.shape[3:])),
                info.evaluations,
            )
        )
        return now._replace(
            particles=particles, accepted=accepted, moved=np.asarray(now.moved + count, now.moved.dtype)
        )

    def _too_few(self, run: _Run) -> SamplerError:
        reasons = {Status[name].message: n for name, n in self._failures.items()}
        return SamplerError(
            f"smc: {run.found} of {run.tried} draws of the prior have a density, too few for "
            f"{self.num} particles; of the others: {reasons}. Does the prior lie where the model has a solution?"
        )

    def seconds_since(self) -> float:
        """The last chunk."""
        return time.perf_counter() - self._begun

    def chunk(self, phase: str) -> PopulationChunk:
        """What was done since the last one."""
        evaluated = self._evaluated or [no_points(self.dim)]
        points = jax.tree.map(lambda *rows: np.concatenate(rows), *evaluated)
        points = as_given(points, logprior_at(self.posterior, points.position))
        seconds = dict(self._seconds) | {"temper": self.seconds_since()}
        self._evaluated, self._seconds, self._begun = [], {}, time.perf_counter()
        return PopulationChunk(phase, points, count_failures(points.status), seconds, None)


def _tell(progress: Progress | None, state: PopulationState, work: _Work) -> None:
    if progress is not None:
        phi = np.asarray(state.populations.phi)
        done = 100 * np.where(state.populations.moved == 0, phi, 0.99 * phi) ** 0.25
        progress("temper", int(np.sum(done)), 100 * len(phi), f"acceptance {work.rate:.2f}")


def _on_host(tree: Any) -> Any:
    return jax.tree.map(np.array, tree)
