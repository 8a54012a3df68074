"""How JAX is set up for estim: double precision, one host device a core, compiled code kept on disk, calls run where
they are made (to hand one to another thread takes as long as a small model's filter), vectors as wide as the processor
has them (the compiler's own choice is half of that), and memory kept for the next call.

`configure` runs when `estim` is imported, before JAX starts its backend. What the user has
set already, in the environment or through `jax.config`, is left alone.
"""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_dir


def configure() -> None:
    """Switch on float64, a device per core, wide vectors, calls without a thread of their own, and the persistent
    compilation cache.

    Where JAX is not loaded yet, its environment variables say so, and it is not loaded for
    this: `estim --help` need not wait for it.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
    keep_memory()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # cores are for chains: in small matrices threads wait
    if "xla_cpu_prefer_vector_width" not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_prefer_vector_width=512"
    asked_by_flag = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    cores = available_cores()
    cache = {
        "jax_compilation_cache_dir": os.path.join(user_cache_dir("estim"), "jax"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }
    if "jax" not in sys.modules:
        os.environ["JAX_ENABLE_X64"] = "1"
        os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "0")
        if not asked_by_flag:
            os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(cores))
        if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
            os.environ.update({name.upper(): str(value) for name, value in cache.items()})
        return

    import jax

    jax.config.update("jax_enable_x64", True)
    if "JAX_CPU_ENABLE_ASYNC_DISPATCH" not in os.environ:
        jax.config.update("jax_cpu_enable_async_dispatch", False)
    if jax.config.jax_num_cpu_devices < 1 and not asked_by_flag:
        with suppress(RuntimeError):  # the backend has started: it keeps the devices it has
            jax.config.update("jax_num_cpu_devices", cores)
    if jax.config.jax_compilation_cache_dir is None:
        for name, value in cache.items():
            jax.config.update(name, value)


_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Cores that this process was given, by its affinity and its control group: not those of the machine."""
    cores = os.cpu_count() or 1
    with suppress(AttributeError, OSError):  # another system
        cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = _CPU_LIMIT.read_text().split()
        cores = min(cores, max(1, round(int(quota) / int(period))))  # "max" is no limit, and no number
    return max(1, cores)


_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class ForkError(RuntimeError):
    """A forked child of a process in which JAX had begun: its threads are not there, and every call would hang."""


_forked = False


def require_own_runtime() -> None:
    """Called before anything is compiled.

    Raises:
        ForkError: this process was forked after JAX had begun.
    """
    if _forked:
        raise ForkError(
            "this process was forked after JAX had begun to compute, and would hang: start processes anew, with "
            "multiprocessing.get_context('spawn'), or in joblib with the backend 'loky'"
        )


def _after_fork() -> None:
    global _forked
    bridge = sys.modules.get(
        "jax._src.xla_bridge"
    )  # without it JAX is not there, or hides whether it has begun
    _forked = _forked or bool(bridge and getattr(bridge, "_backends", None))


def available_memory() -> int:
    """Bytes that this process may have: the machine's, or fewer where a limit is set."""
    found = [2**62]
    with suppress(ValueError, OSError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in map(Path, _MEMORY_LIMITS):
        with suppress(ValueError, OSError):
            found.append(int(file.read_text()))
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        found += [soft] if soft != resource.RLIM_INFINITY else []
    return min(found)


KEPT = 2**30
"""Bytes at most that a program keeps for its next arrays when it has freed some; a sixteenth of what it may have."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in malloc.h


def keep_memory() -> None:
    """Have glibc hand out again what was freed. Else a large array has new pages in every call, which the system has to
    clear: that takes longer than to compute with it. What `MALLOC_...` of the environment says is left alone."""
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with suppress(OSError, AttributeError):  # another C library
        library, size = ctypes.CDLL("libc.so.6"), min(KEPT, available_memory() // 16)
        for threshold in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(threshold, size)


def release_memory() -> None:
    """Give back to the system what compilation has freed: glibc keeps it, half a gigabyte and more."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
