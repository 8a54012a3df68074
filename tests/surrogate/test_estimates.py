"""Estimates of a certificate, against textbook formulas and naive computations."""

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from estim.surrogate.estimates import (
    LEVELS,
    accept_probability,
    batch_means,
    convergence,
    divergences,
    highest_rhat,
    jackknife,
    margin_errors,
    margin_shifts,
    margins,
    missing_mass,
    nested_rhat,
    pareto_khat,
    reliable_khat,
    tail_khat,
)


def test_accept_probability_where_the_density_is_zero():
    a = accept_probability(np.array([0.0, -np.inf, 0.0, -np.inf]), np.array([-1.0, 0.0, -np.inf, -np.inf]))
    np.testing.assert_allclose(a, [np.exp(-1), 1, 0, 0])


def autoregression(rng, num, persistence):
    value = np.zeros(num)
    for t in range(1, num):
        value[t] = persistence * value[t - 1] + rng.normal()
    return value


@pytest.mark.parametrize("method", ["batch means", "jackknife"])
def test_errors_see_autocorrelation(method):
    value = autoregression(np.random.default_rng(0), 40_000, 0.9)
    error = batch_means(value).error if method == "batch means" else jackknife(np.mean, value)[1]
    exact = 1 / (1 - 0.9) / np.sqrt(len(value))  # long-run standard deviation of an AR(1) over sqrt(n)
    assert error == pytest.approx(exact, rel=0.3)


def test_jackknife_of_a_standard_deviation():
    values = np.random.default_rng(0).normal(size=20_000)
    value, error = jackknife(np.std, values)
    assert value == values.std()
    assert error == pytest.approx(1 / np.sqrt(2 * len(values)), rel=0.3)


@pytest.mark.parametrize(
    ("num", "limit"), [(100, 0.5), (1000, 2 / 3), (100_000, 0.7), (10, 0.0), (1, -np.inf)]
)
def test_threshold_of_khat_by_sample_size(num, limit):
    """Vehtari et al. (2024), equation 13."""
    assert reliable_khat(num) == pytest.approx(limit)


def test_pareto_khat_is_the_tail_index():
    rng = np.random.default_rng(0)
    for khat in (0.2, 0.6):
        log_weight = khat * rng.exponential(size=100_000)  # Pareto weights, U^-khat
        assert pareto_khat(log_weight) == pytest.approx(khat, abs=0.05)
    assert pareto_khat(np.array([0.0, -np.inf, 0.0])) == -np.inf
    with pytest.raises(ValueError, match="no draw has a finite log-density"):
        pareto_khat(np.full(3, -np.inf))


@pytest.mark.parametrize(("degrees", "khat"), [(3, 2 / 3), (6, 1 / 3), (np.inf, 0.1)])
def test_tail_khat_of_students_t(degrees, khat):
    """x^2 has the tail index 2/degrees; a normal's estimate at this size is a little above its limit of zero."""
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(100_000, 1)) if degrees == np.inf else rng.standard_t(degrees, size=(100_000, 1))
    assert tail_khat(margins(draws), draws, np.ones(100_000)) == pytest.approx(khat, abs=0.12)
    assert tail_khat(margins(draws), draws, np.full(100_000, np.nan)) == np.inf


def test_divergences_of_equal_and_of_disjoint_densities():
    weight = np.random.default_rng(0).uniform(size=100)
    np.testing.assert_allclose(divergences(weight, 3 * weight), 0, atol=1e-12)
    half = np.repeat([1.0, 0.0], 50)
    np.testing.assert_allclose(divergences(half, np.ones(100)), [np.log(2), 0.5, 1.0])
    np.testing.assert_allclose(divergences(half, 1 - half), [np.inf, 1, np.inf])
    np.testing.assert_array_equal(divergences(np.full(3, np.nan), np.ones(3)), [np.inf, 1, np.inf])


def test_shifts_are_those_of_weighted_moments_and_quantiles():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(200_000, 2)) * [1.0, 3.0] + [0.0, 5.0]
    log_weight = 0.05 * (draws[:, 0] + draws[:, 0] ** 2) - 0.002 * (draws[:, 1] - 5) ** 2
    weight = np.exp(log_weight)
    found = margin_shifts(margins(draws), draws, weight, np.ones(len(draws)))
    for j in range(2):
        x, order, w = draws[:, j], np.argsort(draws[:, j]), weight / weight.sum()
        mean = w @ x
        naive = [mean - x.mean(), np.sqrt(w @ (x - mean) ** 2) - x.std()]
        quantiles = x[order][np.searchsorted(np.cumsum(w[order]), [0.05, 0.95])]
        naive += list(quantiles - np.quantile(x, [0.05, 0.95]))
        np.testing.assert_allclose(found[:2, j], np.array(naive[:2]) / x.std(), rtol=1e-6)
        np.testing.assert_allclose(found[2:, j], np.array(naive[2:]) / x.std(), rtol=0.05)


def test_convergence_of_short_still_and_good_chains():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(8, 500, 3))
    draws[:, :, 1] = 7.0
    draws[::2, :, 2] += 1.0
    rhat, effective = convergence(draws)
    assert rhat[0] < 1.01 and 2000 < effective[0] < 6000
    assert np.isnan(rhat[1]) and np.isnan(effective[1])
    assert rhat[2] > 1.1 and effective[2] < 100
    assert np.isnan(convergence(draws[:, :3])[0]).all()


def textbook_nested_rhat(values):
    """Of one quantity ``[group, chain, draw]``, as Margossian et al. (2024) define it."""
    groups = [np.mean(group) for group in values]
    between = np.var(groups, ddof=1)
    inside = [
        np.var([np.mean(chain) for chain in group], ddof=1)
        + np.mean([np.var(chain, ddof=1) for chain in group])
        for group in values
    ]
    return np.sqrt(1 + between / np.mean(inside))


def test_nested_rhat_is_the_textbooks_of_normal_scores():
    draws = (
        np.random.default_rng(0).normal(size=(64, 10, 2)) + 0.3 * np.repeat(np.arange(4), 16)[:, None, None]
    )
    found = nested_rhat(draws)
    for j in range(2):
        halves = np.concatenate([draws[:, :5, j], draws[:, 5:, j]])
        of = []
        for values in (halves, np.abs(halves - np.median(halves))):
            normal = norm.ppf((rankdata(values).reshape(values.shape) - 0.375) / (values.size + 0.25))
            of.append(textbook_nested_rhat(normal.reshape(8, 16, 5)))
        assert found[j] == pytest.approx(max(of))


@pytest.mark.parametrize(
    ("change", "met"),
    [
        (lambda x: x, True),
        (lambda x: x + 1.0 * np.repeat(np.arange(16) % 2, 16)[:, None, None], False),
        (lambda x: x * np.repeat(1 + np.arange(16) % 2, 16)[:, None, None], False),
        (lambda x: x + np.linspace(-1, 1, x.shape[1])[:, None], False),
        (lambda x: x + 0.1 * np.random.default_rng(1).normal(size=(256, 1, 1)), True),
    ],
    ids=["met", "in two places", "two scales", "drifting", "slow chains, many"],
)
def test_nested_rhat_of_many_short_chains(change, met):
    draws = change(np.random.default_rng(0).normal(size=(256, 12, 1)))
    assert (nested_rhat(draws)[0] < highest_rhat(256, 0.05)) == met


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_missing_mass_is_the_total_variation_from_the_other_side(shift):
    x = np.random.default_rng(0).normal(size=20_000)
    found = missing_mass(norm.logpdf(x) - norm.logpdf(x, shift))
    exact = 2 * norm.cdf(shift / 2) - 1
    assert abs(found.value - exact) < 4 * found.error + 1e-12


def test_errors_of_margins_are_those_of_many_samples():
    rng = np.random.default_rng(0)
    many = rng.normal(size=(200, 3000, 1))
    spread = np.stack([[d.mean(), d.std(), *np.quantile(d, LEVELS)] for d in many]).std(axis=0)
    found = np.mean([margin_errors(d, np.array([3000.0]))[:, 0] for d in many[:40]], axis=0)
    np.testing.assert_allclose(found, spread, rtol=0.15)


@pytest.mark.parametrize("nu", [3, 4, 30])
def test_a_standard_deviation_that_heavy_tails_move_is_not_called_known(nu):
    """Samples whose error is below half of 5 % are rarely off by 5 %; of normal tails nearly all are such."""
    draws = np.random.default_rng(nu).standard_t(nu, size=(150, 2_000))
    error = np.array([margin_errors(row[:, None], np.array([2_000.0]))[1, 0] for row in draws])
    off = np.abs(draws.std(axis=1) / np.sqrt(nu / (nu - 2)) - 1)
    assert np.mean((error < 0.025) & (off > 0.05)) < 0.05
    if nu == 30:
        assert np.mean(error < 0.025) > 0.95


def test_the_error_of_a_standard_deviation_is_not_less_than_that_of_effective_draws():
    """Of 30,000 draws that are worth 300 the groups agree too well: the error is that of 300 independent ones."""
    draws = np.random.default_rng(0).exponential(size=(30_000, 1))
    error = margin_errors(draws, np.array([300.0]))[1, 0]
    assert error >= 0.98 * np.sqrt((9 - 1) / 300) / 2  # the kurtosis is 9
    independent = np.std([np.random.default_rng(i).exponential(size=300).std() for i in range(400)])
    assert 0.7 < error / independent < 1.6
