"""The solution against a generalised Schur decomposition of the whole model, and its derivatives."""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_derivatives
from scipy.linalg import ordqz

from estim.model import Model, ModelError
from estim.models import load_model
from estim.solution import (
    impulse_responses,
    incidence,
    linearize,
    solve_decision_rule,
    solve_state_space,
)
from estim.status import SolutionError, Status

LINEAR = [
    "an_schorfheide_2007",
    "smets_wouters_2007",
    "schorfheide_2000",
    "hansen_1985",
    "lubik_schorfheide_2007",
]


def schur(linear, unit=1 + 1e-6):
    """x_t = T x_{t-1} + R e_t from A x_{t+1} + B x_t + C x_{t-1} + D e_t = 0, textbook fashion."""
    a, b, c, d = (np.asarray(m) for m in (linear.lead, linear.now, linear.lag, linear.shocks))
    n = len(b)
    zero, one = np.zeros((n, n)), np.eye(n)
    stable = lambda alpha, beta: np.abs(alpha) < unit * np.abs(beta)
    *_, alpha, beta, _, z = ordqz(
        np.block([[zero, one], [-c, -b]]), np.block([[one, zero], [zero, a]]), sort=stable, output="complex"
    )
    count = stable(alpha, beta).sum()
    if count != n:
        return Status.INDETERMINATE if count > n else Status.EXPLOSIVE, None, None
    t = np.real(z[n:, :n] @ np.linalg.inv(z[:n, :n]))
    return Status.OK, t, -np.linalg.solve(a @ t + b, d)


def near_the_circle(linear):
    """Is a root so close to the unit circle that rounding decides on which side it is?"""
    a, b, c = (np.asarray(m) for m in (linear.lead, linear.now, linear.lag))
    n = len(b)
    zero, one = np.zeros((n, n)), np.eye(n)
    alpha, beta = ordqz(np.block([[zero, one], [-c, -b]]), np.block([[one, zero], [zero, a]]))[2:4]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (np.abs(np.abs(alpha / beta) - 1) < 1e-4).any()


def moving_average(transition, selection, rows, horizon=12):
    """Responses of ``rows @ s`` to the shocks."""
    return np.array([rows @ np.linalg.matrix_power(transition, h) @ selection for h in range(horizon)])


@pytest.mark.parametrize("name", LINEAR)
def test_agrees_with_schur_on_prior_draws(name):
    model = load_model(name)
    key = jax.random.key(1)
    draws = {n: d.sample(jax.random.fold_in(key, i), (30,)) for i, (n, d) in enumerate(model.priors.items())}
    fn = jax.jit(
        jax.vmap(lambda p: (linearize(model, model.params(p)), solve_decision_rule(model, model.params(p))))
    )
    linear, rules = jax.device_get(fn(draws))
    take = lambda tree, i: jax.tree.map(lambda x: x[i], tree)
    judged = 0
    for i in range(30):
        rule, one = take(rules, i), take(linear, i)
        assert all(np.isfinite(field).all() for field in rule)
        if one.status != Status.OK:
            assert rule.status == one.status
        elif not near_the_circle(one):
            status, t, r = schur(one)
            assert Status(int(rule.status)) == status
            judged += 1
            if status == Status.OK:
                expected = moving_average(t, r, np.eye(len(t)))
                found = moving_average(rule.transition, rule.selection, rule.policy)
                np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())
    assert judged >= 10


def test_no_more_states_than_needed():
    """Fewer than Dynare's, which keeps every lagged and every measured variable."""
    for name, states, dynare in [("an_schorfheide_2007", 4, 7), ("smets_wouters_2007", 19, 27)]:
        model = load_model(name)
        solution = jax.eval_shape(lambda model=model: solve_state_space(model, model.params()))
        assert solution.transition.shape == (states, states)
        assert states < dynare


def as_linear(**matrices):
    """A model of two variables x, f: A x_{t+1} + B x_t + C x_{t-1} + D e_t = 0."""
    parts = {"lead": [[0, 0], [0, 0]], "now": [[1, 0], [0, 1]], "lag": [[0, 0], [0, 0]], "shocks": [[1], [0]]}
    lead, now, lag, shocks = (np.array((parts | matrices)[k], float) for k in parts)

    class Pair(NamedTuple):
        x: Any
        f: Any

    class Shock(NamedTuple):
        e: Any

    class Prior(NamedTuple):
        scale: Any = 1.0

    def residuals(past, present, future, e, p):
        terms = [(lead, future), (now, present), (lag, past), (shocks, e)]
        rows = [[m[i, j] * x[j] for m, x in terms for j in range(len(x)) if m[i, j]] for i in range(2)]
        return {"first": p.scale * sum(rows[0]), "second": p.scale * sum(rows[1])}

    return Model(
        name="pair", variables=Pair, shocks=Shock, observables=Pair, steady_state=lambda p: Pair(0.0, 0.0),
        residuals=residuals, measurement=lambda present, past, p: present, prior=Prior(),
    )  # fmt: skip


@pytest.mark.parametrize(
    "matrices,status",
    [
        (dict(lag=[[-0.5, 0], [-1, 0]]), Status.OK),  # no lead at all
        (dict(lag=[[-1, 0], [0, 0]]), Status.OK),  # a unit root
        (dict(lag=[[-1.1, 0], [0, 0]]), Status.EXPLOSIVE),
        (dict(lead=[[0, 0], [0, -0.9]], now=[[1, 0], [-1, 1]]), Status.OK),  # purely forward
        (dict(lead=[[0, 0], [0, -1.1]], now=[[1, 0], [-1, 1]]), Status.INDETERMINATE),
        (dict(lead=[[0, 0], [0, -1.0]], now=[[1, 0], [-1, 1]]), Status.INDETERMINATE),
        (dict(lag=[[-1.1, 0], [0, 0]], lead=[[0, 0], [0, -1.1]]), Status.EXPLOSIVE),  # the count is right
        (dict(now=[[1, 1], [1, 1]]), Status.SINGULAR),  # the equations say the same
        (dict(now=[[1, 0], [-1, 1e-14]]), Status.SINGULAR),  # f is there by a rounding error
    ],
)
def test_status(matrices, status):
    model = as_linear(**matrices)
    solution = jax.jit(lambda: solve_state_space(model, model.params()))()
    assert Status(int(solution.status)) == status
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(solution))


def test_a_variable_that_no_equation_determines():
    model = as_linear(now=[[1, 0], [1, 0]], lag=[[0, 0], [0, 1]])
    with pytest.raises(
        ModelError, match="pair: no equation is left to determine f at its own date; shift second"
    ):
        solve_state_space(model, model.params())


@pytest.mark.parametrize("name", ["an_schorfheide_2007", "smets_wouters_2007"])
def test_derivative_of_every_output_by_every_parameter(name):
    model = load_model(name)
    params = {n: jnp.asarray(v, float) for n, v in model.published.items()}

    def outputs(params):
        solution = solve_state_space(model, model.params(params))
        return solution.transition, solution.selection, solution.design, solution.obs_intercept

    assert_derivatives(outputs, params)


@cache
def sum_of_solution(name):
    """Sum of the entries of the solution, and its gradient."""
    model = load_model(name)

    def outputs(values):
        solution = solve_state_space(model, model.params(values))
        fields = jnp.concatenate([solution.transition.ravel(), solution.design.ravel()])
        return jnp.where(solution.status == Status.OK, fields.sum(), 0.0), solution.status

    return jax.jit(jax.value_and_grad(outputs, has_aux=True))


@pytest.mark.parametrize(
    "name,params,status",
    [
        ("an_schorfheide_2007", {"psi1": 0.5, "psi2": 0.0}, Status.INDETERMINATE),
        ("an_schorfheide_2007", {"rho_g": 1.01}, Status.EXPLOSIVE),
        ("schorfheide_2000", {"alp": 1.5}, Status.NO_STEADY_STATE),
        ("an_schorfheide_2007", {"tau": 0.0}, Status.NO_STEADY_STATE),
    ],
)
def test_no_solution_means_zero_gradients(name, params, status):
    values = {n: jnp.asarray(v, float) for n, v in (load_model(name).defaults | params).items()}
    (_, found), gradient = sum_of_solution(name)(values)
    assert Status(int(found)) == status
    assert all(jnp.isfinite(g) for g in gradient.values())


def test_a_steady_state_that_leaves_a_residual():
    sound = load_model("hansen_1985")
    wrong = lambda p: sound.steady_state(p)._replace(c=0.0)
    parts = {f: getattr(sound, f) for f in sound.__dataclass_fields__} | {"steady_state": wrong}
    model = Model(**parts)
    linear = jax.jit(lambda: linearize(model, model.params()))()
    assert linear.status == Status.NO_STEADY_STATE
    left = dict(zip(incidence(model).equations, np.abs(linear.residual) > 1e-6, strict=True))
    assert left == {
        "euler": False, "hours": True, "production": False, "resources": True, "capital": False,
        "technology": False,
    }  # fmt: skip


def test_batch_is_loop():
    model = load_model("an_schorfheide_2007")
    psi1 = jnp.array([0.5, 1.2, 1.5, 2.0])
    solve = jax.jit(lambda psi1: solve_state_space(model, model.params({"psi1": psi1, "psi2": 0.0})))
    batch = jax.jit(jax.vmap(solve))(psi1)
    for i, value in enumerate(psi1):
        for together, alone in zip(jax.tree.leaves(batch), jax.tree.leaves(solve(value)), strict=True):
            np.testing.assert_allclose(together[i], alone, rtol=1e-10, atol=1e-12)


def test_traced_once():
    sound = load_model("an_schorfheide_2007")
    traces = []

    def residuals(*args):
        traces.append(args)
        return sound.residuals(*args)

    model = Model(**({f: getattr(sound, f) for f in sound.__dataclass_fields__} | {"residuals": residuals}))
    solve = jax.jit(lambda values: solve_state_space(model, model.params(values)))
    solve({"tau": 1.5})
    count = len(traces)
    for tau in (1.6, 2.0, 3.0):
        solve({"tau": tau})
    assert len(traces) == count


def test_impulse_responses_are_named_and_follow_the_model():
    model = load_model("an_schorfheide_2007")
    values = {"rho_z": 0.9, "eps_z": 0.3}
    responses = impulse_responses(model, values, horizon=5)
    assert responses.dims == ("horizon", "variable", "shock")
    np.testing.assert_allclose(responses.sel(variable="z", shock="eps_z"), 0.3 * 0.9 ** np.arange(5))
    np.testing.assert_allclose(responses.sel(variable="z", shock="eps_R"), 0.0, atol=1e-12)
    assert (responses.sel(variable="pi", shock="eps_R") < 0).all()
    with pytest.raises(SolutionError, match="an_schorfheide_2007: explosive: no stable solution"):
        impulse_responses(model, {"rho_z": 1.01}, horizon=5)
