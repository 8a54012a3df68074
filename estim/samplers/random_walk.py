"""Random-walk Metropolis that keeps every proposed point."""

from functools import partial

import jax
import jax.numpy as jnp

from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning, accept, as_draw
from estim.samplers.states import Evaluated, State, evaluate, first_state
from estim.typing import Key, Scalar


def build_random_walk(
    posterior: Posterior | Evaluated, tuning: Tuning, *, inverse_temperature: float | Scalar = 1.0
) -> SamplingAlgorithm:
    """Random-walk Metropolis: x' ~ N(x, (step_size L)(step_size L)'), L = ``scale_tril``.

    Accepted with probability min(1, p(x')/p(x)); Info's ``evaluations`` carries x' with its
    log-likelihood, log-prior and status whether it was accepted or not. The target is
    p(x) = likelihood(x)^inverse_temperature prior(x); a number below one widens it.
    Source: Roberts, Gelman and Gilks (1997) for the scale 2.38/sqrt(dim).
    """

    def target(state: State) -> Scalar:
        tempered = inverse_temperature * state.loglikelihood
        return jnp.where(jnp.isfinite(state.loglikelihood), tempered, -jnp.inf) + state.logprior

    init = partial(first_state, posterior)

    def step(rng_key: Key, state: State) -> tuple[State, Info]:
        key_proposal, key_accept = jax.random.split(rng_key)
        noise = jax.random.normal(key_proposal, state.position.shape, state.position.dtype)
        evaluation, proposal = evaluate(
            posterior, state.position + tuning.step_size * (tuning.scale_tril @ noise)
        )
        log_ratio = target(proposal) - target(state)
        log_ratio = jnp.where(jnp.isnan(log_ratio), -jnp.inf, log_ratio)  # from no density to none
        accepted = jnp.log(jax.random.uniform(key_accept, dtype=state.position.dtype)) < log_ratio
        new_state = accept(accepted, proposal, state)
        evaluations = jax.tree.map(lambda leaf: leaf[None], evaluation)
        acceptance_rate = jnp.exp(jnp.minimum(log_ratio, 0.0))
        return new_state, Info(as_draw(new_state), evaluations, acceptance_rate, {"accepted": accepted})

    return SamplingAlgorithm(init, step)
