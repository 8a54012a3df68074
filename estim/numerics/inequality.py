"""Inequality of a cross-section in n log n operations, with derivatives: the Lorenz curve and what follows of it."""

import jax.numpy as jnp

from estim.typing import Array, Scalar


def gini(values: Array) -> Scalar:
    """The Gini coefficient of values ``[n]``, none below zero: the mean distance of two of them over twice the mean.

    From sorted values x_1 <= ... <= x_n it is sum_i (2 i - n - 1) x_i / (n sum_i x_i). Zero where all are zero.
    """
    n, total = len(values), jnp.sum(values)
    rank = 2.0 * jnp.arange(1, n + 1) - n - 1
    return jnp.where(total > 0, rank @ jnp.sort(values) / (n * jnp.where(total > 0, total, 1.0)), 0.0)


def lorenz_curve(values: Array, shares: Array) -> Array:
    """The share of the total that the poorest have, for shares of the population ``[m]`` from 0 to 1.

    Linear between the points (i/n, the share of the i poorest); values ``[n]`` are not negative and not all zero.
    """
    below = jnp.concatenate([jnp.zeros(1), jnp.cumsum(jnp.sort(values))])
    return jnp.interp(jnp.asarray(shares, float), jnp.linspace(0.0, 1.0, len(below)), below / below[-1])


def top_share(values: Array, share: float) -> Scalar:
    """The share of the total that the richest have, of whom there are so many in the population."""
    return 1.0 - lorenz_curve(values, jnp.array([1.0 - share]))[0]
