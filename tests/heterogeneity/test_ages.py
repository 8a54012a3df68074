"""Lives that end, and choices that are not convex: against loops, value-function iteration by hand, and differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim
from estim.heterogeneity.ages import grow_older, later, solve_ages
from estim.models import iskhakov_et_al_2017
from estim.models.markov_asset_pricing import Params
from estim.numerics.upper_envelope import upper_envelope
from estim.solution.stationary import StationarySolver


def test_the_envelope_is_the_highest_line():
    rng = np.random.default_rng(0)
    knots = np.array([0.0, 1.0, 2.5, 2.0, 1.5, 3.0, 2.8, 4.0])  # turns back twice
    values, outcome = rng.normal(size=8), rng.normal(size=8)
    points = np.linspace(-0.5, 5.0, 23)
    expected = np.full((2, 23), -np.inf)
    expected[1] = outcome[0]
    for j, x in enumerate(points):
        for i in range(7):
            low, high = sorted(knots[i : i + 2])
            if low <= x <= high or (i == 6 and x > high):
                share = (x - knots[i]) / (knots[i + 1] - knots[i])
                value = values[i] + share * (values[i + 1] - values[i])
                if value > expected[0, j]:
                    expected[:, j] = value, outcome[i] + share * (outcome[i + 1] - outcome[i])
    found = upper_envelope(jnp.asarray(knots), jnp.asarray(values), jnp.asarray(points), jnp.asarray(outcome))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# ----- age as a state

N_AGES, N_STATES, N_ACTIONS = 4, 5, 3
RNG = np.random.default_rng(1)
REWARD = RNG.normal(size=(N_AGES, N_STATES, N_ACTIONS))
TO = RNG.dirichlet(np.ones(N_STATES), size=(N_STATES, N_ACTIONS))
SURVIVAL = np.array([0.95, 0.9, 0.8, 0.5])
YOUNG = RNG.dirichlet(np.ones(N_STATES))


def by_hand(beta, bequest):
    """Backward induction in loops."""
    value, policy = np.zeros((N_AGES, N_STATES)), np.zeros((N_AGES, N_STATES), int)
    ahead = np.full(N_STATES, bequest)
    for t in reversed(range(N_AGES)):
        for s in range(N_STATES):
            of = [REWARD[t, s, a] + beta * SURVIVAL[t] * TO[s, a] @ ahead for a in range(N_ACTIONS)]
            value[t, s], policy[t, s] = max(of), int(np.argmax(of))
        ahead = value[t]
    return value, policy


def motion(law, solution, p):
    rows = jnp.asarray(TO)[np.arange(N_STATES)[None], solution.policy]  # [age, s, s']
    return grow_older(jnp.einsum("ts,tsx->tx", law, rows), SURVIVAL, jnp.asarray(YOUNG))


def lives(**changed):
    parts = dict(
        name="lives",
        prior=Params(),
        reward=lambda p: jnp.asarray(REWARD),
        continuation=lambda v, p: (
            p.beta * SURVIVAL[:, None, None] * jnp.einsum("sax,tx->tsa", TO, later(v, p.gamma))
        ),
        motion=motion,
    )
    return estim.DecisionModel(**(parts | changed))


@pytest.mark.parametrize("method", ["vfi", "howard", "optimistic", "newton"])
def test_lives_are_those_of_backward_induction(method):
    """Every method ends after as many steps as there are ages, and one that confirms."""
    value, policy = by_hand(0.9, 2.0)
    model = lives(motion=None)
    solution = estim.solve(model, {"beta": 0.9, "gamma": 2.0}, solver=StationarySolver(method))
    np.testing.assert_allclose(solution.value, value, rtol=1e-12)
    np.testing.assert_array_equal(solution.policy, policy)
    assert int(solution.steps) <= N_AGES + 1


def test_a_population_of_all_ages():
    """As after a thousand years in loops; who dies is followed by somebody young."""
    solution = estim.solve(lives(), {"beta": 0.9, "gamma": 2.0})
    law = np.full((N_AGES, N_STATES), 1 / (N_AGES * N_STATES))
    for _ in range(1000):
        ahead = np.zeros_like(law)
        for t in range(N_AGES):
            for s in range(N_STATES):
                lives_on = SURVIVAL[t] if t + 1 < N_AGES else 0.0
                if t + 1 < N_AGES:
                    ahead[t + 1] += lives_on * law[t, s] * TO[s, solution.policy[t, s]]
                ahead[0] += (1 - lives_on) * law[t, s] * YOUNG
        law = ahead
    np.testing.assert_allclose(solution.distribution, law, atol=1e-10)
    np.testing.assert_allclose(law.sum(axis=1)[1:] / law.sum(axis=1)[:-1], SURVIVAL[:-1], rtol=1e-10)


def test_the_operator_itself_may_be_all_ages_at_once():
    """And then derivatives are those of differences."""

    def decide(ahead, t, p):
        of = jnp.asarray(REWARD)[t] + p.beta * jnp.asarray(SURVIVAL)[t] * (jnp.asarray(TO) @ ahead)
        return of.max(axis=-1)

    model = estim.DecisionModel(
        name="lives",
        prior=Params(),
        start=lambda p: jnp.zeros((N_AGES, N_STATES)),
        bellman=lambda v, p: solve_ages(lambda v, t: decide(v, t, p), jnp.full(N_STATES, p.gamma), N_AGES),
        monotone=False,
    )
    params = model.params({"beta": 0.9, "gamma": 2.0})
    solve = jax.jit(lambda p: StationarySolver("vfi").solve(model, p).value)
    np.testing.assert_allclose(solve(params), by_hand(0.9, 2.0)[0], rtol=1e-12)
    found = jax.jit(jax.jacfwd(lambda beta: solve(params._replace(beta=beta))))(0.9)
    differences = (by_hand(0.9 + 1e-6, 2.0)[0] - by_hand(0.9 - 1e-6, 2.0)[0]) / 2e-6
    np.testing.assert_allclose(found, differences, rtol=1e-6)


# ----- when to retire


def by_grid_search(p, n_ages, low):
    """Values and consumption by value-function iteration: the best of many choices at each of many points of cash."""
    cash = low + 200.0 * np.linspace(1e-4, 1.0, 500) ** 2
    shares = np.linspace(0.0, 1.0, 1500)
    worker = retired = np.log(cash)
    for _ in range(n_ages):
        saved = low + shares * (cash[:, None] - low - 1e-9)

        def best(income, ahead, saved=saved):
            values = np.log(cash[:, None] - saved) + p.beta * np.interp(p.R * saved + income, cash, ahead)
            k = values.argmax(axis=1)
            return values[np.arange(len(cash)), k], cash - saved[np.arange(len(cash)), k]

        (working, c_worker), (resting, _) = best(p.y, worker), best(0.0, retired)
        gain = working - p.delta - resting
        worker, retired = resting + p.sigma * np.logaddexp(0.0, gain / p.sigma), resting
    return cash, worker, retired, c_worker, gain


def test_retirement_is_that_of_a_search_on_a_grid():
    """With tastes so small that consumption jumps where somebody will retire a year earlier."""
    n_ages, n_assets, low, top = 4, 400, 0.05, 200.0
    model = iskhakov_et_al_2017.build(n_ages, n_assets, top, low)
    values = {"delta": 1.0, "sigma": 0.02}
    solution = estim.solve(model, values)
    cash = 1.001 * low + 1.2 * (top - low) * np.linspace(0.0, 1.0, n_assets) ** 2.5
    at, worker, retired, c_worker, gain = by_grid_search(model.params(values), n_ages, low)
    inside = (cash > 3.0) & (cash < 100.0)
    read = lambda y: np.interp(cash[inside], at, y)
    np.testing.assert_allclose(solution.value.worker[0][inside], read(worker), atol=5e-3)
    np.testing.assert_allclose(solution.value.retired[0][inside], read(retired), atol=5e-3)
    np.testing.assert_allclose(solution.policy.gain[0][inside], read(gain), atol=5e-3)
    shares = 0.98 ** np.arange(n_ages + 1)  # with logs each year to come gets its discount factor's share
    np.testing.assert_allclose(solution.policy.c_retired[0][inside], cash[inside] / shares.sum(), rtol=5e-3)
    apart = np.abs(np.asarray(solution.policy.c_worker[0])[inside] / read(c_worker) - 1)
    assert (
        np.mean(apart < 3e-2) > 0.95
    )  # all but the few points at a jump, which two grids place a step apart
    assert (np.diff(np.asarray(solution.policy.c_worker[0])[inside]) < -0.05).any()  # there is one


def test_the_likelihood_of_who_works():
    """Its gradient against differences, and a row by hand; somebody retired says nothing."""
    model = iskhakov_et_al_2017.build(4, 60)
    data = estim.simulate_agents(model, {"sigma": 0.3}, 40, rng_key=jax.random.key(0))
    assert list(data.columns) == ["worker", "age", "cash", "works"]
    assert (data.groupby("worker").works.apply(lambda w: (w.diff() > 0).sum()) == 0).all()
    posterior = estim.build_posterior(model, data)
    both = jax.jit(
        jax.value_and_grad(lambda v: posterior.likelihood.at(model.params(v), posterior.data).value)
    )
    point = {"delta": 1.1, "sigma": 0.25}
    value, gradient = both(point)
    for name in point:
        up, down = (float(both(point | {name: point[name] + s * 1e-6})[0]) for s in (1, -1))
        assert gradient[name] == pytest.approx((up - down) / 2e-6, rel=1e-5), name
    solution = estim.solve(model, point)
    cash = 1.001 * 0.05 + 1.2 * 199.95 * np.linspace(0.0, 1.0, 60) ** 2.5
    total = 0.0
    for row in data[data.works.notna()].itertuples():
        gain = np.interp(row.cash, cash, solution.policy.gain[int(row.age)]) / 0.25
        total -= np.logaddexp(0.0, -gain if row.works else gain)
    assert value == pytest.approx(total, rel=1e-10)
