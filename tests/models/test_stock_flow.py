"""Models SIM and PC: rest points, paths, derivatives and accounts, by independent programs and by hand."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.accounts import Accounts
from estim.models import load_model

REFERENCE = Path(__file__).parents[1] / "reference"
SIM, PC, BMW, US = (load_model(f"godley_lavoie_2007_{name}") for name in ("sim", "pc", "bmw", "us"))
SWINGS = {"a1w": 0.75, "a1r": 0.4, "gamma": 0.25, "labour": 190.0}  # an accelerator strong enough for cycles
POINTS_OF_SIM, POINTS_OF_PC = (
    json.loads((REFERENCE / f"{name}.json").read_text())["points"] for name in ("sfc_sim", "sfc_pc")
)


def at(path, periods, name):
    """Numbers of a path of states in periods counted from 1."""
    return np.asarray(getattr(path.states, name))[np.array(periods) - 1]


@pytest.mark.parametrize("point", POINTS_OF_SIM, ids=["book", "other"])
def test_sim(point):
    p = point["parameters"]
    rest = SIM.start(SIM.params(p))
    for name in "YCTH":
        np.testing.assert_allclose(getattr(rest, name), point["steady_state"][name], rtol=1e-12)
    path = SIM.compiled_path(p, np.zeros((60, 2)), start=type(rest)(*np.zeros(5)))
    for name in "YCTH":
        np.testing.assert_allclose(
            at(path, point["path_periods"], name), point["path_from_H_0"][name], rtol=1e-12
        )
    more = SIM.compiled_path(p | {"G": p["G"] + 5}, np.zeros((60, 2)), start=rest)
    expected = point["impulse_G_plus_5_from_steady_state"]
    np.testing.assert_allclose(at(more, [1, 2, 3, 5, 10, 20], "Y"), expected, rtol=1e-12)


@pytest.mark.parametrize("point", POINTS_OF_SIM, ids=["book", "other"])
def test_sensitivities_of_sim(point):
    p, quoted = point["parameters"], point["loss_example"]
    rest = estim.sensitivities(lambda given: SIM.start(SIM.params(given)), p)
    np.testing.assert_allclose(rest.Y["theta"], point["dY_steady_dtheta"], rtol=1e-10)
    for name, slope in point["dH_steady"].items():
        np.testing.assert_allclose(rest.H[name], slope, rtol=1e-10, err_msg=name)

    def loss(given):
        states = SIM.path(given, np.zeros((60, 2)), start=type(rest)(*np.zeros(5))).states
        gap = jnp.mean((states.Y - 100) ** 2)
        return gap + 2 * jnp.sum(jnp.diff(states.Y) ** 2) / 60 + 0.1 * jnp.mean((states.H / states.Y) ** 2)

    np.testing.assert_allclose(loss(p), quoted["value"], rtol=1e-12)
    moves = estim.sensitivities(loss, p)
    np.testing.assert_allclose(moves["theta"], quoted["dloss_dtheta_complex_step"], rtol=1e-10)
    np.testing.assert_allclose(moves["alpha1"], quoted["dloss_dalpha1_fd"], rtol=1e-6)
    np.testing.assert_allclose(moves["G"], quoted["dloss_dG_fd"], rtol=1e-6)


@pytest.mark.parametrize("point", POINTS_OF_PC, ids=["rate", "propensity", "other"])
def test_pc(point):
    p = point["parameters"]
    rest = PC.start(PC.params(p))
    known = {"V", "Bh", "Bcb", "Bs", "Y", "C", "T", "r"}
    for name in known:
        np.testing.assert_allclose(getattr(rest, name), point["steady_state"][name], rtol=1e-12, err_msg=name)
    ((name, (first, value)),) = point["scenario"].items()  # from period `first` on, periods counted from 0
    before = PC.compiled_path(p, np.zeros((first, 2)), start=rest)
    begun = type(rest)(*(x[-1] for x in before.states))
    after = PC.compiled_path(p | {name: value}, np.zeros((91 - first, 2)), start=begun)
    for variable in known & set(point["scenario_path"]):
        path = np.concatenate([getattr(before.states, variable), getattr(after.states, variable)])
        found = path[np.array(point["scenario_periods"])]
        np.testing.assert_allclose(found, point["scenario_path"][variable], rtol=1e-11, err_msg=variable)
    empty = type(rest)(*np.zeros(9), r=p["r"])._replace(Y=1.0)
    from_nothing = PC.compiled_path(p, np.zeros((91, 2)), start=empty)
    found = at(from_nothing, [1, 2, 5, 10], "Y")
    np.testing.assert_allclose(found, point["from_zero_stocks_Y"][:4], rtol=1e-11)


@pytest.mark.parametrize("point", POINTS_OF_PC[1:], ids=["book", "other"])
def test_sensitivities_of_pc(point):
    rest = estim.sensitivities(lambda given: PC.start(PC.params(given)), point["parameters"])
    for param, slopes in point["steady_state_derivatives"].items():
        for variable, slope in slopes.items():
            np.testing.assert_allclose(getattr(rest, variable)[param], slope, rtol=1e-6, err_msg=param)


def by_hand(p, income, capital, wealth, rate, demand, years):
    """BMWK period by period: income, capital, deposits, unemployment."""
    rest = BMW.start(BMW.params(p))
    p, found = BMW.params(p), []
    for year in range(years):
        worn = p.delta * capital
        invested = p.gamma * (p.kappa * income - capital) + worn
        profit_free = p.a1r * rate * wealth + p.a2 * wealth + p.a0 + (demand if year == 0 else 0.0)
        income = (invested + profit_free - p.a1w * (rate * wealth + worn)) / (1 - p.a1w)
        wages = income - rate * wealth - worn
        wealth, capital = wealth + wages + rate * wealth - (income - invested), capital + invested - worn
        idle = 1 - income / (p.productivity * p.labour)
        rate = p.r - p.response * (idle - rest.u)
        found.append((income, capital, wealth, idle))
    return np.array(found)


def test_bmw_rests_where_the_book_says():
    """Y = a0 / ((1 - a1)(1 - delta kappa) - a2 kappa), 200 in the book, and 28 more of it with a0 = 28."""
    for a0, income in ((25.0, 200.0), (28.0, 224.0)):
        rest = BMW.start(BMW.params({"a0": a0, "a1w": 0.75, "a1r": 0.75}))
        assert float(rest.Y) == pytest.approx(income, rel=1e-12)
        assert float(rest.K) == float(rest.L) == float(rest.M) == pytest.approx(income)
        path = BMW.compiled_path({"a0": a0, "a1w": 0.75, "a1r": 0.75}, np.zeros((50, 2)))
        np.testing.assert_allclose(path.states.Y, income, rtol=1e-12)


@pytest.mark.parametrize("more", [{}, {"response": 0.4}], ids=["the rate stays", "it answers"])
def test_bmw_by_hand(more):
    p = SWINGS | more
    rest = BMW.start(BMW.params(p))
    want = by_hand(p, float(rest.Y), float(rest.K), float(rest.M), 0.04, 4.0, 30)
    s = BMW.compiled_path(p, np.eye(30)[:1].T * np.array([[4.0, 0.0]])).states
    np.testing.assert_allclose(np.stack([s.Y, s.K, s.M, s.u], axis=1), want, rtol=1e-10)


def test_a_rate_that_answers_unemployment_damps_the_cycle():
    """Found by gradient; with the best response nothing swings any more, and every way away from it costs something."""
    shocks = np.random.default_rng(1).normal(size=(60, 2)) * np.array([1.0, 0.0])
    rest = BMW.start(BMW.params(SWINGS))

    def parts(policy):
        s = BMW.path(SWINGS | policy, shocks).states
        debt = s.L / s.Y - rest.L / rest.Y
        return {
            "unemployment": jnp.mean((100 * (s.u - rest.u)) ** 2),
            "volatility": jnp.mean(jnp.diff(s.Y) ** 2),
            "debt": jnp.mean((100 * debt) ** 2),
        }

    weights = {"volatility": 0.1, "debt": 0.05}
    best = estim.control(parts, {"response": 0.0}, weights=weights, bounds={"response": (0.0, 1.5)})
    loss = lambda response: float(
        sum(weights.get(n, 1.0) * x for n, x in jax.jit(parts)({"response": response}).items())
    )
    assert best.success and 0.05 < best.policy["response"] < 1.45
    assert best.loss < 0.7 * loss(0.0)
    assert min(loss(best.policy["response"] + d) for d in (-0.02, 0.02)) > best.loss
    slope = estim.sensitivities(lambda x: parts({"response": x})["unemployment"], 0.3)
    ends = [parts({"response": 0.3 + d})["unemployment"] for d in (1e-5, -1e-5)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-7)


@pytest.mark.parametrize(
    "model, params",
    [(SIM, {}), (PC, {}), (PC, {"premium": 0.05}), (BMW, SWINGS | {"response": 0.4}), (US, {})],
)
def test_the_accounts_balance_every_period(model, params):
    shocks = np.random.default_rng(0).normal(size=(200, len(model.shocks._fields)))
    found = model.imbalances(params, shocks)
    if model in (SIM, PC):
        assert {"stock cash", "flow taxes", "saving of households", "saving of government"} <= set(found)
    elif model is BMW:
        assert {"stock loans", "flow wages", "saving of banks", "saving of firms' capital"} <= set(found)
    for identity, gaps in found.items():
        assert gaps.shape == (200,) and np.abs(gaps).max() < 1e-12, identity


def test_accounts_that_do_not_balance_are_told_by_name():
    """Taxes that the government does not receive."""
    right = SIM.accounts
    flows = lambda before, now, p: right.flows(before, now, p) | {"taxes": {"households": -now.T}}
    found = replace(SIM, accounts=Accounts(right.stocks, flows)).imbalances(None, np.zeros((3, 2)))
    wrong = {name for name, gaps in found.items() if np.abs(gaps).max() > 1e-9}
    assert wrong == {"flow taxes", "saving of government"}
    np.testing.assert_allclose(found["flow taxes"], -20.0)
    with pytest.raises(estim.ModelError, match="declares no accounts"):
        load_model("leontief_1936").imbalances(None, np.zeros((3, 1)))


def test_forty_years_of_policy_with_a_rate_that_debt_moves():
    """The best path beats the best constant policy and a year's delay; the gradient in years 1, 20 and 40 is right."""
    params = {"a1": 0.6, "a2": 0.4, "premium": 0.05}
    rest = PC.start(PC.params(params))

    def loss(spending):
        s = PC.path(params, jnp.stack([spending, jnp.zeros(40)], axis=1)).states
        debt = s.Bs / s.Y - rest.Bs / rest.Y
        turns = jnp.diff(s.G, prepend=rest.G)
        return jnp.mean((100 * (s.Y / 110 - 1)) ** 2 + 0.2 * (100 * debt) ** 2 + turns**2)

    constant = estim.control(lambda level: loss(jnp.full(40, level)), 0.0)
    best = estim.control(loss, np.zeros(40))
    late = estim.control(lambda rest: loss(jnp.concatenate([jnp.zeros(1), rest])), best.policy[1:])
    assert best.success and best.loss < 0.3 * constant.loss and best.loss < late.loss
    at, compiled = np.linspace(0.5, 1.5, 40), jax.jit(loss)
    gradient = estim.sensitivities(loss, at)
    for year in (1, 20, 40):
        step = 1e-4 * np.eye(40)[year - 1]
        np.testing.assert_allclose(
            gradient[year - 1], (compiled(at + step) - compiled(at - step)) / 2e-4, rtol=1e-7
        )


def households_by_hand(p, spent, kept, appetite):
    """Quarter by quarter: output, consumption, income and wealth; within one, income and spending go round."""
    wealth, consumption, found = p.H_0, 0.0, []
    for g, x, v in zip(spent, kept, appetite, strict=True):
        old = wealth / (1 + p.growth)
        for _ in range(200):
            income = (1 - p.theta) * (consumption + p.G + g) - x
            consumption = p.alpha1 * income + p.alpha2 * old + v
        wealth = old + income - consumption
        found.append((consumption + p.G + g, consumption, income, wealth))
    return np.array(found)


def test_households_of_the_united_states_by_hand():
    p = US.params({"alpha1": 0.3, "alpha2": 0.08, "H_0": 550.0})
    rng = np.random.default_rng(0)
    persistent = rng.normal(size=(3, 30))  # spent, appetite, kept, above their means
    rhos, sds = (p.rho_g, p.rho_v, p.rho_x), (p.s_g, p.s_v, p.s_x)
    shocks = [(x - rho * np.r_[0, x[:-1]]) / sd for x, rho, sd in zip(persistent, rhos, sds, strict=True)]
    states = US.compiled_path(p, np.stack(shocks, axis=1)).states
    spent, appetite, kept = persistent
    want = households_by_hand(p, spent, kept, appetite)
    found = np.stack([states.Y, states.C, states.YD, states.H], axis=1)
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_the_path_of_consumption_tells_propensities_and_hidden_wealth():
    """Without a shock to consumption nothing else is free; the data set of the United States has what is observed."""
    truth = {"alpha1": 0.3, "alpha2": 0.08, "H_0": 550.0}
    others = np.random.default_rng(1).normal(size=(80, 3)) * np.array([1.0, 0.0, 1.0])
    consumption = lambda values: US.path(values, others).observables.C
    start = {"alpha1": 0.5, "alpha2": 0.05, "H_0": 700.0}
    found = estim.calibrate(consumption, start, targets=consumption(truth))
    assert found.values == pytest.approx(truth, rel=1e-4)
    data = estim.load_data("us_accounts", "1984Q1", "2019Q4")
    assert list(data) == list(US.observables._fields)
    assert np.isfinite(estim.loglikelihood(US, truth, data))
