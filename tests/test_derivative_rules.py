"""Every rule of the package that tells JAX a derivative: the first and the second order, against differences.

A rule may be right at a point and still be wrong in its own derivative (a denominator that is held constant, say). So
each function here is led along a line, its value differenced, and so is its gradient.
"""

from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import random_observations, random_state_space

import estim  # noqa: F401
from estim.likelihood.failure import impossible_if_not_finite
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.likelihood.state_space.square_root import triangularise
from estim.likelihood.state_space.start import riccati_start
from estim.numerics import (
    covariance_root,
    solve_discrete_lyapunov,
    solve_expectations,
    solve_linear,
    solve_sylvester,
)
from estim.numerics.fixed_point import (
    attach_derivative,
    solve_elementwise,
    solve_fixed_point,
    solve_one_minus,
)
from estim.numerics.interpolate import interpolate
from estim.representations.moving_average import MovingAverage, Tail
from estim.samplers.base import TransportMap, Tuning
from estim.samplers.transport import to_position
from estim.solution.search_steady_state import numerical_steady_state
from estim.status import Status

RNG = np.random.default_rng(0)
A, B, C = (jnp.asarray(0.3 * RNG.normal(size=(3, 3))) for _ in range(3))
BEND = TransportMap(*(jnp.asarray(0.1 * RNG.normal(size=(3,) * n)) for n in (1, 2, 3)))
SYMMETRIC = BEND._replace(shift=BEND.shift + BEND.shift.swapaxes(1, 2))
TUNING = Tuning(step_size=1.0, mean=np.zeros(3), scale_tril=np.eye(3), transport=SYMMETRIC)
STATES, Y = random_state_space(3, 3, 2, 2), random_observations(3, 5)
RESPONSES = jnp.asarray(RNG.normal(size=(12, 2, 2))) * 0.7 ** np.arange(12)[:, None, None]
MA = MovingAverage(RESPONSES, jnp.eye(2), jnp.zeros(2), 0.1 * jnp.eye(2), jnp.array(Status.OK))


Levels, Params = namedtuple("Levels", ["a", "b"]), namedtuple("Params", ["t"])


def fixed_point(t):
    f = lambda x: jnp.tanh(t * A @ x + B[0])
    return attach_derivative(f, solve_fixed_point(f, jnp.zeros(3)).value)


def stable(t):
    return STATES._replace(transition=t * STATES.transition, obs_cov=t**2 * STATES.obs_cov)


def tailed(t):
    tail = Tail(t * RESPONSES[-1], jnp.array([[0.5, 0.2], [0.0, t * 0.9]]), jnp.eye(2))
    return MA._replace(impulse_responses=t * RESPONSES, tail=tail)


def at_rest(t):
    equations = lambda lag, now, lead, p: {
        "one": now.a**3 - p.t * lead.b,
        "two": now.b - p.t - 0.1 * lag.a,
    }
    return jnp.stack(numerical_steady_state(equations, Levels(1.0, 1.0), Params(t)))


def proportional(t):
    """Three states of which the third is a multiple of the second: a covariance of rank two whose range turns."""
    transition = jnp.array([[0.5 * t, 0.2, 0.0], [0.1, 0.4 * t, 0.0], [0.1 * t, 0.4 * t**2, 0.0]])
    selection = jnp.array([[1.0, 0.0], [0.0, t], [0.0, t**2]])
    return STATES._replace(
        transition=transition, selection=selection, obs_cov=jnp.diag(jnp.array([t**2, 0.0]))
    )


def turning(t):
    """Four rows of rank two, one of them zero."""
    return jnp.array([[1.0, t], [t, 2.0], [t + t**2, 2 + t**2], [0.0, 0.0]]) @ (B[:2] + t * C[:2])


RULES = {
    "root of a singular covariance": lambda t: (lambda s: s @ jnp.roll(s, 1, 0).T)(
        covariance_root(turning(t) @ turning(t).T)
    ),
    "triangular array of deficient rank": lambda t: jnp.concatenate(
        [jnp.ravel(x @ x.T) for x in triangularise(jnp.pad(turning(t), ((0, 0), (0, 1))), 1)]
    ),
    "likelihood, square_root": lambda t: kalman_loglikelihood(proportional(t), Y, method="square_root"),
    "fixed point": fixed_point,
    "I - T": lambda t: solve_one_minus(lambda x: t * A @ x, t * B[0]),
    "elementwise root": lambda t: solve_elementwise(lambda x, t: jnp.exp(x) + t * x - B[0], jnp.zeros(3), t),
    "interpolation": lambda t: interpolate(
        t * jnp.arange(4.0), t**2 * jnp.array([0.3, 1.6, 2.4]), jnp.arange(4.0) ** 2 * t
    ),
    "linear system": lambda t: solve_linear(jnp.eye(3) + t * A, t * B)[0],
    "Sylvester": lambda t: solve_sylvester(t * A, B, t * C)[0],
    "Lyapunov": lambda t: solve_discrete_lyapunov(t * A, t * B @ B.T)[0],
    "expectations": lambda t: solve_expectations(t * A, 0.3 * B, C, t * 0.3 * A.T)[0],
    "steady state by search": at_rest,
    "transport": lambda t: to_position(TUNING, t * B[0])[0],
    "Riccati": lambda t: riccati_start(stable(t)).cov,
    "not finite": impossible_if_not_finite(lambda t: jnp.sum(jnp.exp(t * B[0]))),
    **{
        f"likelihood, {method}": lambda t, m=method: kalman_loglikelihood(stable(t), Y, method=m)
        for method in ("standard", "chandrasekhar", "parallel")
    },
    **{
        f"likelihood, {method}": lambda t, m=method: toeplitz_loglikelihood(tailed(t), Y, method=m)
        for method in ("lattice", "cholesky")
    },
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_first_and_second_derivative(rule):
    function = lambda t: jnp.sum(jnp.sin(RULES[rule](t)))
    both = jax.value_and_grad(function)
    twice = lambda t: jax.jvp(both, (t,), (jnp.ones_like(t),))
    at, step = 0.9, 1e-3
    points = at + step * jnp.array([0.0, 1.0, -1.0, 2.0, -2.0])
    (values, slopes), (forward, bends) = jax.jit(lambda t: jax.lax.map(twice, t))(points)
    np.testing.assert_allclose(forward, slopes, rtol=1e-8)
    differences = [(8 * (f[1] - f[2]) - f[3] + f[4]) / (12 * step) for f in map(np.asarray, (values, slopes))]
    value, first, second = (np.asarray(x)[0] for x in (values, slopes, bends))
    assert np.isfinite([value, first, second]).all() and first != 0 and second != 0
    np.testing.assert_allclose(first, differences[0], rtol=1e-7)
    np.testing.assert_allclose(second, differences[1], rtol=1e-7)
