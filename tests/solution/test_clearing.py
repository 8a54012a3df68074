"""Agents between prices that clear markets: the unknown, the distribution and their derivatives."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import estim
from estim.models import aiyagari_1994, hopenhayn_1992, huggett_1993
from estim.numerics.bracketed import solve_bracketed
from estim.solution.stationary import StationarySolver
from estim.status import SolutionError, Status
from estim.tracing import ModelError

REFERENCE = Path(__file__).parents[1] / "reference" / "decisions"


def reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


@cache
def derivatives(model, of):
    """Values and all derivatives, by one program."""
    solve = lambda p: of(StationarySolver().solve(model, p))
    both = jax.jit(lambda p: (solve(p), jax.jacrev(solve)(p)))
    return lambda values: both(jax.tree.map(lambda x: jnp.asarray(x, float), model.params(values)))


# ----- the root between two bounds


@pytest.mark.parametrize(
    "f,low,high",
    [
        (lambda xp, x: xp.cos(x) - x, 0.0, 2.0),
        (lambda xp, x: x**9 - 1e-3, -1.0, 4.0),
        (lambda xp, x: xp.exp(20 * x) - 5.0, -3.0, 3.0),
        (lambda xp, x: x, 0.0, 1.0),  # at a bound
    ],
)
def test_a_root_is_that_of_brent(f, low, high):
    found = solve_bracketed(lambda x, kept: (f(jnp, x), kept + 1), low, high, 0, tolerance=1e-13)
    assert found.x == pytest.approx(brentq(lambda x: f(np, x), low, high, xtol=1e-14), rel=1e-5, abs=1e-12)
    assert bool(found.bracketed)
    assert int(found.kept) == int(found.steps) <= 60


def test_a_jump_is_followed_and_one_sign_is_no_root():
    jump = solve_bracketed(lambda x, kept: (jnp.where(x < 0.7, 1.0, -1.0), kept), 0.0, 1.0, 0)
    assert jump.x == pytest.approx(0.7, rel=1e-11)
    assert not solve_bracketed(lambda x, kept: (1 + x**2, kept), 0.0, 1.0, 0).bracketed


# ----- Aiyagari


def of_capital(solution):
    return solution.params.K


def test_capital_and_its_derivatives():
    ref = reference("aiyagari")["smooth"]
    K, gradient = derivatives(aiyagari_1994.model, of_capital)(None)
    assert pytest.approx(ref["K"], rel=1e-10) == K
    for name, expected in ref["dK_by_implicit_function"].items():
        assert getattr(gradient, name) == pytest.approx(expected, rel=1e-5), name
    assert gradient.beta == pytest.approx(ref["dK_dbeta_full_resolution"], rel=1e-5)
    assert gradient.K == 0.0  # the number that is given is of no matter
    assert aiyagari_1994.model.params({"K": 5.0}).K == 5.0
    solution = estim.solve(aiyagari_1994.model, {"K": 5.0})
    assert pytest.approx(ref["K"], rel=1e-10) == solution.params.K
    where = ref["consumption_at_indices"]
    expected = [where["low_z"], where["high_z"]]
    np.testing.assert_allclose(solution.value[:, np.array(where["i"])], expected, rtol=1e-9)
    r, w = aiyagari_1994.prices(solution.params)
    assert (r, w) == (pytest.approx(ref["r"], rel=1e-9), pytest.approx(ref["w"], rel=1e-9))
    assert float(solution.distribution[:, 0].sum()) == pytest.approx(ref["share_at_zero"], rel=1e-9)
    spent = r * K + w * 0.55 - solution.mean(solution.value)
    assert abs(spent) < 1e-9  # what is not saved is eaten
    law = solution.distribution
    assert float(law[:, -5:].sum()) == pytest.approx(ref["mass_top_5_points"], abs=1e-12)
    assert float(law.sum(axis=1) @ solution.params.z) == pytest.approx(ref["mean_z"], rel=1e-9)
    assets = solution.mean(solution.policy.a**2) - solution.mean(solution.policy.a) ** 2
    assert np.sqrt(assets) < ref["sd_assets"]  # a lottery between points spreads what is chosen


def test_capital_moves_as_differences_say():
    """At another point, with another chain, in every number of it."""
    model = small_economy()
    values = {"beta": 0.94, "gamma": 2.0}
    _, gradient = derivatives(model, of_capital)(values)
    of = lambda values: float(estim.solve(model, values).params.K)
    for name, step in (("beta", 2e-6), ("gamma", 2e-5), ("delta", 2e-6), ("A", 2e-5)):
        x = float(getattr(model.params(values), name))
        shift = [of(values | {name: x + k * step}) for k in (1, -1, 2, -2)]
        difference = (8 * (shift[0] - shift[1]) - (shift[2] - shift[3])) / (12 * step)
        assert getattr(gradient, name) == pytest.approx(difference, rel=1e-6), name


@cache
def small_economy():
    return aiyagari_1994.build(100, 40.0)


@cache
def on_a_grid(market):
    prices = aiyagari_1994.prices if market else lambda p: (0.01, 1.0)
    return aiyagari_1994.build_on_grid(prices=prices, market=market)


@pytest.mark.parametrize("market", [False, True])
def test_households_who_choose_on_a_grid(market):
    seed = reference("aiyagari")["seed_grid"]
    ref = seed["equilibrium" if market else "partial_equilibrium_r_.01_w_1"]
    solution = estim.solve(on_a_grid(market))
    tolerance = 1e-4 if market else 1e-9  # theirs at a bisected K
    np.testing.assert_array_equal(solution.policy[::20], ref["policy_index_every_20"])
    np.testing.assert_allclose(solution.value[::40], ref["value_every_40"], rtol=tolerance)
    law, assets = solution.distribution.sum(axis=1), np.linspace(1e-10, 20.0, 200)
    assert float(law[0]) == pytest.approx(ref["mass_at_lowest"], rel=1e-6)
    if market:  # supply jumps through demand
        assert pytest.approx(ref["K_crossing_1e-12"], rel=1e-8) == solution.params.K
        assert pytest.approx(ref["K_bisection_xtol_1e-4"], abs=1e-4) == solution.params.K
    else:
        assert float(assets @ law) == pytest.approx(ref["K_supply"], rel=1e-9)


# ----- Huggett


def test_bonds_add_to_zero_at_a_price_found_by_hand():
    """Time iteration and a histogram in NumPy, with a root by Brent's method."""
    model = huggett_1993.build(60, 12.0)
    solution = estim.solve(model, {"limit": -2.0})
    p = model.params({"limit": -2.0})
    bonds = p.limit + 12.0 * np.linspace(0, 1, 60) ** 2

    def excess(q):
        c = np.maximum(p.e[:, None] + (1 - q) * bonds, 0.01)
        for _ in range(4000):
            at_choice = (p.beta / q * p.Pi @ c**-p.gamma) ** (-1 / p.gamma)
            cash = bonds + p.e[:, None]
            a = np.stack([line(cash[e], at_choice[e] + q * bonds, bonds) for e in range(2)])
            a = np.maximum(a, p.limit)
            before, c = c, cash - q * a
            if np.abs(c - before).max() < 1e-12:
                break
        right = np.clip(np.searchsorted(bonds, a, side="right"), 1, 59)
        weight = np.clip((a - bonds[right - 1]) / (bonds[right] - bonds[right - 1]), 0, 1)
        P = np.zeros((2, 60, 2, 60))
        for e in range(2):
            for i in range(60):
                P[e, i, :, right[e, i] - 1] += (1 - weight[e, i]) * p.Pi[e]
                P[e, i, :, right[e, i]] += weight[e, i] * p.Pi[e]
        P = P.reshape(120, 120)
        law = np.linalg.solve((np.eye(120) - P + np.ones((120, 120))).T, np.ones(120))
        return law.reshape(2, 60).sum(axis=0) @ bonds

    assert solution.params.q == pytest.approx(brentq(excess, 1.0, 1.04, xtol=1e-10), abs=1e-8)
    rates = [huggett_1993.interest_rate(estim.solve(model, {"limit": x})) for x in (-2.0, -4.0)]
    assert rates[0] < rates[1] < 1 / 0.99322**6 - 1  # less risk cannot be insured where less can be borrowed


def line(x, knots, values):
    """Linear, beyond the ends too."""
    i = np.clip(np.searchsorted(knots, x, side="right"), 1, len(knots) - 1)
    slope = (values[i] - values[i - 1]) / (knots[i] - knots[i - 1])
    return values[i - 1] + slope * (x - knots[i - 1])


# ----- Hopenhayn

TRUTH = {"c": 4.0, "c_e": 1.0, "m_a": -0.012, "s_a": 0.1, "s_e": 0.2}


def of_industry(solution):
    firms = solution.policy
    found = {"p": solution.params.p, "phi_bar": jnp.exp(firms.threshold), "exit_rate": firms.exit_rate}
    return found | {"entrants_M": firms.entrants}


def test_an_industry_and_its_derivatives():
    ref = reference("hopenhayn")["continuous"]
    found, jacobian = derivatives(hopenhayn_1992.model, of_industry)(TRUTH)
    for name, value in found.items():
        assert value == pytest.approx(ref[name], rel=1e-7), name
    for parameter, expected in ref["derivatives"].items():
        for name, value in expected.items():
            assert getattr(jacobian[name], parameter) == pytest.approx(value, rel=2e-6), (name, parameter)
    assert jacobian["p"].c_e == pytest.approx(ref["dp_dc_e_by_inverse_slope"], rel=2e-6)


def test_sizes_and_values_of_firms():
    ref = reference("hopenhayn")["continuous"]
    solution = estim.solve(hopenhayn_1992.model, TRUTH)
    firms = solution.policy
    assert firms.mean_output == pytest.approx(ref["mean_output"], rel=1e-8)
    assert firms.mean_employment == pytest.approx(ref["mean_employment"], rel=1e-8)
    assert firms.mean_log_productivity == pytest.approx(ref["mean_log_phi"], rel=1e-8)
    assert firms.firms == pytest.approx(ref["scale_s"], rel=1e-8)
    x = jnp.array(ref["density_of_log_phi"]["x"])
    density = jnp.exp(jax.vmap(lambda x: hopenhayn_1992.log_density(x, solution, solution.params))(x))
    np.testing.assert_allclose(density, ref["density_of_log_phi"]["f"], rtol=1e-8)
    p, far = solution.params, jnp.linspace(-3.0, 14.0, 4001)
    law = jnp.exp(jax.vmap(lambda x: hopenhayn_1992.log_density(x, solution, p))(far))
    assert jnp.trapezoid(jnp.exp(far) * law, far) == pytest.approx(ref["mean_phi"], rel=1e-5)
    assert -2 * p.m_a / p.s_a**2 * (1 - p.theta) == pytest.approx(ref["tail_index_of_output"], rel=1e-9)
    decay = jnp.log(law[3500] / law[3000]) / (far[3500] - far[3000])  # e^(-kappa x) of log productivity
    assert decay * (p.theta - 1) == pytest.approx(ref["tail_index_of_output"], rel=1e-3)
    value = hopenhayn_1992.value(solution, jnp.log(jnp.array(ref["value_at_phi"]["phi"])))
    np.testing.assert_allclose(value, ref["value_at_phi"]["v"], rtol=1e-8)


def test_an_industry_on_a_grid():
    ref = reference("hopenhayn")["seed_discretisation"]
    model = hopenhayn_1992.build_on_grid(ref["A_draws"], ref["E_draws"])
    solution = estim.solve(model)
    assert solution.params.p == pytest.approx(ref["p_root_1e-13"], rel=1e-9)
    assert solution.params.p == pytest.approx(ref["p_bisection"], abs=1e-4)
    assert solution.policy == pytest.approx(ref["exit_threshold_grid_point"], rel=1e-12)
    assert solution.policy == pytest.approx(np.linspace(0, 5, 100)[ref["threshold_index"]], rel=1e-12)
    for draws, mean in (("A_draws", "A_mean"), ("E_draws", "E_mean")):
        assert np.mean(ref[draws]) == pytest.approx(ref[mean], rel=1e-6)
    at = np.array([0, 20, 40, 60, 80, 99])
    np.testing.assert_allclose(solution.value[at], ref["v_at_indices_0_20_40_60_80_99"], rtol=1e-4)
    for c, price in ref["table_c_p"][::4]:
        if price > 1:  # below lies the lecture's bound
            assert estim.solve(model, {"c": c}).params.p == pytest.approx(price, abs=1e-4)
    given = replace(model, unknowns={}, clearing=None)
    plain = estim.solve(given, {"p": 2.0}, solver=StationarySolver("vfi", tolerance=1e-6))
    assert int(plain.steps) == ref["vfi_iterations_p2_from_zero_tol_1e-6"]


# ----- failure is a value


def test_a_market_that_does_not_clear():
    model = replace(small_economy(), unknowns={"K": (1.0, 2.0)})
    with pytest.raises(SolutionError, match="no market clearing"):
        estim.solve(model)
    solution = StationarySolver().solve(model, model.params())
    assert int(solution.status) == Status.NOT_CLEARED
    gradient = jax.grad(lambda p: of_capital(StationarySolver().solve(model, p)))(model.params())
    assert all(np.all(np.asarray(g) == 0.0) for g in gradient)


def rule(**changed):
    parts = dict(
        name="rule", prior=huggett_1993.Params(), log_probability=lambda row, s, p: p.q, observables=("y",)
    )
    return estim.DecisionModel(**(parts | changed))


@pytest.mark.parametrize(
    "changed,words",
    [
        (dict(unknowns={"q": (0.0, 1.0)}), "unknowns and clearing belong together"),
        (dict(clearing=lambda s, p: p.q), "unknowns and clearing belong together"),
        (
            dict(unknowns={"r": (0, 1)}, clearing=lambda s, p: p.q),
            "the unknown 'r' is not among the parameters",
        ),
        (
            dict(unknowns={"q": (0, 1), "beta": (0, 1)}, clearing=lambda s, p: p.q),
            "one unknown is solved for, not 'q', 'beta'",
        ),
        (
            dict(prior=aiyagari_1994.Params(), unknowns={"beta": (0, 1)}, clearing=lambda s, p: p.K),
            "the unknown 'beta' has a prior; it is solved for: give a number",
        ),
        (dict(population=lambda p: jnp.ones(2)), "population is where motion begins, and there is none"),
        (dict(measurement=lambda s, p: p), "measurement is over the stationary distribution"),
        (dict(follow=lambda a, v, p: v), "follow needs policy"),
        (dict(log_probability=None), "give reward and continuation, or the operator bellman itself"),
    ],
)
def test_errors_name_what_does_not_fit(changed, words):
    with pytest.raises(ModelError, match=words):
        rule(**changed)
