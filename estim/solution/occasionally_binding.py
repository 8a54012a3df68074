"""`OccasionallyBinding`: the piecewise-linear solution of a model whose constraints bind at times."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from estim.arguments import Positive, check_fields
from estim.kept import kept_on_model
from estim.model import Model
from estim.numerics import solve_linear
from estim.representations.piecewise import PiecewiseLinear
from estim.solution.equations import measurement_covariance, trace_equations, trend_growth
from estim.solution.linearize import LinearModel, linearize
from estim.solution.rational_expectations import solve_all_variables
from estim.solution.regimes import regimes
from estim.solution.solver import Solver
from estim.status import Status
from estim.tracing import ModelError
from estim.typing import Array


@dataclass(frozen=True)
class OccasionallyBinding(Solver):
    """Both regimes of each constraint linearised at the steady state, and which of them are expected to hold when.

    Agents expect no further shocks, and the reference regime to return for good within the horizon. A solution is a
    fixed point of regimes, searched for from those expected last (`estim.numerics.guess_and_verify`). There may be
    none, or several.

    Attributes:
        horizon: number of periods, today's included, in which a constraint may be expected to bind.

    Source: Guerrieri and Iacoviello (2015, Journal of Monetary Economics 70, 22-38).
    """

    horizon: Positive = 40

    gives: ClassVar[type] = PiecewiseLinear
    sequential: ClassVar[bool] = True
    states_rest: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self)

    def solve(self, spec: Model, params: Any, given: None = None) -> PiecewiseLinear:
        """The representation at `params`, the model's Params.

        Raises:
            ModelError: the model has no constraint, or one without a reference regime, or heterogeneous agents.
        """
        spec.refuse_households("OccasionallyBinding")
        params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
        return _program(spec)(self.horizon, params)


@kept_on_model
def _program(model: Model) -> Any:
    if not regimes(model).alternatives:
        raise ModelError(
            f"{model.name}: no constraint binds at times: give 'complementarity', or take estim.FirstOrder()"
        )
    return jax.jit(partial(_solve, model), static_argnums=0)


def _solve(model: Model, horizon: int, params: Any) -> PiecewiseLinear:
    rule, T, R = solve_all_variables(model, params)
    linear = linearize(model, params)
    replaced = [trace_equations(model).names.index(name) for name in regimes(model).alternatives]
    responses, regular = respond_to_news(linear, T, replaced, horizon)
    constant, lag, now, lead, shock = _looked_at(model, params, linear.steady_state)
    by_state = _powers(T, horizon + 1)  # x_{t+h} = T^h x_t

    def along(path: Array, first: Array, e: Array | None) -> Array:
        """What is looked at ``[3, H J, m]`` along ``path`` ``[H + 1, n, m]``, whose period before is `first`."""
        before = jnp.concatenate([first[None], path[:-2]])
        seen = lag @ before[:, None] + now @ path[:-1, None] + lead @ path[1:, None]
        seen = seen if e is None else seen.at[0].add(e)
        return seen.transpose(1, 0, 2, 3).reshape(3, -1, path.shape[2])

    nothing = jnp.zeros_like(responses[0])
    status = jnp.select(
        [rule.status != Status.OK, ~regular, ~(constant[1] > 0).all()],
        [rule.status, Status.SINGULAR, Status.NO_REFERENCE],
        Status.OK,
    )
    return PiecewiseLinear(
        transition=T,
        selection=R,
        news=responses[0],
        seen_rest=jnp.tile(constant, (1, horizon)),
        seen_state=along(by_state @ T, jnp.eye(len(T)), None),
        seen_shock=along(by_state @ R, jnp.zeros_like(R), shock),
        seen_news=along(responses, nothing, None),
        room=constant[1],
        shock_cov=rule.shock_cov,
        steady_state=linear.steady_state,
        measured_now=linear.measured_now,
        measured_lag=linear.measured_lag,
        obs_intercept=linear.obs_intercept,
        obs_cov=measurement_covariance(model, params),
        status=status,
        obs_trend=trend_growth(model, params),
    )


def respond_to_news(linear: LinearModel, T: Array, replaced: list[int], horizon: int) -> tuple[Array, Array]:
    """Responses of the variables in t, ..., t + H to what is known in t of the residuals of some equations.

    With residuals y_{t+h} left in the equations `replaced`, A x_{t+1} + B x_t + C x_{t-1} = E y_t, and
    x_t = T x_{t-1} + k_t, it is k_t = W (E y_t - A k_{t+1}) with W = (A T + B)^-1.

    Returns:
        ``[H + 1, n, H J]``, and whether A T + B is regular.
    """
    n = len(T)
    W, regular = solve_linear(linear.lead @ T + linear.now, jnp.eye(n))
    powers = _powers(-W @ linear.lead, horizon)
    first = (powers @ W[:, jnp.array(replaced)]).transpose(1, 0, 2)  # k_t for y_t, y_{t+1}, ...

    def a_period_on(x: Array, t: Array) -> tuple[Array, Array]:
        later = jnp.arange(horizon) - t
        k = jnp.where((later >= 0)[None, :, None], first[:, jnp.clip(later, 0)], 0.0)
        x = T @ x + k.reshape(n, -1)
        return x, x

    start = jnp.zeros((n, horizon * len(replaced)))
    return jax.lax.scan(a_period_on, start, jnp.arange(horizon + 1))[1], regular


def _powers(matrix: Array, count: int) -> Array:
    """``[count, n, n]``, the identity first, one after another: powers by squaring lose what is small."""
    times = lambda power, _: (matrix @ power, power)
    return jax.lax.scan(times, jnp.eye(len(matrix)), length=count)[1]


def _looked_at(model: Model, params: Any, rest: Array) -> tuple[Array, Array, Array, Array, Array]:
    """The three functions of each constraint at rest ``[3, J]``, and derivatives ``[3, J, ...]`` by x_{t-1}, x_t,
    x_{t+1} and e_t."""
    others = regimes(model).alternatives.values()

    def three(lag: Array, now: Array, lead: Array, shocks: Array) -> Array:
        a, b, c = (model.variables(*x) for x in (lag, now, lead))
        e = model.shocks(*shocks)
        rows = [
            [f.residual(a, b, c, e, params) for f in others],
            [f.bind(a, b, c, params) for f in others],
            [f.relax(a, b, c, params) for f in others],
        ]
        return jnp.array(rows, float)

    at = (rest, rest, rest, jnp.zeros(len(model.shocks._fields)))
    return three(*at), *jax.jacrev(three, argnums=(0, 1, 2, 3))(*at)
