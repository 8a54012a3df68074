"""The grammars, whose tables are kept in the user's cache folder: to compute them takes as long as to read a file."""

from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from lark import Lark
from platformdirs import user_cache_path


@cache
def grammar(
    package: str, start: str | tuple[str, ...], lexer: Any = "contextual", file: str = "grammar.lark"
) -> Lark:
    """The parser of a grammar in a package.

    Args:
        package: its name.
        start: the rules with which a text may begin.
        lexer: one of Lark's, or a class.
        file: the grammar's name.
    """
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    begin = [start] if isinstance(start, str) else list(start)
    folder = user_cache_path("estim") / "grammars"
    with suppress(OSError):  # without a folder nothing is kept
        folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{package}-{sha256(text.encode()).hexdigest()[:16]}"
    return Lark(
        text,
        parser="lalr",
        start=begin,
        lexer=lexer,
        propagate_positions=True,
        cache=str(kept) if folder.is_dir() else False,
    )
