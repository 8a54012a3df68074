"""Posterior: prior, transforms and log-likelihood, as everything a sampler may know."""

from collections.abc import Callable
from typing import NamedTuple

from estim.evaluations import Evaluations
from estim.typing import Array, Key, LogDensity, ParamValues, Position, Scalar


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
