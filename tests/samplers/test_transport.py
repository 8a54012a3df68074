"""The transport map: a bijection with the Jacobian it states, and learnt so that a bent density becomes straight."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from estim.samplers.base import TransportMap, Tuning
from estim.samplers.transport import (
    _LEVEL,
    follow,
    gradient_at_position,
    learn_transport_map,
    straight,
    to_coordinates,
    to_position,
)

DIM = 4


def random_tuning(size):
    rng = np.random.default_rng(3)
    before = np.tri(DIM, k=-1)
    shift = rng.normal(size=(DIM, DIM, DIM)) * before[:, :, None] * before[:, None, :]
    bend = TransportMap(
        size * rng.normal(size=DIM),
        size * before * rng.normal(size=(DIM, DIM)),
        size * (shift + shift.transpose(0, 2, 1)) / 2,
    )
    scale_tril = np.tril(rng.normal(size=(DIM, DIM))) + 2 * np.eye(DIM)
    return Tuning(rng.normal(size=DIM), scale_tril, np.ones(()), transport=bend)


TUNING = random_tuning(0.5)
MAPS = jax.jit(lambda z: (to_position(TUNING, z), jax.jacfwd(lambda z: to_position(TUNING, z)[0])(z)))
BACK = jax.jit(partial(to_coordinates, TUNING))


def position_written_out(tuning, z):
    """The formula at the head of the module, index by index."""
    skew, log_scale, shift = tuning.transport
    h = z / np.sqrt(1 + (z / 4) ** 2)
    w = np.zeros(DIM)
    for i in range(DIM):
        s = np.sinh(np.arcsinh(z[i]) + skew[i]) - _LEVEL * skew[i]
        w[i] = s * np.exp(sum(log_scale[i, j] * h[j] for j in range(i)))
        w[i] += sum(shift[i, j, k] * (h[j] * h[k] - (j == k)) for j in range(i) for k in range(i))
    return tuning.mean + tuning.scale_tril @ w


@pytest.mark.parametrize("distance", [0.3, 2.0, 30.0])
def test_a_bijection_with_the_jacobian_it_states(distance):
    for z in distance * np.random.default_rng(0).normal(size=(5, DIM)):
        (x, logdet), jacobian = MAPS(z)
        np.testing.assert_allclose(x, position_written_out(TUNING, z), rtol=1e-12)
        np.testing.assert_allclose(BACK(x), z, rtol=1e-8, atol=1e-8)
        expected = np.linalg.slogdet(jacobian)[1] - np.log(np.diag(TUNING.scale_tril)).sum()
        assert float(logdet) == pytest.approx(expected, abs=1e-9)
        np.testing.assert_array_equal(np.triu(jacobian, 1), 0.0)


def test_the_jacobian_by_finite_differences():
    z, step = np.array([0.5, -1.0, 0.3, 0.8]), 1e-5
    moved = [position_written_out(TUNING, z + step * e) for e in (*np.eye(DIM), *-np.eye(DIM))]
    differences = (np.stack(moved[:DIM]) - np.stack(moved[DIM:])).T / (2 * step)
    np.testing.assert_allclose(MAPS(z)[1], differences, rtol=1e-7, atol=1e-8)


def test_slopes_there_and_back():
    precision = np.diag([1.0, 2.0, 3.0, 4.0])
    logdensity = lambda x: -0.5 * x @ precision @ x

    def in_coordinates_written_out(z):
        x, logdet = to_position(TUNING, z)
        return logdensity(x) + logdet

    z = jnp.array([0.5, -1.0, 0.3, 0.8])
    x, in_coordinates = follow(TUNING, z)
    gradient = jax.grad(logdensity)(x)
    value, slope = in_coordinates(logdensity(x), gradient)
    np.testing.assert_allclose(value, in_coordinates_written_out(z), rtol=1e-12)
    np.testing.assert_allclose(slope, jax.grad(in_coordinates_written_out)(z), rtol=1e-12)
    np.testing.assert_allclose(gradient_at_position(TUNING, z, slope), gradient, rtol=1e-10)


def test_without_a_bend_it_is_the_gaussian_map():
    z = jnp.array([0.5, -1.0, 0.3, 0.8])
    for tuning in (TUNING._replace(transport=None), TUNING._replace(transport=straight(DIM))):
        x, logdet = to_position(tuning, z)
        np.testing.assert_allclose(x, TUNING.mean + TUNING.scale_tril @ z, rtol=1e-12)
        np.testing.assert_allclose(to_coordinates(tuning, x), z, rtol=1e-12)
        assert float(logdet) == pytest.approx(0.0, abs=1e-14)


def test_the_skewing_function_has_mean_zero_to_first_order():
    level, _ = quad(lambda z: np.sqrt(1 + z**2) * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi), -np.inf, np.inf)
    assert pytest.approx(level, abs=1e-6) == _LEVEL


def bent_draws(size, num_draws):
    """Draws of w whose coordinates z are standard normal, with the exact slopes of their log-density."""
    tuning = random_tuning(size)._replace(mean=np.zeros(DIM), scale_tril=np.eye(DIM))
    z = jnp.asarray(np.random.default_rng(1).normal(size=(num_draws, DIM)))

    @jax.jit
    @jax.vmap
    def draw(z):
        return to_position(tuning, z)[0], gradient_at_position(tuning, z, -z)

    return tuning, *map(np.asarray, draw(z))


def test_a_slight_bend_is_learnt_from_few_draws():
    tuning, w, slopes = bent_draws(0.02, 400)
    for learnt, true in zip(learn_transport_map(w, slopes), tuning.transport, strict=True):
        np.testing.assert_allclose(learnt, true, atol=0.008)
        assert np.abs(true).max() > 0.025


def test_slopes_become_straighter():
    """The Fisher divergence from a standard normal, on draws from which nothing was learnt."""
    _, w, slopes = bent_draws(0.12, 4000)
    learnt = Tuning(
        np.zeros(DIM), np.eye(DIM), np.ones(()), transport=learn_transport_map(w[:2000], slopes[:2000])
    )

    @jax.jit
    @jax.vmap
    def residual(w, slope):
        z = to_coordinates(learnt, w)
        _, in_coordinates = follow(learnt, z)
        return in_coordinates(0.0, slope)[1] + z

    after = np.mean(np.asarray(residual(w[2000:], slopes[2000:])) ** 2)
    assert after < 0.25 * np.mean((w[2000:] + slopes[2000:]) ** 2)


def test_a_gaussian_stays_straight():
    w = np.random.default_rng(2).normal(size=(50, DIM))
    for part in learn_transport_map(w, -w):
        np.testing.assert_allclose(part, 0.0, atol=1e-12)


LEADING = 2


def few_leading(size):
    """As `random_tuning`, bent by the first two coordinates alone."""
    full = random_tuning(size)
    skew, log_scale, shift = full.transport
    bend = TransportMap(skew, log_scale[:, :LEADING], shift[:, :LEADING, :LEADING])
    return full._replace(transport=bend)


def test_a_map_that_few_coordinates_bend():
    """The same as one of all coordinates whose other coefficients are zero: bijection, Jacobian and gradients."""
    few = few_leading(0.5)
    skew, log_scale, shift = few.transport
    wide = ((0, 0), (0, DIM - LEADING))
    full = few._replace(
        transport=TransportMap(skew, np.pad(log_scale, wide), np.pad(shift, (*wide, wide[1])))
    )
    z, gradient = np.random.default_rng(1).normal(size=(2, DIM))

    @partial(jax.jit, static_argnums=0)
    def at(which):
        tuning = (few, full)[which]
        x, logdet = to_position(tuning, z)
        return x, logdet, to_coordinates(tuning, x), gradient_at_position(tuning, z, gradient)

    (x, logdet, back, pulled), expected = at(0), at(1)
    np.testing.assert_allclose(back, z, rtol=1e-8)
    for found, other in zip((x, logdet, pulled), (expected[0], expected[1], expected[3]), strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-9)
    jacobian = jax.jacfwd(lambda z: to_position(few, z)[0])(z)
    slope = jax.grad(lambda z: to_position(few, z)[1])(z)
    np.testing.assert_allclose(jacobian.T @ pulled + slope, gradient, rtol=1e-9)


def test_shocks_whose_mean_and_scale_a_parameter_moves_are_straightened():
    """x_i given x_0 is N(0.3 x_0^2, exp(0.4 x_0)): the map leaves less of it, and no room for pairs of shocks."""
    rng, dim = np.random.default_rng(0), 6

    def logdensity(x):
        scale = jnp.exp(0.2 * x[0])
        white = (x[1:] - 0.3 * (x[0] ** 2 - 1)) / scale
        return -0.5 * x[0] ** 2 - 0.5 * white @ white - (dim - 1) * jnp.log(scale)

    first = rng.normal(size=(2_000, 1))
    points = np.concatenate(
        [first, 0.3 * (first**2 - 1) + np.exp(0.2 * first) * rng.normal(size=(2_000, dim - 1))], 1
    )
    gradients = np.asarray(jax.jit(jax.vmap(jax.grad(logdensity)))(points))
    bend = learn_transport_map(points, gradients, 1)
    assert bend.log_scale.shape == (dim, 1) and bend.shift.shape == (dim, 1, 1)
    tuning = Tuning(np.zeros(dim), np.eye(dim), np.ones(()), transport=bend)

    @jax.jit
    @jax.vmap
    def crooked(z):
        both = lambda z: (lambda x, logdet: logdensity(x) + logdet)(*to_position(tuning, z))
        return jax.grad(both)(z) + z

    z = rng.normal(size=(2_000, dim))
    plain = np.asarray(jax.jit(jax.vmap(jax.grad(logdensity)))(z)) + z
    left, before = (np.median(g**2, axis=0) for g in (np.asarray(crooked(z)), plain))
    assert (left < 0.25 * before).all()
