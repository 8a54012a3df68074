"""``estim completion``: what a shell completes, made of the commands themselves."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SHELLS = ("bash", "zsh", "tcsh", "fish")


def add_command(add: Callable[..., Any], parser: argparse.ArgumentParser) -> None:
    def complete(arguments: argparse.Namespace) -> int:
        import shtab

        for action in _actions(parser):
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, arguments.shell))
        return 0

    command = add("completion", complete, "print a script with which a shell completes commands and options")
    command.add_argument("shell", choices=SHELLS, help="as in: estim completion bash >> ~/.bashrc")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of a parser and of those of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in set(action.choices.values()):
                yield from _actions(inner)
