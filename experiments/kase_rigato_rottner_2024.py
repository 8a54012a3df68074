"""Kase, Rigato and Rottner (2024), "Sequence-Space Jacobian Meets Deep Learning", replicated on US data, 1966-2019.

    python experiments/kase_rigato_rottner_2024.py [--out DIR] [--only NAME ...] [--set key=value ...]

does all of it and writes ``DIR/report.html``, which sets our numbers beside the paper's; each part below is a
run of its own with its own report in ``DIR/NAME``, and is taken up where it was left. ``estim run`` on this
file does `ours` alone, and with ``--set preset=quick`` a look at it from shorter chains.

    exact       plain Metropolis, multi-proposal Metropolis and NUTS on the true likelihood, and the paper's
                recipe: a network trained on the candidates of multi-proposal Metropolis
    ours        a network trained on the leapfrog points of a short HMC run, with their gradients
    households  the same with the households' income risk estimated, its persistence and its dispersion: a steady
                state at every draw
"""

import argparse
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from estim import Experiment, Model, load_model, priors, run_experiment
from estim.experiment import Route, SurrogateRoute
from estim.progress import silent
from estim.results import figures
from estim.results.contents import read_route
from estim.results.diagnostics import pooled_std, summarise
from estim.results.report.page import Page, number, percent_pair, render
from estim.results.store import RunDirectory
from estim.solution.stationary_equilibrium import solve_household_jacobians

fixed = load_model("kase_rigato_rottner_2024")
households = replace(
    fixed,
    name="kase_rigato_rottner_2024_households",
    prior=fixed.prior._replace(rho_e=priors.beta(0.92, 0.02), sd_e=priors.gamma(0.92, 0.1)),
    start=dict(fixed.start) | {"rho_e": 0.92, "sd_e": 0.92},
)

us = {"data": "us_nk", "start": "1966Q1", "end": "2019Q4", "num_starts": 2}
network = {"num_members": 4, "max_steps": 15_000, "drop_fraction": 0.02}

ours = Experiment(
    title="A HANK model on US data: a network taught by gradients",
    model=fixed.name,
    routes={"hmc": Route("hmc", num_samples=180, num_chains=8, num_warmup=40, settings={"num_steps": 4})},
    surrogate=SurrogateRoute(train_on=("hmc",), num_samples=400, num_certificate=2_000, settings=network),
    **us,
)
exact = Experiment(
    title="A HANK model on US data: the exact posterior, and the paper's recipe",
    model=fixed.name,
    routes={
        "rwmh": Route("rwmh", num_samples=12_500, num_chains=8, num_warmup=500),
        "mpmh": Route("mpmh", num_samples=5_000, num_chains=4, num_warmup=250, settings={"num_proposals": 4}),
        "nuts": Route("nuts", num_samples=1_000, num_chains=4, num_warmup=150),
    },
    surrogate=SurrogateRoute(
        train_on=("mpmh",), recipe="paper", max_points=50_000, num_certificate=2_000, settings={}
    ),
    **us,
)
with_steady_state = replace(
    ours,
    title="A HANK model on US data: households estimated, a steady state at every draw",
    model=households,
    routes={"hmc": Route("hmc", num_samples=60, num_chains=8, num_warmup=20, settings={"num_steps": 4})},
)
quick = (
    {"hmc": replace(ours.routes["hmc"], num_samples=20, num_warmup=10)},
    SurrogateRoute(
        train_on=("hmc",), num_samples=200, num_certificate=400, settings=network | {"max_steps": 4_000}
    ),
)
ours = replace(ours, presets={"quick": quick})
RUNS = {"exact": exact, "ours": ours, "households": with_steady_state}
experiment = ours

THEIRS = (
    ("200,000 draws of plain Metropolis", "39 h"),
    ("training data, 50,000 candidates", "9 h 45 min; 1 h 45 min laptop; 29 min on 64 cores"),
    ("training of the network", "10 min"),
    ("200,000 draws from the network", "20 s"),
    ("wrong accept", "0.38 %, 0.33 %"),
    ("wrong reject", "0.42 %"),
    ("the whole", "2 h laptop; 40 min on 64 cores"),
    ("the whole, with the steady state at every draw", "1.5 h (projected)"),
)
"""As the paper prints them."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/kase_rigato_rottner_2024"))
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--set", nargs="+", default=[], dest="assignments", metavar="key=value")
    arguments = parser.parse_args()
    for name in arguments.only:
        run_experiment(RUNS[name].override(arguments.assignments), arguments.out / name, silent)
    runs = {name: RunDirectory(arguments.out / name) for name in RUNS}
    page = write_page({name: run for name, run in runs.items() if run.has("verdict.json")})
    (arguments.out / "report.html").write_text(page, encoding="utf-8")
    print(arguments.out / "report.html")


def seconds(run: RunDirectory, *names: str) -> float:
    """Time that stages or routes of a run took, all of it where none is named."""
    timings = run.read_json("timings.json")
    routes = [*run.read_json("settings.json")["routes"], "surrogate"]
    by_route = {name: sum(read_route(run, name).seconds.values()) for name in routes}
    both = timings | by_route
    return sum(both[name] for name in names or both)


def minutes(value: float) -> str:
    hours = value / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{value / 60:.1f} min" if value >= 60 else f"{value:.0f} s"


def our_figures(runs: dict[str, RunDirectory]) -> dict[str, str]:
    """Our side of the table, by the rows of `THEIRS`, from the runs that there are."""
    found = {}
    if "exact" in runs:
        run, plain, candidates = (
            runs["exact"],
            read_route(runs["exact"], "rwmh"),
            read_route(runs["exact"], "mpmh"),
        )
        found |= {
            THEIRS[0][0]: f"{minutes(seconds(run, 'rwmh') * 200_000 / plain.num_evaluations)} "
            f"({plain.num_evaluations:,} made)",
            THEIRS[1][0]: minutes(seconds(run, "mpmh") * 50_000 / candidates.num_evaluations),
            THEIRS[2][0]: f"{minutes(seconds(run, 'surrogate: training'))} (their recipe)",
        }
    if "ours" in runs:
        run = runs["ours"]
        chain, certificate = read_route(run, "surrogate"), run.read_json("surrogate/certificate.json")
        settings = run.read_json("settings.json")["surrogate"]
        steps = settings["num_chains"] * (settings["num_warmup"] + settings["num_samples"] * settings["thin"])
        found |= {
            THEIRS[3][0]: f"{200_000 * sum(chain.seconds.values()) / steps:.1f} s "
            f"({steps:,} made, compilation included)",
            THEIRS[4][0]: " ± ".join(percent_pair(certificate["wrong_accept"])),
            THEIRS[5][0]: " ± ".join(percent_pair(certificate["wrong_reject"])),
            THEIRS[6][0]: minutes(seconds(run)),
        }
        found[THEIRS[2][0]] = "; ".join(
            [
                *filter(None, [found.get(THEIRS[2][0])]),
                f"{minutes(seconds(run, 'surrogate: training'))} (ours)",
            ]
        )
    if "households" in runs:
        found[THEIRS[7][0]] = minutes(seconds(runs["households"]))
    return found


def write_page(runs: dict[str, RunDirectory]) -> str:
    """The report over all runs."""
    page, found = Page(), our_figures(runs)
    rows = [[what, theirs, found.get(what, "–")] for what, theirs in THEIRS]
    some = next(iter(runs.values()))
    environment = some.read_json("environment.json")
    sections = [
        (
            "Theirs and ours",
            [
                page.table(
                    ["", "Kase, Rigato and Rottner", "estim"],
                    rows,
                    "The paper's figures beside those measured here.",
                    f"Ours on {environment['machine']}. Times include compilation. Where fewer draws were made than "
                    "the row says, the time is scaled up from those made.",
                    left=(1, 2),
                )
            ],
        ),
        ("What the paper leaves open", [page.text(text) for text in SETTLED]),
        ("The posterior, by every route", posterior_items(page, runs)),
        ("Households estimated", household_items(page, runs)),
    ]
    verdicts = {name: run.read_json("verdict.json") for name, run in runs.items()}
    verdict = {
        "tone": max((v["tone"] for v in verdicts.values()), key=["good", "caution", "bad"].index),
        "headline": f"{len(runs)} of {len(RUNS)} parts have been run.",
        "lines": [f"{name}: {v['headline']}" for name, v in verdicts.items()],
    }
    return render(
        "Sequence-Space Jacobian Meets Deep Learning, replicated",
        f"{fixed.reference} · US data 1966–2019",
        verdict,
        sections,
        environment["versions"]["estim"],
    )


SETTLED = (
    "Equations and calibration are those of the published teaching version of Auclert, Rognlie and Straub (2024): "
    "one asset, a borrowing limit, sticky wages, real bonds, a rule for taxes. The policy rule adds inertia and a "
    "response to output, so that it can meet quarterly US data; with two parameters for each of three shocks, the "
    "slope of the wage Phillips curve, the tax rule's and the policy rule's there are eleven.",
    "Priors are those common to estimated DSGE models (Smets and Wouters 2007; An and Schorfheide 2007). "
    "Persistences end at 0.98: with growth rates among the data the likelihood rises towards a unit root in "
    "productivity, which a model around a steady state does not have, and of whose responses a horizon of 300 "
    "quarters would miss the end. A horizon that is too short fakes likelihood there: at a persistence of 0.999 "
    "the log-likelihood is 13 points higher with 300 quarters than with 900.",
    "The means of the three series are taken out: the steady state has no trend growth and no inflation.",
)


def posterior_items(page: Page, runs: dict[str, RunDirectory]) -> list:
    """All routes to the posterior with fixed households, overlaid and as a table."""
    draws = {}
    if "exact" in runs:
        labels = {
            "rwmh": "plain MH",
            "mpmh": "multi-proposal MH",
            "nuts": "NUTS",
            "surrogate": "the paper's recipe",
        }
        draws |= {label: read_route(runs["exact"], name).params for name, label in labels.items()}
    if "ours" in runs:
        draws["ours"] = read_route(runs["ours"], "surrogate").params
    if not draws:
        return []
    names = fixed.estimated
    summaries = {label: summarise(values) for label, values in draws.items()}
    std = pooled_std(summaries)
    reference = summaries.get("NUTS", next(iter(summaries.values())))
    rows = [
        [name, *(f"{number(s.mean[i], 3)}" for s in summaries.values()), number(std[i], 3),
         *(number((s.mean[i] - reference.mean[i]) / std[i], 3) for s in summaries.values())]
        for i, name in enumerate(names)
    ]  # fmt: skip
    ess = ", ".join(f"{label} {np.min(s.ess_bulk):,.0f}" for label, s in summaries.items())
    prior = next(iter(runs.values())).read_arrays("prior.npz")["params"][:, -len(names) :]
    narrowed = {n: std[i] / prior[:, i].std() for i, n in enumerate(names)}
    informed = [n for n, share in narrowed.items() if share < 0.5]
    vague = [n for n, share in narrowed.items() if share > 0.8]
    return [
        page.table(
            ["", *summaries, "sd", *(f"Δ {label}" for label in summaries)],
            rows,
            "Posterior means by route, the posterior standard deviation, and each route's distance from NUTS in "
            "posterior standard deviations.",
            f"Smallest effective sample sizes: {ess}.",
        ),
        page.figure(
            figures.density_figure(draws, names, prior),
            "Posterior densities",
            "Marginal densities by every route over the prior (grey). After figure 4 of the paper.",
        ),
        page.text(
            "What is identified: the data shrink the prior's standard deviation by more than half for "
            f"{', '.join(informed) or 'no parameter'}, and by less than a fifth for "
            f"{', '.join(vague) or 'no parameter'}. "
            "The slices, the proposed and accepted points, impulse responses, variance shares and the historical "
            "decomposition stand in the reports of the single runs, beside this one."
        ),
    ]


def propensity_to_consume(model: Model, draws: np.ndarray) -> np.ndarray:
    """The average marginal propensity to consume ``[n]`` out of a passing rise in income, in the quarter of the rise.

    M_00 of Auclert, Rognlie and Straub (2024); by the budget it is one less the response of assets.
    """

    def propensity(draw):
        params = model.params(dict(zip(model.estimated, draw, strict=True)))
        return 1 - solve_household_jacobians(model, params, horizon=1).jacobians["A", "Z"][0, 0]

    return np.asarray(jax.jit(lambda x: jax.lax.map(propensity, x, batch_size=16))(draws))


def household_items(page: Page, runs: dict[str, RunDirectory]) -> list:
    """The edition that estimates household parameters, and what households then do with a windfall."""
    at_rest = propensity_to_consume(fixed, np.array([[fixed.defaults[n] for n in fixed.estimated]]))[0]
    calibrated = page.text(
        f"With the calibrated households the average marginal propensity to consume is {at_rest:.3f} a quarter."
    )
    if "households" not in runs:
        return [calibrated]
    run = runs["households"]
    params = {"ours": read_route(run, "surrogate").params, "HMC": read_route(run, "hmc").params}
    names = households.estimated
    summaries = {label: summarise(values) for label, values in params.items()}
    rows = [
        [name, *(f"{number(s.mean[i], 3)} ({number(s.std[i], 3)})" for s in summaries.values())]
        for i, name in enumerate(names)
    ]
    return [
        page.table(
            ["", *summaries], rows, "Posterior means and standard deviations with households estimated."
        ),
        page.figure(
            figures.density_figure(params, names, run.read_arrays("prior.npz")["params"]),
            "Posterior densities, households estimated",
            "Over the prior (grey).",
        ),
    ]


if __name__ == "__main__":
    main()
