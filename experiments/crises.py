"""Default and overborrowing, estimated on simulated moments: the posterior from a surrogate, with its certificate.

    python experiments/crises.py [arellano_2008 bianchi_2011] [--folder DIRECTORY]

Moments are simulated and count crises, so that they have no gradient and are noisy: pseudo-marginal chains, which have
random numbers of their own at every point, teach a network, and `estim.settle` samples it and corrects it by the model
itself. Data are made at the truth. One line of JSON a model in DIRECTORY/crises.jsonl: truth, posterior mean and
standard deviation, and the verdict. What is there is not done again, nor are the chains of a run that broke off.
"""

import argparse
import json
import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import estim
from estim import priors
from estim.models import arellano_2008, bianchi_2011
from estim.surrogate.estimates import convergence

BURN_IN = 50
TEACH = {"num_chains": 4, "num_warmup": 500, "num_samples": 1000}
EVALUATIONS = 5000  # of each certificate


def observed(base: Any, prior: Any, observables: Any, draw: Any, **changes: Any) -> Any:
    """The model of countries that are observed: only moments of rows are read."""
    return replace(
        base,
        motion=None,
        prior=prior,
        observables=observables,
        log_probability=lambda row, solution, p: row.debt,
        draw=draw,
        unit="country",
        **changes,
    )


def after_burn_in(period: Any, start: Any, key: Any, num: int) -> Any:
    """Rows of `period`, which takes two numbers between zero and one."""
    uniform = jax.random.uniform(key, (BURN_IN + num, 2))
    return jax.tree.map(lambda x: jnp.asarray(x[BURN_IN:], float), jax.lax.scan(period, start, uniform)[1])


def moved(cumulative: Any, state: Any, uniform: Any) -> Any:
    """Tomorrow's state of a chain whose rows are cumulative."""
    return jnp.minimum((uniform > cumulative[state]).sum(), cumulative.shape[1] - 1)


class Government(NamedTuple):
    """A quarter. What needs access to borrowing is zero without it."""

    excluded: Any
    default: Any
    debt: Any  # share of income
    spread: Any  # per cent a quarter above lenders' rate
    saving: Any  # trade balance, share of income


def sovereigns(num_quarters: int = 100, n: int = 61, n_income: int = 11) -> Any:
    """Arellano's model of countries that are observed for so many quarters."""
    base = arellano_2008.build(n, n_income, -0.45, 0.15)
    grid, none = jnp.linspace(-0.45, 0.15, n), int(np.searchsorted(np.linspace(-0.45, 0.15, n), 1e-10))

    def draw(key, solution, p):
        y, _, moves = arellano_2008.income(p, n_income)
        q, chosen, cumulative = arellano_2008.prices(solution), solution.policy, moves.cumsum(axis=1)

        def quarter(state, uniform):
            B, j, out = state
            default = ~out & chosen.default[B, j]
            access = ~out & ~default
            has = access.astype(float)
            ahead = chosen.assets[B, j]
            price = jnp.maximum(q[ahead, j], 0.5)
            row = Government(
                ~access,
                default,
                -has * grid[B] / y[j],
                100 * has * (1 / price - 1 - p.r),
                has * (price * grid[ahead] - grid[B]) / y[j],
            )
            out = ~access & (uniform[1] > p.theta)
            return (jnp.where(access, ahead, none), moved(cumulative, j, uniform[0]), out), row

        start = (jnp.array(none), jnp.array(n_income // 2), jnp.array(False))
        return after_burn_in(quarter, start, key, num_quarters)

    prior = arellano_2008.Params(
        beta=priors.beta(0.95, 0.01), theta=priors.beta(0.25, 0.08), d=priors.beta(0.965, 0.01)
    )
    return observed(base, prior, Government, draw, population=None)


class Economy(NamedTuple):
    """A year."""

    debt: Any  # share of income in tradables
    consumption: Any  # of tradables
    crisis: Any  # the limit binds, and debt falls by more than three per cent of a unit


def borrowers(num_years: int = 60, n: int = 100) -> Any:
    """Bianchi's decentralised economies, observed for so many years."""
    base = bianchi_2011.build_smooth(n)
    bonds = jnp.linspace(-1.02, -0.2, n)

    def draw(key, solution, p):
        plan, cumulative = solution.policy, p.Q.cumsum(axis=1)

        def year(state, uniform):
            B, s = state
            i = jnp.clip(((B - bonds[0]) / (bonds[1] - bonds[0])).astype(int), 0, n - 2)
            share = (B - bonds[i]) / (bonds[i + 1] - bonds[i])
            ahead, tight = ((1 - share) * x[i, s] + share * x[i + 1, s] for x in plan)
            consumption = (1 + p.r) * B + p.y_t[s] - ahead
            row = Economy(-B / p.y_t[s], consumption, (tight > 0) & (ahead - B > 0.03))
            return (ahead, moved(cumulative, s, uniform[0])), row

        return after_burn_in(year, (jnp.array(-0.85), jnp.array(7)), key, num_years)

    prior = bianchi_2011.Params(beta=priors.beta(0.91, 0.015), kappa=priors.beta(0.32, 0.015))
    return observed(base, prior, Economy, draw)


def contributions(row: Any) -> dict[str, Any]:
    """First moments, and second ones of what is not zero or one."""
    first = row._asdict()
    squares = {f"{n}^2": x**2 for n, x in first.items() if n in ("spread", "saving", "consumption", "debt")}
    return first | squares


def simulated_moments(model: Any, num: int, lags: int, simulations: int) -> estim.MomentMatching:
    def of_model(solution, key):
        rows = jax.vmap(lambda k: model.draw(k, solution, solution.params))(jax.random.split(key, num))
        return jax.tree.map(jnp.mean, contributions(rows))

    return estim.MomentMatching(of_model, contributions, lags=lags, simulations=simulations, smooth=False)


# The model, the truth, how many are observed, lags, and simulations: so many that the log-likelihood's noise is small
CASES = {
    "arellano_2008": (sovereigns, {"beta": 0.953, "theta": 0.282, "d": 0.969}, 20, 12, 100),
    "bianchi_2011": (borrowers, {"beta": 0.91, "kappa": 0.3235}, 30, 6, 20),
}


def margins(truth: dict[str, float], mean: Any, sd: Any) -> dict[str, dict[str, float]]:
    return {
        n: {"truth": true, "mean": float(m), "sd": float(s), "apart": float((m - true) / s)}
        for (n, true), m, s in zip(truth.items(), mean, sd, strict=True)
    }


def chains(posterior: Any, key: Any, file: Path) -> Any:
    """The chains that teach, from the file of a run that broke off where there is one."""
    if not file.exists():
        draws = estim.sample(posterior, "pseudo_marginal", key, **TEACH)
        file.write_bytes(pickle.dumps(draws._replace(posterior=None)))
    return pickle.loads(file.read_bytes())


def of_chains(posterior: Any, draws: Any, truth: dict[str, float]) -> dict[str, Any]:
    """What these draws of the posterior itself say."""
    tree = estim.to_datatree(draws, posterior)["posterior"].to_dataset()
    values = np.stack([tree[n].to_numpy().ravel() for n in truth])
    rhat = float(np.max(convergence(draws.position)[0]))
    return margins(truth, values.mean(axis=1), values.std(axis=1)) | {"rhat": rhat}


def prepare(name: str, of_data: Any) -> Any:
    """The posterior of data made at the truth."""
    build, truth, num, lags, simulations = CASES[name]
    model = build()
    data = estim.simulate_agents(model, truth, num, rng_key=of_data)
    print(data.drop(columns="country").mean(), flush=True)
    return estim.build_posterior(model, data, likelihood=simulated_moments(model, num, lags, simulations))


def estimate(name: str, folder: Path) -> dict[str, Any]:
    truth, begin = CASES[name][1], time.process_time()
    of_data, teach, fit, settle = jax.random.split(jax.random.key(0), 4)
    posterior = prepare(name, of_data)
    first = chains(posterior, teach, folder / f"{name}_{CASES[name][-1]}.chains")
    print(of_chains(posterior, first, truth), f"{time.process_time() - begin:.0f} s", flush=True)
    surrogate = estim.fit_surrogate(posterior, first.evaluations, fit)
    print(f"taught, {time.process_time() - begin:.0f} s", flush=True)
    # The chains that teach are short: they need not have met, and only what the surrogate's do is claimed.
    settled = estim.settle(posterior, surrogate, first.evaluations, settle, num_evaluations=EVALUATIONS)
    print(settled, settled.certificates[-1], sep="\n", flush=True)
    mean, sd = np.asarray(settled.margins)[:2, : len(truth)]
    certificate = settled.certificates[-1]
    return {
        "case": name,
        "simulations": CASES[name][-1],
        "parameters": margins(truth, mean, sd),
        "by the chains that taught": of_chains(posterior, first, truth),
        "verdict": certificate.verdict,
        "story": settled.story,
        "total variation": certificate.total_variation.value,
        "noise": str(certificate.noise),
        "evaluations": int(len(first.evaluations.loglikelihood) + settled.num_evaluations),
        "CPU seconds": round(time.process_time() - begin),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--folder", type=Path, default=Path("runs/crises"))
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    results = arguments.folder / "crises.jsonl"
    lines = results.read_text().splitlines() if results.exists() else []
    done = {(row["case"], row["simulations"]) for row in map(json.loads, lines)}
    for name in arguments.names:
        if (name, CASES[name][-1]) in done:
            continue
        line = json.dumps(estimate(name, arguments.folder))
        with results.open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)


if __name__ == "__main__":
    main()
