"""Posterior: prior, transforms and log-likelihood, as everything a sampler may know."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from estim.arguments import ArgumentError, NonNegative, checked
from estim.covariances import check_covariances
from estim.datasets import select_observables
from estim.evaluations import Evaluations
from estim.likelihood.failure import outcome
from estim.likelihood.kalman import kalman_likelihood
from estim.likelihood.options import check_options
from estim.likelihood.toeplitz import toeplitz_loglikelihood
from estim.model import Model, ModelError
from estim.parameters import Initial, JointPrior, Parameters, parameterise, scattered
from estim.prior_checks import begin_at
from estim.priors import Names
from estim.runtime import require_own_runtime
from estim.solution.cost_split import cost_split
from estim.solution.equations import measurement_covariance
from estim.solution.rational_expectations import solve_state_space, solve_state_space_in_variables
from estim.solution.representations import MovingAverage, StateSpace
from estim.solution.sequence_space import (
    AggregateResponses,
    solve_aggregate_responses,
    solve_moving_average,
)
from estim.solution.stationary_equilibrium import (
    HouseholdJacobians,
    default_household_jacobians,
    solve_household_jacobians,
)
from estim.status import SolutionError, Status
from estim.typing import Array, Key, LogDensity, ParamValues, Position, Scalar


def message_of(status: int) -> str:
    """The words of a status."""
    return Status(int(status)).message


class Split(NamedTuple):
    """How an evaluation divides into an expensive part that few components of the position enter, and the rest.

    ``evaluate_fn(position, prepare_fn(position))`` is the posterior's ``evaluate_fn(position)``, and
    ``prepare_fn`` reads the components ``slow`` of the position alone: while these stay, what it gave stays
    good.

    Attributes:
        slow: components of the position that ``prepare_fn`` reads; the others are fast.
        prepare_fn: position -> given, any pytree of arrays.
        evaluate_fn: (position, given) -> `Evaluations` of that one point, with its status.
        fast_moves: evaluations of the fast components that cost about as much as one preparation.
    """

    slow: tuple[int, ...]
    prepare_fn: Callable[[Position], Any]
    evaluate_fn: Callable[[Position, Any], Evaluations]
    fast_moves: int = 5


class Posterior(NamedTuple):
    """A posterior over an unconstrained position ``[dim]``; every function is pure and jittable.

    Attributes:
        logdensity_fn: ``loglikelihood_fn + logprior_fn``.
        logprior_fn: log-prior of the parameters plus the log-determinant of the transform.
        loglikelihood_fn: -inf where the model has no solution.
        constrain_fn: position -> {name: value} in the model's units.
        unconstrain_fn: {name: value} -> position.
        sample_prior: ``(rng_key, num) -> [num, dim]`` positions.
        param_names: names of the estimated parameters, in the order of the position.
        evaluate_fn: position -> `Evaluations` of that one point, with its status.
        start: a position to begin a search from, ``[dim]``.
        logdet_fn: log |det d params / d position|.
        initial: where tempered SMC begins, see `Initial`.
        split: how an evaluation divides where some components are much cheaper to move than others,
            else None; samplers make use of it by themselves.
        in_turn: on a CPU many positions are evaluated faster one after another than side by side, as
            where an evaluation is made of large matrices.
        explain: what a status means for this posterior, in words.
    """

    logdensity_fn: LogDensity
    logprior_fn: LogDensity
    loglikelihood_fn: LogDensity
    constrain_fn: Callable[[Position], dict[str, Scalar]]
    unconstrain_fn: Callable[[ParamValues], Position]
    sample_prior: Callable[[Key, int], Array]
    param_names: tuple[str, ...]
    evaluate_fn: Callable[[Position], Evaluations]
    start: Position
    logdet_fn: LogDensity
    initial: Initial
    split: Split | None = None
    in_turn: bool = False
    explain: Callable[[int], str] = message_of

    def over[T](self, fn: Callable[..., T]) -> Callable[..., T]:
        """`fn`, which evaluates this posterior, over a leading axis of its arguments."""
        return over(fn, self.in_turn)

    def with_loglikelihood(self, loglikelihood: Callable[[Position], Any]) -> "Posterior":
        """The same prior with another log-likelihood of the position (a surrogate's, say).

        `loglikelihood` returns a scalar, or a pair ``(scalar, status)``.
        """
        parameters = Parameters(
            self.param_names,
            self.constrain_fn,
            self.unconstrain_fn,
            self.logdet_fn,
            self.logprior_fn,
            self.sample_prior,
            self.initial,
        )
        return _assemble(loglikelihood, parameters, self.start)


def takes_turns(in_turn: bool) -> bool:
    """Whether evaluations that are better taken one after another are: on a machine whose devices are cores."""
    return in_turn and jax.default_backend() == "cpu"


def over[T](fn: Callable[..., T], in_turn: bool) -> Callable[..., T]:
    """`fn` over a leading axis of its arguments, side by side or, `in_turn` and on a CPU, one after another."""
    if takes_turns(in_turn):
        return lambda *arguments: jax.lax.map(lambda each: fn(*each), arguments)
    return jax.vmap(fn)


@checked
def from_loglikelihood(
    loglikelihood: Callable[..., Any],
    prior: Mapping[Names, Distribution],
    start: ParamValues | None = None,
    *,
    joint_prior: JointPrior | None = None,
    prepare: Callable[[dict[str, Scalar]], Any] | None = None,
    slow: Sequence[str] = (),
) -> Posterior:
    """A posterior from any log-likelihood and priors.

    Args:
        loglikelihood: ``{name: value} -> scalar`` or ``(scalar, status)``, in JAX.
        prior: NumPyro distributions by parameter name; one of a vector by a tuple of names:
            ``{"sigma": Gamma(2.0, 1.0), ("a", "b"): MultivariateNormal(mean, covariance)}``.
        start: where a search begins, in the support of the priors (from its very end it is moved a little inside);
            the prior mean where a name is not listed, or the median where there is no finite mean.
        joint_prior: ``{name: value} -> log-density``, a term added to the log-prior.
        prepare: ``{name: value} -> given``, an expensive part of the log-likelihood, which is then called as
            ``loglikelihood({name: value}, given)``; it makes the posterior's `Split`.
        slow: names of the parameters that `prepare` reads. Those that share a distribution with one of them
            are slow too, since one transform makes them; where that leaves none, there is no `Split`.

    Raises:
        PriorError: a prior that cannot be used, or a start outside its support; the message names the parameter.
    """
    if not prior:
        raise ArgumentError("from_loglikelihood: prior must have a parameter at least")
    parameters = parameterise(prior, joint_prior)
    unknown = [
        f"{role} names {name!r}"
        for role, names in (("start", start or ()), ("slow", slow))
        for name in names
        if name not in parameters.names
    ]
    if unknown:
        raise ArgumentError(
            f"from_loglikelihood: {unknown[0]}, which has no prior; they are {list(parameters.names)}"
        )
    constrain = parameters.constrain_fn
    together = [{own} if isinstance(own, str) else set(own) for own in prior]  # by one transform
    read = set().union(*(own for own in together if own & set(slow)))
    return _assemble(
        lambda position, *given: loglikelihood(constrain(position), *given),
        parameters,
        parameters.unconstrain_fn(begin_at(prior, start or {})),
        None if prepare is None else lambda position: prepare(constrain(position)),
        tuple(i for i, name in enumerate(parameters.names) if name in read),
    )


@checked
def from_logdensity(
    logdensity: LogDensity, start: Array, param_names: tuple[str, ...] | None = None
) -> Posterior:
    """A posterior from a bare log-density of an unconstrained position.

    All of it counts as log-likelihood; the "prior" is flat, and `sample_prior` scatters
    starting points as a unit normal around `start` ``[dim]``. Tempered SMC begins from draws near and far
    around `start` (standard deviations of 1, 3 and 10) and divides their density out, so that its draws are those of
    `logdensity`, and its marginal likelihood is the integral of that.
    """
    start = jnp.asarray(start, float)
    if start.ndim != 1 or not start.size or len(param_names or start) != start.size:
        raise ArgumentError(
            f"from_logdensity: start must be a vector with a number for each parameter, not of shape {start.shape}"
        )
    names = param_names or tuple(f"x{i}" for i in range(start.shape[0]))
    flat = lambda position: jnp.zeros((), position.dtype)
    parameters = Parameters(
        names,
        constrain_fn=lambda position: {n: position[i] for i, n in enumerate(names)},
        unconstrain_fn=lambda values: jnp.stack([jnp.asarray(values[n], float) for n in names]),
        logdet_fn=flat,
        logprior_fn=flat,
        sample_prior=lambda rng_key, num: start[None, :] + jax.random.normal(rng_key, (num, start.shape[0])),
        initial=scattered(start),
    )
    return _assemble(logdensity, parameters, start)


def _assemble(
    loglikelihood: Callable[..., Any],
    parameters: Parameters,
    start: Position,
    prepare: Callable[[Position], Any] | None = None,
    slow: tuple[int, ...] = (),
) -> Posterior:
    """Join a log-likelihood (a scalar, or a pair with its status) to a prior and transforms."""

    def evaluate_given(position: Position, *given: Any) -> Evaluations:
        result = loglikelihood(position, *given)
        value, status = result if isinstance(result, tuple) else (result, Status.OK.value)
        logprior = parameters.logprior_fn(position)
        inside = jnp.isfinite(logprior)
        status = jnp.where(inside, status, Status.OUT_OF_SUPPORT.value)
        status = jnp.where((status == Status.OK) & ~jnp.isfinite(value), Status.NOT_FINITE.value, status)
        value = jnp.where(status == Status.OK, value, -jnp.inf)
        return Evaluations(position, value, jnp.where(inside, logprior, -jnp.inf), status.astype(jnp.int32))

    def evaluate(position: Position) -> Evaluations:
        return evaluate_given(position) if prepare is None else evaluate_given(position, prepare(position))

    return Posterior(
        logdensity_fn=lambda position: evaluate(position).logdensity,
        logprior_fn=parameters.logprior_fn,
        loglikelihood_fn=lambda position: evaluate(position).loglikelihood,
        constrain_fn=parameters.constrain_fn,
        unconstrain_fn=parameters.unconstrain_fn,
        sample_prior=parameters.sample_prior,
        param_names=parameters.names,
        evaluate_fn=evaluate,
        start=start,
        logdet_fn=parameters.logdet_fn,
        initial=parameters.initial,
        split=Split(slow, prepare, evaluate_given) if prepare and len(slow) < len(start) else None,
    )


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


def solve_compiled(model: Model, params: Any) -> StateSpace | MovingAverage:
    """`solve_representation` of numbers. The solution of a linear model is a compiled program as it is."""
    return _solve_households(model, params) if model.het_blocks else solve_state_space(model, params)


_solve_households = jax.jit(solve_representation, static_argnums=0)
