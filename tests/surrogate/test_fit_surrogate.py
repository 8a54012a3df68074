"""Training: the loss against a naive one, recipes against each other on a hard density, and the way to disk."""

import io
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_surrogate import gaussian_posterior, hard_draws, hard_posterior

from estim.networks.mlp import apply_network, init_network
from estim.networks.train import training_loss
from estim.surrogate.dataset import TrainingSet
from estim.surrogate.estimates import accept_probability
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior
from estim.surrogate.fit import (
    choose_stretches,
    correction,
    ensemble_loglikelihoods,
    fit_surrogate,
    split,
    surrogate_from_arrays,
    surrogate_to_arrays,
)
from estim.surrogate.recipe import MIN_MEMBERS, RECIPES, Recipe
from estim.surrogate.sample import propose

DIM = 8
QUICK = {"max_steps": 1500, "hidden": (64, 64), "num_members": 2}


@pytest.fixture(scope="module")
def posterior():
    return hard_posterior(DIM)


@pytest.fixture(scope="module")
def evaluations(posterior):
    """Draws and random-walk proposals from them, as a sampler leaves them behind, with gradients."""
    draws = hard_draws(np.random.default_rng(0), DIM, 2000)
    points = np.concatenate([draws[:1000], propose(jax.random.key(0), draws)[1000:]])
    return evaluate_posterior(posterior, points, gradient=True)


@pytest.fixture(scope="module")
def fitted(posterior, evaluations):
    """Surrogates by name: the default one with gradients and without, and the paper's."""
    values = evaluations._replace(gradient=None)
    recipe = replace(RECIPES["estim"], **QUICK)
    return {
        "gradients": fit_surrogate(posterior, evaluations, jax.random.key(1), recipe=recipe),
        "values": fit_surrogate(posterior, values, jax.random.key(1), recipe=recipe),
        "paper": fit_surrogate(
            posterior,
            values,
            jax.random.key(1),
            recipe=replace(RECIPES["paper"], **QUICK | {"num_members": 1}),
        ),
    }


@pytest.fixture(scope="module")
def wrong_decisions(posterior, fitted):
    """P(wrong accept) + P(wrong reject) of each, on fresh draws of the truth and proposals from them."""
    current = hard_draws(np.random.default_rng(9), DIM, 1000)
    points = np.concatenate([current, propose(jax.random.key(9), current)])
    a = accept_probability(*np.asarray(evaluate_posterior(posterior, points).loglikelihood).reshape(2, -1))
    return {
        name: np.mean(
            np.abs(accept_probability(*ensemble_loglikelihoods(s, points).mean(0).reshape(2, -1)) - a)
        )
        for name, s in fitted.items()
    }


def test_corrections_and_gradients_pay(wrong_decisions):
    assert wrong_decisions["gradients"] < 0.7 * wrong_decisions["values"]
    assert wrong_decisions["values"] < 0.9 * wrong_decisions["paper"]
    assert wrong_decisions["gradients"] < 0.02


def test_surrogate_is_a_posterior_with_the_exact_prior(posterior, fitted):
    learnt = fitted["gradients"].posterior
    x = jnp.asarray(hard_draws(np.random.default_rng(2), DIM, 1)[0])
    assert learnt.logprior_fn(x) == posterior.logprior_fn(x)
    assert learnt.logdensity_fn(x) == learnt.loglikelihood_fn(x) + learnt.logprior_fn(x)
    assert learnt.loglikelihood_fn(x) == pytest.approx(posterior.loglikelihood_fn(x), abs=1.0)
    slope, step = jax.grad(learnt.loglikelihood_fn)(x), 1e-2
    moved = [
        learnt.loglikelihood_fn(x + step * e) - learnt.loglikelihood_fn(x - step * e) for e in jnp.eye(DIM)
    ]
    np.testing.assert_allclose(slope, np.array(moved) / (2 * step), atol=0.05 * float(jnp.abs(slope).max()))


def test_far_from_the_points_the_surrogate_falls(fitted):
    """In every direction, however the network goes on there."""
    surrogate = fitted["gradients"]
    dim = len(surrogate.scaling.center)
    directions = np.random.default_rng(0).normal(size=(200, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = np.array([0.0, 50.0, 100.0, 200.0])
    z = radii[:, None, None] * directions
    position = np.asarray(surrogate.scaling.center) + z @ np.asarray(surrogate.scaling.scale).T
    values = (
        ensemble_loglikelihoods(surrogate, position.reshape(-1, dim)).mean(axis=0).reshape(len(radii), -1)
    )
    assert np.all(np.diff(values, axis=0) < 0)


def test_a_network_that_runs_wild_stays_in_the_range_it_was_taught(fitted):
    scaling, network = fitted["gradients"].scaling, fitted["gradients"].network
    z = jnp.asarray(10 * np.random.default_rng(0).normal(size=(200, len(scaling.center))))
    for wild in (100.0, -100.0):
        last = jax.tree.map(lambda weights, wild=wild: wild * weights, network[max(network)])
        added = correction(scaling, network | {max(network): last}, z) / scaling.output_scale
        assert added.min() >= scaling.lowest - 1e-5 and added.max() <= scaling.highest + 1e-5
        assert np.isclose(added, scaling.lowest).any() or np.isclose(added, scaling.highest).any()
    assert -60 < scaling.lowest < 0 < scaling.highest < 10  # standard deviations of what is weighed


def test_history_and_counts(fitted, evaluations):
    surrogate = fitted["gradients"]
    assert surrogate.counts["kept"] == len(evaluations.loglikelihood) - surrogate.counts["low_density"] > 1900
    assert surrogate.history.validation_loss.shape[1] == QUICK["num_members"]
    assert surrogate.history.validation_loss.min() < 0.1 * surrogate.history.validation_loss[0].min()


def test_round_trip_through_arrays_changes_no_bit(posterior, fitted):
    file = io.BytesIO()
    np.savez(file, **surrogate_to_arrays(fitted["gradients"]))
    file.seek(0)
    back = surrogate_from_arrays(posterior, np.load(file, allow_pickle=False))
    x = hard_draws(np.random.default_rng(3), DIM, 100)
    np.testing.assert_array_equal(
        ensemble_loglikelihoods(back, x), ensemble_loglikelihoods(fitted["gradients"], x)
    )
    assert back.counts == fitted["gradients"].counts
    np.testing.assert_array_equal(back.history.train_loss, fitted["gradients"].history.train_loss)


def test_same_key_same_network_and_progress_is_told():
    posterior = gaussian_posterior(2)
    points = evaluate_posterior(posterior, np.random.default_rng(0).normal(size=(300, 2)))
    told = []
    recipe = replace(RECIPES["estim"], max_steps=60, num_members=1, hidden=(16,), patience=1.0)
    fits = [
        fit_surrogate(posterior, points, jax.random.key(5), recipe=recipe, progress=lambda *a: told.append(a))
        for _ in range(2)
    ]
    jax.tree.map(np.testing.assert_array_equal, fits[0].network, fits[1].network)
    what, done, num_epochs, remark = told[-1]
    assert done == num_epochs == len(fits[0].history.train_loss)
    assert what == "training" and remark.startswith("validation loss ")


def test_training_stops_when_it_no_longer_helps():
    posterior = gaussian_posterior(2)
    points = evaluate_posterior(posterior, np.random.default_rng(0).normal(size=(300, 2)))
    # Pure noise: what is learnt of it makes the validation loss worse.
    noise = np.random.default_rng(1).normal(size=300)
    points = points._replace(loglikelihood=jnp.asarray(noise))
    recipe = replace(RECIPES["estim"], num_epochs=400, patience=0.1, num_members=1, density_temperature=None)
    surrogate = fit_surrogate(posterior, points, jax.random.key(0), recipe=recipe)
    assert len(surrogate.history.train_loss) < 200


@pytest.mark.parametrize(("num", "fraction"), [(1000, 0.05), (1003, 0.2), (40, 0.05), (3, 0.05)])
def test_points_that_judge_are_stretches_of_neighbours(num, fraction):
    chosen = choose_stretches(jax.random.key(num), num, fraction)
    assert chosen.sum() == pytest.approx(max(fraction * num, min(num, 5)), abs=3)
    begins = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(int)])) == 1)
    assert len(begins) <= 5
    assert len({int(5 * begin / num) for begin in begins}) == len(begins)  # one in each fifth


def test_what_is_learnt_has_the_same_sizes_however_many_points_were_kept():
    def parts(kept, given):
        data = TrainingSet(np.zeros((kept, 2)), np.arange(kept) + 0.0, np.ones(kept))
        return split(jax.random.key(kept), data, given, 0.05)

    for given in (400, 1603):
        sizes = set()
        for kept in range(int(0.8 * given), given + 1):
            teaching, judging = parts(kept, given)
            assert np.sum(teaching.weight) + np.sum(judging.weight) == kept  # every point once
            sizes.add((len(teaching.z), len(judging.z)))
        assert len(sizes) == 1
    assert len(parts(300, 5000)[0].z) < 330  # few were kept: no room for the others


def test_the_default_ensemble_is_large_enough_for_its_variance():
    assert Recipe().num_members >= MIN_MEMBERS
    assert Recipe(hidden=[8, 8]).hidden == (8, 8)  # as read from JSON


def test_loss_is_the_textbook_sobolev_loss():
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: leaf[0], init_network(jax.random.key(0), 1, 3, hidden=(8, 8)))
    z, target, gradient = (jnp.asarray(rng.normal(size=s)) for s in [(10, 3), (10,), (10, 3)])
    weight = jnp.asarray(rng.uniform(size=10))
    known = weight * (jnp.arange(10) % 2)
    value, squared = training_loss(params, TrainingSet(z, target, weight, gradient, known), 0.7)
    errors = [apply_network(params, z[i]) - target[i] for i in range(10)]
    slopes = [jax.grad(apply_network, argnums=1)(params, z[i]) - gradient[i] for i in range(10)]
    naive = sum(float(weight[i] * errors[i] ** 2) for i in range(10)) / 10
    assert squared == pytest.approx(naive)
    naive += 0.7 * sum(float(known[i] * jnp.sum(slopes[i] ** 2)) / 3 for i in range(10)) / 10
    assert value == pytest.approx(naive)


def test_evaluations_are_the_posterior_at_each_point():
    posterior = gaussian_posterior(3)
    x = np.random.default_rng(0).normal(size=(150, 3))  # not a multiple of the batch
    with_gradient = evaluate_posterior(posterior, x, gradient=True)
    np.testing.assert_allclose(with_gradient.loglikelihood, -0.5 * np.sum(x**2, axis=1))
    np.testing.assert_allclose(with_gradient.gradient, -x)
    both = concatenate_evaluations(evaluate_posterior(posterior, x[:10]), with_gradient)
    np.testing.assert_array_equal(both.position, np.concatenate([x[:10], x]))
    assert np.isnan(both.gradient[:10]).all() and np.isfinite(both.gradient[10:]).all()
    grid = jax.tree.map(lambda leaf: leaf.reshape(15, 10, *leaf.shape[1:]), with_gradient)
    jax.tree.map(np.testing.assert_array_equal, concatenate_evaluations(grid), with_gradient)
