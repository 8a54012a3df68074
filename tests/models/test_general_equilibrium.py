"""A small general equilibrium: the table it is calibrated to, closed forms, a naive search, and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import estim
from estim.data.input_output import us_input_output
from estim.models import shoven_whalley_1992 as cge

BASE = cge.model.params()
OTHERS = {
    "taxed": BASE._replace(tax=np.array([0.1, 0.0, 0.25])),
    "Cobb and Douglas": BASE._replace(substitution=1.0, taste=1.0, tax=np.array([0.3, 0.1, 0.0])),
    "three factors": BASE._replace(
        shares=np.array([[0.3, 0.5, 0.6], [0.5, 0.4, 0.2], [0.2, 0.1, 0.2]]), tax=np.array([0.2, 0.0, 0.0])
    ),
}
solve = jax.jit(cge.equilibrium)


def test_at_the_table_all_prices_are_one():
    found = solve(BASE)
    np.testing.assert_allclose(found.wages, 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.prices, 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.demand, BASE.y, rtol=1e-12)
    np.testing.assert_allclose(found.output, BASE.A @ found.output + BASE.y, rtol=1e-12)
    assert float(found.income) == pytest.approx(BASE.y.sum()) and float(found.consumption) == pytest.approx(1)


@pytest.mark.parametrize("case", OTHERS)
def test_all_markets_clear(case):
    """That of the first factor too, by Walras's law; firms earn what they pay, households spend what they earn."""
    p = OTHERS[case]
    now = jax.tree.map(np.asarray, solve(p))
    own = (1 - p.A.sum(axis=0)) * now.output
    cost = np.array([cge.ces(p.shares[:, j], now.wages, p.substitution) for j in range(3)])
    asked = (p.shares * (cost / now.wages[:, None]) ** p.substitution * own).sum(axis=1)
    np.testing.assert_allclose(asked, cge.endowments(p), rtol=1e-10)
    costs = p.A.T @ now.prices * now.output + own * cost
    np.testing.assert_allclose(now.prices * now.output, (1 + p.tax) * costs, rtol=1e-12)
    np.testing.assert_allclose(now.prices @ now.demand, now.income, rtol=1e-12)
    np.testing.assert_allclose(now.income, now.wages @ cge.endowments(p) + p.tax @ costs, rtol=1e-10)


def test_cobb_and_douglas_in_closed_form():
    """Factor f gets the share a_fj of what sector j adds in value, and good i the share b_i of spending."""
    p = OTHERS["Cobb and Douglas"]
    now = jax.tree.map(np.asarray, solve(p))
    np.testing.assert_allclose(now.prices * now.demand / now.income, p.y / p.y.sum(), rtol=1e-10)
    added = now.prices * now.output / (1 + p.tax) - p.A.T @ now.prices * now.output
    np.testing.assert_allclose(p.shares @ added, now.wages * cge.endowments(p), rtol=1e-10)
    near = jax.tree.map(np.asarray, solve(p._replace(substitution=1 + 1e-5, taste=1 - 1e-5)))
    np.testing.assert_allclose(near.prices, now.prices, rtol=1e-4)


def test_newton_finds_what_a_search_for_one_price_finds():
    p = OTHERS["taxed"]
    excess = jax.jit(lambda log: cge.at_wages(jnp.exp(jnp.array([0.0, log])), p)[1][1])
    rental = np.exp(brentq(lambda log: float(excess(log)), -2, 2, xtol=1e-14))
    assert float(solve(p).wages[1]) == pytest.approx(rental, rel=1e-11)


def test_taxes_distort_and_have_exact_derivatives():
    """At the table a small tax costs nothing to first order, a large one does; derivatives agree with differences."""
    consumption = jax.jit(lambda tax: cge.equilibrium(BASE._replace(tax=tax)).consumption)
    none, some = np.zeros(3), np.array([0.1, 0.0, 0.25])
    gradient = jax.jit(jax.grad(consumption))
    np.testing.assert_allclose(gradient(none), 0.0, atol=1e-10)
    assert float(consumption(some)) < 1 - 1e-4
    slope = gradient(some)
    for i in range(3):
        step = 1e-5 * np.eye(3)[i]
        want = (consumption(some + step) - consumption(some - step)) / 2e-5
        assert float(slope[i]) == pytest.approx(float(want), rel=1e-6)


def test_its_path_follows_productivity():
    path = estim.simulate("shoven_whalley_1992", None, np.array([[0.0], [1.0], [-1.0]]))
    np.testing.assert_allclose(path.sel(variable="consumption"), np.exp([0.0, 0.01, -0.01]), rtol=1e-9)


def test_the_table_of_the_united_states_is_an_equilibrium():
    """And when imports become dearer by a productivity that falls everywhere, what is consumed falls as Hulten says:
    by the sum of value added over final demand."""
    table = us_input_output()
    p = cge.of_table(table)
    at = solve(p)
    np.testing.assert_allclose(at.prices, 1.0, rtol=1e-10)
    np.testing.assert_allclose(at.output, table.output, rtol=1e-8)
    slope = jax.grad(lambda log: jnp.log(cge.equilibrium(p, jnp.exp(log)).consumption))(0.0)
    added = (table.value_added + table.imports).sum()
    assert float(slope) == pytest.approx(added / table.final_demand.sum(), rel=1e-6)
