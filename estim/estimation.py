"""From a specification, a solver and a likelihood to a posterior."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from estim.arguments import checked
from estim.covariances import check_covariances
from estim.decision import DecisionModel
from estim.likelihood.contract import Likelihood
from estim.likelihood.failure import Outcome
from estim.likelihood.table import likelihood_for
from estim.model import Model, ModelError
from estim.parameters import Latent, Parameters, with_latents
from estim.posterior import Posterior, split_by
from estim.prior_checks import begin_at
from estim.runtime import require_own_runtime
from estim.simulation import Simulation
from estim.solution.solver import Solver
from estim.solution.table import solver_named
from estim.specification import Specification
from estim.status import Status
from estim.typing import Array, Key, ParamValues, Position, Scalar


@dataclass(frozen=True)
class ModelLikelihood:
    """The log-likelihood of a specification, solved and read: the likelihood of a `Posterior`.

    Attributes:
        spec: what is estimated.
        solver: how it becomes a representation.
        likelihood: how that is compared with data, for data of one shape.
    """

    spec: Specification
    solver: Solver
    likelihood: Likelihood

    def __call__(self, position: Position, data: "EstimationData", given: Any = None) -> Outcome:
        """At a position, given what `prepare` returned where the posterior is split."""
        latents = position[len(self.spec.estimated) :]
        return self.at(self._params(position), data, given, latents if latents.size else None)

    def prepare(self, position: Position, data: "EstimationData") -> Any:
        """The part of the solution that the solver's slow parameters enter."""
        return self.solver.prepare(self.spec, self._params(position), data.once)

    def solution(self, position: Position, data: "EstimationData") -> Any:
        """What the solver gives at a position."""
        return self.solver.solve(self.spec, self._params(position), data.once)

    def at(
        self, params: Any, data: "EstimationData", given: Any = None, latents: Array | None = None
    ) -> Outcome:
        """At the specification's Params, and at the latents of the likelihood where it has any."""
        solution = self.solver.solve(self.spec, params, data.once if given is None else given)
        own = getattr(self.likelihood, "of_params", None)
        behind = (*(own(params) if own else ()), *(() if latents is None else (latents,)))
        return self.likelihood.loglikelihood(solution, data.read, *behind)

    def latents(self, data: "EstimationData") -> tuple[Latent, ...]:
        """What the likelihood adds to the position."""
        if getattr(type(self.likelihood), "latents", Likelihood.latents) is Likelihood.latents:
            return ()
        params = jax.tree.map(lambda x: jnp.asarray(x, float), self.spec.params())
        solution = jax.eval_shape(lambda p, once: self.solver.solve(self.spec, p, once), params, data.once)
        return self.likelihood.latents(self.spec, solution, data.read)

    def _params(self, position: Position) -> Any:
        own = position[: len(self.spec.estimated)]
        return self.spec.params(self.spec.parameters.constrain_fn(own))

    def over_parameters(self) -> tuple[Parameters, "ModelLikelihood"]:
        """The parameters, and a cheap likelihood of these alone, of a likelihood that adds latents to them."""
        near = ModelLikelihood(self.spec, self.solver.simplest, self.likelihood.over_parameters())
        return self.spec.parameters, near

    @property
    def noisy(self) -> bool:
        """Whether its value depends on random numbers."""
        return self.likelihood.noisy

    def redraw(self, data: "EstimationData", rng_key: Key, share: Scalar | float = 1.0) -> "EstimationData":
        """The data with a share of these drawn anew."""
        return replace(data, read=self.likelihood.redraw(data.read, rng_key, share))

    @property
    def gradient(self) -> str:
        """That of the likelihood: exact, none or biased."""
        return self.likelihood.gradient

    def explain(self, status: int) -> str:
        """What a status means for this model, in words."""
        return explain(self.spec, status)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EstimationData:
    """What a compiled likelihood takes as an argument.

    Attributes:
        read: what the likelihood reads of the data.
        once: what the solver has solved once.
    """

    read: Any
    once: Any = None


@checked
def build_posterior(
    model: Model | Simulation | DecisionModel,
    data: Any,
    *,
    solver: Any = None,
    likelihood: Any = None,
    **options: Any,
) -> Posterior:
    """The posterior of a model's estimated parameters given data.

    Posteriors of one model that differ in their data alone, of one length and with gaps or without, share their
    compiled programs.

    Args:
        model: the model.
        data: a frame that has the model's observables among its columns; NaN is missing.
        solver: how the model is solved, such as ``estim.FirstOrder()``; by default the one that suits the model.
        likelihood: how the solution is compared with the data: such as ``estim.Kalman(start="diffuse")``, or a name
            (`estim.likelihood.table`); by default the exact one of what the solver gives.
        options: settings of the likelihood, as in ``presample=4``.

    With heterogeneous agents, what the estimated parameters do not move is solved once, here: the household
    Jacobians where no household parameter is estimated, the aggregate responses where only parameters of
    shocks are. Where only some are household parameters, the posterior has a `Split`.

    Returns:
        The posterior, a pytree whose data are an argument of what is compiled.

    Raises:
        DataError: an observable is not a column of the data, or a column is not numeric.
        ArgumentError: a setting of the likelihood is unknown, out of its range, or does not fit the data.
        ModelError: no parameter has a prior, or the measurement errors have no covariance at the start.
        SolutionError: what is solved once has no solution at the calibrated parameters.
    """
    require_own_runtime()
    evaluation, read = likelihood_of(model, data, solver, likelihood, options)
    if not model.estimated:
        raise ModelError(f"{model.name}: there is nothing to estimate: no parameter has a prior distribution")
    check_covariances(model, model.params())
    once = evaluation.solver.solve_once(model)
    given = EstimationData(read, once)
    parameters = with_latents(model.parameters, evaluation.latents(given))
    start = {n: v for n, v in model.start_values.items() if n in model.estimated}
    latents_at_mean = dict.fromkeys(parameters.names[len(model.estimated) :], 0.0)
    slow = evaluation.solver.slow(model)
    return Posterior(
        parameters,
        evaluation,
        given,
        parameters.unconstrain_fn(begin_at(model.priors, start) | latents_at_mean),
        split_by(model.priors, slow) if slow else None,
        evaluation.solver.sequential,
    )


def likelihood_of(
    model: Specification,
    data: Any,
    solver: Any = None,
    likelihood: Any = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[ModelLikelihood, Any]:
    """The likelihood of a model for data as people have them, such as a frame, and what it reads of them.

    Raises:
        ArgumentError, DataError: as `build_posterior`.
    """
    solver, chosen = _chosen(model, solver, likelihood, options)
    return _for_data(model, solver, chosen, chosen.select(model, data))


def model_likelihood(
    model: Specification,
    observations: Array,
    solver: Any = None,
    likelihood: Any = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[ModelLikelihood, Any]:
    """The likelihood of a model for observations ``[n_periods, n_obs]``, and what it reads of them.

    Raises:
        ArgumentError: as `build_posterior`.
    """
    return _for_data(model, *_chosen(model, solver, likelihood, options), observations)


def _chosen(
    model: Specification, solver: Any, likelihood: Any, options: Mapping[str, Any] | None
) -> tuple[Solver, Likelihood]:
    solver = solver_named(model, solver)
    chosen = likelihood_for(solver.gives, likelihood, options, model)
    chosen.check_specification(model)
    return solver, chosen


def _for_data(
    model: Specification, solver: Solver, chosen: Likelihood, observations: Any
) -> tuple[ModelLikelihood, Any]:
    row, read = chosen.for_data(observations)
    return ModelLikelihood(model, row.solver_for(solver), row), read


def model_loglikelihood(
    model: Specification,
    params: Any,
    observations: Array,
    given: Any = None,
    *,
    solver: Any = None,
    likelihood: Any = None,
    **options: Any,
) -> Outcome:
    """Log-likelihood and `Status` of a model at its Params given observations ``[n_periods, n_obs]``.

    `given` is what is known of the solution already, see `Solver.solve`.
    """
    evaluation, read = model_likelihood(model, observations, solver, likelihood, options)
    return evaluation.at(params, EstimationData(read), given)


def build_solver(model: Specification, solver: Any = None) -> Any:
    """``{name: value} -> representation`` for values of the estimated parameters; what they do not move is
    solved once, as in `build_posterior`.

    Raises:
        SolutionError: what is solved once has no solution at the calibrated parameters.
    """
    solver = solver_named(model, solver)
    once = solver.solve_once(model)

    def solve(values: ParamValues) -> Any:
        return solver.solve(model, model.params(values), once)

    return solve


def explain(model: Specification, status: int) -> str:
    """What a status means for a model, in words; of observables that are tied to each other with their number."""
    if status != Status.SINGULAR_OBSERVABLES:
        return Status(int(status)).message
    with jax.ensure_compile_time_eval():
        errors = int(jnp.sum(jnp.diagonal(model.measurement_covariance(model.params())) > 0))
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
