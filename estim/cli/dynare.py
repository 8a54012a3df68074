"""``estim dynare | convert``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_commands(add: Callable[..., Any]) -> None:
    add("dynare", _dynare, "run the commands of a Dynare file").add_argument(
        "mod", type=Path, help="Dynare file (.mod)"
    )
    convert = add("convert", _convert, "write a Dynare file as a Python file")
    convert.add_argument("mod", type=Path, help="Dynare file (.mod)")
    convert.add_argument("target", type=Path, help="Python file to write")


def _dynare(arguments: argparse.Namespace) -> int:
    from estim.dynare import read_mod, run_commands

    for text in run_commands(read_mod(arguments.mod)):
        print(text)
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from estim.dynare import convert_mod

    print(f"{arguments.mod} → {convert_mod(arguments.mod, arguments.target)}")
    return 0
