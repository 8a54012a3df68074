"""What a run directory holds, read back as arrays for the report and for people; needs no JAX."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from estim.periods import read_periods
from estim.results.store import RunDirectory, StoreError
from estim.status import Status

Array = np.ndarray

STATISTICS = ("mean", "standard deviation", "first autocorrelation")
"""Of each observable, in a run's predictive checks."""


class RouteResult(NamedTuple):
    """The draws of one route and how they came about.

    ``params`` ``[chain, draw, n_params]`` in the model's units; ``loglikelihood`` and
    ``logprior`` ``[chain, draw]``; ``stats`` by ArviZ name, ``[chain, draw]``; ``num_evaluations``
    of the exact posterior, warm-up included, and ``failures``, how many of them had no density,
    by reason; ``seconds`` by phase.
    """

    params: Array
    loglikelihood: Array
    logprior: Array
    stats: dict[str, Array]
    num_evaluations: int
    failures: dict[str, int]
    seconds: dict[str, float]


def read_route(run: RunDirectory, route: str) -> RouteResult:
    """All finished draws of a route, chunk after chunk.

    Raises:
        StoreError: the route has no finished chunk.
    """
    chunks = run.read_chunks(route)
    kept = [chunk for chunk in chunks if "params" in chunk]
    if not kept:
        raise StoreError(f"{run.file(route)}: no draws have been finished yet")

    def joined(key: str) -> Array:
        return np.concatenate([chunk[key] for chunk in kept], axis=1)

    def summed(prefix: str) -> dict[str, float]:
        total = Counter[str]()
        for chunk in chunks:
            total.update({k.removeprefix(prefix): v.item() for k, v in chunk.items() if k.startswith(prefix)})
        return dict(total)

    return RouteResult(
        params=joined("params"),
        loglikelihood=joined("loglikelihood"),
        logprior=joined("logprior"),
        stats={key.removeprefix("stats."): joined(key) for key in kept[0] if key.startswith("stats.")},
        num_evaluations=sum(int(chunk["num_evaluations"]) for chunk in chunks),
        failures={Status[name].message: int(n) for name, n in summed("failures.").items()},
        seconds=summed("seconds."),
    )


def count_draws(run: RunDirectory, route: str) -> int:
    """How many draws a chain the directory holds of a route."""
    return sum(lp.shape[1] for chunk in run.read_chunks(route, "logprior") for lp in chunk.values())


def read_evaluations(run: RunDirectory, route: str) -> dict[str, Array]:
    """The points of a route that a surrogate learns from, by the fields of `Evaluations`, leading axis ``[n]``.

    Empty where nothing does: only what teaches is kept.
    """
    prefix = "evaluations."
    chunks = [chunk for chunk in run.read_chunks(route, prefix) if chunk]
    keys = chunks[0] if chunks else ()
    return {key.removeprefix(prefix): np.concatenate([c[key] for c in chunks]) for key in keys}


def read_data(run: RunDirectory) -> pd.DataFrame:
    """The data used, to the last bit, with its index of periods.

    Raises:
        StoreError: there are none, or they are not as they were written.
    """
    text = run.read_text("data.csv")
    try:
        (name, *columns), *rows = csv.reader(io.StringIO(text))
        index = read_periods(name, [row[0] for row in rows])
        numbers = [[float(field) if field else np.nan for field in row[1:]] for row in rows]
        return pd.DataFrame(numbers, index, columns)
    except (ValueError, IndexError) as error:
        raise StoreError(f"{run.file('data.csv')}: not the data of a run: {error}") from error


def read_prior(run: RunDirectory) -> Array:
    """Draws of the prior in the model's units, ``[n, n_params]``."""
    return run.read_arrays("prior.npz")["params"]


def finished_routes(run: RunDirectory) -> list[str]:
    """The routes with draws, in the order of the settings; the surrogate is last."""
    settings: dict[str, Any] = run.read_json("settings.json")
    names = [*settings["routes"], *(["surrogate"] if settings.get("surrogate") else [])]
    return [name for name in names if count_draws(run, name)]


def flatten(tree: Any, prefix: str) -> dict[str, Array]:
    """A nested NamedTuple or dict of arrays as flat names, joined by dots; None is left out."""
    if tree is None:
        return {}
    items = tree._asdict() if hasattr(tree, "_asdict") else tree
    if not isinstance(items, Mapping):
        return {prefix: np.asarray(tree)}
    return {k: v for key, value in items.items() for k, v in flatten(value, f"{prefix}.{key}").items()}
