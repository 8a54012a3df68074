"""Jacobians of a heterogeneous-agent block by the fake-news algorithm, with exact derivatives.

Auclert, Bardóczy, Rognlie and Straub (2021, section 3): the response of the aggregate at date t to
news of an input at date s is J[t, s] = F[0, s - t] + ..., built up along diagonals from the fake-news
matrix F, where

    F[0, s] = <D, dy_s>                 today's decisions, s periods ahead of the shock
    F[t, s] = <dD-effect of da_s, E_{t-1}>,  t >= 1

dy_s and da_s are outcomes' and policies' responses to news s periods ahead: the linearised backward
step, iterated. E_t = (expectation)^t y is the outcome expected t periods ahead. A change of policy
da moves the aggregate t periods later by <D da, d E_{t-1}(a') / d a'>, so the gradient of the
expectation with respect to the policy is all that is kept of it: no distribution is ever perturbed.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.distribution import expectation
from estim.heterogeneity.household import Household, as_inputs, backward_step, lotteries
from estim.numerics.fixed_point import largest
from estim.numerics.interpolate import lottery
from estim.typing import Array

_AT_ONCE = 20
_FADED = 1e-14
_DENSE = 64
_DEGREE = 22


def jacobians(
    block: HetBlock, household: Household, inputs: Any, params: Any, horizon: int
) -> dict[tuple[str, str], Array]:
    """J[output, input][t, s] = d output_t / d input_s, ``[horizon, horizon]``, in levels.

    Args:
        household: the block's steady state at `inputs` and `params` (`solve_household`).
    """
    inputs = as_inputs(block, inputs)
    mass = household.distribution.reshape(-1)
    nodes, weights = time_nodes(horizon)
    gradients = {
        output: _expectation_gradients(block, household, outcome, horizon)
        for output, outcome in block.outputs.items()
    }
    tangent = _linear_step(block, household, inputs, params)

    def by_input(unit):
        """J of each output by one input: one after the other, as each needs the room of a processor's cache."""
        news = _policy_news(tangent, household, unit, horizon)
        found = {}
        for output, outcome in block.outputs.items():
            later = sum(gradients[output][policy][nodes] @ news[policy][nodes].T for policy in block.policy)
            later = weights @ later @ weights.T
            found[output] = accumulate(jnp.concatenate([(news[outcome] @ mass)[None], later[:-1]]))
        return found

    found = jax.lax.map(by_input, type(inputs)(*jnp.eye(len(inputs))))
    return {
        (output, name): matrices[i]
        for output, matrices in found.items()
        for i, name in enumerate(block.inputs)
    }


@cache
def time_nodes(horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Dates at which the fake-news matrix is computed, and the weights ``[horizon, n_nodes]`` that give all.

    Far ahead of a shock, and long after it, responses are sums of decaying exponentials. So beyond
    `_DENSE` dates they are polynomials of degree `_DEGREE` to within 1e-9 of the largest, fitted at
    Chebyshev's nodes.
    """
    tail = horizon - _DENSE
    if tail <= 2 * _DEGREE:
        return np.arange(horizon), np.eye(horizon)
    count = _DEGREE + 8
    angles = np.pi * (np.arange(count) + 0.5) / count
    nodes = np.unique(np.round(_DENSE + (tail - 1) * (1 - np.cos(angles)) / 2).astype(int))
    unit = lambda t: 2 * (t - _DENSE) / (tail - 1) - 1
    basis = np.polynomial.chebyshev.chebvander(unit(np.arange(_DENSE, horizon)), _DEGREE)
    at_nodes = np.polynomial.chebyshev.chebvander(unit(nodes), _DEGREE)
    weights = np.zeros((horizon, _DENSE + len(nodes)))
    weights[:_DENSE, :_DENSE] = np.eye(_DENSE)
    weights[_DENSE:, _DENSE:] = basis @ np.linalg.pinv(at_nodes)
    return np.concatenate([np.arange(_DENSE), nodes]), weights


def accumulate(fake_news: Array) -> Array:
    """J[t, s] = J[t-1, s-1] + F[t, s], with J = F in the first row and column."""

    def row(previous, f):
        current = f + jnp.concatenate([jnp.zeros(1), previous[:-1]])
        return current, current

    return jax.lax.scan(row, jnp.zeros(fake_news.shape[1]), fake_news)[1]


def _linear_step(block: HetBlock, household: Household, inputs: Any, params: Any):
    """(tomorrow's value, inputs) -> (value, outcomes flattened), all as responses: the linearised backward step."""
    wanted = {*block.policy, *block.outputs.values()}

    def step(value, inputs):
        value, outcomes = backward_step(block, value, inputs, household.grids, params)
        return value, {name: outcomes[name].reshape(-1) for name in wanted}

    return jax.linearize(step, household.value, inputs)[1]


def _policy_news(tangent: Any, household: Household, unit: Any, horizon: int) -> dict[str, Array]:
    """Responses of outcomes to news of a `unit` of the inputs s periods ahead: name -> ``[horizon, n_states]``."""
    no_value, no_input = jax.tree.map(jnp.zeros_like, (household.value, unit))
    first = tangent(no_value, unit)
    peaks = jax.tree.map(largest, jax.lax.stop_gradient(first[1]))

    def some(carry, _):
        """Some dates; skipped once the news, which fade with each date they lie ahead, are below rounding."""
        state, alive = carry

        @jax.checkpoint
        def run():
            after, outcomes = jax.lax.scan(
                lambda state, _: (tangent(state[0], no_input), state[1]), state, length=_AT_ONCE
            )
            sizes = jax.tree.map(lambda x, peak: largest(x) > _FADED * peak, after[1], peaks)
            return (after, jax.tree.reduce(jnp.logical_or, sizes)), outcomes

        nothing = jax.tree.map(lambda x: jnp.zeros((_AT_ONCE, *x.shape)), state[1])
        return jax.lax.cond(alive, run, lambda: ((state, alive), nothing))

    outcomes = jax.lax.scan(some, (first, jnp.array(True)), length=-(-horizon // _AT_ONCE))[1]
    return jax.tree.map(lambda x: x.reshape(-1, x.shape[-1])[:horizon], outcomes)


def _expectation_gradients(block: HetBlock, household: Household, outcome: str, horizon: int):
    """D times the gradient of E_t with respect to each policy, t = 0 ... horizon - 1: name -> ``[t, n_states]``."""
    transition = household.grids.transition
    choices = lotteries(block, household.grids, household.outcomes)
    weights = [choice.weight for choice in choices]

    def sweep(values, _):
        def expected(weights):
            moved = [choice._replace(weight=w) for choice, w in zip(choices, weights, strict=True)]
            return expectation(transition, moved, values)

        ahead, pullback = jax.vjp(expected, weights)
        gradients = [g.reshape(-1) for g in pullback(household.distribution)[0]]
        return ahead - jnp.vdot(household.distribution, ahead), gradients

    start = household.outcomes[outcome] - household.total(outcome)
    gradients = _scan_in_parts(sweep, start, horizon)
    slopes = {}
    for name in block.policy:  # of the weight by the policy
        grid, policy = getattr(household.grids, name), household.outcomes[name]
        slopes[name] = jax.jvp(
            lambda a, grid=grid: lottery(grid, a).weight, (policy,), (jnp.ones_like(policy),)
        )[1]
    return {name: g * slopes[name].reshape(1, -1) for name, g in zip(block.policy, gradients, strict=True)}


def _scan_in_parts(step: Any, start: Any, length: int) -> Any:
    """Outputs of a scan whose derivative keeps the carry of every twentieth step and computes the others again."""

    @jax.checkpoint
    def some(carry, _):
        return jax.lax.scan(step, carry, length=_AT_ONCE)

    outputs = jax.lax.scan(some, start, length=-(-length // _AT_ONCE))[1]
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:length], outputs)
