"""A hundred kills: a run that is killed over and over ends with the bits of one that never was.

    python experiments/crashes.py [--kills 100] [--seed 0] [--folder FOLDER]

A small model, two routes and a surrogate, in processes of their own. Each is ended by SIGKILL (some by SIGTERM or
Ctrl-C) at a random time or just before, within or after the writing of a random file, and started again with `estim
resume` until the run is complete; then another run begins, until there have been enough kills. Each complete run is
compared, array by array, with one that nothing disturbed, and its files with its list. Prints a line of JSON.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

EXPERIMENT = """
from estim.experiment import Experiment, Route, SurrogateRoute

experiment = Experiment(
    model="hansen_1985", data="us_nk_growth.csv", num_starts=1,
    routes={
        "rwmh": Route("rwmh", num_samples=4_000, num_chains=2, num_warmup=200),
        "hmc": Route("hmc", num_samples=400, num_chains=2, num_warmup=60, settings={"num_steps": 2}),
    },
    surrogate=SurrogateRoute(
        train_on=("hmc",), num_samples=50, num_warmup=400, num_certificate=1_000,
        settings={"max_steps": 400, "num_members": 1, "hidden": (32, 32)},
    ),
)
"""
CHILD = """
import os, signal, sys
from estim import cli
from estim.results.store import RunDirectory

moment, countdown = sys.argv[1], int(sys.argv[2])
publish = RunDirectory._publish

def kill(now):
    if countdown == 0 and now == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def counted(run, name, temporary, target):
    global countdown
    countdown -= 1
    kill("before")
    add = run._list.add
    run._list.add = lambda *entry: (add(*entry), kill("within"))
    try:
        publish(run, name, temporary, target)
    finally:
        run._list.add = add
    kill("after")

RunDirectory._publish = counted
sys.exit(cli.main(sys.argv[3:]))
"""
GRACEFUL = {signal.SIGTERM: 143, signal.SIGINT: 130}


def start(folder: Path, moment: str, countdown: int, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-c", CHILD, moment, str(countdown), *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def live(folder: Path, run: str, rng: np.random.Generator, files: int, seconds: float) -> str:
    """One process of a run, to its end: how it ended."""
    begun = (folder / run / "settings.json").exists()
    arguments = ("resume", run) if begun else ("run", "experiment.py", "--out", run)
    by_file = rng.random() < 0.5
    moment = str(rng.choice(["before", "within", "after"])) if by_file else "never"
    process = start(folder, moment, int(rng.integers(1, files)) if by_file else -1, *arguments)
    number = signal.Signals(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
    if not by_file:
        try:
            process.wait(rng.uniform(0.2, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    error = process.communicate()[1]
    ended = process.returncode
    if ended == -signal.SIGKILL:
        return f"killed {moment} a file is named" if by_file else "killed at a random time"
    if not by_file and ended in (GRACEFUL.get(number), -number):
        return f"stopped by {number.name}"
    if ended:
        raise SystemExit(f"a process of {run} failed ({ended}):\n{error}")
    return "complete"


def contents(folder: Path) -> dict[str, np.ndarray]:
    """Every number of a run by name, chunks joined: where they end depends on the clock."""
    from estim.results.contents import finished_routes, read_evaluations, read_route
    from estim.results.store import RunDirectory
    from estim.results.verify import problems

    run = RunDirectory(folder)
    if found := problems(run) + [str(p) for p in folder.rglob(".*")]:
        raise SystemExit(f"{folder}: {found}")
    numbers = {}
    for route in finished_routes(run):
        result = read_route(run, route)
        numbers |= {
            f"{route}.{name}": getattr(result, name) for name in ("params", "loglikelihood", "logprior")
        }
        numbers |= {f"{route}.{name}": values for name, values in result.stats.items()}
        if route != "surrogate":
            numbers |= {f"{route}.{name}": rows for name, rows in read_evaluations(run, route).items()}
    for name in run.listed():
        if name.endswith(".npz") and "/chunk-" not in name:
            numbers |= {f"{name}.{key}": rows for key, rows in run.read_arrays(name).items()}
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder, rng = (
        options.folder or Path(tempfile.mkdtemp(prefix="crashes-")),
        np.random.default_rng(options.seed),
    )
    folder.mkdir(parents=True, exist_ok=True)
    quarters = [f"{1980 + i // 4}Q{i % 4 + 1}" for i in range(60)]
    rows = [f"{q},{x:.6f}" for q, x in zip(quarters, rng.normal(0.0, 0.6, 60), strict=True)]
    (folder / "us_nk_growth.csv").write_text("\n".join(["date,dy", *rows, ""]))
    (folder / "experiment.py").write_text(EXPERIMENT)

    for name in ("warm", "whole"):  # the first compiles, the second is timed
        begun = time.perf_counter()
        process = start(folder, "never", -1, "run", "experiment.py", "--out", name)
        if process.wait():
            raise SystemExit(process.stderr.read())
        seconds = time.perf_counter() - begun
    expected = contents(folder / "whole")
    files = len((folder / "whole/manifest.csv").read_text().splitlines())

    ends, runs = Counter[str](), 0
    while ends.total() - ends["complete"] < options.kills:
        run = f"run-{runs}"
        while (end := live(folder, run, rng, files, seconds)) != "complete":
            ends[end] += 1
        ends[end] += 1
        found = contents(folder / run)
        differ = [
            n
            for n in expected.keys() | found.keys()
            if not np.array_equal(expected.get(n), found.get(n), equal_nan=True)
        ]
        if differ:
            raise SystemExit(f"{folder / run}: other numbers in {differ}")
        runs += 1
    print(json.dumps({"kills": ends.total() - ends["complete"], "runs_compared": runs, "ends": dict(ends)}))


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    main()
