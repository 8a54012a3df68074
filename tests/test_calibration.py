"""The calibration's yardstick: it passes exact draws, and it sees a posterior that is too narrow, or off."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from calibration import assert_uniform, posterior_given, ranks_of_route

GRID = np.stack(np.meshgrid(np.linspace(-4, 4, 81), np.linspace(-1.3, 1.3, 53), indexing="ij"), axis=-1)
on_grid = jax.jit(lambda y: jax.vmap(posterior_given(y).logdensity_fn)(GRID.reshape(-1, 2)))


def exact(rng_key, y, start, width=1.0, shift=0.0):
    """Independent draws: a cell of a grid in proportion to its density, and a point within it."""
    key_cell, key_place = jax.random.split(rng_key)
    cell = jax.random.categorical(key_cell, on_grid(y), shape=(8,))
    place = jax.random.uniform(key_place, (8, 2), minval=-0.5, maxval=0.5) * np.array([[0.1, 0.05]])
    draws = jnp.asarray(GRID.reshape(-1, 2))[cell] + place
    mean = draws.mean(axis=0, keepdims=True)
    return mean + width * (draws - mean) + shift


@pytest.mark.parametrize(
    ("route", "right"),
    [
        (exact, True),
        (lambda *args: exact(*args, width=0.4), False),
        (lambda *args: exact(*args, shift=0.4), False),
    ],
    ids=["exact", "too narrow", "off"],
)
def test_ranks_are_uniform_if_and_only_if_the_draws_are_right(route, right):
    ranks = ranks_of_route(jax.random.key(0), jax.jit(route), 250)
    if right:
        assert_uniform(ranks)
    else:
        with pytest.raises(AssertionError):
            assert_uniform(ranks)
