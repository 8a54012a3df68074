"""Matlab's tokens: what depends on blanks, brackets and quotes is settled here, so that the grammar need not.

A quote after an operand transposes it, else it begins a text; blanks between elements of a matrix are commas, ends of
lines in it semicolons; ``close all`` is a command with words; ``end`` in brackets is the last index.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from lark import Token, Tree
from lark.exceptions import UnexpectedInput
from lark.lexer import Lexer

from estim.dynare.grammars import grammar
from estim.dynare.matlab.errors import MatlabError

_KEYWORDS = {w: w.upper() for w in (
    "if", "elseif", "else", "end", "for", "while", "switch", "case", "otherwise", "try", "catch", "break",
    "continue", "return", "function", "global",
)}  # fmt: skip
_KEYWORDS |= {"parfor": "FOR", "persistent": "GLOBAL", "end_try_catch": "END"}
_KEYWORDS |= {f"end{w}": "END" for w in ("if", "for", "while", "switch", "function")}

_NUMBER = re.compile(r"(?:\d+(?:\.(?![*/\\^'])\d*)?|\.\d+)(?:[eEdD][-+]?\d+)?[ij]?(?!\w)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_FIELD = re.compile(r"\.([A-Za-z_]\w*)")
_COMMAND = re.compile(
    r"([A-Za-z]\w*)[ \t]+(?=-?[A-Za-z_./]|'[^'\n]*'[ \t]*[;,\n])(?!\.[*/^])([^\n;,=(]*)(?=[\n;,]|\Z)"
)
_BLANKS = re.compile(r"[ \t\r\f]+")
_COMMENT = re.compile(r"%\{[ \t]*\n.*?\n[ \t]*%\}[^\n]*|[%#][^\n]*", re.DOTALL)
_CONTINUED = re.compile(r"\.\.\.[^\n]*\n")
_TARGETS = re.compile(r"\[(?:\.\.\.[^\n]*\n|[^\[\]=\n;])*\]\s*=(?!=)")
_SIGNS = {
    "OROR": "||", "ANDAND": "&&", "COMPARE": "== ~= != <= >= < >", "UPDATE": "+= -= *= /=", "POWER": ".^ ^",
    "TIMES": ".* ./ .\\ * / \\", "TRANSPOSE": ".'", "OPEN_FIELD": ".(", "OR": "|", "AND": "&", "SIGN": "+ -",
    "NOT": "~ !", "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}", "EQUAL": "=",
    "COLON": ":", "AT": "@",
}  # fmt: skip
_KINDS = {sign: kind for kind, signs in _SIGNS.items() for sign in signs.split()}
_OPENING, _CLOSING = {"LPAR", "LSQB", "LBRACE", "OPEN_FIELD", "OPEN_TARGETS"}, {"RPAR", "RSQB", "RBRACE"}
_ENDS_OPERAND = {"NUMBER", "STRING", "NAME", "LAST", "FIELD", "TRANSPOSE", *_CLOSING}
_BEGINS_OPERAND = re.compile(r"[\w'\"(\[{@.]|[-+~!](?![ \t=])")

type Statement = Callable[[str, int], int | None]
"""``(text, position)`` -> where the statement of another language that begins there ends, or None."""


def parse(text: str, other: Statement = lambda text, at: None) -> Tree:
    """The program that a text is.

    Args:
        text: Matlab code.
        other: finds statements that are not Matlab's; each becomes a ``dynare`` node with its text.

    Raises:
        MatlabError: a syntax error, with its line.
    """
    try:
        return grammar("estim.dynare.matlab", "program", _Tokens).parse((text, other))
    except UnexpectedInput as error:
        token = getattr(error, "token", None)
        near = f" at '{str(token).strip() or 'the end of the line'}'" if token is not None else ""
        raise MatlabError(f"this is no Matlab code known here{near}", getattr(token, "line", None)) from None
    except RecursionError:
        raise MatlabError("an expression is nested too deeply", 1) from None


@lru_cache(4096)
def parse_text(text: str) -> Tree:
    """The program that a text of Matlab's own is; kept, as loops evaluate the same texts again."""
    return parse(text + "\n")


class _Tokens(Lexer):
    def __init__(self, conf):
        pass

    def lex(self, data: Any, parser_state: Any = None) -> Iterator[Token]:  # type: ignore[override]
        return _tokens(*data)


def _tokens(text: str, other: Statement) -> Iterator[Token]:
    """Every token; a statement ends with exactly one SEP."""
    position, last, stack, pending, line, counted = 0, "SEP", list[str](), "", 1, 0

    def token(kind: str, value: str, at: int) -> Token:
        return Token(kind, value, start_pos=at, line=line, end_line=line, column=1, end_column=1)

    while position < len(text):
        line += text.count("\n", counted, position)
        counted = position
        if blank := (_BLANKS.match(text, position) or _CONTINUED.match(text, position)):
            position, spaced = blank.end(), True
        elif comment := _COMMENT.match(text, position):
            position, spaced = comment.end(), True
        else:
            spaced = position > 0 and text[position - 1] in " \t\n"
        if blank or comment:
            continue
        char, inside = text[position], stack[-1] if stack else ""
        in_matrix = inside in ("LSQB", "LBRACE")
        if char in "\n;,":
            kind = "COMMA" if char == "," or inside == "OPEN_TARGETS" else "SEMICOLON"
            if not stack:
                pending = "SEP"
            elif in_matrix and last not in _OPENING:
                pending = "SEMICOLON" if "SEMICOLON" in (kind, pending) else "COMMA"
            elif not in_matrix and char != "\n":
                pending = "COMMA"
            position += 1
            continue
        kind, value, end = _next(text, position, pending or last, inside, spaced)
        beginning = not stack and (pending == "SEP" or last in ("SEP", "ELSE", "TRY", "OTHERWISE"))
        if kind in _CLOSING:
            pending = ""
        elif (
            in_matrix
            and not pending
            and spaced
            and last in _ENDS_OPERAND
            and _BEGINS_OPERAND.match(text, position)
        ):
            pending = "COMMA" if kind != "TRANSPOSE" else ""
        elif inside == "OPEN_TARGETS" and not pending and last in _ENDS_OPERAND and spaced:
            pending = "COMMA"
        if pending and not (pending == "SEP" and last == "SEP"):
            mark = {"COMMA": ",", "SEMICOLON": ";", "SEP": ";"}[pending]
            yield token({"SEMICOLON": "SEMICOLON"}.get(pending, pending), mark, position)
            last = pending
        pending = ""
        if beginning:
            if (stop := other(text, position)) is not None:
                kind, value, end = "DYNARE", text[position:stop], stop
            elif kind == "NAME" and (words := _COMMAND.match(text, position)):
                kind, value, end = "COMMAND", words[0], words.end()
            elif kind == "LSQB" and _TARGETS.match(text, position):
                kind = "OPEN_TARGETS"
        elif kind == "LSQB" and last == "FUNCTION":
            kind = "OPEN_TARGETS"
        if kind in _OPENING:
            stack.append(kind)
        elif kind in _CLOSING and stack:
            stack.pop()
        yield token(kind, value, position)
        last, position = kind, end
    if last != "SEP":
        yield token("SEP", "", len(text))


def _next(text: str, at: int, last: str, inside: str, spaced: bool) -> tuple[str, str, int]:
    """Kind, value and end of the token at a position; ``last`` is the kind of the one before."""
    if match := _NUMBER.match(text, at):
        return "NUMBER", match[0], match.end()
    if (match := _FIELD.match(text, at)) and last in _ENDS_OPERAND:
        return "FIELD", match[1], match.end()
    if match := _NAME.match(text, at):
        keyword = _KEYWORDS.get(match[0], "NAME")
        if keyword == "END" and inside:
            return "LAST", match[0], match.end()
        return ("NAME" if inside else keyword), match[0], match.end()
    apart = spaced and inside in ("LSQB", "LBRACE")
    if text[at] == "'" and last in _ENDS_OPERAND and not apart:
        return "TRANSPOSE", "'", at + 1
    if text[at] in "'\"":
        return _text(text, at)
    for length in (2, 1):
        if kind := _KINDS.get(sign := text[at : at + length]):
            return kind, sign, at + length
    raise MatlabError(f"'{text[at]}' is no Matlab code known here", text.count("\n", 0, at) + 1)


def _text(text: str, at: int) -> tuple[str, str, int]:
    """A quoted text; its quote is doubled inside."""
    quote = text[at]
    match = re.compile(rf"{quote}((?:[^{quote}\n]|{quote}{quote})*){quote}").match(text, at)
    if match is None:
        raise MatlabError("a text is not closed by its quote", text.count("\n", 0, at) + 1)
    return "STRING", match[1].replace(quote * 2, quote), match.end()
