"""The mean and the covariance of a function of a normal vector, by a few of its values or its derivatives.

With u = m + S z, z standard normal ``[k]``, a rule gives the mean of f(u) and matrices D and U of as many columns with

    Var f(u) = D D',    Cov(u, f(u)) = U D'.

No rule subtracts: its covariances are never negative.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.typing import Array


class Transformed(NamedTuple):
    """``mean`` ``[m]`` of f(u), ``spread`` D ``[m, c]`` and ``inputs`` U ``[d, c]``."""

    mean: Array
    spread: Array
    inputs: Array


Function = Callable[[Array], Array]


def linearised(function: Function, mean: Array, root: Array) -> Transformed:
    """By the derivatives at the mean: f(m), D = f'(m) S (the extended Kalman filter)."""
    value, along = jax.vmap(lambda s: jax.jvp(function, (mean,), (s,)), 1, (None, 1))(root)
    return Transformed(value, along, root)


def unscented(function: Function, mean: Array, root: Array) -> Transformed:
    """By 2 k points m +- sqrt(k) s_i, all of one weight; exact to the third order of f in the mean.

    The unscented transform without its central point, whose weight 1 - k / 3 would be negative.

    Source: Julier and Uhlmann (1997), Proc. SPIE 3068; Arasaratnam and Haykin (2009), IEEE Transactions on Automatic
    Control 54.
    """
    k = root.shape[1]
    steps = jnp.concatenate([root, -root], axis=1)
    values = jax.vmap(lambda s: function(mean + s), 1, 1)(jnp.sqrt(k) * steps)
    average = values.mean(axis=1)
    return Transformed(average, (values - average[:, None]) / jnp.sqrt(2.0 * k), steps / jnp.sqrt(2.0))


def central_differences(function: Function, mean: Array, root: Array) -> Transformed:
    """By m and 2 k points m +- h s_i, h^2 = 3: first and second differences along each column of S.

        E f = f(m) + sum_i b_i / 2,    D = [a_i, sqrt(h^2 - 1) b_i / 2],
        a_i = (f_i+ - f_i-) / (2 h),   b_i = (f_i+ + f_i- - 2 f(m)) / h^2

    Of a quadratic f the mean is exact, and so is the covariance but for what pairs of columns do together.

    Source: Norgaard, Poulsen and Ravn (2000), Automatica 36; Andreasen (2013), J. Applied Econometrics 28.
    """
    h = jnp.sqrt(3.0)
    centre = function(mean)
    up, down = (jax.vmap(lambda s: function(mean + s), 1, 1)(step) for step in (h * root, -h * root))
    first, second = (up - down) / (2 * h), (up + down - 2 * centre[:, None]) / h**2
    spread = jnp.concatenate([first, second / jnp.sqrt(2.0)], axis=1)
    inputs = jnp.concatenate([root, jnp.zeros_like(root)], axis=1)
    return Transformed(centre + second.sum(axis=1) / 2, spread, inputs)


RULES = {"extended": linearised, "unscented": unscented, "central_difference": central_differences}
