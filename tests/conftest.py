"""Strict numerics for every test: float64, no silent rank promotion, warnings are errors."""

import jax
import pytest

import estim  # noqa: F401  (configures JAX before anything else)

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def rng_key():
    return jax.random.key(0)
