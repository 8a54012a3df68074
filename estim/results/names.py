"""Names of routes: each is a folder of the run directory, a label in its report and a key in ``--set``."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RESERVED = {"surrogate", "modules", "con", "prn", "aux", "nul"} | {
    f"{p}{i}" for p in ("com", "lpt") for i in range(10)
}
"""The run's own folders, and what Windows keeps for devices."""


def why_no_names(names: Iterable[object]) -> str:
    """What is wrong with the first of `names` that cannot be a route's; empty where all can."""
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            shown = repr(name) if len(repr(name)) < 80 else f"{repr(name)[:70]}..."
            return (
                f"a route cannot be called {shown}: its name is made of letters from a to z, digits, hyphens and "
                "underscores, 64 at most, and does not begin with a hyphen or an underscore"
            )
        if name.lower() in _RESERVED:
            return f"a route cannot be called {name!r}: the word is kept for something else"
        if name.lower() in seen:
            return (
                f"routes {seen[name.lower()]!r} and {name!r} would share a folder where case does not count"
            )
        seen[name.lower()] = name
    return ""
