"""Strict numerics for every test: float64, no silent rank promotion, warnings are errors.

Most of the time goes into compilation, so the compiler is told not to optimise: what is computed is the same.
"""

import os

os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0".strip()

import jax
import pytest

import estim  # noqa: F401  (configures JAX before anything else)

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def rng_key():
    return jax.random.key(0)
