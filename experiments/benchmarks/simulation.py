"""Simulation models: gradients beside simulations, a supply chain, a million households, and a posterior from cold.

Milliseconds, the fastest of rounds, which other programs disturb the least; what is compared runs in turn. Wealth is
beside a loop of Numba's where that is installed, with shocks drawn and given. The last line is JSON. Arguments choose
among gradients, chain, wealth, inequality, sim. With `processor` before them it is processor time, of all cores
together, which says more of a machine that others use.
"""

import json
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.models import baqaee_farhi_2019, benhabib_bisin_zhu_2011
from estim.numerics import gini

OF_PROCESSOR = sys.argv[1:2] == ["processor"]
LARGE = 100_000
"""From so many numbers on a state is divided among the devices."""
PERIODS = 200
"""Of the households."""
CLOCK = time.process_time if OF_PROCESSOR else time.perf_counter


def milliseconds(runs: dict[str, Callable[[], Any]], rounds: int = 9) -> dict[str, float]:
    """The fastest of each, in turn, after a first call that compiles."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(rounds + 1):
        for name, run in runs.items():
            begin = CLOCK()
            jax.block_until_ready(run())
            if i:
                taken[name].append(1e3 * (CLOCK() - begin))
    return {name: round(min(times), 4) for name, times in taken.items()}


def gradients() -> dict[str, Any]:
    """Of the mean of a path of 200 periods with respect to 10, 1,000 and 100,000 parameters."""
    found = {}
    for n in (10, 1_000, 100_000):
        model = estim.Simulation(
            name="many",
            shocks=("e",),
            observables=("mean",),
            start=lambda p, n=n: jnp.ones(n),
            transition=lambda x, e, p: jnp.tanh(p.rho * x + e.e),
            measurement=lambda x, p: (x.mean(),),
            prior=namedtuple("P", ["rho"])(np.full(n, 0.9)),
        )
        shocks = 0.1 * np.random.default_rng(0).normal(size=(200, 1))
        mean = lambda rho, checkpoint=None, model=model, shocks=shocks: model.path(
            {"rho": rho}, shocks, checkpoint=checkpoint
        ).observables.mean.mean()
        at = jnp.full(n, 0.9) if n < LARGE else estim.shard(jnp.full(n, 0.9))
        programs = {"simulation": mean, "gradient": jax.grad(mean)}
        programs |= {
            f"gradient_{words}_checkpoints": jax.grad(partial(mean, checkpoint=asked))
            for words, asked in (("with", True), ("without", False))
        }
        compiled = {name: jax.jit(program) for name, program in programs.items()}
        runs = {name: partial(program, at) for name, program in compiled.items()}
        if n >= LARGE:  # the faster of both is what gradients are beside
            runs["simulation_on_one_device"] = partial(compiled["simulation"], jnp.full(n, 0.9))
        found[n] = milliseconds(runs)
        best = min(time for name, time in found[n].items() if name.startswith("simulation"))
        found[n] |= {
            name.replace("gradient", "ratio"): round(found[n][name] / best, 2)
            for name in programs
            if name != "simulation"
        }
    return found


def chain() -> dict[str, Any]:
    """All sensitivities of 10,000 producers with ten suppliers each, and 50 of them run again."""
    n, periods = 10_000, 20
    model = baqaee_farhi_2019.economy(baqaee_farhi_2019.random_network(n))
    total = lambda capacity: model.path(
        {"capacity": capacity}, np.zeros((periods, 1))
    ).observables.output.sum()
    simulate, gradient, at = jax.jit(total), jax.jit(jax.grad(total)), jnp.ones(n)
    found: dict[str, Any] = milliseconds(
        {"simulation": lambda: simulate(at), "sensitivities": lambda: gradient(at)}
    )
    slopes = np.asarray(gradient(at))
    some = np.random.default_rng(0).choice(n, 50, replace=False)
    again = [float(simulate(at.at[i].add(1e-4)) - simulate(at.at[i].add(-1e-4))) / 2e-4 for i in some]
    found["ratio"] = round(found["sensitivities"] / found["simulation"], 2)
    found["largest_relative_error_of_50"] = float(np.max(np.abs(slopes[some] / again - 1)))
    top = np.argsort(slopes)[::-1][:20]
    lost = [float(simulate(at) - simulate(at.at[i].set(0.9))) for i in top]
    found["rank_correlation_of_20_critical_under_cuts"] = round(float(_ranks(lost, slopes[top])), 3)
    return found


def _ranks(one: Any, other: Any) -> float:
    return float(np.corrcoef(np.argsort(np.argsort(one)), np.argsort(np.argsort(other)))[0, 1])


def wealth() -> dict[str, Any]:
    """A million households, 200 periods, with shocks drawn and with shocks given (those of incomes and those of
    returns), divided among the devices; and what the given ones take to be read."""
    n = 1_000_000
    model = benhabib_bisin_zhu_2011.economy(n)
    p = model.params({"s_0": 0.75, "mu_r": 0.1})

    @jax.jit
    def drawn(key: Any, start: Any) -> Any:
        def step(state: Any, key: Any) -> Any:
            own = jax.random.normal(key, (2, n))
            return model.transition(state, model.shocks(0.0, *own), p), None

        return jax.lax.scan(step, start, jax.random.split(key, PERIODS))[0].w

    @jax.jit
    def given(own: Any, start: Any) -> Any:
        step = lambda state, e: (model.transition(state, model.shocks(0.0, *e), p), None)
        return jax.lax.scan(step, start, own)[0].w

    read = jax.jit(lambda own: own[0].sum() + own[1].sum())
    own = tuple(estim.shard(one, axis=1) for one in np.random.default_rng(0).normal(size=(2, PERIODS, n)))
    start = model.start(p)._replace(w=estim.shard(model.start(p).w))
    runs: dict[str, Callable[[], Any]] = {
        "drawn": lambda: drawn(jax.random.key(0), start),
        "given": lambda: given(own, start),
        "read_given": lambda: read(own),
    }
    with suppress(ImportError):
        runs |= _numba(n, *map(np.asarray, own), float(model.start(p).w[0]))
    return milliseconds(runs, rounds=3)


def _numba(n: int, incomes: np.ndarray, returns: np.ndarray, first: float) -> dict[str, Callable[[], Any]]:
    from numba import njit, prange

    @njit(parallel=True, fastmath=True)
    def drawn(periods: int) -> np.ndarray:
        w = np.full(n, first)
        for i in prange(n):
            for _ in range(periods):
                e, u = np.random.randn(), np.random.randn()  # noqa: NPY002 (all that Numba draws in parallel)
                income = 1.0 + np.exp(1.0 + 0.2 * e)
                w[i] = (0.05 + np.exp(0.1 + 0.5 * u)) * 0.75 * w[i] * (w[i] >= 1.0) + income
        return w

    @njit(parallel=True, fastmath=True)
    def given(incomes: np.ndarray, returns: np.ndarray) -> np.ndarray:
        w = np.full(n, first)
        for i in prange(n):
            for t in range(len(incomes)):
                income = 1.0 + np.exp(1.0 + 0.2 * incomes[t, i])
                w[i] = (0.05 + np.exp(0.1 + 0.5 * returns[t, i])) * 0.75 * w[i] * (w[i] >= 1.0) + income
        return w

    return {"numba_drawn": lambda: drawn(PERIODS), "numba_given": lambda: given(incomes, returns)}


def inequality() -> dict[str, Any]:
    """The Gini coefficient of a million, beside a sort by NumPy alone."""
    x = np.random.default_rng(0).lognormal(size=1_000_000)
    compiled = jax.jit(gini)
    return milliseconds({"gini": lambda: compiled(x), "numpy_sort": lambda: np.sort(x)}, rounds=5)


def sim() -> dict[str, Any]:
    """SIM with measurement errors, 200 quarters, five parameters: the log-likelihood, and NUTS from cold."""
    begin = CLOCK()
    model = estim.load_model("godley_lavoie_2007_sim")
    rng = np.random.default_rng(0)
    path = estim.simulate(model, None, rng.normal(size=(200, 2)), errors=rng.normal(size=(200, 3)))
    data = path[:, 5:].to_pandas().rename(columns=lambda name: name.removeprefix("observed "))
    posterior = estim.build_posterior(model, data)
    draws = estim.sample(posterior, "nuts", jax.random.key(0), num_samples=400, num_warmup=300, num_chains=2)
    seconds = CLOCK() - begin
    import arviz_stats

    bulk = min(
        float(arviz_stats.ess(np.asarray(draws.position[..., i]))) for i in range(draws.position.shape[-1])
    )
    value = jax.jit(lambda x: posterior.evaluate_fn(x).loglikelihood)
    both = jax.jit(jax.value_and_grad(lambda x: posterior.evaluate_fn(x).loglikelihood))
    at = posterior.start
    found: dict[str, Any] = milliseconds(
        {"loglikelihood": lambda: value(at), "with_gradient": lambda: both(at)}, 300
    )
    return found | {"nuts_seconds_from_cold": round(seconds, 1), "smallest_ess": round(bulk)}


PARTS = {part.__name__: part for part in (gradients, chain, wealth, inequality, sim)}


def main() -> None:
    found = {}
    for name in sys.argv[1 + OF_PROCESSOR :] or PARTS:
        found[name] = PARTS[name]()
        print(name, found[name], flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
