"""Hamiltonian Monte Carlo that returns every leapfrog point as an evaluation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning, as_draw
from estim.typing import Array, Key, Position, Scalar


class GradientState(NamedTuple):
    """State of a kernel that uses gradients; ``gradient`` is that of the log-density, ``[dim]``."""

    position: Position
    loglikelihood: Scalar
    logprior: Scalar
    gradient: Array

    @property
    def logdensity(self) -> Scalar:
        return self.loglikelihood + self.logprior


def evaluate_with_gradient(posterior: Posterior, position: Position) -> tuple[Evaluations, Array]:
    """The evaluation at a point, with the gradient of its log-likelihood, and that of the log-density."""

    def loglikelihood(x: Position) -> tuple[Scalar, Evaluations]:
        found = posterior.evaluate_fn(x)
        return found.loglikelihood, found

    (_, evaluation), gradient = jax.value_and_grad(loglikelihood, has_aux=True)(position)
    total = gradient + jax.grad(posterior.logprior_fn)(position)
    return evaluation._replace(gradient=gradient), total


def clean_state(evaluation: Evaluations, gradient: Array) -> GradientState:
    """The state at an evaluated point; where anything is not finite, a log-likelihood of -inf and no slope."""
    finite = jnp.isfinite(evaluation.logdensity) & jnp.all(jnp.isfinite(gradient))
    loglikelihood = jnp.where(finite, evaluation.loglikelihood, -jnp.inf)
    logprior = jnp.where(jnp.isfinite(evaluation.logprior), evaluation.logprior, -jnp.inf)
    return GradientState(evaluation.position, loglikelihood, logprior, jnp.where(finite, gradient, 0.0))


def build_hmc(posterior: Posterior, tuning: Tuning, *, num_steps: int = 8) -> SamplingAlgorithm:
    """Static multinomial HMC (Betancourt 2017, appendix A.3): `num_steps` leapfrogs, each one kept.

    The current point takes a uniformly random place on a trajectory of ``num_steps + 1``
    points, and the next state is drawn among them with weights exp(-H), which Info returns
    for Rao-Blackwellised averages. The step size is jittered by a tenth. In coordinates in
    which the momentum u is standard normal, with L = ``scale_tril`` and step size e,

        u <- u + (e/2) L' grad,   x <- x + e L u,   u <- u + (e/2) L' grad,
        H = -log p(x) + u'u / 2.
    """

    def init(position: Position) -> GradientState:
        return clean_state(*evaluate_with_gradient(posterior, position))

    def step(rng_key: Key, state: GradientState) -> tuple[GradientState, Info]:
        key_momentum, key_place, key_jitter, key_select = jax.random.split(rng_key, 4)
        dtype = state.position.dtype
        step_size = tuning.step_size * jax.random.uniform(key_jitter, (), dtype, 0.9, 1.1)
        first = (state, jax.random.normal(key_momentum, state.position.shape, dtype))
        num_backward = jax.random.randint(key_place, (), 0, num_steps + 1)

        def leapfrog(carry, i):
            state_now, u = jax.tree.map(lambda a, b: jnp.where(i == num_backward, a, b), first, carry)
            e = jnp.where(i < num_backward, -step_size, step_size)
            u = u + 0.5 * e * (tuning.scale_tril.T @ state_now.gradient)
            position = state_now.position + e * (tuning.scale_tril @ u)
            evaluation, gradient = evaluate_with_gradient(posterior, position)
            new = clean_state(evaluation, gradient)
            u = u + 0.5 * e * (tuning.scale_tril.T @ new.gradient)
            return (new, u), (new, 0.5 * u @ u, evaluation)

        _, (points, kinetic, evaluations) = jax.lax.scan(leapfrog, first, jnp.arange(num_steps))
        candidates = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), state, points)
        energy = (
            jnp.concatenate([0.5 * jnp.sum(first[1] ** 2, keepdims=True), kinetic]) - candidates.logdensity
        )
        weights = jax.nn.softmax(-energy)
        chosen = jax.random.categorical(key_select, -energy)
        new_state = jax.tree.map(lambda leaf: leaf[chosen], candidates)
        stats = {
            "diverging": jnp.any(~(energy - energy[0] < 1000.0)),
            "n_steps": jnp.asarray(num_steps),
            "energy": energy[chosen],
        }
        acceptance_rate = jnp.mean(jnp.exp(jnp.minimum(energy[0] - energy[1:], 0.0)))
        return new_state, Info(as_draw(new_state), evaluations, acceptance_rate, stats, weights)

    return SamplingAlgorithm(init, step)
