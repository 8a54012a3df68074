"""Policy by gradient: one with a known optimum, bounds, the frontier of two objectives, and what is refused."""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.arguments import ArgumentError


class Policy(NamedTuple):
    tax: float
    spending: np.ndarray


def aims(policy):
    """Two parabolas with minima at different policies, along a path of spending too."""
    return {
        "gap": (policy.tax - 1.0) ** 2 + jnp.sum((policy.spending - 2.0) ** 2),
        "debt": policy.tax**2 + 3 * jnp.sum(policy.spending**2),
    }


START = Policy(0.3, np.array([0.1, 0.2]))


def test_a_weighted_sum_has_its_minimum_where_algebra_says():
    """tax = w / (w + v), spending = 2 w / (w + 3 v)."""
    found = estim.control(aims, START, weights={"debt": 0.5})
    assert found.success and found.weights == {"gap": 1.0, "debt": 0.5}
    np.testing.assert_allclose(found.policy.tax, 1 / 1.5, rtol=1e-6)
    np.testing.assert_allclose(found.policy.spending, np.full(2, 2 / 2.5), rtol=1e-6)
    assert found.loss == pytest.approx(found.objectives["gap"] + 0.5 * found.objectives["debt"], rel=1e-12)
    slopes = found.gradients["gap"].spending + 0.5 * found.gradients["debt"].spending
    np.testing.assert_allclose(slopes, 0.0, atol=1e-6)
    np.testing.assert_allclose(found.gradients["debt"].spending, 6 * found.policy.spending)


def test_a_bound_holds_for_each_number_of_a_path():
    found = estim.control(aims, START, weights={"debt": 0.0}, bounds={"spending": (0.0, 1.5)})
    np.testing.assert_allclose(found.policy.spending, 1.5)
    np.testing.assert_allclose(found.policy.tax, 1.0, rtol=1e-6)


def test_the_frontier_is_the_closed_form_and_falls():
    points = estim.frontier(aims, START, weights=5)
    weight = np.array([p.weights["gap"] for p in points])
    np.testing.assert_allclose(weight, [0, 0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose([p.policy.tax for p in points], weight, atol=1e-7)
    gap, debt = (np.array([p.objectives[name] for p in points]) for name in ("gap", "debt"))
    assert (np.diff(gap) < 0).all() and (np.diff(debt) > 0).all()
    chosen = estim.frontier(aims, START, weights=[{"gap": 2.0}, {"gap": 1.0, "debt": 2.0}])
    np.testing.assert_allclose([p.policy.tax for p in chosen], [2 / 3, 1 / 3], rtol=1e-6)


def test_one_objective_and_many_starts():
    """x^2 / 20 + 1 - cos(x): a minimum every 2 pi, the deepest at zero."""
    loss = lambda x: x["x"] ** 2 / 20 + 1 - jnp.cos(x["x"])
    found = estim.control(loss, {"x": 15.0}, bounds={"x": (-20.0, 20.0)}, num_starts=20)
    assert abs(found.policy["x"]) < 1e-6 and found.objectives == {"loss": found.loss}


@pytest.mark.parametrize(
    ("objectives", "settings", "words"),
    [
        (
            aims,
            dict(weights={"gab": 1.0}),
            "weights give 'gab', which is not in the objectives.*did you mean 'gap'",
        ),
        (aims, dict(bounds={"taxes": (0, 1)}), "control: bounds give 'taxes', which is not in the start"),
        (aims, dict(bounds={"tax": (0.5, 1)}), "control: start lies outside the bounds of 'tax'"),
        (lambda p: p.spending, {}, "objectives must return a number, or numbers by name"),
        (lambda p: {"a": p.spending}, {}, r"objective 'a' has shape \(2,\), not one number"),
    ],
)
def test_words_of_errors(objectives, settings, words):
    with pytest.raises(ArgumentError, match=words):
        estim.control(objectives, START, **settings)


def test_a_number_of_weights_is_for_two_objectives():
    with pytest.raises(ArgumentError, match=r"for two objectives, not \(loss\)"):
        estim.frontier(lambda p: p.tax**2, START)


def test_a_cake_of_two_hundred_periods():
    """The share that is eaten, the same for ever and period by period; the rest grows by R, and the end is the end."""
    case = json.loads((Path(__file__).parent / "reference" / "policy_gradient.json").read_text())["cake"]
    gamma, beta, R = case["gamma"], case["beta"], case["R"]

    def value(shares):
        left = jnp.cumprod(jnp.concatenate([jnp.ones(1), R * (1 - shares[:-1])]))
        return jnp.sum(beta ** jnp.arange(200) * (shares * left) ** (1 - gamma)) / (1 - gamma)

    forever = lambda p: 1 - (p["beta"] * p["R"] ** (1 - p["gamma"])) ** (1 / p["gamma"])
    at = {"gamma": gamma, "beta": beta, "R": R}
    assert forever(at) == pytest.approx(case["kappa"], rel=1e-12)
    slopes = estim.sensitivities(forever, at)
    assert {n: float(x) for n, x in slopes.items()} == pytest.approx(case["dkappa"], rel=1e-8)
    worth = case["kappa"] ** -gamma / (1 - gamma)
    assert worth == pytest.approx(case["infinite_horizon_value"], rel=1e-11)
    constant = float(value(jnp.full(200, case["kappa"])))
    assert constant == pytest.approx(case["kappa_rule_over_200_periods"], rel=1e-11)
    eaten = lambda logits: jnp.concatenate([jax.nn.sigmoid(logits), jnp.ones(1)])
    start = np.full(199, np.log(case["kappa"] / (1 - case["kappa"])))
    best = estim.control(lambda logits: -value(eaten(logits)), start, max_steps=3000)
    assert -best.loss == pytest.approx(case["optimum_over_200_periods"], rel=1e-8)
    found = np.asarray(eaten(best.policy))[[0, 100, 199]]
    np.testing.assert_allclose(found, case["optimal_rate_first_and_at_t_100_199"], rtol=1e-3)
