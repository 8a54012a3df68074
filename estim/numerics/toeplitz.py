"""Covariance matrices of stationary samples."""

import jax
import jax.numpy as jnp

from estim.typing import Array


@jax.jit
def block_toeplitz(covariances: Array) -> Array:
    """Covariance ``[n * n_obs, n * n_obs]`` of y_1 ... y_n, dates outermost, from Gamma_k ``[n, n_obs, n_obs]``."""
    n_periods, n_obs = covariances.shape[:2]
    date = jnp.arange(n_periods)
    ahead = date[:, None] - date[None]  # Cov(y_t, y_s) = Gamma_{t-s}, and its transpose for t < s
    blocks = jnp.where(
        (ahead >= 0)[..., None, None], covariances[jnp.abs(ahead)], covariances[jnp.abs(ahead)].swapaxes(2, 3)
    )
    return blocks.transpose(0, 2, 1, 3).reshape(n_periods * n_obs, -1)
