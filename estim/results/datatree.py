"""Draws as ArviZ's DataTree: posterior, sample_stats, observed_data and prior, under ArviZ's names."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from estim.arguments import checked
from estim.posterior import Posterior
from estim.results.contents import read_data, read_prior, read_route
from estim.results.store import RunDirectory
from estim.samplers.base import Draws
from estim.samplers.datatree import build_datatree, draws_datatree

if TYPE_CHECKING:
    from xarray import DataTree


@checked
def to_datatree(
    draws: Draws,
    posterior: Posterior,
    data: pd.DataFrame | None = None,
    prior: Any = None,
    *,
    predictive: bool = True,
) -> "DataTree":
    """Draws with their parameters in the model's units.

    Args:
        draws: of `estim.sample` or of a surrogate.
        posterior: whose transforms turn positions into parameters.
        data: the observables, for the group ``observed_data``, and for what is computed of them.
        prior: positions ``[n, dim]`` from ``posterior.sample_prior``, for the group ``prior``.
        predictive: with data, also the groups ``log_likelihood`` (of each period given those before: "y"), for
            leave-future-out comparisons and prior sensitivity, ``posterior_predictive`` and, where there are prior
            draws, ``prior_predictive`` (samples as long as the data), where the likelihood and the solution have them.

    Returns:
        A DataTree with ArviZ's groups, dimensions ``chain`` and ``draw``.
    """
    return draws_datatree(draws, posterior, data, prior, predictive)


def read_datatree(run: RunDirectory, route: str) -> "DataTree":
    """The draws that a run directory holds of one route, with the run's data and prior draws.

    Raises:
        StoreError: the route has no finished draws.
    """
    names = [p["name"] for p in run.read_json("model.json")["prior"]]
    result = read_route(run, route)
    stats = {"lp": result.loglikelihood + result.logprior} | result.stats
    groups = {"log_prior": {"log_prior": result.logprior}}
    return build_datatree(names, result.params, stats, read_data(run), read_prior(run), groups)
