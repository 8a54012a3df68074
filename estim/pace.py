"""How many steps a compiled call takes: about a second's, so that it can be stopped, and its work kept, soon."""

import time
from collections.abc import Iterator

SECONDS = 1.0
_GROWTH = 8


class Pace:
    """Sizes of calls by the time that the last one took, each at most eight times the one before.

    A chain of trajectories may become slower as it learns; ten times slower than was measured is still ten seconds.
    """

    def __init__(self, longest: int, first: int = 1, seconds: float = SECONDS):
        self._longest, self._first, self._seconds = longest, first, seconds
        self._size = first

    def next(self, left: int) -> int:
        """Of the `left` steps, how many the next call takes."""
        return min(self._size, left, self._longest)

    def took(self, count: int, seconds: float) -> None:
        wanted = int(count * self._seconds / max(seconds, 1e-9))
        self._size = max(min(wanted, _GROWTH * max(count, self._size), self._longest), self._first)

    def parts(self, total: int) -> Iterator[tuple[int, int]]:
        """``(step, count)`` until `total` steps are done; what happens between two of them is the time of a call."""
        step = 0
        while step < total:
            begun, count = time.perf_counter(), self.next(total - step)
            yield step, count
            self.took(count, time.perf_counter() - begun)
            step += count
