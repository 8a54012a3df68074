"""Firms, inventories and wealth: shocks that are given, stationary laws, exact probabilities, and relaxed decisions."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import estim
from estim.models import arrow_harris_marschak_1951 as inventories
from estim.models import benhabib_bisin_zhu_2011 as wealth
from estim.models import galor_zeira_1993 as investors
from estim.models import kesten_1973 as firms
from estim.numerics import gini, lorenz_curve, top_share

REFERENCE = Path(__file__).parents[1] / "reference"
N = 8_000


def reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def draws(model, num_periods, num=N):
    rows = lambda i: jax.random.normal(jax.random.key(i), (num_periods, num))
    return model.shocks(*(rows(i) for i in range(len(model.shocks._fields))))


def test_inequality_by_its_definition():
    x = np.random.default_rng(0).lognormal(size=41)
    distances = np.abs(x[:, None] - x[None, :]).mean()
    np.testing.assert_allclose(gini(x), distances / (2 * x.mean()), rtol=1e-13)
    poorest = np.sort(x)
    np.testing.assert_allclose(
        lorenz_curve(x, np.array([0, 10 / 41, 1])), [0, poorest[:10].sum() / x.sum(), 1]
    )
    np.testing.assert_allclose(top_share(x, 5 / 41), poorest[-5:].sum() / x.sum(), rtol=1e-12)
    assert gini(np.zeros(3)) == 0 and gini(np.ones(3)) == pytest.approx(0, abs=1e-15)
    assert estim.check_gradients(gini, x).error < 1e-6


def test_wealth_from_given_shocks():
    expected = reference("wealth_dynamics")
    panel = expected["small_panel_40_households_30_periods"]
    model, p = wealth.economy(40), {"s_0": 0.75, "mu_r": 0.1}
    np.testing.assert_allclose(
        wealth.mean_income(model.params(p)), expected["parameters"]["y_mean"], rtol=1e-14
    )
    z = np.array(panel["z"])
    given = model.shocks((z - 0.5 * np.r_[0, z[:-1]]) / 0.1, np.array(panel["zeta"]), np.array(panel["xi"]))
    path = model.path(p, given)
    np.testing.assert_allclose(path.states.w[-1], panel["w_final"], rtol=1e-12)
    np.testing.assert_allclose(path.observables.gini[-1], panel["gini"], rtol=1e-12)
    np.testing.assert_allclose(path.observables.mean[-1], panel["mean"], rtol=1e-12)
    quarters = lorenz_curve(path.states.w[-1], np.array([0.25, 0.5, 0.75]))
    np.testing.assert_allclose(quarters, panel["lorenz_at_quarters"], rtol=1e-12)


def test_the_law_of_wealth():
    """After 200 periods with the aggregate state at rest, by its quantiles: the mean has too fat a tail."""
    expected = reference("wealth_dynamics")["population_at_z_0"]
    model = wealth.economy(N)
    given = draws(model, expected["T"])._replace(z=np.zeros(expected["T"]))
    w = jax.jit(lambda: model.path({"s_0": 0.75, "mu_r": 0.1}, given).states.w[-1])()
    for share, quantile in expected["quantiles"].items():
        below, error = np.mean(w < quantile), np.sqrt(float(share) * (1 - float(share)) / N)
        assert abs(below - float(share)) < 4 * error, share


def test_inequality_rises_with_returns_and_their_spread():
    """The Gini coefficient after 200 periods, where tails are thin enough for it to be measured."""
    expected = reference("wealth_dynamics")
    changes = expected["gini_change_of_population_at_z_0"]
    spreads = [0.35, 0.45, 0.52]
    cases = [({"mu_r": x}, g) for x, g in zip((0.0, 0.025, 0.05), changes["mu_r_0_0.025_0.05"], strict=True)]
    of_spread = changes["s_r_.35_.45_.52_with_mu_r_minus_half_square"]
    cases += [({"mu_r": -(x**2) / 2, "s_r": x}, g) for x, g in zip(spreads, of_spread, strict=True)]
    model = wealth.economy(N)
    given = draws(model, 200)._replace(z=np.zeros(200))
    last = jax.jit(lambda p: model.path(p, given).states.w[-1])
    for values, want in cases:
        w = last({"s_0": 0.75, "s_r": 0.5} | values)
        parts = np.array([gini(part) for part in np.asarray(w).reshape(20, -1)])
        assert abs(gini(w) - want) < 5 * parts.std() / np.sqrt(20) + 2e-3, values


def test_firms_have_their_stationary_law():
    expected = reference("kesten")
    model, at = firms.economy(N), {"mu_a": -0.5, "mu_b": 0.0}
    given = draws(model, 80)
    last = lambda p: model.path(p, given).states[-1]
    s, exits = jax.jit(lambda p: (last(p), model.path(p, given).observables.exits[30:].mean()))(at)
    assert abs(s.mean() - expected["mean"]) < 4 * expected["sd"] / np.sqrt(N)
    assert s.std() == pytest.approx(expected["sd"], rel=4 * 1.5 / np.sqrt(2 * N))  # tails: half as much again
    rate = expected["exit_rate"]
    assert abs(exits - rate) < 4 * np.sqrt(rate / (50 * N))
    for share, quantile in expected["quantiles"].items():
        error = np.sqrt(float(share) * (1 - float(share)) / N)
        assert abs(np.mean(s < quantile) - float(share)) < 4 * error, share
    at = at | {"s_a": 0.1}
    moved = estim.sensitivities(lambda p: last(p), at, along=[{name: 1.0} for name in at])
    for slopes, name in zip(
        moved, at, strict=True
    ):  # paths without exits move as the mean does, but for 0.1 %
        error = slopes.std() / np.sqrt(N)
        assert abs(slopes.mean() - expected["derivatives"][name]["mean"]) < 4 * error + 2e-3, name


def test_moments_find_the_parameters_of_firms():
    model = firms.economy(2000)
    given, truth = draws(model, 40, 2000), {"mu_a": -0.4, "mu_b": 0.1}

    def moments(p):
        seen = model.path(p, given).observables
        return {"mean": seen.mean[-1], "variance": seen.variance[-1]}

    found = estim.calibrate(moments, {"mu_a": -0.5, "mu_b": 0.0}, targets=moments(truth))
    assert found.values == pytest.approx(truth, abs=1e-4)


def test_orders_have_their_exact_probability():
    expected = reference("inventory_dynamics")
    model = inventories.economy(N)
    given = draws(model, expected["T"])
    ordered = jax.jit(lambda: model.path({"mu": 1.0}, given).states.ordered)()
    found = np.mean(ordered.sum(axis=0) >= 2)
    exact = expected["prob_two_or_more_orders"]
    assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / N)


def test_the_probability_of_orders_moves_with_every_parameter():
    """By differences with the same demand on both sides: what is random is how many firms cross over."""
    expected = reference("inventory_dynamics")
    model = inventories.economy(4 * N)
    given = draws(model, expected["T"], 4 * N)
    orders = jax.jit(lambda p: model.path(p, given).states.ordered.sum(axis=0))
    at = {"mu": 1.0, "sigma": 0.5, "s": 10.0, "S": 100.0}
    steps = {"mu": 0.02, "sigma": 0.02, "s": 1.0, "S": 2.0}
    for name, step in steps.items():
        above, below = (np.asarray(orders(at | {name: at[name] + sign * step})) >= 2 for sign in (1, -1))
        change = above.astype(float) - below
        slope, error = change.mean() / (2 * step), change.std() / np.sqrt(4 * N) / (2 * step)
        want = expected["d_prob_two_or_more"]["sig" if name == "sigma" else name]
        assert abs(slope - want) < 4 * error + 0.01 * abs(want), name


def test_inventories_in_the_long_run():
    """Mean and spread of stocks, and how often firms order, when where they began is forgotten."""
    expected = reference("inventory_dynamics")
    model = inventories.economy(2_000)
    given = draws(model, 1_200, 2_000)  # forty cycles of orders, which begin together
    path = jax.jit(lambda: model.path({"mu": 1.0}, given).states)()
    stock, ordered = path.stock[-1], path.ordered[1_000:]
    assert abs(stock.mean() - expected["stationary_mean"]) < 4 * expected["stationary_sd"] / np.sqrt(2_000)
    assert stock.std() == pytest.approx(expected["stationary_sd"], rel=4 / np.sqrt(2 * 2_000))
    per_firm = np.asarray(ordered.mean(axis=0))
    error = per_firm.std() / np.sqrt(len(per_firm))
    assert abs(per_firm.mean() - expected["order_frequency"]) < 4 * error
    assert 1 / expected["order_frequency"] == pytest.approx(expected["mean_periods_between_orders"])


def test_relaxed_orders_come_to_the_hard_ones_and_have_derivatives():
    """A threshold that is sharp beside S - s has derivatives that grow each period, by up to k (S - s) / 4."""
    given = draws(inventories.model, 50, 1000)
    share = lambda k: lambda p: inventories.economy(1000, k).path(p, given).states.ordered.mean()
    at = {"mu": 1.0, "S": 100.0}
    hard = share(np.inf)(at)
    errors = [abs(float(share(k)(at) - hard)) for k in (1.0, 10.0, 100.0)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 2e-4
    found = estim.check_gradients(share(0.03), at)
    assert found.error < 1e-6 and found.gradient[1] > 0 > found.gradient[0]


def test_relaxed_exits_come_to_the_hard_ones():
    given = draws(firms.model, 30, 1000)
    at = {"mu_a": -1.0, "mu_b": -0.5}  # where many leave
    mean = lambda k: float(firms.economy(1000, k).path(at, given).observables.exits.mean())
    errors = [abs(mean(k) - mean(np.inf)) for k in (1.0, 100.0, 10_000.0)]
    assert mean(np.inf) > 0.05 and errors[0] > errors[1] > errors[2] and errors[2] < 1e-3


def test_relaxed_saving_comes_to_the_hard_one():
    """Where many are near the threshold, which is moved up to them."""
    given = draws(wealth.model, 30, 1000)._replace(z=np.zeros(30))
    at = {"threshold": 4.0, "s_0": 0.6}
    seen = lambda k: np.array(wealth.economy(1000, k).compiled_path(at, given).observables[:2])[:, -1]
    errors = [np.abs(seen(k) - seen(np.inf)).max() for k in (1.0, 10.0, 1000.0)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 5e-3
    mean = lambda p: wealth.economy(1000, 5.0).path(p, given).observables.mean[-1]
    assert estim.check_gradients(mean, at).error < 1e-6


def test_dynasties_by_hand():
    """One by one: who is below the threshold does not invest, who is below its cost borrows at the higher rate."""
    model, p = investors.economy(200), investors.model.params({"s": 0.2})
    given = draws(model, 15, 200)
    x = np.asarray(model.start(p))
    for shock in np.asarray(given.income):
        income = np.empty(200)
        for i, (own, luck) in enumerate(zip(x, np.exp(p.s * shock), strict=True)):
            rate = p.r if own >= p.h else p.i
            income[i] = (
                p.w_s * luck + (own - p.h) * (1 + rate)
                if own > p.threshold
                else p.w_n * luck + own * (1 + p.r)
            )
        x = (1 - p.alpha) * np.maximum(income, 0.0)
    path = model.compiled_path(p, given)
    np.testing.assert_allclose(path.states[-1], x, rtol=1e-12)
    np.testing.assert_allclose(path.observables.poor[-1], np.mean(x < p.threshold))
    np.testing.assert_allclose(path.observables.gini[-1], gini(x), rtol=1e-12)


def test_relaxed_investments_come_to_the_hard_ones():
    given = draws(investors.model, 15, 1000)
    seen = lambda k: np.array(investors.economy(1000, k).compiled_path(None, given).observables)[:, -1]
    errors = [np.abs(seen(k) - seen(np.inf)).max() for k in (5.0, 50.0, 5000.0)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 2e-3
    poor = lambda p: investors.economy(1000, 5.0).path(p, given).observables.poor[-1]
    found = estim.check_gradients(poor, {"threshold": 1.0, "alpha": 0.6})
    np.testing.assert_allclose(
        found.gradient, found.differences, rtol=1e-3
    )  # where one begins to lend is a kink
    assert np.abs(found.gradient).min() > 0.1
