"""Diagnostics: right where the answer is known, and alarmed where chains disagree."""

import numpy as np
import pytest

import estim  # noqa: F401
from estim.results.diagnostics import agreement, longest_stay, pooled_std, summarise


def autoregression(rng, rho, shape):
    """Stationary AR(1) chains with mean 0 and variance 1, ``[chain, draw, param]``."""
    draws = rng.standard_normal(shape)
    for t in range(1, shape[1]):
        draws[:, t] = rho * draws[:, t - 1] + np.sqrt(1 - rho**2) * draws[:, t]
    return draws


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_effective_sample_size_of_an_autoregression(rho):
    draws = autoregression(np.random.default_rng(1), rho, (4, 20_000, 3))
    summary = summarise(draws)
    expected = draws[..., 0].size * (1 - rho) / (1 + rho)
    np.testing.assert_allclose(summary.ess_bulk, expected, rtol=0.15)
    np.testing.assert_allclose(summary.mcse, 1 / np.sqrt(expected), rtol=0.1)
    assert np.all(np.abs(summary.mean) < 4 * summary.mcse)
    assert np.all(summary.rhat < 1.01)


def test_quantiles_and_moments_are_those_of_all_draws():
    draws = np.random.default_rng(2).gamma(2.0, size=(3, 500, 2))
    summary = summarise(draws, max_draws=100)
    flat = draws.reshape(-1, 2)
    np.testing.assert_allclose(summary.mean, flat.mean(0))
    np.testing.assert_allclose(summary.std, flat.std(0, ddof=1))
    np.testing.assert_allclose(summary.quantiles, np.quantile(flat, [0.05, 0.5, 0.95], axis=0))


def test_thinning_never_overstates_the_precision():
    draws = autoregression(np.random.default_rng(3), 0.8, (8, 10_000, 2))
    exact, thinned = summarise(draws), summarise(draws, max_draws=8_000)
    assert np.all(thinned.mcse > 0.9 * exact.mcse)


def test_a_chain_that_went_elsewhere_shows():
    draws = np.random.default_rng(4).standard_normal((4, 1000, 2))
    draws[3, :, 1] += 1.0
    rhat = summarise(draws).rhat
    assert rhat[0] < 1.01 < 1.05 < rhat[1]


def test_the_longest_stay_is_counted_within_a_chain():
    draws = np.random.default_rng(4).normal(size=(3, 50, 2))
    assert longest_stay(draws) == 1
    draws[1, 20:27] = draws[1, 20]
    draws[2, :5] = draws[2, 0]
    draws[0, -1] = draws[1, 0]  # of another chain
    assert longest_stay(draws) == 7
    draws[:] = 0
    assert longest_stay(draws) == 50


def test_agreement_names_the_parameter_and_the_routes():
    rng = np.random.default_rng(5)
    draws = {route: rng.standard_normal((4, 4000, 3)) * [1, 2, 3] for route in ("a", "b", "c")}
    draws["b"][..., 1] += 1.0  # half a posterior standard deviation
    summaries = {route: summarise(d) for route, d in draws.items()}
    worst = agreement(summaries, ("x", "y", "z"))
    assert worst.parameter == "y" and worst.routes[1] == "b"
    assert abs(worst.difference - 0.5) < 0.1
    np.testing.assert_allclose(pooled_std(summaries), [1, 2, 3], rtol=0.05)


def test_sums_of_draws_in_single_precision_are_exact():
    """A million draws around 1 with a standard deviation of 1/1000: their 32-bit sum is off by many of these."""
    draws = (1 + 1e-3 * np.random.default_rng(0).standard_normal((500, 2000, 1))).astype(np.float32)
    found = summarise(draws)
    exact = draws.astype(float).reshape(-1)
    np.testing.assert_allclose(found.mean, exact.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.std, exact.std(ddof=1), rtol=1e-9)
