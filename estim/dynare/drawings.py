"""The figures of a file's commands, written into a folder where one is asked for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estim.dynare.asked import Command


class Drawings:
    """Writes ``COMMAND_LINE.FORMAT`` into a folder; without a folder, or where a command says `nograph`, nothing."""

    def __init__(self, folder: Path | None, form: str = "pdf"):
        self.folder, self.form = folder, form
        self.written: list[Path] = []

    def responses(self, command: Command, responses: pd.DataFrame) -> None:
        """A row a variable, a column a shock; columns of the frame are (shock, variable)."""
        shocks, variables = (list(dict.fromkeys(responses.columns.get_level_values(k))) for k in (0, 1))
        if shocks and variables and len(responses):
            array = responses.to_numpy().reshape(len(responses), len(shocks), len(variables))
            self._write(command, "responses_figure", array.transpose(0, 2, 1)[None], variables, shocks)

    def history(
        self, command: Command, parts: np.ndarray, dates: Any, variables: Sequence[str], names: Sequence[str]
    ) -> None:
        """Parts ``[n_periods, n_variables, n_parts]`` as bars."""
        parts = np.nan_to_num(parts)
        self._write(command, "history_figure", parts, parts.sum(axis=2), list(dates), variables, names)

    def fan(self, command: Command, forecast: Mapping[str, pd.DataFrame]) -> None:
        """Means between bounds."""
        frame = forecast["mean"]
        bands = np.stack([forecast[k].to_numpy() for k in ("low", "mean", "high")])
        self._panels(command, frame, bands[1, :1], bands[:, 1:])

    def lines(self, command: Command, frame: pd.DataFrame) -> None:
        """A panel a variable."""
        values = frame.to_numpy()
        self._panels(command, frame, values[:-1], values[None, -1:])

    def _panels(self, command: Command, frame: pd.DataFrame, seen: np.ndarray, ahead: np.ndarray) -> None:
        if len(frame) > 1:
            self._write(command, "forecast_figure", seen, ahead, list(frame.index), list(frame))

    def _write(self, command: Command, name: str, *arguments: Any) -> None:
        if self.folder is None or "nograph" in command.options:
            return
        from estim.results.figures import analysis  # Matplotlib takes its time

        draw: Callable[..., Any] = getattr(analysis, name)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{command.name}_{command.line}.{self.form}"
        draw(*arguments).savefig(path)
        self.written.append(path)
