"""From a model and data to a posterior: which solution, which likelihood, and what is solved once."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from estim.arguments import NonNegative, checked
from estim.covariances import check_covariances
from estim.data.datasets import select_observables
from estim.likelihood.failure import outcome
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.likelihood.options import check_options
from estim.likelihood.state_space.kalman import kalman_likelihood
from estim.model import Model, ModelError
from estim.posterior import Posterior, from_loglikelihood, message_of
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.runtime import require_own_runtime
from estim.solution.equations import measurement_covariance
from estim.solution.rational_expectations import solve_state_space, solve_state_space_in_variables
from estim.solution.sequence_space.linear_system import (
    AggregateResponses,
    solve_aggregate_responses,
    solve_moving_average,
)
from estim.solution.sequence_space.parameter_roles import cost_split
from estim.solution.sequence_space.stationary_equilibrium import (
    HouseholdJacobians,
    default_household_jacobians,
    solve_household_jacobians,
)
from estim.status import SolutionError, Status
from estim.typing import Array, ParamValues, Scalar


@checked
def build_posterior(
    model: Model,
    data: Any,
    *,
    presample: NonNegative = 0,
    **likelihood_options: Any,
) -> Posterior:
    """The posterior of a model's estimated parameters given data.

    Args:
        model: the model.
        data: a frame that has the model's observables among its columns; NaN is missing.
        presample: periods at the start that are filtered but not counted: a whole number from 0
            to less than those of the data.
        likelihood_options: passed on to `kalman_loglikelihood`, or to `toeplitz_loglikelihood`
            where agents are heterogeneous.

    With heterogeneous agents, what the estimated parameters do not move is solved once, here: the household
    Jacobians where no household parameter is estimated, the aggregate responses where only parameters of
    shocks are. Where only some are household parameters, the posterior has a `Split`.

    Raises:
        DataError: an observable is not a column of the data, or a column is not numeric.
        ArgumentError: an option of the likelihood is unknown, out of its range, or does not fit the data.
        ModelError: no parameter has a prior, or the measurement errors have no covariance at the start.
        SolutionError: what is solved once has no solution at the calibrated parameters.
    """
    require_own_runtime()
    observations = select_observables(data, model.observables._fields, model.name).to_numpy()
    options = check_options(model, {"presample": presample} | likelihood_options, observations)
    if not model.estimated:
        raise ModelError(f"{model.name}: there is nothing to estimate: no parameter has a prior distribution")
    check_covariances(model, model.params())
    start = {n: v for n, v in model.start.items() if n in model.estimated}
    build = partial(from_loglikelihood, prior=model.priors, start=start)
    if (term := model.joint_prior) is not None:
        build = partial(build, joint_prior=lambda values: term(model.params(values)))
    slow = household_parameters(model)
    given = solve_once(model) if model.het_blocks and not slow else None

    def loglikelihood(values: ParamValues, given: Any = given) -> tuple[Scalar, Scalar]:
        return model_loglikelihood(model, model.params(values), observations, given, **options)

    own: dict[str, Any] = {"in_turn": bool(model.het_blocks), "explain": partial(explain, model)}
    if not 0 < len(slow) < len(model.estimated):
        return build(loglikelihood)._replace(**own)

    def prepare(values: ParamValues) -> HouseholdJacobians:
        return solve_household_jacobians(model, model.params(values))

    return build(loglikelihood, prepare=prepare, slow=slow)._replace(**own)


def build_solver(model: Model) -> Callable[[ParamValues], StateSpace | MovingAverage]:
    """``{name: value} -> representation`` for values of the estimated parameters; what they do not move is
    solved once, as in `build_posterior`.

    Raises:
        SolutionError: what is solved once has no solution at the calibrated parameters.
    """
    given = solve_once(model) if model.het_blocks and not household_parameters(model) else None
    return lambda values: solve_representation(model, model.params(values), given)


def household_parameters(model: Model) -> tuple[str, ...]:
    """The estimated parameters that move the problem of a heterogeneous-agent block."""
    return tuple(n for n in model.estimated if n in cost_split(model).household) if model.het_blocks else ()


@cache
def solve_once(model: Model) -> HouseholdJacobians | AggregateResponses:
    """All of the solution that the estimated parameters, none of them the household's, leave as it is."""
    params, split = model.params(), cost_split(model)
    given: Any = default_household_jacobians(model)
    if not set(model.estimated) & set(split.aggregate):
        given = jax.jit(solve_aggregate_responses, static_argnums=0)(model, params, given)
    if int(given.status) != Status.OK:
        raise SolutionError(int(given.status), model.name)
    return given


def model_loglikelihood(
    model: Model,
    params: Any,
    observations: Array,
    given: HouseholdJacobians | AggregateResponses | None = None,
    *,
    presample: int = 0,
    **options: Any,
) -> tuple[Scalar, Scalar]:
    """Log-likelihood and `Status` of a model at `params` given observations ``[n_periods, n_obs]``.

    `given` is what is known of the solution already, see `solve_moving_average`.
    """
    if options.get("start") == "approximate_diffuse":  # in every direction of what state? The variables
        solution: StateSpace | MovingAverage = solve_state_space_in_variables(model, params)
    else:
        solution = solve_representation(model, params, given)
    if isinstance(solution, MovingAverage):
        value = toeplitz_loglikelihood(solution, observations, presample=presample, **options)
        well = jnp.isnan(observations) | jnp.isfinite(observations)
        return outcome(
            value,
            (solution.status == Status.OK, solution.status),
            ((solution, well), Status.NOT_FINITE.value),
        )
    return kalman_likelihood(solution, observations, presample=presample, **options)


def explain(model: Model, status: int) -> str:
    """What a status means for a model, in words; of observables that are tied to each other with their number."""
    if status != Status.SINGULAR_OBSERVABLES:
        return message_of(status)
    with jax.ensure_compile_time_eval():
        errors = int(jnp.sum(jnp.diagonal(measurement_covariance(model, model.params())) > 0))
    observables, shocks = len(model.observables._fields), len(model.shocks._fields)
    counts = (
        f"stochastic singularity: {_count(observables, 'observable')}, {_count(shocks, 'shock')}, "
        f"{_count(errors, 'measurement error')}"
    )
    if observables > shocks + errors:
        return f"{counts}: add measurement errors or shocks, or observe fewer series"
    return (
        f"{counts}, yet the observables are tied to each other at these parameters, by a standard deviation of "
        "zero, an observable that is there twice or an identity among them: add measurement errors, or observe "
        "fewer series"
    )


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number in (0, 1) else 's'}"


def solve_representation(
    model: Model, params: Any, given: HouseholdJacobians | AggregateResponses | None = None
) -> StateSpace | MovingAverage:
    """The model's first-order solution: a moving average if it has heterogeneous agents."""
    return (
        solve_moving_average(model, params, given) if model.het_blocks else solve_state_space(model, params)
    )


def solve_compiled(
    model: Model, params: Any, given: HouseholdJacobians | AggregateResponses | None = None
) -> StateSpace | MovingAverage:
    """`solve_representation` of numbers. The solution of a linear model is a compiled program as it is."""
    return _solve_households(model, params, given) if model.het_blocks else solve_state_space(model, params)


_solve_households = jax.jit(solve_representation, static_argnums=0)
