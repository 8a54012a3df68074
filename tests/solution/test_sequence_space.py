"""Sequence-space solution: the sticky-wage model against independent numbers, gradients, failures."""

import json
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest

import estim
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.models import load_model
from estim.numerics.block_tridiagonal import solve_repeated_blocks
from estim.solution.incidence import incidence
from estim.solution.linearize import linearize
from estim.solution.sequence_space.assemble import assemble
from estim.solution.sequence_space.determinacy import winding_number
from estim.solution.sequence_space.linear_system import (
    solve_aggregate_responses,
    solve_moving_average,
    solve_paths,
)
from estim.solution.sequence_space.parameter_roles import parameter_roles
from estim.solution.sequence_space.plan import find_plan
from estim.solution.sequence_space.stationary_equilibrium import (
    default_household_jacobians,
    solve_household_jacobians,
)
from estim.status import Status

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "sticky_wage_hank.json").read_text())
OBSERVATIONS = np.loadtxt(FOLDER / "sticky_wage_hank_simulated216.csv", delimiter=",", skiprows=1)
MODEL = load_model("auclert_rognlie_straub_2024")
POINT = {
    "sig_m": 1.0, "rho_m": 0.7, "sig_X": 0.5, "rho_X": 0.8, "sig_G": 0.2, "rho_G": 0.7,
    "kappa_w": 0.2, "phi_pi": 1.5, "phi_T": 0.1,
}  # fmt: skip
PARAMS = MODEL.params(POINT)
CONSTANT = -0.5 * np.log(2 * np.pi) * OBSERVATIONS.size
windings_of = jax.jit(partial(winding_number, shape=(1, MODEL.horizon)))
solve_given = jax.jit(partial(solve_moving_average, MODEL))  # (params, household or responses)


@jax.jit
def matrix_and_paths(params, household):
    linear = linearize(MODEL, params, household.variables)
    return assemble(MODEL, linear, household).matrix, solve_paths(MODEL, linear, household)[0]


def loglikelihood(params, household):
    return toeplitz_loglikelihood(solve_given(params, household), OBSERVATIONS)


@jax.jit
def everything(params):
    """The household, the log-likelihood, and its gradient, through the household too; with respect to aggregate
    parameters it is the same with a household given."""

    def value(params):
        household = solve_household_jacobians(MODEL, params)
        return loglikelihood(params, household), household

    (found, household), gradient = jax.value_and_grad(value, has_aux=True)(params)
    return household, found, gradient


@pytest.fixture(scope="module")
def household():
    return everything(PARAMS)[0]


@pytest.fixture(scope="module")
def responses(household):
    return jax.jit(lambda h: solve_aggregate_responses(MODEL, PARAMS, h))(household)


@pytest.fixture(scope="module")
def moving_average(household):
    return solve_given(PARAMS, household)


def test_one_unknown_is_enough():
    plan, names = find_plan(MODEL), MODEL.variables._fields
    assert [names[j] for j in plan.unknowns] == ["Y"]
    assert [names[j] for j in plan.matched] == ["A"] and not plan.equations
    equations = incidence(MODEL).equations
    together = [step for step in plan.steps if len(step.equations) > 1]
    assert [{equations[i] for i in s.equations} for s in together] == [{"tax rule", "government budget"}]


def test_discount_factor_clears_the_bond_market(household):
    assert household.status == Status.OK
    np.testing.assert_allclose(household.params.beta, REFERENCE["steady_state"]["beta"], atol=1e-8)
    np.testing.assert_allclose(household.variables.A, 0.0, atol=1e-9)


@pytest.mark.parametrize("response", REFERENCE["impulse_responses_first10_exact"])
def test_impulse_responses_match_the_reference(moving_average, response):
    observable, shock = response.split("|")
    o, s = ["pi", "Y", "i"].index(observable), ["ishock", "X", "G"].index(shock)
    want = REFERENCE["impulse_responses_first10_exact"][response]
    np.testing.assert_allclose(moving_average.impulse_responses[:10, o, s], want, atol=1e-8)


def test_the_default_household_is_not_searched_again(household):
    """It is where the search for others begins."""
    at_default = default_household_jacobians(MODEL)
    anew = everything(MODEL.params())[0]
    for known, found in zip(jax.tree.leaves(at_default), jax.tree.leaves(anew), strict=True):
        np.testing.assert_allclose(known, found, rtol=1e-8, atol=1e-8)


def test_goods_and_bond_markets_both_clear(household):
    """Walras's law: the household's budget was never imposed."""
    _, paths = matrix_and_paths(household.params, household)
    at = {n: paths[j] for j, n in enumerate(MODEL.variables._fields)}
    lag = lambda x: jnp.pad(x, ((1, 0), (0, 0)))[:-1]
    spent = at["C"] + at["A"]
    earned = at["Z"] + (1 + PARAMS.r) * lag(at["A"]) + household.variables.A * at["r"]
    np.testing.assert_allclose(spent[:250], earned[:250], atol=1e-9)


def test_loglikelihood_and_its_gradient_match_the_reference(household):
    value, found = loglikelihood(PARAMS, household), everything(PARAMS)[2]
    want = REFERENCE["loglik_simulated216_theta0_T300_exact"] + CONSTANT
    np.testing.assert_allclose(value, want, atol=1e-6)
    for name, derivative in REFERENCE["gradient_of_it"].items():
        ours = getattr(found, name.replace("_i", "_m") if name.endswith("_i") and name != "phi_pi" else name)
        np.testing.assert_allclose(ours, derivative, rtol=1e-6)


@cache
def gradient_at(*point):
    """Where no parameter is shifted the point is the same for all."""
    return everything(type(PARAMS)(*point))[2]


def check_gradient(value, params, names):
    """At 1e-5, at one of three points nearby: a difference that crosses a kink of the grid tells nothing."""
    h = 1e-6
    for name in names:
        for shift in (0.0, 1e-3, 2e-3):
            at = lambda d, name=name, shift=shift: params._replace(
                **{name: getattr(params, name) + shift + d}
            )
            ours = float(getattr(gradient_at(*map(float, at(0.0))), name))
            difference = float(value(at(h)) - value(at(-h))) / (2 * h)
            error = abs(ours - difference) / max(1.0, abs(ours))
            if error < 1e-5:
                break
        assert error < 1e-5, (name, ours, difference)


HOUSEHOLD = ("eis", "rho_e", "sd_e", "min_a", "r", "B", "G")


def test_gradient_in_household_parameters_against_differences():
    params = MODEL.params(POINT | {"eis": 0.5101, "rho_e": 0.9203, "sd_e": 0.9107, "B": 0.1, "G": 0.05})
    check_gradient(lambda p: everything(p)[1], params, HOUSEHOLD)


def test_gradient_in_aggregate_parameters_against_differences(household):
    names = [n for n in MODEL.param_names if n not in (*HOUSEHOLD, *MODEL.unknowns)]
    check_gradient(lambda p: loglikelihood(p, household), PARAMS, names)


@pytest.mark.parametrize(("phi_pi", "windings"), [(0.2, 1), (0.95, 1), (1.05, 0), (3.0, 0)])
def test_winding_number_finds_the_taylor_principle(household, phi_pi, windings):
    params = household.params._replace(**(POINT | {"phi_pi": phi_pi}))
    matrix, _ = matrix_and_paths(params, household)
    assert windings_of(matrix) == windings


def test_a_known_part_of_the_solution_is_reused(household, responses):
    """Shock parameters move, the rest is given: the same as solving anew, but for the last dates of the horizon, where
    the two differ in how they leave out what inertia does beyond it."""
    split = parameter_roles(MODEL)
    assert split.shocks == ("sig_m", "rho_m", "sig_X", "rho_X", "sig_G", "rho_G")
    assert split.aggregate == ("frisch", "markup", "kappa_w", "phi_pi", "phi_T")
    moved = PARAMS._replace(rho_m=0.3, sig_X=0.9)
    quick, anew = solve_given(moved, responses), solve_given(moved, household)
    assert quick.status == anew.status == Status.OK
    quick, anew = quick.impulse_responses, anew.impulse_responses
    np.testing.assert_allclose(quick[:-10], anew[:-10], atol=1e-12)
    np.testing.assert_allclose(quick[-10:], anew[-10:], atol=1e-11)


def floats(params):
    return jax.tree.map(float, params)


SHOCKS = MODEL.prior._asdict() | {n: POINT[n] for n in ("kappa_w", "phi_pi", "phi_T")}
AGGREGATE = MODEL.prior._asdict()
HOUSEHOLDS = AGGREGATE | {"eis": dist.Normal(0.5, 0.1)}


@pytest.mark.parametrize(
    ("prior", "at_once", "slow"),
    [(SHOCKS, ["household", "aggregate"], ()), (AGGREGATE, ["household"], ()), (HOUSEHOLDS, [], ("eis",))],
)
def test_a_posterior_solves_once_what_its_parameters_leave_as_it_is(
    monkeypatch, household, responses, prior, at_once, slow
):
    solved = []
    solvers = {
        "default_household_jacobians": ("household", household),
        "solve_household_jacobians": ("at a draw", household),
        "solve_aggregate_responses": ("aggregate", responses),
    }
    for solver, (what, known) in solvers.items():
        monkeypatch.setattr(
            f"estim.solution.sequence_space.solver.{solver}",
            lambda *args, w=what, known=known: solved.append(w) or known,
        )
    # Outside compiled code, the solver is the program of the other tests: the same equations.
    monkeypatch.setattr(
        "estim.solution.sequence_space.solver._solve",
        lambda model: lambda params, given: solve_given(floats(params), given),
    )
    model = replace(MODEL, prior=type(MODEL.prior)(**prior))
    posterior = estim.build_posterior(model, pd.DataFrame(OBSERVATIONS, columns=model.observables._fields))
    assert solved == at_once
    position = posterior.unconstrain_fn({n: POINT.get(n, 0.5) for n in model.estimated})
    found = posterior.evaluate_fn(position)
    np.testing.assert_allclose(found.loglikelihood, loglikelihood(PARAMS, household), atol=1e-8)
    assert tuple(posterior.param_names[i] for i in (posterior.split.slow if posterior.split else ())) == slow


def test_what_is_solved_once_must_have_a_solution(monkeypatch, household):
    nothing = household._replace(status=jnp.array(Status.NO_STEADY_STATE))
    monkeypatch.setattr(
        "estim.solution.sequence_space.solver.default_household_jacobians", lambda model: nothing
    )
    data = pd.DataFrame(OBSERVATIONS, columns=MODEL.observables._fields)
    with pytest.raises(estim.SolutionError, match="auclert_rognlie_straub_2024: no steady state was found"):
        estim.build_posterior(MODEL, data)


def test_block_tridiagonal_solver_against_a_dense_one():
    rng = np.random.default_rng(0)
    lag, lead, now = 0.2 * rng.normal(size=(2, 2)), 0.2 * rng.normal(size=(2, 2)), np.eye(2)
    b = rng.normal(size=(7, 2))
    dense = np.kron(np.eye(7, k=-1), lag) + np.kron(np.eye(7), now) + np.kron(np.eye(7, k=1), lead)
    want = np.linalg.solve(dense, b.reshape(-1)).reshape(7, 2)
    np.testing.assert_allclose(solve_repeated_blocks(*map(jnp.asarray, (lag, now, lead, b))), want)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"phi_T": 0.012}, Status.HORIZON_TOO_SHORT),  # debt's root is 0.998
        ({"rho_G": 1.001}, Status.EXPLOSIVE),
        ({"phi_pi": 0.95}, Status.INDETERMINATE),  # the Taylor principle
        ({"kappa_w": np.nan}, Status.NO_STEADY_STATE),
    ],
)
def test_failures_of_the_aggregate_model(household, change, status):
    params = MODEL.params(POINT | change)
    assert Status(int(solve_given(params, household).status)) == status
    assert loglikelihood(params, household) == -jnp.inf
    assert all(float(g) == 0.0 for g in everything(params)[2])


def test_a_persistent_process_needs_no_longer_horizon(household):
    assert int(solve_given(MODEL.params(POINT | {"rho_G": 0.999}), household).status) == Status.OK


@pytest.mark.parametrize("change", [{"r": 0.6}, {"eis": np.nan}, {"sd_e": 1.3}, {"min_a": -6.0}])
def test_no_steady_state(change):
    """Nor where the lowest income is less than the interest on the largest debt (the natural borrowing limit)."""
    household, value, _ = everything(MODEL.params(POINT | change))
    assert Status(int(household.status)) == Status.NO_STEADY_STATE
    assert value == -jnp.inf
    assert all(jnp.isfinite(x).all() for x in household.jacobians.values())


def test_a_target_must_be_known():
    with pytest.raises(estim.ModelError, match=r"1 unknowns \(beta\) for 0 targets"):
        replace(MODEL, targets=())


def test_the_policy_rule_with_inertia_by_dense_matrices(household):
    """Kase, Rigato and Rottner's model: every equation a matrix of dates by dates, output and inflation solved for."""
    model = load_model("kase_rigato_rottner_2024")
    p = model.params()._replace(beta=household.params.beta)
    found = jax.jit(lambda h: solve_moving_average(model, p, h))(household)
    assert found.status == Status.OK

    I = np.eye(model.horizon)
    L, F = np.eye(model.horizon, k=-1), np.eye(model.horizon, k=1)
    J = {i: np.asarray(household.jacobians["A", i]) for i in ("r", "Z")}
    rule = np.linalg.inv(I - p.rho_i * L)
    debt = np.linalg.inv(I - (1 + p.r - p.phi_T) * L)

    def rate(Y, pi, m):
        return rule @ ((1 - p.rho_i) * (p.phi_pi * pi + p.phi_y * Y) + m)

    def targets(Y, pi, m, X, G):
        B, r = debt @ G, L @ (rate(Y, pi, m) - F @ pi)
        assets = J["Z"] @ (Y - p.phi_T * L @ B) + J["r"] @ r - B
        wages = pi + X - L @ X
        hours, consumption = (Y - X) / p.frisch, (Y - G) / p.eis
        union = wages - p.kappa_w / p.markup * (hours + consumption - X) - p.beta * F @ wages
        return np.concatenate([assets, union])

    O = np.zeros_like(I)
    system = np.hstack([targets(I, O, O, O, O), targets(O, I, O, O, O)])
    rho, sigma = np.array([p.rho_m, p.rho_X, p.rho_G]), np.array([p.sig_m, p.sig_X, p.sig_G]) / 100
    processes = sigma * rho ** np.arange(model.horizon)[:, None]
    for k in range(3):
        z = [processes[:, [k]] * (j == k) for j in range(3)]
        Y, pi = np.split(-np.linalg.solve(system, targets(0 * z[0], 0 * z[0], *z)), 2)
        observed = np.hstack([100 * (Y - L @ Y), 400 * pi, 400 * rate(Y, pi, z[0])])
        # That these matrices end with the horizon is felt in its last 33 quarters, where debt has not come back.
        np.testing.assert_allclose(found.impulse_responses[:250, :, k], observed[:250], atol=1e-8)


@pytest.mark.parametrize(
    ("eis", "sd_e", "rho_e"), [(0.645, 0.870, 0.958), (0.650, 0.713, 0.930), (0.533, 0.736, 0.958)]
)
def test_steady_state_is_found_where_assets_are_steep_in_patience(eis, sd_e, rho_e):
    """The first step overshoots: assets go to infinity where beta (1 + r) goes to one."""
    household = everything(MODEL.params(POINT | {"eis": eis, "sd_e": sd_e, "rho_e": rho_e}))[0]
    assert household.status == Status.OK
    np.testing.assert_allclose(household.variables.A, 0.0, atol=1e-9)
