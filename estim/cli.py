"""The command line: ``estim run | resume | report | models | check | convert | data``.

Only what a command needs is imported, when it runs: `estim --help` starts at once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

EXIT_FAILED, EXIT_ERROR, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 success, 1 a check failed, 2 an error, 130 Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has seen enough
        return 0
    except Exception as error:
        if arguments.debug:
            raise
        print(f"estim: error: {_message(error)}", file=sys.stderr)
        return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="estim", description="Bayesian estimation of structural macroeconomic models."
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.set_defaults(debug=False)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str, to: Any = commands) -> Any:
        command = to.add_parser(name, help=text, description=text)
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
        command.set_defaults(command=run)
        return command

    run = add("run", _run, "run an experiment and write its report")
    run.add_argument(
        "file", type=Path, help="experiment file (.py), Dynare file (.mod), or settings.json of a run"
    )
    run.add_argument("--data", help="data for a Dynare file (default: its datafile)")
    run.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change a setting, e.g. preset=quick, seed=1, routes.nuts.num_samples=2000",
    )
    run.add_argument("--out", type=Path, help="run directory (default: runs/NAME of the file)")

    add("resume", _resume, "go on with a run that was stopped").add_argument("dir", type=Path)
    add("report", _report, "write a run's report anew").add_argument("dir", type=Path)
    add("models", _models, "list the models of the gallery")
    add("check", _check, "check a model step by step").add_argument(
        "model", help="a model of the gallery, or a Python or Dynare file that defines one"
    )
    convert = add("convert", _convert, "write a Dynare file as a Python file")
    convert.add_argument("mod", type=Path, help="Dynare file (.mod)")
    convert.add_argument("target", type=Path, help="Python file to write")

    data = commands.add_parser(
        "data", help="list, show or fetch data", description="list, show or fetch data"
    )
    actions = data.add_subparsers(title="actions", required=True, metavar="ACTION")
    add("list", _data_list, "list the shipped data sets", actions)
    add("show", _data_show, "describe a data set", actions).add_argument("name")
    fetch = add("fetch", _data_fetch, "download series from FRED as CSV", actions)
    fetch.add_argument("ids", nargs="+", metavar="ID", help="FRED series, e.g. GDPC1")
    fetch.add_argument("--start", help="first quarter, e.g. 1966Q1")
    fetch.add_argument("--end", help="last quarter")
    fetch.add_argument("--out", type=Path, help="CSV file to write (default: print it)")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from estim.experiment import load_experiment

    out = arguments.out or Path("runs") / arguments.file.stem
    file = _from_dynare(arguments, out) if arguments.file.suffix == ".mod" else arguments.file
    return _pipeline(load_experiment(file).override(arguments.settings), out)


def _from_dynare(arguments: argparse.Namespace, out: Path) -> Path:
    """The experiment file that stands for a Dynare file and its data, beside the run's directory."""
    from estim.dynare import read_mod
    from estim.dynare.experiment_file import write_experiment

    return write_experiment(read_mod(arguments.file), out.parent, arguments.data)


def _resume(arguments: argparse.Namespace) -> int:
    from estim.experiment import ExperimentError, load_experiment

    settings = arguments.dir / "settings.json"
    if not settings.is_file():
        raise ExperimentError(f"{arguments.dir}: there is no settings.json; is this the directory of a run?")
    return _pipeline(load_experiment(settings), arguments.dir)


def _pipeline(experiment: Any, out: Path) -> int:
    from estim.pipeline import run_experiment
    from estim.progress import live_progress

    console = _console()
    console.print(f"[bold]{experiment.title or experiment.settings()['model']}[/bold] → {out}")
    try:
        with live_progress(console) as progress:
            run = run_experiment(experiment, out, progress)
    except KeyboardInterrupt:
        console.print(
            f"\nStopped. What was finished is kept in {out}\n"
            f"  go on:            estim resume {out}\n"
            f"  look at it:       estim report {out}"
        )
        return EXIT_INTERRUPTED
    _print_verdict(console, run.read_json("verdict.json"))
    console.print(f"\nReport: {run.file('report.html').resolve()}", soft_wrap=True)
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from estim.results.report import write_report
    from estim.results.store import RunDirectory

    run = RunDirectory(arguments.dir)
    path = write_report(run)
    console = _console()
    _print_verdict(console, run.read_json("verdict.json"))
    console.print(f"\nReport: {path.resolve()}", soft_wrap=True)
    return 0


def _print_verdict(console: "Console", verdict: dict[str, Any]) -> None:
    colour = {"good": "green", "caution": "yellow", "bad": "red"}[verdict["tone"]]
    console.print(f"\n[bold {colour}]{verdict['headline']}[/]")
    for line in verdict["lines"]:
        console.print(f"  {line}", highlight=False)


def _models(arguments: argparse.Namespace) -> int:
    from rich.table import Table

    from estim.models import list_models, load_model

    table = Table("model", "estimated", "observables", "reference", box=None, header_style="bold")
    for name in list_models():
        model = load_model(name)
        table.add_row(
            name, f"{len(model.estimated)} parameters", " ".join(model.observables._fields), model.reference
        )
    _console().print(table)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from estim.check import check_model
    from estim.experiment import load_model_and_data

    console = _console()
    model, data = load_model_and_data(arguments.model)
    passed = True
    for rung in check_model(model, data):
        passed &= rung.passed
        console.print(f"{'[green]✓[/]' if rung.passed else '[red]✗[/]'} [bold]{rung.title}[/]")
        for line in rung.lines:
            console.print(f"    {line}", markup=False)
    return 0 if passed else EXIT_FAILED


def _convert(arguments: argparse.Namespace) -> int:
    from estim.dynare import convert_mod

    _console().print(f"{arguments.mod} → {convert_mod(arguments.mod, arguments.target)}")
    return 0


def _data_list(arguments: argparse.Namespace) -> int:
    from rich.table import Table

    from estim.datasets import list_data

    table = Table("data set", "what it is", box=None, header_style="bold")
    for name, title in list_data().items():
        table.add_row(name, title)
    _console().print(table)
    return 0


def _data_show(arguments: argparse.Namespace) -> int:
    from estim.datasets import describe

    print(describe(arguments.name))
    return 0


def _data_fetch(arguments: argparse.Namespace) -> int:
    from estim.fred import fetch_fred

    frame = fetch_fred(arguments.ids, start=arguments.start, end=arguments.end)
    if arguments.out:
        frame.to_csv(arguments.out)
        _console().print(f"{len(frame)} rows → {arguments.out}")
    else:
        print(frame.to_csv(), end="")
    return 0


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _message(error: Exception) -> str:
    """An error of ours speaks for itself, in several lines where it shows a place in a file; another one
    is introduced by its type."""
    if type(error).__module__.split(".")[0] == "estim":
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())} (--debug shows where)"


def _version() -> str:
    from importlib.metadata import version

    return f"estim {version('estim')}"


if __name__ == "__main__":
    sys.exit(main())
