"""A step of Metropolis on a surrogate by a tile of chains: a few float32 matrix products.

Beside the random walk there are steps that stretch a position away from, or towards, the centre, z' = e^s z, which
are accepted with probability min(1, e^(s dim) p(z')/p(z)). Where tails are polynomial a random walk hardly goes there,
nor comes home from them (Jarner and Roberts 2007), but log |z| has exponential tails (Johnson and Geyer 2012).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.networks.mlp import NetworkParams
from estim.numerics import many_normals
from estim.surrogate.fit import correction
from estim.surrogate.scaling import Scaling, base_loglikelihood
from estim.typing import Array, Key, LogDensity

RADIAL_EVERY = 8
"""The last of so many steps stretches; where draws are kept more often, so many on average."""

RADIAL_SCALE = 3.67
"""Standard deviation of s times sqrt(dim): a normal density accepts 23.4 % of such steps, as of the walk's."""


class TileState(NamedTuple):
    """Where a tile of chains is: whitened positions ``[tile, dim]`` and what is known there ``[tile]``."""

    z: Array
    loglikelihood: Array
    logprior: Array


class Move(NamedTuple):
    """How chains move: the Cholesky factor ``[dim, dim]`` of the proposals' covariance, and the temperature."""

    proposal_tril: Array
    temperature: Array


class TileDraw(NamedTuple):
    """One thinned draw of a tile; ``acceptance_rate`` is the average over the steps behind it."""

    position: Array
    loglikelihood: Array
    logprior: Array
    acceptance_rate: Array


def tile_loglikelihood(scaling: Scaling, network: NetworkParams, z: Array) -> Array:
    """The surrogate's log-likelihood of whitened positions ``[tile, dim]``, in float32, less its intercept.

    A log-likelihood of several hundred would cost float32 its last digits, so the constant is added
    after sampling, in float64.
    """
    return base_loglikelihood(scaling, z) + jnp.mean(correction(scaling, network, z), axis=0)


def build_tile(
    logprior_fn: LogDensity, scaling: Scaling, network: NetworkParams
) -> tuple[Callable, Callable]:
    """``start(z) -> TileState`` and ``step(rng_key, state, move) -> (state, accepted)``, all in float32."""

    def start(z: Array) -> TileState:
        position = scaling.center[None, :] + z @ scaling.scale.T
        logprior = jax.vmap(logprior_fn)(position.astype(float)).astype(jnp.float32)
        return TileState(z, tile_loglikelihood(scaling, network, z), logprior)

    def step(
        rng_key: Key, state: TileState, move: Move, stretch: Array | None = None
    ) -> tuple[TileState, Array]:
        """Of the random walk; where `stretch` is given and true one along the way to the centre."""
        key_proposal, key_accept = jax.random.split(rng_key)
        noise = many_normals(key_proposal, state.z.shape, jnp.float32)
        z, volume = state.z + noise @ move.proposal_tril.T, jnp.zeros_like(state.logprior)
        if stretch is not None:
            s = RADIAL_SCALE / math.sqrt(z.shape[1]) * noise[:, 0]
            z = jnp.where(stretch, jnp.exp(s)[:, None] * state.z, z)
            volume = jnp.where(stretch, z.shape[1] * s, volume)
        proposal = start(z)
        log_ratio = (proposal.loglikelihood - state.loglikelihood) + (proposal.logprior - state.logprior)
        log_ratio += move.temperature * volume
        # log U with U uniform is minus an exponential variable; a NaN ratio is never accepted.
        accepted = (
            -move.temperature * jax.random.exponential(key_accept, log_ratio.shape, jnp.float32) < log_ratio
        )
        return jax.tree.map(
            lambda new, old: jnp.where(accepted.reshape(-1, *[1] * (new.ndim - 1)), new, old), proposal, state
        ), accepted

    return start, step
