"""All chains advanced by a number of steps: the one compiled function of a run."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from estim.devices import AXIS
from estim.samplers.base import Info, SamplingAlgorithm
from estim.typing import Array, Key

Advance = Callable[[dict[str, Any], Key, Any, Any, Any, Any, Any], tuple[Any, Info]]


@lru_cache(maxsize=16)
def build_advance(
    build: Callable[..., SamplingAlgorithm],
    settings: tuple[tuple[str, Any], ...],
    mesh: Mesh,
    capacity: int,
    spread_chains: bool,
    sequential: bool = False,
) -> Advance:
    """``(given, rng_key, chain_ids, states, tuning, step, count) -> (states, info)``, compiled on first use.

    The kernel is ``build(tuning=tuning, **given, **settings)``, with posteriors among ``given``: those that differ in
    their data alone are advanced by one program. Takes `count` steps, beginning with the one numbered `step`, of
    chains whose states have the leading axis ``[chain]``; `count` is an ordinary argument, so that one program
    serves every length up to `capacity`. The leading axes of `info` are ``[capacity, chain]``, and
    rows from `count` on mean nothing. The key of a step is ``rng_key`` folded with its number
    and the chain's. With `spread_chains` each device of `mesh` runs its share of the chains
    and does not wait for the others; without, the kernel itself uses the mesh. The chains of a
    device step together, or, `sequential`, one after the other: trajectories of different lengths
    then do not wait for the longest.
    """

    chains, same = PartitionSpec(AXIS if spread_chains else None), PartitionSpec()
    on_mesh = partial(jax.tree.map, lambda spec: NamedSharding(mesh, spec))
    inputs = (same, same, chains, chains, same, same, same)
    outputs = (chains, PartitionSpec(None, *chains))

    @lru_cache(maxsize=16)
    def program(structure: Any) -> Callable[..., tuple[Any, Info]]:
        """For one kind of `given`, of which JAX sees the arrays alone, see `compiled_by_structure`."""

        @jax.jit  # inside the loop it is traced once, for its shapes and for its body
        def one_step(
            arrays: list[Array], rng_key: Key, chain_ids: Array, states: Any, tuning: Any, step: Array
        ) -> tuple[Any, Info]:
            keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(rng_key, step), chain_ids)
            step_one = build(tuning=tuning, **jax.tree.unflatten(structure, arrays), **dict(settings)).step
            if sequential:
                return jax.lax.map(lambda key_and_state: step_one(*key_and_state), (keys, states))
            return jax.vmap(step_one)(keys, states)

        def advance(
            arrays: list[Array],
            rng_key: Key,
            chain_ids: Array,
            states: Any,
            tuning: Any,
            step: Array,
            count: Array,
        ) -> tuple[Any, Info]:
            def body(i: Array, carry: tuple[Any, Info]) -> tuple[Any, Info]:
                states, infos = carry
                states, info = one_step(arrays, rng_key, chain_ids, states, tuning, step + i)
                return states, jax.tree.map(lambda rows, row: rows.at[i].set(row), infos, info)

            _, row = jax.eval_shape(one_step, arrays, rng_key, chain_ids, states, tuning, step)
            infos = jax.tree.map(lambda leaf: jnp.zeros((capacity, *leaf.shape), leaf.dtype), row)
            return jax.lax.fori_loop(0, count, body, (states, infos))

        spread: Callable[..., tuple[Any, Info]] = advance
        if spread_chains:
            spread = jax.shard_map(advance, mesh=mesh, in_specs=inputs, out_specs=outputs, check_vma=False)
        return jax.jit(spread, in_shardings=on_mesh(inputs), out_shardings=on_mesh(outputs))

    def place_and_advance(
        given: dict[str, Any], rng_key: Key, chain_ids: Any, states: Any, *rest: Any
    ) -> tuple[Any, Info]:
        """States are put where they belong first: elsewhere they would have another type to JAX."""
        arrays, structure = jax.tree.flatten(given)
        states = jax.device_put(states, on_mesh(chains))
        return program(structure)(arrays, rng_key, chain_ids, states, *rest)

    return place_and_advance
