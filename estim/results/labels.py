"""What a model's names are called where people read them: in words and as symbols, from its ``labels``."""

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_MACRO = re.compile(r"\\(?:var)?([A-Za-z]+)")
_LONGEST_LINE = 28
"""Characters of a line in the title of a small panel."""


class Labels(NamedTuple):
    """``words`` and ``symbols`` (TeX) by name; a name without either is called what it is.

    What a run keeps of its model, ``model.json``, has both.
    """

    words: Mapping[str, str] = {}
    symbols: Mapping[str, str] = {}

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> "Labels":
        return cls(model.get("labels", {}), model.get("symbols", {}))

    def symbol(self, name: str) -> str:
        """Where there is little room: the symbol, as far as text can show it, else the name."""
        return as_text(self.symbols.get(name, "")) or name

    def called(self, name: str) -> str:
        """In the words of the model, else by its symbol or name."""
        return self.words.get(name) or self.symbol(name)

    def title(self, name: str) -> str:
        """Above a panel: the symbol and the words, in lines that fit there."""
        words = self.words.get(name)
        return textwrap.fill(f"{self.symbol(name)}: {words}" if words else self.symbol(name), _LONGEST_LINE)

    def row(self, name: str) -> str:
        """In a table: the name, by which a program knows it, and the words."""
        return f"{name}, {words}" if (words := self.words.get(name)) else name

    def listed(self, names: Iterable[str]) -> str:
        """All of them, each with its words in brackets."""
        return ", ".join(f"{n} ({words})" if (words := self.words.get(n)) else n for n in names)


def as_text(tex: str) -> str:
    """TeX of a symbol with Greek letters as themselves and without braces; empty where that does not show it."""
    text = _MACRO.sub(_letter, tex).replace("{", "").replace("}", "").strip()
    return "" if "\\" in text or "$" in text else text


def _letter(macro: re.Match[str]) -> str:
    name = "lamda" if macro[1].lower() == "lambda" else macro[1].lower()
    size = "CAPITAL" if macro[1][0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}")
    except KeyError:
        return macro[0]
