"""Hamiltonian Monte Carlo that returns every leapfrog point as an evaluation."""

from functools import partial

import jax
import jax.numpy as jnp

from estim.arguments import Positive
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning, as_draw
from estim.samplers.motion import leapfrog, start_motion
from estim.samplers.states import GradientState, first_gradient_state
from estim.typing import Key


def build_hmc(posterior: Posterior, tuning: Tuning, *, num_steps: Positive = 8) -> SamplingAlgorithm:
    """Static multinomial HMC (Betancourt 2017, appendix A.3): `num_steps` leapfrogs, each one kept.

    The current point takes a uniformly random place on a trajectory of ``num_steps + 1``
    points, and the next state is drawn among them with weights exp(-H), which Info returns
    for Rao-Blackwellised averages. The step size e is jittered by a tenth. In the coordinates z of
    `estim.samplers.transport`, with momentum u,

        u <- u + (e/2) grad,   z <- z + e u,   u <- u + (e/2) grad,   H = -log p(z) + u'u / 2.

    Exact because of that random place: the trajectory is as probable from each of its points, so that a
    draw with weights exp(-H) is a Gibbs step on the place. A point whose energy is no finite number has no weight.
    """

    init = partial(first_gradient_state, posterior)

    def step(rng_key: Key, state: GradientState) -> tuple[GradientState, Info]:
        key_momentum, key_place, key_jitter, key_select = jax.random.split(rng_key, 4)
        dtype = state.position.dtype
        step_size = tuning.step_size * jax.random.uniform(key_jitter, (), dtype, 0.9, 1.1)
        start = start_motion(tuning, state)
        first = (start, jax.random.normal(key_momentum, state.position.shape, dtype))
        num_backward = jax.random.randint(key_place, (), 0, num_steps + 1)

        def step_on(carry, i):
            now, u = jax.tree.map(lambda a, b: jnp.where(i == num_backward, a, b), first, carry)
            e = jnp.where(i < num_backward, -step_size, step_size)
            evaluation, now, u = leapfrog(posterior, tuning, now, u, e)
            return (now, u), (now, 0.5 * u @ u, evaluation)

        _, (points, kinetic, evaluations) = jax.lax.scan(step_on, first, jnp.arange(num_steps))
        candidates = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), start, points)
        energy = (
            jnp.concatenate([0.5 * jnp.sum(first[1] ** 2, keepdims=True), kinetic]) - candidates.logdensity
        )
        energy = jnp.where(jnp.isfinite(energy), energy, jnp.inf)
        log_weights = (-energy).at[0].set(jnp.where(jnp.isfinite(energy[0]), -energy[0], 0.0))
        weights = jax.nn.softmax(log_weights)
        chosen = jax.random.categorical(key_select, log_weights)
        new_state = jax.tree.map(lambda leaf: leaf[chosen], candidates.state)
        stats = {
            "diverging": jnp.any(~(energy + log_weights[0] < 1000.0)),
            "n_steps": jnp.asarray(num_steps),
            "energy": -log_weights[chosen],
        }
        gradient = jnp.concatenate([points.state.gradient, new_state.gradient[None]])
        acceptance_rate = jnp.mean(jnp.exp(jnp.minimum(log_weights[1:] - log_weights[0], 0.0)))
        return new_state, Info(as_draw(new_state), evaluations, acceptance_rate, stats, weights, gradient)

    return SamplingAlgorithm(init, step)
