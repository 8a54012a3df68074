"""A run's tables and figures as files for a paper or slides."""

import re
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from estim.results.diagnostics import as_table
from estim.results.figures.style import STYLE
from estim.results.report import write_sections
from estim.results.report.page import Item
from estim.results.report.reading import Report
from estim.results.store import RunDirectory, StoreError

_SHEET = 31  # characters that Excel allows a sheet's name


def export_run(run: RunDirectory, folder: Path) -> list[Path]:
    """Write what a report shows: each table as CSV and TeX, all of them as one spreadsheet, each figure as PDF and SVG.

    Beside the report's tables, whose numbers are rounded to be read, stands ``parameters``, of every route with all
    digits.

    Args:
        run: the run.
        folder: is made if it is not there; files of the same names are replaced.

    Returns:
        The paths of what was written.

    Raises:
        StoreError: no route has finished a chunk, or the folder lies in the run's directory, which is its own.
    """
    if folder.resolve().is_relative_to(run.path.resolve()):
        raise StoreError(
            f"{folder}: a run's directory has its own files alone; choose a folder outside {run.path}"
        )
    exported = _Exported(run)
    with run.locked():
        write_sections(exported)
    tables = {"parameters": exported.parameters()} | exported.tables
    written = []
    for kind in ("tables", "figures"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        path = folder / "tables" / name
        table.to_csv(csv := path.with_suffix(".csv"), index=False)
        (tex := path.with_suffix(".tex")).write_text(_tex(table), encoding="utf-8")
        written += [csv, tex]
    with pd.ExcelWriter(workbook := folder / "tables.xlsx") as book:
        for name, table in tables.items():
            table.to_excel(book, sheet_name=name[:_SHEET], index=False)
    for name, figure in exported.figures.items():
        for suffix in (".pdf", ".svg"):
            with matplotlib.rc_context(STYLE):
                figure.savefig(path := (folder / "figures" / name).with_suffix(suffix))
            written.append(path)
    return [*written, workbook]


class _Exported(Report):
    """A report whose figures and tables are kept by name instead of being put into a page."""

    def __init__(self, run: RunDirectory):
        super().__init__(run)
        self.figures: dict[str, Figure] = {}
        self.tables: dict[str, pd.DataFrame] = {}

    def figure(self, figure: Figure, title: str, caption: str) -> Item:
        self.figures[_name(title)] = figure
        return {}

    def table(
        self,
        heads: list[str],
        rows: list[list[Any]],
        caption: str,
        note: str = "",
        left: tuple[int, ...] = (),
    ) -> Item:
        plain = [[_plain(cell) for cell in row] for row in rows]
        self.tables[_name(re.split(r"[.:,] ", caption)[0])] = pd.DataFrame(
            plain, columns=list(map(_plain, heads))
        )
        return {}

    def parameters(self) -> pd.DataFrame:
        """Moments, quantiles and diagnostics of every route: a row for each route and parameter."""
        tables = {route: as_table(summary, self.names) for route, summary in self.summaries.items()}
        table = pd.concat(tables, names=["route"]).reset_index()
        if self.labels.words:
            table.insert(2, "label", [self.labels.words.get(name, "") for name in table["parameter"]])
        return table


def _name(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower()).strip("_")


def _plain(cell: Any) -> str:
    """A cell of the page as text: what is small in it stands in parentheses there already."""
    text = Markup(cell).striptags() if isinstance(cell, Markup) else str(cell)
    return re.sub(r"(?<=\S)\(", " (", text).replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")


def _tex(table: pd.DataFrame) -> str:
    """A tabular with rules of booktabs, names and signs as TeX wants them."""
    escape = lambda value: re.sub(r"([&%$#_{}])", r"\\\1", str(value))
    lines = [
        " & ".join(map(escape, row)) + r" \\" for row in _formatted(table).itertuples(index=False, name=None)
    ]
    heads = " & ".join(map(escape, table.columns)) + r" \\"
    begin = rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}"
    body = [r"\toprule", heads, r"\midrule", *lines, r"\bottomrule"]
    return "\n".join([begin, *body, r"\end{tabular}", ""])


def _formatted(table: pd.DataFrame) -> pd.DataFrame:
    return table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else value)
