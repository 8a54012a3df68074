"""Ready-made households: against loops and first-order conditions, and two blocks of them in one model.

`tests/models/test_hank_gallery.py` holds all three to numbers of the `sequence-jacobian` package.
"""

from collections import namedtuple
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_models import coarse

import estim
from estim.arguments import ArgumentError
from estim.heterogeneity.household import solve_household
from estim.model import ModelError
from estim.models import krusell_smith_1998
from estim.solution.sequence_space.stationary_equilibrium import solve_stationary_equilibrium

RNG = np.random.default_rng(0)
Grids = namedtuple("Grids", "e transition a")
Inputs = namedtuple("Inputs", "r w")
Params = namedtuple("Params", "beta eis frisch vphi")
GRID = Grids(jnp.array([0.6, 1.3]), jnp.full((2, 2), 0.5), jnp.array([-0.5, -0.2, 0.3, 1.0, 2.5, 6.0]))
X = Inputs(0.03, 0.9)
P = Params(0.95, 0.4, 0.7, 1.2)
EXPECTED = jnp.asarray(1.2 * (GRID.a[None, :] + GRID.e[:, None] + 0.6) ** -2.0)  # falls with assets


def cash(r, w, grid, p):
    return (1 + r) * grid.a[None, :] + w * grid.e[:, None]


def test_saving_by_hand():
    """Each state alone; the discount factor is the state's own."""
    beta = np.array([0.9, 0.96])
    block = estim.saving.one_asset(
        cash,
        lambda p: GRID,
        {"A": "a"},
        discount=lambda p: jnp.asarray(beta)[:, None],
        also=lambda found, grid, p: {"square": found["a"] ** 2},
    )
    assert block.inputs == ("r", "w") and block.policy == ("a",)
    value, found = block.backward(EXPECTED, X, GRID, P)
    for e in range(2):
        at_choice = (beta[e] * np.asarray(EXPECTED)[e]) ** -P.eis
        for i, a in enumerate(np.asarray(GRID.a)):
            there = 1.03 * a + 0.9 * float(GRID.e[e])
            saved = max(line(there, at_choice + np.asarray(GRID.a), np.asarray(GRID.a)), -0.5)
            assert found["a"][e, i] == pytest.approx(saved, rel=1e-12)
            assert found["c"][e, i] == pytest.approx(there - saved, rel=1e-12)
            assert value[e, i] == pytest.approx(1.03 * (there - saved) ** (-1 / P.eis), rel=1e-12)
    np.testing.assert_allclose(found["square"], found["a"] ** 2)
    assert (found["a"][:, 0] == -0.5).all() and (found["a"][:, -1] > 0).all()


def line(x, knots, values):
    """Linear, beyond the ends too."""
    i = np.clip(np.searchsorted(knots, x, side="right"), 1, len(knots) - 1)
    slope = (values[i] - values[i - 1]) / (knots[i] - knots[i - 1])
    return values[i - 1] + slope * (x - knots[i - 1])


def test_who_cannot_pay_has_no_solution():
    block = estim.saving.one_asset(cash, lambda p: GRID, {"A": "a"})
    found = block.backward(EXPECTED, Inputs(0.03, -0.5), GRID, P)[1]
    assert np.isnan(found["c"][0, 0])


def test_hours_satisfy_their_first_order_conditions():
    """The budget and the hours of everybody; Euler's equation of whoever is at a point that it was inverted at."""
    wage = lambda w, grid, p: w * grid.e[:, None]
    others = lambda r, grid, p: (1 + r) * grid.a[None, :] + 0.1 * grid.e[:, None]
    block = estim.saving.one_asset_with_labour(others, wage, lambda p: GRID, {"A": "a", "N": "n"})
    assert block.inputs == ("r", "w")
    paid = np.asarray(wage(0.9, GRID, P))
    _, found = block.backward(EXPECTED, X, GRID, P)
    a, c, n = (np.asarray(found[k]) for k in ("a", "c", "n"))
    np.testing.assert_allclose(c + a, np.asarray(others(0.03, GRID, P)) + paid * n, rtol=1e-10)
    assert (a >= -0.5).all() and (a[:, 0] == -0.5).all() and (a[:, -1] > 0).all()
    # Between two knots c and n are on a line; at the limit and at the knots hours are exact.
    limited = a == -0.5
    hours = (paid * c ** (-1 / P.eis) / P.vphi) ** P.frisch
    np.testing.assert_allclose(n[limited], hours[limited], rtol=1e-10)
    free = (P.beta * np.asarray(EXPECTED)) ** -P.eis
    worked = (paid * P.beta * np.asarray(EXPECTED) / P.vphi) ** P.frisch
    before = (free + np.asarray(GRID.a) - paid * worked - 0.1 * np.asarray(GRID.e)[:, None]) / 1.03
    for e in range(2):  # a household that begins with what makes a choice best makes it
        at = GRID._replace(a=jnp.asarray(before[e]))
        there = others(0.03, at, P)
        shifted = estim.saving.one_asset_with_labour(
            lambda r, grid, p, there=there: there + 0 * r + 0 * grid.a[None, :],
            wage,
            lambda p: GRID,
            {"A": "a"},
        )
        chosen = shifted.backward(EXPECTED, X, GRID, P)[1]
        np.testing.assert_allclose(chosen["a"][e], GRID.a, atol=1e-10)
        np.testing.assert_allclose(chosen["c"][e], free[e], rtol=1e-10)


def test_two_assets_keep_their_budget():
    """With the costs of adjustment written out; what they choose is compared in the gallery."""
    Two = namedtuple("Two", "e transition b a")
    grid = Two(GRID.e, GRID.transition, jnp.linspace(0.0, 4.0, 9), jnp.linspace(0.0, 6.0, 11))
    x = namedtuple("Prices", "ra rb w")(0.03, 0.01, 0.9)
    p = namedtuple("Numbers", "beta eis chi0 chi1")(0.95, 0.5, 0.25, 2.0)
    block = estim.saving.two_assets(lambda w, grid, p: w * grid.e[:, None, None], lambda p: grid, {"A": "a"})
    assert block.inputs == ("ra", "rb", "w") and block.policy == ("b", "a")

    def step(_, value):
        expected = jax.tree.map(lambda v: jnp.einsum("ij,jba->iba", grid.transition, v), value)
        return block.backward(expected, x, grid, p)[0]

    value = jax.jit(lambda: jax.lax.fori_loop(0, 20, step, block.initial(x, grid, p)))()
    found = jax.jit(lambda value: block.backward(value, x, grid, p)[1])(value)
    a, b, c = (np.asarray(found[k]) for k in "abc")
    before = 1.03 * np.asarray(grid.a)
    cost = 2.0 / 2 * (a - before) ** 2 / (before + 0.25)
    there = 0.9 * np.asarray(grid.e)[:, None, None] + 1.01 * np.asarray(grid.b)[None, :, None] + before
    np.testing.assert_allclose(a + b + c + cost, there, rtol=1e-12)
    np.testing.assert_allclose(found["uc"], c**-2.0, rtol=1e-12)
    assert (c > 0).all() and (b >= 0).all() and (b == 0).any() and (np.diff(a, axis=2) > 0).all()


def test_arguments_are_names_of_variables():
    with pytest.raises(
        ArgumentError, match="cash: its argument 'all' must be a name, of a variable, grid or p"
    ):
        estim.saving.one_asset(lambda *all: 0.0, krusell_smith_1998.grids, {"A": "a"})
    wrong = estim.saving.one_asset(lambda rate, grid, p: grid.a, krusell_smith_1998.grids, {"A": "a"})
    with pytest.raises(ModelError, match=r"input 'rate' is no variable of the model; it has \(K, A, Y"):
        replace(krusell_smith_1998.model, het_blocks=(wrong,))


# ----- two blocks


class Variables(NamedTuple):
    K: Any
    A: Any
    A1: Any
    A2: Any
    Y: Any
    C: Any
    I: Any
    r: Any
    w: Any
    Z: Any


class OfTwo(NamedTuple):
    beta: Any = 0.98
    apart: Any = 0.0
    eis: Any = 1.0
    rho_e: Any = 0.966
    sd_e: Any = 0.5
    r: Any = 0.01
    delta: Any = 0.025
    alpha: Any = 0.11
    rho_Z: Any = krusell_smith_1998.model.prior.rho_Z
    sig_Z: Any = krusell_smith_1998.model.prior.sig_Z


ONE = replace(coarse("krusell_smith_1998"), horizon=60)


def of_two_kinds():
    """Two kinds of households for good, as many of each, whose patience is apart."""
    grids = ONE.het_blocks[0].grids

    def steady_state(p):
        rest = krusell_smith_1998.steady_state(p)._asdict()
        return Variables(A1=rest["A"], A2=rest["A"], **rest)

    def residuals(lag, now, lead, eps, p):
        both = now.A - (now.A1 + now.A2) / 2
        return krusell_smith_1998.residuals(lag, now, lead, eps, p) | {"both kinds": both}

    kinds = [
        estim.saving.one_asset(
            krusell_smith_1998.cash, grids, {f"A{i + 1}": "a"}, f"kind {i + 1}", discount=discount
        )
        for i, discount in enumerate((lambda p: p.beta + p.apart, lambda p: p.beta - p.apart))
    ]
    return replace(
        ONE,
        variables=Variables,
        steady_state=steady_state,
        residuals=residuals,
        prior=OfTwo(),
        het_blocks=tuple(kinds),
        targets=("both kinds",),
    )


def test_two_blocks_are_one_where_they_are_alike_and_differ_where_they_are_not():
    two = of_two_kinds()
    one, both = estim.solve(ONE), estim.solve(two)
    np.testing.assert_allclose(both.impulse_responses, one.impulse_responses, rtol=1e-6, atol=1e-9)
    rest = solve_stationary_equilibrium(two, two.params({"apart": 0.002}))
    held = [float(rest.variables.A1), float(rest.variables.A2)]
    assert held[0] > 1.2 * held[1] and sum(held) / 2 == pytest.approx(float(rest.variables.K), rel=1e-7)
    for expected, block in zip(held, two.het_blocks, strict=True):
        alone = solve_household(block, rest.variables, rest.params)
        assert float(alone.total("a")) == pytest.approx(expected, rel=1e-6)
