"""Perfect foresight: block-tridiagonal systems, paths against independent numbers, derivatives against differences."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from bounded import bounded
from derivatives import assert_derivatives
from jax.test_util import check_grads
from small_models import ar1

import estim
from estim.arguments import ArgumentError
from estim.numerics.block_tridiagonal import solve_block_tridiagonal
from estim.solution.perfect_foresight import Ends, follow_path
from estim.status import SolutionError

REFERENCE = Path(__file__).parent.parent / "reference"
PATHS = json.loads((REFERENCE / "binding_at_times.json").read_text())["perfect_foresight"]


def test_block_tridiagonal_systems():
    """Against a dense solution, with blocks on the diagonal that are singular; derivatives against differences."""
    rng, (T, n) = np.random.default_rng(0), (5, 3)
    lower, middle, upper = rng.normal(size=(3, T, n, n))
    middle[0, 0], middle[:, 1] = 0.0, 0.0
    rhs, dense = rng.normal(size=(T, n)), np.zeros((T, n, T, n))
    for t in range(T):
        dense[t, :, t] = middle[t]
        if t:
            dense[t, :, t - 1], dense[t - 1, :, t] = lower[t], upper[t - 1]
    expected = np.linalg.solve(dense.reshape(T * n, T * n), rhs.ravel()).reshape(T, n)
    blocks = tuple(map(jnp.asarray, (lower, middle, upper, rhs)))
    np.testing.assert_allclose(solve_block_tridiagonal(*blocks), expected, atol=1e-11)
    check_grads(jax.jit(solve_block_tridiagonal), blocks, order=1, rtol=1e-5, atol=1e-5)
    twice = lambda scale: solve_block_tridiagonal(blocks[0], scale * blocks[1], *blocks[2:]).sum()
    check_grads(jax.jit(twice), (1.0,), order=2, modes=["fwd"], rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*to which the file gives no level")
@pytest.mark.parametrize("name", PATHS)
def test_paths(name):
    ref, model = PATHS[name], estim.read_mod(REFERENCE / "mod" / f"{name}.mod").model
    for case in ref["cases"].values():
        after = case["terminal_exogenous"] or case["initial_exogenous"]
        levels = pd.DataFrame(
            {e: np.full(ref["horizon"], float(after.get(e, 0.0))) for e in ref["exogenous"]}
        )
        for shock in case["shocks"]:
            levels.loc[shock["first"] - 1 : shock["last"] - 1, shock["variable"]] = shock["value"]
        path = estim.perfect_foresight(
            model,
            ref["params"],
            levels,
            initial=dict(zip(ref["variables"], case["initial"], strict=True)),
            terminal=dict(zip(ref["variables"], case["terminal"], strict=True)),
        )
        found = path.sel(variable=ref["variables"], period=case["periods"])
        np.testing.assert_allclose(found, case["path"], rtol=0, atol=1e-7)


def test_derivatives_of_a_path():
    """By parameters, shocks and both ends, where the bound binds for some periods."""
    model, n = bounded, len(bounded.variables._fields)
    shocks = jnp.zeros((8, 2)).at[1, 0].set(-2.0)

    def path(params, shocks, start):
        ends = Ends(jnp.zeros(n).at[3].set(start), jnp.zeros(n))
        return follow_path(model, params, shocks, ends, jnp.zeros((8, n))).path

    params = jax.tree.map(jnp.asarray, model.params())
    found = jax.jit(path)(params, shocks, 0.1)
    assert 1 < (found[:, 1] < 1e-9 - params.bound).sum() < 7
    of_all = lambda p, e, start: path(type(params)(*p), shocks.at[1].set(e), start)[:4]
    assert_derivatives(of_all, jnp.stack(params), shocks[1], 0.1, rtol=1e-5)


LONG = partial(estim.perfect_foresight, bounded, horizon=60)
FALL = {"e_r": [-2.0, 0.0, -1.0]}


def test_without_a_binding_period_it_is_the_linear_path():
    small = {"e_r": [0.1], "e_rule": [0.0]}
    linear = estim.simulate(bounded, None, {k: v + [0.0] * 9 for k, v in small.items()})
    np.testing.assert_allclose(LONG(None, small)[:10], linear, atol=1e-8)


def test_a_surprise_is_a_bound_path_from_where_the_economy_is():
    shocks = {"e_r": [-3.0] + [0.0] * 9, "e_rule": [0.0] * 10}
    piecewise = estim.simulate(bounded, None, shocks, solver={"name": "occasionally_binding", "horizon": 40})
    np.testing.assert_allclose(LONG(None, {"e_r": [-3.0]})[:10], piecewise, atol=1e-8)


def test_surprises_in_sequence():
    """News of a period change nothing before it; news of what was known anyway change nothing."""
    known = LONG(None, FALL)
    told = LONG(None, {1: FALL, 3: {"e_r": [-1.0]}})
    np.testing.assert_allclose(
        told[:40], known[:40], atol=1e-4
    )  # the horizon is counted from the last news on
    surprised = LONG(None, {1: {"e_r": [-2.0]}, 3: {"e_r": [-1.0]}})
    alone = LONG(None, {"e_r": [-2.0]})
    np.testing.assert_allclose(surprised[:2], alone[:2], atol=1e-12)
    assert np.abs(surprised[2:] - alone[2:]).max() > 0.1
    later = LONG(None, {"e_r": [-1.0]}, initial={n: float(alone.sel(variable=n)[1]) for n in ("rule", "r")})
    np.testing.assert_allclose(surprised[2:20], later[:18].to_numpy(), atol=1e-7)


def test_a_change_for_ever():
    """It ends where the equations rest with it, and by default fills the horizon."""
    ever = LONG(None, None, terminal={"e_r": 0.1})
    filled = LONG(None, {"e_r": np.full(60, 0.1)})
    np.testing.assert_allclose(ever, filled, atol=1e-9)
    assert float(ever[-1].sel(variable="r")) == pytest.approx(0.1 / (1 - 0.8), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shocks": {"e_q": [1.0]}}, r"shocks give 'e_q', which is not in \(e_r, e_rule\)"),
        ({"shocks": {"e_r": [np.nan]}}, "'e_r' is no path of finite numbers"),
        ({"shocks": {"e_r": np.zeros(61)}}, "'e_r' has 61 periods, the horizon 60"),
        ({"shocks": {99: {"e_r": [1.0]}}}, "news come in a period from 1 to 60, not 99"),
        ({"initial": {"k": 1.0}}, "initial gives 'k', neither a variable nor a shock"),
        ({"terminal": {"x": np.inf}}, "terminal: the level of 'x' is inf"),
        ({"terminal": 3}, "terminal must be levels by name, not 3"),
        ({"initial": {"x": "a"}}, "initial: the level of 'x' is 'a', no finite number"),
        ({"shocks": pd.DataFrame({"e_r": [0.0, 0.1]}, index=[2, 1])}, "1 comes after 2; sort the rows"),
        ({"horizon": 0}, "horizon must be a whole number from 1 on, not 0"),
    ],
)
def test_what_is_no_path(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        LONG(**arguments)


def test_no_path():
    """A root beyond one in a backward-looking equation keeps no terminal condition; here one is asked for."""
    model = ar1(
        residuals=lambda lag, now, lead, shocks, p: {
            "law": now.x**2 + 1.0 - p.rho * lag.x - p.sigma * shocks.e
        },
        steady_state=lambda p: ar1().variables(0.0),
    )
    with pytest.raises(SolutionError, match="no path was found"):
        estim.perfect_foresight(model, {"rho": 0.5, "sigma": 1.0}, {"e": [-5.0]}, horizon=5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"params": {"bound": -0.5}}, "equation 'rate' is violated: .* slack -0.5, at the terminal end"),
        ({"terminal": {"e_r": -1.0}}, "equation 'rate' is violated: .* at the terminal end of the path"),
        ({"shocks": {"e_r": np.full(60, -1.0)}}, "equation 'rate' is violated"),
        ({"initial": {"e_r": -1.0}}, "equation 'rate' is violated: .* at the initial end"),
    ],
)
def test_an_end_at_which_a_constraint_is_violated(arguments, words):
    with pytest.raises(SolutionError, match=words):
        LONG(**arguments)


def test_no_rest_where_the_exogenous_variables_are():
    model = ar1(
        residuals=lambda lag, now, lead, shocks, p: {
            "law": (now.x**2 + 1) * p.sigma - shocks.e * jnp.exp(p.rho * lag.x)
        },
        steady_state=lambda p: ar1().variables(jnp.nan),
    )
    with pytest.raises(
        SolutionError, match="no steady state was found at the initial end of the path, with e = 0; give"
    ):
        estim.perfect_foresight(model, {"sigma": 1.0}, {"e": [1.0]}, horizon=5)


def test_conditions_are_no_complementarity():
    model = estim.read_mod(REFERENCE / "mod" / "nk3_zlb.mod").model
    with pytest.raises(
        ArgumentError, match="constraint of equation 'rate' of nk3_zlb is given by conditions"
    ):
        estim.perfect_foresight(model, None, {"e_r": [-1.0]})
