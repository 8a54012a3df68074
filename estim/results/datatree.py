"""Draws as ArviZ's DataTree: posterior, sample_stats, observed_data and prior, under ArviZ's names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from estim.arguments import checked
from estim.posterior import Posterior
from estim.results.analysis import constrain
from estim.results.contents import read_data, read_prior, read_route
from estim.results.store import RunDirectory
from estim.samplers.base import Draws

if TYPE_CHECKING:
    from xarray import DataTree


@checked
def to_datatree(
    draws: Draws, posterior: Posterior, data: pd.DataFrame | None = None, prior: Any = None
) -> "DataTree":
    """Draws with their parameters in the model's units.

    Args:
        draws: of `estim.sample` or of a surrogate.
        posterior: whose transforms turn positions into parameters.
        data: the observables, for the group ``observed_data``.
        prior: positions ``[n, dim]`` from ``posterior.sample_prior``, for the group ``prior``.

    Returns:
        A DataTree with ArviZ's groups, dimensions ``chain`` and ``draw``.
    """
    stats = {"lp": np.asarray(draws.loglikelihood) + np.asarray(draws.logprior)} | dict(draws.stats)
    prior_params = None if prior is None else constrain(posterior, prior)
    return _datatree(draws.param_names, constrain(posterior, draws.position), stats, data, prior_params)


def read_datatree(run: RunDirectory, route: str) -> "DataTree":
    """The draws that a run directory holds of one route, with the run's data and prior draws.

    Raises:
        StoreError: the route has no finished draws.
    """
    names = [p["name"] for p in run.read_json("model.json")["prior"]]
    result = read_route(run, route)
    stats = {"lp": result.loglikelihood + result.logprior} | result.stats
    return _datatree(names, result.params, stats, read_data(run), read_prior(run))


def _datatree(
    names: Any,
    params: np.ndarray,
    stats: Mapping[str, np.ndarray],
    data: pd.DataFrame | None,
    prior: np.ndarray | None,
) -> "DataTree":
    import arviz_base

    groups: dict[str, Any] = {
        "posterior": {name: params[..., i] for i, name in enumerate(names)},
        "sample_stats": dict(stats),
    }
    if prior is not None:
        groups["prior"] = {name: prior[None, :, i] for i, name in enumerate(names)}
    coords: dict[str, Any] = {}
    if data is not None:
        groups["observed_data"] = {name: data[name].to_numpy() for name in data.columns}
        coords["date"] = data.index.astype(str).to_numpy()
    dims = {} if data is None else {name: ["date"] for name in data.columns}
    return arviz_base.from_dict(groups, coords=coords, dims=dims)
