"""What a person sees of long work: the phase, a bar, the rate, the acceptance rate and the time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[str, int, int, str], None]
"""``(what is being done, steps done, steps in all, a remark on how it goes)``."""


def silent(what: str, done: int, total: int, remark: str = "") -> None:
    """The progress of a run that nobody watches."""


@contextmanager
def live_progress(console: "Console") -> Iterator[Progress]:
    """Bars in a terminal, one a phase; in a pipe or a log file, a line when a phase is done."""
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>4.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False),
        TextColumn("[dim]{task.fields[remark]}"),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def report(what: str, done: int, total: int, remark: str = "") -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total, remark=remark)
        bars.update(tasks[what], completed=done, total=total, remark=remark)
        if done == total and not console.is_terminal:
            console.print(f"{what}: done. {remark}", soft_wrap=True)

    with bars:
        yield report
