"""Input-output tables and supply chains: closed forms, the table of the United States, and producers run again."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import estim
from estim.data.input_output import us_input_output
from estim.models import baqaee_farhi_2019 as chain
from estim.models import carter_1970 as learning
from estim.models import leontief_1936 as leontief

US = json.loads((Path(__file__).parents[1] / "reference" / "leontief.json").read_text())
OUTPUT = np.array(US["gross_output"])
A = np.array(US["flows"]) / OUTPUT
DEMAND = np.array(US["final_demand"])


def test_the_shipped_table_is_that_of_the_reference():
    table = us_input_output()
    assert list(table.sectors) == US["sectors"]
    for ours, theirs in {
        "flows": "flows",
        "output": "gross_output",
        "value_added": "value_added",
        "imports": "imported_intermediates",
        "final_demand": "final_demand",
    }.items():
        np.testing.assert_allclose(getattr(table, ours), US[theirs], rtol=1e-12, atol=1e-6, err_msg=ours)
    np.testing.assert_allclose(leontief.of_table(table).A, A, rtol=1e-12)
    few = table.grouped({"goods": "ABC", "others": "DEFGHIJKLMNOPQRST"})
    assert few.flows[0, 1] == pytest.approx(table.flows[:3, 3:].sum())
    np.testing.assert_allclose(few.coefficients @ few.output + few.final_demand, few.output, rtol=1e-12)
    with pytest.raises(ValueError, match="one group"):
        table.grouped({"goods": "ABC"})


def test_the_leontief_inverse_of_the_us_table():
    """Column by column it is what a unit of final demand takes."""
    inverse = np.stack([leontief.quantities(A, unit) for unit in np.eye(20)], axis=1)
    row, column = US["sectors"].index("C"), US["sectors"].index("F")
    np.testing.assert_allclose(np.diag(inverse), US["total_requirements_diagonal"], rtol=1e-10)
    np.testing.assert_allclose(inverse[row], US["total_requirements_row_C"], rtol=1e-9)
    np.testing.assert_allclose(inverse[:, column], US["total_requirements_column_F"], rtol=1e-9)
    np.testing.assert_allclose(inverse.sum(axis=0), US["output_multipliers"], rtol=1e-10)
    np.testing.assert_allclose(A.sum(axis=0), US["A_column_sums"], rtol=1e-12)
    assert np.abs(np.linalg.eigvals(A)).max() == pytest.approx(US["spectral_radius_A"], rel=1e-10)


def test_coefficients_that_drift_have_the_joint_normal_density():
    """Of three years of two sectors; a row drifts together, and every coefficient is a random walk of its own."""
    p, guess = {"drift_a": 0.01, "drift_b": -0.02, "s": 0.03, "m": 0.05}, np.array([[0.2, 0.1], [0.3, 0.05]])
    model = learning.economy(("a", "b"), guess)
    assert model.is_linear
    rng = np.random.default_rng(0)
    output = rng.uniform(50, 100, (3, 2))
    flows = guess * np.exp(0.1 * rng.normal(size=(3, 2, 2))) * output[:, None, :]
    data = learning.shares(flows, output, ("a", "b"))
    years = np.arange(1, 4)
    cov = learning.SPREAD**2 + p["s"] ** 2 * np.minimum.outer(years, years) + p["m"] ** 2 * np.eye(3)
    want = sum(
        multivariate_normal.logpdf(data[f"z_{i}_{j}"], np.log(guess[k, k2]) + p[f"drift_{i}"] * years, cov)
        for k, i in enumerate("ab")
        for k2, j in enumerate("ab")
    )
    assert estim.loglikelihood(model, p, data) == pytest.approx(want, rel=1e-10)
    with pytest.raises(ValueError, match="2 by 2 positive"):
        learning.economy(("a", "b"), np.zeros((2, 2)))


def test_quantities_of_the_us_table():
    np.testing.assert_allclose(leontief.quantities(A, DEMAND), OUTPUT, rtol=1e-12)
    lower = DEMAND * np.where(np.arange(20) == US["sectors"].index("C"), 0.9, 1.0)
    change = np.asarray(leontief.quantities(A, lower)) - OUTPUT
    expected = US["shock_final_demand_C_minus_10_percent"]
    np.testing.assert_allclose(change, expected["dx_by_sector"], rtol=1e-8)
    np.testing.assert_allclose(change.sum(), expected["dx_total"], rtol=1e-9)


def test_prices_of_the_us_table():
    """Value added and imports make all of a price, to what the table's columns balance."""
    parts = [np.array(US[name]) / OUTPUT for name in ("value_added", "imported_intermediates")]
    found = [leontief.prices(A, part) for part in parts]
    np.testing.assert_allclose(found[0], US["value_added_multipliers"], rtol=1e-9)
    np.testing.assert_allclose(found[1], US["import_multipliers"], rtol=1e-8)
    np.testing.assert_allclose(found[0] + found[1], 1.0, atol=1e-8)


def test_the_gradient_identity():
    """d(1'x)/dA_ij = (L'1)_i x_j."""
    found = np.asarray(estim.sensitivities(lambda a: leontief.quantities(a, DEMAND).sum(), A))
    np.testing.assert_allclose(found, np.outer(US["output_multipliers"], OUTPUT), rtol=1e-10)
    quoted = US["gradient_identity"]
    np.testing.assert_allclose([found[i, j] for i, j in quoted["examples_ij"]], quoted["values"], rtol=1e-9)


def test_rounds_of_orders_come_to_the_quantities():
    model = leontief.economy(leontief.Params(A, DEMAND))
    path = model.path(None, np.zeros((60, 1)))
    np.testing.assert_allclose(path.states[-1], OUTPUT, rtol=1e-12)
    np.testing.assert_allclose(path.states[1], DEMAND + A @ DEMAND, rtol=1e-14)


NUM, PERIODS = 300, 12
NETWORK = chain.random_network(NUM, 5)
CHAIN = chain.economy(NETWORK)


def total(given):
    return CHAIN.path(given, np.zeros((PERIODS, 1))).observables.output.sum()


def test_a_chain_is_that_of_a_loop():
    p, u = CHAIN.params(), np.ones(NUM)
    p = p._replace(capacity=np.linspace(0.8, 1.1, NUM))
    for _ in range(3):
        harmonic = [
            1 / sum(w / u[j] for j, w in zip(*link, strict=True)) for link in zip(*NETWORK, strict=True)
        ]
        u = p.capacity * np.sqrt(harmonic)  # an elasticity of 1/2 is a harmonic mean
    found = CHAIN.path({"capacity": p.capacity}, np.zeros((3, 1)))
    np.testing.assert_allclose(found.states[-1], u, rtol=1e-12)
    np.testing.assert_allclose(found.observables.output[-1], u.mean(), rtol=1e-12)


def test_one_backward_pass_has_the_effect_of_every_producer():
    full = np.ones(NUM)
    found = np.asarray(estim.sensitivities(total, {"capacity": full})["capacity"])
    for i in range(0, NUM, 60):
        cut = {s: float(total({"capacity": full + s * 1e-4 * np.eye(NUM)[i]})) for s in (-1, 1)}
        np.testing.assert_allclose(found[i], (cut[1] - cut[-1]) / 2e-4, rtol=1e-6)


def test_the_ranking_under_cuts_of_a_tenth():
    """Cuts that hit hard by the gradient do when they are run, in this order nearly."""
    found = np.asarray(estim.sensitivities(total, {"capacity": np.ones(NUM)})["capacity"])
    some = np.argsort(found)[::30]
    lost = [
        float(total({"capacity": np.ones(NUM)}) - total({"capacity": 1 - 0.1 * np.eye(NUM)[i]})) for i in some
    ]
    rank = lambda x: np.argsort(np.argsort(x))
    assert np.corrcoef(rank(lost), rank(found[some]))[0, 1] > 0.95


def test_a_cut_of_one_producer_reaches_its_customers_a_period_later():
    cuts = np.zeros((3, NUM))
    cuts[0, 7] = np.log(2) / 0.1
    u = np.asarray(CHAIN.path(None, CHAIN.shocks(cut=cuts)).states)
    customers = (NETWORK.suppliers == 7).any(axis=1)
    np.testing.assert_allclose(u[0], np.where(np.arange(NUM) == 7, 0.5, 1.0))
    assert (u[1][customers] < 1 - 1e-6).all() and np.allclose(u[1][~customers], 1.0)
    with pytest.raises(estim.ModelError, match="periods each"):
        CHAIN.path(None, CHAIN.shocks(cut=0.5))
