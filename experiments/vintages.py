"""Forecasts in real time: a folder of data files, one a vintage, estimated one after another; the forecasts are scored.

    python experiments/vintages.py FOLDER [MODEL]     (CSV, Excel or Parquet files, in the order of their names)
    python experiments/vintages.py                    (An and Schorfheide's model on us_nk, cut off quarter by quarter)

Each vintage's posterior is that of the last one, its draws weighed by the new data, where the tail of the weights
allows it (Pareto k-hat); else NUTS runs again. All vintages have the rows of the longest one, the last of them without
numbers, so that every program is compiled once. Forecasts one, four and eight periods ahead are mixtures of normals,
one for each draw of the parameters, and so are those of a Bayesian VAR with four lags and a conjugate Minnesota prior
(Kadiyala and Karlsson 1997, Journal of Applied Econometrics 12, section 2: normal-Wishart); a random walk stands beside
them. They are compared with what the last vintage says: root mean squared error, mean log score, and how often bands of
70 and 90 % contained what came. Without a folder the vintages are no historical ones: the data are as revised. The last
line is JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.special import logsumexp
from scipy.stats import invwishart, norm

import estim
from estim.likelihood.state_space.filtering import filter_states
from estim.likelihood.state_space.start import stationary_start
from estim.numerics import resample_systematically
from estim.samplers.solutions import solutions
from estim.surrogate.estimates import effective_size, pareto_khat, reliable_khat

HORIZONS = (1, 4, 8)
BANDS = (0.7, 0.9)
FIRST, LAST, EVERY = "1994Q4", "2006Q4", 4
"""Ends of the vintages that are made where no folder is given."""
NUM_DRAWS = 1000
LAGS, TIGHTNESS = 4, 0.2
STATIONARY = ("YGR",)
"""Observables whose first own lag has the prior mean zero, and not one."""


class Mixture(NamedTuple):
    """Normals of equal weight: ``mean`` and ``sd`` ``[n, n_horizons, n_obs]``."""

    mean: np.ndarray
    sd: np.ndarray

    def logdensity(self, y: np.ndarray) -> np.ndarray:
        return logsumexp(norm.logpdf(y, self.mean, self.sd), axis=0) - np.log(len(self.mean))

    def below(self, y: np.ndarray) -> np.ndarray:
        """The probability of less."""
        return norm.cdf(y, self.mean, self.sd).mean(axis=0)


def made_vintages() -> dict[str, pd.DataFrame]:
    data = estim.load_data("us_nk", start="1984Q1", end="2008Q4")
    ends = pd.period_range(FIRST, LAST, freq="Q")[::EVERY]
    return {str(end): data[:end] for end in ends} | {"actual": data}


def read_vintages(folder: Path) -> dict[str, pd.DataFrame]:
    files = sorted(p for p in folder.iterdir() if p.suffix in (".csv", ".xlsx", ".parquet"))
    return {file.stem: estim.load_data(file) for file in files}


def posterior_draws(posterior, before, rng_key) -> tuple[np.ndarray, str]:
    """Positions ``[n, dim]``: those of the last vintage, weighed, or new ones; and which.

    Args:
        before: positions and their log-likelihoods at the last vintage, or None.
    """
    if before is not None:
        positions, old = before
        new = np.asarray(estim.evaluate_posterior(posterior, positions).loglikelihood)
        log_weight = np.where(np.isfinite(new), new - old, -np.inf)
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        _, same = np.unique(positions, axis=0, return_inverse=True)  # a draw that was picked twice is one
        khat, effective = pareto_khat(log_weight), effective_size(np.bincount(same.ravel(), weight))
        if khat <= reliable_khat(len(old)) and effective >= 0.4 * len(old):
            picked = resample_systematically(weight, float(jax.random.uniform(rng_key)))
            return positions[picked], f"weighed (k-hat {khat:.2f}, {effective:,.0f} effective)"
    draws = estim.sample(posterior, "nuts", rng_key, num_samples=NUM_DRAWS // 2, num_chains=2, num_warmup=200)
    return np.asarray(draws.position).reshape(-1, draws.position.shape[-1]), "sampled"


@jax.jit
def predicted(state_space, observations, last):
    """Means and standard deviations ``[n_horizons, n_obs]`` of one draw, from the state of period `last`."""
    T, R, Q, Z, d, H = state_space[:6]
    states, _ = filter_states(state_space, observations, stationary_start(state_space))
    mean, cov = states.mean[last], states.cov[last]
    found = []
    for ahead in range(1, max(HORIZONS) + 1):
        mean, cov = T @ mean, T @ cov @ T.T + R @ Q @ R.T
        if ahead in HORIZONS:
            found.append((Z @ mean + d, jnp.sqrt(jnp.diagonal(Z @ cov @ Z.T + H))))
    means, sds = zip(*found, strict=True)
    return jnp.stack(means), jnp.stack(sds)


predicted_by_all = jax.jit(jax.vmap(predicted, in_axes=(0, None, None)))


def minnesota(y: np.ndarray, own_lag: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The conjugate posterior of a VAR: B ``[1 + n LAGS, n]`` given Sigma is N(mean, Sigma x V), Sigma is IW(S, nu).

    Prior: B has mean `own_lag` on first own lags, else zero, and variance (TIGHTNESS / (l s_j))^2 Sigma on lag l of
    variable j, s_j the residual of its autoregression; the constant is free; Sigma has mean diag(s^2).

    Returns:
        Mean and V of B, and S and nu of Sigma.
    """
    n_periods, n = y.shape
    lags = [y[LAGS - lag : n_periods - lag] for lag in range(1, LAGS + 1)]
    X, Y = np.column_stack([np.ones(n_periods - LAGS), *lags]), y[LAGS:]
    s = np.empty(n)
    for j in range(n):
        own = np.column_stack([np.ones(len(Y)), *(lag[:, j] for lag in lags)])
        residual = Y[:, j] - own @ np.linalg.lstsq(own, Y[:, j])[0]
        s[j] = np.sqrt(residual @ residual / (len(Y) - own.shape[1]))
    variance = np.concatenate([[1e4], *((TIGHTNESS / (lag * s)) ** 2 for lag in range(1, LAGS + 1))])
    prior_mean = np.zeros((X.shape[1], n))
    prior_mean[1 : n + 1] = np.diag(own_lag)
    nu0 = n + 2.0
    S0 = np.diag(s**2) * (nu0 - n - 1)
    precision = np.diag(1 / variance) + X.T @ X
    V = np.linalg.inv(precision)
    mean = V @ (np.diag(1 / variance) @ prior_mean + X.T @ Y)
    S = S0 + Y.T @ Y + prior_mean.T @ np.diag(1 / variance) @ prior_mean - mean.T @ precision @ mean
    return mean, V, (S + S.T) / 2, nu0 + len(Y)


def var_forecast(y: np.ndarray, own_lag: np.ndarray, rng: np.random.Generator) -> Mixture:
    mean, V, S, nu = minnesota(y, own_lag)
    n, root = y.shape[1], np.linalg.cholesky(V)
    means, sds = [], []
    for Sigma in invwishart.rvs(nu, S, size=NUM_DRAWS, random_state=rng):
        B = mean + root @ rng.standard_normal(mean.shape) @ np.linalg.cholesky(Sigma).T
        companion = np.eye(n * LAGS, k=-n)
        companion[:n] = B[1:].T
        state, cov = y[: -LAGS - 1 : -1].ravel(), np.zeros((n * LAGS, n * LAGS))
        rows = []
        for ahead in range(1, max(HORIZONS) + 1):
            state, cov = companion @ state, companion @ cov @ companion.T
            state[:n] += B[0]
            cov[:n, :n] += Sigma
            if ahead in HORIZONS:
                rows.append((state[:n].copy(), np.sqrt(np.diag(cov)[:n])))
        means.append([m for m, _ in rows])
        sds.append([v for _, v in rows])
    return Mixture(np.array(means), np.array(sds))


def walk_forecast(y: np.ndarray) -> Mixture:
    sd = np.diff(y, axis=0).std(axis=0)
    return Mixture(np.tile(y[-1], (1, len(HORIZONS), 1)), np.sqrt(HORIZONS)[None, :, None] * sd)


def scored(forecasts: list[Mixture], actual: list[np.ndarray], observables: list[str]) -> pd.DataFrame:
    """Of all vintages whose outcome ``[n_horizons, n_obs]`` is known: a row for each horizon and observable."""
    errors = np.array([f.mean.mean(axis=0) - y for f, y in zip(forecasts, actual, strict=True)])
    scores = np.array([f.logdensity(y) for f, y in zip(forecasts, actual, strict=True)])
    place = np.abs(np.array([f.below(y) for f, y in zip(forecasts, actual, strict=True)]) - 0.5)
    columns = {"rmse": np.sqrt(np.nanmean(errors**2, axis=0)), "log score": np.nanmean(scores, axis=0)}
    for band in BANDS:
        inside = np.where(np.isnan(place), np.nan, place <= band / 2)
        columns[f"in {band:.0%}"] = np.nanmean(inside, axis=0)
    index = pd.MultiIndex.from_product([HORIZONS, observables], names=["ahead", "observable"])
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index)


def main(arguments: list[str]) -> None:
    vintages = read_vintages(Path(arguments[0])) if arguments else made_vintages()
    model = estim.load_model(arguments[1] if len(arguments) > 1 else "an_schorfheide_2007")
    names = list(model.observables._fields)
    *earlier, last = vintages
    actual = vintages[last][names]
    own_lag = np.array([0.0 if name in STATIONARY else 1.0 for name in names])
    forecasts = {"model": [], "Minnesota VAR": [], "random walk": []}
    outcomes, seconds, how, before = [], [], [], None
    for number, name in enumerate(earlier):
        began, frame = time.process_time(), vintages[name][names].dropna()
        posterior = estim.build_posterior(model, frame.reindex(actual.index))
        positions, word = posterior_draws(posterior, before, jax.random.key(number))
        before = positions, np.asarray(estim.evaluate_posterior(posterior, positions).loglikelihood)
        found = solutions(posterior, positions)
        rows = jnp.asarray(frame.reindex(actual.index).to_numpy())
        means, sds = predicted_by_all(found, rows, len(frame) - 1)
        forecasts["model"].append(Mixture(np.asarray(means), np.asarray(sds)))
        y = frame.to_numpy()
        forecasts["Minnesota VAR"].append(var_forecast(y, own_lag, np.random.default_rng(number)))
        forecasts["random walk"].append(walk_forecast(y))
        after = [frame.index[-1] + ahead for ahead in HORIZONS]
        outcomes.append(actual.reindex(after).to_numpy())
        seconds.append(time.process_time() - began)
        how.append(word)
        print(f"{name}: {len(frame)} periods, {word}, {seconds[-1]:.1f} s of processor time", flush=True)
    tables = {name: scored(found, outcomes, names) for name, found in forecasts.items()}
    print(pd.concat(tables, axis=1).round(3).to_string())
    print(f"programs compiled for forecasts: {predicted_by_all._cache_size()}")
    summary = {
        "vintages": len(earlier),
        "weighed": sum(word.startswith("weighed") for word in how),
        "seconds": {"first": round(seconds[0], 1), "others": round(float(np.mean(seconds[1:])), 1)},
        "log_score": {name: round(float(table["log score"].mean()), 3) for name, table in tables.items()},
        "rmse": {
            name: {f"{o} {h}": round(float(table.loc[(h, o), "rmse"]), 3) for h in HORIZONS for o in names}
            for name, table in tables.items()
        },
        "in_90": {name: round(float(table["in 90%"].mean()), 3) for name, table in tables.items()},
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main(sys.argv[1:])
