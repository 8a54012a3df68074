"""Dynamic programs of the gallery beyond one choice on a grid, against independent numbers."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from decision_references import at, reference

import estim
from estim.models import (
    arellano_2008,
    bianchi_2011,
    income_fluctuation,
    market_equilibrium,
    poisson_regression,
    solow_1956,
    stochastic_volatility_pricing,
)
from estim.solution.stationary import StationarySolver

# ----- the income fluctuation problem


@cache
def saving(n_savings, n_income, s_max):
    return income_fluctuation.build(n_savings, n_income, s_max)


@pytest.mark.parametrize("size", ["small", "seed"])
def test_income_fluctuation(size):
    """The plain algorithm takes as many steps as it should, and Newton's finds the point that it tends to."""
    ref = reference("egm_savings")[size]
    given = dict(ref["parameters"])
    model = saving(given.pop("ns"), given.pop("ny"), given.pop("s_max"))
    assets, rows = np.array(ref["assets"]), np.array(ref["y_indices"])
    plain = estim.solve(model, given, solver=StationarySolver("vfi", tolerance=1e-5))
    assert int(plain.steps) == ref["iterations_tol_1e-5"]
    consumption = income_fluctuation.consumption(plain.value, assets)[rows]
    np.testing.assert_allclose(consumption, ref["consumption_tol_1e-5"], rtol=1e-10)
    exact = estim.solve(model, given)
    consumption = income_fluctuation.consumption(exact.value, assets)[rows]
    np.testing.assert_allclose(consumption, ref["converged"]["consumption"], atol=1e-9)
    np.testing.assert_allclose(exact.value.a[rows, 1], ref["a_at_first_positive_saving"], rtol=3e-2)


def test_derivatives_of_consumption():
    ref = reference("egm_savings")["small"]
    given = dict(ref["parameters"])
    model = saving(given.pop("ns"), given.pop("ny"), given.pop("s_max"))

    def of(params):
        points = StationarySolver().solve(model, params).value
        return income_fluctuation.consumption(points, np.array(ref["assets"]))[np.array(ref["y_indices"])]

    found = jax.jit(jax.jacfwd(of))(jax.tree.map(jnp.asarray, model.params(given)))
    for name, expected in ref["converged"]["consumption_derivatives_central_difference"].items():
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-4, atol=1e-6, err_msg=name)


# ----- sovereign default


@cache
def borrowing(n_assets, n_income, low, high):
    return arellano_2008.build(n_assets, n_income, low, high)


@pytest.mark.parametrize("size,method", [("small", "optimistic"), ("small", "vfi"), ("seed", "optimistic")])
def test_default(size, method):
    ref = reference("arellano")[size]
    given = ref["parameters"]
    model = borrowing(given["nB"], given["ny"], given["Bmin"], given["Bmax"])
    tolerance = 1e-8 if method == "vfi" else 1e-10
    solution = estim.solve(model, solver=StationarySolver(method, tolerance=tolerance, sweeps=20))
    if method == "vfi":
        assert int(solution.steps) == ref["iterations_tol_1e-8"]
    points = at(ref["points"])
    close = dict(rtol=1e-12 if method == "vfi" else 1e-8)
    np.testing.assert_allclose(solution.value.repay[points], ref["v_c"], **close)
    np.testing.assert_allclose(solution.value.default[::10], ref["v_d_every_10"], **close)
    np.testing.assert_array_equal(solution.policy.assets[points], ref["B_policy_index"])
    np.testing.assert_allclose(
        arellano_2008.prices(solution)[at(ref["q_points"])], ref["q"], rtol=1e-8, atol=1e-14
    )
    assert int(solution.policy.default.sum()) == ref["default_states_count"]
    law, grid = solution.distribution, np.linspace(given["Bmin"], given["Bmax"], given["nB"])
    share = float(law[-1].sum())
    assert share == pytest.approx(ref["ergodic"]["share_excluded"], rel=1e-8)
    rate = float(law[:-1][np.asarray(solution.policy.default)].sum())
    assert rate == pytest.approx(ref["ergodic"]["default_rate_per_period"], rel=1e-8)
    mean = float(grid @ law[:-1].sum(axis=1)) / (1 - share)
    assert mean == pytest.approx(ref["ergodic"]["mean_B_given_access"], rel=1e-8)


def test_default_with_tastes_and_its_derivatives():
    ref = reference("arellano")["smooth"]
    given, points = ref["parameters"], at(ref["points_iB_iy"])
    model = arellano_2008.build_smooth(given["nB"], given["ny"], given["Bmin"], given["Bmax"])
    solver = StationarySolver(**model.solver)

    def of(params):
        solution = solver.solve(model, params)
        value, default = solution.policy
        prices = arellano_2008.smooth_prices(solution)
        return (prices[points], value[points], default[points]), {
            "q": prices,
            "V": value,
            "v_d": solution.value.default,
        }

    params = jax.tree.map(lambda x: jnp.asarray(x, float), model.params())
    both = jax.jit(lambda p: (of(p), jax.jacrev(lambda p: of(p)[0])(p)))
    ((q, value, default), kept), found = both(params)
    kept = jax.tree.map(np.asarray, kept) | {"bonds": np.linspace(given["Bmin"], given["Bmax"], given["nB"])}
    np.testing.assert_allclose(q, ref["q"], rtol=1e-8)
    np.testing.assert_allclose(value, ref["V"], rtol=1e-9)
    np.testing.assert_allclose(default, ref["default_probability"], rtol=1e-7)
    bonds, prices, values, defaults = kept["bonds"], kept["q"], kept["V"], kept["v_d"]
    assert int(np.abs(bonds).argmin()) == ref["zero_index"]
    np.testing.assert_allclose(defaults[::3], ref["v_d_every_third"], rtol=1e-9)
    y, P = (np.asarray(x) for x in arellano_2008.income(model.params(), given["ny"])[::2])
    later, mean = given["beta"] * values @ P.T, []
    for i, j in zip(*points, strict=True):  # who repays takes B' with these probabilities
        c = y[j] - prices[:, j] * bonds + bonds[i]
        worth = np.where(
            c > 0, np.where(c > 0, c, 1.0) ** (1 - given["gamma"]) / (1 - given["gamma"]), -np.inf
        )
        weight = np.exp((worth + later[:, j] - (worth + later[:, j]).max()) / given["s_B"])
        mean.append(weight @ bonds / weight.sum())
    np.testing.assert_allclose(mean, ref["mean_next_B_at_points"], rtol=1e-6)
    for name, expected in ref["derivatives"].items():
        for one, key in zip(found, ("dq", "dV", "dp_default"), strict=True):
            scale = np.abs(expected[key]).max()
            np.testing.assert_allclose(
                getattr(one, name), expected[key], rtol=1e-4, atol=1e-4 * scale, err_msg=f"{key} by {name}"
            )


# ----- overborrowing


@pytest.mark.parametrize("size", ["grid_60", "grid_100", "grid_200"])
def test_overborrowing(size):
    ref = reference("bianchi")[size]
    n, rows = ref["parameters"]["n"], np.array(ref["H_at_i1_j3"]["rows"])
    bonds = np.linspace(-1.02, -0.2, n)
    as_it_comes = bianchi_2011.model if n == 100 else None
    households = as_it_comes or bianchi_2011.build(n, tolerance=ref["parameters"]["tol"])
    planner = bianchi_2011.build_planner(n)
    found = {"decentralised": estim.solve(households), "planner": estim.solve(planner)}
    H = {
        "decentralised": np.asarray(found["decentralised"].value.H, int),
        "planner": np.asarray(found["planner"].policy),
    }
    assert int(found["decentralised"].steps) == len(ref["index_changes_of_H"])
    assert int(found["planner"].steps) == ref["planner_iterations_tol_1e-5"]
    for who, choice in H.items():
        np.testing.assert_array_equal(choice[rows, 1 * 4 + 3], ref["H_at_i1_j3"][who])
        middle = choice[n // 2].reshape(4, 4)
        np.testing.assert_array_equal(middle, ref["H_mid_row_all_incomes"][who])
        law = np.asarray(found[who].distribution).sum(axis=1)
        long_run = ref["bonds_in_the_long_run"][who]
        assert bonds @ law == pytest.approx(long_run["mean"], rel=1e-9)
        assert np.sqrt(bonds**2 @ law - (bonds @ law) ** 2) == pytest.approx(long_run["sd"], rel=1e-8)
        # Owing is most probable where the planner would not go.
        at_probability = np.interp(0.05, law.cumsum(), bonds)
        assert at_probability == pytest.approx(
            long_run["quantiles_1_5_50_95"][1], abs=1.5 * (bonds[1] - bonds[0])
        )
    own = np.asarray(found["decentralised"].value.v)[rows, rows, 7]
    np.testing.assert_allclose(own, ref["household_value_b_eq_B_at_rows_i1_j3"], rtol=1e-9)
    np.testing.assert_allclose(
        np.asarray(found["planner"].value)[rows, 7], ref["planner_value_at_rows_i1_j3"], rtol=1e-12
    )


def test_incomes_of_the_overborrowing_economy():
    """The chain of the lecture, and how both incomes move in it."""
    ref, p = reference("bianchi")["markov_chain"], bianchi_2011.model.params()
    np.testing.assert_allclose(p.Q, ref["Q_16x16"], rtol=1e-12)
    np.testing.assert_allclose(p.y_t[::4], ref["y_t"], rtol=1e-14)
    np.testing.assert_allclose(p.y_n[:4], ref["y_n"], rtol=1e-14)
    law = np.linalg.matrix_power(p.Q, 5000)[0]
    apart = {name: y - law @ y for name, y in (("y_t", p.y_t), ("y_n", p.y_n))}
    for name, x in apart.items():
        assert np.sqrt(law @ x**2) == pytest.approx(ref["stats"][f"sd_{name}"], rel=1e-6)
        correlation = (law * x) @ p.Q @ x / (law @ x**2)
        assert correlation == pytest.approx(ref["stats"][f"ac_{name}"], rel=1e-6)
    together = law @ (apart["y_t"] * apart["y_n"])
    assert together == pytest.approx(
        ref["stats"]["corr"] * ref["stats"]["sd_y_t"] * ref["stats"]["sd_y_n"], rel=1e-6
    )


def test_overborrowing_between_the_points():
    """Euler's equation and the limit, written out; the lecture's 800 points, to the error of its H and of a step."""
    model, bonds = bianchi_2011.build_smooth(200), np.linspace(-1.02, -0.2, 200)
    solution = estim.solve(model)
    p = jax.tree.map(np.asarray, solution.params)
    C, ahead, y_t, y_n = np.asarray(solution.value), np.asarray(solution.policy.ahead), p.y_t, p.y_n
    np.testing.assert_allclose(C + ahead, 1.04 * bonds[:, None] + y_t, rtol=1e-12)
    limit = -0.3235 * (0.69 / 0.31 * (C / y_n) ** (p.eta + 1) * y_n + y_t)
    binds = np.asarray(solution.policy.tight) > 0
    np.testing.assert_allclose(ahead[binds], limit[binds], atol=1e-9)
    assert (ahead >= limit - 1e-9).all() and 0.05 < binds.mean() < 0.5

    def marginal(C, y_n):  # the derivative of w(c, y_n)
        w = lambda c: -1 / (0.31 * c**-p.eta + 0.69 * y_n**-p.eta) ** (-1 / p.eta)
        return (w(C + 1e-6) - w(C - 1e-6)) / 2e-6

    inside = (ahead > -1.02) & (ahead < -0.2)
    C_ahead = np.array([np.interp(ahead, bonds, C[:, s]) for s in range(16)])  # [s', B, s]
    later = np.einsum("kbs,sk->bs", marginal(C_ahead, y_n[:, None, None]), p.Q)
    euler = marginal(C, y_n) / (0.91 * 1.04 * later) - 1
    free = inside & ~binds
    assert np.abs(euler[free]).max() < 2e-3 and np.abs(euler[free]).mean() < 1e-4
    assert (euler[binds] > -1e-4).all()

    ref = reference("bianchi_800")
    fine, law = np.linspace(-1.02, -0.2, 800), np.asarray(solution.distribution).sum(axis=1)
    long_run = ref["bonds_in_the_long_run"]["decentralised"]
    assert bonds @ law == pytest.approx(long_run["mean"], abs=0.002)
    assert np.sqrt(bonds**2 @ law - (bonds @ law) ** 2) == pytest.approx(long_run["sd"], abs=0.002)
    rows, H = np.array(ref["H_at_i1_j3"]["rows"]), np.array(ref["H_at_i1_j3"]["decentralised"])
    # Not in the first row, the deepest of crises: there the limit falls with consumption, and a step's error grows.
    np.testing.assert_allclose(np.interp(fine[rows], bonds, ahead[:, 7])[1:], fine[H][1:], atol=0.0025)


def test_derivatives_of_bonds_in_the_long_run():
    model, bonds = bianchi_2011.build_smooth(40), np.linspace(-1.02, -0.2, 40)

    @jax.jit
    def mean(x):
        p = model.params()._replace(beta=x[0], kappa=x[1])
        return bonds @ StationarySolver(tolerance=1e-13).solve(model, p).distribution.sum(axis=1)

    x, step = np.array([0.91, 0.3235]), 1e-6 * np.eye(2)
    differences = [(mean(x + d) - mean(x - d)) / 2e-6 for d in step]
    np.testing.assert_allclose(jax.jit(jax.grad(mean))(x), differences, rtol=1e-5)


# ----- Newton's method


@pytest.mark.parametrize("start", ["from_1_1_1", "from_4.5_0.1_4"])
def test_prices_at_which_three_markets_clear(start):
    ref = reference("newton")["market_3"]
    A = np.array(ref["A"])
    first = np.array([float(x) for x in start.split("_")[1:]])
    model = market_equilibrium.build(A, start=first)
    value = jnp.asarray(first)
    for error in ref[start]["errors"][:5]:
        ahead = model.bellman(value, model.params())
        assert np.linalg.norm(ahead - value) == pytest.approx(error, rel=1e-9)
        value = ahead
    np.testing.assert_allclose(estim.solve(model).value, ref[start]["p"], rtol=1e-12)
    if start == "from_1_1_1":
        solve = lambda p: StationarySolver(**model.solver).solve(model, p).value
        found = jax.jit(jax.jacrev(solve))(model.params())
        np.testing.assert_allclose(found.c, ref[start]["dp_dc"], rtol=1e-10)
        np.testing.assert_allclose(found.b, ref[start]["dp_db"], rtol=1e-10)
        np.testing.assert_allclose(found.A[:, 0, 1], ref[start]["dp_dA01"], rtol=1e-10)


def test_a_start_from_which_a_price_turns_negative():
    ref = reference("newton")["market_3"]
    assert float(ref["closed_scalar_equation_root"]) == pytest.approx(ref["from_1_1_1"]["p"][0], rel=1e-12)
    model = market_equilibrium.build(market_equilibrium.model.prior.A, start=5.0)
    ahead = model.bellman(jnp.full(3, 5.0), model.params())
    assert np.linalg.norm(ahead - 5.0) == pytest.approx(ref["from_5_5_5"][0], rel=1e-9)
    with pytest.raises(estim.SolutionError, match="a value is not finite"):
        estim.solve(model)


def test_a_market_of_fifty_goods():
    ref = reference("newton")["market_50"]
    i, j = np.arange(50)[:, None], np.arange(50)[None, :]
    A = ((7 * i**2 + 13 * j + 3 * i * j + 1) % 101) / 101
    n = np.arange(50)
    model = market_equilibrium.build(A / A.sum(axis=0), b=1 + 0.01 * n, c=1 - 0.005 * n)
    np.testing.assert_allclose(estim.solve(model).value, ref["p"], rtol=1e-12)


@pytest.mark.parametrize("case", ["solow_3", "solow_diagonal"])
def test_growth_with_three_kinds_of_capital(case):
    ref = reference("newton")[case]
    model = solow_1956.build(ref["A"], start=np.array(ref["starts"][0]["k0"], float))
    given = {n: ref[n] for n in ("s", "alpha", "delta")}
    solution = estim.solve(model, given)
    np.testing.assert_allclose(solution.value, ref["k_star"], rtol=1e-12)
    if case == "solow_diagonal":
        np.testing.assert_allclose(solution.value, ref["closed_form_k"], rtol=1e-12)
    assert int(solution.steps) <= len(ref["starts"][0]["errors_float64"])
    solve = lambda p: StationarySolver(**model.solver).solve(model, p).value
    found = jax.jit(jax.jacfwd(solve))(model.params(given))
    for name in given:
        np.testing.assert_allclose(getattr(found, name), ref[f"dk_d{name}"], rtol=1e-9, err_msg=name)


def of_five_rows(ref):
    return np.array(ref["X"]), np.array(ref["y"])


def of_a_formula(ref):
    """Counts that are quantiles, so that nothing is random."""
    from scipy.stats import poisson

    i = np.arange(400)
    x = 1.5 * np.sin(i)
    mean = np.exp(-1 + 0.3 * x + 0.25 * x**2)
    y = poisson.ppf((0.6180339887498949 * (i + 0.5)) % 1, mean)
    assert y.sum() == ref["y_sum"]
    return np.stack([np.ones(400), x, x**2], axis=1), y


@pytest.mark.parametrize("case,design", [("five_rows", of_five_rows), ("deterministic_400", of_a_formula)])
def test_poisson_regression_by_newton_and_raphson(case, design):
    ref = reference("poisson_mle")[case]
    X, y = design(ref)
    b = jnp.full(3, 0.1)
    improve = jax.jit(poisson_regression.improve)
    for expected in ref["loglikelihood_sequence_tol_1e-3"]:
        b = improve(b, X, y)
        assert poisson_regression.loglikelihood(b, X, y) == pytest.approx(expected, rel=1e-9)
    found, errors = poisson_regression.maximum_likelihood(X, y, jnp.full(3, 0.1))
    np.testing.assert_allclose(found, ref["beta"], rtol=1e-7)
    np.testing.assert_allclose(errors, ref["standard_errors"], rtol=1e-6)
    assert np.abs(X.T @ (y - np.exp(X @ np.asarray(found)))).max() < 1e-6 * np.abs(X).max()
    np.testing.assert_array_equal(y[:20], ref.get("y_first_20", y))


def test_the_likelihood_of_counts_is_that_of_the_regression():
    data = estim.simulate_agents("poisson_regression", None, 50, rng_key=jax.random.key(0))
    x = data.x.to_numpy()
    X = np.stack([np.ones(50), x, x**2], axis=1)
    b = {"constant": -0.5, "linear": 0.2, "square": 0.1}
    expected = poisson_regression.loglikelihood(jnp.array(list(b.values())), X, data.y.to_numpy())
    assert estim.loglikelihood(poisson_regression.model, b, data) == pytest.approx(float(expected), rel=1e-12)


# ----- asset prices when volatility moves


@pytest.mark.parametrize("point", [1, 0, 2])
def test_prices_with_stochastic_volatility(point):
    """Prices are close to infinite at the second point, and its differences therefore right to about 3e-5."""
    ref = reference("markov_asset_pricing")["stochastic_volatility"][point]
    n, middle = ref["parameters"]["n"], tuple(k // 2 for k in ref["parameters"]["n"])
    given = {name: ref["parameters"][name] for name in ("beta", "gamma", "mu_c", "mu_d", "bar")}
    model = stochastic_volatility_pricing.build(*n)
    params = jax.tree.map(lambda x: jnp.asarray(x, float), model.params(given))

    def of(params):
        solution = StationarySolver().solve(model, params)
        return solution.value[middle], solution

    found, solution = jax.jit(jax.grad(of, has_aux=True))(params)
    value = np.asarray(solution.value)
    corners = {"0,0,0": value[0, 0, 0], "mid": value[middle], "last": value[-1, -1, -1]}
    corners |= {"0,0,last": value[0, 0, -1], "last,0,0": value[-1, 0, 0], "0,last,0": value[0, -1, 0]}
    for where, expected in ref["v_corners"].items():
        assert corners[where] == pytest.approx(expected, rel=1e-8), where
    np.testing.assert_allclose(value[0, 0], ref["v_along_z_at_0_0"], rtol=1e-8)
    assert ref["spectral_radius"] <= float(solution.radius) < 1
    for name, expected in ref["derivatives_of_mid"].items():
        assert getattr(found, name) == pytest.approx(expected, rel=1e-4), name
    # Discounting and growth of dividends are the same thing: one derivative follows from the other.
    assert found.beta * given["beta"] == pytest.approx(float(found.mu_d), rel=1e-8)


def test_agents_of_a_model_without_decisions_are_refused():
    with pytest.raises(estim.ModelError, match="hansen_1985 has no draw"):
        estim.simulate_agents("hansen_1985", None, 50, rng_key=jax.random.key(0))
