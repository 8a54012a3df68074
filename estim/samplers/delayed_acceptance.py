"""Delayed acceptance: a cheap approximation proposes, the posterior decides."""

import jax
import jax.numpy as jnp

from estim.arguments import Positive
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning, accept, as_draw
from estim.samplers.random_walk import build_random_walk
from estim.samplers.states import Evaluated, State, evaluate
from estim.typing import Key, Scalar


def build_delayed_acceptance(
    posterior: Posterior,
    tuning: Tuning,
    *,
    approximation: Posterior,
    num_inner: Positive = 10,
) -> SamplingAlgorithm:
    """Metropolis steps on an approximation, then one test against the posterior. Exact.

    `num_inner` random-walk steps that leave the approximation q invariant lead from x to x'; as
    they are reversible with respect to q, x' is accepted with probability
        min(1, p(x') q(x) / (p(x) q(x'))),
    at the cost of one evaluation of p (Liu 2001, section 9.4.3; with one inner step, Christen and
    Fox 2005). Where q has no density but p has, the chain cannot go: q should be the wider.

    Args:
        approximation: a cheap posterior on the same positions, a surrogate's say.
    """
    inner = build_random_walk(approximation, tuning)
    exact = Evaluated(
        posterior.evaluate_fn, posterior.sequential
    )  # nothing that it prepares would be used again

    def step(rng_key: Key, state: State) -> tuple[State, Info]:
        key_inner, key_accept = jax.random.split(rng_key)
        start = inner.init(state.position)

        def move(now: State, key: Key) -> tuple[State, Scalar]:
            after, info = inner.step(key, now)
            return after, info.acceptance_rate

        end, inner_rate = jax.lax.scan(move, start, jax.random.split(key_inner, num_inner))
        evaluation, proposal = evaluate(exact, end.position)
        log_ratio = proposal.logdensity - state.logdensity + start.logdensity - end.logdensity
        log_ratio = jnp.where(jnp.isnan(log_ratio), -jnp.inf, log_ratio)
        accepted = jnp.log(jax.random.uniform(key_accept, dtype=state.position.dtype)) < log_ratio
        new_state = accept(accepted, proposal, state)
        return new_state, Info(
            draws=as_draw(new_state),
            evaluations=jax.tree.map(lambda leaf: leaf[None], evaluation),
            acceptance_rate=jnp.mean(inner_rate),
            stats={"accepted": accepted, "acceptance_rate_outer": jnp.exp(jnp.minimum(log_ratio, 0.0))},
        )

    return SamplingAlgorithm(lambda position: evaluate(exact, position)[1], step)
