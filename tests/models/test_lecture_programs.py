"""Dynamic programs at the size at which lectures print them, and derivatives that the small ones do not have."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from decision_references import at, reference

import estim
from estim.models import (
    aiyagari_1994,
    arellano_2008,
    huggett_1993,
    inventory_management,
    market_equilibrium,
    mccall_1970_markov,
    optimal_investment,
    optimal_savings,
    shortest_paths,
)
from estim.numerics import gini
from estim.solution.stationary import StationarySolver, as_program


def changes_of_policy(model, steps):
    """Howard's iteration from policy 0, each policy's value exact: the largest change of a policy's index."""
    params = jax.tree.map(lambda x: jnp.asarray(x, float), model.params())
    improve = jax.jit(lambda v: as_program(model, params).improve(v)[1])
    policy = jnp.zeros(model.first_value(params).shape, int)
    evaluate = jax.jit(
        lambda policy: jax.lax.while_loop(
            lambda s: s[1] > 1e-11,
            lambda s: (ahead := as_program(model, params).follow(policy, s[0]), jnp.abs(ahead - s[0]).max()),
            (jnp.zeros(policy.shape), jnp.inf),
        )[0]
    )
    changes = []
    for _ in range(steps):
        better = improve(evaluate(policy))
        changes.append(int(jnp.abs(better - policy).max()))
        policy = better
    return changes


@pytest.mark.parametrize("size", ["seed", "small"])
def test_savings(size):
    ref = reference("optimal_savings")[size]
    model = optimal_savings.build(ref["parameters"]["nw"], ref["parameters"]["ny"])
    printed = reference("optimal_savings")["seed_printed_howard"] if size == "seed" else None
    changes = changes_of_policy(model, 6)
    assert changes == ref["howard_policy_index_errors"][:6] and printed in (None, [*changes, 1, 1, 1, 0])
    solution = estim.solve(model)
    np.testing.assert_allclose(solution.value[at(ref["points"])], ref["value"], rtol=1e-9)
    np.testing.assert_array_equal(solution.policy[at(ref["points"])], ref["policy_index"])
    np.testing.assert_array_equal(solution.policy[::25].sum(axis=1), ref["policy_index_row_sums_every_25"])
    assert float(solution.value.mean()) == pytest.approx(ref["value_mean"], rel=1e-9)
    for key, column in (("y_1", 0), ("y_last", -1)):
        if size == "seed":
            at_income = ref["policy_columns_first_last"][key]
            np.testing.assert_array_equal(solution.policy[::10, column], at_income)
    vfi = estim.solve(model, solver=StationarySolver("vfi", tolerance=1e-5))
    assert int(vfi.steps) == ref["vfi_iterations_tol_1e-5"]
    np.testing.assert_allclose(vfi.value[at(ref["points"])], ref["vfi_value_at_points"], rtol=1e-9)
    assert int((vfi.policy != solution.policy).sum()) == ref["vfi_policy_differences"]
    for sweeps, count in ref["opi_iterations_tol_1e-5"].items():
        solver = StationarySolver("optimistic", tolerance=1e-5, sweeps=int(sweeps))
        assert int(estim.solve(model, solver=solver).steps) == count, sweeps


def test_investment():
    ref = reference("optimal_investment")["seed"]
    model = optimal_investment.build(ref["parameters"]["ny"], ref["parameters"]["nz"])
    assert changes_of_policy(model, 7) == reference("optimal_investment")["seed_printed_howard"][:7]
    solution = estim.solve(model)
    np.testing.assert_allclose(solution.value[at(ref["points"])], ref["value"], rtol=1e-9)
    np.testing.assert_array_equal(solution.policy[at(ref["points"])], ref["policy_index"])
    for key, rows in (
        ("policy_rows_0_1_2_first_last_three", slice(0, 3)),
        ("policy_last_three_rows", slice(-3, None)),
    ):
        ends = np.asarray(solution.policy)[rows][:, [0, 1, 2, -3, -2, -1]]
        np.testing.assert_array_equal(ends, ref[key])
    vfi = estim.solve(model, solver=StationarySolver("vfi", tolerance=1e-5))
    assert int(vfi.steps) == ref["vfi_iterations_tol_1e-5"]
    solver = StationarySolver("optimistic", tolerance=1e-5, sweeps=100)
    assert int(estim.solve(model, solver=solver).steps) == ref["opi_100_iterations"]


def test_inventories():
    ref = reference("inventory_management")["seed"]
    solution = estim.solve(inventory_management.build(100, 10, 101))
    np.testing.assert_allclose(solution.value[at(ref["points"])], ref["value"], rtol=1e-9)
    np.testing.assert_array_equal(solution.policy[at(ref["points"])], ref["order"])
    np.testing.assert_array_equal(solution.policy[0], ref["order_at_empty_by_z"])
    orders = np.asarray(solution.policy) > 0
    largest = [np.flatnonzero(column).max() for column in orders.T]
    np.testing.assert_array_equal(largest, ref["largest_stock_that_orders_by_z"])
    assert ref["spectral_radius_of_discounting"] <= float(solution.radius) < 1


def test_where_agents_are():
    """The stationary laws of wealth, of output and of stocks, at the small size."""
    ref = reference("optimal_savings")["small"]
    p = ref["parameters"]
    solution = estim.solve(replace(optimal_savings.build(p["nw"], p["ny"]), motion=optimal_savings.motion))
    law, w = np.asarray(solution.distribution), np.linspace(p["w_min"], p["w_max"], p["nw"])
    income = np.exp(np.asarray(estim.grids.tauchen(p["rho"], p["nu"], p["ny"]).states))
    found = moments(law.sum(axis=1), w)
    assert found == pytest.approx((ref["ergodic"]["mean_wealth"], ref["ergodic"]["sd_wealth"]), rel=1e-7)
    assert law[0].sum() == pytest.approx(ref["ergodic"]["share_at_lowest"], rel=1e-7)
    eaten = p["R"] * w[:, None] + income - w[np.asarray(solution.policy)]
    assert (law * eaten).sum() == pytest.approx(ref["ergodic"]["mean_consumption"], rel=1e-7)

    ref = reference("optimal_investment")["small"]
    p = ref["parameters"]
    model = optimal_investment.build(p["ny"], p["nz"])
    solution = estim.solve(replace(model, motion=optimal_investment.motion))
    law, y = np.asarray(solution.distribution), np.linspace(p["y_min"], p["y_max"], p["ny"])
    found = moments(law.sum(axis=1), y)
    assert found == pytest.approx((ref["ergodic"]["mean_output"], ref["ergodic"]["sd_output"]), rel=1e-7)
    squared = (law * (y[np.asarray(solution.policy)] - y[:, None]) ** 2).sum()
    assert squared == pytest.approx(ref["ergodic"]["mean_investment_squared"], rel=1e-6)

    ref = reference("inventory_management")["small"]
    solution = estim.solve(
        replace(inventory_management.build(20, 10, 40), motion=inventory_management.motion)
    )
    law, order = np.asarray(solution.distribution), np.asarray(solution.policy)
    found = moments(law.sum(axis=1), np.arange(21))
    assert found == pytest.approx((ref["ergodic"]["mean_stock"], ref["ergodic"]["sd_stock"]), rel=1e-7)
    often = law[order > 0].sum()
    assert often == pytest.approx(ref["ergodic"]["order_frequency"], rel=1e-7)
    assert (law * order).sum() / often == pytest.approx(ref["ergodic"]["mean_order_when_ordering"], rel=1e-7)


def moments(law, x):
    return law @ x, np.sqrt(law @ x**2 - (law @ x) ** 2)


@pytest.mark.parametrize("point", range(3))
def test_derivatives_of_a_reservation_wage(point):
    """Against differences so small that no kink of the interpolant lies between. Theirs, where there is no formula, are
    across kinks: to 3 per cent."""
    ref = reference("job_search")["markov"][point]
    given = ref["parameters"]
    model = mccall_1970_markov.build(given["n"])
    params = model.params({"discount": given["beta"], "c": given["c"], "theta": given["theta"] or 0.0})

    def of(params):
        solution = StationarySolver().solve(model, params)
        wage = mccall_1970_markov.reservation_wage(solution)
        return {
            "reservation_wage_interpolated": wage,
            "v[0]": solution.value[0],
            "v[250]": solution.value[250],
        }

    params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
    value, found = jax.jit(of), jax.jit(jax.jacrev(of))(params)
    expected = ref["derivatives"]
    if "c_implicit_formula" in expected:
        expected = {"c": expected["c_implicit_formula"], "beta": expected["beta"]}
    for name, by in expected.items():
        own = {"beta": "discount"}.get(name, name)
        x = getattr(params, own)
        up, down = (value(params._replace(**{own: x + step})) for step in (1e-7, -1e-7))
        for key, theirs in by.items():
            derivative = getattr(found[key], own)
            assert derivative == pytest.approx(float(up[key] - down[key]) / 2e-7, rel=1e-4), (name, key)
            tolerance = 1e-8 if name == "c" and point < 2 else 3e-2
            assert derivative == pytest.approx(theirs, rel=tolerance), (name, key)


def test_derivatives_of_the_cost_of_a_route():
    """Of each edge, the probability that it is used: the soft ones, and without tastes 1 on the best path."""
    ref = reference("shortest_paths")["hundred_nodes"]
    edges = [tuple(edge) for edge in ref["edges"]]
    ends = [edge[:2] for edge in edges]
    costs = jnp.array([edge[2] for edge in edges])
    smooth = shortest_paths.build(edges, 99, smooth=True)
    cost = lambda c, b: -StationarySolver().solve(smooth, smooth.params({"costs": c, "b": b})).value[0]
    soft = jax.jit(jax.grad(cost))(costs, 1.0)
    for start, end, expected in ref["softmin_b_1_dJ0_dcost_of_edges"]:
        assert soft[ends.index((start, end))] == pytest.approx(expected, rel=1e-7), (start, end)
    hard = shortest_paths.build(edges, 99)
    solver = StationarySolver("vfi", tolerance=1e-8)
    used = jax.jit(jax.grad(lambda c: -solver.solve(hard, hard.params({"costs": c})).value[0]))(costs)
    path = set(zip(ref["path_from_0"][:-1], ref["path_from_0"][1:], strict=True))
    np.testing.assert_allclose(used, [float(edge in path) for edge in ends], atol=1e-12)


def test_a_market_of_other_supply():
    ref = reference("newton")["market_3"]
    other = ref["other_b_c"]
    model = market_equilibrium.build(np.array(ref["A"]), b=np.array(other["b"]), c=np.array(other["c"]))
    solution = estim.solve(model)
    np.testing.assert_allclose(solution.value, other["p"], rtol=1e-12)
    assert int(solution.steps) == 1 + next(i for i, error in enumerate(other["errors"]) if error <= 1e-8)
    found = jax.jit(jax.jacrev(lambda p: StationarySolver(**model.solver).solve(model, p).value))(
        model.params()
    )
    np.testing.assert_allclose(found.c, other["dp_dc"], rtol=1e-9)
    np.testing.assert_allclose(found.b, other["dp_db"], rtol=1e-9)
    np.testing.assert_allclose(found.A[:, 0, 1], other["dp_dA01"], rtol=1e-8)


def test_wealth_when_prices_are_given():
    """By the endogenous grid; and how unequal it is in equilibrium."""
    ref = reference("aiyagari")["smooth"]
    given = aiyagari_1994.build(300, 60.0, prices=lambda p: (0.01, 1.0), market=False)
    assets = 60.0 * np.linspace(0.0, 1.0, 300) ** 2.5
    law = np.asarray(estim.solve(given).distribution).sum(axis=0)
    assert assets @ law == pytest.approx(ref["partial_equilibrium_at_r_.01_w_1"], rel=1e-9)
    law = np.asarray(estim.solve(aiyagari_1994.model).distribution).sum(axis=0)
    mean = assets @ law
    assert np.sqrt(assets**2 @ law - mean**2) == pytest.approx(ref["sd_assets"], rel=1e-8)
    apart = law @ np.abs(assets[:, None] - assets[None]) @ law
    assert apart / (2 * mean) == pytest.approx(ref["gini_assets"], rel=1e-8)
    assert int(np.searchsorted(law.cumsum(), 0.5)) == ref["asset_median_index"]
    assert float(gini(np.repeat(assets, np.round(1e5 * law).astype(int)))) == pytest.approx(
        ref["gini_assets"], abs=1e-3
    )


def test_capital_by_patience():
    """The lecture's table, to the step of its bisection."""
    model = aiyagari_1994.build_on_grid()
    for beta, K in reference("aiyagari")["seed_grid"]["table_beta_K"][::6]:
        assert float(estim.solve(model, {"beta": beta}).params.K) == pytest.approx(K, abs=3e-4), beta


@pytest.mark.parametrize("size", ["small", "seed"])
def test_errors_of_plain_iteration_on_default(size):
    ref = reference("arellano")[size]
    given = ref["parameters"]
    model = arellano_2008.build(given["nB"], given["ny"], given["Bmin"], given["Bmax"])
    p = model.params()
    step = lambda _, v: model.bellman(v, p)
    run = jax.jit(lambda v, n: jax.lax.fori_loop(0, n, step, v))
    for n, expected in ref["errors"].items():
        before = run(model.first_value(p), int(n) - 1)
        assert float(model.change(run(before, 1), before)) == pytest.approx(expected, rel=1e-8), n


def test_interest_and_patience():
    """Huggett's r in every number of the household, against differences."""
    model = huggett_1993.build(60, 12.0)
    rate = lambda p: huggett_1993.interest_rate(StationarySolver().solve(model, p))
    both = jax.jit(jax.value_and_grad(rate))
    params = jax.tree.map(lambda x: jnp.asarray(x, float), model.params({"limit": -2.0}))
    gradient = both(params)[1]
    for name, step in (("beta", 1e-6), ("gamma", 1e-4), ("limit", 1e-4)):
        x = getattr(params, name)
        shift = [float(both(params._replace(**{name: x + k * step}))[0]) for k in (1, -1, 2, -2)]
        difference = (8 * (shift[0] - shift[1]) - (shift[2] - shift[3])) / (12 * step)
        assert getattr(gradient, name) == pytest.approx(difference, rel=1e-7), name
    assert gradient.beta < 0 < gradient.gamma * -1 and gradient.limit < 0  # all lend more, or must
