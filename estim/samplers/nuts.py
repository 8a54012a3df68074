"""The No-U-Turn sampler, by BlackJAX, with the energies guarded."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import blackjax.mcmc.hmc
import blackjax.mcmc.nuts
import jax
import jax.numpy as jnp
from blackjax.mcmc.integrators import IntegratorState, velocity_verlet

from estim.arguments import Fraction, PositiveReal, within
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning
from estim.samplers.motion import logdensity_in_coordinates, start_motion, within_reach
from estim.samplers.states import GradientState, first_gradient_state
from estim.samplers.transport import gradient_at_position, to_position
from estim.status import Status
from estim.typing import Array, Key


def build_nuts(
    posterior: Posterior,
    tuning: Tuning,
    *,
    max_num_doublings: Annotated[int, within(1, 20)] = 8,
    divergence_threshold: PositiveReal = 1000.0,
    target_acceptance: Fraction = 0.8,
) -> SamplingAlgorithm:
    """The No-U-Turn sampler (Hoffman and Gelman 2014) with multinomial trajectories (Betancourt 2017).

    It moves in the coordinates of `estim.samplers.transport`, with a unit mass matrix. Info's
    ``evaluations`` carries the two ends of the trajectory with their gradients (the inner points are
    not kept; `hmc` keeps all); where an end has no density its status is NOT_FINITE, whatever the reason was.
    `target_acceptance` is read by warm-up, which chooses the step size, not by the kernel.
    """
    del target_acceptance
    kernel = blackjax.mcmc.nuts.build_kernel(guarded_integrator, divergence_threshold)

    logdensity_fn = logdensity_in_coordinates(posterior, tuning)
    init = partial(first_gradient_state, posterior)

    def step(rng_key: Key, state: GradientState) -> tuple[GradientState, Info]:
        start = start_motion(tuning, state)
        before = blackjax.mcmc.hmc.HMCState(start.z, start.logdensity, start.gradient)
        after, found = kernel(
            rng_key, before, logdensity_fn, tuning.step_size, jnp.ones_like(start.z), max_num_doublings
        )
        ends = jax.tree.map(
            lambda left, right: jnp.stack([left, right]),
            found.trajectory_leftmost_state,
            found.trajectory_rightmost_state,
        )
        points = jax.tree.map(
            lambda end, point: jnp.concatenate([end, point[None]]),
            (ends.position, ends.logdensity, ends.logdensity_grad),
            tuple(after),
        )
        evaluations, gradients = jax.vmap(lambda *point: _at_position(posterior, tuning, *point))(*points)
        last = jax.tree.map(lambda leaf: leaf[-1], evaluations)
        new_state = GradientState(last.position, last.loglikelihood, last.logprior, gradients[-1])
        stats = {
            "diverging": found.is_divergent,
            "n_steps": found.num_integration_steps,
            "tree_depth": found.num_trajectory_expansions,
            "energy": found.energy,
        }
        return new_state, Info(
            draws=jax.tree.map(lambda leaf: leaf[-1:], evaluations),
            evaluations=jax.tree.map(lambda leaf: leaf[:-1], evaluations),
            acceptance_rate=found.acceptance_rate,
            stats=stats,
            gradient=gradients,
        )

    return SamplingAlgorithm(init, step)


def guarded_integrator(logdensity_fn: Callable, kinetic_energy: Callable) -> Callable:
    """Velocity Verlet whose step, if anything in it overflows, stays put with a log-density of -inf.

    The energy of such a point is +inf, so that it ends the trajectory as a divergence and is
    never drawn. Unguarded, a kinetic energy that overflows can make an energy of -inf,
    which is accepted for certain.
    """
    one_step = velocity_verlet(logdensity_fn, kinetic_energy)

    def step(state: IntegratorState, step_size: Array) -> IntegratorState:
        new = one_step(state, step_size)
        kinetic = kinetic_energy(new.momentum)
        finite = jnp.isfinite(kinetic) & jnp.all(jnp.isfinite(new.position)) & jnp.isfinite(new.logdensity)
        finite &= jnp.all(jnp.isfinite(new.logdensity_grad))
        return IntegratorState(
            jnp.where(jnp.all(jnp.isfinite(new.position)), new.position, state.position),
            jnp.where(finite, new.momentum, 0.0),
            jnp.where(finite, new.logdensity, -jnp.inf),
            jnp.where(finite, new.logdensity_grad, 0.0),
        )

    return step


def _at_position(
    posterior: Posterior, tuning: Tuning, z: Array, logdensity: Array, gradient_in_z: Array
) -> tuple[Evaluations, Array]:
    """The evaluation at a point of a trajectory, and the gradient_in_z of its log-density there.

    The prior is cheap, the likelihood is what remains of the log-density.
    """
    position, logdet = to_position(tuning, z)
    position = within_reach(position)
    gradient = gradient_at_position(tuning, z, gradient_in_z)
    logprior, prior_gradient = jax.value_and_grad(posterior.logprior_fn)(position)
    finite = jnp.isfinite(logdensity - logdet) & jnp.isfinite(logprior)
    finite &= jnp.all(jnp.isfinite(gradient)) & jnp.all(jnp.isfinite(prior_gradient))
    loglikelihood = jnp.where(finite, logdensity - logdet - logprior, -jnp.inf)
    logprior = jnp.where(jnp.isfinite(logprior), logprior, -jnp.inf)
    gradient, prior_gradient = (jnp.where(finite, g, 0.0) for g in (gradient, prior_gradient))
    status = jnp.where(finite, Status.OK.value, Status.NOT_FINITE.value).astype(jnp.int32)
    return Evaluations(position, loglikelihood, logprior, status, gradient - prior_gradient), gradient
