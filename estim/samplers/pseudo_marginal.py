"""Pseudo-marginal Metropolis: a likelihood that is estimated, exactly taken into account."""

from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import within
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning, accept, as_draw
from estim.samplers.states import evaluate
from estim.typing import Array, Key, Position, Scalar


class PseudoMarginalState(NamedTuple):
    """A point ``[dim]``, what was found there, and ``random``, the keys of the random numbers with which it was."""

    position: Position
    loglikelihood: Scalar
    logprior: Scalar
    random: list[Array]

    @property
    def logdensity(self) -> Scalar:
        return self.loglikelihood + self.logprior


def build_pseudo_marginal(
    posterior: Posterior, tuning: Tuning, *, refresh: Annotated[float, within(0, 1)] = 1.0
) -> SamplingAlgorithm:
    """A random walk in the parameters and the random numbers of the likelihood together.

    Each proposal draws random numbers anew, in the share ``refresh`` of the periods, and the estimate that was accepted
    stays until another is. Where exp(value) is without bias, as that of a particle filter, draws are those of the exact
    posterior, whatever the number of particles is: it sets how often a chain moves alone (Andrieu and Roberts 2009). A
    log-likelihood that scatters by 1 to 1.8 at one point costs least (Doucet, Pitt, Deligiannidis and Kohn 2015).
    With a small share two estimates are correlated, and their ratio scatters less than each (Deligiannidis, Doucet and
    Pitt 2018, by blocks as Tran, Kohn, Quiroz and Villani 2016). Of a posterior without random numbers it is "rwmh".
    """

    def step(rng_key: Key, state: PseudoMarginalState) -> tuple[PseudoMarginalState, Info]:
        key_proposal, key_random, key_accept = jax.random.split(rng_key, 3)
        now = _with_random(posterior, state.random)
        proposed = now.redraw_fn(key_random, refresh) if posterior.noisy else now
        noise = jax.random.normal(key_proposal, state.position.shape)
        evaluation, found = evaluate(
            proposed, state.position + tuning.step_size * (tuning.scale_tril @ noise)
        )
        there = PseudoMarginalState(*found[:3], _random(proposed))
        log_ratio = there.logdensity - state.logdensity
        log_ratio = jnp.where(jnp.isnan(log_ratio), -jnp.inf, log_ratio)  # from no density to none
        accepted = jnp.log(jax.random.uniform(key_accept)) < log_ratio
        new_state = accept(accepted, there, state)
        evaluations = jax.tree.map(lambda leaf: leaf[None], evaluation)
        rate = jnp.exp(jnp.minimum(log_ratio, 0.0))
        return new_state, Info(as_draw(new_state), evaluations, rate, {"accepted": accepted})

    @jax.jit
    def init(position: Position) -> PseudoMarginalState:
        first = posterior.redraw_fn(jax.random.key(0), 0.0) if posterior.noisy else posterior
        return PseudoMarginalState(*evaluate(first, position)[1][:3], _random(first))

    return SamplingAlgorithm(init, step)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _random(posterior: Posterior) -> list[Array]:
    """The keys among the data, as numbers."""
    return [jax.random.key_data(leaf) for leaf in jax.tree.leaves(posterior.data) if _is_key(leaf)]


def _with_random(posterior: Posterior, random: list[Array]) -> Posterior:
    """The posterior whose data have these keys."""
    given = iter(random)
    data = jax.tree.map(
        lambda leaf: jax.random.wrap_key_data(next(given)) if _is_key(leaf) else leaf, posterior.data
    )
    return replace(posterior, data=data)
