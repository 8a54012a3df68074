"""Evaluations: every point at which the posterior was computed, accepted or not."""

from typing import NamedTuple

from estim.typing import Array


class Evaluations(NamedTuple):
    """Points and what was found there; all fields share their leading axes ``[...]``.

    ``position`` is ``[..., dim]`` in unconstrained space. ``logprior`` includes the
    log-determinant of the transform, so that ``loglikelihood + logprior`` is the
    log-density a sampler targets. ``status`` is a `Status`; where it is not OK,
    ``loglikelihood`` is -inf. ``gradient`` is that of ``loglikelihood`` with respect
    to the position, ``[..., dim]``, or None when it was not computed.
    """

    position: Array
    loglikelihood: Array
    logprior: Array
    status: Array
    gradient: Array | None = None

    @property
    def logdensity(self) -> Array:
        return self.loglikelihood + self.logprior
