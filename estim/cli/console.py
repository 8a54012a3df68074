"""What the commands share: exit codes, words of errors, tables."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

EXIT_FAILED, EXIT_ERROR, EXIT_STOPPED, EXIT_INTERRUPTED = 1, 2, 128, 130


def console(quiet: bool = False) -> "Console":
    from rich.console import Console

    return Console(highlight=False, quiet=quiet)


def message(error: Exception) -> str:
    """An error of ours speaks for itself, in several lines where it shows a place in a file; another one
    is introduced by its type."""
    if type(error).__module__.split(".")[0] == "estim":
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())} (--debug shows where)"


def print_verdict(to: "Console", verdict: dict[str, Any]) -> None:
    colour = {"good": "green", "caution": "yellow", "bad": "red"}[verdict["tone"]]
    to.print(f"\n[bold {colour}]{verdict['headline']}[/]")
    for line in verdict["lines"]:
        to.print(f"  {line}", highlight=False)


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """Of a command whose result is a table."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, help="CSV or Excel file to write")


def show_table(frame: "pd.DataFrame", arguments: argparse.Namespace) -> None:
    """Print a frame with all its columns, at any width, as a table or as JSON, and write it if asked to."""
    plain = frame.reset_index()
    if arguments.out:
        if arguments.out.suffix == ".xlsx":
            plain.to_excel(arguments.out, index=False)
        else:
            plain.to_csv(arguments.out, index=False)
    if arguments.json:
        print(json.dumps(json.loads(plain.to_json(orient="records", double_precision=15))))
    elif arguments.out:
        print(f"{len(plain)} rows → {arguments.out}")
    else:
        print(frame.to_string(float_format=lambda value: f"{value:.4g}", na_rep="–"))
