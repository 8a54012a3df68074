"""Dynamic programs and equilibria, each estimated on data that it made: does the posterior have the truth?

    python experiments/decisions_estimated.py [DIRECTORY] [CASE ...]

A case is a model, what is true, how many agents, and a likelihood. NUTS draws from its posterior; a line of JSON in
DIRECTORY/estimated.jsonl holds for each parameter the truth, the posterior's mean and standard deviation, and by how
many of these they are apart. What is there is not done again. The last line sums up.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim.models import (
    aiyagari_1994,
    hopenhayn_1992,
    huggett_1993,
    income_fluctuation,
    inventory_firms,
    inventory_management,
    lucas_1978,
    market_equilibrium,
    markov_asset_pricing,
    mccall_1970,
    mccall_1970_markov,
    optimal_investment,
    poisson_regression,
    rust_1987,
    shortest_paths,
    stochastic_volatility_pricing,
)

SAMPLING = {"num_chains": 2, "num_warmup": 300, "num_samples": 500}


def graph(n=30, seed=0):
    """From each node to some of the next ones, the farther the dearer."""
    rng = np.random.default_rng(seed)
    far = [(i, j) for i in range(n) for j in range(i + 1, min(i + 5, n))]
    return [(i, j, (j - i) * rng.uniform(0.5, 1.5)) for i, j in far]


def sectors(n=8):
    """Every demand falls with every price, most with its own."""
    i = np.arange(n)
    A = 0.05 + 0.1 * ((7 * i[:, None] + 3 * i[None]) % 5) / 5 + 0.5 * np.eye(n)
    return market_equilibrium.build(A, *(market_equilibrium.model.prior[k] for k in (1, 2)))


def of_savers(solution):
    """Moments of assets and consumption in the stationary distribution."""
    a, c = solution.policy.a, solution.policy.c
    return {n: solution.mean(x) for n, x in moments(a, c).items()}


def moments(a, c):
    return {"a": a, "c": c, "aa": a**2, "cc": c**2, "ac": a * c}


SAVERS = estim.MomentMatching(of_savers, lambda row: moments(row.assets, row.consumption))
WEALTH = estim.MomentMatching(
    lambda s: {"mean": s.params.K, "square": s.mean(s.policy.a**2) + s.params.sigma_m**2},
    lambda row: {"mean": row.wealth, "square": row.wealth**2},
)


@dataclass(frozen=True)
class Case:
    """A model, built when it is asked for; the truth; the number of agents; the likelihood, or the model's default."""

    model: Callable[[], Any]
    truth: dict[str, float]
    num_agents: int
    likelihood: Any = None


CASES = {
    "market of eight goods: prices and quantities of 30 days": Case(
        sectors, {"b": 1.2, "c": 0.9, "error": 0.05}, 30
    ),
    "Lucas's tree: 200 years of price and dividend": Case(
        lambda: lucas_1978.model,
        {"beta": 0.945, "gamma": 2.5, "alpha": 0.92, "sigma": 0.09, "error": 0.05},
        1,
    ),
    "Markov growth: 200 years of price and dividend": Case(
        lambda: markov_asset_pricing.model,
        {
            "beta": 0.976,
            "gamma": 2.8,
            "mu_d": 0.012,
            "s_d": 0.045,
            "rho": 0.88,
            "sigma": 0.011,
            "error": 0.04,
        },
        1,
    ),
    "growth and volatility: 200 periods of price and dividend": Case(
        lambda: stochastic_volatility_pricing.build(2, 7, 30, stochastic_volatility_pricing.MOVING),
        {
            "beta": 0.979,
            "gamma": 2.3,
            "mu_d": 0.005,
            "bar": 0.011,
            "rho_d": 0.92,
            "rho_z": 0.88,
            "s_d": 0.35,
            "s_z": 0.011,
            "error": 0.09,
        },
        1,
    ),
    "McCall: 2,000 spells": Case(
        lambda: mccall_1970.model, {"c": 0.6, "lam": 0.4, "mu": 0.0, "sigma": 0.5, "sigma_m": 0.1}, 2000
    ),
    "McCall with persistent offers: 2,000 spells": Case(
        lambda: mccall_1970_markov.model, {"c": 1.1, "tau": 2.5}, 2000
    ),
    "income fluctuations: moments of 2,000 households": Case(
        lambda: income_fluctuation.households(60, 5, 20.0),
        {"beta": 0.955, "gamma": 1.8, "nu": 0.18, "error": 0.05},
        2000,
        SAVERS,
    ),
    "shortest paths: routes of 300 travellers": Case(
        lambda: shortest_paths.build(graph(), 29, smooth=True), {"b": 1.3, "stop": 0.3}, 300
    ),
    "investment: 50 firms, 40 periods": Case(
        lambda: optimal_investment.build(30, 7, smooth=True), {"gamma": 20.0, "c": 1.3, "tau": 8.0}, 50
    ),
    "inventories: 50 firms, 40 periods": Case(
        lambda: inventory_management.build(20, 10, 40, smooth=True),
        {"c": 0.22, "kappa": 0.6, "tau": 0.15},
        50,
    ),
    "inventories by a rule: 50 firms, 60 periods": Case(
        lambda: inventory_firms.model, {"s": 9.0, "S": 98.0, "tau": 1.2, "mu": 1.1, "sigma": 0.45}, 50
    ),
    "Rust's bus engines: 100 buses, 120 months": Case(
        lambda: rust_1987.model, {"RC": 10.0, "theta1": 3.0, "p0": 0.35, "p1": 0.6}, 100
    ),
    "Aiyagari: moments of 2,000 households' wealth": Case(
        lambda: aiyagari_1994.build(100, 40.0), {"beta": 0.955, "sigma_m": 1.2}, 2000, WEALTH
    ),
    "Aiyagari: wealth of 1,000 households": Case(
        lambda: aiyagari_1994.build(100, 40.0), {"beta": 0.955, "sigma_m": 1.2}, 1000
    ),
    "Huggett: bonds of 1,000 households": Case(
        lambda: huggett_1993.build(60, 12.0), {"limit": -3.6, "sigma_m": 0.4}, 1000
    ),
    "Hopenhayn: sizes of 2,000 firms": Case(
        lambda: hopenhayn_1992.model, {"c": 4.0, "c_e": 1.0, "m_a": -0.012, "s_a": 0.1, "s_e": 0.2}, 2000
    ),
    "Poisson regression: 1,000 counts": Case(
        lambda: poisson_regression.model, {"constant": -0.5, "linear": 0.3, "square": 0.1}, 1000
    ),
}


def estimate(name: str) -> dict[str, Any]:
    """One line of the results."""
    case, begin = CASES[name], time.perf_counter()
    model = case.model()
    of_data, of_draws = jax.random.split(jax.random.key(0))
    data = estim.simulate_agents(model, case.truth, case.num_agents, rng_key=of_data)
    posterior = estim.build_posterior(model, data, likelihood=case.likelihood)
    draws = estim.sample(posterior, "nuts", of_draws, **SAMPLING)
    tree = estim.to_datatree(draws, posterior)["posterior"].to_dataset()
    found = {}
    for n, truth in case.truth.items():
        values = tree[n].to_numpy()
        mean, sd = float(values.mean()), float(values.std())
        found[n] = {"truth": truth, "mean": mean, "sd": sd, "apart": (mean - truth) / sd}
    flat = draws.position.reshape(-1, draws.position.shape[-1])
    seconds = time.perf_counter() - begin
    return {
        "case": name,
        "parameters": found,
        "divergences": int(jnp.sum(draws.stats["diverging"])) if "diverging" in draws.stats else 0,
        "draws": len(flat),
        "seconds": round(seconds, 1),
    }


def main(directory: str = "runs/decisions_estimated", *names: str) -> None:
    path = Path(directory) / "estimated.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {line["case"] for line in lines}
    for name in CASES:
        if name in done or not (names == () or any(n in name for n in names)):
            continue
        lines.append(estimate(name))
        with path.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
        print(json.dumps(lines[-1]), flush=True)
    apart = {f"{x['case']}, {n}": abs(v["apart"]) for x in lines for n, v in x["parameters"].items()}
    inside = sum(a < 1.645 for a in apart.values())
    worst = max(apart, key=lambda n: apart[n])
    print(
        json.dumps(
            {"parameters": len(apart), "within 1.645 sd": inside, "farthest": [worst, round(apart[worst], 2)]}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
