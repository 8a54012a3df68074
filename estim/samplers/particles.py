"""What a run of populations gives: the state from which it goes on, chunks, and the draws that they are joined to."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.special import logsumexp

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Draws, SamplerError
from estim.samplers.smc import SMCState, as_given
from estim.samplers.states import evaluate_logprior

_TILE = 2048


class PopulationState(NamedTuple):
    """All that a run needs to go on, leading axes ``[chain]``: a chain is an independent population.

    ``tried`` counts the draws of the initial distribution so far, ``found`` those with a density; the first
    temperature begins when ``found`` is the number of particles.
    """

    populations: SMCState
    tried: Any
    found: Any


class PopulationChunk(NamedTuple):
    """What was done since the last chunk, on the host.

    ``evaluations`` ``[n]`` are all points evaluated; ``failures`` counts those without a solution by the name of their
    status; ``seconds`` maps "compile" and "temper" to wall time; ``draws`` come with the last chunk, whose phase is
    "sample": all chains at phi = 1, without the evaluations of earlier chunks.
    """

    phase: str
    evaluations: Evaluations
    failures: Counter[str]
    seconds: dict[str, float]
    draws: Draws | None


def join_populations(chunks: Sequence[PopulationChunk]) -> Draws:
    """All chunks of a run as its `Draws`.

    Raises:
        SamplerError: the last one is not among them.
    """
    if not chunks or (draws := chunks[-1].draws) is None:
        raise SamplerError("there are no draws yet: the run stopped before phi was one")
    failures, seconds = Counter[str](), Counter[str]()
    for chunk in chunks:
        failures.update(chunk.failures)
        seconds.update(chunk.seconds)
    evaluations = jax.tree.map(lambda *rows: np.concatenate(rows), *[chunk.evaluations for chunk in chunks])
    return draws._replace(evaluations=evaluations, failures=dict(failures), seconds=dict(seconds))


def draws_of(posterior: Posterior, state: PopulationState) -> Draws:
    populations = state.populations
    flat = np.asarray(populations.position).reshape(-1, populations.position.shape[-1])
    shape = populations.particles.logprior.shape
    particles = as_given(populations.particles, logprior_at(posterior, flat).reshape(shape))
    log_evidence = populations.log_evidence

    def by_chain(values: Any) -> np.ndarray:
        return np.repeat(np.asarray(values)[:, None], shape[1], axis=1)

    return Draws(
        param_names=posterior.param_names,
        position=particles.position,
        loglikelihood=particles.loglikelihood,
        logprior=particles.logprior,
        stats={
            "lp": particles.logdensity,
            "num_stages": by_chain(populations.stage),
            "log_marginal_likelihood": by_chain(log_evidence),
            "acceptance_rate": by_chain(populations.accepted),
        },
        evaluations=no_points(flat.shape[1]),
        seconds={},
        failures={},
        log_marginal_likelihood=float(logsumexp(log_evidence) - np.log(len(log_evidence))),
    )


def no_points(dim: int) -> Evaluations:
    none: Any = np.zeros(0)
    status: Any = np.zeros(0, np.int32)
    return Evaluations(none.reshape(0, dim), none, none, status)


def logprior_at(posterior: Posterior, positions: Any) -> np.ndarray:
    """``[n]`` at ``positions`` ``[n, dim]``, in tiles of one shape."""
    tiles = []
    for begin in range(0, len(positions), _TILE):
        tile = positions[begin : begin + _TILE]
        filled = np.concatenate([tile, np.repeat(tile[:1], _TILE - len(tile), axis=0)])
        tiles.append(np.asarray(evaluate_logprior(posterior.logprior_fn, filled))[: len(tile)])
    return np.concatenate([np.zeros(0), *tiles])
