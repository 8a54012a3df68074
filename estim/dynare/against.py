"""Dynare's own results beside estim's, object by object, so that a user can trust the change."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from estim.data.datasets import DataError
from estim.dynare.modfile import ModFile
from estim.dynare.reading.matlab_data import saved_tree
from estim.dynare.reading.stoch_simul import StochSimul, stoch_simul

_DEPTH = 5


class Difference(NamedTuple):
    """How far an object is from Dynare's: its largest entry apart, in units of Dynare's largest, and where that is."""

    what: str
    largest: float
    where: str


def compare_with_dynare(mod: ModFile, results: str | Path) -> list[Difference]:
    """What Dynare computed of a file, beside what estim computes of it.

    Args:
        mod: the file as `estim.read_mod` returns it.
        results: what Dynare wrote when it ran it, ``NAME_results.mat``.

    Returns:
        Steady state, responses to shocks, moments, autocorrelations and variance decompositions, as far as the file
        has them: those of its last `stoch_simul` of first order.

    Raises:
        DataError: the file cannot be read, or is no result of Dynare's for this model.
        SolutionError: estim does not solve the model.
    """
    found = saved_tree(Path(results), _DEPTH)
    if "oo_.dr.ys" not in found or "oo_.dr.ghu" not in found:
        raise DataError(f"{results}: holds no solution by Dynare: there is no oo_.dr with ys and ghu in it")
    endogenous, exogenous = _words(found, "M_.endo_names"), _words(found, "M_.exo_names")
    if lacking := [n for n in mod.names if n not in endogenous and n not in exogenous]:
        raise DataError(f"{results}: of another model: it has no '{lacking[0]}'")
    variables = [n for n in endogenous if n in mod.names]
    last = [c.params for c in mod.commands if c.name == "stoch_simul" and not c.refused]
    asked = mod.stoch_simul._replace(
        variables=tuple(mod.names[n] for n in variables), shocks=tuple(mod.names[n] for n in exogenous)
    )
    ours = stoch_simul(mod.model, last[-1] if last else mod.at_stoch_simul, asked)
    return [_difference(*pair) for pair in _pairs(ours, found, mod.names, variables, exogenous)]


def _words(found: Mapping[str, np.ndarray], name: str) -> list[str]:
    """The rows of a character matrix, or the entries of a cell."""
    rows = found[name].ravel() if name in found else _cells(found, name)
    return [str(np.asarray(row).ravel()[0]).strip() for row in rows]


def _cells(found: Mapping[str, np.ndarray], name: str) -> list[Any]:
    count = 1
    while f"{name}.{count}" in found:
        count += 1
    return [found[f"{name}.{k}"] for k in range(1, count)]


def _pairs(
    ours: StochSimul,
    found: Mapping[str, np.ndarray],
    names: dict[str, str],
    variables: list[str],
    shocks: list[str],
) -> Iterator[tuple[str, pd.Series, pd.Series]]:
    """Of each object both versions, labelled alike."""
    number = lambda name: np.asarray(found[name], float)
    named = zip(_words(found, "M_.endo_names"), number("oo_.dr.ys").ravel(), strict=True)
    ys = pd.Series(dict(named))
    rest = pd.Series({n: float(ours.moments["mean"][names[n]]) for n in variables})
    yield "steady state", rest.dropna(), ys[rest.dropna().index]
    responses = {f"{v}_{s}": ours.responses[names[s], names[v]].to_numpy() for v in variables for s in shocks}
    both = {key: path for key, path in responses.items() if f"oo_.irfs.{key}" in found}
    if both:
        drawn = {key: number(f"oo_.irfs.{key}").ravel() for key in both}
        yield "impulse responses", _stacked(both), _stacked(drawn)
    if "oo_.var_list.1" not in found and "oo_.var_list" not in found:
        return
    listed = [n for n in _words(found, "oo_.var_list") if n in names] or variables
    mine = [names[n] for n in listed]
    if "oo_.var" in found and number("oo_.var").shape == (len(listed),) * 2:
        sd = ours.moments["std"][mine].to_numpy()
        covariance = ours.correlations.loc[mine, mine].to_numpy() * np.outer(sd, sd)
        yield "covariances", *_tables(covariance, number("oo_.var"), listed, listed)
    for lag, table in enumerate(ours.autocorrelations, 1):
        if f"oo_.autocorr.{lag}" in found:
            theirs = number(f"oo_.autocorr.{lag}")
            yield (
                f"autocorrelations, lag {lag}",
                *_tables(table.loc[mine, mine].to_numpy(), theirs, listed, listed),
            )
    if "oo_.variance_decomposition" in found:
        shares = ours.decomposition.loc[mine, [names[s] for s in shocks]].to_numpy()
        yield "variance decomposition", *_tables(shares, number("oo_.variance_decomposition"), listed, shocks)


def _stacked(paths: Mapping[str, np.ndarray]) -> pd.Series:
    return pd.Series({f"{key}, period {t}": x for key, path in paths.items() for t, x in enumerate(path, 1)})


def _tables(ours: Any, theirs: Any, rows: list[str], columns: list[str]) -> tuple[pd.Series, pd.Series]:
    labels = [f"{r}, {c}" for r in rows for c in columns]
    return pd.Series(np.ravel(ours), index=labels), pd.Series(np.ravel(theirs)[: len(labels)], index=labels)


def _difference(what: str, ours: pd.Series, theirs: pd.Series) -> Difference:
    """Entries that Dynare has no number for are left out."""
    known = theirs[np.isfinite(theirs)].index.intersection(ours.index)
    if known.empty:
        return Difference(what, 0.0, "")
    gap = (ours[known] - theirs[known]).abs().fillna(np.inf)
    worst = str(gap.idxmax())
    scale = max(float(theirs[known].abs().max()), np.finfo(float).tiny)
    return Difference(
        what, float(gap.max() / scale), f"{worst}: {ours[worst]:.8g}, Dynare {theirs[worst]:.8g}"
    )
