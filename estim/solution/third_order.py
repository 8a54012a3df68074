"""The third derivatives of a model's solution: how its curvature changes, and how risk moves with the state."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics.tensor_sylvester import apply_kronecker
from estim.representations.pruned import Rule, distinct_products
from estim.solution.derivative_equations import DerivativeEquations, Linearized, symmetric
from estim.solution.mixed_derivatives import third
from estim.typing import Array


def to_third_order(
    known: Linearized, equations: DerivativeEquations, g: Rule, measured: Rule
) -> tuple[Rule, Rule]:
    """The rules of third order of variables and observables, given those of second order.

        F_vvv = f'''[w_v, w_v, w_v] + f''[w_vv, w_v] + A g_xx[h_vv, h_v]        (each with its permutations)
        F_ssv = E f'''[r, r, w_v] + f''[w_ss, w_v] + 2 E f''[r_v, r]
                + A (g_xx[h_v, h_ss] + E g_vvx[e', e', h_v])

    where r is what the next period's shocks are to w, and r_v = g_ex[e', h_v] how that moves.
    """
    states, led, motion, root = known.states, known.led, known.motion, known.root
    (n, inputs), shocks = g.linear.shape, root.shape[1]
    gx, gxx, curved = g.linear[:, states], g.quadratic[:, states, states], g.quadratic[known.lagged]

    w_v, r = known.by_inputs, known.by_next_shocks
    w_vv = known.w(g.quadratic, jnp.tensordot(gx, curved, 1) + apply_kronecker(jnp.eye(n), motion, gxx))
    moved = jnp.einsum("iax,ak,xv->ivk", g.quadratic[:, :, states], root, motion)
    r_v = known.w(jnp.zeros_like(moved), moved)
    # w_ss, in parts that belong to a shock each: f'' is linear in it.
    to_come = jnp.einsum("iab,ak,bk->ik", g.quadratic, root, root)
    shared = jnp.stack([g.risk, gx @ g.risk[known.lagged] + g.risk])[..., None] / shocks
    w_ss = known.w(shared[0] + jnp.zeros_like(to_come), shared[1] + to_come)

    (i, j, k), _ = distinct_products(inputs, 3)
    v, e = (at.ravel() for at in np.indices((inputs, shocks)))
    both = lambda of_inputs, of_risk: jnp.concatenate([of_inputs, of_risk], axis=1).T
    curvature = jax.vmap(partial(third, known.functions, known.rest))(
        both(w_v[:, i], r[:, e]),
        both(w_v[:, j], r[:, e]),
        both(w_vv[:, i, j], w_ss[:, e]),
        both(w_v[:, k], w_v[:, v]),
        both(w_vv[:, i, k], r_v[:, v, e]),
        both(w_vv[:, j, k], r_v[:, v, e]),
    )

    bend = symmetric(curvature[: len(i)], inputs, 3)
    bent = permuted(jnp.einsum("ixy,xa,ybc->iabc", gxx[led], motion, curved))
    cubic = equations.by_inputs(bend[:n] + jnp.tensordot(known.lead, bent, 1))

    by_risk = curvature[len(i) :].T.reshape(-1, inputs, shocks).sum(axis=2)
    drift = jnp.einsum("ixy,y,xv->iv", gxx[led], g.risk[known.lagged], motion)
    spread = jnp.einsum("iabx,ak,bk,xv->iv", cubic[led][..., states], root, root, motion)
    risk_slope = equations.by_inputs(by_risk[:n] + known.lead @ (drift + spread))
    return (
        g._replace(cubic=cubic, risk_slope=risk_slope),
        measured._replace(
            cubic=bend[n:] + jnp.tensordot(known.measured_now, cubic, 1),
            risk_slope=by_risk[n:] + known.measured_now @ risk_slope,
        ),
    )


def permuted(tensor: Array) -> Array:
    """T_abc + T_bac + T_cab of ``[n, k, k, k]``, symmetric in its last two axes: then symmetric in all three."""
    return tensor + tensor.transpose(0, 2, 1, 3) + tensor.transpose(0, 3, 2, 1)
