"""`load_run`: a finished run as an object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd
import xarray as xr

from estim.arguments import ArgumentError, Positive, checked, did_you_mean
from estim.display import counted, table
from estim.experiment import Experiment
from estim.pipeline.beginning import saved_experiment
from estim.posterior import Posterior
from estim.results.analysis import thin
from estim.results.contents import finished_routes, read_data, read_route
from estim.results.datatree import read_datatree
from estim.results.diagnostics import as_table, summarise, superchains_of
from estim.results.export import export_run
from estim.results.labels import Labels
from estim.results.over_draws import (
    Estimated,
    decomposition_over_draws,
    forecast_over_draws,
    history_over_draws,
    responses_over_draws,
)
from estim.results.report import write_report
from estim.results.report.verdict import best
from estim.results.store import RunDirectory
from estim.results.verify import require_intact, require_run

if TYPE_CHECKING:
    from xarray import DataTree


@dataclass(frozen=True, repr=False)
class Run:
    """What a run directory holds, and what its draws imply.

    Reading draws, data and the summary executes nothing of the directory. `posterior`, and whatever is computed at
    draws, makes the posterior again, as ``estim resume`` does: a model of the user's own is executed, once the
    checksums of its files have been looked at.

    What is computed is at `num_draws` evenly spaced draws of a route, by default `route`, and comes as an xarray
    object with the dimension "draw", of which ``.mean("draw")``, ``.quantile([0.05, 0.95], "draw")`` and
    ``.to_dataframe()`` make what one needs.

    Attributes:
        path: the directory.
    """

    path: Path

    def __repr__(self) -> str:
        return f"Run '{self.path}': routes {', '.join(self.routes) or 'none'}"

    def _repr_html_(self) -> str:
        if not self.routes:
            return table(repr(self), [])
        below = self.summary().to_html(float_format=lambda value: f"{value:.4g}")
        used = [("routes", counted(self.routes)), ("used where none is named", self.route)]
        return table(f"Run {self.path}", used, below)

    @property
    def routes(self) -> tuple[str, ...]:
        """The names of the routes with finished draws, the surrogate's among them."""
        return tuple(finished_routes(RunDirectory(self.path)))

    @cached_property
    def route(self) -> str:
        """The route that is used where none is named: of the exact ones that with the most effective draws."""
        return best({name: self._summary(name) for name in self.routes})

    @property
    def data(self) -> pd.DataFrame:
        """The observables over the sample."""
        return read_data(RunDirectory(self.path))

    @cached_property
    def model(self) -> Any:
        """The model; one of the user's own is executed."""
        return self._experiment.load_model()

    @cached_property
    def posterior(self) -> Posterior:
        """The posterior that was sampled; a model of the user's own is executed."""
        return self._experiment.posterior(self.model, self.data)

    def draws(self, route: str | None = None) -> "DataTree":
        """The draws of a route as ArviZ's DataTree, with data and prior draws.

        Raises:
            ArgumentError: there is no such route, or it has no draws yet.
        """
        return read_datatree(RunDirectory(self.path), self._known(route))

    def summary(self, route: str | None = None) -> pd.DataFrame:
        """By parameter: mean, standard deviation, quantiles, Monte Carlo error, effective sample sizes, R-hat.

        Raises:
            ArgumentError: there is no such route, or it has no draws yet.
        """
        return as_table(self._summary(self._known(route)), self.param_names)

    def compare(self, other: "Run") -> pd.DataFrame:
        """Means and standard deviations of two runs by parameter, and how far apart the means are.

        Args:
            other: another run; a parameter that only one has is NaN in the other.

        Returns:
            A frame with the columns ``mean``, ``sd``, ``other mean``, ``other sd`` and ``distance``, the difference
            of the means in standard deviations (the square root of the mean of both variances).
        """
        mine, theirs = (run.summary()[["mean", "sd"]] for run in (self, other))
        both = mine.join(theirs.add_prefix("other "), how="outer", sort=False)
        scale = np.sqrt(0.5 * (both["sd"] ** 2 + both["other sd"] ** 2))
        return both.assign(distance=(both["other mean"] - both["mean"]) / scale)

    @checked
    def impulse_responses(
        self, horizon: Positive = 40, *, route: str | None = None, num_draws: Positive = 200
    ) -> xr.DataArray:
        """Responses of the observables to one standard deviation of each shock.

        Args:
            horizon: number of periods, that of the shock included.
            route, num_draws: see `Run`.

        Returns:
            Dimensions draw, horizon, observable, shock.

        Raises:
            ArgumentError: there is no such route.
        """
        return responses_over_draws(self._estimated(route, num_draws), horizon)

    @checked
    def smooth(self, *, route: str | None = None, num_draws: Positive = 200, seed: int = 0) -> xr.Dataset:
        """All variables, in levels, and all shocks over the sample: a draw of both for each draw of the parameters.

        Args:
            route, num_draws: see `Run`.
            seed: of the draws.

        Returns:
            ``variables``, with the dimensions draw, date, variable, and ``shocks``, with draw, date, shock.

        Raises:
            ArgumentError: there is no such route.
        """
        return history_over_draws(self._estimated(route, num_draws), jax.random.key(seed))

    @checked
    def forecast(
        self,
        horizon: Positive,
        given: Any = None,
        *,
        route: str | None = None,
        num_draws: Positive = 200,
        seed: int = 0,
    ) -> xr.DataArray:
        """Paths of the observables after the sample, one for each draw of the parameters.

        Args:
            horizon: number of periods.
            given: what is imposed, a frame or a mapping of observables to values by period; NaN and what is left out
                is free. Each period's shocks surprise the model's agents (see `estim.forecast`).
            route, num_draws: see `Run`.
            seed: of the draws.

        Returns:
            Dimensions draw, date, observable.

        Raises:
            ArgumentError: there is no such route, or what is imposed is no number of an observable in these periods.
        """
        return forecast_over_draws(self._estimated(route, num_draws), horizon, given, jax.random.key(seed))

    @checked
    def historical_decomposition(
        self,
        groups: Mapping[str, Sequence[str]] | None = None,
        *,
        route: str | None = None,
        num_draws: Positive = 200,
    ) -> xr.DataArray:
        """What each shock did to the observables, period by period.

        Args:
            groups: shocks whose parts are added up, by the name of the group; "others" has those in none.
            route, num_draws: see `Run`.

        Returns:
            Dimensions draw, date, observable, part; the parts add up to the data less mean and trend. The last two are
            "initial", the state before the sample, and "measurement error".

        Raises:
            ArgumentError: there is no such route, or no such shock, or one is in two groups.
        """
        return decomposition_over_draws(self._estimated(route, num_draws), groups)

    def report(self) -> Path:
        """Write the report anew; the path of its page."""
        return write_report(RunDirectory(self.path))

    @checked
    def export(self, folder: str | Path) -> list[Path]:
        """Write tables (CSV, TeX, one spreadsheet) and figures (PDF, SVG) of the report into a folder; their paths."""
        return export_run(RunDirectory(self.path), Path(folder))

    @property
    def param_names(self) -> list[str]:
        """The estimated parameters."""
        return [p["name"] for p in RunDirectory(self.path).read_json("model.json")["prior"]]

    @property
    def labels(self) -> Labels:
        """What the model's names are called in words and as symbols."""
        return Labels.of(RunDirectory(self.path).read_json("model.json"))

    @property
    def _experiment(self) -> Experiment:
        run = RunDirectory(self.path)
        require_intact(run)
        return saved_experiment(run.file("settings.json"))

    def _known(self, route: str | None) -> str:
        if route is None:
            return self.route
        if route not in self.routes:
            raise ArgumentError(
                f"{self.path} has no finished route {route!r}; it has {list(self.routes)}"
                f"{did_you_mean(route, self.routes)}"
            )
        return route

    def _params(self, route: str) -> np.ndarray:
        return read_route(RunDirectory(self.path), route).params

    def _summary(self, route: str) -> Any:
        settings = RunDirectory(self.path).read_json("settings.json")
        params = self._params(route)[..., : len(self.param_names)]  # shocks may stand behind them
        return summarise(params, superchains_of(settings, route))

    def _estimated(self, route: str | None, num_draws: int) -> Estimated:
        params = self._params(self._known(route)).astype(float)
        rows = thin(params.reshape(-1, params.shape[-1]), num_draws)
        return Estimated(self.model, self.posterior, self.data, rows)


@checked
def load_run(path: str | Path) -> Run:
    """A run that was written to the directory `path`.

    Args:
        path: the directory that `run_experiment` or ``estim run`` wrote.

    Returns:
        The run, whose draws, data and routes are read when they are asked for.

    Raises:
        StoreError: the directory is no run's, or is damaged.
    """
    run = RunDirectory(path)
    require_run(run)
    return Run(Path(path))
