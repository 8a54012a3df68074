"""How JAX is set up for estim: double precision, one host device a core, compiled code kept on disk.

`configure` runs when `estim` is imported, before JAX starts its backend. What the user has
set already, in the environment or through `jax.config`, is left alone.
"""

import os
from contextlib import suppress

import jax
from platformdirs import user_cache_dir


def configure() -> None:
    """Switch on float64, a device per core, and the persistent compilation cache."""
    jax.config.update("jax_enable_x64", True)
    asked_by_flag = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if jax.config.jax_num_cpu_devices < 1 and not asked_by_flag:
        with suppress(RuntimeError):  # the backend has started: it keeps the devices it has
            jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", os.path.join(user_cache_dir("estim"), "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
