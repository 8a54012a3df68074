"""Multiple-proposal MH: detailed balance by enumeration, the known bias of the shortcut, recycling."""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_samplers import check_mean, gaussian, unit_tuning

from estim.posterior import from_logdensity
from estim.samplers.multiple_proposal import (
    build_multiple_proposal,
    default_num_proposals,
    metropolised_gibbs,
    select_chain,
    select_independent,
)

TARGET = np.array([0.1, 0.3, 0.05, 0.35, 0.2])
NUM_STATES = len(TARGET)
RING = np.array([[{0: 0.4, 1: 0.25, 4: 0.25}.get((j - i) % 5, 0.05) for j in range(5)] for i in range(5)])
FIXED = np.array([0.3, 0.2, 0.2, 0.2, 0.1])


def candidates_given(construction, x, num_proposals):
    """Every set of proposals from state x, with its probability (summed over the auxiliary point)."""
    for proposals in product(range(NUM_STATES), repeat=num_proposals):
        made = {
            "auxiliary": sum(RING[x, z] * np.prod(RING[z, list(proposals)]) for z in range(NUM_STATES)),
            "independent": np.prod(FIXED[list(proposals)]),
            "shortcut": np.prod(RING[x, list(proposals)]),
        }
        yield np.array([x, *proposals]), made[construction]


def transition_matrix(construction, selection, num_proposals):
    matrix = np.zeros((NUM_STATES, NUM_STATES))
    log_weight = np.log(TARGET / FIXED) if construction == "independent" else np.log(TARGET)
    for x in range(NUM_STATES):
        for candidates, probability in candidates_given(construction, x, num_proposals):
            weights = jax.nn.softmax(jnp.asarray(log_weight[candidates]))
            chosen = weights if selection == "independent" else metropolised_gibbs(weights)[0]
            np.add.at(matrix[x], candidates, probability * np.asarray(chosen))
    return matrix


@pytest.mark.parametrize("num_proposals", [1, 2])
@pytest.mark.parametrize("selection", ["independent", "chain"])
@pytest.mark.parametrize("construction", ["auxiliary", "independent"])
def test_detailed_balance_on_a_finite_space(construction, selection, num_proposals):
    flow = TARGET[:, None] * transition_matrix(construction, selection, num_proposals)
    np.testing.assert_allclose(flow.sum(axis=1), TARGET, rtol=1e-12)
    np.testing.assert_allclose(flow, flow.T, rtol=1e-10)


def test_the_shortcut_does_not_leave_the_target_invariant():
    assert np.abs(TARGET @ transition_matrix("shortcut", "independent", 2) - TARGET).max() > 1e-3


def test_metropolised_gibbs_is_reversible_and_moves_more_than_independent_draws():
    weights = jax.nn.softmax(jax.random.normal(jax.random.key(0), (6,)))
    matrix = metropolised_gibbs(weights)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(weights[:, None] * matrix, (weights[:, None] * matrix).T, atol=1e-15)
    assert np.all(np.diag(matrix) <= weights)


def test_one_candidate_with_all_the_weight_stays():
    np.testing.assert_array_equal(metropolised_gibbs(jnp.array([1.0, 0.0, 0.0]))[0], [1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("select", "probability"),
    [(select_independent, lambda w: w), (select_chain, lambda w: metropolised_gibbs(w)[0])],
)
def test_selections_draw_what_they_say(select, probability):
    weights = jnp.array([0.5, 0.2, 0.25, 0.05])
    keys = jax.random.split(jax.random.key(1), 40_000)
    first = np.bincount(jax.vmap(lambda k: select(k, weights, 1)[0])(keys), minlength=4) / len(keys)
    expected = np.asarray(probability(weights))
    assert np.all(np.abs(first - expected) < 4.5 * np.sqrt(expected * (1 - expected) / len(keys)) + 1e-12)


@cache
def second_moments(construction, num_steps=2000):
    """E x^2 of a 4-dimensional standard normal by many chains: plain draws and Rao-Blackwellised."""
    posterior = from_logdensity(lambda x: -0.5 * jnp.sum(x**2), jnp.zeros(4))
    algorithm = build_multiple_proposal(
        posterior, unit_tuning(4, 1.2), num_proposals=16, construction=construction
    )

    def one_chain(key):
        def step(state, key):
            new_state, info = algorithm.step(key, state)
            candidates = jnp.concatenate([state.position[None], info.evaluations.position])
            return new_state, (
                jnp.mean(new_state.position**2),
                info.weights @ jnp.mean(candidates**2, axis=1),
            )

        key_start, key_run = jax.random.split(key)
        state = algorithm.init(jax.random.normal(key_start, (4,)))
        return jax.lax.scan(step, state, jax.random.split(key_run, num_steps))[1]

    return jax.jit(jax.vmap(one_chain))(jax.random.split(jax.random.key(2), 8))


@pytest.mark.parametrize("construction", ["auxiliary", "independent"])
def test_exact_constructions_and_their_weighted_draws(construction):
    for estimate in second_moments(construction):
        check_mean(estimate[..., None], [1.0])


def test_the_shortcut_is_biased_as_documented():
    drawn, _ = second_moments("shortcut")
    assert 0.70 < drawn.mean() < 0.92


def test_recycling_all_candidates_reduces_the_variance():
    drawn, weighted = second_moments("auxiliary")
    assert weighted.std() < 0.8 * drawn.std()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"construction": "magic"}, "construction='magic'; choose one of"),
        ({"selection": "best"}, "selection='best'; choose one of"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        build_multiple_proposal(gaussian(), unit_tuning(3), **settings)


def test_proposals_spread_over_two_devices_give_the_same_step():
    devices = jax.devices()[:2]
    assert len(devices) == 2, "estim.runtime gives JAX a device a core"
    mesh = jax.sharding.Mesh(np.array(devices), ("device",))
    posterior, tuning = gaussian(), unit_tuning(3)
    here = build_multiple_proposal(posterior, tuning, num_proposals=8)
    spread = build_multiple_proposal(posterior, tuning, num_proposals=8, mesh=mesh)
    state = here.init(jnp.zeros(3))
    one, two = (jax.jit(a.step)(jax.random.key(0), state) for a in (here, spread))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), one, two)
    with pytest.raises(ValueError, match="num_proposals=7 is not a multiple of the 2 devices"):
        build_multiple_proposal(posterior, tuning, num_proposals=7, mesh=mesh)


@pytest.mark.parametrize(("num_devices", "num_proposals"), [(1, 4), (2, 4), (3, 6), (8, 8), (16, 16)])
def test_the_number_of_proposals_follows_the_number_of_devices(num_devices, num_proposals, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: num_devices)
    assert default_num_proposals() == num_proposals
