"""The command line, ``estim COMMAND``: a file for each group of commands.

Only what a command needs is imported, when it runs: `estim --help` starts at once.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from estim.cli import cockpit, completion, data, dynare, models, results, runs
from estim.cli.console import EXIT_ERROR, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_STOPPED, message

__all__ = ["EXIT_ERROR", "EXIT_FAILED", "EXIT_INTERRUPTED", "main"]

EXAMPLES = """examples:
  estim check my_model.py                        does the model do what its author thinks it does?
  estim run my_model.py --set preset=quick       estimate it: a first look
  estim forecast runs/my_model --horizon 8       what its posterior says of the next two years
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 success, 1 a check failed, 2 an error, 130 Ctrl-C, 143 SIGTERM."""
    arguments = _parser().parse_args(argv)
    from estim.stopping import leave, signals_stop

    with signals_stop():
        code = _command(arguments)
    if argv is None and code > EXIT_STOPPED:  # a program of its own, which was asked to end soon
        leave(code)
    return code


def _command(arguments: argparse.Namespace) -> int:
    from estim.stopping import exit_code

    try:
        return arguments.command(arguments)
    except KeyboardInterrupt as stop:
        print("\nstopped", file=sys.stderr)
        return exit_code(stop)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has seen enough
        return 0
    except Exception as error:
        if arguments.debug:
            raise
        print(f"estim: error: {message(error)}", file=sys.stderr)
        return EXIT_ERROR


class _Parser(argparse.ArgumentParser):
    """Says what was probably meant."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            from estim.arguments import did_you_mean

            hint = did_you_mean(value, action.choices or ())
            raise argparse.ArgumentError(action, f"{error.message}{hint}") from None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="estim",
        description="Bayesian estimation of structural economic models.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.set_defaults(debug=False)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Any, text: str, to: Any = commands) -> Any:
        added = to.add_parser(name, help=text, description=text)
        added.add_argument("--debug", action="store_true", help="show the traceback of an error")
        added.set_defaults(command=command)
        return added

    for group in (runs, results, models, dynare, cockpit):
        group.add_commands(add)
    text = "list, show or fetch data"
    actions = commands.add_parser("data", help=text, description=text)
    data.add_commands(add, actions.add_subparsers(title="actions", required=True, metavar="ACTION"))
    completion.add_command(add, parser)
    return parser


def _version() -> str:
    from importlib.metadata import version

    return f"estim {version('estim')}"
