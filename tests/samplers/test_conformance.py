"""What holds for every sampler: the contract, the number of traces, and the right distribution."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_samplers import adversary, check_mean, conjugate, half_banana, unit_tuning
from scipy.integrate import quad
from scipy.special import digamma
from scipy.stats import norm

from estim.evaluations import Evaluations
from estim.posterior import from_logdensity
from estim.samplers.mode import Laplace, find_mode, laplace_approximation
from estim.samplers.pathfinder import pathfinder_approximation
from estim.samplers.registry import ALGORITHMS
from estim.samplers.run import sample
from estim.status import Status

VARIANTS = {
    "rwmh": ("rwmh", {}, 16000),
    "pseudo_marginal": ("pseudo_marginal", {}, 16000),
    "mpmh": ("mpmh", {}, 6000),
    "mpmh-chain": ("mpmh", {"selection": "chain", "num_draws": 3}, 18000),
    "mpmh-independent": ("mpmh", {"construction": "independent"}, 2000),
    "hmc": ("hmc", {}, 6000),
    "chees": ("chees", {}, 4000),
    "delayed_acceptance": ("delayed_acceptance", {"num_inner": 5}, 8000),
    "nuts": ("nuts", {}, 2000),
}


POPULATIONS = [name for name, row in ALGORITHMS.items() if row.drive is not None]
TARGET = conjugate()
evaluate_target = jax.jit(jax.vmap(TARGET.evaluate_fn))
target_gradient = jax.jit(jax.vmap(jax.grad(TARGET.loglikelihood_fn)))


def settings_for(name, settings, posterior):
    """With the approximation that delayed acceptance needs: the same target, a little wider."""
    if name != "delayed_acceptance":
        return settings

    def loglikelihood(x):
        value = posterior.loglikelihood_fn(x)
        return jnp.where(jnp.isfinite(value), 0.8 * value, -0.4 * jnp.sum(x**2))

    wider = posterior.with_loglikelihood(loglikelihood)
    return settings | {"approximation": wider}


def test_every_algorithm_is_covered():
    assert {name for name, *_ in VARIANTS.values()} | set(POPULATIONS) == set(ALGORITHMS)


@pytest.fixture(params=VARIANTS, scope="module")
def variant(request):
    return VARIANTS[request.param]


def test_contract(variant):
    """init and step as pure functions of one chain: shapes, dtypes, evaluations, same key same bits."""
    name, settings, _ = variant
    posterior = TARGET
    traces = []

    def count(*args):
        traces.append(1)
        return posterior.likelihood(*args)

    counted = replace(posterior, likelihood=count)
    settings = settings_for(name, settings, posterior)
    algorithm = ALGORITHMS[name].build(counted, unit_tuning(2, 0.5), **settings)
    state = algorithm.init(jnp.array([0.5, 0.1]))
    traces.clear()
    step = jax.jit(algorithm.step)
    new_state, info = step(jax.random.key(1), state)
    assert len(traces) <= 3, "the density is compiled too often"
    assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == jax.tree.map(
        lambda x: (x.shape, x.dtype), new_state
    )
    again = step(jax.random.key(1), state)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), (new_state, info), again))

    for points in (info.draws, info.evaluations):
        assert isinstance(points, Evaluations)
        expected = evaluate_target(points.position)
        np.testing.assert_allclose(points.loglikelihood, expected.loglikelihood, rtol=1e-10)
        np.testing.assert_allclose(points.logprior, expected.logprior, rtol=1e-10)
        assert np.all(points.status == Status.OK)
    if info.evaluations.gradient is not None:
        gradient = target_gradient(info.evaluations.position)
        np.testing.assert_allclose(info.evaluations.gradient, gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(info.draws.position[-1], new_state.position)
    assert 0.0 <= float(info.acceptance_rate) <= 1.0
    if info.weights is not None:
        assert info.weights.shape == (len(info.evaluations.logprior) + 1,)
        assert float(jnp.sum(info.weights)) == pytest.approx(1.0)

    keys = jax.random.split(jax.random.key(2), 3)
    starts = [algorithm.init(jnp.array(x)) for x in ([0.5, 0.1], [0.0, 0.0], [-0.5, 0.3])]
    states = jax.tree.map(lambda *rows: jnp.stack(rows), *starts)
    batched = jax.jit(jax.vmap(algorithm.step))(keys, states)[0].position
    one_by_one = [step(k, jax.tree.map(lambda x, i=i: x[i], states))[0].position for i, k in enumerate(keys)]
    np.testing.assert_allclose(batched, jnp.stack(one_by_one), rtol=1e-9)


def test_draws(variant):
    """The moments are right, weighted draws' too; where there is no density no chain goes, and it is counted."""
    name, settings, num_samples = variant
    posterior = half_banana()
    settings = settings_for(name, settings, posterior)
    draws = sample(posterior, name, jax.random.key(3), num_samples=num_samples, **settings)
    mean = np.array([0.0, 0.0, np.sqrt(2 / np.pi)])
    x, y, z = np.moveaxis(draws.position, -1, 0)
    curve, _ = quad(
        lambda x: norm.pdf(x) * norm.cdf(1 - x**2), -np.inf, np.inf
    )  # y < 0; y^2 has too long a tail
    check_mean(np.stack([x, y, z, x**2, y < 0, z**2], axis=-1), [*mean, 1.0, curve, 1.0])
    assert draws.stats["lp"].shape == draws.loglikelihood.shape == (4, num_samples)
    if draws.weights is not None:
        assert np.all(np.abs(draws.weights @ draws.weighted_position - mean) < 0.15)
    assert z.min() >= 0 and np.all(np.isfinite(draws.stats["lp"]))
    assert draws.failures["NOT_FINITE"] >= np.sum(draws.evaluations.status == Status.NOT_FINITE) > 0


ROUGH = adversary()


ROUGH_LAPLACE = Laplace(
    np.asarray(ROUGH.start),
    2.0 * np.diag([1e-4, 1.0, 1.0, 1.0, 1.0]),
    float(ROUGH.logdensity_fn(ROUGH.start)),
    0.0,
)


@pytest.mark.parametrize("name", [*VARIANTS, *POPULATIONS])
def test_nothing_that_is_not_finite_is_ever_drawn(name):
    """Walls, cliffs, NaN, plus infinity, slopes that are not known or overflow: rejected and counted."""
    algorithm, settings, _ = VARIANTS.get(name, (name, {}, 0))
    if algorithm in POPULATIONS:
        size = {"num_samples": 60, "num_chains": 1, "num_mutations": 5}
    else:
        starts = np.tile(np.asarray(ROUGH.start), (2, 1))
        size = {"num_samples": 60, "num_chains": 2, "num_warmup": 60, "laplace": ROUGH_LAPLACE}
        size |= {"initial_positions": starts} | settings_for(algorithm, settings, ROUGH)
    draws = sample(ROUGH, algorithm, jax.random.key(0), **size)
    for leaf in (draws.position, draws.loglikelihood, draws.logprior, draws.evaluations.position):
        assert np.all(np.isfinite(leaf))
    if algorithm not in POPULATIONS:
        rate = draws.stats["acceptance_rate"]
        assert np.all((rate >= 0) & (rate <= 1)) and len(np.unique(draws.position[..., 2])) > 2
    _, b, c, d, e = np.moveaxis(draws.position, -1, 0)
    assert np.all((c > -1.5) & (c < 1.8) & (b < 700)) and np.all(np.abs(d) < 1.1)
    found = draws.evaluations
    assert not np.any(np.isnan(found.loglikelihood)) and not np.any(np.isposinf(found.loglikelihood))
    assert np.all(np.isneginf(found.loglikelihood) == (found.status != Status.OK))
    if found.gradient is not None:
        assert np.all(np.isfinite(found.gradient)) and np.all(e < 1.5)
    assert draws.failures["NOT_FINITE"] >= np.sum(found.status == Status.NOT_FINITE) > 0
    if draws.weights is not None:
        assert np.all(np.isfinite(draws.weights)) and draws.weights.sum() == pytest.approx(1.0)


def test_searches_end_at_finite_places():
    mode = find_mode(ROUGH, jax.random.key(0), num_starts=3)
    assert np.all(np.isfinite(mode.position)) and np.all(np.isfinite(mode.heights))
    for found in (laplace_approximation(ROUGH, mode), pathfinder_approximation(ROUGH, jax.random.key(0))):
        assert np.all(np.isfinite(found.mode)) and np.all(np.isfinite(found.scale_tril))


@pytest.mark.parametrize("name", [*VARIANTS, *POPULATIONS])
def test_one_parameter(name):
    """A vector of one number, everywhere: an exponential variable in logs, E x = digamma(1)."""
    posterior = from_logdensity(lambda x: x[0] - jnp.exp(x[0]), jnp.zeros(1))
    algorithm, settings, _ = VARIANTS.get(name, (name, {}, 0))
    if algorithm in POPULATIONS:
        size = {"num_samples": 500, "num_chains": 2}
    else:
        size = {"num_samples": 600, "num_warmup": 150} | settings_for(algorithm, settings, posterior)
        size["laplace"] = Laplace(np.zeros(1), np.eye(1), -1.0, 0.0)
    draws = sample(posterior, algorithm, jax.random.key(1), **size)
    assert draws.position.shape[2] == 1
    if algorithm in POPULATIONS:
        assert draws.log_marginal_likelihood == pytest.approx(0.0, abs=0.3)
        assert draws.position.mean() == pytest.approx(digamma(1.0), abs=0.3)
    else:
        check_mean(draws.position, [digamma(1.0)], min_ess=40)
