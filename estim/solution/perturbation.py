"""`Perturbation`: the solution as a Taylor polynomial around the deterministic steady state, of order one to three."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from estim.arguments import check_fields
from estim.kept import kept_on_model
from estim.model import Model, ModelError
from estim.representations.pruned import PrunedStateSpace, Rule
from estim.solution.derivative_equations import DerivativeEquations, Linearized
from estim.solution.equations import measurement_covariance, trace_equations, trend_growth
from estim.solution.linearize import linearize
from estim.solution.rational_expectations import dated_variables, solve_linearized
from estim.solution.second_order import to_second_order
from estim.solution.solver import Solver
from estim.solution.sparse_derivatives import evaluate
from estim.solution.steady_state import steady_state_of
from estim.solution.third_order import to_third_order
from estim.status import Status
from estim.typing import Array, Scalar


@dataclass(frozen=True)
class Perturbation(Solver):
    """Derivatives of the solution at the deterministic steady state, and paths from it that are pruned.

    The equations must hold as they stand, in levels or in logs: of equations that are linearised already a higher
    order says nothing, and they are refused.

    Attributes:
        order: of the polynomial. From two on risk matters; from three on it moves with the state.

    Source: Schmitt-Grohé and Uribe (2004), J. Economic Dynamics and Control 28; Andreasen, Fernández-Villaverde and
    Rubio-Ramírez (2018), Review of Economic Studies 85.
    """

    order: Literal[1, 2, 3] = 2

    gives: ClassVar[type] = PrunedStateSpace
    sequential: ClassVar[bool] = False
    states_rest: ClassVar[bool] = True

    @property
    def simplest(self) -> "Perturbation":
        """Of first order."""
        return Perturbation(order=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def solve(self, spec: Model, params: Any, given: None = None) -> PrunedStateSpace:
        """The pruned state space at `params`, the model's Params, with its status.

        Raises:
            ModelError: the model has linearised equations, or heterogeneous agents.
        """
        if not isinstance(spec, Model):
            raise ModelError(f"{spec.name}: perturbation is for models of equations")
        spec.refuse_households("perturbation")
        if spec.linearised and self.order > 1:
            raise ModelError(
                f"{spec.name}: its equations are linearised, so that a solution of order {self.order} would miss what "
                "was dropped: write them in levels or logs, or take order=1"
            )
        params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
        return _programs(spec)[self.order](params)


@kept_on_model
def _programs(model: Model) -> dict[int, Callable[[Any], PrunedStateSpace]]:
    """One for each order."""
    return {order: jax.jit(partial(_solve, model, order)) for order in (1, 2, 3)}


def _solve(model: Model, order: int, params: Any) -> PrunedStateSpace:
    known, status = _to_first_order(model, params)
    variables, measured = known.variables, known.measured
    if order > 1:
        equations = DerivativeEquations(known)
        variables, measured = to_second_order(known, equations)
        if order > 2:
            variables, measured = to_third_order(known, equations, variables, measured)
        status = jnp.where(status == Status.OK, equations.status, status)
    finite = jnp.all(jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves((variables, measured))]))
    return PrunedStateSpace(
        variables=variables,
        measured=measured,
        shock_cov=known.shock_cov,
        obs_cov=measurement_covariance(model, params),
        status=jnp.where((status == Status.OK) & ~finite, Status.NOT_FINITE, status),
        obs_trend=trend_growth(model, params),
        states=tuple(known.lagged.tolist()),
    )


def _to_first_order(model: Model, params: Any) -> tuple[Linearized, Scalar]:
    """What is known to first order, and its status; where that is not OK, finite all the same."""
    linear = linearize(model, params)
    found = solve_linearized(model, params, linear)
    status, (lagged, led) = found.rule.status, dated_variables(model)
    # Where there is no solution, the equations are looked at where the defaults rest, without any reaction.
    ok = status == Status.OK
    guarded = lambda x, otherwise: jnp.where(ok, x, otherwise)
    at = jax.tree.map(guarded, tuple(params), tuple(map(float, model.params())))
    rest = guarded(linear.steady_state, _rest_of_defaults(model))
    inputs = jnp.concatenate([found.combination[:, lagged], found.rule.selection], axis=1)  # m = inputs v
    n, equations = len(rest), trace_equations(model)

    def functions(w: Array) -> Array:
        dated = jnp.unstack(w)
        observed = evaluate(equations.measurement, [*at, *dated[n : 2 * n], *dated[:n]])
        return jnp.stack([*evaluate(equations.residuals, [*at, *dated]), *observed])

    known = Linearized(
        functions=functions,
        lead=guarded(linear.lead[:, led], 0.0),
        now=guarded(linear.now, jnp.eye(len(linear.now))),
        measured_now=guarded(linear.measured_now, 0.0),
        lagged=lagged,
        led=led,
        variables=Rule(rest, guarded(found.rule.policy @ inputs, 0.0)),
        measured=Rule(guarded(linear.obs_intercept, 0.0), guarded(found.design @ inputs, 0.0)),
        shock_cov=guarded(found.rule.shock_cov, jnp.eye(len(found.rule.shock_cov))),
    )
    return known, status


@kept_on_model
def _rest_of_defaults(model: Model) -> Array:
    with jax.ensure_compile_time_eval():
        rest = jax.jit(steady_state_of(model))(model.params())  # a search is many operations
        return jnp.stack([jnp.asarray(x, float) for x in rest])
