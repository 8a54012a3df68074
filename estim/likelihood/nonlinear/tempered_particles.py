"""The tempered particle filter: in each period the data are brought in by steps, and particles move between them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from estim.likelihood.nonlinear.measurement_errors import ErrorDensity
from estim.likelihood.nonlinear.particle_moves import observed_logdensity
from estim.numerics import many_normals, resample_systematically
from estim.typing import Array, Key, Scalar

INEFFICIENCY = 2.0
"""Mean of the squared weights over the square of their mean, after a step."""
NUM_MUTATIONS = 2
_TARGET_ACCEPTANCE, _MAX_STAGES, _HALVINGS = 0.4, 50, 30


class Stage(NamedTuple):
    """Within a period: white shocks ``shocks`` ``[n, n_shocks]`` and the states before them, the log-density of the
    errors ``logdensity`` ``[n]``, the ``power`` to which it is in, the log of the estimate so far, the ``scale`` of the
    random walk, how many ``rounds`` there were."""

    before: Any
    shocks: Array
    logdensity: Array
    power: Scalar
    term: Scalar
    scale: Scalar
    rounds: Scalar


def temper(
    solution: Any, states: Any, y: Array, error: ErrorDensity, root: Array, scale: Scalar, key: Key
) -> tuple[Any, Scalar, Scalar]:
    """From particles of even weights to those of the next period, of even weights too.

    The errors' covariance is H / p with p from a small number to one: the weight of a step from p to p' is

        (p' / p)^(n/2) exp(-(p' - p) |W v|^2 / 2),    and at first p'^(n/2) |W| (2 pi)^(-n/2) exp(-p' |W v|^2 / 2),

    with n the numbers seen. The next p' is the largest at which the weights are no less efficient than is asked for.
    Then particles are resampled, and their shocks take some steps of a random walk that leaves their distribution at p'
    as it is.

    Returns:
        States, the log of the estimate of p(y_t | y_1 .. y_{t-1}), and the scale of the random walk, which goes where
        two fifths of the steps are accepted.

    Source: Herbst and Schorfheide (2019), Journal of Econometrics 210, algorithms 2 and 3.
    """
    num, e = len(jax.tree.leaves(states)[0]), root.shape[1]
    seen = (~jnp.isnan(y)).sum()

    def look(before: Any, shocks: Array) -> Array:
        after = jax.vmap(lambda s, u: solution.observe(solution.step(s, root @ u)), out_axes=1)(
            before, shocks
        )
        return observed_logdensity(after, y, error)

    def distance(logdensity: Array) -> Array:
        """|W v|^2 / 2."""
        return error.constant - logdensity

    def log_weights(stage: Stage, power: Scalar) -> Array:
        first = stage.power == 0.0
        ratio = jnp.where(first, power, power / jnp.where(first, 1.0, stage.power))
        constant = jnp.where(first, error.constant, 0.0) + 0.5 * seen * jnp.log(ratio)
        return constant - (power - stage.power) * distance(stage.logdensity)

    def inefficiency(stage: Stage, power: Scalar) -> Scalar:
        w = log_weights(stage, power)
        return jnp.exp(jax.nn.logsumexp(2 * w) - 2 * jax.nn.logsumexp(w)) * num

    def next_power(stage: Stage) -> Scalar:
        def halve(_: Scalar, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
            low, high = ends
            middle = 0.5 * (low + high)
            fits = inefficiency(stage, middle) <= INEFFICIENCY
            return jnp.where(fits, middle, low), jnp.where(fits, high, middle)

        low, high = lax.fori_loop(0, _HALVINGS, halve, (stage.power, jnp.ones(())))
        all_of_it = (inefficiency(stage, jnp.ones(())) <= INEFFICIENCY) | (stage.rounds >= _MAX_STAGES - 1)
        return jnp.where(all_of_it, 1.0, jnp.where(low > stage.power, low, high))

    def advance(stage: Stage) -> Stage:
        power = next_power(stage)
        w = log_weights(stage, power)
        total = jax.nn.logsumexp(w)
        alive = jnp.isfinite(total)
        key_choice, key_walk = jax.random.split(jax.random.fold_in(key, 1 + stage.rounds))
        shares = jnp.where(alive, jnp.exp(w - jnp.where(alive, total, 0.0)), 1.0 / num)
        chosen = resample_systematically(shares, jax.random.uniform(key_choice))
        take = lambda tree: jax.tree.map(lambda x: x[chosen], tree)
        before, shocks, logdensity = take((stage.before, stage.shocks, stage.logdensity))

        def walk(i: Scalar, now: tuple[Array, Array, Scalar]) -> tuple[Array, Array, Scalar]:
            shocks, logdensity, accepted = now
            key_step, key_accept = jax.random.split(jax.random.fold_in(key_walk, i))
            tried = shocks + stage.scale * many_normals(key_step, (e, num)).T
            found = look(before, tried)
            prior = 0.5 * ((shocks * shocks).sum(axis=1) - (tried * tried).sum(axis=1))
            ratio = power * (distance(logdensity) - distance(found)) + prior
            yes = jnp.log(jax.random.uniform(key_accept, (num,))) < ratio
            share = accepted + yes.mean() / NUM_MUTATIONS
            return jnp.where(yes[:, None], tried, shocks), jnp.where(yes, found, logdensity), share

        begin = shocks, logdensity, jnp.zeros(())
        shocks, logdensity, accepted = lax.fori_loop(0, NUM_MUTATIONS, walk, begin)
        push = jnp.exp(16.0 * (accepted - _TARGET_ACCEPTANCE))
        scale = stage.scale * (0.95 + 0.10 * push / (1.0 + push))
        return Stage(
            before, shocks, logdensity, power, stage.term + total - np.log(num), scale, stage.rounds + 1
        )

    first = many_normals(jax.random.fold_in(key, 0), (e, num)).T
    begin = Stage(states, first, look(states, first), jnp.zeros(()), jnp.zeros(()), scale, jnp.zeros((), int))
    end = lax.while_loop(lambda stage: (stage.power < 1.0) & jnp.isfinite(stage.term), advance, begin)
    return jax.vmap(lambda s, u: solution.step(s, root @ u))(end.before, end.shocks), end.term, end.scale
