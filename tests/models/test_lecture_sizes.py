"""What lectures print at their full size: thousands of markets, half a million counts, a Monte Carlo, other loops."""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from decision_references import REFERENCE, at, reference

import estim
from estim.models import (
    aiyagari_1994,
    arellano_2008,
    bianchi_2011,
    hopenhayn_1992,
    income_fluctuation,
    inventory_management,
    lucas_1978,
    market_equilibrium,
    optimal_investment,
    poisson_regression,
    rust_1987,
    solow_1956,
)
from estim.numerics.newton import newton_step
from estim.solution.stationary import StationarySolver


def numbers(params):
    return jax.tree.map(lambda x: jnp.asarray(x, float), params)


# ----- Newton's method


def test_five_thousand_prices_and_their_derivatives():
    """Draws are those of the lecture, made shares in single precision; each step is by products of the Jacobian."""
    ref = reference("newton")["market_5000"]
    A = jax.random.uniform(jax.random.PRNGKey(32), (5000, 5000), jnp.float32)
    np.testing.assert_allclose(A[0, :3], ref["first_draws_before_normalising"], rtol=1e-7)
    A = np.asarray(A)
    model = market_equilibrium.build(A / A.sum(axis=0))
    prices, step = jnp.ones(5000), jax.jit(model.bellman)
    for expected in ref["errors"][:4]:
        ahead = step(prices, model.params())
        assert np.linalg.norm(ahead - prices) == pytest.approx(expected, rel=1e-6)
        prices = ahead
    solver = StationarySolver(**model.solver)

    def mean(b, c):
        solution = solver.solve(model, model.params()._replace(b=b, c=c))
        return solution.value.mean(), solution.value

    (_, prices), (of_b, of_c) = jax.value_and_grad(mean, (0, 1), has_aux=True)(np.ones(5000), np.ones(5000))
    np.testing.assert_allclose(prices[:5], ref["p_first_five"], rtol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(prices), ref["p_norm"], rtol=1e-12)
    found = [prices[-1], prices.mean(), prices.min(), prices.max()]
    np.testing.assert_allclose(found, [ref[n] for n in ("p_last", "p_mean", "p_min", "p_max")], rtol=1e-10)
    assert (int(prices.argmin()), int(prices.argmax())) == (ref["argmin"], ref["argmax"])
    assert (prices.argmin(), prices.argmax()) == (ref["argmin"], ref["argmax"])
    np.testing.assert_allclose(of_c[:5], ref["d_mean_price_d_c_first_five"], rtol=1e-8)
    np.testing.assert_allclose(of_b[:5], ref["d_mean_price_d_b_first_five"], rtol=1e-8)
    assert of_c.sum() == pytest.approx(ref["sum_d_mean_price_d_c"], rel=1e-8)


def test_one_equation():
    ref = reference("newton")["one_dimension"]
    f = lambda x: jnp.sin(4 * (x - 0.25)) + x + x**20 - 1
    x = jnp.array([ref["x0"]])
    for error in ref["errors"][:4]:
        ahead = newton_step(f, x)
        assert float(abs(ahead - x)[0]) == pytest.approx(error, rel=1e-6)
        x = ahead
    assert x[0] == pytest.approx(ref["root"], rel=1e-14)


@pytest.mark.parametrize("start", [0, 1, 2])
def test_growth_from_other_stocks(start):
    ref = reference("newton")["solow_3"]
    begin = ref["starts"][start]
    model = solow_1956.build(ref["A"], start=np.array(begin["k0"], float))
    k, step = model.start(model.params()), jax.jit(model.bellman)
    for error in begin["errors_float64"][:4]:
        ahead = step(k, model.params())
        assert np.linalg.norm(ahead - k) == pytest.approx(error, rel=1e-6)
        k = ahead


def test_half_a_million_counts():
    """With the lecture's draws where its generator gives them; within three standard errors of the truth anyway."""
    ref = reference("poisson_mle")["half_million"]
    truth, key = jnp.array([-2.5, 0.25, 0.5]), jax.random.PRNGKey(32)
    x = jax.random.normal(key, (500_000,))
    X = jnp.stack([jnp.ones(500_000), x, x**2], axis=1)
    y = jax.random.poisson(key, jnp.exp(X @ truth))
    found, errors = poisson_regression.maximum_likelihood(X, y, jnp.full(3, 0.1))
    assert (np.abs(found - truth) < 3 * errors).all()
    if float(y.sum()) == ref["y_sum_cpu"]:
        np.testing.assert_allclose(found, ref["beta"], rtol=1e-8)
        assert float(y.max()) == ref["y_max_cpu"]
        assert (np.abs(found - np.array(ref["seed_printed_beta"])) < 3 * errors).all()
        np.testing.assert_allclose(errors, ref["standard_errors"], rtol=1e-6)
        value = poisson_regression.loglikelihood(found, X, y)
        assert float(value) == pytest.approx(ref["loglikelihood"], rel=1e-10)


def test_the_fit_of_five_counts():
    ref = reference("poisson_mle")["five_rows"]
    y, ones = np.array(ref["y"]), np.ones((5, 1))
    null = poisson_regression.maximum_likelihood(ones, y, jnp.full(1, 0.1), tolerance=1e-9)[0]
    without = float(poisson_regression.loglikelihood(null, ones, y))
    assert without == pytest.approx(ref["loglikelihood_null"], rel=1e-10)
    assert 1 - ref["loglikelihood"] / without == pytest.approx(ref["pseudo_R2"], rel=1e-10)


# ----- Lucas's tree by Monte Carlo


class Discount(NamedTuple):
    beta: float = 0.95


@cache
def tree_of_draws(num_draws):
    """The tree as the lecture solves it: f = p u'(y) on a grid, means over draws, linear between points, flat beyond.

    The mean of interpolants is a matrix, which depends on neither beta nor f.
    """
    alpha, sigma, gamma = 0.9, 0.1, 2.0
    end = 4 * sigma / np.sqrt(1 - alpha**2)
    grid = np.linspace(np.exp(-end), np.exp(end), 500)
    if num_draws == 1000:
        z = np.asarray(jax.random.normal(jax.random.PRNGKey(11), (1000,), jnp.float32), float)
    else:
        z = np.asarray(jax.scipy.special.ndtri((np.arange(num_draws) + 0.5) / num_draws))
    matrix, payoff = np.zeros((500, 500)), np.zeros(500)
    for i, y in enumerate(grid):
        ahead = y**alpha * np.exp(sigma * z)
        payoff[i] = (ahead ** (1 - gamma)).mean()
        inside = np.clip(ahead, grid[0], grid[-1])
        right = np.clip(np.searchsorted(grid, inside), 1, 499)
        weight = (inside - grid[right - 1]) / (grid[right] - grid[right - 1])
        matrix[i] += np.bincount(right, weight, 500) + np.bincount(right - 1, 1 - weight, 500)
    matrix /= num_draws
    model = estim.DecisionModel(
        name="tree",
        prior=Discount(),
        start=lambda p: jnp.ones(500),
        bellman=lambda f, p: p.beta * (payoff + matrix @ f),
    )
    return model, grid, grid**gamma


MONTE_CARLO = StationarySolver("vfi", tolerance=1e-6, max_steps=500)


@pytest.mark.parametrize("beta", [0.95, 0.98])
def test_a_tree_by_monte_carlo(beta):
    """In the second case the lecture stops unconverged, which is a status here."""
    ref, closed = reference("lucas_tree")[f"seed_monte_carlo_beta_{beta}"], reference("lucas_tree")
    model, grid, per_utility = tree_of_draws(1000)
    solution = MONTE_CARLO.solve(model, model.params({"beta": beta}))
    price, where = solution.value * per_utility, np.array(closed["grid_500"]["indices"])
    assert int(solution.steps) == ref["iterations"]
    assert (int(solution.status) == estim.Status.OK) == (beta == 0.95)
    np.testing.assert_allclose(price[where], ref["price_at_indices"], rtol=1e-6)
    assert np.interp(1.0, grid, price) == pytest.approx(ref["price_at_1"], rel=1e-5)
    exact = closed["points"][0 if beta == 0.95 else 1]["price"][2]
    assert ref["price_at_1"] == pytest.approx(exact, rel=0.03)


def test_a_tree_on_the_lecture_s_grid():
    """The closed form there, and what of Monte Carlo's error remains when the draws are quantiles."""
    refs = reference("lucas_tree")
    ref, where = refs["grid_500"], np.array(refs["grid_500"]["indices"])
    _, grid, _ = tree_of_draws(1000)
    np.testing.assert_allclose(grid[[0, -1]], ref["grid_first_last"], rtol=1e-12)
    exact = lucas_1978.price(estim.solve(lucas_1978.model), grid[where])
    np.testing.assert_allclose(exact, ref["price"], rtol=1e-6)
    model, _, per_utility = tree_of_draws(20_001)
    found = (estim.solve(model).value * per_utility)[where]
    np.testing.assert_allclose(
        found, refs["seed_grid_with_20001_quantile_draws"]["price_at_indices"], rtol=1e-5
    )
    np.testing.assert_allclose(found[1:-1], exact[1:-1], rtol=1e-3)


# ----- Aiyagari's capital by other loops


def supply_on_a_grid():
    model = aiyagari_1994.build_on_grid(prices=lambda p: aiyagari_1994.prices(p), market=False)
    assets = np.linspace(1e-10, 20.0, 200)
    return jax.jit(
        lambda K: (
            assets @ StationarySolver().solve(model, model.params()._replace(K=K)).distribution.sum(axis=1)
        )
    )


def test_capital_by_damped_iteration():
    """K <- 0.99 K + 0.01 G(K), which asks for a hundred times as much as a root."""
    ref = reference("aiyagari")["seed_grid"]
    G = supply_on_a_grid()
    for K, expected in ref["G_on_4_to_12_step_2"]:
        assert float(G(K)) == pytest.approx(expected, rel=1e-8), K
    assert float(G(ref["equilibrium"]["K_crossing_1e-12"])) == pytest.approx(
        ref["equilibrium"]["G_at_K"], abs=0.02
    )  # G jumps there
    damped, K = ref["damped_iteration_.99_from_6"], 6.0
    for step in range(1, damped["iterations"] + 1):
        ahead = 0.99 * K + 0.01 * float(G(K))
        if str(step) in damped["errors_at"]:
            assert abs(ahead - K) == pytest.approx(damped["errors_at"][str(step)], rel=1e-6), step
        K = ahead
    assert pytest.approx(damped["K"], rel=1e-6) == K


def test_howard_on_a_grid_when_prices_are_given():
    """The largest change of the value in each step, every policy's value exact."""
    ref = reference("aiyagari")["seed_grid"]["partial_equilibrium_r_.01_w_1"]
    model = aiyagari_1994.build_on_grid(prices=lambda p: (0.01, 1.0), market=False)
    p = model.params()
    r, Pi = np.asarray(model.reward(p)), np.asarray(p.Pi)
    i, j = np.meshgrid(np.arange(200), np.arange(2), indexing="ij")
    policy, value, errors = np.zeros((200, 2), int), None, []
    while not errors or errors[-1]:
        T = np.zeros((200, 2, 200, 2))
        T[i[..., None], j[..., None], policy[..., None], np.arange(2)] = Pi[j]
        before, value = (
            value,
            np.linalg.solve(np.eye(400) - p.beta * T.reshape(400, 400), r[i, j, policy].reshape(-1)),
        )
        values = model.action_values(model.reward(p), jnp.asarray(value.reshape(200, 2)), p)
        better = np.asarray(values.argmax(axis=-1))
        if before is not None:
            errors.append(np.abs(value - before).max())
        policy = better
    np.testing.assert_allclose(errors, ref["howard_errors_exact_evaluation"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(value.reshape(200, 2)[::40], ref["value_every_40"], rtol=1e-10)


def test_capital_that_is_owned_by_capital_that_works():
    ref = reference("aiyagari")["smooth"]
    assets = 60.0 * np.linspace(0.0, 1.0, 300) ** 2.5
    model = aiyagari_1994.build(300, 60.0, market=False)
    G = lambda K: (
        StationarySolver().solve(model, model.params()._replace(K=K)).distribution.sum(axis=0) @ assets
    )
    K, slope = jax.jit(jax.value_and_grad(G))(ref["K"])
    assert pytest.approx(ref["K"], rel=1e-8) == K
    assert slope == pytest.approx(ref["dG_dK"], rel=1e-5)


# ----- derivatives of what a stock is worth


@pytest.mark.parametrize("size,sizes", [("small", (20, 10, 40)), ("seed", (100, 10, 101))])
def test_inventories_and_their_derivatives(size, sizes):
    ref, model = reference("inventory_management")[size], inventory_management.build(*sizes)
    points = at(ref["points"])
    of = lambda p: StationarySolver().solve(model, p).value[points]
    found = jax.jit(jax.jacrev(of))(numbers(model.params()))
    for name, expected in ref["derivatives_at_points_fixed_policy"].items():
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-6, err_msg=name)
    z = estim.grids.tauchen(0.98, 0.002, 10).states + 0.97
    np.testing.assert_allclose(z, ref["z_values"], rtol=1e-12)


# ----- the rest of the printed numbers


def test_more_of_default():
    """Where debt is too high at each income; income and prices of governments that have access."""
    ref = reference("arellano")["small"]
    given = ref["parameters"]
    n, n_y = given["nB"], given["ny"]
    solution = estim.solve(arellano_2008.build(n, n_y, given["Bmin"], given["Bmax"]))
    grid = np.linspace(given["Bmin"], given["Bmax"], n)
    none = ref["zero_debt_index_searchsorted"]
    assert int(np.searchsorted(grid, 1e-10)) == none and grid[none] == pytest.approx(
        ref["B_at_zero_debt_index"]
    )
    default = np.asarray(solution.policy.default)
    np.testing.assert_array_equal(default.sum(axis=0)[::10], ref["default_threshold_index_by_y_every_10"])
    law, p = np.asarray(solution.distribution)[:-1], solution.params
    y = np.asarray(arellano_2008.income(p, n_y)[0])
    assert law.sum(axis=0) @ y / law.sum() == pytest.approx(ref["ergodic"]["mean_y_given_access"], rel=1e-8)
    paid = np.asarray(arellano_2008.prices(solution))[np.asarray(solution.policy.assets), np.arange(n_y)]
    repay = law * ~default
    assert (repay * paid).sum() / repay.sum() == pytest.approx(
        ref["ergodic"]["mean_price_given_repay"], rel=1e-8
    )


def test_more_of_an_industry():
    ref = reference("hopenhayn")["seed_discretisation"]
    for draws, first in (("A_draws", "A_draws_first_three"), ("E_draws", "E_draws_first_three")):
        assert ref[draws][:3] == pytest.approx(ref[first])
    model = hopenhayn_1992.build_on_grid(ref["A_draws"], ref["E_draws"])
    price = lambda p: StationarySolver().solve(model, p).params.p
    found = jax.jit(jax.grad(price))(numbers(model.params()))
    for name, expected in ref["dp_d"].items():
        assert getattr(found, name) == pytest.approx(expected, rel=1e-5), name


def test_the_bus_engines_maximum():
    """The gradient is zero there, and standard errors are those of the curvature."""
    ref = reference("bus_engines")["maximum_beta_.9999"]
    counts = pd.read_csv(REFERENCE / "bus_engines_counts.csv")
    data = counts.loc[counts.index.repeat(counts["count"])].drop(columns="count")
    posterior = estim.build_posterior(rust_1987.model, data)

    def value(x):
        moves = {"p0": ref["p0"], "p1": ref["p1"]}  # found first, from the moves alone
        params = rust_1987.model.params()._replace(RC=x[0], theta1=x[1], **moves)
        return posterior.likelihood.at(params, posterior.data).value

    x = jnp.array([ref["RC"], ref["theta1"]])
    derivatives = jax.jit(lambda x: (value(x), jax.grad(value)(x), jax.hessian(value)(x)))
    at_maximum, gradient, curvature = derivatives(x)
    assert float(at_maximum) == pytest.approx(ref["loglikelihood"], abs=1e-6)
    errors = np.sqrt(np.diagonal(np.linalg.inv(-curvature)))
    assert (np.abs(np.linalg.solve(curvature, gradient)) < 1e-5 * errors).all()
    np.testing.assert_allclose(errors, ref["standard_errors_RC_theta1"], rtol=1e-4)


def test_investment_without_a_grid():
    """The linear-quadratic problem has the steady state that the grid's policy keeps to, to a step of the grid."""
    ref = reference("optimal_investment")["seed"]
    lq, p = ref["lq_counterpart"], optimal_investment.model.params()
    assert lq["phi0"] / (1 - lq["phi1"]) == pytest.approx(lq["steady_state_output"])
    assert (p.a0 - p.c) / (2 * p.a1) == pytest.approx(lq["steady_state_output"])
    # Euler's equation, by hand: gamma y'' - [gamma (1 + 1/b) + a1] ... has phi1 as its stable root.
    b = 1 / (1 + p.r)
    root = lambda slope: b * p.gamma * slope**2 - (p.gamma * (1 + b) + b * p.a1) * slope + p.gamma
    assert root(lq["phi1"]) == pytest.approx(0.0, abs=1e-10)
    solution = estim.solve(optimal_investment.model)
    grid = np.linspace(0.0, 20.0, 100)
    z = np.asarray(estim.grids.tauchen(0.9, 1.0, 150).states)
    inside = np.ix_(np.arange(10, 40), np.arange(30, 120))
    linear = lq["phi0"] + lq["phi1"] * grid[:, None] + lq["phi2"] * z[None]
    assert np.abs(grid[np.asarray(solution.policy)] - linear)[inside].max() < 0.6 * (grid[1] - grid[0])


def test_steps_of_the_endogenous_grid():
    ref = reference("egm_savings")["small"]
    given = dict(ref["parameters"])
    model = income_fluctuation.build(given.pop("ns"), given.pop("ny"), given.pop("s_max"))
    p = model.params(given)
    run = jax.jit(lambda n: jax.lax.fori_loop(0, n, lambda _, v: model.bellman(v, p), model.first_value(p)))
    for n, expected in ref["errors_at_iterations"].items():
        before = run(int(n) - 1)
        error = float(jnp.abs(model.bellman(before, p).c - before.c).max())
        assert error == pytest.approx(expected, rel=1e-8), n
    rows, points = np.array(ref["y_indices"]), estim.solve(model, given).value
    expected = np.array(ref["converged"]["endogenous_a_c_at_s_index_1_50_199"])
    columns = [1, 50, 199][: len(expected) // len(rows)]
    columns = [min(c, points.a.shape[1] - 1) for c in columns]
    found = [[points.a[i, s], points.c[i, s]] for s in columns for i in rows]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_a_planner_on_eight_hundred_points():
    ref = reference("bianchi_800")
    planner = estim.solve(bianchi_2011.build_planner(800))
    assert int(planner.steps) == ref["planner_iterations_tol_1e-5"]
    rows, choice = np.array(ref["H_at_i1_j3"]["rows"]), np.asarray(planner.policy)
    np.testing.assert_array_equal(choice[rows, 7], ref["H_at_i1_j3"]["planner"])
    np.testing.assert_array_equal(choice[400].reshape(4, 4), ref["H_mid_row_all_incomes"]["planner"])
    np.testing.assert_allclose(
        np.asarray(planner.value)[rows, 7], ref["planner_value_at_rows_i1_j3"], rtol=1e-10
    )
    law, bonds = np.asarray(planner.distribution).sum(axis=1), np.linspace(-1.02, -0.2, 800)
    long_run = ref["bonds_in_the_long_run"]["planner"]
    assert bonds @ law == pytest.approx(long_run["mean"], rel=1e-8)
    assert np.sqrt(bonds**2 @ law - (bonds @ law) ** 2) == pytest.approx(long_run["sd"], rel=1e-7)
