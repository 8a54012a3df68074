"""The factor of a covariance matrix that may be singular."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim import numerics

semidefinite_cholesky = jax.jit(numerics.semidefinite_cholesky)
ONES = np.ones((3, 3))
LEGAL = {
    "regular": [[4.0, 1.0, 0.5], [1.0, 2.0, -0.3], [0.5, -0.3, 1.0]],
    "rank one": np.outer([1.0, -2.0, 3.0], [1.0, -2.0, 3.0]),
    "rank two": [[1.0, 0.0, 0.6], [0.0, 1.0, 0.8], [0.6, 0.8, 1.0]],
    "the second is the first": [[1.0, 1.0, 0.6], [1.0, 1.0, 0.6], [0.6, 0.6, 1.0]],
    "perfectly negative": [[1.0, -1.0], [-1.0, 1.0]],
    "one without variance": [[0.0, 0.0], [0.0, 2.0]],
    "all without": np.zeros((2, 2)),
    "small units": 1e-20 * ONES,
    "large units": 1e20 * ONES,
    "units apart": np.outer([1e-6, 1.0, 1e6], [1e-6, 1.0, 1e6]),
}
ILLEGAL = {
    "signs": [[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]],
    "beside a one": [[1.0, 1.0, 0.6], [1.0, 1.0, 0.5], [0.6, 0.5, 1.0]],
    "above one": [[1.0, 1.1], [1.1, 1.0]],
    "negative": [[-1.0, 0.0], [0.0, 1.0]],
    "beside no variance": [[0.0, 0.1], [0.1, 1.0]],
    "not finite": [[1.0, np.nan], [np.nan, 1.0]],
}


@pytest.mark.parametrize("what", LEGAL)
def test_the_factor_times_itself(what):
    matrix = jnp.array(LEGAL[what])
    root = semidefinite_cholesky(matrix)
    assert jnp.all(root == jnp.tril(root))
    np.testing.assert_allclose(root @ root.T, matrix, rtol=1e-12, atol=1e-12 * float(jnp.abs(matrix).max()))


def test_of_a_regular_matrix_it_is_the_usual_one():
    matrix = jnp.array(LEGAL["regular"])
    np.testing.assert_allclose(semidefinite_cholesky(matrix), np.linalg.cholesky(matrix), atol=1e-14)


@pytest.mark.parametrize("what", ILLEGAL)
def test_what_is_no_covariance_has_none(what):
    assert jnp.isnan(semidefinite_cholesky(jnp.array(ILLEGAL[what]))).any()


def test_derivatives_are_finite_and_right_inside():
    root = lambda r: numerics.semidefinite_cholesky(jnp.array([[1.0, r], [r, 1.0]]))
    r = jnp.array([-1.0, -0.5, 0.5, 1.0])
    first, second = jax.jit(
        lambda r: jax.vmap(lambda r: (jax.jacrev(root)(r), jax.jacfwd(jax.jacrev(root))(r)))(r)
    )(r)
    assert jnp.isfinite(first).all() and jnp.isfinite(second).all()
    np.testing.assert_allclose(first[1:3, 1, 1], -r[1:3] / np.sqrt(1 - r[1:3] ** 2), rtol=1e-12)
