"""A model solved once, by NumPy: for what is asked of one point, compiling would take longer than all the rest.

The same equations, the same states and the same verdict as `solve_decision_rule`, whose compiled program is for many
points; here every verdict is one by roots.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import numpy as np
from scipy.linalg import lu_factor, lu_solve

from estim.kept import kept_of, kept_on_model
from estim.model import Model
from estim.numerics.interpreted import interpreted, interpreted_program
from estim.numerics.roots import solve_by_roots
from estim.representations.linear import DecisionRule
from estim.solution.equations import equations_as_written, shock_correlation, trace_equations
from estim.solution.linearize import LinearModel, judged
from estim.solution.policy import respond_on_host, solve_policy
from estim.solution.rational_expectations import factor, in_name_only, reading_of
from estim.solution.sparse_derivatives import jacobian_on_host
from estim.solution.steady_state import steady_state_of
from estim.status import Status

_EXACT = 1e-11
"""What a solution may leave of an equation, in units of its terms: of a model in usual units rounding leaves 1e-16."""

_FAINT = 1e-5
"""Share of the largest response below which one is judged by the size of that."""

_STRAYED = 1e-4
"""Beyond the unit circle, from where a step has strayed to another solution."""

_NEWTON, _DOUBLINGS = 6, 40
"""Steps that improve a solution, and terms of each, by doubling."""


def at_rest_once(model: Model, params: Any) -> tuple[Any, dict[str, float]]:
    """The steady state, and what each equation as it is written leaves there, of numbers."""
    equations, params = equations_as_written(model), _numbers(params)
    steady = _numbers(_at_rest(model)(params))
    at = [*params, *steady, *steady, *steady, *[0.0] * len(model.shocks._fields)]
    left = map(float, interpreted_program(equations.residuals)(*at))
    return steady, dict(zip(equations.names, left, strict=True))


def linearize_once(model: Model, params: Any, variables: Any | None = None) -> LinearModel:
    """As `linearize`, of numbers."""
    n, e, equations = len(model.variables._fields), len(model.shocks._fields), trace_equations(model)
    rest_at = _at_rest(model) if variables is None else lambda params: variables
    params = _numbers(params)
    steady = _numbers(rest_at(params))
    at = [*params, *steady, *steady, *steady, *[0.0] * e]
    residual = np.array(interpreted_program(equations.residuals)(*at), float)
    if not (np.isfinite(residual).all() and np.isfinite(steady).all()):
        # The same as in `linearize`: a derivative is that at the default parameters.
        residual, params = np.full(n, np.nan), _numbers(model.params())
        steady = _numbers(rest_at(params))
    at = [*params, *steady, *steady, *steady, *[0.0] * e]
    jacobian = jacobian_on_host(equations.residuals, at, range(len(params), len(at)))
    at = [*params, *steady, *steady]
    measured = jacobian_on_host(equations.measurement, at, range(len(params), len(at)))
    intercept = np.array(interpreted_program(equations.measurement)(*at), float)
    with np.errstate(all="ignore"):
        return judged(np, jacobian, measured, intercept, np.array(steady), residual)


def solve_decision_rule_once(model: Model, params: Any) -> DecisionRule:
    """As `solve_decision_rule`, of numbers; its arrays are NumPy's.

    Raises:
        ModelError: some variable is in no equation at its own date.
    """
    return _solved_once(model, params)[0]


def read_of_past_once(model: Model, params: Any) -> np.ndarray:
    """As `read_of_past`, of numbers."""
    return _solved_once(model, params)[1]


def _solved_once(model: Model, params: Any) -> tuple[DecisionRule, np.ndarray]:
    linear: Any = linearize_once(model, params)
    reading = reading_of(model)
    n_lagged = len(linear.measured_lag)
    unshocked = np.zeros((n_lagged, linear.shocks.shape[1]))
    past = np.block([[linear.lag, linear.shocks], [linear.measured_lag, unshocked]])
    loading, combination = factor(past, reading.past, np)
    n, s = np.split(combination, [len(linear.now)], axis=1)
    j, p = factor(linear.lead, reading.future, np)
    l = loading[: len(linear.now)]
    policy, transition, status = solve_policy_once(linear.now, l, n, j, p)
    if (
        status == Status.NOT_CONVERGED
    ):  # the roots cannot be put in order, or are not exact: doubling may tell
        found = _by_doubling(linear.now, (l, n), (j, p), determined=reading.determined)
        policy, transition, status = np.asarray(found[0]), np.asarray(found[1]), Status(int(found[2]))
    if int(linear.status) != Status.OK:
        status = Status(int(linear.status))
    elif in_name_only(linear):
        status = Status.SINGULAR
    correlation = _correlation(model)(_numbers(params))
    arrays: Any = transition, s, policy, linear.steady_state, np.array(int(status)), correlation
    return DecisionRule(*arrays), n


_by_doubling = jax.jit(solve_policy, static_argnames="determined")


def solve_policy_once(
    now: np.ndarray, l: np.ndarray, n: np.ndarray, j: np.ndarray, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Status]:
    """As `solve_policy`: X of x_t = X m_t, T of m_{t+1} = T m_t, and the status."""
    n_states = l.shape[1]
    useless = np.zeros((len(now), n_states)), np.zeros((n_states, n_states))
    if not all(np.isfinite(a).all() for a in (now, l, n, j, p)):
        return *useless, Status.NOT_FINITE
    xy, guess, regular = respond_on_host(now, l, n, j, p)
    if not regular:
        return *useless, Status.SINGULAR
    x, y = np.split(xy, [n_states], axis=1)
    ahead, behind = n @ xy, p @ xy
    e, h = np.split(ahead, [n_states], axis=1)
    g, f = np.split(behind, [n_states], axis=1)
    v, status = solve_by_roots(e, h, g - guess, f)
    policy, transition = x + y @ v, e + h @ v
    if status in (Status.OK, Status.NOT_CONVERGED) and _left(policy, transition, now, l, j @ p) > _EXACT:
        policy, transition = _improved(policy, n, now, l, j @ p)
        exact = _left(policy, transition, now, l, j @ p) <= _EXACT
        stable = exact and np.abs(np.linalg.eigvals(transition)).max(initial=0.0) <= 1.0 + _STRAYED
        status = Status.OK if stable else Status.NOT_CONVERGED
    return policy, transition, status


def _improved(
    policy: np.ndarray, n: np.ndarray, now: np.ndarray, l: np.ndarray, lead: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """X and T = N X after Newton's steps dX, which solve (B + A X N) dX + A dX T = -(A X T + B X + L).

    Each is the sum of (-K)^k Q T^k with K = (B + A X N)^-1 A, by doubling.
    """
    for _ in range(_NEWTON):
        transition = n @ policy
        if not np.isfinite(transition).all():
            break
        factors = lu_factor(now + lead @ policy @ n)
        step = lu_solve(factors, -(lead @ policy @ transition + now @ policy + l))
        k, t = -lu_solve(factors, lead), transition
        for _ in range(_DOUBLINGS):
            more = k @ step @ t
            if not np.abs(more).max(initial=0.0) > np.finfo(float).eps * np.abs(step).max(initial=0.0):
                break
            step, k, t = step + more, k @ k, t @ t
        policy = policy + step
        if _left(policy, n @ policy, now, l, lead) <= 0.01 * _EXACT:
            break
    return policy, n @ policy


def _left(
    policy: np.ndarray, transition: np.ndarray, now: np.ndarray, l: np.ndarray, lead: np.ndarray
) -> float:
    """What A X T + B X + L leaves, in units of the largest terms of each equation; an equation whose variables move by
    no more than rounding errors of what moves most has the units of that."""
    terms = (lead, policy, transition), (now, policy), (l,)
    left = np.add.reduce([reduce(np.matmul, factors) for factors in terms])
    size = np.add.reduce([reduce(np.matmul, map(np.abs, factors)) for factors in terms])
    moves = (np.abs(now) + np.abs(lead)).max(axis=1, initial=0.0) * np.abs(policy).max(initial=0.0)
    largest = np.maximum(size.max(axis=1, initial=0.0), _FAINT * moves)
    return float(
        (np.abs(left).max(axis=1, initial=0.0) / np.where(largest > 0, largest, 1.0)).max(initial=0.0)
    )


def _numbers(values: Any) -> Any:
    return type(values)(*map(float, values))


@kept_on_model
def _at_rest(model: Model) -> Callable[[Any], Any]:
    if (program := kept_of(model).get("steady_state")) is None:
        return interpreted(steady_state_of(model), _numbers(model.params()))
    run = interpreted_program(program)  # traced when the model was checked
    return lambda params: model.variables(*run(*params))


@kept_on_model
def _correlation(model: Model) -> Callable[[Any], np.ndarray]:
    return interpreted(partial(shock_correlation, model), _numbers(model.params()))
