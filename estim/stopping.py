"""How long work stops: threads that end together, and a place between two compiled calls to look whether to go on.

A signal reaches the main thread alone, and only between two of its Python instructions. Work in threads is
therefore begun by `workers`, and looks with `raise_if_stopped` before each of its compiled calls.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from types import FrameType
from typing import Any

GRACE = 15.0
"""Seconds for which threads that were told to stop are waited for; a compiled call of a run ends sooner."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by the signal `number`: treated as Ctrl-C is."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


class _Crew:
    """Threads that end together: told to stop, or, where they did not within `GRACE`, left to themselves."""

    def __init__(self) -> None:
        self.stopped, self.abandoned = threading.Event(), threading.Event()


_crew: ContextVar[_Crew | None] = ContextVar("crew", default=None)


def stop_is_asked() -> bool:
    """Whether another thread failed, or Ctrl-C was pressed."""
    return (crew := _crew.get()) is not None and crew.stopped.is_set()


def raise_if_stopped() -> None:
    """Called between two compiled calls.

    Raises:
        KeyboardInterrupt: another thread failed, or Ctrl-C was pressed.
    """
    if stop_is_asked():
        raise KeyboardInterrupt


def raise_if_abandoned() -> None:
    """Called before anything is written: nobody waits for this thread any more, and the directory is another's.

    Raises:
        KeyboardInterrupt: so it is.
    """
    if (crew := _crew.get()) is not None and crew.abandoned.is_set():
        raise KeyboardInterrupt


@contextmanager
def workers(num: int) -> Iterator[Callable[..., Future[Any]]]:
    """At most `num` threads: ``submit(function, *arguments)`` is what the context gives.

    It ends when all have ended. Where one fails, or on Ctrl-C, all stop at their next look, the calling
    thread too, and the failure is raised here.
    """
    crew, futures = _Crew(), list[Future[Any]]()
    threads = ThreadPoolExecutor(num)
    token = _crew.set(crew)

    def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except BaseException:
            crew.stopped.set()
            raise

    def submit(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        futures.append(threads.submit(copy_context().run, attempt, function, *arguments))
        return futures[-1]

    try:
        yield submit
        for future in futures:
            future.result()
    except BaseException as error:
        crew.stopped.set()
        threads.shutdown(wait=False, cancel_futures=True)
        try:
            wait(futures, GRACE)
        finally:
            crew.abandoned.set()
        cause = next(filter(None, map(_failure, futures)), None)
        if cause is not None and isinstance(error, KeyboardInterrupt) and not isinstance(error, Terminated):
            raise cause from None
        raise
    finally:
        _crew.reset(token)
        threads.shutdown(wait=not crew.abandoned.is_set())


def _failure(future: Future[Any]) -> BaseException | None:
    """What ended a thread, unless it was told to stop."""
    if not future.done() or future.cancelled():
        return None
    error = future.exception()
    return None if isinstance(error, KeyboardInterrupt) else error


@contextmanager
def signals_stop() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `Terminated` in the main thread, as Ctrl-C raises KeyboardInterrupt.

    One that the process ignores (`nohup`) is left alone.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number, as shells count: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (stop.number if isinstance(stop, Terminated) else signal.SIGINT)


def leave(code: int) -> None:
    """End the process now: the interpreter would take seconds to clear up, and wait for a thread that compiles."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
