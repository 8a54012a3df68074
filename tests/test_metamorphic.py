"""A model in other words is the same model: what theory says happens to each number when names, orders, units or
scales change, when the sample is split, or when a parameter is written differently."""

from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from restated import Scales, equation_names, restate, shuffled
from small_models import coarse

import estim
from estim import priors
from estim.analysis import smooth, theoretical_moments
from estim.estimation import model_loglikelihood
from estim.likelihood.state_space.kalman import kalman_likelihood
from estim.results.diagnostics import summarise
from estim.solution import impulse_responses, solve_state_space
from estim.solution.sequence_space.linear_system import solve_moving_average
from estim.solution.sequence_space.stationary_equilibrium import default_household_jacobians
from estim.solution.simulate import simulate
from estim.status import SolutionError, Status


class Variables(NamedTuple):
    y: Any
    pi: Any
    r: Any
    z: Any
    g: Any
    a: Any


class Shocks(NamedTuple):
    ez: Any
    eg: Any
    er: Any
    ea: Any


class Observables(NamedTuple):
    Y: Any
    P: Any
    R: Any


class Params(NamedTuple):
    kappa: Any = priors.gamma(0.3, 0.1)
    psi: Any = priors.normal(1.6, 0.1)
    rho: Any = priors.beta(0.7, 0.1)
    drift: Any = priors.normal(0.4, 0.1)
    sd: Any = priors.inverse_gamma_1(0.5, 4.0)
    root: Any = 0.9


def residuals(lag, now, lead, e, p):
    return {
        "demand": now.y - lead.y + now.r - lead.pi - now.g,
        "supply": now.pi - 0.99 * lead.pi - p.kappa * (now.y - now.z),
        "rule": now.r - 0.6 * lag.r - 0.4 * (p.psi * now.pi + 0.2 * now.y) - 0.2 * e.er,
        "cost": now.z - p.rho * lag.z - p.sd * e.ez,
        "spending": now.g - 0.8 * lag.g - 0.3 * e.eg,
        "technology": now.a - p.root * lag.a - 0.4 * e.ea,
    }


NEW_KEYNESIAN = estim.Model(
    name="new_keynesian",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=lambda p: Variables(*[0.0] * 6),
    residuals=residuals,
    measurement=lambda now, lag, p: Observables(now.y + now.a, 0.5 + 4 * now.pi, 1.0 + 4 * now.r),
    trend=lambda p: Observables(p.drift, 0.0, 0.0),
    prior=Params(),
)
GROWING = replace(NEW_KEYNESIAN, name="growing", prior=Params(root=1.0))
LINEAR = {"stationary": (NEW_KEYNESIAN, {}), "diffuse": (GROWING, {"start": "diffuse"})}


@cache
def sample(name, missing=0.1):
    model = LINEAR[name][0]
    y = np.asarray(simulate(solve_state_space(model, model.params()), jax.random.key(3), 60))
    gaps = np.random.default_rng(0).random(y.shape) < missing
    gaps[:2] = False
    return np.where(gaps, np.nan, y)


@cache
def in_words(seed):
    """The model in other words (seed None: in its own)."""
    model = NEW_KEYNESIAN
    return model if seed is None else restate(model, shuffled(model, seed), equation_names(model))


N_STATES, N_SHOCKS = 7, 5


def widened(s):
    """With idle states and shocks, so that the model has as many in all words, and one filter serves them all."""
    (n, e), pad = s.selection.shape, jnp.pad
    states, shocks, none = (0, N_STATES - n), (0, N_SHOCKS - e), (0, 0)
    return s._replace(
        transition=pad(s.transition, (states, states)),
        selection=pad(s.selection, (states, shocks)),
        state_cov=pad(s.state_cov, (shocks, shocks)),
        design=pad(s.design, (none, states)),
    )


@cache
def solver(model):
    """The state space, and its derivatives in every value."""

    @jax.jit
    def solve(values, fixed):
        at = jnp.stack([jnp.asarray(x, float) for x in values.values()])

        def state_space(at):
            named = dict(zip(values, at, strict=True))
            found = widened(solve_state_space(model, model.params(named | fixed)))
            return found._replace(status=None), found.status

        along = lambda direction: jax.jvp(state_space, (at,), (direction,), has_aux=True)
        found, slopes, status = jax.vmap(along)(jnp.eye(len(at)))
        return jax.tree.map(lambda x: x[0], found)._replace(status=status[0]), slopes

    return solve


@cache
def filtered(name):
    """Log-likelihood and status of a state space, and the derivatives in all of its entries."""

    def loglikelihood(state_space, y):
        found = kalman_likelihood(state_space, y, method="standard", **LINEAR[name][1])
        return found.value, found.status

    return jax.jit(jax.value_and_grad(loglikelihood, has_aux=True, allow_int=True))


def likelihood(name, model, values, scales, y):
    """Value, gradient in the parameters, and status."""
    state_space, slopes = solver(model)(values, scales | {"root": float(LINEAR[name][0].prior.root)})
    (value, status), gradient = filtered(name)(state_space, y)
    numbers = [(g, e) for g, e in zip(gradient, slopes, strict=True) if e is not None]
    return (
        value,
        {n: sum(np.vdot(g, e[i]) for g, e in numbers) for i, n in enumerate(values)},
        status,
    )


SCALE = st.floats(-3.0, 3.0).map(lambda x: 10.0**x)
SIGN = st.sampled_from([-1.0, 1.0])
EXAMPLES = settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
VALUES = st.fixed_dictionaries(
    {
        "kappa": st.floats(0.1, 0.6),
        "psi": st.floats(1.2, 2.5),
        "rho": st.floats(0.2, 0.95),
        "drift": st.floats(0.0, 1.0),
        "sd": st.floats(0.1, 2.0),
    }
)


def draw_scales(data, model, names):
    scales = Scales(model, names)
    drawn = {
        n: data.draw(SCALE)
        for kind in (scales.units, scales.observed, scales.equations)
        for n in kind.values()
    }
    return scales, drawn | {n: data.draw(SIGN) for n in scales.signs.values()}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", LINEAR)
@EXAMPLES
@given(data=st.data())
def test_a_linear_model_in_other_words(name, seed, data):
    values = data.draw(VALUES)
    model, anew = in_words(None), in_words(seed)
    scales, drawn = draw_scales(data, model, equation_names(model))
    if name == "diffuse":  # one unit for all: the level's first observation has the units of its own row
        drawn |= dict.fromkeys(scales.observed.values(), drawn["observed_Y"])
    y, order = sample(name), [f"observed_{o.removesuffix('_anew')}" for o in anew.observables._fields]
    places = [model.observables._fields.index(o.removesuffix("_anew")) for o in anew.observables._fields]
    factors = np.array([drawn[n] for n in order])
    value, slope, status = likelihood(name, model, values, {}, y)
    value_anew, slope_anew, status_anew = likelihood(name, anew, values, drawn, y[:, places] * factors)
    assert status == status_anew == Status.OK
    counted = (~np.isnan(y)).sum(axis=0)[places] @ np.log(factors)
    diffuse = np.log(drawn["observed_Y"]) if name == "diffuse" else 0.0
    assert value_anew + counted - diffuse == pytest.approx(float(value), abs=1e-6)
    largest = max(abs(float(x)) for x in slope.values())
    for n in slope:
        assert slope_anew[n] == pytest.approx(float(slope[n]), abs=1e-6 * largest), n


@EXAMPLES
@given(data=st.data())
def test_responses_moments_and_smoothed_shocks_in_other_words(data):
    model, anew = in_words(None), in_words(1)
    scales, drawn = draw_scales(data, model, equation_names(model))
    values = data.draw(VALUES)
    own, other = impulse_responses(model, values, 8), impulse_responses(anew, values | drawn, 8)
    for v in model.variables._fields:
        for s in model.shocks._fields:
            factor = drawn[scales.units[v]] * drawn[scales.signs[s]]
            size = drawn[scales.units[v]] * float(abs(own).max())
            np.testing.assert_allclose(
                other.sel(variable=f"{v}_anew", shock=f"{s}_anew"),
                factor * own.sel(variable=v, shock=s),
                atol=1e-9 * size,
            )
    assert float(abs(other.sel(variable="aside").drop_sel(shock="unseen")).max()) == 0.0
    states = [solver(m)(values, x | {"root": 0.9})[0] for m, x in ((model, {}), (anew, drawn))]
    places = [model.observables._fields.index(o.removesuffix("_anew")) for o in anew.observables._fields]
    factors = np.array([drawn[scales.observed[model.observables._fields[i]]] for i in places])
    cov, cov_anew = (np.asarray(theoretical_moments(s, 2).autocovariance) for s in states)
    sd = np.sqrt(np.diag(cov[0]))[places] * factors
    expected = cov[:, places][:, :, places] * factors[:, None] * factors
    assert np.abs((cov_anew - expected) / np.outer(sd, sd)).max() < 1e-8
    y = sample("stationary")
    shocks, shocks_anew = (
        smooth(s, jnp.asarray(x)).shocks.mean
        for s, x in zip(states, (y, y[:, places] * factors), strict=True)
    )
    for i, name in enumerate(anew.shocks._fields):
        if name == "unseen":
            np.testing.assert_allclose(shocks_anew[:, i], 0.0, atol=1e-9)
            continue
        old = name.removesuffix("_anew")
        sign = drawn[scales.signs[old]]
        np.testing.assert_allclose(
            shocks_anew[:, i], sign * shocks[:, model.shocks._fields.index(old)], atol=1e-7
        )


@pytest.mark.parametrize("change", [{"psi": 0.5}, {"root": 1.2}])
def test_verdicts_in_other_words(change):
    verdicts = []
    for model in (in_words(None), in_words(1)):
        with pytest.raises(SolutionError) as caught:
            impulse_responses(model, change, 8)
        verdicts.append(caught.value.status)
    assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize(
    ("method", "cut"),
    [("standard", 1), ("standard", 17), ("standard", 59), ("square_root", 1), ("parallel", 59)],
)
def test_the_sample_in_two_parts(method, cut):
    """ln p(y) = ln p(first part) + ln p(second part given the first); how it is cut is no method's own business."""
    y, params = sample("stationary"), NEW_KEYNESIAN.params()
    whole, first, second = (
        float(model_loglikelihood(NEW_KEYNESIAN, params, part, method=method, presample=skipped)[0])
        for part, skipped in ((y, 0), (until(cut, y), 0), (y, cut))
    )
    assert whole == pytest.approx(first + second, abs=1e-8)


def until(cut, y):
    """The first part of the sample; what is missing after it is integrated out, by the program of the whole."""
    return np.where(np.arange(len(y))[:, None] < cut, y, np.nan)


@pytest.mark.parametrize("cut", [3, 30])
def test_a_diffuse_sample_in_two_parts(cut):
    y, params = sample("diffuse"), GROWING.params()
    whole, first, second = (
        float(model_loglikelihood(GROWING, params, part, start="diffuse", presample=skipped)[0])
        for part, skipped in ((y, 0), (until(cut, y), 0), (y, cut))
    )
    assert whole == pytest.approx(first + second, abs=1e-8)


def test_the_first_part_alone_is_the_sample_with_the_rest_missing():
    """What the two tests above take for granted, by a shorter sample."""
    y, params = sample("stationary"), NEW_KEYNESIAN.params()
    long, short = (model_loglikelihood(NEW_KEYNESIAN, params, part)[0] for part in (until(17, y), y[:17]))
    assert float(long) == pytest.approx(float(short), abs=1e-9)


@pytest.mark.parametrize("freq", ["QE", "ME", "YE", "D"])
def test_dates_of_another_frequency_are_names(freq):
    frame = pd.DataFrame(sample("stationary"), columns=list(Observables._fields))
    want = estim.loglikelihood(NEW_KEYNESIAN, {}, frame)
    dated = frame.set_index(pd.date_range("1960-01-01", periods=len(frame), freq=freq))
    assert estim.loglikelihood(NEW_KEYNESIAN, {}, dated) == want
    assert estim.loglikelihood(NEW_KEYNESIAN, {}, dated[["R", "Y", "P"]].assign(other=1.0)) == want


def test_a_parameter_written_in_logs():
    """sd = exp(l): the likelihood is the same number, and its derivative in l is sd times that in sd."""

    def logged(function):
        return lambda *args: function(*args[:-1], args[-1]._replace(sd=jnp.exp(args[-1].sd)))

    anew = replace(
        NEW_KEYNESIAN,
        name="logged",
        residuals=logged(residuals),
        prior=Params(sd=priors.normal(-1.0, 0.5)),
    )
    y = sample("stationary")

    values = {"kappa": 0.3, "psi": 1.6, "rho": 0.7, "drift": 0.4}
    value, slopes, _ = likelihood("stationary", NEW_KEYNESIAN, values | {"sd": 0.7}, {}, y)
    value_anew, slopes_anew, _ = likelihood("stationary", anew, values | {"sd": np.log(0.7)}, {}, y)
    slope, slope_anew = slopes["sd"], slopes_anew["sd"]
    assert value_anew == pytest.approx(float(value), rel=1e-12)
    assert slope_anew == pytest.approx(0.7 * float(slope), rel=1e-9)


@EXAMPLES
@given(seed=st.integers(0, 10_000), chains=st.integers(2, 6), power=st.integers(-10, 10))
def test_chains_in_another_order_and_parameters_in_other_units(seed, chains, power):
    """A power of two does not round: of an even number of draws two are as far from the median, and tie."""
    rng, factor = np.random.default_rng(seed), 2.0**power
    draws = rng.normal(size=(chains, 40, 3)).cumsum(axis=1)
    own, anew = summarise(draws), summarise(factor * draws[rng.permutation(chains)])
    for field in ("mean", "std", "quantiles", "mcse"):
        np.testing.assert_allclose(getattr(anew, field), factor * getattr(own, field), rtol=1e-9)
    for field in ("rhat", "ess_bulk", "ess_tail"):
        np.testing.assert_allclose(getattr(anew, field), getattr(own, field), rtol=1e-6)


# --- sequence space ---


@cache
def household_programs():
    """Each solves for its household once, which the parameters that move leave as it is."""
    model = coarse("krusell_smith_1998")
    how = shuffled(model, 5, renamed=False, extras=False)
    anew = restate(model, how, equation_names(model))

    def build(model):
        household = default_household_jacobians(model)

        @jax.jit
        def evaluate(values, scales, y, household):
            def fn(values):
                params = model.params(values | scales)
                return model_loglikelihood(model, params, y, household)

            (value, status), slope = jax.value_and_grad(fn, has_aux=True)(values)
            return value, slope, status

        return lambda *args: evaluate(*args, household)

    return model, build(model), build(anew)


def test_a_household_model_in_other_words():
    """Orders, scales of equations and the observable's unit; the household's own variables keep theirs."""
    model, own, other = household_programs()
    names = Scales(model, equation_names(model))
    values = {"rho_Z": jnp.asarray(0.8), "sig_Z": jnp.asarray(1.0)}
    y = np.random.default_rng(1).normal(size=(40, 1))
    y[7] = np.nan
    value, slope, status = own(values, {}, y)
    assert status == Status.OK
    for power in (-2.0, 3.0):
        drawn = {n: 10.0 ** (power * (-1) ** i) for i, n in enumerate(names.equations.values())}
        drawn |= {"observed_Y": 100.0, "sign_eps_Z": -1.0}
        value_anew, slope_anew, status_anew = other(values, drawn, 100.0 * y)
        assert status_anew == Status.OK
        assert value_anew + 39 * np.log(100.0) == pytest.approx(float(value), abs=1e-5)
        for n in slope:
            assert slope_anew[n] == pytest.approx(float(slope[n]), rel=1e-4), n


def test_a_moving_average_in_other_units_and_in_two_parts():
    from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood

    model, _, _ = household_programs()
    solve = jax.jit(solve_moving_average, static_argnums=0)
    solution = solve(model, model.params(), default_household_jacobians(model))
    y = np.random.default_rng(2).normal(size=(40, 1))
    whole = float(toeplitz_loglikelihood(solution, y))
    for cut in (1, 25):
        first, second = (
            toeplitz_loglikelihood(solution, y[:cut]),
            toeplitz_loglikelihood(solution, y, presample=cut),
        )
        assert whole == pytest.approx(float(first + second), abs=1e-7)
    scaled = solution._replace(
        impulse_responses=1e4 * solution.impulse_responses, obs_intercept=1e4 * solution.obs_intercept
    )
    assert float(toeplitz_loglikelihood(scaled, 1e4 * y)) + 40 * np.log(1e4) == pytest.approx(whole, abs=1e-5)
