"""Parts: the units of work of a run.

A part has a name, which is that of its folder or file in the run directory and makes its key: never the machine, the
order or the number of threads. It exchanges nothing while it runs, and may need parts that are finished.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import jax

from estim.runtime import release_memory
from estim.stopping import workers
from estim.typing import Key


@dataclass(frozen=True)
class Part:
    """A unit of work.

    Attributes:
        name: of what it makes.
        work: called with a `Results`; what it returns is what others get of it. What the directory holds already
            it does not make again.
        needs: names of the parts that must be finished before.
        uses: names of parts whose results it asks for on its way: they must have begun.
        exclusive: it keeps a device busy: no more of these at a time than there are devices.
    """

    name: str
    work: Callable[["Results"], Any]
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    exclusive: bool = False


class Results(Mapping[str, Any]):
    """What parts have returned, by name; one that is still at work is waited for."""

    def __init__(self) -> None:
        self._futures: dict[str, Future[Any]] = {}

    def __getitem__(self, name: str) -> Any:
        return self._futures[name].result()

    def __iter__(self) -> Any:
        return iter(self._futures)

    def __len__(self) -> int:
        return len(self._futures)

    def begin(self, name: str, future: Future[Any]) -> None:
        self._futures[name] = future


def key_of(seed: int, name: str) -> Key:
    """The key of a part: it depends on the seed of the run and the name alone."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))


def run_parts(parts: Iterable[Part], num_threads: int, num_exclusive: int) -> Results:
    """All parts, each as soon as what it needs is done and a thread is free; the first that are ready, first.

    What they write does not depend on their order or the number of threads. Where one fails, or on Ctrl-C, all stop.

    Args:
        parts: with different names, whose needs are among them.
        num_threads: parts at work together, at most.
        num_exclusive: of these, such as keep a device busy.

    Returns:
        What they returned.

    Raises:
        CycleError: parts need each other.
    """
    waiting = {part.name: part for part in parts}
    graph = TopologicalSorter({name: {*part.needs, *part.uses} for name, part in waiting.items()})
    graph.prepare()  # raises CycleError
    results, done = Results(), set[str]()
    running: dict[Future[Any], Part] = {}

    def may_begin(part: Part) -> bool:
        busy = sum(other.exclusive for other in running.values())
        free = len(running) < num_threads and not (part.exclusive and busy >= num_exclusive)
        return free and done.issuperset(part.needs) and set(results).issuperset(part.uses)

    with workers(num_threads) as submit:
        while waiting or running:
            while (ready := next(filter(may_begin, waiting.values()), None)) is not None:
                future = submit(ready.work, results)
                results.begin(ready.name, future)
                running[future] = waiting.pop(ready.name)
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
                done.add(running.pop(future).name)
            release_memory()
    return results
