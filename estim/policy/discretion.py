"""Optimal policy without commitment: the Markov-perfect rule of a linear-quadratic problem.

A planner who cannot bind the next one takes its rule z_{t+1} = H z_t as given, but moves the state z_t that it reacts
to. Of the equations A E_t z_{t+1} + B z_t + C z_{t-1} + D e_t = 0 that remain without the instruments', the columns y
of M = A H + B belong to the other variables, the columns i to the instruments:

    y_t = -M_y^-1 (M_i i_t + C z_{t-1} + D e_t),    so that    z_t = S i_t + V s_t,    s_t = (z_{t-1}, e_t).

With W half the second derivatives of the loss and z' P z what the state costs from tomorrow on, the best i_t = F s_t
has S' (W + beta P) (S F + V) = 0; then z_t = (S F + V) s_t = H z_{t-1} + G e_t and P = H' (W + beta P) H. The rule is
what that converges to from a last period on.

Source: Dennis (2007), Macroeconomic Dynamics 11; Söderlind (1999), European Economic Review 43.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.model import Model
from estim.numerics import solve_linear
from estim.numerics.fixed_point import attach_derivative
from estim.policy.objective import Objective
from estim.representations.linear import DecisionRule
from estim.solution.equations import shock_correlation, trace_equations
from estim.solution.linearize import linearize
from estim.status import Status
from estim.typing import Array, Scalar

_MOST_STEPS, _TOLERANCE = 20_000, 1e-14


class _Problem(NamedTuple):
    """A, B, C ``[n_kept, n]``, D ``[n_kept, n_shocks]``, W ``[n, n]`` and beta."""

    lead: Array
    now: Array
    lag: Array
    shocks: Array
    loss: Array
    beta: Scalar


def discretionary_rule(
    model: Model, objective: Objective, beta: Callable[[Any], Scalar], instruments: Mapping[str, str]
) -> Callable[[Any], DecisionRule]:
    """``Params -> DecisionRule``, whose state is all variables in deviations from where the model rests.

    JAX may trace it; its derivative is that of the fixed point. The status is NOT_CONVERGED where the recursion does
    not converge, SINGULAR where the equations or the loss leave something open.
    """
    names, written = model.variables._fields, trace_equations(model).names
    rows = np.array([i for i, e in enumerate(written) if e not in instruments.values()], int)
    chosen = np.array([names.index(v) for v in instruments], int)
    others = np.setdiff1d(np.arange(len(names)), chosen)

    def found(params: Any) -> DecisionRule:
        params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
        linear = linearize(model, params)
        of = lambda z: objective(model.variables(*z), params)
        half = 0.5 * jax.hessian(of)(linear.steady_state)
        problem = _Problem(
            linear.lead[rows], linear.now[rows], linear.lag[rows], linear.shocks[rows], half, beta(params)
        )
        H, G, status = _solve(problem, others, chosen)
        return DecisionRule(
            transition=H,
            selection=G,
            policy=jnp.eye(len(names)),
            steady_state=linear.steady_state,
            status=jnp.where(linear.status != Status.OK, linear.status, status),
            shock_cov=shock_correlation(model, params),
        )

    return jax.jit(found)


def _solve(problem: _Problem, others: np.ndarray, chosen: np.ndarray) -> tuple[Array, Array, Scalar]:
    n = problem.loss.shape[0]
    backward = partial(_backward, others=others, chosen=chosen)
    fixed = jax.lax.stop_gradient(problem)

    def unfinished(carry):
        step, _, _, change, _ = carry
        return (step < _MOST_STEPS) & (change > _TOLERANCE)

    def advance(carry):
        step, H, P, _, _ = carry
        new, new_P, _, regular = backward(fixed, H, P)
        change = jnp.maximum(_change(new, H), _change(new_P, P))
        return step + 1, new, new_P, jnp.where(jnp.isfinite(change), change, 0.0), regular

    zero = jnp.zeros((n, n))
    start = (0, zero, zero, jnp.inf, jnp.array(False))
    _, H, P, change, regular = jax.lax.while_loop(unfinished, advance, start)
    ok = regular & (change <= _TOLERANCE) & jnp.isfinite(H).all() & jnp.isfinite(P).all()
    # Where there is no rule, the derivative is that of a problem that has one.
    m = len(others)
    harmless = _Problem(
        jnp.zeros((m, n)),
        jnp.eye(n)[others],
        jnp.zeros((m, n)),
        jnp.zeros_like(problem.shocks),
        jnp.eye(n),
        jnp.asarray(0.5),
    )
    problem = jax.tree.map(lambda x, otherwise: jnp.where(ok, x, otherwise), problem, harmless)
    H, P = jnp.where(ok, H, 0.0), jnp.where(ok, P, 0.0)
    scale = lambda x: jnp.maximum(jnp.abs(x), 1.0)
    H, P = attach_derivative(lambda x: backward(problem, *x)[:2], (H, P), scale=scale)
    G = backward(problem, H, P)[2]
    return H, G, jnp.select([ok, ~regular], [Status.OK, Status.SINGULAR], Status.NOT_CONVERGED)


def _change(new: Array, old: Array) -> Scalar:
    return jnp.max(jnp.abs(new - old)) / (1.0 + jnp.max(jnp.abs(new)))


def _backward(
    problem: _Problem, H: Array, P: Array, others: np.ndarray, chosen: np.ndarray
) -> tuple[Array, Array, Array, Array]:
    """Today's H, P and G where tomorrow's are given, and whether they are determined: in the last period the
    instruments may do nothing, and stay at rest."""
    A, B, C, D, W, beta = problem
    n = W.shape[0]
    M = A @ H + B
    right = -jnp.concatenate([M[:, chosen], C, D], axis=1)
    response, solved = solve_linear(M[:, others], right)
    width = right.shape[1]
    moved = jnp.zeros((n, width)).at[others].set(response)
    moved = moved.at[chosen, np.arange(len(chosen))].set(1.0)
    S, V = moved[:, : len(chosen)], moved[:, len(chosen) :]
    cost = W + beta * P
    F, curved = solve_linear(S.T @ cost @ S, -S.T @ cost @ V)
    closed = S @ F + V
    new = closed[:, :n]
    return new, new.T @ cost @ new, closed[:, n:], solved & curved
