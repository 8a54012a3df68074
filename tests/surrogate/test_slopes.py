"""Gradients that hold over the posterior's distances are trusted; those between kinks that lie close are not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_surrogate import make_posterior

from estim.surrogate.correct import surrogate_logdensity
from estim.surrogate.dataset import flattened, trust
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import fit_surrogate
from estim.surrogate.recipe import Recipe
from estim.surrogate.slopes import slope_errors

SCALES = np.array([1.0, 0.1, 20.0])


def smooth(x):
    z = x / SCALES
    return jnp.sin(z[0]) * z[1] - 0.25 * jnp.sum(z**4)


def kinked(x):
    """Changes by a thousandth where z0 > 0, its gradient by twenty: kinks every ten-thousandth of a unit."""
    return smooth(x) + jnp.where(x[0] > 0, 1e-3 * jnp.abs(jnp.sin(2e4 * x[0])), 0.0)


def taught_by(function):
    posterior = make_posterior(function, 3, 1e3)
    position = SCALES * np.random.default_rng(0).normal(size=(600, 3))
    return posterior, flattened(evaluate_posterior(posterior, position, gradient=True))


@pytest.fixture(scope="module")
def of_kinks():
    return taught_by(kinked)


def test_smooth_gradients_are_trusted_and_kinked_ones_are_not(of_kinks):
    error = slope_errors(*taught_by(smooth))
    assert error.max() < 0.05
    error, side = slope_errors(*of_kinks), of_kinks[1].position[:, 0]  # of some the nearest probes are across
    assert np.mean(trust(error[side < -0.7], 1.0) > 0.8) > 0.8
    assert np.mean(trust(error[side > 0.7], 1.0) < 0.01) > 0.8
    assert 10 < np.median(error[side > 0.7]) < 40  # 20 |cos|: 14 in the mean square


def test_a_surrogate_is_not_misled_by_kinks(of_kinks):
    """With gradients it is as good as without, where at their word they would make it four times as bad."""
    posterior, taught = of_kinks
    fresh = 0.8 * SCALES * np.random.default_rng(1).normal(size=(2000, 3))
    true = np.asarray(evaluate_posterior(posterior, fresh).logdensity)

    def error(evaluations):
        recipe = Recipe(max_steps=1000, hidden=(32, 32), num_members=1)
        off = surrogate_logdensity(
            fit_surrogate(posterior, evaluations, jax.random.key(0), recipe=recipe), fresh
        )
        return np.std(np.clip(off - true - np.median(off - true), -5, 5))

    assert error(taught) < 1.2 * error(taught._replace(gradient=None))


def test_where_nothing_is_known(of_kinks):
    posterior, taught = of_kinks
    never = np.full_like(taught.gradient, np.nan)
    assert np.isinf(slope_errors(posterior, taught._replace(gradient=never))).all()
    some = taught._replace(gradient=np.where(np.arange(600)[:, None] % 2, taught.gradient, np.nan))
    assert np.isfinite(slope_errors(posterior, some)).all()
