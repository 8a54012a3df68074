"""Kase, Rigato and Rottner (2024), "Sequence-Space Jacobian Meets Deep Learning", replicated on US data, 1966-2019.

    python experiments/kase_rigato_rottner_2024.py [--out DIR] [--only NAME ...] [--set key=value ...]

does all of it and writes ``DIR/report.html``, which sets our numbers beside the paper's; each part below is a
run of its own with its own report in ``DIR/NAME``, and is taken up where it was left. ``estim run`` on this
file does `ours` alone, and with ``--set preset=quick`` a look at it from shorter chains.

    exact       plain Metropolis, multi-proposal Metropolis and NUTS on the true likelihood, and the paper's
                recipe: a network trained on the candidates of multi-proposal Metropolis
    ours        a network trained on the leapfrog points of a short HMC run, with their gradients; refined where it
                is unsure, its means corrected by importance weights
    households  the same with the households' income risk estimated, its persistence and its dispersion: a steady
                state at every draw
"""

import argparse
from dataclasses import replace
from pathlib import Path

from estim import Experiment, load_model, priors, run_experiment
from estim.experiment import Route, SurrogateRoute
from estim.models import auclert_rognlie_straub_2024
from estim.numerics.grids import double_exponential_grid
from estim.progress import silent
from estim.results.store import RunDirectory

fixed = load_model("kase_rigato_rottner_2024")


def grids(p):
    """Those of the fixed edition with 200 asset points in place of 500.

    Evenly spaced before they are stretched: points that crowd near the limit are more accurate, but as income risk
    moves, the log-likelihood then jumps five times as far (by 0.01), and a network cannot learn that.
    """
    return auclert_rognlie_straub_2024.grids(p)._replace(a=double_exponential_grid(p.min_a, 1000.0, 200))


near_the_mode = dict(
    rho_e=0.979, sd_e=0.476, kappa_w=0.014, rho_i=0.51, phi_pi=1.12, phi_y=0.33, phi_T=0.093,
    sig_m=0.30, rho_m=0.76, sig_X=0.18, rho_X=0.977, sig_G=1.11, rho_G=0.955,
)  # fmt: skip
households = replace(
    fixed,
    name="kase_rigato_rottner_2024_households",
    prior=fixed.prior._replace(
        beta=0.96,
        rho_e=priors.beta(0.978, 0.0025),
        sd_e=priors.gamma(0.508, 0.03),
        phi_pi=priors.gamma(1.5, 0.25, low=1.0),
        rho_G=priors.beta(0.5, 0.2, high=0.97),
    ),
    start=near_the_mode,
    het_blocks=(replace(fixed.het_blocks[0], grids=grids),),
)

us = {"data": "us_nk", "start": "1966Q1", "end": "2019Q4", "num_starts": 2}
network = {"hidden": (128, 128, 128), "max_steps": 15_000, "drop_fraction": 0.02}

ours = Experiment(
    title="A HANK model on US data: a network taught by gradients",
    model=fixed.name,
    routes={"hmc": Route("hmc", num_samples=600, num_chains=8, num_warmup=40, settings={"num_steps": 4})},
    surrogate=SurrogateRoute(
        train_on=("hmc",), num_samples=400, num_refinement=1_000, num_certificate=4_000, settings=network
    ),
    **us,
)
exact = Experiment(
    title="A HANK model on US data: the exact posterior, and the paper's recipe",
    model=fixed.name,
    routes={
        "rwmh": Route("rwmh", num_samples=5_000, num_chains=8, num_warmup=500),
        "mpmh": Route("mpmh", num_samples=3_125, num_chains=4, num_warmup=250, settings={"num_proposals": 4}),
        "nuts": Route("nuts", num_samples=750, num_chains=4, num_warmup=150),
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
    num_starts=1,
    routes={"hmc": Route("hmc", num_samples=180, num_chains=8, num_warmup=20, settings={"num_steps": 4})},
    surrogate=SurrogateRoute(
        train_on=("hmc",),
        num_samples=800,
        num_refinement=2_000,
        num_certificate=2_000,
        settings=network,
    ),
)


def with_quick(full: Experiment) -> Experiment:
    """The experiment with ``--set preset=quick``: shorter chains and less training, for a look."""
    routes = {
        name: replace(route, num_samples=route.num_samples // 10, num_warmup=route.num_warmup // 4)
        for name, route in full.routes.items()
    }
    surrogate = replace(
        full.surrogate,
        num_samples=200,
        num_warmup=1_000,
        num_refinement=0,
        num_certificate=400,
        settings={**full.surrogate.settings, "max_steps": 3_000},
    )
    return replace(full, presets={"quick": {"num_starts": 1, "routes": routes, "surrogate": surrogate}})


exact, ours, with_steady_state = (with_quick(full) for full in (exact, ours, with_steady_state))
RUNS = {"exact": exact, "ours": ours, "households": with_steady_state}
experiment = ours


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
    from kase_rigato_rottner_2024_page import write_page  # beside this file

    page = write_page({name: run for name, run in runs.items() if run.has("verdict.json")}, fixed, households)
    (arguments.out / "report.html").write_text(page, encoding="utf-8")
    print(arguments.out / "report.html")


if __name__ == "__main__":
    main()
