"""Strict numerics for every test: float64, no silent rank promotion, warnings are errors.

Most of the time goes into tracing and compilation, so the compiler is told not to optimise and to make one piece of
small loops, Python seldom looks for garbage, no program remembers the lines that it came from, and every one is kept on
disk, where the other worker, a subprocess and whoever cleared its own find it: what is computed is the same.
"""

import gc
import os
from pathlib import Path

os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
        "--xla_cpu_parallel_codegen_split_count=1",
        "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000",
    ]
)
os.environ |= {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    "JAX_TRACEBACK_IN_LOCATIONS_LIMIT": "0",
}

import hypothesis
import jax
import pytest

import estim  # noqa: F401  (configures JAX before anything else)

gc.set_threshold(100_000, 50, 50)
gc.freeze()
jax.config.update("jax_numpy_rank_promotion", "raise")
hypothesis.settings.register_profile("no test asserts a time", deadline=None)
hypothesis.settings.load_profile("no test asserts a time")


LONG = Path(__file__).with_name("long.txt")
"""Cases, tests and files that take more than five seconds of one core, from an empty cache, or share a program that
does, where a shorter one guards their kind as well."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The long ones come first, so that no worker has to wait for another's last test."""
    long = set(LONG.read_text().splitlines())
    for item in items:
        case = item.nodeid.removeprefix("tests/")
        if long & {case, case.partition("[")[0], case.partition("::")[0]}:
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: "long" not in item.keywords)


_MAPS = Path("/proc/self/maps")
_MOST_MAPS = 38_000


def make_room():
    """Each compiled program takes pieces of memory of its own; at some 65,000 of them Linux gives no more."""
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MOST_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="module", autouse=True)
def compiled_programs_find_room():
    yield
    make_room()


@pytest.fixture
def rng_key():
    return jax.random.key(0)
