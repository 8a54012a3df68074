"""Long work is divided into calls by the time that they take, and gives the same bits however it is divided."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim import pace
from estim.evaluations import Evaluations
from estim.posterior import from_logdensity, from_loglikelihood
from estim.priors import normal
from estim.samplers.run import sample
from estim.stopping import workers
from estim.surrogate import sample as surrogate_sample
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import fit_surrogate
from estim.surrogate.recipe import Recipe
from estim.surrogate.sample import sample_surrogate

KEY = jax.random.key(3)


def logdensity(x):
    return -0.5 * jnp.sum(x**2)


@pytest.fixture
def single_steps(monkeypatch):
    """Every call takes one step, one epoch, one tile."""
    init = pace.Pace.__init__
    monkeypatch.setattr(pace.Pace, "__init__", lambda self, longest, *_, **__: init(self, 1))
    monkeypatch.setattr(surrogate_sample, "TILES_TOGETHER", 1)


@pytest.fixture(scope="module")
def posterior():
    return from_loglikelihood(lambda v: -0.5 * (v["a"] - 1.0) ** 2, {"a": normal(0.0, 1.0)})


@pytest.fixture(scope="module")
def whole(posterior):
    return all_of_it(posterior)


def all_of_it(posterior):
    """Particles, and a network in training and its chains."""
    x = jnp.linspace(-3.0, 3.0, 200)[:, None]
    known = Evaluations(x, -0.5 * (x[:, 0] - 1) ** 2, -0.5 * x[:, 0] ** 2, jnp.zeros(200, jnp.int32))
    recipe = Recipe(hidden=(4,), num_members=1, max_steps=60, batch_size=32)
    surrogate = fit_surrogate(posterior, known, KEY, recipe=recipe)
    chains = sample_surrogate(
        surrogate, KEY, num_samples=300, num_chains=8 * surrogate_sample.TILE, num_warmup=200
    )
    particles = sample(posterior, "smc", KEY, num_samples=64, num_chains=2, num_mutations=7)
    return {
        "particles": particles.position,
        "evaluated": particles.evaluations.position,
        "evidence": particles.log_marginal_likelihood,
        "losses": surrogate.history.train_loss,
        "validation": surrogate.history.validation_loss,
        "chains": chains.position,
    }


def test_the_bits_do_not_depend_on_the_calls(posterior, whole, single_steps):
    for name, values in all_of_it(posterior).items():
        np.testing.assert_array_equal(values, whole[name], err_msg=name)


@pytest.mark.parametrize(
    "work",
    [
        lambda: sample(from_logdensity(logdensity, jnp.zeros(2)), "smc", KEY, num_samples=64),
        lambda: evaluate_posterior(from_logdensity(logdensity, jnp.zeros(2)), np.zeros((5000, 2))),
    ],
    ids=["particles", "evaluations"],
)
def test_it_stops_between_two_calls(work):
    def told(submit):
        submit(lambda: 1 / 0).exception()
        work()

    with pytest.raises(ZeroDivisionError), workers(1) as submit:
        told(submit)
