"""Generalised impulse responses: what a shock changes in expectation, given its size, its sign and the state."""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp

from estim.analysis.impulse_responses import _impulse_responses
from estim.arguments import ArgumentError, Number, Positive, checked
from estim.numerics import semidefinite_cholesky
from estim.representations.pruned import PrunedStateSpace, Rule
from estim.typing import Array, Scalar


@checked
def generalised_impulse_responses(
    solution: PrunedStateSpace,
    horizon: Positive,
    *,
    size: Number = 1.0,
    state: Array | None = None,
    of: Literal["observables", "variables"] = "observables",
) -> Array:
    """E[y_{t+h} | e_t + d] - E[y_{t+h} | e_t], in closed form.

    What happens otherwise, e_t too, is averaged over; with the state the shocks' average is taken from there.

    Args:
        solution: a perturbation of order one or two.
        horizon: number of periods, that of the shock included.
        size: of the shock d in standard deviations; a negative one is a fall. Correlated shocks are made orthogonal in
            their order.
        state: the first-order part of the states before the shock ``[n_states]``; on average where None.
        of: what responds.

    Returns:
        ``[horizon, n, n_shocks]``.

    Raises:
        ArgumentError: the perturbation is of third order.

    Source: Koop, Pesaran and Potter (1996), J. Econometrics 74; Andreasen, Fernández-Villaverde and Rubio-Ramírez
    (2018), Review of Economic Studies 85, sec. 4.3.
    """
    if solution.order > 2:
        raise ArgumentError(
            "responses in closed form are those of a perturbation of order 1 or 2; simulate this one"
        )
    state = jnp.zeros(len(solution.states)) if state is None else jnp.asarray(state, float)
    return _responses(solution, horizon, jnp.asarray(size, float), state, of)


@partial(jax.jit, static_argnames=("horizon", "of"))
def _responses(solution: PrunedStateSpace, horizon: int, size: Scalar, state: Array, of: str) -> Array:
    n, motion = len(solution.states), solution.motion
    rule = solution.variables if of == "variables" else solution.measured

    def respond(shock: Array) -> Array:
        """To one shock ``[n_shocks]``: ``[horizon, n]``."""

        def ahead(carry, _):
            mean, first, second, shock = carry
            v = jnp.concatenate([mean, jnp.zeros_like(shock)])  # expected without the shock
            d = jnp.concatenate([first, shock])  # what the shock changes of it
            moved = _change(motion, v, d, second)
            after = motion.linear[:, :n] @ mean, *moved, jnp.zeros_like(shock)
            return after, sum(_change(rule, v, d, second))

        start = state, jnp.zeros(n), jnp.zeros(n), shock
        return jax.lax.scan(ahead, start, length=horizon)[1]

    return jax.vmap(respond, 1, 2)(size * semidefinite_cholesky(solution.shock_cov))


def _change(rule: Rule, v: Array, d: Array, second: Array) -> tuple[Array, Array]:
    """What the change d of the inputs v and that of the states' second-order part change: by order ``[n]``."""
    bend = 0.0 * rule.level
    if rule.quadratic is not None:
        bend = (rule.quadratic @ d) @ (v + 0.5 * d)
    return rule.linear @ d, rule.linear[:, : len(second)] @ second + bend


@_impulse_responses.register
def _(solution: PrunedStateSpace, horizon: int) -> Array:
    return generalised_impulse_responses(solution, horizon)
