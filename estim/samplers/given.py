"""Draws that another sampler made, as `estim.sample` would have returned them."""

import numpy as np

from estim.arguments import ArgumentError, checked
from estim.devices import map_positions
from estim.posterior import Posterior
from estim.samplers.base import Draws, count_failures
from estim.typing import Array


@checked
def as_draws(posterior: Posterior, position: Array) -> Draws:
    """Positions of chains that some other sampler made, with what the posterior says of them.

    Args:
        posterior: whose draws they are.
        position: ``[chain, draw, dim]``, unconstrained, as ``posterior.logdensity_fn`` takes them.

    Returns:
        Draws, for `to_datatree` and all else that reads them.

    Raises:
        ArgumentError: another shape.
    """
    rows: np.ndarray = np.asarray(position, float)
    dim = len(posterior.param_names)
    if rows.ndim != 3 or rows.shape[-1] != dim:
        raise ArgumentError(f"position must have the shape [chain, draw, {dim}], not {list(rows.shape)}")
    found = map_positions(
        Posterior.evaluate_fn, posterior, rows.reshape(-1, dim), sequential=posterior.sequential
    )
    shape = rows.shape[:2]
    return Draws(
        param_names=posterior.param_names,
        position=rows,
        loglikelihood=found.loglikelihood.reshape(shape),
        logprior=found.logprior.reshape(shape),
        stats={},
        evaluations=found,
        seconds={},
        failures=dict(count_failures(found.status)),
        posterior=posterior,
    )
