"""The second derivatives of a model's solution: its curvature, and what it pays for risk."""

from functools import partial

import jax
import jax.numpy as jnp

from estim.representations.pruned import Rule, distinct_products
from estim.solution.derivative_equations import DerivativeEquations, Linearized, symmetric
from estim.solution.mixed_derivatives import second


def to_second_order(known: Linearized, equations: DerivativeEquations) -> tuple[Rule, Rule]:
    """The rules of second order of variables and observables.

        F_vv = f''[w_v, w_v],    F_ss = E f''[w_e' e', w_e' e'] + A E g_vv[e', e']

    What the observables' own curvature is, as F is that of the residuals, adds to what they read of g.
    """
    by_inputs, by_shocks = known.by_inputs, known.by_next_shocks
    inputs, n = by_inputs.shape[1], len(known.now)
    (i, j), _ = distinct_products(inputs, 2)
    a = jnp.concatenate([by_inputs[:, i], by_shocks], axis=1).T
    b = jnp.concatenate([by_inputs[:, j], by_shocks], axis=1).T
    curvature = jax.vmap(partial(second, known.functions, known.rest))(a, b, jnp.zeros_like(a))
    bend = symmetric(curvature[: len(i)], inputs, 2)
    quadratic = equations.by_inputs(bend[:n])

    spread = jnp.einsum("iab,ak,bk->i", quadratic[known.led], known.root, known.root)
    risk = equations.by_scale(curvature[len(i) :, :n].sum(axis=0) + known.lead @ spread)
    return (
        known.variables._replace(quadratic=quadratic, risk=risk),
        known.measured._replace(
            quadratic=bend[n:] + jnp.tensordot(known.measured_now, quadratic, 1),
            risk=known.measured_now @ risk,
        ),
    )
