"""Strict numerics for every test: float64, no silent rank promotion, warnings are errors.

Most of the time goes into tracing and compilation, so the compiler is told not to optimise and Python seldom
looks for garbage: what is computed is the same.
"""

import gc
import os

os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
    ]
)

import jax
import pytest

import estim  # noqa: F401  (configures JAX before anything else)

gc.set_threshold(100_000, 50, 50)
jax.config.update("jax_numpy_rank_promotion", "raise")


LONG = {"test_docs", "test_pipeline", "test_hank_gallery", "test_sequence_space", "test_joint"}


def pytest_collection_modifyitems(items):
    """What takes long comes first, so that no worker has to wait for another's last test."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture
def rng_key():
    return jax.random.key(0)
