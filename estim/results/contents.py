"""What a run directory holds, read back as arrays for the report and for people; needs no JAX."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from estim.results.store import RunDirectory
from estim.status import Status

Array = np.ndarray


class RouteResult(NamedTuple):
    """The draws of one route and how they came about.

    ``params`` ``[chain, draw, n_params]`` in the model's units; ``loglikelihood`` and
    ``logprior`` ``[chain, draw]``; ``stats`` by ArviZ name, ``[chain, draw]``; ``num_evaluations``
    of the posterior and ``failures``, how many of them had no density, by reason.
    """

    params: Array
    position: Array
    loglikelihood: Array
    logprior: Array
    stats: dict[str, Array]
    num_evaluations: int
    failures: dict[str, int]


def read_route(run: RunDirectory, route: str) -> RouteResult:
    """All finished draws of a route, chunk after chunk.

    Raises:
        StoreError: the route has no finished chunk.
    """
    chunks = run.read_chunks(route)
    if not chunks:
        run.read_arrays(f"{route}/chunk-00000.npz")

    def joined(key: str) -> Array:
        return np.concatenate([chunk[key] for chunk in chunks], axis=1)

    stats = {key.removeprefix("stats."): joined(key) for key in chunks[0] if key.startswith("stats.")}
    status = [chunk["evaluations.status"] for chunk in chunks if "evaluations.status" in chunk]
    counts = Counter(int(s) for part in status for s in np.ravel(part))
    return RouteResult(
        params=joined("params"),
        position=joined("position"),
        loglikelihood=joined("loglikelihood"),
        logprior=joined("logprior"),
        stats=stats,
        num_evaluations=sum(counts.values()),
        failures={Status(s).message: n for s, n in sorted(counts.items()) if s != Status.OK},
    )


def read_evaluations(run: RunDirectory, route: str) -> dict[str, Array]:
    """Every point that a route evaluated: the fields of `Evaluations` by name, leading axis ``[n]``."""
    chunks = run.read_chunks(route)
    fields = [key for key in chunks[0] if key.startswith("evaluations.")]
    return {f.removeprefix("evaluations."): np.concatenate([c[f] for c in chunks]) for f in fields}


def read_data(run: RunDirectory) -> pd.DataFrame:
    """The data used, with its quarterly index."""
    frame = pd.read_csv(run.file("data.csv"), index_col=0)
    frame.index = pd.PeriodIndex(frame.index, freq="Q", name="date")
    return frame


def finished_routes(run: RunDirectory) -> list[str]:
    """The routes with draws, in the order of the settings; the surrogate is last."""
    settings: dict[str, Any] = run.read_json("settings.json")
    names = [*settings["routes"], *(["surrogate"] if settings.get("surrogate") else [])]
    return [name for name in names if run.chunks(name)]
