"""`sample`: interruption, resumption bit for bit, what is kept and counted, and errors by their words."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_samplers import conjugate, gaussian

from estim.pace import Pace
from estim.posterior import from_logdensity
from estim.samplers import run
from estim.samplers.joining import to_draws
from estim.samplers.mode import find_mode, laplace_approximation
from estim.samplers.run import SamplerError, sample, sample_chunks
from estim.status import Status

KEY = jax.random.key(5)
SIZE = {"num_samples": 60, "num_chains": 2, "num_warmup": 30}


@pytest.fixture(scope="module")
def laplace():
    return laplace_approximation(gaussian(), find_mode(gaussian(), KEY))


@pytest.fixture
def short_chunks(monkeypatch):
    """At most 10 steps a chunk."""
    monkeypatch.setattr(run, "SECONDS_PER_CHUNK", 0.0)


def chunks_of(laplace, algorithm, **more):
    return list(sample_chunks(gaussian(), algorithm, KEY, laplace=laplace, **(SIZE | more)))


@pytest.mark.parametrize("algorithm", ["rwmh", "nuts"])
def test_a_resumed_run_gives_the_same_bits(laplace, algorithm, short_chunks):
    """Whether the run stops in warm-up or later, and whatever the length of its chunks."""
    whole = chunks_of(laplace, algorithm)
    expected = to_draws(gaussian(), [chunk for _, chunk in whole], 60)
    for stop in (3, len(whole) - 2):
        saved = [np.asarray(leaf) for leaf in jax.tree.leaves(whole[stop][0])]
        rest = list(sample_chunks(gaussian(), algorithm, KEY, state=saved, **SIZE))
        chunks = [chunk for _, chunk in [*whole[: stop + 1], *rest]]
        resumed = to_draws(gaussian(), chunks, 60)
        for name in ("position", "loglikelihood", "logprior", "stats", "evaluations"):
            jax.tree.map(np.testing.assert_array_equal, getattr(resumed, name), getattr(expected, name))


def test_the_length_of_chunks_does_not_matter(laplace, monkeypatch):
    long = to_draws(gaussian(), [chunk for _, chunk in chunks_of(laplace, "rwmh")], 60)
    monkeypatch.setattr(run, "_FIRST_CHUNK", 7)
    short = to_draws(gaussian(), [chunk for _, chunk in chunks_of(laplace, "rwmh")], 60)
    np.testing.assert_array_equal(long.position, short.position)


class Stop:
    """Asks to stop from the n-th look on."""

    def __init__(self, looks):
        self.looks = looks

    def __call__(self):
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("algorithm", ["rwmh", "nuts"])
def test_a_run_that_is_stopped_keeps_every_step(laplace, algorithm, short_chunks, monkeypatch):
    """In the middle of a window of warm-up too, from where it goes on to the same bits."""
    whole = [chunk for _, chunk in chunks_of(laplace, algorithm)]
    expected = to_draws(gaussian(), whole, 60)
    chunks, state, done = [], None, 0
    for looks in (2, 21, 5, 30):  # steps until each stop: three are in warm-up
        monkeypatch.setattr(run, "stop_is_asked", Stop(looks))
        with pytest.raises(KeyboardInterrupt):
            for now, chunk in sample_chunks(gaussian(), algorithm, KEY, laplace=laplace, state=state, **SIZE):
                state, step = [np.asarray(leaf) for leaf in jax.tree.leaves(now)], int(now.step)
                chunks.append(chunk)
        assert step == (done := done + looks)
    monkeypatch.undo()
    chunks += [chunk for _, chunk in sample_chunks(gaussian(), algorithm, KEY, state=state, **SIZE)]
    stopped = to_draws(gaussian(), chunks, 60)
    for name in ("position", "loglikelihood", "logprior", "stats", "evaluations", "failures"):
        jax.tree.map(np.testing.assert_array_equal, getattr(stopped, name), getattr(expected, name))
    in_warmup, without = (sum(c.phase == "warmup" for c in made) for made in (chunks, whole))
    assert in_warmup == without + 2, "two windows were left in their middle"


def test_a_long_window_is_kept_in_parts(laplace, short_chunks, monkeypatch):
    monkeypatch.setattr(run, "_KEEP_AFTER", 0.0)
    parts = chunks_of(laplace, "rwmh")
    assert len(parts) == 90 and int(parts[29][0].step) == 30
    whole = to_draws(gaussian(), [chunk for _, chunk in parts], 60)
    monkeypatch.undo()
    again = sample(gaussian(), "rwmh", KEY, laplace=laplace, **SIZE)
    np.testing.assert_array_equal(whole.position, again.position)


def test_the_length_of_calls_follows_the_time_that_they_take():
    pace, taken = Pace(longest=1000), []
    for _ in range(8):  # a tenth of a second a step, then a second, then next to nothing
        count = pace.next(10_000)
        taken.append(count)
        pace.took(count, count * (0.1 if len(taken) < 4 else 1.0 if len(taken) < 6 else 1e-6))
    assert taken == [1, 8, 10, 10, 1, 1, 8, 64]
    assert pace.next(3) == 3


def test_the_mode_may_be_found_while_the_steps_are_compiled(laplace):
    traces = []

    def logdensity(x):
        traces.append(1)
        return -0.5 * jnp.sum(x**2)

    def found():
        assert traces, "by now the steps are compiled"
        return laplace

    posterior = from_logdensity(logdensity, jnp.zeros(3))
    late, early = (sample(posterior, "rwmh", KEY, laplace=given, **SIZE) for given in (found, laplace))
    np.testing.assert_array_equal(late.position, early.position)


def test_ctrl_c_keeps_the_draws_that_are_finished(laplace, short_chunks):
    def press(phase, done, total, remark):
        if phase == "sample" and done >= 40:
            raise KeyboardInterrupt

    whole = sample(gaussian(), "rwmh", KEY, laplace=laplace, **SIZE)
    stopped = sample(gaussian(), "rwmh", KEY, laplace=laplace, progress=press, **SIZE)
    kept = stopped.position.shape[1]
    assert 20 <= kept < 60
    np.testing.assert_array_equal(stopped.position, whole.position[:, :kept])


def test_ctrl_c_in_warm_up_stops(laplace):
    def press(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(gaussian(), "rwmh", KEY, laplace=laplace, progress=press, **SIZE)


def test_no_draws_before_the_end_of_warm_up(laplace):
    _, first = next(sample_chunks(gaussian(), "rwmh", KEY, laplace=laplace, **SIZE))
    with pytest.raises(SamplerError, match="the run stopped in warm-up"):
        to_draws(gaussian(), [first], 60)


def test_progress_counts_steps_of_all_chains(laplace):
    calls = []
    sample(gaussian(), "rwmh", KEY, laplace=laplace, progress=lambda *call: calls.append(call), **SIZE)
    warmup = [call for call in calls if call[0] == "warmup"]
    assert [done for _, done, *_ in warmup] == sorted(done for _, done, *_ in warmup)
    assert warmup[-1][1:3] == (60, 60) and calls[-1][:3] == ("sample", 120, 120)
    assert all(re.fullmatch(r"[\d,]+ steps/s, acceptance [01]\.\d\d", remark) for *_, remark in calls)


def test_every_evaluated_point_is_kept(laplace):
    settings = dict(laplace=laplace, num_proposals=4, num_draws=2, **SIZE)
    draws = sample(gaussian(), "mpmh", KEY, **settings)
    assert draws.position.shape == (2, 60, 3) and draws.evaluations.position.shape == (30 * 2 * 4, 3)
    assert draws.weights.shape == (30 * 2 * 5,) and draws.weights.sum() == pytest.approx(1)
    known = {tuple(x) for x in draws.evaluations.position}
    moved = draws.position[:, 2:].reshape(-1, 3)[np.repeat(draws.stats["accepted"][:, 2:].ravel(), 1)]
    assert np.mean([tuple(x) in known for x in moved]) > 0.9
    thinned = sample(gaussian(), "mpmh", KEY, thin_evaluations=3, **settings)
    assert thinned.evaluations.position.shape == (10 * 2 * 4, 3)
    np.testing.assert_array_equal(thinned.position, draws.position)


def test_proposals_spread_over_devices_draw_the_same(laplace):
    settings = dict(laplace=laplace, num_proposals=4, **SIZE)
    chains = sample(gaussian(), "mpmh", KEY, **settings)
    proposals = sample(gaussian(), "mpmh", KEY, spread="proposals", **settings)
    np.testing.assert_allclose(chains.position, proposals.position, rtol=1e-9)


def test_one_compiled_program_serves_warm_up_and_sampling(laplace):
    traces = []

    def logdensity(x):
        traces.append(1)
        return -0.5 * jnp.sum(x**2)

    sample(from_logdensity(logdensity, jnp.zeros(3)), "rwmh", KEY, laplace=laplace, **SIZE)
    assert len(traces) <= 2, "once for the starting points, once for the steps"


def test_failures_are_counted_by_name(laplace):
    def logdensity(x):
        status = jnp.where(x[0] > 1.5, Status.INDETERMINATE.value, Status.OK.value)
        return -0.5 * jnp.sum(x**2), status

    draws = sample(from_logdensity(logdensity, jnp.zeros(3)), "rwmh", KEY, **SIZE)
    in_sample = int(np.sum(draws.evaluations.status == Status.INDETERMINATE))
    assert set(draws.failures) == {"INDETERMINATE"} and draws.failures["INDETERMINATE"] >= in_sample > 0
    assert draws.position[..., 0].max() <= 1.5


def test_seconds_are_given_by_phase():
    assert set(sample(conjugate(), "rwmh", KEY, **SIZE).seconds) == {"mode", "compile", "warmup", "sample"}


@pytest.mark.parametrize(
    ("algorithm", "settings", "message"),
    [
        ("gibbs", {}, r"unknown algorithm 'gibbs'; choose one of \['chees', .*'rwmh', 'smc'\]"),
        (
            "rwmh",
            {"num_proposals": 4},
            r"rwmh has no setting \['num_proposals'\]; it has \['inverse_temperature'\]",
        ),
        ("nuts", {"max_depth": 4}, r"nuts has no setting \['max_depth'\]; it has \['max_num_doublings'"),
    ],
)
def test_unknown_names_list_those_that_exist(algorithm, settings, message):
    with pytest.raises(ValueError, match=message):
        sample(gaussian(), algorithm, KEY, **settings)


def test_a_start_without_a_density_is_named(laplace):
    posterior = from_logdensity(lambda x: jnp.where(x[0] < 0, -jnp.inf, -0.5 * jnp.sum(x**2)), jnp.ones(3))
    starts = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    with pytest.raises(SamplerError, match=r"initial_positions\[1\] has no density: a value is not finite"):
        sample(posterior, "rwmh", KEY, laplace=laplace, initial_positions=starts, **SIZE)


def test_the_same_key_gives_the_same_draws_and_another_key_others(laplace):
    first, again, other = (
        sample(gaussian(), "rwmh", key, laplace=laplace, **SIZE).position
        for key in (KEY, KEY, jax.random.key(6))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)
