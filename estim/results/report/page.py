"""A page: numbered figures and tables in sections, as one self-contained HTML file.

How it looks stands in ``templates/report.html.j2``.
"""

from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from estim.results.figures.style import to_svg

Item = dict[str, Any]


class Page:
    """Numbers tables and figures while the sections are written."""

    def __init__(self) -> None:
        self._figures = self._tables = 0

    def figure(self, figure: Figure, title: str, caption: str) -> Item:
        self._figures += 1
        return {
            "kind": "figure",
            "number": self._figures,
            "svg": to_svg(figure, title),
            "caption": caption,
        }

    def table(
        self,
        heads: list[str],
        rows: list[list[Any]],
        caption: str,
        note: str = "",
        left: tuple[int, ...] = (),
    ) -> Item:
        self._tables += 1
        return {
            "kind": "table",
            "number": self._tables,
            "heads": heads,
            "rows": rows,
            "caption": caption,
            "note": note,
            "left": (0, *left),
        }

    def text(self, text: str) -> Item:
        return {"kind": "text", "text": text}

    def facts(self, facts: list[tuple[str, str]]) -> Item:
        return {"kind": "facts", "facts": facts}


def render(
    title: str, byline: str, verdict: dict[str, Any], sections: list[tuple[str, list[Item]]], version: str
) -> str:
    """The page as HTML; sections without items are left out.

    Args:
        verdict: what stands first: ``tone`` ("good", "caution" or "bad"), ``headline`` and ``lines``.
    """
    template = files("estim.results").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(
        title=title,
        byline=byline,
        verdict=verdict,
        sections=[
            {"title": title, "anchor": f"section-{i}", "blocks": items}
            for i, (title, items) in enumerate(sections, 1)
            if items
        ],
        version=version,
    )


def digits(std: float) -> int:
    """Decimals that show two significant digits of a standard deviation."""
    return int(np.clip(1 - np.floor(np.log10(std)), 0, 6)) if std > 0 else 3


def number(value: float, digits: int) -> str:
    """Fixed decimals, with a minus sign instead of a hyphen."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def mean_std(mean: float | None, std: float | None, digits: int) -> Markup:
    mean_text, std_text = ("–" if v is None else number(v, digits) for v in (mean, std))
    return Markup("{}<small>({})</small>").format(mean_text, std_text)


def percent_pair(estimate: list[float]) -> tuple[str, str]:
    places = 3 if estimate[1] is not None and estimate[1] < 1e-4 else 2
    value, error = (
        "not finite" if v is None else f"{100 * v:.{places}f}\N{NO-BREAK SPACE}%" for v in estimate
    )
    return value, error


def decimals(value: float | None, digits: int) -> str:
    return "not finite" if value is None else number(value, digits)
