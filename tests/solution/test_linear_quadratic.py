"""Linear-quadratic control: by independent programs, by iteration, by a gradient search, and its derivatives."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.arguments import ArgumentError
from estim.numerics import solve_discrete_lyapunov
from estim.status import Status

CASES = json.loads((Path(__file__).parents[1] / "reference" / "lq_control.json").read_text())


def problem(name):
    case = CASES[name]
    return [np.array(case[x], float) for x in "ABQR"], {"beta": case["beta"], "C": np.array(case["C"])}


@pytest.mark.parametrize("name", ["scalar", "matrix"])
def test_value_and_policy(name):
    case, (arrays, more) = CASES[name], problem(name)
    found = estim.solve_lq(*arrays, **more)
    assert found.status == Status.OK
    np.testing.assert_allclose(found.value, case["P"], rtol=1e-11)
    np.testing.assert_allclose(found.policy, case["F"], rtol=1e-11)
    np.testing.assert_allclose(found.noise_constant, case["noise_constant"], rtol=1e-11)
    roots = np.sort(np.abs(np.linalg.eigvals(found.transition)))
    np.testing.assert_allclose(roots, np.sort(case["closed_loop_eigenvalue_moduli"]), rtol=1e-9)
    cov, _ = solve_discrete_lyapunov(found.transition, more["C"] @ more["C"].T)
    np.testing.assert_allclose(cov, case["closed_loop_covariance"], rtol=1e-9)


def test_a_cross_term_is_that_of_iteration():
    (A, B, Q, R), more = problem("matrix")
    N, beta, P = 0.1 * np.arange(6.0).reshape(3, 2), more["beta"], np.zeros((3, 3))
    for _ in range(3000):
        F = np.linalg.solve(R + beta * B.T @ P @ B, beta * B.T @ P @ A + N.T)
        P = Q + beta * A.T @ P @ A - (beta * A.T @ P @ B + N) @ F
    found = estim.solve_lq(A, B, Q, R, beta=beta, cross=N)
    np.testing.assert_allclose(found.value, P, rtol=1e-10)
    np.testing.assert_allclose(found.policy, F, rtol=1e-9)


def test_derivatives():
    (A, B, Q, R), more = problem("scalar")
    value, policy = CASES["scalar"]["dP_dr_dF_dr"]
    slopes = jax.jit(jax.jacrev(lambda R: estim.solve_lq(A, B, Q, R, **more)[:2]))(R)
    np.testing.assert_allclose([s.squeeze() for s in slopes], [policy, value], rtol=1e-8)
    (A, B, Q, R), more = problem("matrix")
    solve = lambda a, beta: estim.solve_lq(jnp.asarray(A).at[0, 0].set(a), B, Q, R, beta=beta)[:2]
    by_a, by_beta = (jax.jit(jax.jacfwd(solve, i))(A[0, 0], more["beta"]) for i in (0, 1))
    np.testing.assert_allclose(by_a[1], CASES["matrix"]["dP_dA11"], rtol=1e-6)
    np.testing.assert_allclose(by_beta[0], CASES["matrix"]["dF_dbeta"], rtol=1e-6)


def test_derivatives_of_every_argument_and_second_ones():
    (A, B, Q, R), more = problem("matrix")
    weights = np.random.default_rng(0).normal(size=(3, 3))

    def some(given):
        symmetric = lambda x: (x + x.T) / 2
        found = estim.solve_lq(
            given["A"],
            given["B"],
            symmetric(given["Q"]),
            symmetric(given["R"]),
            beta=given["beta"],
            C=more["C"],
        )
        return (weights * found.value).sum() + found.policy.sum() + found.noise_constant

    found = estim.check_gradients(some, {"A": A, "B": B, "Q": Q, "R": R, "beta": 0.9})
    assert found.error < 1e-7 and found.product_error < 1e-6


def test_a_gradient_search_over_a_path_finds_it_too():
    """From one state, 150 periods, every control of every period free."""
    (A, B, Q, R), more = problem("matrix")
    x_0, beta = np.array([1.0, -0.5, 0.2]), more["beta"]
    exact = estim.solve_lq(A, B, Q, R, beta=beta)

    def loss(controls):
        def step(x, given):
            u, discount = given
            return A @ x + B @ u, discount * (x @ Q @ x + u @ R @ u)

        return jax.lax.scan(step, jnp.asarray(x_0), (controls, beta ** jnp.arange(150.0)))[1].sum()

    found = estim.control(loss, np.zeros((150, 2)), max_steps=2000)
    np.testing.assert_allclose(found.loss, x_0 @ exact.value @ x_0, rtol=1e-4)
    np.testing.assert_allclose(found.policy[0], -exact.policy @ x_0, atol=1e-4)


def test_a_gradient_search_over_a_rule_finds_it_too():
    (A, B, Q, R), more = problem("scalar")
    exact = estim.solve_lq(A, B, Q, R, beta=more["beta"])

    def loss(f):
        step = lambda x, discount: ((A - B * f) @ x, discount * (x @ (Q + R * f**2) @ x))
        return jax.lax.scan(step, jnp.ones(1), more["beta"] ** jnp.arange(200.0))[1].sum()

    found = estim.control(loss, 0.5)
    assert found.policy == pytest.approx(float(exact.policy[0, 0]), abs=1e-4)


def test_failure_is_a_status():
    eye = np.eye(2)
    out_of_reach = estim.solve_lq(np.diag([1.1, 0.5]), np.array([[0.0], [1.0]]), eye, np.eye(1))
    assert out_of_reach.status == Status.NOT_CONVERGED and (out_of_reach.value == 0).all()
    assert estim.solve_lq(0.5 * eye, eye, eye, 0 * eye).status == Status.SINGULAR
    total = lambda a: estim.solve_lq(a * eye, np.array([[0.0], [1.0]]), eye, np.eye(1)).value.sum()
    assert jax.jit(jax.grad(total))(1.2) == 0.0
    with pytest.raises(ArgumentError, match="Q has shape"):
        estim.solve_lq(eye, eye, np.eye(3), eye)
