"""Timing on a shared machine: wall time counts where everybody else was idle meanwhile (Linux)."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

LARGEST_SHARE = 0.04
"""Of all cores' time, how much others may use in a round that counts."""


class Round(NamedTuple):
    """What one call took: wall time, this process's CPU time, and the share of all cores' time that others used."""

    seconds: float
    cpu_seconds: float
    others: float


def timed(run: Callable[[], Any]) -> Round:
    """One call of `run`."""
    begin, busy, own = time.perf_counter(), busy_seconds(), time.process_time()
    run()
    seconds, own = time.perf_counter() - begin, time.process_time() - own
    return Round(seconds, own, max(busy_seconds() - busy - own, 0.0) / (seconds * (os.cpu_count() or 1)))


def busy_seconds() -> float:
    """Seconds that the cores have worked for anyone since the machine was started."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def take_turns(
    runs: dict[str, Callable[[], Any]], num_undisturbed: int, max_seconds: float
) -> dict[str, list[Round]]:
    """Rounds of all `runs` in turn, until each has `num_undisturbed` undisturbed ones or `max_seconds` are over."""
    rounds: dict[str, list[Round]] = {name: [] for name in runs}
    begin = time.perf_counter()
    while time.perf_counter() - begin < max_seconds:
        for name, run in runs.items():
            rounds[name].append(timed(run))
        if min(len(undisturbed(taken)) for taken in rounds.values()) >= num_undisturbed:
            break
    return rounds


def undisturbed(rounds: list[Round]) -> list[float]:
    """Wall times of the rounds in which nobody else used the machine."""
    return [r.seconds for r in rounds if r.others < LARGEST_SHARE]


def confine(cores: Iterable[int]) -> None:
    """Keep every thread of this process on `cores`."""
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), set(cores))
