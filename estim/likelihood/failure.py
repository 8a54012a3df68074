"""What a likelihood returns where it cannot be computed: -inf, a gradient of zero, and the reason."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from estim.numerics import compute_where
from estim.status import Status
from estim.typing import Scalar


class Outcome(NamedTuple):
    """A log-likelihood ``value`` and its `Status`; the value is -inf where the status is not OK."""

    value: Scalar
    status: Scalar


class Doubt(NamedTuple):
    """Whether observables may be tied to each other, and the test that tells, of ``about``."""

    doubtful: Scalar
    tied: Callable[[Any], Scalar]
    about: Any


def outcome(value: Scalar, *faults: tuple[Any, Scalar | int], doubt: Doubt | None = None) -> Outcome:
    """The value with the first of the statuses that is not OK.

    Args:
        value: the log-likelihood as it came out.
        faults: pairs of what must be true, a boolean, or finite, any pytree of arrays, and the status if it is
            not. The pytrees are looked at only where the value is not finite or a boolean is false. A value that
            is not finite although all is well comes from a covariance that is not positive definite.
        doubt: tested after all faults, and only where there is one.
    """
    all_well = jnp.isfinite(value)
    if doubt:
        all_well &= ~doubt.doubtful
    for what, _ in faults:
        all_well &= what if _is_boolean(what) else True

    def reason(value, faults, doubted):
        singular = ~jnp.isfinite(value)
        if doubt:
            doubtful, about = doubted
            singular |= doubtful & doubt.tied(about)
        status = jnp.where(singular, Status.SINGULAR_OBSERVABLES.value, Status.OK.value)
        for what, fault in reversed(faults):
            status = jnp.where(_is_well(what), status, fault)
        return status

    looked_at = lax.stop_gradient((value, faults, (doubt.doubtful, doubt.about) if doubt else ()))
    status = compute_where(~all_well, reason, jnp.asarray(Status.OK.value), *looked_at)
    return Outcome(jnp.where(status == Status.OK, value, -jnp.inf), status)


def _is_boolean(what: Any) -> bool:
    return isinstance(what, jax.Array) and what.dtype == bool and what.ndim == 0


def _is_well(what: Any) -> Scalar:
    well = [jnp.all(x if x.dtype == bool else jnp.isfinite(x)) for x in jax.tree.leaves(what)]
    return jnp.all(jnp.array(well))


def impossible_if_not_finite[T](loglikelihood: Callable[..., T]) -> Callable[..., T]:
    """The same function of arrays, but -inf with a gradient of zero where it is not finite.

    It returns a scalar or an `Outcome`. The rule acts on the whole function: the pullback of a failed
    evaluation makes NaN of a zero cotangent (0 * NaN), whichever step has failed. What it returns has
    reverse-mode derivatives, and forward-mode derivatives of those (`jax.hessian`).
    """

    def value(*args) -> tuple[Scalar, Scalar | None]:
        found: Any = loglikelihood(*args)
        value, status = found if isinstance(found, Outcome) else (found, None)
        return jnp.where(jnp.isfinite(value), value, -jnp.inf), status

    def forward(*args):
        result, pullback, status = jax.vjp(value, *args, has_aux=True)
        return (result, status), (jnp.isfinite(result), pullback)

    def backward(residuals, cotangents):
        finite, pullback = residuals
        return jax.tree.map(
            lambda g: g if g.dtype == jax.dtypes.float0 else jnp.where(finite, g, 0.0),
            pullback(cotangents[0]),
        )

    guarded = jax.custom_vjp(value)
    guarded.defvjp(forward, backward)

    def same_kind(*args) -> Any:
        result, status = guarded(*args)
        return result if status is None else Outcome(result, status)

    return same_kind
