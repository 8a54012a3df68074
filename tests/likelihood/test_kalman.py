"""Every form of the linear Gaussian likelihood: the joint normal density, each other, derivatives, failures."""

import json
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import joint_normal, random_observations, random_state_space
from scipy.linalg import block_diag, solve_discrete_are

import estim  # noqa: F401
from estim.arguments import ArgumentError
from estim.likelihood.state_space.diffuse import diffuse_loglikelihood
from estim.likelihood.state_space.filtering import filter_states
from estim.likelihood.state_space.kalman import Kalman, _likelihood, kalman_likelihood, kalman_loglikelihood
from estim.likelihood.state_space.mixed_frequency import aggregate_observables
from estim.likelihood.state_space.start import Gaussian, riccati_start, stationary_start
from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.solution.unit_roots import unit_root_projector
from estim.status import Status

METHODS = ["standard", "chandrasekhar", "square_root", "parallel"]
ANY_DATA = ["standard", "square_root", "parallel"]
REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.mark.parametrize(
    ("method", "sizes"),
    [*[(m, (4, 3, 2)) for m in METHODS], ("chandrasekhar", (6, 3, 3)), ("chandrasekhar", (3, 1, 1))],
)
def test_loglikelihood_is_the_joint_normal_density(method, sizes):
    state_space, y = random_state_space(1, *sizes), random_observations(1, n_obs=sizes[2])
    expected = joint_normal(state_space, 12).logdensity(y)
    np.testing.assert_allclose(kalman_loglikelihood(state_space, y, method=method), expected, rtol=1e-10)


@pytest.mark.parametrize("method", ANY_DATA)
def test_missing_numbers_are_integrated_out(method):
    state_space, y = random_state_space(0), random_observations(0, missing=0.3)
    y[3] = np.nan
    expected = joint_normal(state_space, 12).logdensity(y)
    np.testing.assert_allclose(kalman_loglikelihood(state_space, y, method=method), expected, rtol=1e-10)


@pytest.mark.parametrize("method", ANY_DATA)
def test_start_of_ones_own(method):
    state_space, y = random_state_space(5), random_observations(5)
    first = Gaussian(jnp.arange(4.0), 2.0 * jnp.eye(4))
    expected = joint_normal(state_space, 12, first.mean, first.cov).logdensity(y)
    actual = kalman_loglikelihood(state_space, y, start=first, method=method)
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


def textbook(state_space, observations):
    """Predict, update, and add up log-densities, in NumPy (Durbin and Koopman 2012, section 4.3)."""
    T, R, Q, Z, d, H = map(np.asarray, state_space[:6])
    (mean, cov), total = map(np.asarray, stationary_start(state_space)), 0.0
    for y in observations:
        v, F = y - d - Z @ mean, Z @ cov @ Z.T + H
        total -= 0.5 * (len(y) * np.log(2 * np.pi) + np.linalg.slogdet(F)[1] + v @ np.linalg.solve(F, v))
        gain = T @ cov @ Z.T @ np.linalg.inv(F)
        mean, cov = T @ mean + gain @ v, T @ cov @ T.T - gain @ F @ gain.T + R @ Q @ R.T
    return total


@pytest.mark.parametrize("method", [*METHODS, "diffuse"])
def test_a_quarter_more_has_the_same_program(method):
    """Of 81 to 88 periods: one compilation, and the number of a sample that nothing was added to."""
    state_space, y = random_state_space(1), random_observations(1, n_periods=88)
    settings = {"start": "diffuse"} if method == "diffuse" else {"method": method}
    before = _likelihood._cache_size()
    for n_periods in (81, 84, 87, 88):
        row, data = Kalman(**settings).for_data(y[:n_periods])
        found = row.loglikelihood(state_space, data).value
        expected = (
            diffuse_loglikelihood(state_space, y[:n_periods], 0)
            if method == "diffuse" and n_periods == 81
            else textbook(state_space, y[:n_periods])
        )
        if method != "diffuse" or n_periods == 81:
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert _likelihood._cache_size() == before + 1


def test_the_terms_are_those_of_the_sample():
    state_space, y = random_state_space(0), random_observations(0)
    row, data = Kalman(presample=3).for_data(y)
    terms = row.logdensities(state_space, data)
    assert (len(terms), row.num_terms(data, len(terms))) == (13, 9)
    np.testing.assert_allclose(terms[:9].sum(), row.loglikelihood(state_space, data).value, rtol=1e-12)
    assert not terms[9:].any()


def test_data_that_end_before_the_sample_take_the_fast_filter():
    y = np.concatenate([random_observations(0), np.full((2, 2), np.nan)])
    assert Kalman().for_data(y)[0].method == "chandrasekhar"
    y[3, 1] = np.nan
    assert Kalman().for_data(y)[0].method == "standard"
    with pytest.raises(ArgumentError, match="needs data without gaps"):
        Kalman(method="chandrasekhar").for_data(y)


@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_the_fixed_point_of_the_riccati_equation(unit):
    state_space = random_state_space(5)
    state_space = state_space._replace(
        transition=state_space.transition.at[0].multiply(unit).at[:, 0].divide(unit),
        selection=state_space.selection.at[0].multiply(unit),
        design=state_space.design.at[:, 0].divide(unit),
    )
    T, R, Q, Z, _, H = map(np.asarray, state_space[:6])
    expected = solve_discrete_are(T.T, Z.T, R @ Q @ R.T, H)
    np.testing.assert_allclose(riccati_start(state_space).cov, expected, rtol=1e-9, atol=1e-12 * unit**2)


def moving_average_of_one(coefficient):
    """y_t = e_t - coefficient e_{t-1}, the state (e_t, e_{t-1})."""
    matrices = ([[0.0, 0], [1, 0]], [[1.0], [0]], [[1.0]], [[1.0, -coefficient]], [0.0], [[0.0]])
    return StateSpace(*map(jnp.asarray, matrices), jnp.array(Status.OK))


@pytest.mark.parametrize("coefficient", [0.5, 1.0, 2.0])
def test_a_closed_loop_with_a_root_inside_on_and_outside_the_circle(coefficient):
    """The innovation's variance is one where the shock is fundamental, else that of the representation that is."""
    state_space = moving_average_of_one(coefficient)
    variance = state_space.design @ riccati_start(state_space).cov @ state_space.design.T
    np.testing.assert_allclose(variance, max(1.0, coefficient**2), rtol=1e-9)


def test_a_filter_that_does_not_converge_has_no_riccati_start():
    """A random walk that is not observed: its variance grows for ever."""
    state_space = with_a_unit_root()
    state_space = state_space._replace(design=state_space.design.at[:, 4].set(0.0))
    found = kalman_likelihood(state_space, random_observations(4), start="riccati")
    assert found.status == Status.NOT_CONVERGED and found.value == -jnp.inf


@pytest.mark.parametrize("method", ["standard", "chandrasekhar"])
def test_presample_is_conditioned_on(method):
    state_space, y = random_state_space(0), random_observations(0)
    expected = joint_normal(state_space, 12).logdensity(y) - joint_normal(state_space, 3).logdensity(y[:3])
    actual = kalman_loglikelihood(state_space, y, presample=3, method=method)
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_no_measurement_error_and_a_variance_of_zero(method):
    state_space, y = random_state_space(2, noise=0.0), random_observations(2)
    state_space = state_space._replace(state_cov=jnp.diag(jnp.array([1.0, 2.0, 0.0])))
    expected = joint_normal(state_space, 12).logdensity(y)
    np.testing.assert_allclose(kalman_loglikelihood(state_space, y, method=method), expected, rtol=1e-9)


def with_a_unit_root():
    """A stationary model beside a random walk that its shocks and states move."""
    s = random_state_space(4)
    return s._replace(
        transition=jnp.asarray(block_diag(s.transition, 1.0)).at[4, :2].set(0.3),
        selection=jnp.concatenate([s.selection, jnp.array([[0.3, 0.2, 0.1]])]),
        design=jnp.concatenate([s.design, jnp.ones((2, 1))], axis=1),
    )


@pytest.mark.parametrize("presample", [0, 3])
def test_diffuse_start_is_the_limit_of_wide_ones(presample):
    state_space, y = with_a_unit_root(), random_observations(4, missing=0.2)
    T, shock_cov = (
        state_space.transition,
        state_space.selection @ state_space.state_cov @ state_space.selection.T,
    )
    unit = unit_root_projector(T)
    others = jnp.eye(5) - unit
    cov, _ = solve_discrete_lyapunov(others @ T @ others, others @ shock_cov @ others)
    variance = 1e7
    wide = Gaussian(jnp.zeros(5), T @ (cov + variance * unit) @ T.T + shock_cov)
    limit = kalman_loglikelihood(state_space, y, start=wide, method="square_root", presample=presample)
    if presample == 0:  # and the size of the effect of that direction on the first numbers
        first = np.flatnonzero(~np.isnan(y).all(axis=1))[0]
        effect = state_space.design @ jnp.linalg.matrix_power(T, first + 1) @ jnp.linalg.eigh(unit)[1][:, -1]
        limit += 0.5 * np.log(variance) + np.log(np.linalg.norm(effect[~np.isnan(y[first])]))
    actual = kalman_loglikelihood(state_space, y, start="diffuse", presample=presample)
    np.testing.assert_allclose(actual, limit, atol=1e-5)


@pytest.mark.parametrize("method", ["standard", "square_root"])
def test_mixed_frequency(method):
    """The second series is a weighted sum of three periods, seen every third; the matrix of weights by hand."""
    state_space, weights = random_state_space(6), (0.5, 0.3, 0.2)
    y = random_observations(6)
    y[np.arange(12) % 3 != 2, 1] = np.nan
    H = np.asarray(state_space.obs_cov)
    joint = joint_normal(state_space._replace(obs_cov=jnp.zeros((2, 2))), 14)
    start = sum(joint.sizes[:2])
    mean, cov = joint.mean[start:], joint.cov[start:, start:]
    A = np.zeros((24, 28))
    for t in range(12):
        A[2 * t, 2 * (t + 2)] = 1.0
        for h, w in enumerate(weights):
            A[2 * t + 1, 2 * (t + 2 - h) + 1] = w
    expected = joint._replace(
        mean=A @ mean, cov=A @ cov @ A.T + np.kron(np.eye(12), H), sizes=(0, 0, 24)
    ).logdensity(y)
    actual = kalman_loglikelihood(aggregate_observables(state_space, {1: weights}), y, method=method)
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


def along_a_line(step):
    """Every matrix moves with one scalar; Q and H stay covariances."""
    state_space = random_state_space(3)
    keys = jax.random.split(jax.random.key(0), 6)
    directions = [0.1 * jax.random.normal(k, x.shape) for k, x in zip(keys, state_space[:6], strict=True)]
    T, R, Q, Z, d, H = (x + step * e for x, e in zip(state_space[:6], directions, strict=True))
    return StateSpace(T, R, (Q + Q.T) / 2, Z, d, H @ H.T, state_space.status)


@cache
def value_and_gradient(method, start):
    """In every entry of the state space."""

    def loglikelihood(state_space, y):
        return kalman_loglikelihood(state_space, y, method=method, presample=2, start=start)

    return jax.jit(jax.value_and_grad(loglikelihood, allow_int=True))


@pytest.mark.parametrize(
    ("method", "missing", "start"),
    [
        ("chandrasekhar", 0.0, "stationary"),
        *[(m, 0.3, "stationary") for m in ANY_DATA],
        ("standard", 0.3, "diffuse"),
        ("standard", 0.3, "riccati"),
    ],
)
def test_gradient_is_that_of_finite_differences(method, missing, start):
    y, h = random_observations(3, 5, missing=missing), 1e-4
    f = value_and_gradient(method, start)
    up, gradient, down = f(along_a_line(h), y)[0], f(along_a_line(0.0), y)[1], f(along_a_line(-h), y)[0]
    slope = jax.jvp(lambda step: along_a_line(step)[:6], (0.0,), (1.0,))[1]
    ours = sum(np.vdot(g, e) for g, e in zip(gradient[:6], slope, strict=True))
    np.testing.assert_allclose(ours, (up - down) / (2 * h), rtol=2e-6)


def test_curvature_of_the_hand_written_adjoint():
    y, h = random_observations(3, 5), 1e-4
    f = jax.grad(lambda x: kalman_loglikelihood(along_a_line(x), y, method="chandrasekhar", presample=2))
    slope_and_bend = jax.jit(lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),)))
    bend, (up, _), (down, _) = slope_and_bend(0.0)[1], slope_and_bend(h), slope_and_bend(-h)
    np.testing.assert_allclose(bend, (up - down) / (2 * h), rtol=1e-6)


BROKEN = {
    "bad status": lambda s: s._replace(status=jnp.array(Status.INDETERMINATE)),
    "NaN": lambda s: s._replace(transition=s.transition * jnp.nan),
    "explosive": lambda s: s._replace(transition=1.5 * s.transition),
    "negative variance": lambda s: s._replace(obs_cov=-100.0 * jnp.eye(2)),
    "singular": lambda s: s._replace(design=jnp.zeros((2, 4)), obs_cov=jnp.zeros((2, 2))),
}


@pytest.mark.parametrize("method", METHODS)
def test_unusable_models_have_no_likelihood_and_a_zero_gradient(method):
    y = random_observations(1, 5)
    for name, broken in BROKEN.items():
        value, gradient = value_and_gradient(method, "stationary")(broken(random_state_space(1)), y)
        assert value == -jnp.inf, name
        for g in gradient[:6]:
            np.testing.assert_array_equal(g, 0.0, err_msg=name)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_members(method):
    y = random_observations(1)
    members = [random_state_space(seed) for seed in range(3)]
    batch = jax.tree.map(lambda *x: jnp.stack(x), *members)
    values = jax.vmap(lambda s: kalman_loglikelihood(s, y, method=method))(batch)
    expected = [kalman_loglikelihood(s, y, method=method) for s in members]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "kalman"}, "method must be one of"),
        ({"start": "flat"}, "start must be one of .* or a Gaussian"),
        ({"start": "diffuse", "method": "square_root"}, "filter of its own"),
        (
            {"start": Gaussian(jnp.zeros(4), jnp.eye(4)), "method": "chandrasekhar"},
            "needs start='stationary'",
        ),
    ],
)
def test_words_of_errors(options, words):
    with pytest.raises(ValueError, match=words):
        kalman_loglikelihood(random_state_space(0), random_observations(0), **options)


def smets_wouters_2007():
    reference = json.loads((REFERENCE / "smets_wouters_2007_state_space.json").read_text())
    matrices = [jnp.asarray(reference[k], float) for k in ("T", "R", "Q", "Z", "d")]
    state_space = StateSpace(*matrices, obs_cov=jnp.zeros((7, 7)), status=jnp.array(Status.OK))
    return state_space, np.asarray(reference["observations"]), reference["loglikelihood"]


@pytest.mark.parametrize("method", ["standard", "chandrasekhar", "square_root"])
def test_smets_wouters_2007_at_its_published_mode(method):
    state_space, y, expected = smets_wouters_2007()
    actual = kalman_loglikelihood(state_space, y, presample=4, method=method)
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    standard = kalman_loglikelihood(state_space, y, presample=4, method="standard")
    np.testing.assert_allclose(actual, standard, atol=1e-9)


def test_smets_wouters_2007_period_by_period():
    state_space, y, _ = smets_wouters_2007()
    reference = json.loads((REFERENCE / "smets_wouters_2007_state_space.json").read_text())
    _, logdensities = filter_states(state_space, y, stationary_start(state_space))
    np.testing.assert_allclose(logdensities, reference["per_period"], atol=1e-6)


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-8, 1e-10])
def test_next_to_a_unit_root_the_number_does_not_change_with_the_method(distance):
    """Chandrasekhar's recursions take the difference of variances that are a billion times what it is: a log-likelihood
    of -655 was -687 or +396."""
    state_space, y = random_state_space(3), random_observations(3)

    def of_root(root, method):
        T = state_space.transition.at[0].set(0.0).at[0, 0].set(root)
        return kalman_loglikelihood(state_space._replace(transition=T), y, method=method)

    root = 1 - distance
    right = of_root(root, "square_root")
    for found in (of_root(root, "auto"), jax.vmap(lambda r: of_root(r, "auto"))(jnp.array([0.5, root]))[1]):
        np.testing.assert_allclose(found, right, atol=1e-5)
    for derivative in (jax.grad, jax.hessian):
        expected = derivative(of_root)(root, "standard")
        np.testing.assert_allclose(derivative(of_root)(root, "auto"), expected, rtol=1e-4)
