"""One step of the ladder."""

from typing import NamedTuple


class Rung(NamedTuple):
    """What was asked, whether it holds, and what was found."""

    title: str
    passed: bool
    lines: tuple[str, ...]
