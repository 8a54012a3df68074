"""Kernels that move the cheap components of a position more often than the expensive ones.

On a posterior with a `Split`, a step is one move of all components, then several moves of the fast
components alone, with the slow ones fixed and what they enter taken from the state.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning
from estim.samplers.states import Evaluated, State
from estim.typing import Array, Key, Position

Build = Callable[..., SamplingAlgorithm]


def with_fast_moves(build: Build) -> Build:
    """``build(posterior, tuning, **settings)`` of a gradient-free kernel, made to use the posterior's split.

    A move of all components is followed by ``split.fast_moves`` of the fast ones, all by kernels that
    `build` makes. Exact where these are: the first leaves the posterior p(slow, fast) invariant; a fast
    one leaves the conditional p(fast | slow) invariant and does not touch `slow`, so p too; and
    kernels in turn leave invariant what each does (Tierney 1994). What the state carries of the
    preparation is a function of its position. The step's draws are those of its last move, its
    acceptance rate is that of the move of all; without a split the kernel is `build`'s own.
    Source: Neal (2005) and Lewis (2013) on fast and slow parameters.
    """

    @wraps(build)
    def build_with_fast_moves(posterior: Posterior, tuning: Tuning, **settings: Any) -> SamplingAlgorithm:
        whole = build(posterior, tuning, **settings)
        if posterior.split is None:
            return whole

        def step(rng_key: Key, state: State) -> tuple[State, Info]:
            key_whole, key_fast = jax.random.split(rng_key)
            state, info = whole.step(key_whole, state)
            return _move_fast(lambda p, t: build(p, t, **settings), posterior, tuning, key_fast, state, info)

        return SamplingAlgorithm(whole.init, step)

    return build_with_fast_moves


def _move_fast(
    build: Build, posterior: Posterior, tuning: Tuning, rng_key: Key, state: State, info: Info
) -> tuple[State, Info]:
    """Go on from `state`, which a move with `info` led to, by moves of the fast components."""
    split = posterior.split
    assert split is not None
    slow = np.array(split.slow)
    fast = np.setdiff1d(np.arange(state.position.size), slow)

    def evaluate(x: Position) -> Evaluations:
        """At the fast components x."""
        return posterior.evaluate_given(state.position.at[fast].set(x), state.given)._replace(position=x)

    kernel = build(
        Evaluated(evaluate, posterior.sequential), conditional_tuning(tuning, state.position, slow, fast)
    )
    now = State(state.position[fast], state.loglikelihood, state.logprior)
    now, moves = jax.lax.scan(
        lambda now, key: kernel.step(key, now), now, jax.random.split(rng_key, split.fast_moves)
    )

    def completed(points: Evaluations) -> Evaluations:
        """With the slow components put back."""
        everywhere = jnp.broadcast_to(state.position, (*points.position.shape[:-1], state.position.size))
        return points._replace(position=everywhere.at[..., fast].set(points.position))

    tried = completed(jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), moves.evaluations))
    return State(
        state.position.at[fast].set(now.position), now.loglikelihood, now.logprior, state.given
    ), Info(
        draws=completed(jax.tree.map(lambda x: x[-1], moves.draws)),
        evaluations=jax.tree.map(lambda *x: jnp.concatenate(x), info.evaluations, tried),
        acceptance_rate=info.acceptance_rate,
        stats=info.stats | {"acceptance_rate_fast": jnp.mean(moves.acceptance_rate)},
    )


def conditional_tuning(tuning: Tuning, position: Array, slow: np.ndarray, fast: np.ndarray) -> Tuning:
    """The Gaussian sketch of the fast components given the slow ones at `position`.

    With the slow components first, the covariance has the Cholesky factor [[L_ss, 0], [L_fs, L_ff]]: the
    conditional mean is m_f + L_fs L_ss^-1 (x_s - m_s), the conditional covariance L_ff L_ff'. The step
    grows by the square root of the ratio of dimensions, as the best step of a random walk does.
    """
    order = np.concatenate([slow, fast])
    scale_tril = jnp.asarray(tuning.scale_tril)[order]
    factor, n = jnp.linalg.cholesky(scale_tril @ scale_tril.T), len(slow)
    mean = jnp.asarray(tuning.mean)
    z = jax.scipy.linalg.solve_triangular(factor[:n, :n], (position - mean)[slow], lower=True)
    step_size = tuning.step_size * np.sqrt(len(order) / len(fast))
    return Tuning(mean[fast] + factor[n:, :n] @ z, factor[n:, n:], jnp.asarray(step_size))
