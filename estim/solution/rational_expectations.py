"""Linear rational expectations: the unique stable solution, in as few states as the model has.

Which combinations of the past and of the future enter is read off the model's incidence; the
system that remains is solved in `estim.solution.policy`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from estim.kept import kept_on_model
from estim.model import Model, ModelError
from estim.representations.linear import DecisionRule, StateSpace
from estim.solution.equations import measurement_covariance, shock_correlation, trend_growth
from estim.solution.incidence import Incidence, VertexCover, incidence, minimum_vertex_cover
from estim.solution.linearize import LinearModel, linearize
from estim.solution.policy import solve_policy
from estim.status import Status
from estim.typing import Array

_IN_NAME_ONLY = 1e-11


class LinearSolution(NamedTuple):
    """The decision rule, N of m_t = N x_{t-1} + S e_t, and y_t = Z m_t + d, or y_t = M x_t + d
    where the measurement reads today's variables only."""

    rule: DecisionRule
    combination: Array
    design: Array
    measured_now: Array
    intercept: Array


class _Reading(NamedTuple):
    """Which combinations of the past and of the future the equations read (static)."""

    past: VertexCover  # of the pattern [[C, D], [measured_lag, 0]]
    future: VertexCover  # of the pattern A
    lagged: np.ndarray  # the variables that the past combines
    led: np.ndarray  # the variables that the future combines
    determined: bool  # may today's equations determine today's variables, given the expectations?


def solve_decision_rule(model: Model, params) -> DecisionRule:
    """The response of every variable to the state, and the law of motion of the state.

    Args:
        model: a model without heterogeneous-agent blocks.
        params: its Params, in the model's own units.

    Raises:
        ModelError: some variable is in no equation at its own date.

    Returns:
        The rule; where its ``status`` is not OK, the other fields are finite and useless.
    """
    return _solve(model, _floats(params)).rule


def read_of_past(model: Model, params) -> Array:
    """N of m_t = N x_{t-1} + S e_t ``[n_states, n_variables]``: what the state is of yesterday's variables x.

    They are deviations from rest; m and S are those of `solve_decision_rule`.
    """
    return _solve(model, _floats(params)).combination


def solve_all_variables(model: Model, params) -> tuple[DecisionRule, Array, Array]:
    """The rule, and T ``[n_variables, n_variables]`` and R ``[n_variables, n_shocks]`` of x_t = T x_{t-1} + R e_t.

    All variables x are the state, in deviations from rest: larger than need be, but in the equations' own words.
    Args, raises: as `solve_decision_rule`.
    """
    rule, combination = _solve(model, _floats(params))[:2]
    return rule, rule.policy @ combination, rule.policy @ rule.selection


def solve_state_space(model: Model, params) -> StateSpace:
    """The model's first-order solution and its measurement as a `StateSpace`.

    Args:
        model: a model without heterogeneous-agent blocks.
        params: its Params, in the model's own units.

    Raises:
        ModelError: some variable is in no equation at its own date.

    Returns:
        The state space, whose shocks have unit variance; where its ``status`` is not OK, the
        other fields are finite and useless.
    """
    params = _floats(params)
    found = _solve(model, params)
    rule = found.rule
    return _state_space(model, params, found, rule.transition, rule.selection, found.design)


def solve_state_space_in_variables(model: Model, params) -> StateSpace:
    """The same law of motion for variables instead of their combinations.

        x_t = X N x_{t-1} + X S e_t,        y_t = M x_t + d

    x are the variables that the equations read at their lag and the measurement reads: the states
    and observed variables of Dynare's filter, without regard to their order. Only the meaning of a
    start of the filter depends on such a choice.

    Args, returns: as `solve_state_space`.

    Raises:
        ModelError: some variable is in no equation at its own date, or the measurement reads lags.
    """
    reads = incidence(model)
    if reads.measured_lag.any():
        raise ModelError(
            f"{model.name}: the measurement reads variables of last period, so that today's are not a "
            "state; make what is observed a variable with an equation of its own"
        )
    params = _floats(params)
    found = _solve(model, params)
    kept = np.flatnonzero(reads.lag.any(axis=0) | reads.measured_now.any(axis=0))
    policy = found.rule.policy[kept]
    return _state_space(
        model,
        params,
        found,
        policy @ found.combination[:, kept],
        policy @ found.rule.selection,
        found.measured_now[:, kept],
    )


def _state_space(
    model: Model, params, found: LinearSolution, transition: Array, selection: Array, design: Array
) -> StateSpace:
    """By one program for a model."""
    return _measurement_program(model)(params, found, transition, selection, design)


@kept_on_model
def _measurement_program(model: Model) -> Callable[..., StateSpace]:
    return jax.jit(partial(_state_space_once, model))


def _state_space_once(
    model: Model, params, found: LinearSolution, transition: Array, selection: Array, design: Array
) -> StateSpace:
    return StateSpace(
        transition=transition,
        selection=selection,
        state_cov=found.rule.shock_cov,
        design=design,
        obs_intercept=found.intercept,
        obs_cov=measurement_covariance(model, params),
        status=found.rule.status,
        obs_trend=trend_growth(model, params),
    )


def _floats(params):
    """Numbers of one kind, so that one program of a model serves all who ask for its solution."""
    return jax.tree.map(lambda x: jnp.asarray(x, float), params)


def _solve(model: Model, params) -> LinearSolution:
    """By one program for a model."""
    return _program(model)(params)


@kept_on_model
def _program(model: Model) -> Callable[[Any], LinearSolution]:
    return jax.jit(partial(_solve_once, model))


def _solve_once(model: Model, params) -> LinearSolution:
    return solve_linearized(model, params, linearize(model, params))


def solve_linearized(model: Model, params, linear: LinearModel) -> LinearSolution:
    """The solution of a model's equations that are linearised at `params` already; JAX may trace it."""
    reading = reading_of(model)
    n_equations = linear.now.shape[0]

    unshocked = jnp.zeros((linear.measured_lag.shape[0], linear.shocks.shape[1]))
    past = jnp.block([[linear.lag, linear.shocks], [linear.measured_lag, unshocked]])
    loading, combination = factor(past, reading.past)
    n, s = jnp.split(combination, [n_equations], axis=1)
    j, p = factor(linear.lead, reading.future)

    l, measured_lag = jnp.split(loading, [n_equations])
    policy, transition, status = solve_policy(
        linear.now, (l, n), (j, p), lagged=reading.lagged, led=reading.led, determined=reading.determined
    )
    rule = DecisionRule(
        transition=transition,
        selection=s,
        policy=policy,
        steady_state=linear.steady_state,
        status=jnp.select(
            [linear.status != Status.OK, in_name_only(lax.stop_gradient(linear))],
            [linear.status, Status.SINGULAR],
            status,
        ),
        shock_cov=shock_correlation(model, params),
    )
    design = linear.measured_now @ policy + measured_lag
    return LinearSolution(rule, n, design, linear.measured_now, linear.obs_intercept)


def in_name_only(linear: LinearModel) -> Any:
    """Is some variable in its equations by rounding errors of other terms only, its level at rest considered?"""
    size = (abs(linear.lead) + abs(linear.now) + abs(linear.lag)) * (1.0 + abs(linear.steady_state))[None, :]
    rows = size.max(axis=1, keepdims=True)
    return ~(size > _IN_NAME_ONLY * rows).any(axis=0).all()


def dated_variables(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the variables that are read of last period, the measurement's too, and of the next period."""
    reading = reading_of(model)
    return reading.lagged, reading.led


@kept_on_model
def reading_of(model: Model) -> _Reading:
    """Which combinations of the past and of the future the equations read."""
    found = incidence(model)
    determined = _check_dates(model, found)
    unshocked = np.zeros((found.measured_lag.shape[0], found.shocks.shape[1]), bool)
    past = np.block([[found.lag, found.shocks], [found.measured_lag, unshocked]])
    return _Reading(
        past=minimum_vertex_cover(past),
        future=minimum_vertex_cover(found.lead),
        lagged=np.flatnonzero(found.lag.any(axis=0) | found.measured_lag.any(axis=0)),
        led=np.flatnonzero(found.lead.any(axis=0)),
        determined=determined,
    )


def factor(matrix: Any, cover: VertexCover, xp: Any = jnp) -> tuple[Any, Any]:
    """``matrix = loading @ combination`` with as many columns and rows between as `cover` has; by JAX or NumPy.

    A covered row contributes its own combination of the columns left uncovered, a covered
    column the column's variable itself.
    """
    rows, columns = cover
    uncovered = np.ones(matrix.shape[1])
    uncovered[columns] = 0.0
    loading = xp.concatenate([np.eye(matrix.shape[0])[:, rows], matrix[:, columns]], axis=1)
    combination = xp.concatenate([matrix[rows] * uncovered[None, :], np.eye(matrix.shape[1])[columns]])
    return loading, combination


def _check_dates(model: Model, found: Incidence) -> bool:
    """May today's equations alone determine today's variables? Raise if next period's do not help either."""
    matching = lambda pattern: maximum_bipartite_matching(csr_array(pattern), perm_type="row")
    if (matching(found.now) >= 0).all():
        return True
    # Expectations follow from the state, which is what lags of the variables make of it.
    reading_ahead = np.outer(found.lead.any(axis=1), found.lag.any(axis=0))
    equation_of = matching(found.now | reading_ahead)
    if idle := [name for name, i in zip(model.variables._fields, equation_of, strict=True) if i < 0]:
        unmatched = [e for i, e in enumerate(found.equations) if i not in equation_of]
        raise ModelError(
            f"{model.name}: no equation is left to determine {', '.join(idle)} at its own date; "
            f"shift {', '.join(unmatched)} by a period, or replace it"
        )
    return False
