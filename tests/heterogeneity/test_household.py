"""Household problems: building blocks against naive versions, steady state and Jacobians against numbers."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom

import estim  # noqa: F401
from estim.heterogeneity.distribution import expectation, forward
from estim.heterogeneity.fake_news import accumulate, jacobians
from estim.heterogeneity.household import backward_step, lotteries, solve_household
from estim.models import load_model
from estim.numerics.fixed_point import solve_elementwise
from estim.numerics.grids import double_exponential_grid, geometric_grid, rouwenhorst
from estim.numerics.interpolate import bracket, interpolate, lottery

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "sticky_wage_household.npz")
MODEL = load_model("auclert_rognlie_straub_2024")
BLOCK = MODEL.het_blocks[0]
PARAMS = MODEL.params({"beta": 0.8233548425595332})
INPUTS = MODEL.steady_state(PARAMS)


@pytest.fixture(scope="module")
def household():
    return jax.jit(lambda p: solve_household(BLOCK, INPUTS, p))(PARAMS)


def test_rouwenhorst_has_the_moments_it_promises():
    process = rouwenhorst(0.9, 0.7, 9)
    logs, pi = jnp.log(process.states), process.stationary
    centred = logs - pi @ logs
    np.testing.assert_allclose(process.stationary, binom.pmf(range(9), 8, 0.5), atol=1e-14)
    np.testing.assert_allclose(pi @ process.transition, pi, atol=1e-14)
    np.testing.assert_allclose(process.transition.sum(axis=1), 1.0)
    np.testing.assert_allclose(pi @ process.states, 1.0)
    np.testing.assert_allclose(jnp.sqrt(pi @ centred**2), 0.7)
    np.testing.assert_allclose(centred @ (pi * (process.transition @ centred)) / 0.7**2, 0.9)


@pytest.mark.parametrize(
    "grid", [double_exponential_grid, partial(double_exponential_grid, crowding=2.5), geometric_grid]
)
@pytest.mark.parametrize("low", [0.0, -1.5])
def test_grids_run_from_low_to_high(grid, low):
    points = grid(low, 100.0, 50)
    assert points[0] == low and jnp.isclose(points[-1], 100.0) and (jnp.diff(points) > 0).all()


def test_crowding_moves_points_towards_the_limit():
    even, crowded = (np.asarray(double_exponential_grid(-1.0, 100.0, 50, crowding=k)) for k in (1.0, 2.0))
    uniform = np.log1p(np.log1p(crowded + 1)) / np.log1p(np.log1p(101.0))
    np.testing.assert_allclose(uniform, np.linspace(0, 1, 50) ** 2, atol=1e-12)
    assert (crowded <= even + 1e-12).all()


@pytest.mark.parametrize("n", [2, 3, 4, 9, 16, 17])
def test_bracket_finds_what_a_search_finds(n):
    rng = np.random.default_rng(n)
    knots, points = np.sort(rng.normal(size=(3, n)), axis=1), rng.normal(size=(3, 40))
    naive = [
        np.clip(np.searchsorted(k, x, side="right") - 1, 0, n - 2) for k, x in zip(knots, points, strict=True)
    ]
    np.testing.assert_array_equal(bracket(knots, points), naive)


def test_interpolation_is_linear_within_and_beyond_the_knots():
    knots, values = jnp.array([0.0, 1.0, 3.0]), jnp.array([0.0, 2.0, 3.0])
    found = interpolate(knots, jnp.array([-1.0, 0.5, 2.0, 5.0]), values)
    np.testing.assert_allclose(found, [-2.0, 1.0, 2.5, 4.0])


def test_lottery_keeps_the_mean_and_the_ends():
    grid, choice = jnp.array([0.0, 1.0, 3.0]), jnp.array([-0.5, 0.25, 2.0, 9.0])
    index, weight = lottery(grid, choice)
    np.testing.assert_allclose((1 - weight) * grid[index] + weight * grid[index + 1], [0.0, 0.25, 2.0, 3.0])


@pytest.mark.parametrize("assets", [(6,), (4, 5)], ids=["one asset", "two assets"])
def test_law_of_motion_against_loops(assets):
    rng = np.random.default_rng(0)
    shape, transition = (3, *assets), rng.dirichlet(np.ones(3), size=3)
    grids = [np.linspace(0.0, 1.0, n) for n in assets]
    policies = [rng.uniform(size=shape) for _ in assets]
    mass = rng.dirichlet(np.ones(np.prod(shape))).reshape(shape)
    choices = [lottery(jnp.asarray(g), jnp.asarray(p)) for g, p in zip(grids, policies, strict=True)]
    naive = np.zeros(shape)
    for at in np.ndindex(*shape):
        target = mass[at]
        for policy, grid in zip(policies, grids, strict=True):
            hat = np.maximum(0.0, 1 - np.abs(policy[at] - grid) * (len(grid) - 1))
            target = np.multiply.outer(target, hat)
        naive += np.multiply.outer(transition[at[0]], target)
    np.testing.assert_allclose(forward(transition, choices, mass), naive, atol=1e-14)
    values, mass = jnp.asarray(rng.normal(size=shape)), jnp.asarray(mass)
    np.testing.assert_allclose(
        np.vdot(values, forward(transition, choices, mass)),
        np.vdot(expectation(transition, choices, values), mass),
    )


def test_elementwise_root_and_its_derivatives():
    """x = W(e^b), Lambert's function, with x' = x / (1 + x) in b, x'' = x / (1 + x)^3 and so on; here of log x."""
    root = lambda b: solve_elementwise(lambda x, b: jnp.exp(x) + x - b, jnp.zeros(3), b)
    b = jnp.array([1.0, 2.0, 5.0])
    x = root(b)
    np.testing.assert_allclose(jnp.exp(x) + x, b)
    first = 1 / (1 + jnp.exp(x))
    np.testing.assert_allclose(jax.jacrev(root)(b), np.diag(first), atol=1e-15)
    along = lambda t: root(t * b)
    second = -jnp.exp(x) * first**3
    for twice in (
        jax.jacfwd(jax.jacfwd(along)),
        jax.jacrev(jax.jacfwd(along)),
        jax.jacfwd(jax.jacrev(along)),
    ):
        np.testing.assert_allclose(twice(1.0), second * b**2, rtol=1e-12)
    third = jnp.exp(x) * (2 * jnp.exp(x) - 1) * first**5
    np.testing.assert_allclose(jax.jacfwd(jax.jacfwd(jax.jacfwd(along)))(1.0), third * b**3, rtol=1e-12)


def test_an_element_without_a_root_leaves_the_others_theirs():
    found = solve_elementwise(lambda x, a: x * x - a, jnp.full(3, 9.0), jnp.array([4.0, jnp.nan, 2.0]))
    np.testing.assert_allclose(found, [2.0, jnp.nan, jnp.sqrt(2.0)], rtol=1e-14)


def test_steady_state_matches_the_reference(household):
    assert household.error < 1e-10
    np.testing.assert_allclose(household.outcomes["a"], REFERENCE["a"], atol=1e-7)
    np.testing.assert_allclose(household.distribution, REFERENCE["D"], atol=1e-8)


def test_steady_state_matches_plain_iteration(household):
    step = jax.jit(lambda v: backward_step(BLOCK, v, INPUTS, household.grids, PARAMS))
    value = household.value * 1.1
    for _ in range(200):
        value, outcomes = step(value)
    np.testing.assert_allclose(outcomes["a"], household.outcomes["a"], atol=1e-8)
    move = jax.jit(
        lambda d: forward(household.grids.transition, lotteries(BLOCK, household.grids, outcomes), d)
    )
    mass = jnp.full(outcomes["a"].shape, 1 / outcomes["a"].size)
    for _ in range(400):
        mass = move(mass)
    np.testing.assert_allclose(mass, household.distribution, atol=1e-11)


def test_jacobians_match_the_reference(household):
    found = jax.jit(lambda h: jacobians(BLOCK, h, INPUTS, PARAMS, 300))(household)
    for output, input_ in [("r", "A_r"), ("Z", "A_Y")]:
        want = REFERENCE[f"J_{input_}"]
        np.testing.assert_allclose(found["A", output][:60, :60], want, atol=1e-6 * abs(want).max())


def test_jacobians_match_brute_force(household):
    """The derivative of the whole transition path, without the fake-news algorithm."""
    horizon, grids = 6, household.grids

    @jax.jit
    def total_assets(paths):
        policies = [None] * horizon
        value = household.value
        for t in reversed(range(horizon)):
            inputs = SimpleNamespace(r=paths["r"][t], Z=paths["Z"][t])
            value, outcomes = backward_step(BLOCK, value, inputs, grids, PARAMS)
            policies[t] = outcomes
        mass, totals = household.distribution, []
        for outcomes in policies:
            totals.append(jnp.vdot(mass, outcomes["a"]))
            mass = forward(grids.transition, lotteries(BLOCK, grids, outcomes), mass)
        return jnp.stack(totals)

    flat = {"r": jnp.full(horizon, INPUTS.r), "Z": jnp.full(horizon, INPUTS.Z)}
    column = 3
    for name in flat:
        unit = {n: jnp.zeros(horizon).at[column].set(float(n == name)) for n in flat}
        _, brute = jax.jvp(total_assets, (flat,), (unit,))
        fake = jacobians(BLOCK, household, INPUTS, PARAMS, horizon)["A", name][:, column]
        np.testing.assert_allclose(fake, brute, atol=1e-9)


def test_accumulate_adds_along_diagonals():
    fake = np.random.default_rng(0).normal(size=(6, 6))
    naive = [[sum(fake[t - k, s - k] for k in range(min(t, s) + 1)) for s in range(6)] for t in range(6)]
    np.testing.assert_allclose(accumulate(jnp.asarray(fake)), naive)
