"""One look for every figure: sizes, colours, and SVG that follows a page's light or dark theme.

A route (a sampler) keeps its colour and its dash everywhere, so that lines which coincide can
still be told apart. Colours are those of Okabe and Ito (2008), safe for colour-blind readers.
"""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, wraps
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK, MUTED, FAINT = "#1b1d21", "#6b7078", "#d9dce0"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b0589a", "#c98500", "#3d9fd6")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.3, 1.1)), (0, (7, 1.6, 1.3, 1.6)), (0, (3, 1)), "-")
WIDTH = 9.6  # inches, the width at which a report shows a figure

_PARTS = (*PALETTE, MUTED, FAINT, INK, "#8c6d3f")
_HATCHES = ("", "///", "...", "xxx", "\\\\\\")

SURROGATE = PALETTE[3]
"""The surrogate's own colour: in a comparison of routes, and where it alone is shown."""

THEME_COLOURS = {INK: "--ink", MUTED: "--muted", FAINT: "--faint"} | {
    colour: f"--route-{i}" for i, colour in enumerate(PALETTE)
}
"""Each colour's custom property in a page's style sheet."""

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with Matplotlib: the same layout on every machine
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.3,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.constrained_layout.h_pad": 0.06,
    "svg.fonttype": "none",
    "svg.hashsalt": "estim",
}


def styled(plot: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw a figure in this style, whatever the user's own Matplotlib settings are, that a notebook shows."""

    @wraps(plot)
    def wrapper(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.rc_context(STYLE):
            figure = plot(*args, **kwargs)
        vars(figure)["_repr_png_"] = partial(_png, figure)
        return figure

    return wrapper


def _png(figure: Figure) -> bytes:
    """On white, which dark notebooks need."""
    with matplotlib.rc_context(STYLE):
        figure.savefig(picture := io.BytesIO(), format="png", dpi=100, facecolor="white")
    return picture.getvalue()


def route_styles(routes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Line colour and dash of each route, the same in every figure of a report."""
    slots = [i for i, colour in enumerate(PALETTE) if colour != SURROGATE]
    styles, taken = {}, 0
    for route in routes:
        if route == "surrogate":
            styles[route] = {"color": SURROGATE, "linestyle": DASHES[PALETTE.index(SURROGATE)]}
            continue
        again, slot = divmod(taken, len(slots))  # beyond the palette a colour comes back with another dash
        distinct = list(dict.fromkeys(DASHES))
        dash = distinct[(distinct.index(DASHES[slots[slot]]) + again) % len(distinct)]
        styles[route] = {"color": PALETTE[slots[slot]], "linestyle": dash}
        taken += 1
    return styles


def route_legend(
    figure: Figure, routes: Mapping[str, Any] | Sequence[str], extra: Sequence[Any] = ()
) -> None:
    """The routes' lines, and further handles, above the panels."""
    lines = [Line2D([], [], label=route, **style) for route, style in route_styles(routes).items()]
    figure.legend(handles=[*lines, *extra], loc="outside upper left", ncols=6)


def part_styles(num: int) -> list[dict[str, Any]]:
    """Fill and hatch of `num` parts of a whole; beyond the colours they come back, hatched."""
    return [
        {"facecolor": _PARTS[i % len(_PARTS)], "hatch": _HATCHES[i // len(_PARTS) % len(_HATCHES)]}
        for i in range(num)
    ]


def to_svg(figure: Figure, title: str) -> str:
    """The figure as an ``<svg>`` element to stand inside a page: no fixed colours, sizes or fonts.

    Identifiers are prefixed with a word made of the title, which screen readers are given,
    so that several figures can stand in one page.
    """
    prefix = re.sub(r"\W+", "-", title.lower())
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"', r"<svg \1\2", svg, count=1)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
    svg = svg.replace("'DejaVu Sans'", "var(--sans)")
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r"<[^>]*>", _shorten_numbers, svg)
    for colour, name in THEME_COLOURS.items():
        svg = svg.replace(colour, f"var({name})")
    return svg


def _shorten_numbers(tag: re.Match[str]) -> str:
    """A tag with its coordinates to a hundredth of a point; what stands between tags is text to be read."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0])
