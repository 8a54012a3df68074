"""The guard around BlackJAX's integrator: what overflows has an infinite energy, never minus infinity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blackjax.mcmc.integrators import IntegratorState, velocity_verlet

from estim.samplers.nuts import guarded_integrator
from estim.samplers.registry import algorithm_named

INVERSE_MASS = jnp.array([[1.0, 0.9], [0.9, 1.0]]) * 1e10


def logdensity(x):
    return -0.5 * jnp.sum(x**2)


def kinetic_energy(momentum):
    return 0.5 * momentum @ INVERSE_MASS @ momentum


@pytest.mark.parametrize("size", [1e150, 1e200, 1e300, np.inf])
def test_an_overflow_is_a_divergence(size):
    state = IntegratorState(jnp.zeros(2), jnp.array([size, -size]), jnp.zeros(()), jnp.zeros(2))
    new = guarded_integrator(logdensity, kinetic_energy)(state, 0.1)
    assert new.logdensity == -jnp.inf
    assert -new.logdensity + kinetic_energy(new.momentum) == jnp.inf
    assert np.all(np.isfinite(new.position)) and np.all(new.logdensity_grad == 0)


def test_an_ordinary_step_is_untouched():
    state = IntegratorState(
        jnp.ones(2), jnp.array([1e-5, -2e-5]), *jax.value_and_grad(logdensity)(jnp.ones(2))
    )
    expected = velocity_verlet(logdensity, kinetic_energy)(state, 1e-6)
    new = guarded_integrator(logdensity, kinetic_energy)(state, 1e-6)
    jax.tree.map(np.testing.assert_array_equal, new, expected)


@pytest.mark.parametrize(("settings", "expected"), [({}, 0.8), ({"target_acceptance": 0.9}, 0.9)])
def test_target_acceptance_is_a_setting(settings, expected):
    assert algorithm_named("nuts", settings).target_acceptance(**settings) == expected
