"""Matching moments: of equations, of impulse responses, of agents, exact and simulated; against formulas and loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, multivariate_normal
from small_models import ar1

import estim
from estim import analysis
from estim.arguments import ArgumentError
from estim.likelihood.moment_matching import _bootstrap, _newey_west
from estim.models import mccall_1970
from estim.tables import DataError

TRUTH = {"rho": 0.6, "sigma": 1.3}


def lagged(x, k):
    return jnp.concatenate([jnp.full(k, jnp.nan), x[:-k]])


def of_data(columns):
    x = columns.X - 0.5
    return {"variance": x**2, "covariances": jnp.stack([x * lagged(x, 1), x * lagged(x, 2)], axis=1)}


def of_model(solution):
    covariance = analysis.theoretical_moments(solution, 2).autocovariance[:, 0, 0]
    return {"variance": covariance[0], "covariances": covariance[1:]}


@pytest.fixture(scope="module")
def series():
    rng, x = np.random.default_rng(0), [0.0]
    for e in rng.normal(size=3000):
        x.append(TRUTH["rho"] * x[-1] + TRUTH["sigma"] * e)
    return pd.DataFrame({"X": 0.5 + np.array(x[1:])})


@pytest.fixture(scope="module")
def posterior(series):
    return estim.build_posterior(ar1(), series, likelihood=estim.MomentMatching(of_model, of_data, lags=8))


def test_it_is_the_normal_density_of_the_sample_moments(series, posterior):
    """By NumPy: means of products, Newey and West's covariance in a loop, and the moments of an AR(1)."""
    x = series.X.to_numpy() - 0.5
    products = np.column_stack([np.r_[np.full(k, np.nan), x[k:] * x[: len(x) - k]] for k in (1, 2, 0)])
    counts, mean = (~np.isnan(products)).sum(axis=0), np.nanmean(products, axis=0)
    u, covariance = np.nan_to_num(products - mean), np.zeros((3, 3))
    for i in range(-8, 9):
        for t in range(max(0, i), min(len(u), len(u) + i)):
            covariance += (1 - abs(i) / 9) * np.outer(u[t], u[t - i])
    covariance /= np.outer(counts, counts)
    variance = TRUTH["sigma"] ** 2 / (1 - TRUTH["rho"] ** 2)
    expected = multivariate_normal(variance * TRUTH["rho"] ** np.array([1, 2, 0]), covariance).logpdf(mean)
    assert posterior.loglikelihood_fn(posterior.unconstrain_fn(TRUTH)) == pytest.approx(expected, rel=1e-9)


def test_blocks_drawn_with_replacement_give_the_covariance_of_their_means():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    rows[:20, 1] = np.nan
    by_loop = []
    for _ in range(4000):
        start = rng.integers(0, 400, size=100)
        sample = rows[(start[:, None] + np.arange(4)).reshape(-1) % 400]
        by_loop.append(np.nanmean(sample, axis=0))
    found = _bootstrap(rows, 4, 4000, 0)
    np.testing.assert_allclose(found, np.cov(np.array(by_loop).T), atol=0.12 * found.max())
    single = _bootstrap(rows, 1, 20_000, 0)
    np.testing.assert_allclose(single, _newey_west(rows, 0), atol=0.05 * single.max())


def test_the_gradient_is_that_of_differences_and_the_test_of_overidentification_is_hansens(posterior):
    point = dict(zip(posterior.param_names, np.asarray(posterior.unconstrain_fn(TRUTH)), strict=True))
    found = estim.check_gradients(
        lambda z: posterior.loglikelihood_fn(jnp.stack([z[n] for n in posterior.param_names])), point
    )
    assert found.error < 1e-6, found
    test = analysis.overidentification_test(posterior, posterior.unconstrain_fn(TRUTH))
    assert test.degrees == 1
    root = np.asarray(posterior.data.read.scale_tril)
    apart = test.data - test.model
    assert test.statistic == pytest.approx(apart @ np.linalg.solve(root @ root.T, apart), rel=1e-9)
    assert test.p_value == pytest.approx(chi2(1).sf(test.statistic))
    assert (np.abs(apart) < 4 * np.sqrt(np.diag(root @ root.T))).all()


def test_impulse_responses_are_matched():
    horizon = np.arange(5)
    responses = 1.3 * 0.6**horizon
    given = estim.EstimatedMoments(responses, 0.1 * np.ones(5))
    of_solution = lambda solution: analysis.impulse_responses(solution, 5)[:, 0, 0]
    posterior = estim.build_posterior(ar1(), given, likelihood=estim.MomentMatching(of_solution))
    at = lambda **values: posterior.loglikelihood_fn(posterior.unconstrain_fn(values))
    best = at(rho=0.6, sigma=1.3)
    assert best == pytest.approx(-2.5 * np.log(2 * np.pi) - 5 * np.log(0.1))
    apart = (1.3 * 0.7**horizon - responses) / 0.1
    assert best - at(rho=0.7, sigma=1.3) == pytest.approx(0.5 * apart @ apart)


def test_simulated_moments_of_agents_and_their_error():
    """Durations of search: simulated with common random numbers; S samples add 1 / S of the variance."""
    model = mccall_1970.model
    data = estim.simulate_agents(model, {}, 500, rng_key=jax.random.key(3))

    def simulated(solution, key):
        drawn = jax.vmap(lambda key: model.draw(key, solution, solution.params))(jax.random.split(key, 500))
        return {"duration": drawn.duration.mean(), "open": drawn.censored.mean()}

    by_row = lambda columns: {"duration": columns.duration, "open": columns.censored}
    matching = estim.MomentMatching(simulated, by_row, simulations=4, smooth=False)
    posterior = estim.build_posterior(model, data, likelihood=matching)
    first, again = (float(posterior.loglikelihood_fn(posterior.start)) for _ in range(2))
    assert first == again
    both = data[["duration", "censored"]].to_numpy()
    np.testing.assert_allclose(
        posterior.data.read.scale_tril @ posterior.data.read.scale_tril.T,
        1.25 * np.cov(both.T, bias=True) / 500,
        rtol=1e-10,
    )
    assert first > -20  # the data were made with these parameters
    anew = [
        float(posterior.redraw_fn(jax.random.key(1), share).loglikelihood_fn(posterior.start))
        for share in (0, 1)
    ]
    assert anew[0] == first and anew[1] != first
    keys = posterior.redraw_fn(jax.random.key(1), 0.5).data.read.key
    assert 0 < (keys == posterior.data.read.key).sum() < 4
    with pytest.raises(ArgumentError, match="'nuts' moves by gradients, and the likelihood's is none"):
        estim.sample(posterior, "nuts", jax.random.key(0))


@pytest.mark.parametrize(
    "matching,data,error,words",
    [
        (dict(), None, ArgumentError, "likelihood.of_data says what the moments of a frame are"),
        (
            dict(of_data=lambda c: c.X[:3]),
            None,
            ArgumentError,
            r"of_data gives an array \(3,\) for 3000 rows",
        ),
        (dict(of_data=lambda c: 0 * c.X), None, DataError, "the covariance of the moments is singular"),
        (dict(), (np.ones(2), np.ones((3, 3))), DataError, r"2 moments have a covariance of shape \(3, 3\)"),
        (dict(lags=-1), None, ArgumentError, "likelihood.lags must be a whole number from 0 on"),
    ],
)
def test_what_cannot_be_matched(series, matching, data, error, words):
    with pytest.raises(error, match=words):
        given = series if data is None else estim.EstimatedMoments(*data)
        estim.build_posterior(ar1(), given, likelihood=estim.MomentMatching(of_model, **matching))


def test_other_numbers_of_moments(series):
    posterior = estim.build_posterior(
        ar1(), series, likelihood=estim.MomentMatching(of_model, lambda columns: columns.X**2)
    )
    with pytest.raises(ArgumentError, match=r"likelihood\.of_model gives 3 moments, and the data have 1"):
        posterior.loglikelihood_fn(posterior.start)
