"""Metropolis on a surrogate: hundreds of chains a device at once, draws kept in memory or streamed to disk.

The general random-walk kernel evaluates one float64 position at a time and keeps every proposal.
Here a step of a tile of chains is a few float32 matrix products and only thinned draws leave the
device: about ten times as fast, which is the point of a surrogate.
"""

import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.lib.format import open_memmap

from estim.arguments import NonNegative, Positive, PositiveReal, checked
from estim.devices import device_mesh, over, takes_turns
from estim.evaluations import Evaluations
from estim.networks.mlp import NetworkParams
from estim.progress import Progress
from estim.runtime import available_memory
from estim.samplers.base import Draws
from estim.stopping import raise_if_stopped
from estim.surrogate.dataset import whitened
from estim.surrogate.estimates import SUPERCHAIN, accept_probability
from estim.surrogate.fit import Surrogate
from estim.surrogate.scaling import Scaling
from estim.surrogate.tile import RADIAL_EVERY, Move, TileDraw, TileState, build_tile
from estim.typing import Array, Key, LogDensity

TILE = 256
"""Chains that step together: their activations stay in a core's cache."""

CHUNK_STEPS = 200
"""Steps of a chain in one call of the compiled function, rounded up to a whole draw."""

TILES_TOGETHER = 4
"""Tiles of a core in one call, at most: it should take no more than some seconds. An accelerator steps all at once."""

TARGET_ACCEPTANCE = 0.234
"""Roberts, Gelman and Gilks (1997)."""


def propose(rng_key: Key, current: np.ndarray, step_size: float | None = None) -> np.ndarray:
    """Proposals ``[n, dim]`` of the random walk from draws ``[n, dim]``: x' ~ N(x, step_size^2 * their covariance).

    Args:
        step_size: 2.38 / sqrt(dim) where None (Roberts, Gelman and Gilks 1997).
    """
    noise = np.asarray(jax.random.normal(rng_key, current.shape))
    step_size = _optimal_scale(current.shape[1]) if step_size is None else step_size
    return current + step_size * noise @ covariance_root(current).T


def tune_step(
    logdensity: Callable[[np.ndarray], np.ndarray], rng_key: Key, current: np.ndarray, log_p_hat: np.ndarray
) -> float:
    """The step of `propose` at which TARGET_ACCEPTANCE of the proposals are accepted, to which chains tune theirs.

    By bisection, with the same noise at every step, between 1/64 and 64 times 2.38 / sqrt(dim).

    Args:
        logdensity: positions ``[n, dim]`` -> the surrogate's log-density ``[n]``.
        log_p_hat: that of ``current`` ``[n, dim]``.
    """
    low, high = -6.0, 6.0
    for _ in range(12):
        middle = (low + high) / 2
        proposal = propose(rng_key, current, _optimal_scale(current.shape[1]) * 2**middle)
        accepted = accept_probability(log_p_hat, logdensity(proposal)).mean()
        low, high = (middle, high) if accepted > TARGET_ACCEPTANCE else (low, middle)
    return float(_optimal_scale(current.shape[1]) * 2 ** ((low + high) / 2))


def covariance_root(draws: np.ndarray) -> np.ndarray:
    """A root ``[dim, dim]`` of the covariance of draws ``[n, dim]``, singular where they do not move."""
    covariance = np.atleast_2d(np.cov(np.asarray(draws, float).T))
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0))


def _optimal_scale(dim: int) -> float:
    """Scale of a random walk relative to the target's covariance (Roberts, Gelman and Gilks 1997)."""
    return 2.38 / np.sqrt(dim)


@lru_cache(maxsize=8)
def _build_chunk(logprior_fn: LogDensity, mesh: Mesh, num_draws: int, thin: int) -> tuple[Callable, Callable]:
    """Compiled functions over all tiles ``[num_tiles, TILE, ...]``, shared among the devices of `mesh`.

    ``start_all(scaling, network, z)``, and ``chunk(scaling, network, keys, states, move) -> (states,
    draws)``, which takes `num_draws` draws, one every `thin` steps; draws are
    ``[num_tiles, num_draws, TILE, ...]``. What was learnt is an argument: a surrogate that is
    refined needs no new program.
    """

    def start_all(scaling: Scaling, network: NetworkParams, z: Array) -> TileState:
        return over(build_tile(logprior_fn, scaling, network)[0], sequential=True)(z)

    def chunk(
        scaling: Scaling, network: NetworkParams, keys: Key, states: TileState, move: Move
    ) -> tuple[TileState, TileDraw]:
        _, step = build_tile(logprior_fn, scaling, network)

        def one_step(carry: tuple[TileState, Array], key: Key) -> tuple[tuple[TileState, Array], None]:
            state, total = carry
            state, accepted = step(key, state, move)
            return (state, total + accepted), None

        def one_block(carry: tuple[TileState, Array], keys: Key) -> tuple[tuple[TileState, Array], None]:
            (state, total), _ = jax.lax.scan(one_step, carry, keys[:-1])
            stretch = jax.random.key_data(keys[0])[0] / 2**32 < thin / RADIAL_EVERY  # its words are uniform
            state, accepted = step(keys[-1], state, move, stretch)
            return (state, total + accepted), None

        def one_draw(state: TileState, key: Key) -> tuple[TileState, TileDraw]:
            carry = (state, jnp.zeros(state.loglikelihood.shape, jnp.float32))
            keys, block = jax.random.split(key, thin), min(thin, RADIAL_EVERY)
            rest = thin % block
            carry, _ = jax.lax.scan(one_block, carry, keys[rest:].reshape(-1, block))
            (state, total), _ = jax.lax.scan(one_step, carry, keys[:rest])
            position = scaling.center[None, :] + state.z @ scaling.scale.T
            return state, TileDraw(position, state.loglikelihood, state.logprior, total / thin)

        def one_tile(key: Key, state: TileState) -> tuple[TileState, TileDraw]:
            return jax.lax.scan(one_draw, state, jax.random.split(key, num_draws))

        return over(one_tile, sequential=True)(keys, states)

    tiles, same = PartitionSpec(mesh.axis_names), PartitionSpec()
    share = partial(jax.shard_map, mesh=mesh, check_vma=False)
    return (
        jax.jit(share(start_all, in_specs=(same, same, tiles), out_specs=tiles)),
        jax.jit(share(chunk, in_specs=(same, same, tiles, tiles, same), out_specs=tiles)),
    )


@checked
def sample_surrogate(
    surrogate: Surrogate,
    rng_key: Key,
    *,
    num_samples: Positive,
    num_chains: int = 2 * TILE,
    num_warmup: NonNegative = 2000,
    thin: Positive = 1,
    temperature: PositiveReal = 1.0,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Draws:
    """Random-walk Metropolis on the surrogate's posterior, whose prior is exact.

    Groups of SUPERCHAIN neighbouring chains begin at one point, so that `nested_rhat` sees whether they forgot it:
    every second group at one of the surrogate's `starts`, as far as these go, the others in a normal around its points.

    Args:
        surrogate: of `fit_surrogate`.
        rng_key: a JAX random key.
        num_samples: draws a chain, in all ``num_chains * num_samples * thin`` steps after warm-up.
        num_chains: a multiple of TILE.
        num_warmup: steps a chain before, in which the proposal adapts to all chains.
        thin: steps between draws.
        temperature: T of the target, the surrogate's posterior to the power 1/T; above one it is wider.
        out: a folder; draws are streamed into ``position.npy`` and so on there as they come, and
            the result maps those files. None keeps them in memory.
        progress: told the phase, and the draws a chain that are done and in all.

    Returns:
        Draws in float32, ``[chain, draw]`` first; no true posterior is evaluated, so its evaluations are empty.

    Raises:
        ValueError: `num_chains` is not a multiple of TILE, or the draws do not fit into memory.
    """
    if num_chains % TILE or num_chains <= 0:
        raise ValueError(f"num_chains={num_chains} is not a multiple of {TILE}")
    dim = surrogate.scaling.center.shape[0]
    needed, available = 4 * num_chains * num_samples * (dim + 3), available_memory()
    if out is None and needed > available:
        raise ValueError(
            f"{num_chains:,} chains of {num_samples:,} draws are {needed:,} bytes, and this machine has "
            f"{available:,}: ask for fewer, or stream them into a folder with `out`"
        )
    num_tiles = num_chains // TILE
    mesh = device_mesh(num_tiles, jax.local_devices())
    most = TILES_TOGETHER if takes_turns(sequential=True) else num_tiles
    together = mesh.size * max(n for n in range(1, most + 1) if num_tiles % (n * mesh.size) == 0)
    chunk_draws = -(-CHUNK_STEPS // thin)
    start_all, chunk = _build_chunk(surrogate.posterior.logprior_fn, mesh, chunk_draws, thin)
    learnt = (Scaling(*(jnp.asarray(leaf, jnp.float32) for leaf in surrogate.scaling)), surrogate.network)
    spread = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    key_start, key_warmup, key_sample = jax.random.split(rng_key, 3)

    def advance(key: Key, index: int, states: TileState, proposal_tril: np.ndarray):
        keys = jax.random.split(jax.random.fold_in(key, index), num_tiles)
        move = Move(jnp.asarray(proposal_tril, jnp.float32), jnp.asarray(temperature, jnp.float32))
        parts = []
        for begin in range(0, num_tiles, together):
            raise_if_stopped()
            some = jax.tree.map(lambda rows, i=begin: rows[i : i + together], (keys, states))
            parts.append(chunk(*learnt, *jax.device_put(some, spread), move))
            if begin + together < num_tiles:
                jax.block_until_ready(parts[-1])
        return parts[0] if len(parts) == 1 else jax.tree.map(lambda *rows: jnp.concatenate(rows), *parts)

    clock = time.perf_counter()
    z = np.array(jax.random.normal(key_start, (num_chains // SUPERCHAIN, dim), jnp.float32))
    if surrogate.starts is not None:
        scaling = surrogate.scaling
        far = whitened(np.asarray(scaling.center), np.asarray(scaling.scale), surrogate.starts)
        z[1::2][: len(far)] = far[: len(z) // 2]
    z = np.repeat(z, SUPERCHAIN, axis=0).reshape(num_tiles, TILE, dim)
    states = start_all(*learnt, jax.device_put(z, spread))
    proposal_tril, step_size = np.eye(dim), _optimal_scale(dim)
    rounds = -(-num_warmup // (chunk_draws * thin))
    for index in range(rounds):
        states, draws = advance(key_warmup, index, states, step_size * proposal_tril)
        acceptance = float(draws.acceptance_rate.mean())
        step_size *= np.exp(acceptance - TARGET_ACCEPTANCE)
        proposal_tril = covariance_root(np.asarray(states.z).reshape(-1, dim))
        if progress is not None:
            progress(
                "warmup", (index + 1) * chunk_draws, rounds * chunk_draws, f"acceptance {acceptance:.2f}"
            )
    seconds = {"warmup": time.perf_counter() - clock}

    clock = time.perf_counter()
    store = _open_store(out, num_chains, num_samples, dim)
    num_chunks = -(-num_samples // chunk_draws)
    pending = None
    for index in range(num_chunks + 1):
        following = None
        if index < num_chunks:  # the device works on the next chunk while the host stores the last
            states, following = advance(key_sample, index, states, step_size * proposal_tril)
        if pending is not None:
            begin = (index - 1) * chunk_draws
            _store_chunk(store, pending, begin, float(surrogate.scaling.intercept))
            if progress is not None:
                end = min(begin + chunk_draws, num_samples)
                acceptance = float(store["acceptance_rate"][:, begin:end].mean())
                progress("sample", end, num_samples, f"acceptance {acceptance:.2f}")
        pending = following
    seconds["sample"] = time.perf_counter() - clock
    return Draws(
        param_names=surrogate.posterior.param_names,
        position=store["position"],
        loglikelihood=store["loglikelihood"],
        logprior=store["logprior"],
        stats={"acceptance_rate": store["acceptance_rate"]},
        evaluations=Evaluations(jnp.zeros((0, dim)), jnp.zeros(0), jnp.zeros(0), jnp.zeros(0, jnp.int32)),
        seconds=seconds,
        failures={},
    )


def _open_store(out: Path | None, num_chains: int, num_samples: int, dim: int) -> dict[str, np.ndarray]:
    """Arrays ``[chain, draw, ...]`` to be filled, in memory or mapped to files in `out`."""
    shape = (num_chains, num_samples)
    shapes = {name: (*shape, dim) if name == "position" else shape for name in TileDraw._fields}
    if out is None:
        return {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
    out.mkdir(parents=True, exist_ok=True)
    return {
        name: open_memmap(out / f"{name}.npy", mode="w+", dtype=np.float32, shape=shape)
        for name, shape in shapes.items()
    }


def _store_chunk(store: dict[str, np.ndarray], draws: TileDraw, begin: int, intercept: float) -> None:
    """Writes draws ``[num_tiles, num_draws, TILE, ...]`` to the store from draw `begin` on, as far as it goes."""
    end = begin + draws.loglikelihood.shape[1]
    for name, leaf in draws._asdict().items():
        part = store[name][:, begin:end]
        chains_first = np.swapaxes(np.asarray(leaf), 1, 2)
        chains_first = chains_first.reshape(part.shape[0], -1, *part.shape[2:])[:, : part.shape[1]]
        part[:] = chains_first + intercept if name == "loglikelihood" else chains_first
