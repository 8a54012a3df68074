"""``estim summary | forecast | decompose | compare | export``: what a run's posterior says."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estim.cli.console import add_table_options, show_table

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.05, 0.5, 0.95)


def add_commands(add: Callable[..., Any]) -> None:
    summary = add("summary", _summary, "parameters: means, quantiles, effective draws, R-hat")
    forecast = add("forecast", _forecast, "quantiles of the observables after the sample")
    decompose = add("decompose", _decompose, "what each shock did to the observables, over the sample")
    for command in (summary, forecast, decompose):
        command.add_argument("run", type=Path, help="run directory")
        command.add_argument(
            "--route", help="whose draws (default: the exact route with most effective draws)"
        )
        add_table_options(command)
    for command in (forecast, decompose):
        command.add_argument("--draws", type=int, default=200, help="draws of the parameters (default: 200)")
    forecast.add_argument("--horizon", type=int, default=12, help="number of periods (default: 12)")
    forecast.add_argument(
        "--given", type=Path, help="what is imposed: a CSV or Excel file, periods in the first column"
    )
    forecast.add_argument("--seed", type=int, default=0, help="of the paths (default: 0)")
    decompose.add_argument(
        "--group",
        metavar="NAME=SHOCK,...",
        action="append",
        help="shocks whose parts are added up; those in no group are others",
    )
    compare = add("compare", _compare, "two runs' posteriors side by side")
    compare.add_argument("run", type=Path, help="run directory")
    compare.add_argument("other", type=Path, help="another")
    add_table_options(compare)
    export = add("export", _export, "tables (CSV, TeX, Excel) and figures (PDF, SVG) of a run's report")
    export.add_argument("run", type=Path, help="run directory")
    export.add_argument("--out", type=Path, help="folder to write to (default: RUN-export, beside it)")


def _summary(arguments: argparse.Namespace) -> int:
    from estim.pipeline.run import load_run

    run = load_run(arguments.run)
    table = run.summary(arguments.route)
    if words := run.labels.words:
        table["label"] = [words.get(name, "") for name in table.index]
    show_table(table, arguments)
    return 0


def _forecast(arguments: argparse.Namespace) -> int:
    from estim.data.datasets import load_data
    from estim.pipeline.run import load_run

    given = None if arguments.given is None else load_data(str(arguments.given))
    options = {"route": arguments.route, "num_draws": arguments.draws, "seed": arguments.seed}
    paths = load_run(arguments.run).forecast(arguments.horizon, given, **options)
    table = paths.quantile(QUANTILES, "draw").transpose("observable", "date", "quantile")
    show_table(_frame(table, [f"{q:.0%}" for q in QUANTILES]), arguments)
    return 0


def _decompose(arguments: argparse.Namespace) -> int:
    from estim.pipeline.run import load_run

    groups = None if arguments.group is None else dict(_group(text) for text in arguments.group)
    options = {"route": arguments.route, "num_draws": arguments.draws}
    parts = load_run(arguments.run).historical_decomposition(groups, **options).mean("draw")
    show_table(_frame(parts.transpose("observable", "date", "part"), list(parts.part.values)), arguments)
    return 0


def _group(text: str) -> tuple[str, list[str]]:
    from estim.arguments import ArgumentError

    name, equals, shocks = text.partition("=")
    if not (name and equals and shocks):
        raise ArgumentError(f"--group {text}: write it as NAME=SHOCK,SHOCK")
    return name, shocks.split(",")


def _frame(values: Any, columns: list[str]) -> "pd.DataFrame":
    """Of an array whose last dimension becomes the columns, the others the rows."""
    import pandas as pd

    rows = values.dims[:-1]
    index = pd.MultiIndex.from_product([values[name].values for name in rows], names=rows)
    return pd.DataFrame(values.values.reshape(len(index), -1), index, columns)


def _compare(arguments: argparse.Namespace) -> int:
    from estim.pipeline.run import load_run

    show_table(load_run(arguments.run).compare(load_run(arguments.other)), arguments)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from estim.pipeline.run import load_run

    folder = arguments.out or arguments.run.with_name(f"{arguments.run.name}-export")
    written = load_run(arguments.run).export(folder)
    print(f"{len(written)} files → {folder}")
    return 0
