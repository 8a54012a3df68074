"""Models SIM and PC: rest points, paths, derivatives and accounts, by independent programs and by hand."""

import json
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.accounts import Accounts
from estim.models import load_model

REFERENCE = Path(__file__).parents[1] / "reference"
SIM, PC = load_model("godley_lavoie_2007_sim"), load_model("godley_lavoie_2007_pc")
POINTS_OF_SIM, POINTS_OF_PC = (
    json.loads((REFERENCE / f"{name}.json").read_text())["points"] for name in ("sfc_sim", "sfc_pc")
)


def at(path, periods, name):
    """Numbers of a path of states in periods counted from 1."""
    return np.asarray(getattr(path.states, name))[np.array(periods) - 1]


@pytest.mark.parametrize("point", POINTS_OF_SIM, ids=["book", "other"])
def test_sim(point):
    p = point["parameters"]
    rest = SIM.start(SIM.params(p))
    for name in "YCTH":
        np.testing.assert_allclose(getattr(rest, name), point["steady_state"][name], rtol=1e-12)
    path = SIM.compiled_path(p, np.zeros((60, 2)), start=type(rest)(*np.zeros(5)))
    for name in "YCTH":
        np.testing.assert_allclose(
            at(path, point["path_periods"], name), point["path_from_H_0"][name], rtol=1e-12
        )
    more = SIM.compiled_path(p | {"G": p["G"] + 5}, np.zeros((60, 2)), start=rest)
    expected = point["impulse_G_plus_5_from_steady_state"]
    np.testing.assert_allclose(at(more, [1, 2, 3, 5, 10, 20], "Y"), expected, rtol=1e-12)


@pytest.mark.parametrize("point", POINTS_OF_SIM, ids=["book", "other"])
def test_sensitivities_of_sim(point):
    p, quoted = point["parameters"], point["loss_example"]
    rest = estim.sensitivities(lambda given: SIM.start(SIM.params(given)), p)
    np.testing.assert_allclose(rest.Y["theta"], point["dY_steady_dtheta"], rtol=1e-10)
    for name, slope in point["dH_steady"].items():
        np.testing.assert_allclose(rest.H[name], slope, rtol=1e-10, err_msg=name)

    def loss(given):
        states = SIM.path(given, np.zeros((60, 2)), start=type(rest)(*np.zeros(5))).states
        gap = jnp.mean((states.Y - 100) ** 2)
        return gap + 2 * jnp.sum(jnp.diff(states.Y) ** 2) / 60 + 0.1 * jnp.mean((states.H / states.Y) ** 2)

    np.testing.assert_allclose(loss(p), quoted["value"], rtol=1e-12)
    moves = estim.sensitivities(loss, p)
    np.testing.assert_allclose(moves["theta"], quoted["dloss_dtheta_complex_step"], rtol=1e-10)
    np.testing.assert_allclose(moves["alpha1"], quoted["dloss_dalpha1_fd"], rtol=1e-6)
    np.testing.assert_allclose(moves["G"], quoted["dloss_dG_fd"], rtol=1e-6)


@pytest.mark.parametrize("point", POINTS_OF_PC, ids=["rate", "propensity", "other"])
def test_pc(point):
    p = point["parameters"]
    rest = PC.start(PC.params(p))
    known = {"V", "Bh", "Bcb", "Bs", "Y", "C", "T", "r"}
    for name in known:
        np.testing.assert_allclose(getattr(rest, name), point["steady_state"][name], rtol=1e-12, err_msg=name)
    ((name, (first, value)),) = point["scenario"].items()  # from period `first` on, periods counted from 0
    before = PC.compiled_path(p, np.zeros((first, 2)), start=rest)
    begun = type(rest)(*(x[-1] for x in before.states))
    after = PC.compiled_path(p | {name: value}, np.zeros((91 - first, 2)), start=begun)
    for variable in known & set(point["scenario_path"]):
        path = np.concatenate([getattr(before.states, variable), getattr(after.states, variable)])
        found = path[np.array(point["scenario_periods"])]
        np.testing.assert_allclose(found, point["scenario_path"][variable], rtol=1e-11, err_msg=variable)
    empty = type(rest)(*np.zeros(9), r=p["r"])._replace(Y=1.0)
    from_nothing = PC.compiled_path(p, np.zeros((91, 2)), start=empty)
    found = at(from_nothing, [1, 2, 5, 10], "Y")
    np.testing.assert_allclose(found, point["from_zero_stocks_Y"][:4], rtol=1e-11)


@pytest.mark.parametrize("point", POINTS_OF_PC[1:], ids=["book", "other"])
def test_sensitivities_of_pc(point):
    rest = estim.sensitivities(lambda given: PC.start(PC.params(given)), point["parameters"])
    for param, slopes in point["steady_state_derivatives"].items():
        for variable, slope in slopes.items():
            np.testing.assert_allclose(getattr(rest, variable)[param], slope, rtol=1e-6, err_msg=param)


@pytest.mark.parametrize("model, params", [(SIM, {}), (PC, {}), (PC, {"premium": 0.05})])
def test_the_accounts_balance_every_period(model, params):
    shocks = np.random.default_rng(0).normal(size=(200, 2))
    found = model.imbalances(params, shocks)
    assert {"stock cash", "flow taxes", "saving of households", "saving of government"} <= set(found)
    for identity, gaps in found.items():
        assert gaps.shape == (200,) and np.abs(gaps).max() < 1e-12, identity


def test_accounts_that_do_not_balance_are_told_by_name():
    """Taxes that the government does not receive."""
    right = SIM.accounts
    flows = lambda before, now, p: right.flows(before, now, p) | {"taxes": {"households": -now.T}}
    found = replace(SIM, accounts=Accounts(right.stocks, flows)).imbalances(None, np.zeros((3, 2)))
    wrong = {name for name, gaps in found.items() if np.abs(gaps).max() > 1e-9}
    assert wrong == {"flow taxes", "saving of government"}
    np.testing.assert_allclose(found["flow taxes"], -20.0)
    with pytest.raises(estim.ModelError, match="declares no accounts"):
        load_model("leontief_1936").imbalances(None, np.zeros((3, 1)))
