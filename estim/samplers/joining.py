"""Pieces of a run, joined into its draws."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

import jax
import numpy as np

from estim.posterior import Posterior
from estim.samplers.base import Draws, Info, SamplerError
from estim.samplers.particles import PopulationChunk, join_populations


class Chunk(NamedTuple):
    """Some steps of all chains, on the host: `Info` with leading axes ``[step, chain]``.

    ``before`` holds the chains' positions when the chunk began, ``[chain, dim]``; ``failures``
    counts evaluations without a solution by the name of their status; ``seconds`` maps
    "mode", "compile" and the phase to wall time.
    """

    phase: str
    info: Info
    before: np.ndarray
    failures: Counter[str]
    seconds: dict[str, float]


def to_draws(posterior: Posterior, chunks: list[Any], num_samples: int, thin_evaluations: int = 1) -> Draws:
    """Chunks of `sample_chunks` joined into `Draws`; those of warm-up give counts and times only.

    Raises:
        SamplerError: all the chunks are of warm-up, or of a population that did not come to its end.
    """
    if chunks and isinstance(chunks[-1], PopulationChunk):
        return join_populations(chunks)
    failures, seconds = Counter[str](), defaultdict[str, float](float)
    for chunk in chunks:
        failures.update(chunk.failures)
        seconds.update({phase: seconds[phase] + taken for phase, taken in chunk.seconds.items()})
    kept = [chunk for chunk in chunks if chunk.phase == "sample"]
    if not kept:
        raise SamplerError("there are no draws yet: the run stopped in warm-up")
    info: Info = jax.tree.map(lambda *rows: np.concatenate(rows), *[chunk.info for chunk in kept])

    def by_chain(rows: Any) -> np.ndarray:
        """``[step, chain, num_draws, ...] -> [chain, draw, ...]``."""
        rows = np.moveaxis(rows, 0, 1)
        return rows.reshape(rows.shape[0], -1, *rows.shape[3:])[:, :num_samples]

    def repeated(rows: Any) -> np.ndarray:
        """A statistic of a step, ``[step, chain]``, for each of its draws."""
        return by_chain(np.broadcast_to(rows[..., None], info.draws.logprior.shape))

    def flat(rows: Any) -> np.ndarray:
        """``[step, chain, n, ...] -> [all, ...]``."""
        return rows[::thin_evaluations].reshape(-1, *rows.shape[3:])

    stats = {name: repeated(rows) for name, rows in info.stats.items()}
    weighted_position = weights = None
    if info.weights is not None:
        before = np.concatenate([kept[0].before[None], info.draws.position[:-1, :, -1]])
        weighted_position = flat(np.concatenate([before[:, :, None], info.evaluations.position], axis=2))
        weights = flat(info.weights)
        weights = weights / weights.sum()
    return Draws(
        param_names=posterior.param_names,
        position=by_chain(info.draws.position),
        loglikelihood=by_chain(info.draws.loglikelihood),
        logprior=by_chain(info.draws.logprior),
        stats=stats
        | {"acceptance_rate": repeated(info.acceptance_rate), "lp": by_chain(info.draws.logdensity)},
        evaluations=jax.tree.map(flat, info.evaluations),
        seconds=dict(seconds),
        failures=dict(failures),
        weighted_position=weighted_position,
        weights=weights,
    )
