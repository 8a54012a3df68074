"""`load_run`: a finished run as an object."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from estim.arguments import ArgumentError, checked, did_you_mean
from estim.results.contents import finished_routes, read_data
from estim.results.datatree import read_datatree
from estim.results.store import RunDirectory
from estim.results.verify import require_run

if TYPE_CHECKING:
    from xarray import DataTree


@dataclass(frozen=True)
class Run:
    """What a run directory holds. Nothing in it is executed.

    Attributes:
        path: the directory.
    """

    path: Path

    @property
    def routes(self) -> tuple[str, ...]:
        """The names of the routes with finished draws, the surrogate's among them."""
        return tuple(finished_routes(RunDirectory(self.path)))

    def data(self) -> pd.DataFrame:
        """The observables over the sample."""
        return read_data(RunDirectory(self.path))

    def draws(self, route: str) -> "DataTree":
        """The draws of a route as ArviZ's DataTree, with data and prior draws.

        Raises:
            ArgumentError: there is no such route, or it has no draws yet.
        """
        if route not in self.routes:
            raise ArgumentError(
                f"{self.path} has no finished route {route!r}; it has {list(self.routes)}"
                f"{did_you_mean(route, self.routes)}"
            )
        return read_datatree(RunDirectory(self.path), route)


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
