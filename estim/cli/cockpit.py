"""``estim cockpit``."""

import argparse
from collections.abc import Callable
from typing import Any

from estim.cli.models import A_MODEL


def add_commands(add: Callable[..., Any]) -> None:
    cockpit = add("cockpit", _cockpit, "move a model's parameters in a page and see what they do")
    cockpit.add_argument("model", metavar="RUN|MODEL", help=f"a run directory, or {A_MODEL}")
    cockpit.add_argument("--port", type=int, default=8642, help="of the page on 127.0.0.1 (default: 8642)")
    cockpit.add_argument("--horizon", type=int, default=40, help="number of periods (default: 40)")
    cockpit.add_argument("--draws", type=int, default=200, help="draws for a run's bands (default: 200)")


def _cockpit(arguments: argparse.Namespace) -> int:
    from estim.cockpit.opening import open_cockpit
    from estim.cockpit.server import serve

    cockpit = open_cockpit(arguments.model, arguments.horizon, arguments.draws)
    print(f"{cockpit.model.name}: http://127.0.0.1:{arguments.port}   (Ctrl-C ends it)", flush=True)
    serve(cockpit, arguments.port)
    return 0
