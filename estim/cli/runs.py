"""``estim run | resume | report | verify``."""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estim.cli.console import EXIT_FAILED, console, print_verdict

if TYPE_CHECKING:
    from rich.console import Console

    from estim.progress import Progress
    from estim.results.store import RunDirectory


def add_commands(add: Callable[..., Any]) -> None:
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
    run.add_argument("--routes", metavar="NAME,...", help="only these routes, e.g. nuts or nuts,mpmh")
    run.add_argument("--seed", type=int, help="the same as --set seed=SEED")
    run.add_argument("--out", type=Path, help="run directory (default: runs/NAME of the file)")
    run.add_argument(
        "--from",
        dest="previous",
        metavar="RUN",
        type=Path,
        help="begin from a run of the same model on earlier data: its draws weighed by the new ones, or its mode",
    )
    run.add_argument("--force", action="store_true", help="remove the run that is there, and begin anew")
    resume = add("resume", _resume, "go on with a run that was stopped")
    resume.add_argument("dir", type=Path)
    report = add("report", _report, "write a run's report anew")
    report.add_argument("dir", type=Path)
    for command in (run, resume, report):
        command.add_argument("--quiet", action="store_true", help="print nothing but errors")
        command.add_argument(
            "--json", action="store_true", help="print the verdict as JSON, and nothing else"
        )
    add("verify", _verify, "look whether a run's files are as the run wrote them").add_argument(
        "dir", type=Path
    )


def _run(arguments: argparse.Namespace) -> int:
    from estim.pipeline import run_experiment
    from estim.pipeline.beginning import load_any_experiment, remove_run

    out = arguments.out or Path("runs") / arguments.file.stem
    settings = [*arguments.settings, *([] if arguments.seed is None else [f"seed={arguments.seed}"])]
    experiment, data = load_any_experiment(arguments.file, settings, arguments.data)
    if arguments.routes:
        experiment = experiment.with_routes(arguments.routes.split(","))
    if arguments.force:
        remove_run(out)
    title = experiment.title or experiment.settings()["model"]
    given: dict[str, Any] = {} if data is None else {"data": data}
    given |= {} if arguments.previous is None else {"previous": arguments.previous}
    return _pipeline(
        title, out, lambda progress: run_experiment(experiment, out, progress, **given), arguments
    )


def _resume(arguments: argparse.Namespace) -> int:
    from estim.pipeline import resume_run

    return _pipeline(
        "going on", arguments.dir, lambda progress: resume_run(arguments.dir, progress), arguments
    )


def _pipeline(
    title: str, out: Path, work: Callable[["Progress"], "RunDirectory"], arguments: argparse.Namespace
) -> int:
    from estim.progress import live_progress
    from estim.results.advice import quoted
    from estim.stopping import exit_code

    to = console(arguments.quiet or arguments.json)
    to.print(f"{title} → {out}", markup=False, style="bold", soft_wrap=True)
    try:
        with _warnings_in_lines(to), live_progress(to) as progress:
            run = work(progress)
    except KeyboardInterrupt as stop:
        kept = f"What was finished is kept in {out}. To go on: estim resume {quoted(out)}"
        begun = (out / "settings.json").exists()
        console().print(
            f"\nStopped. {kept if begun else 'Nothing had been written.'}", markup=False, soft_wrap=True
        )
        return exit_code(stop)
    return _end(to, run, run.file("report.html"), arguments)


def _report(arguments: argparse.Namespace) -> int:
    from estim.results.report import write_report
    from estim.results.store import RunDirectory

    run = RunDirectory(arguments.dir)
    path = write_report(run)
    return _end(console(arguments.quiet or arguments.json), run, path, arguments)


def _end(to: "Console", run: "RunDirectory", report: Path, arguments: argparse.Namespace) -> int:
    verdict = run.read_json("verdict.json")
    if arguments.json:
        print(json.dumps(verdict | {"run": str(run.path), "report": str(report.resolve())}))
    print_verdict(to, verdict)
    to.print(f"\nReport: {report.resolve()}", markup=False, soft_wrap=True)
    return 0


@contextmanager
def _warnings_in_lines(to: "Console") -> Iterator[None]:
    """What a run warns of, a line each and without the place in the code."""
    import warnings

    from estim.results.store import RunWarning

    with warnings.catch_warnings():
        show = warnings.showwarning

        def in_a_line(message: Any, category: type[Warning], *place: Any) -> None:
            if issubclass(category, RunWarning):
                to.print(f"note: {message}", markup=False, soft_wrap=True)
            else:
                show(message, category, *place)

        warnings.simplefilter("always", RunWarning)
        warnings.showwarning = in_a_line  # type: ignore[assignment]
        yield


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
