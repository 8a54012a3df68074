"""The forecasters of `experiments/vintages.py`: the conjugate VAR against dummy observations, scores against SciPy."""

import importlib.util
from pathlib import Path

import numpy as np
from scipy.stats import norm

specification = importlib.util.spec_from_file_location(
    "vintages", Path(__file__).parents[1] / "experiments" / "vintages.py"
)
vintages = importlib.util.module_from_spec(specification)
specification.loader.exec_module(vintages)

Y = np.cumsum(np.random.default_rng(0).normal(size=(60, 2)), axis=0) * [1.0, 5.0]


def test_the_prior_is_as_good_as_dummy_observations():
    """Least squares on the data and on rows that say what the prior says (Theil and Goldberger's mixed estimation)."""
    lags = vintages.LAGS
    mean, V, S, nu = vintages.minnesota(Y, np.array([1.0, 0.0]))
    rows = [Y[lags - lag : 60 - lag] for lag in range(1, lags + 1)]
    X = np.column_stack([np.ones(60 - lags), *rows])
    s = []
    for j in range(2):
        own = np.column_stack([np.ones(60 - lags), *(row[:, j] for row in rows)])
        left = Y[lags:, j] - own @ np.linalg.solve(own.T @ own, own.T @ Y[lags:, j])
        s.append(np.sqrt(left @ left / (60 - lags - 5)))
    width = np.array([100.0, *(0.2 / (lag * s[j]) for lag in range(1, lags + 1) for j in range(2))])
    dummies, said = np.diag(1 / width), np.zeros((9, 2))
    said[1, 0] = 1 / width[1]
    both, targets = np.vstack([X, dummies]), np.vstack([Y[lags:], said])
    expected = np.linalg.lstsq(both, targets)[0]
    np.testing.assert_allclose(mean, expected, atol=1e-8)
    np.testing.assert_allclose(V, np.linalg.inv(both.T @ both), rtol=1e-6, atol=1e-12)
    errors = targets - both @ expected
    np.testing.assert_allclose(S, errors.T @ errors + np.diag(np.square(s)), rtol=1e-7)
    assert nu == 4 + 60 - lags


def test_forecasts_of_a_var_are_those_of_its_iterated_draws():
    """One step ahead the predictive is Student's: its mean and variance are known (Kadiyala and Karlsson 1997)."""
    mean, V, S, nu = vintages.minnesota(Y, np.ones(2))
    found = vintages.var_forecast(Y, np.ones(2), np.random.default_rng(0))
    x = np.concatenate([[1.0], *Y[: -vintages.LAGS - 1 : -1]])
    centre, variance = x @ mean, np.diag(S) / (nu - 3) * (1 + x @ V @ x)
    ours = found.mean[:, 0].mean(axis=0)
    spread = found.mean[:, 0].var(axis=0) + (found.sd[:, 0] ** 2).mean(axis=0)
    np.testing.assert_allclose(ours, centre, atol=4 * np.sqrt(variance.max() / vintages.NUM_DRAWS))
    np.testing.assert_allclose(spread, variance, rtol=0.1)
    assert (np.diff(found.sd, axis=1) > 0).all()


def test_scores():
    """A forecast that is right scores as its entropy says, and its bands contain what they say."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(2000, 3, 1))
    forecasts = [vintages.Mixture(np.zeros((1, 3, 1)), np.ones((1, 3, 1)))] * 2000
    table = vintages.scored(forecasts, list(truth), ["y"])
    np.testing.assert_allclose(table["rmse"], 1.0, atol=0.07)
    np.testing.assert_allclose(table["log score"], -norm.entropy(), atol=0.07)
    np.testing.assert_allclose(table["in 90%"], 0.9, atol=0.03)
    two = vintages.Mixture(np.array([[[0.0]], [[2.0]]]), np.ones((2, 1, 1)))
    density = 0.5 * (norm.pdf(1.0) + norm.pdf(-1.0))
    np.testing.assert_allclose(np.exp(two.logdensity(np.array([[1.0]]))), density)


def test_what_is_not_known_yet_is_not_scored():
    forecasts = [vintages.walk_forecast(Y)] * 2
    known, unknown = np.tile(Y[-1], (3, 1)), np.full((3, 2), np.nan)
    table = vintages.scored(forecasts, [known, unknown], ["a", "b"])
    assert (table["rmse"] == 0).all() and (table["in 70%"] == 1).all()
