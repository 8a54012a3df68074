"""``estim data list | show | fetch``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_commands(add: Callable[..., Any], to: Any) -> None:
    add("list", _list, "list the shipped data sets", to)
    add("show", _show, "describe a data set", to).add_argument("name")
    fetch = add("fetch", _fetch, "download series from FRED as CSV", to)
    fetch.add_argument("ids", nargs="+", metavar="ID", help="FRED series, e.g. GDPC1")
    fetch.add_argument("--start", help="first quarter, e.g. 1966Q1")
    fetch.add_argument("--end", help="last quarter")
    fetch.add_argument("--out", type=Path, help="CSV file to write (default: print it)")


def _list(arguments: argparse.Namespace) -> int:
    from estim.data.datasets import list_data

    sets = list_data()
    width = max(map(len, sets))
    for name, title in sets.items():
        print(f"{name:{width}}  {title}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from estim.data.datasets import describe

    print(describe(arguments.name))
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from estim.data.fred import fetch_fred

    frame = fetch_fred(arguments.ids, start=arguments.start, end=arguments.end)
    if arguments.out:
        frame.to_csv(arguments.out)
        print(f"{len(frame)} rows → {arguments.out}")
    else:
        print(frame.to_csv(), end="")
    return 0
