"""Python names for Dynare's: the same wherever Python allows it."""

import keyword
from collections.abc import Iterable


class Identifiers:
    """A mapping from names to distinct Python identifiers, none of them in `reserved`."""

    def __init__(self, names: Iterable[str], reserved: Iterable[str] = ()):
        self._of: dict[str, str] = {}
        taken = set(reserved)
        names = list(names)
        plain = {n for n in names if n not in taken and not _forbidden(n)}
        for name in names:
            identifier = name.lstrip("_") or "x"
            while (
                (identifier in taken | plain and identifier != name)
                or identifier in taken
                or _forbidden(identifier)
            ):
                identifier += "_"
            taken.add(identifier)
            self._of[name] = identifier

    def __getitem__(self, name: str) -> str:
        return self._of[name]

    @property
    def taken(self) -> set[str]:
        return set(self._of.values())

    def __contains__(self, name: str) -> bool:
        return name in self._of


def _forbidden(name: str) -> bool:
    """Keywords, and what a NamedTuple cannot have as a field."""
    return keyword.iskeyword(name) or name.startswith("_") or name[0].isdigit() or name in ("count", "index")
