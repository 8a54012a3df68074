"""How JAX is set up for estim: double precision, one host device a core, compiled code kept on disk.

`configure` runs when `estim` is imported, before JAX starts its backend. What the user has
set by JAX's own environment variables is left alone.
"""

import os

import jax
from platformdirs import user_cache_dir


def configure() -> None:
    """Switch on float64, a device per core, and the persistent compilation cache."""
    jax.config.update("jax_enable_x64", True)
    if (
        "JAX_NUM_CPU_DEVICES" not in os.environ
        and "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", "")
    ):
        try:
            jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
        except RuntimeError:
            pass  # the backend has started already: keep the devices it has
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", os.path.join(user_cache_dir("estim"), "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
