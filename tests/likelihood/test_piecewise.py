"""The likelihoods of a piecewise-linear solution: against independent numbers, Kalman's filter, and differences."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.linalg
from bounded import Observables, Params, bounded

import estim
from estim import priors
from estim.analysis import smoothed_history
from estim.arguments import ArgumentError
from estim.likelihood.nonlinear.inversion import Inversion
from estim.likelihood.nonlinear.piecewise_inversion import invert_piecewise
from estim.likelihood.nonlinear.piecewise_kalman import PiecewiseKalman, filter_piecewise
from estim.results.diagnostics import summarise
from estim.status import Status

REFERENCE = Path(__file__).parent.parent / "reference"
ALL_NUMBERS = json.loads((REFERENCE / "binding_at_times.json").read_text())
NUMBERS = ALL_NUMBERS["likelihood"]
BY_MODEL = {"nk3_zlb": NUMBERS, "as07_zlb": ALL_NUMBERS["likelihood_as07_zlb"]}


@cache
def solved(name):
    """The solution at each of the points."""
    model, solver = estim.read_mod(REFERENCE / "mod" / f"{name}.mod").model, estim.OccasionallyBinding()
    points = BY_MODEL[name]["points"]
    at = [p["params"] | {f"stderr_{s}": sd for s, sd in p["shock_sd"].items()} for p in points]
    return [solver.solve(model, model.params(values)) for values in at]


@pytest.fixture
def solutions():
    return solved("nk3_zlb")


def table(name, model="nk3_zlb"):
    return jnp.asarray(np.array(BY_MODEL[model][name], float))


@pytest.mark.parametrize("name", BY_MODEL)
def test_inversion(name):
    for solution, expected in zip(solved(name), BY_MODEL[name]["inversion"], strict=True):
        value, status = Inversion().loglikelihood(solution, table("inversion_data", name))
        assert float(value) == pytest.approx(expected, abs=1e-6) and int(status) == Status.OK


def test_inverted_shocks(solutions):
    found = jax.jit(invert_piecewise, static_argnums=2)(solutions[0], table("inversion_data"), (0, 1, 2))
    sd = np.array([*NUMBERS["points"][0]["shock_sd"].values()])
    np.testing.assert_allclose(np.asarray(found.shocks) * sd, NUMBERS["shocks"], rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", BY_MODEL)
def test_piecewise_kalman(name):
    errors = jnp.diag(jnp.array(BY_MODEL[name]["measurement_error_sd"]) ** 2)
    for case in BY_MODEL[name]["piecewise_kalman"]:
        solution = solved(name)[case["point"]]
        if case["variant"] == "measurement_error":
            solution = solution._replace(obs_cov=errors)
        value, status = PiecewiseKalman().loglikelihood(solution, table(f"{case['variant']}_data", name))
        if case["agree"]:
            assert float(value) == pytest.approx(case["loglik"], abs=1e-6) and int(status) == Status.OK
        else:  # the regimes of a period go round in a cycle
            assert np.isneginf(value) and int(status) == Status.NO_REGIMES


PARAMS = ("sigma", "phi", "rho", "bound", "sd_r", "sd_rule")
NOISY = replace(bounded, name="noisy", measurement_error=lambda p: Observables(0.1, 0.05))


@pytest.fixture(scope="module")
def observed():
    """Twenty periods, the rate at its bound in some of them, and missing there."""
    shocks = np.random.default_rng(3).normal(size=(20, 2)) * [1.5, 1.0]
    solver = {"name": "occasionally_binding", "horizon": 12}
    path = estim.simulate(bounded, None, shocks, solver=solver).to_pandas()
    bound = path["i"] < 1e-9 - bounded.params().bound
    assert 3 < bound.sum() < 12
    return jnp.asarray(path[["x", "i"]].mask(bound & (path.index > 0)).assign(x=path["x"]).to_numpy())


@pytest.mark.parametrize(
    ("likelihood", "model"), [(Inversion(), bounded), (PiecewiseKalman(), NOISY)], ids=["inversion", "kalman"]
)
def test_gradient_between_jumps(likelihood, model, observed):
    solver = estim.OccasionallyBinding(horizon=12)
    if model is NOISY:
        observed = observed.at[2, 0].set(jnp.nan)
    value = lambda v: likelihood.loglikelihood(solver.solve(model, type(model.prior)(*v)), observed).value
    both, at = jax.jit(jax.value_and_grad(value)), jnp.array([*model.params()])
    step = 1e-6 * jnp.eye(len(at))
    differences = [(both(at + h)[0] - both(at - h)[0]) / 2e-6 for h in step]
    value_there, gradient = both(at)
    assert np.isfinite(value_there)
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-5 * np.abs(gradient).max())
    failed, nothing = both(at.at[PARAMS.index("bound")].set(-1.0))  # violated at rest
    assert np.isneginf(failed) and not np.any(nothing)


def test_nuts_and_a_random_walk_agree_where_the_density_jumps(observed):
    """Both are within four errors of a quadrature on a grid; of the jumps, as durations change, a finer grid of one
    parameter sees as much as a coarse one."""
    model = replace(bounded, prior=Params(phi=priors.gamma(0.8, 0.2), sd_r=priors.gamma(1.2, 0.3)))
    data = pd.DataFrame(np.asarray(observed), columns=Observables._fields)
    posterior = estim.build_posterior(model, data, solver=PIECEWISE, likelihood=Inversion())
    said = {}
    for name, settings in {"rwmh": (1_500, 300, 4), "nuts": (400, 150, 2)}.items():
        asked = dict(zip(("num_samples", "num_warmup", "num_chains"), settings, strict=True))
        said[name] = summarise(estim.sample(posterior, name, jax.random.key(0), **asked).position)
    ends = said["rwmh"].mean + 4.5 * np.array([[-1.0], [1.0]]) * said["rwmh"].std
    grid = np.stack(np.meshgrid(*np.linspace(*ends, 32).T), axis=-1).reshape(-1, 2)
    line = np.stack([np.linspace(*ends[:, 0], 1024), np.full(1024, said["rwmh"].mean[1])], axis=1)
    log_p = np.asarray(jax.jit(jax.vmap(posterior.logdensity_fn))(np.concatenate([line, grid])))
    step = lambda every: np.abs(np.diff(log_p[:1024:every])).max()
    assert step(1) > 0.15 and step(1) > 0.7 * step(2)
    weight = np.exp(log_p[1024:] - log_p.max())
    mean = np.average(grid, axis=0, weights=weight)
    sd = np.sqrt(np.average((grid - mean) ** 2, axis=0, weights=weight))
    for name, found in said.items():
        assert (np.abs(found.mean - mean) < 4 * found.mcse).all(), name
        np.testing.assert_allclose(found.std, sd, rtol=0.15)


@pytest.mark.parametrize("gaps", [False, True])
def test_what_never_binds_is_filtered_as_by_kalman(gaps, observed):
    far = NOISY.params({"bound": 1e3})
    y = jnp.nan_to_num(observed) if not gaps else observed.at[5].set(jnp.nan)
    piecewise = estim.OccasionallyBinding(horizon=12).solve(NOISY, far)
    value, status = PiecewiseKalman().loglikelihood(piecewise, y)
    expected = estim.kalman_loglikelihood(estim.solve(NOISY, far._asdict()), y)
    assert int(status) == Status.OK and float(value) == pytest.approx(float(expected), abs=1e-9)


def test_what_never_binds_is_inverted_as_by_kalman_from_rest(observed):
    far, y = bounded.params({"bound": 1e3}), jnp.nan_to_num(observed)
    piecewise = estim.OccasionallyBinding(horizon=12).solve(bounded, far)
    linear = estim.solve(bounded, far._asdict())
    R = linear.selection
    rest = estim.Gaussian(jnp.zeros(len(R)), R @ linear.state_cov @ R.T)
    expected = estim.kalman_loglikelihood(linear, y, start=rest)
    assert float(Inversion().loglikelihood(piecewise, y).value) == pytest.approx(float(expected), abs=1e-8)


def test_as_many_shocks_as_observables(observed):
    data = pd.DataFrame(np.asarray(observed), columns=["x", "i"])
    with pytest.raises(ArgumentError, match="gives one shock to two observables"):
        Inversion(paired=(1, 1))
    with pytest.raises(ArgumentError, match="must give each of the 2 observables a shock of its own"):
        estim.loglikelihood(bounded, {}, data, solver=PIECEWISE, likelihood=Inversion(paired=(0, 2)))
    solution = estim.OccasionallyBinding(horizon=12).solve(bounded, bounded.params())
    with pytest.raises(ArgumentError, match=r"there are 2 shocks for 3 observables.*piecewise_kalman"):
        Inversion().loglikelihood(solution, jnp.zeros((4, 3)))


PIECEWISE = {"name": "occasionally_binding", "horizon": 12}


def test_why_there_is_no_likelihood(observed):
    """Observables that are tied, a start that is not stationary, a constraint that never lets go: each by its name."""
    solution = estim.OccasionallyBinding(horizon=12).solve(NOISY, NOISY.params())
    tied = solution._replace(
        obs_cov=jnp.zeros((2, 2)), measured_now=jnp.stack([solution.measured_now[0]] * 2)
    )
    walk = solution._replace(transition=solution.transition / 0.8)  # the natural rate's root is one then
    low = jnp.full_like(observed, -40.0)
    for broken, data, status in (
        (tied, observed, Status.SINGULAR_OBSERVABLES),
        (walk, observed, Status.NO_STATIONARY_START),
        (solution, low, Status.BINDS_FOR_EVER),
    ):
        value, found = PiecewiseKalman().loglikelihood(broken, data)
        assert np.isneginf(value) and int(found) == status
    value, found = Inversion().loglikelihood(solution._replace(obs_cov=jnp.zeros((2, 2))), low)
    assert np.isneginf(value) and int(found) == Status.BINDS_FOR_EVER


def test_smoothed_variables_and_shocks_are_those_of_a_dense_gaussian(observed):
    """Given the regimes of the filter all variables are normal, and their moments given the data a regression."""
    solution = estim.OccasionallyBinding(horizon=12).solve(NOISY, NOISY.params())
    y = observed.at[2, 0].set(jnp.nan)
    filtered = filter_piecewise(solution, y)
    assert np.sum(filtered.binding.any(axis=1)) > 3
    (n, e), periods = solution.selection.shape, len(y)
    T, R, Q = (np.asarray(x) for x in (solution.transition, solution.selection, solution.shock_cov))
    at_first = scipy.linalg.solve_discrete_lyapunov(T, R @ Q @ R.T)
    prior = scipy.linalg.block_diag(at_first, *[Q] * periods)  # of (x_0, e_1, .., e_T)
    x, mean = np.eye(n, n + e * periods), np.zeros(n)  # how x_t depends on them
    rows, means, xs = [], [], []
    for t in range(periods):
        law = solution.law(filtered.binding[t])
        chosen = np.eye(e, n + e * periods, n + e * t)
        now = law.transition @ x + law.selection @ chosen
        mean_now = law.transition @ mean + law.constant
        rows.append(solution.measured_now @ now + solution.measured_lag @ x)
        means.append(solution.measured_now @ mean_now + solution.measured_lag @ mean + solution.obs_intercept)
        x, mean = now, mean_now
        xs.append((x, mean))
    seen = ~np.isnan(np.ravel(y))
    reads, surprise = np.concatenate(rows)[seen], (np.ravel(y) - np.concatenate(means))[seen]
    errors = np.kron(np.eye(periods), solution.obs_cov)[np.ix_(seen, seen)]
    gain = np.linalg.solve(reads @ prior @ reads.T + errors, reads @ prior).T
    given, left = gain @ surprise, prior - gain @ reads @ prior
    states, shocks = smoothed_history(solution, y)
    for t, (x, mean) in enumerate(xs):
        np.testing.assert_allclose(states.mean[t], mean + x @ given, atol=1e-9)
        np.testing.assert_allclose(states.cov[t], x @ left @ x.T, atol=1e-9)
        part = slice(n + e * t, n + e * (t + 1))
        np.testing.assert_allclose(shocks.mean[t], given[part], atol=1e-9)
        np.testing.assert_allclose(shocks.cov[t], left[part, part], atol=1e-9)


def test_the_history_of_an_inversion_is_its_shocks(solutions):
    y = table("inversion_data")
    found = smoothed_history(solutions[0], y, Inversion())
    sd = np.array([*NUMBERS["points"][0]["shock_sd"].values()])
    np.testing.assert_allclose(np.asarray(found.shocks.mean) * sd, NUMBERS["shocks"], atol=1e-8)
