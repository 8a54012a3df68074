"""Stopping: threads that end together, and what a signal becomes."""

import os
import signal
import threading

import pytest

from estim import stopping
from estim.stopping import Terminated, exit_code, raise_if_abandoned, raise_if_stopped, signals_stop, workers


def test_results_come_back_and_nothing_stops_elsewhere():
    with workers(2) as submit:
        futures = [submit(pow, 2, n) for n in range(3)]
    assert [f.result() for f in futures] == [1, 2, 4]
    raise_if_stopped()


def until_stopped():
    while True:
        raise_if_stopped()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["a failure", "Ctrl-C"])
def test_one_that_fails_stops_the_others_and_the_caller(error):
    def fail():
        raise error

    with pytest.raises(type(error)), workers(3) as submit:
        submit(until_stopped)
        submit(fail)
        until_stopped()


def test_ctrl_c_in_the_caller_stops_the_threads_and_is_waited_for():
    ended = []

    def work():
        try:
            until_stopped()
        finally:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt), workers(2) as submit:
        submit(work)
        raise KeyboardInterrupt
    assert ended == [True]


def test_one_that_does_not_look_is_left_behind_and_may_not_write(monkeypatch):
    monkeypatch.setattr(stopping, "GRACE", 0.01)
    go_on, refused = threading.Event(), threading.Event()

    def compile_for_long():
        go_on.wait()
        try:
            raise_if_abandoned()
        except KeyboardInterrupt:
            refused.set()

    with pytest.raises(KeyboardInterrupt), workers(1) as submit:
        submit(compile_for_long)
        raise KeyboardInterrupt
    go_on.set()
    assert refused.wait(10)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_as_ctrl_c_does(name, code):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # these tests may themselves run under nohup
    try:
        with pytest.raises(KeyboardInterrupt) as stop, signals_stop():
            os.kill(os.getpid(), number)
            threading.Event().wait(10)
        assert isinstance(stop.value, Terminated) and exit_code(stop.value) == code
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_what_the_process_ignores_is_left_alone():
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_stop():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_has_its_own_number():
    assert exit_code(KeyboardInterrupt()) == 130
