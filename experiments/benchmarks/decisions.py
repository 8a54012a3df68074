"""Dynamic programs: policy iteration beside value-function iteration and a Numba version of the same algorithm;
equilibria of agents; and the likelihood of bus engines.

    python experiments/benchmarks/decisions.py

Optimal savings on 150 x 100 points. Numba's policy iteration uses the same structure: expectations once a sweep, a
search over all of tomorrow's wealth, and policies followed for fifty periods; one thread, since more only wait on a
busy machine. It stops at the same change of the value.
Rounds alternate; times are milliseconds, the fastest and the median, all compiled. The last line is JSON.
"""

import json
import statistics
import time
from functools import partial

import jax
import numba
import numpy as np

import estim
from estim.models import (
    aiyagari_1994,
    arellano_2008,
    hopenhayn_1992,
    income_fluctuation,
    optimal_savings,
    rust_1987,
)
from estim.numerics.grids import tauchen

NUM_ROUNDS, TOLERANCE, SWEEPS = 9, 1e-5, 50


@numba.njit
def numba_rewards(wealth, income, R, gamma):
    """Utility of each of tomorrow's wealth in every state, once."""
    reward = np.full((len(wealth), len(income), len(wealth)), -np.inf)
    for i in range(len(wealth)):
        for j in range(len(income)):
            for k in range(len(wealth)):
                c = R * wealth[i] + income[j] - wealth[k]
                if c <= 0:
                    break
                reward[i, j, k] = c ** (1 - gamma) / (1 - gamma)
    return reward


@numba.njit
def numba_improve(reward, expected, beta, policy):
    """The best of tomorrow's wealth in every state; `expected` is ``[y, w']``."""
    for i in range(reward.shape[0]):
        for j in range(reward.shape[1]):
            best, at = -np.inf, 0
            for k in range(reward.shape[2]):
                v = reward[i, j, k] + beta * expected[j, k]
                if v > best:
                    best, at = v, k
            policy[i, j] = at


@numba.njit
def numba_follow(value, reward, expected, beta, policy):
    """The value of one more period of the policy."""
    for i in range(reward.shape[0]):
        for j in range(reward.shape[1]):
            value[i, j] = reward[i, j, policy[i, j]] + beta * expected[j, policy[i, j]]


@numba.njit
def numba_savings(wealth, income, transition, beta, R, gamma, tolerance, sweeps):
    reward = numba_rewards(wealth, income, R, gamma)
    value = np.zeros((len(wealth), len(income)))
    policy = np.zeros(value.shape, np.int64)
    error = np.inf
    while error > tolerance:
        before = value.copy()
        numba_improve(reward, transition @ np.ascontiguousarray(value.T), beta, policy)
        for _ in range(sweeps):
            numba_follow(value, reward, transition @ np.ascontiguousarray(value.T), beta, policy)
        error = np.max(np.abs(value - before))
    return value, policy


def savings_contenders():
    model = optimal_savings.model
    params = model.params()
    chain = tauchen(params.rho, params.nu, 100)
    wealth = np.linspace(params.w_min, params.w_max, 150)
    income, transition = np.exp(np.asarray(chain.states)), np.asarray(chain.transition)
    given = (params.beta, params.R, params.gamma, TOLERANCE, SWEEPS)
    solvers = [
        estim.StationarySolver(method, tolerance=tolerance)
        for method, tolerance in (
            ("vfi", TOLERANCE),
            ("howard", 1e-10),
            ("auto", 1e-10),
            ("optimistic", TOLERANCE),
        )
    ]
    by_method = {s.method: partial(s.solve, model, params) for s in solvers}
    return by_method | {"numba": lambda: numba_savings(wealth, income, transition, *given)}


def bus_contenders():
    model = rust_1987.model
    data = estim.simulate_agents(model, {}, 100, rng_key=jax.random.key(0))
    posterior = estim.build_posterior(model, data)
    value = jax.jit(posterior.loglikelihood_fn)
    both = jax.jit(jax.value_and_grad(posterior.loglikelihood_fn))
    return {"bus engines": lambda: value(posterior.start), "with gradient": lambda: both(posterior.start)}


def equilibrium_contenders():
    """Capital with its derivatives, entry and exit, default, and consumption by the endogenous grid, to 1e-5."""
    solver, capital = estim.StationarySolver(), aiyagari_1994.model
    moments = lambda p: (lambda s: s.params.K + s.mean(s.policy.a**2))(solver.solve(capital, p))
    value, both = jax.jit(moments), jax.jit(jax.value_and_grad(moments))
    given = jax.tree.map(np.asarray, capital.params())
    loose = estim.StationarySolver(tolerance=1e-5)
    saving = income_fluctuation.model
    return {
        "Aiyagari": lambda: value(given),
        "Aiyagari, with gradient": lambda: both(given),
        "Hopenhayn": lambda: estim.solve(hopenhayn_1992.model),
        "Arellano": lambda: estim.solve(arellano_2008.model),
        "income fluctuation": lambda: loose.solve(saving, saving.params()),
    }


def main():
    contenders = savings_contenders() | equilibrium_contenders() | bus_contenders()
    found = {name: contenders[name]() for name in ("howard", "numba")}
    apart = float(np.abs(np.asarray(found["howard"].value) - found["numba"][0]).max())
    same = int((np.asarray(found["howard"].policy) != found["numba"][1]).sum())
    times = {name: [] for name in contenders}
    for round_ in range(NUM_ROUNDS + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            jax.block_until_ready(run())
            if round_:
                times[name].append(1e3 * (time.perf_counter() - start))
    lines = {n: {"fastest": min(t), "median": statistics.median(t)} for n, t in times.items()}
    for name, line in lines.items():
        print(f"{name:24s} {line['fastest']:9.2f} {line['median']:9.2f}")
    print(f"values apart by {apart:.1e}, policies in {same} states")
    print(json.dumps({"milliseconds": lines, "apart": apart, "policies_apart": same}))


if __name__ == "__main__":
    main()
