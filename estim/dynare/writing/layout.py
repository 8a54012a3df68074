"""The layout of generated Python: classes, functions, dictionaries, lines that are not too long."""

import json
import re
import textwrap
from collections.abc import Mapping

WIDTH = 108


def imports(body: str) -> str:
    """The import statements that a module with this body needs."""
    uses = lambda names: [name for name in names if f"{name}(" in body]
    lines = ["from math import inf"] * ("inf)" in body.replace("jnp.inf)", ""))
    lines += ["from typing import Any, NamedTuple", ""]
    lines += ["import jax.numpy as jnp"] * ("jnp." in body)
    if special := uses(["erf", "erfc"]):
        lines.append(f"from jax.scipy.special import {', '.join(special)}")
    lines += ["from jax.scipy.stats import norm"] * ("norm." in body)
    lines += [""] * (lines[-1] != "")
    lines += ["from estim import priors"] * ("priors." in body)
    if uses(["FirstOrderConditions"]):
        lines.append("from estim.policy.first_order_conditions import FirstOrderConditions")
    for name in uses(["linear_steady_state", "numerical_steady_state"]):
        lines.append(f"from estim.solution.search_steady_state import {name}")
    if kinks := uses(["maximum", "minimum"]):
        lines.append(f"from estim.numerics.kinks import {', '.join(kinks)}")
    lines += ["from estim.numerics import semidefinite_cholesky"] * bool(uses(["semidefinite_cholesky"]))
    lines.append(f"from estim.model import {'Alternative, ' * ('Alternative(' in body)}Model")
    return "\n".join(lines)


def docstring(text: str) -> str:
    """The text as a docstring of one line, whatever is in it."""
    escape = lambda c: f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
    return '"""' + "".join(c if c.isprintable() and c not in '"\\' else escape(c) for c in text) + '"""'


def named_tuple(name: str, comments: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> str:
    lines = [f"class {name}(NamedTuple):"]
    for field, comment in comments.items():
        comment = "".join(c if c.isprintable() else " " for c in comment)
        default = f" = {defaults[field]}" if defaults else ""
        lines.append(f"    {field}: Any{default}" + (f"  # {comment}" if comment else ""))
    return "\n".join(lines)


def function(signature: str, lines: list[str]) -> str:
    return f"def {signature}:\n" + textwrap.indent("\n".join(lines), "    ")


def assign(name: str, value: str) -> str:
    if len(name) + len(value) + 7 <= WIDTH:
        return f"{name} = {value}"
    return f"{name} = (\n{wrapped(value)}\n)"


def call(function: str, arguments: Mapping[str, str]) -> str:
    text = f"{function}({', '.join(f'{n}={v}' for n, v in arguments.items())})"
    if len(text) <= WIDTH - 20:
        return text
    return f"{function}(\n" + "".join(f"    {n}={indented(v)},\n" for n, v in arguments.items()) + ")"


def dictionary(values: Mapping[str, str]) -> str:
    lines = []
    for key, value in values.items():
        one = f"    {quote(key)}: {value},"
        lines.append(
            one
            if len(one) <= WIDTH - 4
            else f"    {quote(key)}: (\n{textwrap.indent(wrapped(value), '    ')}\n    ),"
        )
    return "{\n" + "\n".join(lines) + "\n}"


def wrapped(expression: str) -> str:
    """An expression in parentheses, broken at blanks outside its texts."""
    filled = textwrap.fill(
        _TEXT.sub(lambda text: text[0].replace(" ", _BLANK), expression),
        WIDTH - 12,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(_BLANK, " ")


_TEXT, _BLANK = re.compile(r'"(?:[^"\\]|\\.)*"'), "\0"


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def indented(value: str) -> str:
    return value.replace("\n", "\n    ")
