"""``estim models | show | check | new``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from estim.cli.console import EXIT_FAILED, console

A_MODEL = "a model of the gallery, or a Python or Dynare file that defines one"


def add_commands(add: Callable[..., Any]) -> None:
    add("models", _models, "list the models of the gallery")
    add("show", _show, "show a model: equations, prior, steady state, responses").add_argument(
        "model", help=A_MODEL
    )
    check = add("check", _check, "check a model step by step")
    check.add_argument("model", help=A_MODEL)
    check.add_argument(
        "--set",
        dest="values",
        metavar="PARAMETER=NUMBER",
        action="append",
        default=[],
        help="another value of a calibrated parameter, e.g. h=0.7",
    )
    new = add("new", _new, "write an experiment file to begin with")
    new.add_argument("file", type=Path, help="Python file to write")
    new.add_argument(
        "--from",
        dest="model",
        default="hansen_1985",
        metavar="MODEL",
        help="the gallery's model to copy (default: hansen_1985)",
    )


def _models(arguments: argparse.Namespace) -> int:
    from estim.models import list_models, load_model

    width = max(map(len, list_models()))
    for name in list_models():
        model = load_model(name)
        print(f"{name:{width}}  {len(model.estimated):3} parameters  {model.reference}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from estim.experiment import load_model_and_data
    from estim.results.presentation import presentation

    model, _ = load_model_and_data(arguments.model)
    for title, text in presentation(model):
        console().print(f"[bold]{title}[/]")
        print(text, end="\n\n")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from estim.experiment import load_model_and_data
    from estim.ladder import check_model

    to = console()
    model, data = load_model_and_data(arguments.model)
    if arguments.values:
        model = model.with_values(dict(map(_assignment, arguments.values)))
    passed = True
    for rung in check_model(model, data):
        passed &= rung.passed
        to.print(f"{'[green]✓[/]' if rung.passed else '[red]✗[/]'} [bold]{rung.title}[/]")
        for line in rung.lines:
            to.print(f"    {line}", markup=False)
    return 0 if passed else EXIT_FAILED


def _assignment(text: str) -> tuple[str, float]:
    from estim.arguments import ArgumentError

    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise ArgumentError(f"--set {text}: write it as PARAMETER=NUMBER") from None


def _new(arguments: argparse.Namespace) -> int:
    from estim.experiment.new import write_experiment

    write_experiment(arguments.file, arguments.model)
    print(f"{arguments.file}: a model, its data and an experiment. Next: estim check {arguments.file}")
    return 0
