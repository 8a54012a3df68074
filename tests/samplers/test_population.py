"""Populations in pieces: the kernel's own steps, stopped and resumed to the same bits, one particle after another."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from jax.custom_batching import custom_vmap

from estim import pace
from estim import posterior as posterior_module
from estim.posterior import from_logdensity, from_loglikelihood
from estim.samplers import population
from estim.samplers.joining import to_draws
from estim.samplers.pathfinder import pathfinder_approximation
from estim.samplers.population import sample_populations
from estim.samplers.registry import ALGORITHMS
from estim.samplers.run import SamplerError, sample, sample_chunks
from estim.status import Status

KEY = jax.random.key(5)
SIZE = {"num_samples": 30, "num_chains": 2, "num_warmup": 0, "num_mutations": 4}


def half_solved():
    """Two normal parameters and a number seen; no solution where the first is above one."""

    def loglikelihood(p):
        solved = p["a"] < 1.0
        value = jnp.where(solved, -0.5 * (p["a"] + p["b"] - 1.0) ** 2 / 0.01, -jnp.inf)
        return value, jnp.where(solved, Status.OK.value, Status.INDETERMINATE.value)

    return from_loglikelihood(loglikelihood, {"a": dist.Normal(0.0, 1.0), "b": dist.Normal(0.0, 1.0)})


@pytest.fixture(scope="module")
def posterior():
    return half_solved()


@pytest.fixture(scope="module")
def whole(posterior):
    return [*sample_chunks(posterior, "smc", KEY, **SIZE)]


def test_a_run_is_steps_of_the_kernel(posterior, whole):
    """In pieces of blocks and moves, with the same keys: the kernel's own steps, each a temperature."""
    states = [state for state, _ in whole]
    kernel = ALGORITHMS["smc"].build(posterior, num_mutations=4)
    key = jax.random.split(jax.random.fold_in(KEY, 0))[1]
    between = [jax.tree.map(lambda x: x[0], s.populations) for s in states if s.populations.moved[0] == 0]
    between = {int(s.stage): s for s in between if np.all(np.isfinite(s.particles.logdensity))}
    now, step = between[0], jax.jit(kernel.step)
    for stage in range(max(between)):
        now, info = step(jax.random.fold_in(key, stage), now)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), now, between[stage + 1])
        assert info.draws.position.shape == (30, 2) and info.evaluations.position.shape == (4 * 30, 2)
    assert now.phi == 1.0
    again, _ = step(KEY, now)  # a population of the posterior stays one
    assert again.phi == 1.0 and again.log_evidence == pytest.approx(float(now.log_evidence))


def test_the_first_step_size_may_be_given(posterior):
    kernel = ALGORITHMS["smc"].build(posterior)
    state = kernel.init(jnp.zeros((5, 2)))
    assert state.tuning.step_size == pytest.approx(2.38 / np.sqrt(2))
    smaller = state.tuning._replace(step_size=jnp.array(0.3))
    assert ALGORITHMS["smc"].build(posterior, smaller).init(jnp.zeros((5, 2))).tuning.step_size == 0.3


@pytest.mark.parametrize("looks", [0, 1, 2, 3, 6, 9])
def test_a_stopped_run_goes_on_to_the_same_bits(posterior, whole, looks, monkeypatch):
    """Before anything was done, among the first draws, in the midst of a temperature, between two."""
    expected = to_draws(posterior, [chunk for _, chunk in whole], 30)
    count = iter(range(100))
    init = pace.Pace.__init__
    monkeypatch.setattr(pace.Pace, "__init__", lambda self, longest, *_, **__: init(self, 1))
    monkeypatch.setattr(population, "stop_is_asked", lambda: next(count) >= looks)
    chunks, state = [], None
    with pytest.raises(KeyboardInterrupt):
        for now, chunk in sample_chunks(posterior, "smc", KEY, **SIZE):
            chunks.append(chunk)
            state = [np.asarray(leaf) for leaf in jax.tree.leaves(now)]
    monkeypatch.undo()
    chunks += [chunk for _, chunk in sample_chunks(posterior, "smc", KEY, state=state, **SIZE)]
    resumed = to_draws(posterior, chunks, 30)
    for name in ("position", "loglikelihood", "logprior", "stats", "evaluations", "failures"):
        jax.tree.map(np.testing.assert_array_equal, getattr(resumed, name), getattr(expected, name))
    assert resumed.log_marginal_likelihood == expected.log_marginal_likelihood


def test_a_long_temperature_is_kept_in_parts(posterior, whole, monkeypatch):
    monkeypatch.setattr(population, "_KEEP_AFTER", 0.0)
    parts = [*sample_chunks(posterior, "smc", KEY, **SIZE)]
    assert len(parts) > len(whole)
    assert any(state.populations.moved.any() for state, _ in parts)
    last = to_draws(posterior, [chunk for _, chunk in parts], 30)
    np.testing.assert_array_equal(last.position, whole[-1][1].draws.position)


def test_blocks_are_no_part_of_the_result(posterior, whole, monkeypatch):
    """Eight particles of a device in a call, the last block filled up."""
    monkeypatch.setattr(population, "_BLOCK", 8)
    blocks = sample(posterior, "smc", KEY, **SIZE)
    np.testing.assert_allclose(blocks.position, whole[-1][1].draws.position, rtol=1e-9)
    assert len(blocks.evaluations.status) == sum(len(chunk.evaluations.status) for _, chunk in whole)


def test_particles_are_moved_one_after_another_where_that_is_better(posterior, whole):
    @custom_vmap
    def alone(x):
        return x

    @alone.def_vmap
    def _(axis_size, in_batched, x):
        raise AssertionError("side by side")

    likelihood = posterior.likelihood
    guarded = lambda position, data: likelihood(alone(position), data)
    one_by_one = replace(posterior, likelihood=guarded, sequential=True)
    draws = sample(one_by_one, "smc", KEY, **SIZE)
    np.testing.assert_allclose(draws.position, whole[-1][1].draws.position, rtol=1e-9)
    with pytest.raises(AssertionError, match="side by side"):
        sample(replace(one_by_one, sequential=False), "smc", KEY, **SIZE)


def test_paths_are_taken_one_after_another_where_that_is_better(monkeypatch):
    said = []
    over = posterior_module.over
    monkeypatch.setattr(
        posterior_module, "over", lambda fn, sequential: (said.append(sequential), over(fn, sequential))[1]
    )
    gaussian = from_logdensity(lambda x: -0.5 * jnp.sum(x**2), jnp.ones(2))
    found = pathfinder_approximation(replace(gaussian, sequential=True), KEY, num_paths=2)
    np.testing.assert_allclose(found.mode, np.zeros(2), atol=0.2)
    assert said == [True]


def test_progress_is_told_to_the_end(posterior):
    told = []
    [
        *sample_populations(
            posterior, KEY, num_samples=30, num_chains=2, progress=lambda *now: told.append(now)
        )
    ]
    phases, done, total, remarks = zip(*told, strict=True)
    assert (
        set(phases) == {"temper"} and set(total) == {200} and list(done) == sorted(done) and done[-1] == 200
    )
    assert remarks[-1].startswith("acceptance 0.")


def test_what_a_population_has_no_use_for_is_refused(posterior):
    with pytest.raises(
        SamplerError, match="smc begins from draws of the prior: it takes no initial_positions"
    ):
        sample(posterior, "smc", KEY, num_samples=30, num_chains=2, initial_positions=np.zeros((2, 2)))
