"""The second derivatives of a model's solution: its curvature, and what it pays for risk."""

from functools import partial

import jax
import jax.numpy as jnp

from estim.representations.pruned import Rule, distinct_products
from estim.solution.derivative_equations import DerivativeEquations, Linearized, symmetric
from estim.solution.mixed_derivatives import second
from estim.typing import Array


def to_second_order(known: Linearized, equations: DerivativeEquations) -> Rule:
    """The variables' rule of second order.

    F_vv = f''[w_v, w_v],    F_ss = E f''[w_e' e', w_e' e'] + A E g_vv[e', e']
    """
    by_inputs, by_shocks = known.by_inputs, known.by_next_shocks
    inputs = by_inputs.shape[1]
    (i, j), _ = distinct_products(inputs, 2)
    a = jnp.concatenate([by_inputs[:, i], by_shocks], axis=1).T
    b = jnp.concatenate([by_inputs[:, j], by_shocks], axis=1).T
    curvature = jax.vmap(partial(second, known.residuals, known.rest))(a, b, jnp.zeros_like(a))
    quadratic = equations.by_inputs(symmetric(curvature[: len(i)], inputs, 2))

    spread = jnp.einsum("iab,ak,bk->i", quadratic[known.led], known.root, known.root)
    risk = equations.by_scale(curvature[len(i) :].sum(axis=0) + known.lead @ spread)
    return known.variables._replace(quadratic=quadratic, risk=risk)


def measure_second_order(known: Linearized, g: Rule) -> Rule:
    """The observables' rule of second order."""
    w, by_inputs = measured_at(known)
    (i, j), _ = distinct_products(by_inputs.shape[1], 2)
    a, b = by_inputs[:, i].T, by_inputs[:, j].T
    curvature = jax.vmap(partial(second, known.measurement, w))(a, b, jnp.zeros_like(a))
    quadratic = symmetric(curvature, by_inputs.shape[1], 2) + jnp.tensordot(
        known.measured_now, g.quadratic, 1
    )
    return known.measured._replace(quadratic=quadratic, risk=known.measured_now @ g.risk)


def measured_at(known: Linearized) -> tuple[Array, Array]:
    """What the measurement reads, (today's variables, last period's), at rest, and its derivatives by the inputs."""
    g, n = known.variables, len(known.variables.level)
    return known.rest[: 2 * n], jnp.concatenate([g.linear, known.by_inputs[:n]])
