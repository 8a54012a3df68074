"""Hidden states: against sums over all paths, an independent package, differences, and simulated series."""

import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

import estim
from estim.arguments import ArgumentError
from estim.gradients import check_gradients
from estim.likelihood.hidden_markov import log_densities, series_loglikelihoods
from estim.models import markov_asset_pricing, rust_1987, stochastic_volatility_pricing
from estim.status import SolutionError
from estim.tables import DataError
from estim.tracing import ModelError

REFERENCE = Path(__file__).parents[1] / "reference" / "decisions"


class Params(NamedTuple):
    stay: Any = estim.priors.beta(0.8, 0.1)
    low: Any = estim.priors.normal(-1.0, 0.5)
    high: Any = estim.priors.normal(1.0, 0.5)
    sd: Any = estim.priors.gamma(0.7, 0.2)


class Observables(NamedTuple):
    y: Any
    z: Any  # a second number with the same mean, seen at times


def transition(p, order=(0, 1, 2)):
    """Three regimes: from the first and the last one moves only to the middle."""
    out, half = 1 - p.stay, 0.5 * (1 - p.stay)
    P = jnp.stack(
        [jnp.stack([p.stay, out, 0.0]), jnp.stack([half, p.stay, half]), jnp.stack([0.0, out, p.stay])]
    )
    return P[np.ix_(order, order)]


def means(p, order=(0, 1, 2)):
    return jnp.stack([p.low, 0.3, p.high])[np.array(order)]


def log_probability(row, solution, p, order=(0, 1, 2)):
    of = lambda x, seen: jnp.where(seen, jax.scipy.stats.norm.logpdf(x, means(p, order), p.sd), 0.0)
    return of(row.y, row.seen.y) + of(row.z, row.seen.z)


def regimes(order=(0, 1, 2), **changed):
    """Nobody decides here: a regime moves, and the mean of a series with it."""
    parts = dict(
        name="regimes",
        prior=Params(),
        population=lambda p: jnp.ones(3),
        motion=lambda law, solution, p: law @ transition(p, order),
        observables=Observables,
        log_probability=lambda row, solution, p: log_probability(row, solution, p, order),
        unit="country",
    )
    return estim.DecisionModel(**(parts | changed))


MODEL = regimes()
VALUES = {"stay": 0.85, "low": -0.8, "high": 1.2, "sd": 0.6}
DATA = pd.DataFrame(
    {
        "country": list("aabbabbba"),
        "y": [0.4, -1.3, 0.9, 1.4, np.nan, 0.2, -0.5, -0.9, 0.1],
        "z": [0.1, np.nan, 1.0, np.nan, np.nan, 0.4, np.nan, np.nan, 0.7],
    }
)


def of_paths(rows, p):
    """Log-densities of a series ``[n_periods, 2]`` with each path of states, and the paths."""
    P, m = np.asarray(transition(p)), np.asarray(means(p))
    law = np.linalg.matrix_power(P, 2000)[0]
    paths = np.array(list(product(range(3), repeat=len(rows))))
    with np.errstate(divide="ignore"):
        log_law, log_P = np.log(law), np.log(P)
    total = log_law[paths[:, 0]] + log_P[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    for column in rows.T:
        total = total + np.nan_to_num(norm.logpdf(column[None], m[paths], p.sd)).sum(axis=1)
    return total, paths


def by_country(data):
    return [group[["y", "z"]].to_numpy() for _, group in data.groupby("country", sort=False)]


def test_it_is_the_sum_over_all_paths():
    """Of series of unequal length with missing numbers."""
    p = MODEL.params(VALUES)
    expected = sum(logsumexp(of_paths(rows, p)[0]) for rows in by_country(DATA))
    assert estim.loglikelihood(MODEL, VALUES, DATA) == pytest.approx(expected, rel=1e-12)


def test_states_given_the_data_are_shares_of_the_paths():
    p, found = MODEL.params(VALUES), estim.analysis.state_probabilities(estim.solve(MODEL, VALUES), DATA)
    for country, rows in zip("ab", by_country(DATA), strict=True):
        where = np.flatnonzero(DATA.country == country)
        for t in range(len(rows)):
            for kind, known in ((found.filtered, t + 1), (found.smoothed, len(rows))):
                total, paths = of_paths(rows[:known], p)
                share = np.exp(total - logsumexp(total))
                expected = [share[paths[:, t] == s].sum() for s in range(3)]
                np.testing.assert_allclose(kind[where[t]], expected, rtol=1e-10, atol=1e-14)


def test_names_of_states_and_the_order_of_units_are_of_no_matter():
    value = estim.loglikelihood(MODEL, VALUES, DATA)
    apart = pd.concat([DATA[DATA.country == c] for c in "ba"])
    assert estim.loglikelihood(MODEL, VALUES, apart) == pytest.approx(value, rel=1e-12)
    assert estim.loglikelihood(regimes((2, 0, 1)), VALUES, DATA) == pytest.approx(value, rel=1e-12)
    backwards = DATA.iloc[::-1]  # a chain that is reversible has no direction
    assert estim.loglikelihood(MODEL, VALUES, backwards) == pytest.approx(value, rel=1e-12)
    assert estim.loglikelihood(MODEL, VALUES, DATA.assign(country="a")) != pytest.approx(value, rel=1e-6)


def test_what_is_nearly_impossible_does_not_underflow():
    """Rows a hundred standard deviations out, whose densities are zero in floating point."""
    data = DATA.assign(y=DATA.y * 60)
    p = MODEL.params(VALUES)
    expected = sum(logsumexp(of_paths(rows, p)[0]) for rows in by_country(data))
    assert expected < -10_000
    posterior = estim.build_posterior(MODEL, data)
    at = lambda values: posterior.likelihood.at(MODEL.params(values), posterior.data).value
    assert at(VALUES) == pytest.approx(expected, rel=1e-12)
    assert check_gradients(at, VALUES).error < 1e-6


def claims(num, periods):
    """Of the gallery's claims in 15 states, so many periods, of which the first lack a number or both."""
    model, truth = markov_asset_pricing.build(15), {"beta": 0.975, "gamma": 2.8, "sigma": 0.012}
    data = estim.simulate_agents(model, truth, num, rng_key=jax.random.key(0))
    data = data.groupby("claim").head(periods).reset_index(drop=True)
    data.loc[0, ["log_ratio", "growth"]] = np.nan
    data.loc[3, "growth"] = np.nan
    return model, truth, data


def volatile():
    model = stochastic_volatility_pricing.build(2, 4, 7, stochastic_volatility_pricing.MOVING)
    truth = {"rho_d": 0.85, "s_d": 0.35, "beta": 0.972}
    return model, truth, estim.simulate_agents(model, truth, 1, rng_key=jax.random.key(1)).iloc[:40]


def at_point(case):
    """The log-likelihood as a function of the estimated parameters, a point, and how far a prior lets each go."""
    model, values, data = case
    posterior = estim.build_posterior(model, data)
    assert "HiddenMarkov" in repr(posterior.likelihood)  # by default
    at = lambda values: posterior.likelihood.at(model.params(values), posterior.data).value
    point = {n: float(x) for n, x in model.params(values)._asdict().items() if n in model.estimated}
    return at, point, {n: float(np.sqrt(getattr(model.prior, n).variance)) for n in point}


CASES = {"regimes": lambda: (MODEL, VALUES, DATA), "markov_asset_pricing": lambda: claims(2, 30)}


@pytest.mark.parametrize("case", CASES)
def test_gradient_against_differences(case):
    at, point, scales = at_point(CASES[case]())
    found = check_gradients(at, point, scales=scales)
    assert found.error < 1e-6, found
    assert found.product_error < 1e-5, found  # second derivatives, through the recursions


def test_gradient_where_the_chain_has_several_axes():
    at, point, scales = at_point(volatile())
    both = jax.jit(jax.value_and_grad(at))
    gradient = both(point)[1]
    for name, scale in scales.items():
        up, down = (both(point | {name: point[name] + s * 1e-4 * scale})[0] for s in (1, -1))
        difference = float(up - down) / 2e-4
        assert scale * gradient[name] == pytest.approx(difference, rel=1e-5, abs=1e-5), name


def test_scores_are_zero_on_average_where_the_data_were_made():
    """Each series has a score of mean zero, within four standard errors; they tell all parameters apart."""
    model = markov_asset_pricing.build(15)
    data = estim.simulate_agents(model, None, 40, rng_key=jax.random.key(1))
    series = estim.HiddenMarkov().for_data(estim.HiddenMarkov().select(model, data))[1]

    @jax.jit
    @jax.jacrev
    def scores(x):
        params = model.params()._replace(**dict(zip(model.estimated, x, strict=True)))
        solution = estim.StationarySolver().solve(model, params)
        return series_loglikelihoods(solution, log_densities(solution, series))

    found = np.asarray(scores(jnp.array([model.defaults[n] for n in model.estimated])))[:40]
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0)) < 4 * error).all()
    assert np.linalg.eigvalsh(np.corrcoef(found.T))[0] > 1e-3


def test_a_mixture_of_types_is_a_sum_over_each_unit():
    kinds = lambda p: [(0.3, p), (0.7, p._replace(high=2.0, sd=1.5 * p.sd))]
    expected = 0.0
    for rows in by_country(DATA):
        own = [logsumexp(of_paths(rows, p)[0]) for _, p in kinds(MODEL.params(VALUES))]
        expected += np.logaddexp(np.log(0.3) + own[0], np.log(0.7) + own[1])
    assert estim.loglikelihood(regimes(types=kinds), VALUES, DATA) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ArgumentError, match="agents of regimes are of types"):
        estim.analysis.state_probabilities(estim.solve(regimes(types=kinds), VALUES), DATA)


@pytest.mark.parametrize("case", ["claims", "volatile"])
def test_an_independent_package_has_the_same_numbers(case):
    ref = json.loads((REFERENCE / "hidden_markov.json").read_text())[case]
    data, build = pd.DataFrame(ref["data"]).assign(claim=0), stochastic_volatility_pricing.build
    models = {
        "claims": lambda: markov_asset_pricing.build(9),
        "volatile": lambda: build(2, 3, 4, stochastic_volatility_pricing.MOVING),
    }
    model = models[case]()
    value = estim.loglikelihood(model, ref["parameters"], data)
    assert value == pytest.approx(ref["loglikelihood"], rel=1e-8)
    smoothed = estim.analysis.state_probabilities(estim.solve(model, ref["parameters"]), data).smoothed
    np.testing.assert_allclose(smoothed[-1].reshape(-1), ref["smoothed_last"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(smoothed[0].reshape(-1), ref["smoothed_first"], rtol=1e-6, atol=1e-9)


def test_a_chain_of_several_axes_is_taken_along_one_after_the_other():
    """Its transition is the product of three, and no such matrix is made."""
    small = stochastic_volatility_pricing.build(2, 3, 4)
    solution = estim.solve(small, {"beta": 0.97, "gamma": 1.5})
    p = solution.params
    axes = ((p.rho_c, p.s_c, 2), (p.rho_d, p.s_d, 3), (p.rho_z, p.s_z, 4))
    chains = [estim.grids.tauchen(*axis).transition for axis in axes]
    whole = np.kron(np.kron(chains[0], chains[1]), chains[2])
    law = np.random.default_rng(0).dirichlet(np.ones(24)).reshape(2, 3, 4)
    np.testing.assert_allclose(
        small.motion(law, solution, p).reshape(-1), law.reshape(-1) @ whole, rtol=1e-12
    )
    np.testing.assert_allclose(
        solution.distribution.reshape(-1) @ whole, solution.distribution.reshape(-1), rtol=1e-9
    )
    large = stochastic_volatility_pricing.model
    frame = pd.DataFrame({"claim": 0, "log_ratio": [5.0] * 30, "growth": 0.005})
    posterior = estim.build_posterior(large, frame)
    program = str(jax.make_jaxpr(jax.grad(posterior.loglikelihood_fn))(posterior.start))
    assert "[28,14,14,14]" in program or "14,14,14]" in program
    assert "2744,2744" not in program


# ----- bad input


@cache
def scalar_density():
    return regimes(log_probability=lambda row, solution, p: -((row.y - p.low) ** 2) - p.stay - p.high - p.sd)


@pytest.mark.parametrize(
    "changed,words",
    [
        (dict(motion=None, population=None), "to have motion, .* by which the hidden state moves"),
        (dict(log_probability=None), "to have log_probability, .* log-densities in each state"),
        (dict(unit=""), "to have unit, the column that says whose a row is"),
    ],
)
def test_what_a_model_must_say(changed, words):
    with pytest.raises(ArgumentError, match=f"likelihood HiddenMarkov needs regimes {words}"):
        estim.build_posterior(regimes(**changed), DATA, likelihood="hidden_markov")


def test_numbers_and_arrays_are_for_different_likelihoods():
    """By default the right one is taken; the other says what it wants."""
    with pytest.raises(ArgumentError, match="log_probability of regimes to be a log-density in each state"):
        estim.build_posterior(scalar_density(), DATA, likelihood=estim.HiddenMarkov())
    full = DATA.dropna()
    assert "Panel" in repr(estim.build_posterior(scalar_density(), full).likelihood)
    with pytest.raises(
        ModelError, match=r"log_probability must be one number, not of shape \(3,\); .*HiddenMarkov"
    ):
        estim.loglikelihood(MODEL, VALUES, full, likelihood=estim.Panel())
    assert rust_1987.model.motion is None  # its states are seen: a panel, without a look at shapes


def test_data_that_cannot_be_read():
    with pytest.raises(DataError, match="the data lack the column 'country', which says whose a row is"):
        estim.build_posterior(MODEL, DATA.drop(columns="country"))
    with pytest.raises(DataError, match="column 'country' is missing in row 2"):
        estim.build_posterior(MODEL, DATA.assign(country=[*"aa", None, *"babbba"][:9]))
    with pytest.raises(DataError, match="regimes observes z, which the data lack"):
        estim.build_posterior(MODEL, DATA.drop(columns="z"))
    reads = regimes(log_probability=lambda row, s, p: norm_of(row.y, p) + row.seen.z)
    with pytest.raises(
        DataError, match="regimes: row 4 of the data lacks y, z, which its log_probability reads"
    ):
        estim.build_posterior(reads, DATA)


def norm_of(y, p):
    return jax.scipy.stats.norm.logpdf(y, means(p), p.sd)


def test_what_is_impossible_has_no_gradient():
    """A row that no state can give, though each by itself may be."""
    never = regimes(log_probability=lambda row, s, p: jnp.where(row.y > 1, -jnp.inf, norm_of(row.y, p)))
    data = DATA.dropna(subset=["y"])
    with pytest.raises(SolutionError, match="a row of the data is impossible: its probability is zero"):
        estim.loglikelihood(never, VALUES, data)
    posterior = estim.build_posterior(never, data)
    at = lambda params: posterior.likelihood.at(params, posterior.data).value
    gradient = jax.grad(at)(jax.tree.map(jnp.asarray, never.params(VALUES)))
    assert all(float(g) == 0.0 for g in gradient)


def test_a_price_that_is_infinite_is_a_status():
    model = markov_asset_pricing.build(15)
    posterior = estim.build_posterior(model, claims(1, 20)[2])
    at = lambda beta: posterior.likelihood.at(model.params()._replace(beta=beta), posterior.data)
    outcome, gradient = at(1.05), jax.grad(lambda beta: at(beta).value)(1.05)
    assert outcome.status == estim.Status.INFINITE_VALUE and outcome.value == -jnp.inf and gradient == 0.0
