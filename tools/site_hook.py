"""What MkDocs does not do by itself: formulas as MathML, which browsers draw without help; blocks that are not run."""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)
_NOT_RUN = re.compile(r"^```(\w+) no-run", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called for each page: a block that the tests do not run is a block all the same."""
    return _NOT_RUN.sub(r"```\1", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Called by MkDocs for each page, whose formulas stand between ``\\(`` and ``\\)``, or ``\\[`` and ``\\]``."""
    return _FORMULA.sub(_mathml, html)


def _mathml(match: re.Match[str]) -> str:
    tag, text = match[1], unescape(match[2]).strip()
    inner = text[2:-2].strip()
    display = "block" if tag == "div" else "inline"
    formula = convert(inner, display=display)
    return f'<div class="formula">{formula}</div>' if tag == "div" else formula
