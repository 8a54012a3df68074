"""What a chain remembers of the point where it stands, and how a kernel evaluates a point."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.devices import over
from estim.evaluations import Evaluations
from estim.kept import compiled_by_structure
from estim.posterior import Posterior
from estim.status import Status
from estim.typing import Array, LogDensity, Position, Scalar


class State(NamedTuple):
    """State of a kernel that needs no gradient: a point ``[dim]`` and what was found there.

    ``given`` is what the posterior's `Split` prepared at the point; None where there is no split.
    """

    position: Position
    loglikelihood: Scalar
    logprior: Scalar
    given: Any = None

    @property
    def logdensity(self) -> Scalar:
        return self.loglikelihood + self.logprior


class GradientState(NamedTuple):
    """State of a kernel that uses gradients; ``gradient`` is that of the log-density, ``[dim]``."""

    position: Position
    loglikelihood: Scalar
    logprior: Scalar
    gradient: Array

    @property
    def logdensity(self) -> Scalar:
        return self.loglikelihood + self.logprior


class Evaluated(NamedTuple):
    """All that a gradient-free kernel reads of a posterior: how a position is evaluated."""

    evaluate_fn: Callable[[Position], Evaluations]
    sequential: bool = False

    def over[T](self, fn: Callable[..., T]) -> Callable[..., T]:
        """As `Posterior.over`."""
        return over(fn, self.sequential)

    def prepare(self, position: Position) -> None:
        """Nothing."""

    def evaluate_given(self, position: Position, given: None) -> Evaluations:
        return self.evaluate_fn(position)


def evaluate(posterior: Posterior | Evaluated, position: Position) -> tuple[Evaluations, State]:
    """The evaluation at a point, and the state of a chain that goes there; a NaN counts as -inf."""
    given = posterior.prepare(position)
    evaluation = posterior.evaluate_given(position, given)
    return evaluation, State(position, _no_nan(evaluation.loglikelihood), _no_nan(evaluation.logprior), given)


def evaluate_with_gradient(posterior: Posterior, position: Position) -> tuple[Evaluations, GradientState]:
    """The evaluation with the gradient of its log-likelihood, and the state of a chain that goes there.

    Where anything is not finite, the gradient too, both have a log-likelihood of -inf, a gradient of zero, and a status
    that is not OK.
    """

    def loglikelihood(x: Position) -> tuple[Scalar, Evaluations]:
        found = posterior.evaluate_fn(x)
        return found.loglikelihood, found

    (_, found), own = jax.value_and_grad(loglikelihood, has_aux=True)(position)
    gradient = own + jax.grad(posterior.logprior_fn)(position)
    finite = jnp.isfinite(found.logdensity) & jnp.all(jnp.isfinite(gradient))
    loglikelihood_there = jnp.where(finite, found.loglikelihood, -jnp.inf)
    status = jnp.where(finite | (found.status != Status.OK), found.status, Status.NOT_FINITE.value)
    evaluation = found._replace(
        loglikelihood=loglikelihood_there, status=status, gradient=jnp.where(finite, own, 0.0)
    )
    return evaluation, GradientState(
        position,
        loglikelihood_there,
        jnp.where(jnp.isfinite(found.logprior), found.logprior, -jnp.inf),
        jnp.where(finite, gradient, 0.0),
    )


def first_state(posterior: Posterior | Evaluated, position: Position) -> State:
    """The state at a position, by one compiled program for all kernels of a posterior that need no gradient."""
    program = evaluate if isinstance(posterior, Evaluated) else _evaluate
    return program(posterior, position)[1]


def first_gradient_state(posterior: Posterior, position: Position) -> GradientState:
    """The same for all kernels that need one, and for the search for the mode."""
    return _gradient_state(posterior, position)


def evaluate_point(posterior: Posterior, position: Position) -> Evaluations:
    """The posterior at a position ``[dim]``, by the same program."""
    return _evaluate(posterior, position)[0]


_evaluate = compiled_by_structure(evaluate)


@compiled_by_structure
def _gradient_state(posterior: Posterior, position: Position) -> GradientState:
    return evaluate_with_gradient(posterior, position)[1]


def evaluate_logprior(logprior_fn: LogDensity, positions: Any) -> Array:
    """The exact log-prior ``[n]`` at ``positions`` ``[n, dim]``, by one program for a posterior and its surrogates."""
    return _logprior_program(logprior_fn)(positions)


@lru_cache(maxsize=16)
def _logprior_program(logprior_fn: LogDensity) -> LogDensity:
    return jax.jit(jax.vmap(logprior_fn))


def _no_nan(value: Scalar) -> Scalar:
    return jnp.where(jnp.isnan(value), -jnp.inf, value)
