"""Shadow shocks of constraints that bind, however far ahead the last of them is."""

import jax
import numpy as np
import pytest

from estim.numerics.guess_and_verify import LEADING, shadows

HORIZON = 2 * LEADING[-1]
SOLVED = jax.jit(shadows)


@jax.jit
def slope_of_shadows(effects, base, binding, towards):
    return jax.jvp(lambda x: shadows(x, base, binding), (effects,), (towards,))[1]


@pytest.mark.parametrize("last", [0, 1, LEADING[0], LEADING[0] + 1, LEADING[-1] + 1, HORIZON])
def test_they_solve_the_equations_that_bind_and_are_zero_elsewhere(last):
    rng = np.random.default_rng(last)
    effects, base = rng.normal(size=(HORIZON, HORIZON)) + 20 * np.eye(HORIZON), rng.normal(size=(HORIZON, 2))
    binding = (rng.random(HORIZON) < 0.7) & (np.arange(HORIZON) < last)
    binding[:last][-1:] = True

    def dense(effects):
        y = np.zeros_like(base)
        y[binding] = -np.linalg.solve(effects[np.ix_(binding, binding)], base[binding])
        return y

    np.testing.assert_allclose(SOLVED(effects, base, binding), dense(effects), rtol=0, atol=1e-12)
    towards = rng.normal(size=effects.shape)
    slope = slope_of_shadows(effects, base, binding, towards)
    differences = (dense(effects + 1e-6 * towards) - dense(effects - 1e-6 * towards)) / 2e-6
    np.testing.assert_allclose(slope, differences, rtol=0, atol=1e-9)
