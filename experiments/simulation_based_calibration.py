"""Simulation-based calibration: is the parameter behind simulated data a draw of the posterior like any other?

    python experiments/simulation_based_calibration.py [--folder FOLDER] [--case NAME ...] [--minutes MINUTES]
    python experiments/simulation_based_calibration.py --exact 4000

Parameters are drawn from the prior (where the model has a solution), data from the model at these parameters, and the
posterior is sampled by every route; the rank of each parameter among 99 thinned draws is uniform if simulation,
likelihood and sampler are right (Talts et al. 2018). Two small models are estimated 500 times by every sampler, the
surrogate and its correction: an AR(1) with a mean, and one whose growth rate is an AR(1), so that its level has a unit
root: the level before the first period is fixed, and the likelihood is the diffuse one. An and Schorfheide (2007) is
estimated 200 times by NUTS, multi-proposal Metropolis, the surrogate and the correction; the one-asset HANK model of
Auclert et al. (2021), its household fixed, 60 times by the same.

All data sets of a case share their compiled programs. Each replication is a row of CASE.csv, which another call does
not do again: stop it whenever you like, and call it again. What there is so far is drawn in ranks.png; the last line
is JSON.
"""

import argparse
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import arviz_stats.base as az
import jax
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from numpyro.distributions import Beta, Gamma, Normal
from scipy.stats import kstest

import estim
from estim.analysis import calibration_ranks, simulate, uniformity
from estim.estimation import EstimationData, build_posterior, model_likelihood
from estim.kept import compiled_by_structure
from estim.model import Model
from estim.priors import beta
from estim.samplers.mode import find_mode, laplace_approximation
from estim.surrogate.correct import resample_draws, weigh_draws
from estim.surrogate.recipe import get_recipe

NUM_DRAWS, SEED = 99, 20260
ENOUGH = 100  # effective draws of a run whose ranks are looked at
FOLDER = Path(__file__).parent / "results" / "simulation_based_calibration"
PUBLIC = {
    "rwmh": "random-walk MH",
    "mpmh": "multi-proposal MH",
    "hmc": "HMC",
    "chees": "ChEES-HMC",
    "nuts": "NUTS",
    "smc": "tempered SMC",
    "delayed_acceptance": "delayed acceptance",
    "surrogate": "surrogate",
    "correction": "importance weights",
}


class AR1(NamedTuple):
    x: Any


class Growth(NamedTuple):
    level: Any
    rate: Any


class Shocks(NamedTuple):
    e: Any


class Observables(NamedTuple):
    y: Any


class MeanParams(NamedTuple):
    rho: Any = Beta(5.0, 5.0)
    sigma: Any = Gamma(4.0, 4.0)
    mean: Any = Normal(0.0, 1.0)


class GrowthParams(NamedTuple):
    rho: Any = Beta(5.0, 5.0)
    sigma: Any = Gamma(4.0, 4.0)


STATIONARY = Model(
    name="stationary",
    variables=AR1,
    shocks=Shocks,
    observables=Observables,
    steady_state=lambda p: AR1(0.0),
    residuals=lambda lag, now, lead, shocks, p: {"x": now.x - p.rho * lag.x - p.sigma * shocks.e},
    measurement=lambda now, lag, p: Observables(p.mean + now.x),
    prior=MeanParams(),
)
UNIT_ROOT = Model(
    name="unit_root",
    variables=Growth,
    shocks=Shocks,
    observables=Observables,
    steady_state=lambda p: Growth(0.0, 0.0),
    residuals=lambda lag, now, lead, shocks, p: {
        "level": now.level - lag.level - now.rate,
        "rate": now.rate - p.rho * lag.rate - p.sigma * shocks.e,
    },
    measurement=lambda now, lag, p: Observables(now.level),
    prior=GrowthParams(),
)
EVERY = {
    "rwmh": {"num_samples": 1_000, "num_warmup": 300},
    "mpmh": {"num_samples": 500, "num_warmup": 200, "num_proposals": 4},
    "hmc": {"num_samples": 120, "num_warmup": 100, "num_steps": 4},
    "chees": {"num_samples": 120, "num_warmup": 100},
    "nuts": {"num_samples": 100, "num_warmup": 100, "max_num_doublings": 5},
    "smc": {"num_samples": 125},
    "delayed_acceptance": {"num_samples": 160, "num_warmup": 80},
}
LARGE = {
    "nuts": {"num_samples": 400, "num_warmup": 300, "max_num_doublings": 7},
    "mpmh": {"num_samples": 10_000, "num_warmup": 2_000, "num_proposals": 4},
}
PERSISTENCE = {"rho_R": beta(0.5, 0.2), "rho_g": beta(0.8, 0.1), "rho_z": beta(0.66, 0.15)}
"""Of An and Schorfheide (2007, table 2). A uniform prior, as in the model file, makes data sets with an interest rate
next to a random walk, in which posteriors are thin, curved and have several modes: there no short run is one to judge
by."""


@dataclass(frozen=True)
class Case:
    """A model, how often it is estimated, and by what."""

    model: Any
    num_replications: int
    routes: dict[str, dict[str, Any]]
    num_periods: int = 80
    prior: dict[str, Any] = field(default_factory=dict)  # in the place of the model's own
    likelihood: dict[str, Any] = field(default_factory=dict)
    horizon: int | None = None  # of the data and of the posterior alike; the model's own where None
    training: dict[str, Any] = field(default_factory=lambda: {"max_steps": 2_000, "hidden": (32, 32)})

    @property
    def names(self) -> list[str]:
        return [*self.routes, "surrogate", "correction"]


CASES = {
    "stationary": Case(STATIONARY, 500, EVERY),
    "unit_root": Case(UNIT_ROOT, 500, EVERY, likelihood={"start": "diffuse"}),
    "an_schorfheide_2007": Case(
        "an_schorfheide_2007", 200, LARGE, prior=PERSISTENCE, training={"max_steps": 2_000}
    ),
    "hank": Case(
        "auclert_et_al_2021_one_asset",
        60,
        {
            "nuts": {"num_samples": 60, "num_warmup": 60, "max_num_doublings": 5},
            "mpmh": {"num_samples": 1_000, "num_warmup": 200, "num_proposals": 4},
        },
        training={"max_steps": 2_000},
        horizon=150,
    ),
}


@compiled_by_structure
def solve_at(posterior: Any, position: Any) -> Any:
    return posterior.likelihood.solution(position, posterior.data)


class Replications:
    """All data sets of one case: what they have in common, and `one` of them."""

    def __init__(self, name: str):
        self.case = CASES[name]
        self.model = (
            estim.load_model(self.case.model) if isinstance(self.case.model, str) else self.case.model
        )
        self.model = replace(self.model, prior=self.model.prior._replace(**self.case.prior))
        if self.case.horizon:
            self.model = replace(self.model, horizon=self.case.horizon)
        self.columns = list(self.model.observables._fields)
        self.blank = build_posterior(
            self.model,
            self._frame(self._some_numbers()),
            likelihood=self.case.likelihood,
        )

    def _some_numbers(self) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(self.case.num_periods, len(self.columns)))

    def _frame(self, y: Any) -> pd.DataFrame:
        return pd.DataFrame(np.asarray(y), columns=self.columns)

    def posterior_given(self, y: Any) -> Any:
        """By the programs of all others; what does not depend on the data is not solved again."""
        _, read = model_likelihood(self.model, np.asarray(y), likelihood=self.case.likelihood)
        return replace(self.blank, data=EstimationData(read, self.blank.data.once))

    def truth_and_data(self, rng_key: Any) -> tuple[np.ndarray, np.ndarray]:
        """A position from the prior at which there is a solution, and data from the model there."""
        key_prior, key_data = jax.random.split(rng_key)
        for position in np.asarray(self.blank.sample_prior(key_prior, 500)):
            solution = solve_at(self.blank, position)
            if int(solution.status) == 0:
                y = np.asarray(simulate(solution, key_data, self.case.num_periods))
                if np.isfinite(float(self.posterior_given(y).logdensity_fn(position))):
                    return position, y
        raise SystemExit(f"{self.model.name}: none of 500 draws of the prior has a solution")

    def enough(self, posterior: Any, route: str, key: Any, settings: dict[str, Any]) -> Any:
        """Draws of which ENOUGH are effective, or those of the longest run."""
        for times in (1, 4, 16, 64):
            longer = {n: times * settings[n] for n in ("num_samples", "num_warmup") if n in settings}
            made = estim.sample(posterior, route, key, num_chains=4, **(settings | longer))
            if effective(made.position) >= ENOUGH:
                break
        return made

    def one(self, number: int) -> dict[str, tuple[np.ndarray, float]]:
        """Ranks ``[dim]`` and the smallest effective sample size, by route."""
        key = jax.random.fold_in(jax.random.key(SEED), number)
        keys = jax.random.split(key, 6)
        truth, y = self.truth_and_data(keys[0])
        posterior = self.posterior_given(y)
        laplace = laplace_approximation(posterior, find_mode(posterior, keys[1], num_starts=2), step=0.1)
        draws: dict[str, Any] = {}
        surrogate: Any = None  # learnt from what multi-proposal MH evaluates
        for route in sorted(self.case.routes, key=lambda r: r == "delayed_acceptance"):
            settings = dict(self.case.routes[route])
            if route == "delayed_acceptance":
                settings["approximation"] = surrogate.posterior
            if route != "smc":
                settings["laplace"] = laplace
            key_route = jax.random.fold_in(keys[2], sorted(PUBLIC).index(route))
            made = self.enough(posterior, route, key_route, settings)
            draws[route] = made.position
            if route == "mpmh":
                recipe = replace(get_recipe("single"), **self.case.training)
                surrogate = estim.fit_surrogate(posterior, made.evaluations, keys[3], recipe=recipe)
        size = {"num_samples": 20, "num_chains": 256, "num_warmup": 2_000, "thin": 20}
        learnt = estim.sample_surrogate(surrogate, keys[4], **size)
        weighted = weigh_draws(posterior, surrogate, learnt.position, num_evaluations=1_000)
        corrected = resample_draws(weighted, keys[5], NUM_DRAWS)
        found = {name: (rank(values, truth), effective(values)) for name, values in draws.items()}
        found["surrogate"] = rank(learnt.position, truth), effective(learnt.position)
        found["correction"] = rank(corrected[None], truth), weighted.effective_sample_size
        return found


def rank(draws: Any, truth: np.ndarray) -> np.ndarray:
    return calibration_ranks(draws, truth, NUM_DRAWS)


def effective(draws: Any) -> float:
    """The smallest effective sample size ``[chain, draw, dim]``."""
    values = np.asarray(draws, float)
    return float(np.min(az.array_stats.ess(values, method="bulk", chain_axis=0, draw_axis=1)))


def calibrate(name: str, folder: Path, end: float = np.inf, backwards: bool = False) -> pd.DataFrame:
    """All replications of a case, or those that are done by `end`: by route, ranks and the effective sample size.

    Two processes share the work of a case, one of them `backwards`: each keeps the rows of the other.
    """
    replications, path = Replications(name), folder / f"{name}.csv"
    while time.monotonic() < end:
        left = to_do(read_rows(path, replications), replications.case.num_replications)
        if not left:
            break
        number = left[-1 if backwards else 0]
        begun, found = time.monotonic(), replications.one(number)
        table = read_rows(path, replications)
        table.loc[number] = np.concatenate(
            [[*found[r][0], round(found[r][1])] for r in replications.case.names]
        )
        part = path.with_suffix(".part")
        table.sort_index().astype(int).to_csv(part)
        part.rename(path)  # there as a whole, or as it was
        print(f"{name}: {number + 1}, {time.monotonic() - begun:.0f} s", flush=True)
    return read_rows(path, replications)


def has_enough(table: pd.DataFrame) -> pd.Series:
    """Whether all routes have as many effective draws as ranks want.

    A data set without them is left out and another takes its place. Ranks are uniform given the data (the truth is a
    draw of the posterior), and how well a sampler does is decided by the data and not by the truth.
    """
    return (table.xs("effective", axis=1, level="rank of") >= ENOUGH).all(axis=1)


def to_do(table: pd.DataFrame, num_replications: int) -> list[int]:
    """Numbers of the data sets that are to be done yet."""
    wanted = num_replications + int((~has_enough(table)).sum())
    return [number for number in range(wanted) if number not in table.index]


def read_rows(path: Path, replications: Replications) -> pd.DataFrame:
    """The rows that are done, by number of the replication."""
    columns = pd.MultiIndex.from_product(
        [replications.case.names, [*replications.blank.param_names, "effective"]]
    )
    if not path.exists():
        return pd.DataFrame(columns=columns.set_names(["route", "rank of"]), dtype=int)
    table = pd.read_csv(path, header=[0, 1], index_col=0)
    if not table.columns.equals(columns):
        raise SystemExit(f"{path} is not of this experiment: move it, or choose another --folder")
    return table


def by_route(table: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ranks ``[n, dim]`` and effective sample sizes ``[n]`` of the data sets with enough draws."""
    table = table[has_enough(table)]
    routes = table.columns.unique("route")
    return {
        r: (table[r].drop(columns="effective").to_numpy(int), table[r]["effective"].to_numpy())
        for r in routes
    }


def summary(found: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """By route: replications, the smallest p-value times the number of parameters, who leaves the envelope."""
    result = {}
    for route, (ranks, sizes) in found.items():
        tested = uniformity(ranks, NUM_DRAWS)
        result[route] = {
            "replications": len(ranks),
            "smallest_pvalue_corrected": round(min(1.0, float(tested.pvalue.min()) * ranks.shape[1]), 4),
            "outside_the_envelope": f"{int(tested.outside.sum())} of {ranks.shape[1]}",
            "median_ess": round(float(np.median(sizes))),
            "smallest_ess": int(sizes.min()),
        }
    return result


def draw(folder: Path, found: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]) -> None:
    """Empirical distribution of the ranks less the uniform one, a line for each parameter, in its envelope."""
    columns = [route for route in PUBLIC if any(route in routes for routes in found.values())]
    figure, axes = plt.subplots(
        len(found), len(columns), figsize=(2.1 * len(columns), 2.1 * len(found)), squeeze=False, sharex=True
    )
    for row, (name, routes) in zip(axes, found.items(), strict=True):
        for axis, route in zip(row, columns, strict=True):
            if route not in routes:
                axis.set_axis_off()
                continue
            tested, at = uniformity(routes[route][0], NUM_DRAWS), np.arange(NUM_DRAWS + 1)
            axis.fill_between(at, *tested.envelope, color="0.88")
            axis.plot(at, tested.excess.T, linewidth=0.8)
            least = tested.pvalue.min() * len(tested.pvalue)
            axis.set_title(
                f"{PUBLIC[route]}\n{name}, n = {len(routes[route][0])}, p = {min(least, 1):.2f}", size=6
            )
            axis.tick_params(labelsize=6)
    figure.tight_layout()
    figure.savefig(folder / "ranks.png", dpi=150)
    plt.close(figure)


def exact_ranks(num: int, num_levels: int = 300) -> tuple[list[str], np.ndarray]:
    """P(parameter < truth | data) of the model with a unit root, without estim's likelihood and without a sampler.

    Its growth rates are a stationary AR(1), whose density is written out here on a grid of both parameters; only the
    data are simulated by estim. A mistake in the start of the simulation or of the filter would show here.
    """
    replications = Replications("unit_root")
    rho, log_sigma = np.linspace(0.002, 0.998, num_levels), np.linspace(np.log(0.03), np.log(8.0), num_levels)
    r, s = np.meshgrid(rho, log_sigma, indexing="ij")
    prior = np.asarray(GrowthParams().rho.log_prob(r) + GrowthParams().sigma.log_prob(np.exp(s))) + s
    ranks = np.empty((num, 2))
    for i in range(num):
        position, y = replications.truth_and_data(jax.random.fold_in(jax.random.key(SEED + 1), i))
        g = np.diff(y[:, 0])
        errors = g[1:] @ g[1:] - 2 * r * (g[1:] @ g[:-1]) + r**2 * (g[:-1] @ g[:-1])
        quadratic = ((1 - r**2) * g[0] ** 2 + errors) / np.exp(2 * s)
        density = prior + 0.5 * np.log(1 - r**2) - len(g) * s - 0.5 * quadratic
        weights = np.exp(density - density.max())
        truth = replications.blank.constrain_fn(position)
        for j, (levels, at) in enumerate([(rho, truth["rho"]), (log_sigma, np.log(truth["sigma"]))]):
            mass = weights.sum(axis=1 - j)
            ranks[i, j] = np.interp(at, levels, (np.cumsum(mass) - 0.5 * mass) / mass.sum())
    return ["rho", "sigma"], ranks


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--exact", type=int, help="only the exact ranks of so many data sets with a unit root"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--minutes", type=float, default=np.inf)
    parser.add_argument("--backwards", action="store_true", help="the last first: a second process beside")
    arguments = parser.parse_args()
    if arguments.exact:
        names, ranks = exact_ranks(arguments.exact)
        pvalues = [round(float(kstest(ranks[:, j], "uniform").pvalue), 3) for j in range(len(names))]
        print(
            json.dumps(
                {"exact": arguments.exact, "kolmogorov_smirnov": dict(zip(names, pvalues, strict=True))}
            )
        )
        return
    end, found = time.monotonic() + 60 * arguments.minutes, {}
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.case or CASES:
        table = calibrate(name, arguments.folder, end, arguments.backwards)
        if len(table):
            found[name] = by_route(table)
    if found:
        draw(arguments.folder, found)
    print(json.dumps({name: summary(routes) for name, routes in found.items()}))


if __name__ == "__main__":
    main()
