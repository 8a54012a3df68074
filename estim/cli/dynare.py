"""``estim dynare | convert``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_commands(add: Callable[..., Any]) -> None:
    dynare = add("dynare", _dynare, "run the commands of a Dynare file")
    dynare.add_argument("mod", type=Path, help="Dynare file (.mod)")
    dynare.add_argument(
        "--against",
        type=Path,
        metavar="RESULTS",
        help="Dynare's own results of it, NAME_results.mat, to compare with",
    )
    dynare.add_argument(
        "--figures", type=Path, metavar="FOLDER", help="where its commands draw (default: nowhere)"
    )
    dynare.add_argument(
        "--format", choices=("pdf", "svg", "png"), default="pdf", help="of figures (default: pdf)"
    )
    convert = add("convert", _convert, "write a Dynare file as a Python file, or a model as a Dynare file")
    convert.add_argument("source", help="Dynare file (.mod), Python file, or name of a gallery model")
    convert.add_argument(
        "target", type=Path, help="file to write: a .mod file is Dynare's, others are Python"
    )
    convert.add_argument("--to", choices=("mod", "py"), help="what to write, whatever the target is called")


def _dynare(arguments: argparse.Namespace) -> int:
    from estim.dynare import compare_with_dynare, read_mod, run_commands

    mod = read_mod(arguments.mod)
    for text in run_commands(mod, arguments.figures, arguments.format):
        print(text)
    if arguments.figures:
        written = sorted(arguments.figures.glob(f"*.{arguments.format}"))
        print(f"{len(written)} figures → {arguments.figures}")
    if arguments.against:
        print(f"LARGEST DIFFERENCE FROM {arguments.against.name}, in units of its largest entry\n")
        for what, largest, where in compare_with_dynare(mod, arguments.against):
            print(f"{what:28s} {largest:9.1e}   {where}")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from estim.dynare import convert_mod, write_mod
    from estim.experiment.files import load_model_and_data

    to = arguments.to or ("mod" if arguments.target.suffix == ".mod" else "py")
    if to == "mod":
        model, data = load_model_and_data(arguments.source)
        written = write_mod(model, arguments.target, data)
    else:
        written = convert_mod(arguments.source, arguments.target)
    print(f"{arguments.source} → {written}")
    return 0
