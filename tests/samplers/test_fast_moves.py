"""Kernels on a posterior with a split: exact, and the expensive part is prepared once a move of all."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from helpers_samplers import check_mean, unit_tuning

from estim.posterior import from_loglikelihood
from estim.samplers.fast_moves import conditional_tuning
from estim.samplers.mode import Laplace
from estim.samplers.registry import ALGORITHMS
from estim.samplers.run import sample
from estim.status import Status

DESIGN = np.array([[1.0, 0.5, 0.0, 0.2], [0.3, -1.0, 0.8, 0.0], [0.0, 1.0, 1.0, 0.5], [1.0, 0.0, 0.0, 1.0]])
OBSERVED = np.array([0.5, 1.0, -0.5, 2.0])
COVARIANCE = np.linalg.inv(np.eye(4) + DESIGN.T @ DESIGN)
NAMES = ("fast_1", "slow_1", "fast_2", "slow_2")
MEAN = COVARIANCE @ DESIGN.T @ OBSERVED
UNIT_NORMAL = dict.fromkeys(NAMES, dist.Normal(0.0, 1.0))
VARIANTS = {
    "rwmh": ("rwmh", {}, 4000),
    "mpmh": ("mpmh", {"num_proposals": 4, "num_draws": 2}, 3000),
}


def regression(note=lambda value: None, prior=UNIT_NORMAL):
    """y = X b + e with unit normal b and e; what two of the four coefficients explain is prepared."""

    def prepare(values):
        note(values["slow_1"])
        return sum(values[n] * DESIGN[:, NAMES.index(n)] for n in NAMES if "slow" in n)

    def loglikelihood(values, given):
        explained = given + sum(values[n] * DESIGN[:, NAMES.index(n)] for n in NAMES if "fast" in n)
        status = jnp.where(values["fast_1"] < 4.0, Status.OK, Status.EXPLOSIVE)
        return -0.5 * jnp.sum((OBSERVED - explained) ** 2), status

    start = {name: 0.1 * NAMES.index(name) for name in NAMES}
    return from_loglikelihood(loglikelihood, prior, start, prepare=prepare, slow=("slow_1", "slow_2"))


def test_a_split_evaluation_is_the_evaluation():
    posterior = regression()
    split, x = posterior.split, jnp.array([0.3, -0.2, 1.0, 2.0])
    assert split.slow == (1, 3)
    given = posterior.prepare(x)
    np.testing.assert_array_equal(given, posterior.prepare(x.at[jnp.array([0, 2])].set(9.0)))
    assert jax.tree.all(
        jax.tree.map(jnp.array_equal, posterior.evaluate_given(x, given), posterior.evaluate_fn(x))
    )
    assert posterior.with_loglikelihood(lambda x: x @ x).split is None


@pytest.mark.parametrize("fast", [("fast_1",), ()])
def test_what_shares_a_transform_with_a_slow_parameter_is_slow(fast):
    """As with an ordered vector, each component of which enters all that follow it."""
    together = tuple(n for n in NAMES if n not in fast)
    ordered = dist.TransformedDistribution(
        dist.Normal(jnp.zeros(len(together)), 1.0).to_event(1), dist.transforms.OrderedTransform()
    )
    posterior = regression(prior={n: UNIT_NORMAL[n] for n in fast} | {together: ordered})
    if fast:
        given = posterior.prepare(posterior.start)
        np.testing.assert_array_equal(given, posterior.prepare(posterior.start.at[0].set(9.0)))
        assert [posterior.param_names[i] for i in posterior.split.slow] == list(together)
    else:
        assert posterior.split is None and jnp.isfinite(posterior.logdensity_fn(posterior.start))


@pytest.mark.parametrize("variant", VARIANTS)
def test_moments(variant):
    name, settings, num_samples = VARIANTS[variant]
    laplace = Laplace(jnp.asarray(MEAN), jnp.linalg.cholesky(COVARIANCE), 0.0, 0.0)
    draws = sample(
        regression(), name, jax.random.key(0), num_samples=num_samples, num_warmup=300, laplace=laplace,
        initial_positions=np.tile(MEAN, (4, 1)), **settings
    )  # fmt: skip
    x = draws.position
    check_mean(np.concatenate([x, x**2], axis=-1), [*MEAN, *(np.diag(COVARIANCE) + MEAN**2)])


def test_a_step_prepares_once_for_each_move_of_all():
    """And everything evaluated is reported, at the position where it was evaluated."""
    prepared = []
    posterior = regression(lambda value: jax.debug.callback(prepared.append, value))
    algorithm = ALGORITHMS["mpmh"].build(posterior, unit_tuning(4, 0.5), num_proposals=3)
    state = jax.jit(algorithm.init)(posterior.start)
    step, evaluate = jax.jit(algorithm.step), jax.jit(jax.vmap(regression().evaluate_fn))
    for i in range(3):
        jax.effects_barrier()
        prepared.clear()
        state, info = step(jax.random.key(i), state)
        jax.effects_barrier()
        assert len(prepared) == 3
        assert len(info.evaluations.status) == 3 * (1 + posterior.split.fast_moves)
        for points in (info.draws, info.evaluations):
            expected = evaluate(points.position)
            np.testing.assert_allclose(points.loglikelihood, expected.loglikelihood, rtol=1e-12)
            np.testing.assert_allclose(points.logprior, expected.logprior, rtol=1e-12)
        np.testing.assert_array_equal(info.draws.position[-1], state.position)
        np.testing.assert_allclose(state.given, regression().prepare(state.position), rtol=1e-12)


def test_the_conditional_sketch_of_a_gaussian():
    tuning = unit_tuning(4)._replace(
        mean=jnp.array([1.0, 2.0, 3.0, 4.0]), scale_tril=jnp.linalg.cholesky(COVARIANCE)
    )
    x, slow, fast = jnp.array([0.1, 0.2, 0.3, 0.4]), np.array([1, 3]), np.array([0, 2])
    found = conditional_tuning(tuning, x, slow, fast)
    gain = COVARIANCE[np.ix_(fast, slow)] @ np.linalg.inv(COVARIANCE[np.ix_(slow, slow)])
    np.testing.assert_allclose(found.mean, tuning.mean[fast] + gain @ (x - tuning.mean)[slow], rtol=1e-12)
    np.testing.assert_allclose(
        found.scale_tril @ found.scale_tril.T,
        COVARIANCE[np.ix_(fast, fast)] - gain @ COVARIANCE[np.ix_(slow, fast)],
        rtol=1e-12,
    )
    np.testing.assert_allclose(found.step_size, tuning.step_size * np.sqrt(2))
