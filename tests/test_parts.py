"""Parts of a run: each once what it needs is done, whatever the order and the number of threads."""

import threading
import time
from graphlib import CycleError

import jax
import numpy as np
import pytest

from estim.pipeline.parts import Part, key_of, run_parts


def chain_of_sums(log):
    """Ten parts that need each other in several ways; each adds up what it needs, and a number of its own key."""

    def part(k, needs, **kind):
        def work(results):
            log.append(k)
            own = float(jax.random.uniform(key_of(7, f"part {k}")))
            return own + sum(results[n] for n in needs)

        return Part(f"part {k}", work, needs=needs, **kind)

    return [
        part(k, tuple(f"part {j}" for j in range(k) if (j + k) % 3 == 0), exclusive=k % 2 == 0)
        for k in range(10)
    ]


@pytest.mark.parametrize("num_threads", [1, 2, 5])
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_results_do_not_depend_on_order_or_threads(num_threads, seed):
    log = []
    parts = chain_of_sums(log)
    expected = dict(run_parts(chain_of_sums([]), 1, 1))
    if seed is not None:
        parts = [parts[i] for i in np.random.default_rng(seed).permutation(len(parts))]
    assert dict(run_parts(parts, num_threads, 1)) == expected
    assert sorted(log) == list(range(10))
    for part in parts:
        assert all(log.index(int(n.split()[1])) < log.index(int(part.name.split()[1])) for n in part.needs)


def test_a_part_may_begin_before_what_it_uses_is_done():
    begun, go_on = threading.Event(), threading.Event()

    def slow(_):
        assert begun.wait(30)
        go_on.set()
        return 5

    def user(results):
        begun.set()
        return results["slow"] + 1

    assert run_parts([Part("user", user, uses=("slow",)), Part("slow", slow)], 2, 1)["user"] == 6
    assert go_on.is_set()


def test_no_more_at_a_time_than_devices():
    together, most = [], []

    def work(_):
        together.append(1)
        most.append(len(together))
        time.sleep(0.01)
        together.pop()

    run_parts([Part(f"{k}", work, exclusive=True) for k in range(6)], 4, 2)
    assert max(most) <= 2


def test_a_failure_stops_all_and_is_raised():
    def fail(_):
        raise ValueError("no")

    ran = []
    with pytest.raises(ValueError, match="no"):
        run_parts([Part("first", fail), Part("second", lambda _: ran.append(1), needs=("first",))], 2, 1)
    assert not ran


def test_parts_that_need_each_other_are_refused():
    parts = [Part("a", lambda _: 1, needs=("b",)), Part("b", lambda _: 1, needs=("a",))]
    with pytest.raises(CycleError):
        run_parts(parts, 2, 1)
