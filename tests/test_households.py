"""The steady state of agents by name, and what they spend of a little more."""

import jax
import numpy as np
import pytest
from small_models import ar1, coarse

import estim
from estim.arguments import ArgumentError

MODEL = coarse("krusell_smith_1998")


@pytest.fixture(scope="module")
def rest():
    with jax.numpy_rank_promotion("allow"):
        return estim.household_steady_state(MODEL)


def test_the_distribution_is_one_and_holds_the_capital(rest):
    assert rest["distribution"].sum() == pytest.approx(1.0)
    held = (rest["distribution"] * rest["a_next"]).sum()
    assert held == pytest.approx(rest.attrs["variables"]["K"], rel=1e-6)


def test_the_share_spent_is_the_slope_of_consumption(rest):
    """Against the budget's own slope: cash grows by 1 + r for each unit of assets."""
    slope = rest["c"].diff("a").to_numpy() / ((1 + 0.01) * np.diff(rest["a"]))
    np.testing.assert_allclose(rest["mpc"].to_numpy()[:, :-1], slope, rtol=1e-6)
    assert 0 < rest.attrs["mean_mpc"] < 1
    assert (rest["mpc"].isel(a=0) >= rest["mpc"].isel(a=-1)).all()  # the poor spend more of it


def test_what_is_not_there_is_named():
    with pytest.raises(ArgumentError, match="no block 'firm' of agents; it has \\['household'\\]"):
        estim.household_steady_state(MODEL, block="firm")
    with pytest.raises(ArgumentError, match="ar1 has no block None"):
        estim.household_steady_state(ar1())
    with jax.numpy_rank_promotion("allow"), pytest.raises(ArgumentError, match="no outcome 'consumption'"):
        estim.household_steady_state(MODEL, consumption="consumption")
