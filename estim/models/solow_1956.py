"""Solow (1956), "A Contribution to the Theory of Economic Growth", Quarterly Journal of Economics 70, with capital of
several kinds (the example is that of Sargent and Stachurski, "Newton's Method via JAX", QuantEcon):

    k' = s A k^alpha + (1 - delta) k,

whose fixed point is found by Newton's method.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.numerics.newton import newton_step


class Params(NamedTuple):
    A: Any  # productivity of each capital (columns) in making each (rows)
    s: Any = 0.2  # saving rate
    alpha: Any = 0.5  # curvature
    delta: Any = 0.8  # depreciation


def growth(k, p):
    """k' - k."""
    return p.s * (p.A @ k**p.alpha) - p.delta * k


def build(A, start=1.0):
    """The economy with this matrix A ``[n, n]``, searched from these stocks on."""
    ones = np.ones(len(A))
    return DecisionModel(
        name="solow_1956",
        prior=Params(np.asarray(A, float)),
        start=lambda p: start * ones,
        bellman=lambda k, p: newton_step(lambda k: growth(k, p), k),
        change=lambda ahead, k: jnp.linalg.norm(ahead - k),
        monotone=False,
        solver={"method": "vfi", "tolerance": 1e-7, "max_steps": 100},
        reference='Solow, R. M. (1956), "A Contribution to the Theory of Economic Growth", '
        "Quarterly Journal of Economics 70(1)",
    )


model = build([[2.0, 3.0, 3.0], [2.0, 4.0, 2.0], [1.0, 5.0, 1.0]])
