"""What is observed of the gallery's dynamic programs: simulated agents behave as their likelihood says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.likelihood.rows import row_probabilities
from estim.models import (
    income_fluctuation,
    inventory_management,
    lucas_1978,
    market_equilibrium,
    optimal_investment,
    shortest_paths,
)

EDGES = [(i, j, 1.0 + 0.3 * ((i + 2 * j) % 4)) for i in range(8) for j in (i + 1, i + 2, i + 3) if j < 8]
CASES = {
    "market_equilibrium": (lambda: market_equilibrium.model, {"b": 1.2, "c": 0.9}, 100),
    "lucas_1978": (lambda: lucas_1978.model, {"beta": 0.94, "gamma": 2.5}, 5),
    "shortest_paths": (
        lambda: shortest_paths.build(EDGES, 7, smooth=True),
        {"b": 1.3, "stop": 0.3},
        300,
    ),
    "optimal_investment": (
        lambda: optimal_investment.build(20, 5, smooth=True),
        {"gamma": 20.0, "c": 1.3, "tau": 8.0},
        30,
    ),
    "inventory_management": (
        lambda: inventory_management.build(12, 10, 40, smooth=True),
        {"c": 0.22, "kappa": 0.6, "tau": 0.15},
        30,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_scores_are_zero_on_average_where_the_data_were_made(name):
    """Each row given what came before: its score has mean zero, within four standard errors; it is that of differences;
    and the information that the rows hold tells all parameters apart."""
    build, truth, num = CASES[name]
    model = build()
    data = estim.simulate_agents(model, truth, num, rng_key=jax.random.key(1))
    table = jnp.asarray(data[list(model.observables._fields)].to_numpy())
    seen, solver = jnp.ones(table.shape, bool), estim.StationarySolver(**model.solver)

    def rows(x):
        params = model.params(truth)._replace(**dict(zip(model.estimated, x, strict=True)))
        return row_probabilities(solver.solve(model, params), table, seen)

    x = jnp.array([float(getattr(model.params(truth), n)) for n in model.estimated])
    rows, scores = jax.jit(rows), np.asarray(jax.jit(jax.jacfwd(rows))(x))
    error = scores.std(axis=0) / np.sqrt(len(scores))
    assert (np.abs(scores.mean(axis=0)) < 4 * error).all()
    for i, value in enumerate(x):
        step = 1e-5 * abs(value) * np.eye(len(x))[i]
        difference = (rows(x + step) - rows(x - step)) / (2 * step[i])
        np.testing.assert_allclose(
            scores[:, i], difference, rtol=1e-5, atol=1e-5 * np.abs(scores[:, i]).max()
        )
    information = np.corrcoef(scores.T)
    assert np.linalg.eigvalsh(information)[0] > 1e-3


def test_savers_have_the_moments_of_their_distribution():
    """And these moments have the derivatives of differences."""
    model, truth = income_fluctuation.households(40, 3, 20.0), {"beta": 0.95, "nu": 0.2, "error": 0.05}
    solution = estim.solve(model, truth)
    own = solution.policy
    assert float(solution.distribution.sum()) == pytest.approx(1.0, abs=1e-12)
    income = np.exp(np.asarray(estim.grids.tauchen(0.9, 0.2, 3).states))
    saved = float(solution.mean(own.s))
    earned = float(solution.distribution.sum(axis=1) @ income)
    assert float(solution.mean(own.c)) + saved == pytest.approx(1.01 * saved + earned, rel=1e-8)
    data = estim.simulate_agents(model, truth, 4000, rng_key=jax.random.key(0))
    for name, of in (("assets", own.a), ("consumption", own.c)):
        assert abs(data[name].mean() - solution.mean(of)) < 4 * data[name].std() / np.sqrt(4000), name

    def mean(beta):
        solution = estim.StationarySolver().solve(model, model.params(truth)._replace(beta=beta))
        return solution.mean(solution.policy.a**2)

    both = jax.jit(jax.value_and_grad(mean))
    difference = (both(0.95 + 1e-6)[0] - both(0.95 - 1e-6)[0]) / 2e-6
    assert both(0.95)[1] == pytest.approx(float(difference), rel=1e-5)


def test_the_posterior_of_routes_has_the_truth():
    """The shortest of the estimations; the others are in experiments/decisions_estimated.py."""
    build, truth, _ = CASES["shortest_paths"]
    model = build()
    data = estim.simulate_agents(model, truth, 500, rng_key=jax.random.key(2))
    posterior = estim.build_posterior(model, data)
    draws = estim.sample(posterior, "nuts", jax.random.key(3), num_chains=2, num_warmup=200, num_samples=200)
    tree = estim.to_datatree(draws, posterior)["posterior"].to_dataset()
    for name, value in truth.items():
        assert abs(float(tree[name].mean()) - value) < 4 * float(tree[name].std()), name
        assert float(tree[name].std()) < 0.5 * float(np.sqrt(getattr(model.prior, name).variance)), name
