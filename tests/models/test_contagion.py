"""Contagion and clearing among banks, against independent programs, by hand, and by closed forms."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.models import bardoscia_et_al_2015 as linear
from estim.models import battiston_et_al_2012 as debtrank
from estim.models import eisenberg_noe_2001 as clearing
from estim.models import furfine_2003 as cascade

CASES = json.loads((Path(__file__).parents[1] / "reference" / "debtrank.json").read_text())
NETWORKS = ["published_three_banks", "five_banks_smaller_shock", "five_banks"]


def banks(case):
    names = ("interbank_liabilities", "external_assets", "equity_before")
    return debtrank.Banks(*(np.array(case[name]) for name in names))


def shock(case, rounds=150):
    """The same share of everybody's outside assets is lost in the first round."""
    return np.eye(rounds)[:1].T * case["uniform_shock"]


@pytest.mark.parametrize("name", NETWORKS)
def test_linear_debtrank(name):
    case, expected = CASES[name], CASES[name]["linear_debtrank"]
    model = linear.economy(banks(case))
    np.testing.assert_allclose(linear.leverage(model.params()), case["leverage_matrix"], rtol=1e-14)
    path = model.compiled_path(None, shock(case))
    first = np.array(expected["first_rounds"])
    np.testing.assert_allclose(path.states.h[: len(first)], first, rtol=1e-13)
    np.testing.assert_allclose(path.states.h[-1], expected["h"], rtol=1e-12)
    np.testing.assert_allclose(path.observables.loss[-1], expected["system_loss"], rtol=1e-12)


def test_linear_debtrank_by_hand():
    case = CASES["hand_computed"]
    own = debtrank.Banks(np.array(case["Lam"]).T, np.ones(3), np.ones(3))
    h_1 = np.array(case["h_1"], float)
    path = linear.economy(own).path(None, np.zeros((60, 1)), start=linear.State(h_1, np.zeros(3)))
    np.testing.assert_allclose(path.states.h[:4], case["first_rounds"][1:], rtol=1e-13)
    np.testing.assert_allclose(path.states.h[-1], case["by_hand"], rtol=1e-13)


def test_losses_move_with_every_loan_as_the_closed_form_says():
    """h = (I - Lambda)^-1 h(1), so that dh = (I - Lambda)^-1 dLambda h."""
    case = CASES["five_banks_smaller_shock"]
    model, own = linear.economy(banks(case)), banks(case)
    total = lambda p: model.path(p, shock(case, 400)).states.h[-1].sum()
    found = estim.sensitivities(total, {"liabilities": own.liabilities})["liabilities"]
    inverse = np.linalg.inv(np.eye(5) - np.array(case["leverage_matrix"]))
    h = inverse @ np.array(case["h_1"])
    np.testing.assert_allclose(found, np.outer(h, inverse.sum(axis=0) / own.equity), rtol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_debtrank_2012(name):
    case = CASES[name]
    model, own = debtrank.economy(banks(case)), banks(case)
    for single in case["debtrank_2012"]["single_defaults"]:
        begun = np.eye(len(own.equity))[single["start"]]
        path = model.compiled_path(None, np.zeros((30, 1)), start=debtrank.State(begun, 0 * begun))
        np.testing.assert_allclose(path.states.h[-1], single["h"], rtol=1e-13)
        initial = model.observe(debtrank.State(begun, begun), model.params())
        np.testing.assert_allclose(path.observables.debtrank[-1] - initial[0], single["R"], rtol=1e-12)
    every, expected = (
        model.compiled_path(None, shock(case)),
        case["debtrank_2012"]["all_distressed_by_the_shock"],
    )
    np.testing.assert_allclose(every.states.h[-1], expected["h"], rtol=1e-13)
    found = every.observables.debtrank[-1] - every.observables.debtrank[0]
    np.testing.assert_allclose(found, expected["R"], rtol=1e-12)


def test_debtrank_2012_by_hand():
    """Loans that give W where equity is one; v is the share of outside assets."""
    case = CASES["debtrank_2012_by_hand"]
    own = debtrank.Banks(np.array(case["W"]), np.array(case["v"]), np.ones(3))
    begun = debtrank.State(np.eye(3)[0], np.zeros(3))
    path = debtrank.economy(own).path(None, np.zeros((4, 1)), start=begun)
    np.testing.assert_allclose(path.states.h[:2], case["rounds"], rtol=1e-14)
    np.testing.assert_allclose(path.observables.debtrank[-1] - 0.5, case["R"], rtol=1e-13)


@pytest.mark.parametrize("k", [5.0, 20.0, 100.0, 1000.0, np.inf])
def test_a_relaxed_cascade_and_its_hard_limit(k):
    case = CASES["five_banks"]
    expected = case["smooth_cascade"]["hard" if np.isinf(k) else f"k_{k}"]
    h_1 = jnp.array(case["h_1"])
    model = cascade.economy(banks(case), k)
    last = lambda h: model.path(None, np.zeros((10, 1)), start=cascade.State(h, h)).states.x[-1]
    np.testing.assert_allclose(last(h_1), expected, rtol=1e-12)
    if k == 20.0:
        slopes = estim.sensitivities(lambda h: last(h).sum(), h_1)
        np.testing.assert_allclose(slopes, case["smooth_cascade"]["dsum_dh1_k_20"], rtol=1e-7)


@pytest.mark.parametrize("name", NETWORKS)
def test_clearing(name):
    case, expected = CASES[name], CASES[name]["eisenberg_noe_after_shock"]
    own = banks(case)
    p = clearing.Params(own.liabilities, own.outside_assets, np.array(case["external_liabilities"]))
    assets = own.outside_assets * (1 - case["uniform_shock"])
    clear = jax.jit(clearing.clearing_payments)
    paid = clear(p, assets, jnp.inf)
    np.testing.assert_allclose(paid, expected["payments"], rtol=1e-12)
    np.testing.assert_allclose(clearing.equity(paid, assets, p), expected["equity"], rtol=1e-12, atol=1e-12)
    rounds = clearing.economy(p).path(None, shock(case)).states.paid[-1]
    np.testing.assert_allclose(rounds, expected["payments"], rtol=1e-12)
    relaxed = clear(p, assets, 1e4)
    np.testing.assert_allclose(relaxed, expected["payments"], rtol=2e-3)


def test_clearing_has_the_derivatives_of_its_equations():
    """Of all that is paid with respect to loans and to assets, where the minimum is relaxed and where it is not."""
    p = clearing.model.params()
    paid = lambda loans, assets: clearing.clearing_payments(p._replace(liabilities=loans), assets, 2.0).sum()
    at = jnp.asarray(p.liabilities), 0.89 * jnp.asarray(p.outside_assets)
    evaluate = jax.jit(jax.value_and_grad(paid, (0, 1)))
    slopes = evaluate(*at)[1]
    units = [np.eye(5)[i][:, None] * np.eye(5)[j] for i, j in [(0, 1), (0, 4), (3, 0), (2, 2)]]
    moves = [(u, np.zeros(5)) for u in units] + [(np.zeros((5, 5)), u) for u in np.eye(5)]
    for move in moves:
        above, below = (
            evaluate(*(x + s * 1e-4 * m for x, m in zip(at, move, strict=True)))[0] for s in (1, -1)
        )
        along = sum((d * m).sum() for d, m in zip(slopes, move, strict=True))
        np.testing.assert_allclose(along, (above - below) / 2e-4, rtol=1e-6, atol=1e-9)
    hard = jax.jit(jax.jacfwd(lambda assets: clearing.clearing_payments(p, assets)))(at[1])
    np.testing.assert_allclose(hard, np.diag([1.0, 0, 0, 0, 0]), atol=1e-12)  # one bank is in default
