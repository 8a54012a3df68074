"""The command line: ``estim run | resume | report | verify | models | check | dynare | convert | data``.

Only what a command needs is imported, when it runs: `estim --help` starts at once.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from estim.progress import Progress
    from estim.results.store import RunDirectory

EXIT_FAILED, EXIT_ERROR, EXIT_STOPPED, EXIT_INTERRUPTED = 1, 2, 128, 130


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
        print(f"estim: error: {_message(error)}", file=sys.stderr)
        return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="estim", description="Bayesian estimation of structural economic models."
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
    add("verify", _verify, "look whether a run's files are as the run wrote them").add_argument(
        "dir", type=Path
    )
    add("models", _models, "list the models of the gallery")
    add("check", _check, "check a model step by step").add_argument(
        "model", help="a model of the gallery, or a Python or Dynare file that defines one"
    )
    add("dynare", _dynare, "run the commands of a Dynare file").add_argument(
        "mod", type=Path, help="Dynare file (.mod)"
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
    from estim.pipeline import run_experiment
    from estim.pipeline.beginning import load_any_experiment

    out = arguments.out or Path("runs") / arguments.file.stem
    experiment, data = load_any_experiment(arguments.file, arguments.settings, arguments.data)
    title = experiment.title or experiment.settings()["model"]
    given = {} if data is None else {"data": data}
    return _pipeline(title, out, lambda progress: run_experiment(experiment, out, progress, **given))


def _resume(arguments: argparse.Namespace) -> int:
    from estim.pipeline import resume_run

    return _pipeline("going on", arguments.dir, lambda progress: resume_run(arguments.dir, progress))


def _pipeline(title: str, out: Path, work: Callable[["Progress"], "RunDirectory"]) -> int:
    from estim.progress import live_progress
    from estim.results.advice import quoted
    from estim.stopping import exit_code

    console = _console()
    console.print(f"{title} → {out}", markup=False, style="bold", soft_wrap=True)
    try:
        with _warnings_in_lines(console), live_progress(console) as progress:
            run = work(progress)
    except KeyboardInterrupt as stop:
        kept = f"What was finished is kept in {out}. To go on: estim resume {quoted(out)}"
        begun = (out / "settings.json").exists()
        console.print(
            f"\nStopped. {kept if begun else 'Nothing had been written.'}", markup=False, soft_wrap=True
        )
        return exit_code(stop)
    _print_verdict(console, run.read_json("verdict.json"))
    console.print(f"\nReport: {run.file('report.html').resolve()}", markup=False, soft_wrap=True)
    return 0


@contextmanager
def _warnings_in_lines(console: "Console") -> Iterator[None]:
    """What a run warns of, a line each and without the place in the code."""
    import warnings

    from estim.results.store import RunWarning

    with warnings.catch_warnings():
        show = warnings.showwarning

        def in_a_line(message: Any, category: type[Warning], *place: Any) -> None:
            if issubclass(category, RunWarning):
                console.print(f"note: {message}", markup=False, soft_wrap=True)
            else:
                show(message, category, *place)

        warnings.simplefilter("always", RunWarning)
        warnings.showwarning = in_a_line  # type: ignore[assignment]
        yield


def _report(arguments: argparse.Namespace) -> int:
    from estim.results.report import write_report
    from estim.results.store import RunDirectory

    run = RunDirectory(arguments.dir)
    path = write_report(run)
    console = _console()
    _print_verdict(console, run.read_json("verdict.json"))
    console.print(f"\nReport: {path.resolve()}", markup=False, soft_wrap=True)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from estim.results.store import RunDirectory
    from estim.results.verify import problems

    run = RunDirectory(arguments.dir)
    found = problems(run)
    for line in found:
        print(f"{arguments.dir}/{line}")
    if not found:
        print(f"{arguments.dir}: {len(run.listed())} files, each as the run wrote it")
    return EXIT_FAILED if found else 0


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
    from estim.experiment import load_model_and_data
    from estim.ladder import check_model

    console = _console()
    model, data = load_model_and_data(arguments.model)
    passed = True
    for rung in check_model(model, data):
        passed &= rung.passed
        console.print(f"{'[green]✓[/]' if rung.passed else '[red]✗[/]'} [bold]{rung.title}[/]")
        for line in rung.lines:
            console.print(f"    {line}", markup=False)
    return 0 if passed else EXIT_FAILED


def _dynare(arguments: argparse.Namespace) -> int:
    from estim.dynare import read_mod, run_commands

    for text in run_commands(read_mod(arguments.mod)):
        print(text)
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from estim.dynare import convert_mod

    _console().print(f"{arguments.mod} → {convert_mod(arguments.mod, arguments.target)}")
    return 0


def _data_list(arguments: argparse.Namespace) -> int:
    from rich.table import Table

    from estim.data.datasets import list_data

    table = Table("data set", "what it is", box=None, header_style="bold")
    for name, title in list_data().items():
        table.add_row(name, title)
    _console().print(table)
    return 0


def _data_show(arguments: argparse.Namespace) -> int:
    from estim.data.datasets import describe

    print(describe(arguments.name))
    return 0


def _data_fetch(arguments: argparse.Namespace) -> int:
    from estim.data.fred import fetch_fred

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
