"""Dynamic programs: every method against the others, QuantEcon's `DiscreteDP` and independent numbers; derivatives."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_derivatives
from quantecon.markov import DiscreteDP

import estim
from estim.arguments import ArgumentError
from estim.models import (
    inventory_management,
    lucas_1978,
    markov_asset_pricing,
    mccall_1970,
    mccall_1970_markov,
    optimal_investment,
    optimal_savings,
    shortest_paths,
)
from estim.solution.bellman import FEW
from estim.solution.stationary import StationarySolver, best_of, take
from estim.status import SolutionError, Status
from estim.tracing import ModelError

REFERENCE = Path(__file__).parents[1] / "reference" / "decisions"
METHODS = ("vfi", "howard", "optimistic", "newton")
SOLVERS = {m: {"method": m} for m in METHODS} | {
    f"howard, {e}": {"method": "howard", "evaluation": e} for e in ("exact", "krylov")
}


def reference(name):
    return json.loads((REFERENCE / f"{name}.json").read_text())


def at(points):
    return tuple(np.array(points).T)


# ----- against naive algorithms, and QuantEcon


@cache
def on_a_grid(build, *sizes):
    """One model, and so one program, for all tests."""
    return build(*sizes)


@pytest.fixture(scope="module")
def savings():
    return on_a_grid(optimal_savings.build, 30, 10)


def test_the_solution_is_that_of_policy_iteration_by_hand(savings):
    """As in a textbook, with matrices; and QuantEcon's."""
    params = savings.params()
    reward = np.asarray(savings.reward(params)).reshape(300, 30)
    chain = estim.grids.tauchen(params.rho, params.nu, 10)
    to = np.kron(np.eye(30)[:, None, :], np.asarray(chain.transition)[None])  # [a, y, (w', y')]
    policy, changes = np.zeros(300, int), []
    while not changes or changes[-1]:
        P = to[policy, np.tile(np.arange(10), 30)]
        value = np.linalg.solve(np.eye(300) - params.beta * P, reward[np.arange(300), policy])
        expected = (value.reshape(30, 10) @ np.asarray(chain.transition).T).T[None]
        better = (reward.reshape(30, 10, 30) + params.beta * expected).argmax(axis=-1).reshape(-1)
        changes.append(int(np.abs(better - policy).max()))
        policy = better
    assert changes == reference("optimal_savings")["small"]["howard_policy_index_errors"]
    everywhere = to.transpose(1, 0, 2)[np.tile(np.arange(10), 30)]  # [(w, y), a, (w', y')]
    theirs = DiscreteDP(reward, everywhere, params.beta).solve(method="policy_iteration")
    np.testing.assert_array_equal(theirs.sigma, policy)
    solution = estim.solve(savings)
    np.testing.assert_allclose(solution.value.reshape(-1), value, rtol=1e-8)
    np.testing.assert_allclose(solution.value.reshape(-1), theirs.v, rtol=1e-8)
    np.testing.assert_array_equal(solution.policy.reshape(-1), policy)


@pytest.mark.parametrize("settings", SOLVERS.values(), ids=SOLVERS)
def test_the_solution_is_that_of_discrete_dp(settings):
    rng = np.random.default_rng(0)
    reward, transition = rng.normal(size=(12, 5)), rng.dirichlet(np.ones(12), size=(12, 5))
    reward[3, 1:] = -np.inf
    found = DiscreteDP(reward, transition, 0.95).solve(method="policy_iteration")
    model = estim.DecisionModel(
        name="random",
        prior=markov_asset_pricing.Params(),
        reward=lambda p: jnp.asarray(reward),
        continuation=lambda v, p: 0.95 * (transition @ v),
    )
    solution = estim.solve(model, solver=StationarySolver(**settings, tolerance=1e-11))
    np.testing.assert_allclose(solution.value, found.v, rtol=1e-9)
    np.testing.assert_array_equal(solution.policy, found.sigma)


@pytest.mark.parametrize("num", [5, 36, 43, 150])
def test_the_best_of_many_actions(num):
    """The first of the best, ties and states without a feasible action included."""
    rng = np.random.default_rng(num)
    reward, later = rng.integers(0, 4, (7, 3, num)).astype(float), rng.integers(0, 3, (1, 3, num)) / 2
    reward[0, 0], reward[1, 1, :-1] = -np.inf, -np.inf
    value, action = best_of(jnp.asarray(reward), jnp.asarray(later))
    np.testing.assert_array_equal(action, (reward + later).argmax(axis=-1))
    np.testing.assert_array_equal(value, (reward + later).max(axis=-1))


@pytest.mark.parametrize("size", [(26, 5, 40), (9, 6, 15)])
def test_policies_that_are_evaluated_loosely_do_not_go_round_in_circles(size):
    """With few discount factors, of which some are above one, they did for ever, beyond the states of elimination."""
    model = inventory_management.build(*size)
    solution = estim.solve(model)
    assert solution.value.size > FEW and int(solution.steps) < 15
    np.testing.assert_allclose(
        solution.value, estim.solve(model, solver=StationarySolver("newton")).value, rtol=1e-7
    )


# ----- against independent numbers

GRIDS = {
    "optimal_savings": (optimal_savings.build, ("nw", "ny")),
    "optimal_investment": (optimal_investment.build, ("ny", "nz")),
}


@pytest.mark.parametrize("name", GRIDS)
def test_values_policies_and_iteration_counts(name):
    (build, sizes), ref = GRIDS[name], reference(name)["small"]
    model, points = on_a_grid(build, *(ref["parameters"][n] for n in sizes)), at(ref["points"])
    exact = estim.solve(model)
    np.testing.assert_allclose(exact.value[points], ref["value"], rtol=1e-9)
    np.testing.assert_array_equal(exact.policy[points], ref["policy_index"])
    plain = estim.solve(model, solver=StationarySolver("vfi", tolerance=1e-5))
    assert int(plain.steps) == ref["vfi_iterations_tol_1e-5"]
    counts = ref.get("opi_iterations_tol_1e-5", {"100": ref.get("opi_100_iterations")})
    for sweeps in sorted(counts, key=int)[-1:]:
        solver = StationarySolver("optimistic", tolerance=1e-5, sweeps=int(sweeps))
        assert int(estim.solve(model, solver=solver).steps) == counts[sweeps]


def test_inventories_with_a_discount_factor_that_moves():
    ref = reference("inventory_management")["small"]
    model = inventory_management.build(20, 10, 40)
    solution = estim.solve(model)
    np.testing.assert_allclose(solution.value[at(ref["points"])], ref["value"], rtol=1e-10)
    np.testing.assert_array_equal(solution.policy[at(ref["points"])], ref["order"])
    np.testing.assert_array_equal(solution.policy[0], ref["order_at_empty_by_z"])
    plain = estim.solve(model, solver=StationarySolver("vfi", tolerance=1e-6))
    assert int(plain.steps) == ref["vfi_iterations_tol_1e-6"]
    assert jnp.abs(plain.value - solution.value).max() == pytest.approx(ref["vfi_minus_exact_max"], rel=1e-6)
    assert ref["spectral_radius_of_discounting"] <= float(solution.radius) < 1


@pytest.mark.parametrize("point", range(3))
def test_job_search(point):
    ref = reference("job_search")["markov"][point]
    given = ref["parameters"]
    params = {"discount": given["beta"], "c": given["c"], "theta": given["theta"] or 0.0}
    model = searching()
    exact = estim.solve(model, params)
    np.testing.assert_allclose(exact.value[np.array(ref["indices"])], ref["v_at_indices"], rtol=1e-10)
    assert int((exact.policy == mccall_1970_markov.ACCEPT).sum()) == ref["stops"]
    wage = mccall_1970_markov.reservation_wage(exact)
    assert wage == pytest.approx(ref["reservation_wage_interpolated"], rel=1e-10)
    offers, chain = mccall_1970_markov.offers(exact.params, given["n"])
    assert offers.mean() == pytest.approx(ref["mean_of_grid"], rel=1e-10)
    np.testing.assert_allclose(offers[np.array(ref["indices"])], ref["w_at_indices"], rtol=1e-10)
    waiting = exact.action_values[:, mccall_1970_markov.WAIT]
    np.testing.assert_allclose(waiting[np.array(ref["indices"])], ref["continuation_at_indices"], rtol=1e-10)
    first, accepted = ref["first_stop_index"], np.asarray(exact.policy) == mccall_1970_markov.ACCEPT
    assert ref["stop_set_is_upper_interval"] and accepted[first:].all() and not accepted[:first].any()
    assert offers[first] == pytest.approx(ref["reservation_wage_grid"], rel=1e-10)
    law = np.linalg.matrix_power(np.asarray(chain.transition), 1000)[0]
    assert law[first:].sum() == pytest.approx(ref["acceptance_probability_first_offer_stationary"], rel=1e-8)
    plain = estim.solve(model, params, solver=StationarySolver("vfi", tolerance=1e-4))
    assert int(plain.steps) == ref["vfi_iterations_tol_1e-4"]
    assert ref["same_set_at_tol_1e-4"] and (plain.policy == exact.policy).all()
    assert jnp.abs(plain.value - exact.value).max() == pytest.approx(ref["vfi_minus_exact_max"], rel=1e-6)


@pytest.mark.parametrize("point", range(2))
def test_reservation_wage_of_offers_from_a_continuum(point):
    ref = reference("job_search")["iid_continuous"][point]
    params = {n: v for n, v in ref["parameters"].items() if n != "beta"} | {
        "discount": ref["parameters"]["beta"]
    }
    solution = estim.solve(mccall_1970.model, params)
    assert solution.value == pytest.approx(ref["reservation_wage"], rel=1e-10)
    p, accepted = solution.params, mccall_1970.acceptance(solution.value, solution.params)
    hazard = p.lam * accepted
    assert accepted == pytest.approx(ref["acceptance_probability"], rel=1e-9)
    assert (hazard, 1 / hazard) == (
        pytest.approx(ref["hazard"], rel=1e-9),
        pytest.approx(ref["mean_duration_in_periods"], rel=1e-9),
    )
    mean = solution.value + mccall_1970.gain(solution.value, p) / accepted
    assert mean == pytest.approx(ref["mean_accepted_wage"], rel=1e-9)
    of = lambda p: StationarySolver().solve(mccall_1970.model, p).value
    gradient = jax.grad(of)(mccall_1970.model.params(params))
    for name, expected in ref["d_reservation_wage"]["finite_differences"].items():
        assert getattr(gradient, {"beta": "discount"}.get(name, name)) == pytest.approx(expected, rel=1e-6), (
            name
        )
    assert gradient.c == pytest.approx(ref["d_reservation_wage"]["c_closed_form"], rel=1e-9)
    assert gradient.lam == pytest.approx(ref["d_reservation_wage"]["lam_closed_form"], rel=1e-9)


@pytest.mark.parametrize("graph,destination", [("seven_nodes", 6), ("hundred_nodes", 99)])
def test_shortest_paths(graph, destination):
    ref = reference("shortest_paths")[graph]
    edges = [tuple(edge) for edge in ref["edges"]]
    solver = StationarySolver("vfi", tolerance=1e-8)
    solution = estim.solve(shortest_paths.build(edges, destination), solver=solver)
    np.testing.assert_allclose(-solution.value, ref["J"], rtol=1e-12)
    assert int(solution.steps) == ref["iterations"] + 1  # the confirming one counts here
    smooth = shortest_paths.build(edges, destination, smooth=True)
    for b, expected in (ref.get("softmin_J") or ref["softmin_J0"]).items():
        value = -estim.solve(smooth, {"b": float(b)}).value
        np.testing.assert_allclose(value if graph == "seven_nodes" else value[0], expected, rtol=1e-12)


@pytest.mark.parametrize("point", range(6))
def test_asset_prices_and_their_derivatives(point):
    ref = reference("markov_asset_pricing")["constant_volatility"][point]
    values = dict(ref["parameters"])
    n = values.pop("N")
    model = pricing(n)
    solution = estim.solve(model, values)
    where = np.array(ref["indices"])
    np.testing.assert_allclose(solution.value[where], ref["v"], rtol=1e-9)
    chain = estim.grids.tauchen(values["rho"], values["sigma"], n)
    law = np.linalg.matrix_power(np.asarray(chain.transition), 1000)[0]
    assert law @ solution.value == pytest.approx(ref["stationary_mean_v"], rel=1e-8)
    assert ref["spectral_radius"] <= float(solution.radius) < 1
    of = jax.jit(jax.jacrev(lambda p: StationarySolver().solve(model, p).value[where]))
    found = of(model.params(values))
    for name, expected in ref["derivatives_at_indices"].items():
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-7, err_msg=name)


@pytest.mark.parametrize("point", range(4))
def test_the_price_of_a_tree_by_its_closed_form(point):
    """A sum over all periods to come, of lognormal dividends."""
    ref = reference("lucas_tree")["points"][point]
    params, y = {n: ref[n] for n in ("beta", "gamma", "alpha", "sigma")}, np.array(ref["y"])
    np.testing.assert_allclose(
        lucas_1978.price(estim.solve(lucas_1978.model, params), y), ref["price"], rtol=1e-8
    )
    found = derivatives_of_trees()(lucas_1978.model.params(params), y)
    for name, expected in ref["derivatives"].items():
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-6, atol=1e-6, err_msg=name)


@cache
def derivatives_of_trees():
    solve = StationarySolver().solve
    return jax.jit(jax.jacfwd(lambda p, y: lucas_1978.price(solve(lucas_1978.model, p), y)))


# ----- derivatives


@pytest.mark.parametrize("name", GRIDS)
def test_derivatives_at_the_best_policy(name):
    (build, sizes), ref = GRIDS[name], reference(name)["small"]
    model, points = on_a_grid(build, *(ref["parameters"][n] for n in sizes)), at(ref["points"])
    of = jax.jit(jax.jacrev(lambda p: StationarySolver().solve(model, p).value[points]))
    found = of(jax.tree.map(jnp.asarray, model.params()))
    wanted = {n: d for n, d in ref["derivatives_at_points"].items() if hasattr(found, n)}
    assert wanted
    for parameter, expected in wanted.items():
        np.testing.assert_allclose(getattr(found, parameter), expected, rtol=1e-7, err_msg=parameter)


def test_derivatives_of_a_smooth_choice_and_their_own():
    edges = [tuple(edge) for edge in reference("shortest_paths")["seven_nodes"]["edges"]]
    model = shortest_paths.build(edges, 6, smooth=True)
    of = lambda costs, b: StationarySolver().solve(model, model.params({"costs": costs, "b": b})).value
    costs = jnp.asarray(model.prior.costs)
    assert_derivatives(of, costs, jnp.array(0.7))
    assert_derivatives(jax.grad(lambda b: of(costs, b)[0]), jnp.array(0.7))


def test_large_programs_are_differentiated_by_krylov_as_small_ones_by_elimination(monkeypatch):
    model = pricing(30)
    of = lambda p: StationarySolver().solve(model, p).value
    params = jax.tree.map(jnp.asarray, model.params())
    dense = jax.jacfwd(of)(params)
    monkeypatch.setattr("estim.solution.bellman.DENSE", 1)
    again = markov_asset_pricing.build(30)
    krylov = jax.jacfwd(lambda p: StationarySolver("newton").solve(again, p).value)(params)
    for one, other in zip(dense, krylov, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8)


# ----- failure is a value


def overpriced():
    return pricing(30)


@pytest.mark.parametrize(
    "build,values",
    [
        (overpriced, {"beta": 1.05}),
        (lambda: inventory_management.build(4, 3, 10), {"b": 1.01}),
    ],
)
def test_a_value_that_is_infinite_is_said_to_be(build, values):
    model = build()
    with pytest.raises(
        SolutionError, match="the value is infinite: what comes later is discounted too little"
    ):
        estim.solve(model, values)
    solution = StationarySolver().solve(model, model.params(values))
    assert int(solution.status) == Status.INFINITE_VALUE
    if build is overpriced:
        gradient = jax.grad(lambda p: StationarySolver().solve(model, p).value.sum())(model.params(values))
        assert all(float(g) == 0.0 for g in gradient)


def test_iterations_that_do_not_suffice(savings):
    solver = StationarySolver("vfi", max_steps=5)
    assert int(solver.solve(savings, savings.params()).status) == Status.NOT_CONVERGED


# ----- what is written down


def of_two_states(**changed):
    parts = dict(
        name="two",
        prior=markov_asset_pricing.Params(),
        reward=lambda p: jnp.array([[1.0, 0.0], [0.0, p.gamma]]),
        continuation=lambda v, p: p.beta * v[None, :],
    )
    return estim.DecisionModel(**(parts | changed))


def test_what_is_written_down_is_solved():
    """Both states can be reached from each, so the best is 1 for ever in one of them: 1 / (1 - beta) or more."""
    solution = estim.solve(of_two_states(), {"gamma": 3.0, "beta": 0.9})
    np.testing.assert_allclose(solution.value, [27.0, 30.0])
    np.testing.assert_array_equal(solution.policy, [1, 1])
    np.testing.assert_array_equal(take(solution.action_values, solution.policy), solution.value)


@pytest.mark.parametrize(
    "changed,words",
    [
        (dict(reward=None), "give reward and continuation, or the operator bellman itself"),
        (dict(bellman=lambda v, p: v), "with bellman, the operator itself, there is no reward"),
        (
            dict(reward=None, continuation=None, bellman=lambda v, p: v),
            "bellman needs start, params -> value, where the search begins",
        ),
        (
            dict(reward=None, continuation=None, bellman=lambda v, p: v[:1], start=lambda p: jnp.zeros(2)),
            r"bellman has shape \(1,\), a value \(2,\)",
        ),
        (dict(continuation=lambda v, p: v), r"continuation has shape \(2,\); reward has \(2, 2\)"),
        (dict(taste=lambda p: jnp.ones(2)), r"two: taste has shape \(2,\); it must be a scalar"),
        (dict(policy=lambda v, p: v), "policy is for bellman; with reward it is the best action"),
        (dict(reward=lambda p: p.gama), "two: reward"),
        (dict(draw=lambda k, s, p: 1), "log_probability and draw need 'observables', the columns of a row"),
        (dict(rewards=1), "unexpected keyword argument 'rewards'"),
    ],
)
def test_errors_name_the_function(changed, words):
    with pytest.raises(ModelError, match=words):
        of_two_states(**changed)


def test_methods_that_follow_a_policy_need_rewards():
    with pytest.raises(
        ArgumentError, match=r"solver.evaluation='exact' is how method 'howard' .* the method is 'auto'"
    ):
        StationarySolver(evaluation="exact")
    with pytest.raises(
        ArgumentError, match=r"solver.method='howard' follows a policy, and markov_asset_pricing gives"
    ):
        estim.solve(pricing(30), solver=StationarySolver("howard"))
    with pytest.raises(ArgumentError, match=r"solver\.method must be one of"):
        StationarySolver("policy")


@cache
def searching():
    return mccall_1970_markov.build(500)


@cache
def pricing(n):
    return markov_asset_pricing.build(n)


def test_at_a_taste_of_zero_the_best_action_is_taken():
    """Values, their derivatives and choices; with some taste all of them are others."""
    plain, params = on_a_grid(optimal_savings.build, 8, 3), optimal_savings.build(8, 3).params()
    of = lambda scale: replace(plain, taste=lambda p: scale)
    solve = lambda model, beta: StationarySolver().solve(model, params._replace(beta=beta))
    value = lambda model: jax.value_and_grad(lambda beta: solve(model, beta).value.mean())(params.beta)
    expected, found, other = value(plain), value(of(0.0)), value(of(0.1))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.all(np.abs(np.array(other) / np.array(expected) - 1) > 1e-3)
    assert int(solve(of(-0.1), params.beta).status) != Status.OK  # a scale below zero is none
    policy = solve(plain, params.beta).policy
    np.testing.assert_allclose(solve(of(0.0), params.beta).choice, np.eye(8)[policy], atol=1e-6)
