"""Posterior: prior, transforms and log-likelihood, as everything a sampler may know."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from estim.arguments import ArgumentError, checked
from estim.devices import over
from estim.evaluations import Evaluations
from estim.parameters import Initial, JointPrior, Parameters, parameterise, scattered
from estim.prior_checks import begin_at
from estim.priors import Names
from estim.status import Status
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
