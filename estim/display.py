"""How objects show themselves: a line where text is printed, a small table in a notebook."""

from collections.abc import Iterable
from html import escape

Facts = Iterable[tuple[str, str]]
"""What is said of an object: what, and how much or which."""

_MOST = 12


def line(title: str, facts: Facts) -> str:
    """``Model 'rbc': 6 variables, 1 shock``."""
    counts = [f"{value} {what.removesuffix('s') if value == '1' else what}" for what, value in facts]
    return f"{title}: {', '.join(counts)}"


def table(title: str, facts: Facts, below: str = "") -> str:
    """HTML with a row for each fact; `below` is HTML."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(what)}</th><td style="text-align:left">{escape(value)}</td></tr>'
        for what, value in facts
    )
    return f"<table><caption><b>{escape(title)}</b></caption>{rows}</table>{below}"


def counted(names: Iterable[str]) -> str:
    """``3: c, k, y``, cut after a dozen."""
    names = list(names)
    more = ", ..." if len(names) > _MOST else ""
    return f"{len(names)}: {', '.join(names[:_MOST])}{more}" if names else "none"


def shape(array: object) -> str:
    """``[4, 1000, 7]``, of a traced array too."""
    return "[" + ", ".join(map(str, getattr(array, "shape", ()))) + "]"
