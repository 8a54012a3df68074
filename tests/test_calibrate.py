"""Calibration: moments and paths that are met, losses with many minima, bounds, and what is refused."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.arguments import ArgumentError


class Point(NamedTuple):
    rho: float
    sigma: float


def moments(p):
    """Variance and first autocorrelation of an AR(1), and its responses."""
    return {"variance": p.sigma**2 / (1 - p.rho**2), "path": p.sigma * p.rho ** jnp.arange(4.0)}


def test_moments_are_met():
    truth = Point(0.8, 0.02)
    targets = {k: np.asarray(v) for k, v in moments(truth).items()}
    weights = {"variance": 1e6, "path": np.full(4, 1e4)}
    found = estim.calibrate(
        moments, Point(0.3, 0.1), targets=targets, weights=weights, bounds={"rho": (0.0, 0.99)}
    )
    assert found.success and isinstance(found.values, Point)
    np.testing.assert_allclose(found.values, truth, rtol=1e-6)
    assert found.loss < 1e-12 and found.num_evaluations > 3


def test_a_missing_target_is_none():
    truth = Point(0.8, 0.02)
    targets = {k: np.array(v) for k, v in moments(truth).items()}
    targets["path"][2:] = np.nan
    targets["variance"] = np.array(np.nan)
    found = estim.calibrate(moments, Point(0.5, 0.05), targets=targets, weights=1e4)
    np.testing.assert_allclose(found.values, truth, rtol=1e-6)


def test_a_bound_holds():
    found = estim.calibrate(lambda p: (p["x"] - 2.0) ** 2, {"x": 0.5}, bounds={"x": (-np.inf, 1.0)})
    assert found.success and found.values == {"x": 1.0}
    np.testing.assert_allclose(found.loss, 1.0)


def test_many_starts_find_the_deepest_of_many_minima():
    """x^2 / 20 + 1 - cos(x): a minimum every 2 pi, the deepest at zero."""
    loss = lambda p: p["x"] ** 2 / 20 + 1 - jnp.cos(p["x"])
    found = estim.calibrate(loss, {"x": 15.0}, bounds={"x": (-20.0, 20.0)}, num_starts=20)
    assert (found.losses > 0.5).any() and abs(found.values["x"]) < 1e-6
    assert found.losses.shape == (20,) and found.losses.min() == found.loss
    again = estim.calibrate(loss, {"x": 15.0}, bounds={"x": (-20.0, 20.0)}, num_starts=20)
    np.testing.assert_array_equal(found.losses, again.losses)


def test_a_search_steps_back_from_where_there_is_no_loss():
    found = estim.calibrate(lambda x: x - jnp.log(x), 0.01)
    np.testing.assert_allclose(found.values, 1.0, rtol=1e-6)


def test_a_search_that_is_cut_short_says_so():
    rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    found = estim.calibrate(rosenbrock, np.array([-1.2, 1.0]), max_steps=3)
    assert not found.success and "ITERATIONS" in found.message.upper()
    np.testing.assert_allclose(estim.calibrate(rosenbrock, np.array([-1.2, 1.0])).values, 1.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(targets={"variance": 1.0}), "targets must be like what the function returns"),
        (dict(), "without targets the function must return one number"),
        (dict(targets={"variance": 1.0, "path": np.ones(4)}, weights={"path": 1.0}), "weights must be like"),
        (dict(bounds={"roh": (0, 1)}), "bounds give 'roh', which is not in the start; did you mean 'rho'"),
        (dict(bounds={"rho": (0.5, 1)}), "start lies outside the bounds of 'rho'"),
        (dict(num_starts=0), "num_starts must be"),
    ],
)
def test_words_of_errors(settings, words):
    with pytest.raises(ArgumentError, match=words):
        estim.calibrate(moments, Point(0.3, 0.1), **settings)


def test_a_loss_that_is_nowhere_finite():
    with pytest.raises(ValueError, match="the loss is not finite at the start"):
        estim.calibrate(lambda p: jnp.log(-(p["x"] ** 2)), {"x": 1.0})
