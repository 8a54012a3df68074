"""ChEES-HMC: Hamiltonian Monte Carlo whose trajectory length is adapted across chains."""

from functools import partial

import jax
import jax.numpy as jnp

from estim.arguments import Positive
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning, as_draw
from estim.samplers.motion import leapfrog, start_motion
from estim.samplers.states import GradientState, evaluate_with_gradient, first_gradient_state
from estim.typing import Key


def build_chees(posterior: Posterior, tuning: Tuning, *, max_num_steps: Positive = 100) -> SamplingAlgorithm:
    """HMC with trajectories of random length, uniform on (0, 2 ``tuning.trajectory_length``).

    Warm-up raises the criterion of Hoffman, Radul and Sountsov (2021), the expected change in the
    estimator of the expected square,
        ChEES = E (|z'|^2 - |z|^2)^2 / 4
    in the coordinates z of `estim.samplers.transport`, whose derivative in the log length each step reports as
    ``trajectory_gradient``: with u' the final momentum, t the time travelled and a the acceptance
    probability, a t (|z'|^2 - |z|^2) z'u'.
    Unlike NUTS, a step has no tree to build, and suits many chains side by side. Info's
    ``evaluations`` carries the end of the trajectory. BlackJAX adapts all at once; here it is
    window by window, so that a run can stop and go on.
    """

    init = partial(first_gradient_state, posterior)

    def step(rng_key: Key, state: GradientState) -> tuple[GradientState, Info]:
        key_momentum, key_length, key_accept = jax.random.split(rng_key, 3)
        dtype, e = state.position.dtype, tuning.step_size
        length = 2.0 * tuning.trajectory_length * jax.random.uniform(key_length, (), dtype)
        num_steps = jnp.clip(jnp.ceil(length / e), 1, max_num_steps).astype(jnp.int32)
        momentum = jax.random.normal(key_momentum, state.position.shape, dtype)

        def step_on(_, carry):
            now, u, _ = carry
            evaluation, now, u = leapfrog(posterior, tuning, now, u, e)
            return now, u, evaluation

        start = start_motion(tuning, state)
        nowhere = jax.eval_shape(lambda x: evaluate_with_gradient(posterior, x)[0], state.position)
        carry = (start, momentum, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), nowhere))
        end, u, evaluation = jax.lax.fori_loop(0, num_steps, step_on, carry)

        log_ratio = end.logdensity - start.logdensity + 0.5 * (momentum @ momentum - u @ u)
        log_ratio = jnp.where(jnp.isfinite(end.logdensity) & ~jnp.isnan(log_ratio), log_ratio, -jnp.inf)
        acceptance_rate = jnp.exp(jnp.minimum(log_ratio, 0.0))
        accepted = jnp.log(jax.random.uniform(key_accept, dtype=dtype)) < log_ratio
        new_state = jax.tree.map(lambda a, b: jnp.where(accepted, a, b), end.state, state)
        derivative = num_steps * e * (end.z @ end.z - start.z @ start.z) * (end.z @ u)
        stats = {
            "diverging": log_ratio < -1000.0,
            "n_steps": num_steps,
            "trajectory_gradient": jnp.where(jnp.isfinite(derivative), acceptance_rate * derivative, 0.0),
        }
        evaluations = jax.tree.map(lambda leaf: leaf[None], evaluation)
        gradient = jnp.stack([end.state.gradient, new_state.gradient])
        return new_state, Info(as_draw(new_state), evaluations, acceptance_rate, stats, gradient=gradient)

    return SamplingAlgorithm(init, step)
