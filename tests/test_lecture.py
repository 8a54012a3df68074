"""The linear state space of QuantEcon's lecture on differentiating models, as a user would write it: every number."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.status import Status

REFERENCE = Path(__file__).parent / "reference"
LECTURE = json.loads((REFERENCE / "lss_lecture.json").read_text())
EXACT = json.loads((REFERENCE / "lss_differentiation.json").read_text())
PRINTED = LECTURE["printed"]
GIVEN = {name: np.array(LECTURE[name], float) for name in ("A", "C", "G", "H", "x_0", "w", "v")}


class Params(NamedTuple):
    A: Any = GIVEN["A"]
    C: Any = GIVEN["C"]
    G: Any = GIVEN["G"]
    H: Any = GIVEN["H"]
    x_0: Any = GIVEN["x_0"]


lecture = estim.Simulation(
    name="linear_state_space",
    shocks=("w1", "w2"),
    observables=("y1", "y2"),
    start=lambda p: p.x_0,
    transition=lambda x, w, p: p.A @ x + p.C @ jnp.stack(w),
    measurement=lambda x, p, v: p.G @ x + p.H @ jnp.stack(v),
    prior=Params(),
)


def simulated(given):
    """Paths x ``[11, 3]`` and y of everything that the lecture differentiates; its time runs in columns."""
    params = {name: given[name] for name in Params._fields}
    return lecture.path(params, given["w"].T, given["v"].T, include_start=True)


def mean_of_first(given):
    return jnp.mean(simulated(given).observables.y1)


def rows(path):
    return np.asarray(path.states).T, np.stack(path.observables)


def as_printed(actual, printed):
    """To the last digit of each printed number, up to half a unit and the rounding errors of both programs."""
    for a, p in zip(np.ravel(actual), np.ravel(printed), strict=True):
        digits = len(repr(float(p)).split("e")[0].split(".")[1])
        exponent = int(repr(float(p)).partition("e")[2] or 0)
        assert abs(a - p) <= max(0.51 * 10.0 ** (exponent - digits), 5e-15 * max(1.0, abs(p))), (a, p)


def one(shape, *at):
    unit = np.zeros(shape)
    unit[at] = 1.0
    return unit


def test_paths():
    x, y = rows(simulated(GIVEN))
    np.testing.assert_allclose(x, EXACT["x"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(y, EXACT["y"], rtol=0, atol=1e-12)
    as_printed(y[0].mean(), PRINTED["g"])
    np.testing.assert_allclose(y[0].mean(), EXACT["g"], rtol=0, atol=1e-12)
    table = estim.simulate(lecture, shocks=GIVEN["w"].T, errors=GIVEN["v"].T, include_start=True)
    assert list(table["variable"].values) == ["state.0", "state.1", "state.2", "y1", "y2"]
    np.testing.assert_allclose(table.to_numpy().T, np.concatenate([x, y]), rtol=0, atol=1e-12)


def test_reverse_mode_for_everything_at_once():
    found = estim.sensitivities(mean_of_first, GIVEN)
    for name in GIVEN:
        np.testing.assert_allclose(found[name], EXACT["reverse"][name], rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(found["x_0"], EXACT["dx0_closed_form"], rtol=0, atol=1e-12)
    as_printed(found["A"], PRINTED["grad_A"])
    as_printed(found["C"], PRINTED["grad_C"])
    as_printed(found["G"][0], PRINTED["grad_G_row1"])
    as_printed(found["H"][0], PRINTED["grad_H_row1"])
    as_printed(found["x_0"], PRINTED["grad_x0"])
    as_printed(found["w"][:, [0, 1, 8, 9]], PRINTED["dw_rev_cols_1_2_9_10"])
    as_printed(found["w"][:, 2], EXACT["printed_dw_rev_column_3"])
    as_printed(found["v"][:, 0], PRINTED["dv_rev_row_consts"])


def test_forward_mode_for_one_tangent():
    found = estim.sensitivities(simulated, GIVEN, along={"w": one((2, 10), 0, 0)})
    dx, dy = rows(found)
    np.testing.assert_allclose(dx, EXACT["forward_w11"]["dx"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(dy, EXACT["forward_w11"]["dy"], rtol=0, atol=1e-12)
    as_printed(dx[:, :3], PRINTED["dx_fwd_cols123"])


def test_forward_mode_for_a_batch_of_tangents():
    directions = [{"A": one((3, 3), 0, 0)}, {"A": one((3, 3), 1, 0)}]
    found = estim.sensitivities(simulated, GIVEN, along=directions)
    for i, name in enumerate(["A_11", "A_21"]):
        dx, dy = rows(jax.tree.map(lambda x, i=i: x[i], found))
        np.testing.assert_allclose(dx, EXACT["forward_A"][name]["dx"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(dy, EXACT["forward_A"][name]["dy"], rtol=0, atol=1e-12)
        as_printed(*((dy[0], PRINTED["dy_batch1_row1"]) if i == 0 else (dy, PRINTED["dy_batch2"])))


def with_persistence(p):
    return mean_of_first(GIVEN | {"A": jnp.asarray(GIVEN["A"]).at[0, 0].set(p["a"])})


def test_calibration():
    """The target cannot be met; the lecture's own optimiser stopped 3e-9 from the minimum."""
    start = {"a": PRINTED["calibration"]["a0"]}
    loss = lambda p: with_persistence(p) ** 2
    value, gradient = jax.value_and_grad(loss)(start)
    np.testing.assert_allclose(
        [value, gradient["a"]], [EXACT["loss_at_a0"], EXACT["dloss_at_a0"]], atol=1e-12
    )
    as_printed(value, PRINTED["calibration"]["loss0"])
    found = estim.calibrate(with_persistence, start, targets=0.0)
    assert found.success
    np.testing.assert_allclose(found.values["a"], EXACT["a_star"], atol=1e-6)
    np.testing.assert_allclose(found.values["a"], PRINTED["calibration"]["a_star"], atol=1e-6)
    np.testing.assert_allclose(found.loss, EXACT["loss_star"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(estim.calibrate(loss, start).values["a"], EXACT["a_star"], atol=1e-6)


def test_impulse_responses_are_paths_of_one_shock():
    rest = GIVEN | {"x_0": np.zeros(3), "w": np.zeros((2, 11)), "v": np.zeros((2, 12))}
    directions = [{"w": one((2, 11), i, 0)} for i in range(2)]
    found = np.stack(estim.sensitivities(simulated, rest, along=directions).observables)  # y, shock, period
    expected = np.array(EXACT["irf_y_to_each_shock_h0_to_10"])
    np.testing.assert_allclose(np.moveaxis(found, 2, 0)[1:], expected, rtol=0, atol=1e-12)


def state_space(p):
    H = jnp.asarray(p["H"])
    C, one = jnp.asarray(GIVEN["C"]).at[0, 0].set(p["C11"]), jnp.eye(2)
    A = jnp.asarray(GIVEN["A"]).at[0, 0].set(p["A11"]).at[1, 1].set(p["A22"])
    H = H.at[0, 0].set(p["H11"])
    return StateSpace(A, C, one, jnp.asarray(GIVEN["G"]), jnp.zeros(2), H @ H.T, jnp.array(Status.OK))


@pytest.mark.parametrize(("at", "A11", "A22"), [("at_true", 0.8, 0.7), ("at_A11_0.7_A22_0.75", 0.7, 0.75)])
def test_likelihood(at, A11, A22):
    """Its first observation is of x_0, whose distribution is the stationary one."""
    expected = EXACT["likelihood"]
    y = np.array(expected["y"]).T
    H = np.array(expected["H"])
    point = {"A11": A11, "A22": A22, "C11": GIVEN["C"][0, 0], "H11": H[0, 0]}
    loglikelihood = lambda p: kalman_loglikelihood(state_space(p | {"H": H}), y)
    value, gradient = jax.jit(jax.value_and_grad(loglikelihood))(point)
    np.testing.assert_allclose(value, expected[at]["loglikelihood"], rtol=1e-12)
    for name, slope in expected[at]["gradient_fd"].items():
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-7, err_msg=name)


def test_stationary_covariance():
    cov, status = solve_discrete_lyapunov(jnp.asarray(GIVEN["A"]), jnp.asarray(GIVEN["C"] @ GIVEN["C"].T))
    assert status == Status.OK
    np.testing.assert_allclose(cov, EXACT["stationary_state_covariance"], rtol=0, atol=1e-12)
