"""Posterior: prior, transforms and log-likelihood, as everything a sampler may know."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution

from estim.arguments import ArgumentError, checked
from estim.devices import over
from estim.display import counted, line, table
from estim.evaluations import Evaluations
from estim.parameters import Initial, JointPrior, Parameters, parameterise, scattered
from estim.prior_checks import begin_at
from estim.priors import Names
from estim.status import Status
from estim.typing import Array, Key, LogDensity, ParamValues, Position, Scalar


class Split(NamedTuple):
    """How an evaluation divides into an expensive part that few components of the position enter, and the rest.

    While the components ``slow`` of the position stay, what the likelihood prepared stays good.

    Attributes:
        slow: components of the position that the preparation reads; the others are fast.
        fast_moves: evaluations of the fast components that cost about as much as one preparation.
    """

    slow: tuple[int, ...]
    fast_moves: int = 5


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("data", "start"),
    meta_fields=("parameters", "likelihood", "split", "sequential"),
)
@dataclass(frozen=True, eq=False, repr=False)
class Posterior:
    """A posterior over an unconstrained position ``[dim]``; every function is pure and jittable.

    A pytree whose arrays are ``data`` and ``start``: given to a compiled function as an argument, one program serves
    all posteriors that differ in these alone.

    Attributes:
        parameters: names, transforms and prior.
        likelihood: ``(position, data) -> log-likelihood``, a scalar or a pair with its `Status`, and with a `Split`
            ``(position, data, given)``, with given what its method ``prepare(position, data)`` returns; where it has a
            method ``explain(status)``, that puts a status into words.
        data: what the likelihood reads, any pytree of arrays.
        start: a position to begin a search from, ``[dim]``.
        split: how an evaluation divides where some components are much cheaper to move than others,
            else None; samplers make use of it by themselves.
        sequential: on a CPU many positions are evaluated faster one after another than side by side, as
            where an evaluation is made of large matrices.
    """

    parameters: Parameters
    likelihood: Any
    data: Any
    start: Position
    split: Split | None = None
    sequential: bool = False

    def __repr__(self) -> str:
        return line("Posterior", [("parameters", str(len(self.param_names)))])

    def _repr_html_(self) -> str:
        start = ", ".join(f"{name} = {float(x):.4g}" for name, x in self.constrain_fn(self.start).items())
        facts = [("parameters", counted(self.param_names)), ("start", start), ("gradient", self.gradient)]
        spec = getattr(self.likelihood, "spec", None)
        parts = [
            (what, repr(x))
            for what in ("solver", "likelihood")
            if (x := getattr(self.likelihood, what, None))
        ]
        return table(f"Posterior of {spec.name}" if spec else "Posterior", [*facts, *parts])

    @property
    def param_names(self) -> tuple[str, ...]:
        """Names of the estimated parameters, in the order of the position."""
        return self.parameters.names

    @property
    def constrain_fn(self) -> Callable[[Position], dict[str, Scalar]]:
        """Position -> {name: value} in the model's units."""
        return self.parameters.constrain_fn

    @property
    def unconstrain_fn(self) -> Callable[[ParamValues], Position]:
        """{name: value} -> position."""
        return self.parameters.unconstrain_fn

    @property
    def logdet_fn(self) -> LogDensity:
        """log |det d params / d position|."""
        return self.parameters.logdet_fn

    @property
    def logprior_fn(self) -> LogDensity:
        """Log-prior of the parameters plus the log-determinant of the transform."""
        return self.parameters.logprior_fn

    @property
    def sample_prior(self) -> Callable[[Key, int], Array]:
        """``(rng_key, num) -> [num, dim]`` positions."""
        return self.parameters.sample_prior

    @property
    def initial(self) -> Initial:
        """Where tempered SMC begins, see `Initial`."""
        return self.parameters.initial

    def logdensity_fn(self, position: Position) -> Scalar:
        """``loglikelihood_fn + logprior_fn``."""
        return self.evaluate_fn(position).logdensity

    def loglikelihood_fn(self, position: Position) -> Scalar:
        """Log-likelihood; -inf where the model has no solution."""
        return self.evaluate_fn(position).loglikelihood

    def evaluate_fn(self, position: Position) -> Evaluations:
        """The `Evaluations` of that one point, with its status."""
        return self.evaluate_given(position, self.prepare(position))

    def prepare(self, position: Position) -> Any:
        """What the split prepares at a position; None where there is no split."""
        return None if self.split is None else self.likelihood.prepare(position, self.data)

    def evaluate_given(self, position: Position, given: Any) -> Evaluations:
        """`evaluate_fn` where `prepare` has given what the slow components enter."""
        result = self.likelihood(position, self.data, *(() if self.split is None else (given,)))
        value, status = result if isinstance(result, tuple) else (result, Status.OK.value)
        logprior = self.logprior_fn(position)
        inside = jnp.isfinite(logprior)
        status = jnp.where(inside, status, Status.OUT_OF_SUPPORT.value)
        status = jnp.where((status == Status.OK) & ~jnp.isfinite(value), Status.NOT_FINITE.value, status)
        value = jnp.where(status == Status.OK, value, -jnp.inf)
        return Evaluations(position, value, jnp.where(inside, logprior, -jnp.inf), status.astype(jnp.int32))

    def explain(self, status: int) -> str:
        """What a status means for this posterior, in words."""
        explain = getattr(self.likelihood, "explain", None)
        return Status(int(status)).message if explain is None else explain(status)

    @property
    def gradient(self) -> str:
        """Whether the derivative of the value is that of the log-likelihood: "exact", "none" or "biased"."""
        return getattr(self.likelihood, "gradient", "exact")

    @property
    def noisy(self) -> bool:
        """Whether the log-likelihood depends on random numbers, which `redraw_fn` draws anew."""
        return getattr(self.likelihood, "noisy", False)

    def redraw_fn(self, rng_key: Key, share: Scalar | float = 1.0) -> "Posterior":
        """The same posterior with other random numbers behind its log-likelihood.

        Args:
            rng_key: of the new ones.
            share: of them that are new, each by chance: with a small one the log-likelihood changes little.

        Raises:
            ArgumentError: there are none.
        """
        if not self.noisy:
            raise ArgumentError(
                "redraw_fn: the log-likelihood of this posterior depends on no random numbers"
            )
        return replace(self, data=self.likelihood.redraw(self.data, rng_key, share))

    def over_parameters(self) -> "Posterior | None":
        """A cheap posterior of the parameters alone, near this one, where shocks join the position; else None."""
        if not self.parameters.latents or not hasattr(self.likelihood, "over_parameters"):
            return None
        parameters, likelihood = self.likelihood.over_parameters()
        return replace(
            self, parameters=parameters, likelihood=likelihood, start=self.start[: len(parameters.names)]
        )

    def over[T](self, fn: Callable[..., T]) -> Callable[..., T]:
        """`fn`, which evaluates this posterior, over a leading axis of its arguments."""
        return over(fn, self.sequential)

    def with_loglikelihood(self, loglikelihood: Callable[..., Any], data: Any = None) -> "Posterior":
        """The same prior with another log-likelihood of the position (a surrogate's, say).

        Args:
            loglikelihood: ``position -> scalar``, or a pair ``(scalar, status)``; where there are data
                ``(position, data) -> scalar``.
            data: a pytree of arrays.
        """
        likelihood = loglikelihood if data is not None else _WithoutData(loglikelihood)
        return replace(self, likelihood=likelihood, data=data, split=None, sequential=False)


@dataclass(frozen=True)
class _WithoutData:
    """A function of the position alone."""

    function: Callable[[Position], Any]

    def __call__(self, position: Position, data: None) -> Any:
        return self.function(position)


@dataclass(frozen=True)
class _OfValues:
    """A function of ``{name: value}``, of data where there are any, and of what is prepared, at a position."""

    function: Callable[..., Any]
    constrain_fn: Callable[[Position], dict[str, Scalar]]
    prepared_by: Callable[..., Any] | None = None

    def __call__(self, position: Position, data: Any, *given: Any) -> Any:
        if self.prepared_by is not None and not given:
            given = (self.prepare(position, data),)
        return self.function(*self._read(position, data), *given)

    def prepare(self, position: Position, data: Any) -> Any:
        assert self.prepared_by is not None
        return self.prepared_by(*self._read(position, data))

    def _read(self, position: Position, data: Any) -> tuple[Any, ...]:
        values = self.constrain_fn(position)
        return (values,) if data is None else (values, data)


@checked
def from_loglikelihood(
    loglikelihood: Callable[..., Any],
    prior: Mapping[Names, Distribution],
    start: ParamValues | None = None,
    *,
    joint_prior: JointPrior | None = None,
    data: Any = None,
    prepare: Callable[..., Any] | None = None,
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
        data: arrays that the log-likelihood reads, any pytree of them; it is then called as
            ``loglikelihood({name: value}, data)``, and what is compiled serves other data of the same shapes
            (``dataclasses.replace(posterior, data=...)``).
        prepare: ``{name: value} -> given``, or ``({name: value}, data) -> given`` where there are data, an expensive
            part of the log-likelihood, which is then called with `given` as its last argument; it makes the
            posterior's `Split`.
        slow: names of the parameters that `prepare` reads. Those that share a distribution with one of them
            are slow too, since one transform makes them; where that leaves none, there is no `Split`.

    Returns:
        The posterior.

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
    likelihood = _OfValues(loglikelihood, parameters.constrain_fn, prepare)
    split = None if prepare is None else split_by(prior, slow)
    position = parameters.unconstrain_fn(begin_at(prior, start or {}))
    return Posterior(parameters, likelihood, jax.tree.map(jnp.asarray, data), position, split)


def split_by(prior: Mapping[Names, Distribution], slow: Sequence[str]) -> Split | None:
    """The `Split` of a posterior whose preparation reads the parameters `slow`; None where all would be slow."""
    together = [{own} if isinstance(own, str) else set(own) for own in prior]  # by one transform
    read = set().union(*(own for own in together if own & set(slow)))
    names = [name for own in prior for name in ([own] if isinstance(own, str) else own)]
    components = tuple(i for i, name in enumerate(names) if name in read)
    return Split(components) if len(components) < len(names) else None


@checked
def from_logdensity(
    logdensity: LogDensity, start: Array, param_names: tuple[str, ...] | None = None
) -> Posterior:
    """A posterior from a bare log-density of an unconstrained position.

    All of it counts as log-likelihood; the "prior" is flat, and `sample_prior` scatters
    starting points as a unit normal around `start` ``[dim]``. Tempered SMC begins from draws near and far
    around `start` (standard deviations of 1, 3 and 10) and divides their density out, so that its draws are those of
    `logdensity`, and its marginal likelihood is the integral of that.

    Args:
        logdensity: position ``[dim]`` -> scalar, in JAX.
        start: ``[dim]``, where a search begins.
        param_names: one a component; x0, x1, ... where None.

    Returns:
        The posterior.

    Raises:
        ArgumentError: the start is no vector, or the names are not as many.
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
    return Posterior(parameters, _WithoutData(logdensity), None, start)
