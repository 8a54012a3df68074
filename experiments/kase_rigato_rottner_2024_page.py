"""The page that sets the numbers of Kase, Rigato and Rottner (2024) beside those of `kase_rigato_rottner_2024.py`."""

from collections.abc import Mapping

import jax
import numpy as np

from estim import Model
from estim.results import figures
from estim.results.contents import read_route
from estim.results.diagnostics import Summary, pooled_std, summarise
from estim.results.report.page import Item, Page, digits, mean_std, number, percent_pair, render
from estim.results.report.posterior import implications_section
from estim.results.report.reading import Report
from estim.results.store import RunDirectory
from estim.solution.sequence_space.stationary_equilibrium import solve_household_jacobians
from estim.status import Status

THEIRS = {
    "200,000 draws of plain Metropolis": "39 h",
    "training points": "50,000: 9 h 45 min; laptop 1 h 45 min; 64 cores 29 min",
    "training of the network": "10 min",
    "200,000 draws from the network": "20 s",
    "wrong accept": "0.38 %, 0.33 %",
    "wrong reject": "0.42 %",
    "the whole": "laptop 2 h; 64 cores 40 min",
    "the whole, steady state at every draw": "1.5 h (projected)",
}
"""As the paper prints them."""

SETTLED = (
    "Equations and calibration are those of the published teaching version of Auclert, Rognlie and Straub (2024): "
    "one asset, a borrowing limit, sticky wages, real bonds, a rule for taxes. The policy rule adds inertia and a "
    "response to output, so that it can meet quarterly US data; with two parameters for each of three shocks, the "
    "slope of the wage Phillips curve, the tax rule's and the policy rule's there are eleven.",
    "Priors are those common to estimated DSGE models (Smets and Wouters 2007; An and Schorfheide 2007). "
    "Persistences end at 0.98: with growth rates among the data the likelihood rises towards a unit root in "
    "productivity, which a model around a steady state does not have, and of whose responses a horizon of 300 "
    "quarters would miss the end. A horizon that is too short fakes likelihood there: at a persistence of 0.999 "
    "the log-likelihood is 13 points higher with 300 quarters than with 900. The prior of the wage Phillips curve's "
    "slope has mean 0.05; twice as wide a one leaves a second mode near 0.5, where wages are all but flexible: one of "
    "sixteen chains found it, and stayed for 75 draws.",
    "The means of the three series are taken out: the steady state has no trend growth and no inflation.",
    "Which household parameters the second edition of the paper estimates is open as well. Here it is the persistence "
    "and the dispersion of log income, whose priors are what panels of wages say: a yearly persistence of 0.9136 and a "
    "variance of innovations of 0.0426 (Flodén and Lindé 2001) make 0.978 a quarter and a dispersion of 0.508, about "
    "that of McKay, Nakamura and Steinsson (2016) and of the one-asset model of Auclert et al. (2021). With such "
    "households the likelihood rises towards policy that responds to inflation by less than one, where the equilibrium "
    "soon is indeterminate; the prior of phi_pi begins at one there. The first edition keeps the calibration of the "
    "teaching version, 0.92 and 0.92.",
)

AT_ITS_BOUND = (
    "The persistence of productivity, rho_X, stands at the end of its range, 0.98, towards which the growth rates "
    "among the data draw it: its posterior says where that range ends. Of the households the fixed edition learns "
    "nothing: their parameters are calibrated."
)

EXACT = {"rwmh": "plain MH", "mpmh": "multi-proposal MH", "nuts": "NUTS"}


def write_page(runs: Mapping[str, RunDirectory], fixed: Model, households: Model) -> str:
    """The report over those of the runs ``exact``, ``ours`` and ``households`` that there are."""
    some = next(iter(runs.values()))
    page = Report(runs["ours"]) if "ours" in runs else Page()
    environment = some.read_json("environment.json")
    sections = [
        ("Theirs and ours", [_comparison(page, runs, environment["machine"])]),
        ("What the paper leaves open", [page.text(text) for text in SETTLED]),
        ("The posterior, by every route", _posterior(page, runs, fixed)),
        ("What the networks learnt", _learning(page, runs, fixed.estimated)),
        ("What the model says", implications_section(page) if isinstance(page, Report) else []),
        ("Households", _households(page, runs, fixed, households)),
    ]
    verdicts = {name: run.read_json("verdict.json") for name, run in runs.items()}
    verdict = {
        "tone": max((v["tone"] for v in verdicts.values()), key=["good", "caution", "bad"].index),
        "headline": f"{len(runs)} of 3 parts have been run.",
        "lines": [f"{name}: {v['headline']}" for name, v in verdicts.items()],
    }
    return render(
        "Sequence-Space Jacobian Meets Deep Learning, replicated",
        f"{fixed.reference} · US data 1966–2019",
        verdict,
        sections,
        environment["versions"]["estim"],
    )


def _comparison(page: Page, runs: Mapping[str, RunDirectory], machine: str) -> Item:
    """Theirs, their recipe on our code, and ours."""
    recipe = dict.fromkeys(THEIRS, "–")
    ours = dict.fromkeys(THEIRS, "–")
    if "exact" in runs:
        run, plain = runs["exact"], read_route(runs["exact"], "rwmh")
        recipe |= _learnt(run, "mpmh")
        recipe["200,000 draws of plain Metropolis"] = _minutes(
            _seconds(run, "rwmh") * 200_000 / plain.num_evaluations
        )
        recipe["the whole"] = _minutes(_seconds(run) - _seconds(run, "rwmh", "nuts"))
    if "ours" in runs:
        ours |= _learnt(runs["ours"], "hmc")
        ours["the whole"] = _by_the_clock(runs["ours"])
    if "households" in runs:
        ours["the whole, steady state at every draw"] = _by_the_clock(runs["households"])
    return page.table(
        ["", "Kase, Rigato and Rottner", "their recipe, here", "ours"],
        [[what, theirs, recipe[what], ours[what]] for what, theirs in THEIRS.items()],
        "The paper's figures beside those measured here.",
        f"Measured on {machine}. Times include compilation. Where fewer draws were made than the row says, the time is "
        "scaled up from those made; where more were made, down. Their 0.38 % and 0.33 % are of two networks.",
        left=(1, 2, 3),
    )


def _learnt(run: RunDirectory, route: str) -> dict[str, str]:
    """What a network cost and how far it errs, by the rows of `THEIRS`."""
    taught, chain = read_route(run, route), read_route(run, "surrogate")
    certificate, settings = (
        run.read_json("surrogate/certificate.json"),
        run.read_json("settings.json")["surrogate"],
    )
    steps = settings["num_chains"] * (settings["num_warmup"] + settings["num_samples"] * settings["thin"])
    kind = " gradients" if route == "hmc" else ""
    return {
        "training points": f"{taught.num_evaluations:,}{kind}: {_minutes(_seconds(run, route))}",
        "training of the network": _minutes(_seconds(run, "surrogate: training")),
        "200,000 draws from the network": f"{200_000 * sum(chain.seconds.values()) / steps:.1f} s",
        "wrong accept": " ± ".join(percent_pair(certificate["wrong_accept"])),
        "wrong reject": " ± ".join(percent_pair(certificate["wrong_reject"])),
    }


def _seconds(run: RunDirectory, *names: str) -> float:
    """Time that stages or routes of a run took, all of it where none is named."""
    routes = [*run.read_json("settings.json")["routes"], "surrogate"]
    by_route = {name: sum(read_route(run, name).seconds.values()) for name in routes}
    both = run.read_json("timings.json") | by_route
    return sum(both[name] for name in names or both)


def _by_the_clock(run: RunDirectory) -> str:
    """Wall time of a run, its report included; of stages side by side the sum would be longer."""
    seconds = run.read_json("environment.json").get("seconds")  # runs of earlier versions lack it
    return "not recorded" if seconds is None else _minutes(seconds + run.read_json("timings.json")["report"])


def _minutes(value: float) -> str:
    hours = value / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{value / 60:.1f} min" if value >= 60 else f"{value:.0f} s"


def _posterior(page: Page, runs: Mapping[str, RunDirectory], model: Model) -> list[Item]:
    """All routes to the posterior with fixed households, overlaid and as a table."""
    draws: dict[str, np.ndarray] = {}
    names = model.estimated
    if "exact" in runs:
        labels = EXACT | {"surrogate": "their recipe"}
        draws |= {label: read_route(runs["exact"], name).params for name, label in labels.items()}
    if "ours" in runs:
        draws["ours"] = read_route(runs["ours"], "surrogate").params
    if not draws:
        return []
    summaries = {label: summarise(values) for label, values in draws.items()}
    means = {label: summary.mean for label, summary in summaries.items()}
    if "ours" in runs:
        means["ours, corrected"] = runs["ours"].read_arrays("surrogate/check.npz")["mean"]
    exact = {label: s for label, s in summaries.items() if label in EXACT.values()} or summaries
    (center, error), std = _pool(list(exact.values())), pooled_std(exact)
    rows = [
        [name, number(center[i], 3), number(std[i], 3), number(error[i] / std[i], 3)]
        + [number((mean[i] - center[i]) / std[i], 3) for mean in means.values()]
        for i, name in enumerate(names)
    ]
    diagnostics = ", ".join(
        f"{label} {np.max(s.rhat):.4f} and {np.min(s.ess_bulk):,.0f}" for label, s in summaries.items()
    )
    prior = next(iter(runs.values())).read_arrays("prior.npz")["params"]
    return [
        page.table(
            ["", "exact", "sd", "error/sd", *means],
            rows,
            "Posterior means: the exact routes pooled by their precision, the posterior standard deviation, the "
            "standard error of the mean; and how far each route lies from it, in posterior standard deviations.",
            f"Largest R-hat and smallest effective sample size: {diagnostics}.",
        ),
        page.figure(
            figures.density_figure(_within(draws, center, std), names, prior),
            "Posterior densities",
            "Marginal densities by every route over the prior (grey), within eight standard deviations of the exact "
            "means. After figure 4 of the paper.",
        ),
        page.text(_identified(names, next(reversed(draws.values())), prior)),
        page.text(AT_ITS_BOUND),
    ]


def _within(draws: Mapping[str, np.ndarray], center: np.ndarray, std: np.ndarray) -> dict[str, np.ndarray]:
    """Draws ``[1, n, n_params]`` within eight standard deviations: one chain that ran away would hide the rest."""
    flat = {label: values.reshape(-1, values.shape[-1]) for label, values in draws.items()}
    near = {label: (np.abs(values - center) < 8 * std).all(axis=1) for label, values in flat.items()}
    return {label: values[near[label]][None] for label, values in flat.items()}


def _pool(summaries: list[Summary]) -> tuple[np.ndarray, np.ndarray]:
    """Means of several routes weighted by their precision, and the standard errors of the result."""
    precision = np.stack([s.mcse**-2.0 for s in summaries])
    total = precision.sum(axis=0)
    return np.sum(precision * [s.mean for s in summaries], axis=0) / total, total**-0.5


def _identified(names: tuple[str, ...], draws: np.ndarray, prior: np.ndarray) -> str:
    """What the data say of each parameter, in a paragraph: by how much they narrow the prior, what moves together."""
    flat = draws.reshape(-1, len(names)).astype(float)
    share = flat.std(axis=0) / prior.std(axis=0)
    moved = (flat.mean(axis=0) - prior.mean(axis=0)) / prior.std(axis=0)
    told = [f"{n} (to {100 * share[i]:.0f} %)" for i, n in enumerate(names) if share[i] < 0.5]
    untold = [n for i, n in enumerate(names) if share[i] > 0.8 and abs(moved[i]) < 1]
    against = [
        f"{n} ({number(moved[i], 1)})" for i, n in enumerate(names) if abs(moved[i]) > 1 and share[i] > 0.5
    ]
    correlation = np.corrcoef(flat.T)
    i, j = np.triu_indices(len(names), 1)
    order = np.argsort(-np.abs(correlation[i, j]))[:3]
    together = ", ".join(
        f"{names[i[k]]} and {names[j[k]]} ({number(correlation[i[k], j[k]], 2)})" for k in order
    )
    return (
        "What is identified: the data shrink the prior's standard deviation by more than half for "
        f"{', '.join(told) or 'no parameter'}. They leave {', '.join(untold) or 'none'} as the prior had it, and pull "
        f"{', '.join(against) or 'none'} away from where the prior had put it (by so many of its standard deviations) "
        "without settling it: there data and prior disagree, and another prior would give another answer. Most "
        f"closely tied in the posterior, and to be read together, are {together}."
    )


def _learning(page: Page, runs: Mapping[str, RunDirectory], names: tuple[str, ...]) -> list[Item]:
    """Slices, and points proposed and accepted, of the paper's recipe and of ours."""
    items = []
    for part, whose, route in (("exact", "their recipe", "multi-proposal MH"), ("ours", "ours", "HMC")):
        if part not in runs:
            continue
        slices, points = (runs[part].read_arrays(f"{name}.npz") for name in ("slices", "proposals"))
        curves = (slices[name] for name in ("grids", "exact", "surrogate"))
        items += [
            page.figure(
                figures.slice_figure(*curves, names, slices["mode"], points["proposed"]),
                f"Slices of the log-posterior, {whose}",
                f"Exact log-posterior and network ({whose}) along each parameter, the others at the mode. After figure "
                "1 of the paper.",
            ),
            page.figure(
                figures.proposal_figure(points["proposed"], points["accepted"], names),
                f"Proposed and accepted draws, {whose}",
                f"The points on which the network ({whose}) was trained, proposed by {route}, and those that it "
                "accepted. After figure 3 of the paper.",
            ),
        ]
    return items


def propensity_to_consume(model: Model, draws: np.ndarray) -> np.ndarray:
    """The average marginal propensity to consume ``[n]`` out of a passing rise in income, in the quarter of the rise.

    M_00 of Auclert, Rognlie and Straub (2024); by the budget it is one less the response of assets. Draws
    without a steady state are left out.
    """

    def propensity(draw):
        params = model.params(dict(zip(model.estimated, draw, strict=True)))
        solved = solve_household_jacobians(model, params, horizon=1)
        return 1 - solved.jacobians["A", "Z"][0, 0], solved.status

    values, status = jax.jit(lambda x: jax.lax.map(propensity, x))(draws)
    return np.asarray(values[status == Status.OK])


def _households(page: Page, runs: Mapping[str, RunDirectory], fixed: Model, households: Model) -> list[Item]:
    """The edition that estimates household parameters, and what households then do with a windfall."""
    calibrated = np.array([[fixed.defaults[n] for n in fixed.estimated]])
    at_rest = (
        f"With the calibrated households the average marginal propensity to consume is "
        f"{propensity_to_consume(fixed, calibrated)[0]:.3f} a quarter, whatever the other parameters."
    )
    if "households" not in runs:
        return [page.text(at_rest)]
    run, names = runs["households"], households.estimated
    params = {"surrogate": read_route(run, "surrogate").params, "HMC": read_route(run, "hmc").params}
    learnt, exact = (summarise(values) for values in params.values())
    prior, stated = run.read_arrays("prior.npz")["params"], run.read_json("model.json")["prior"]
    corrected = run.read_arrays("surrogate/check.npz")["mean"]
    rows = [
        [
            name,
            mean_std(stated[i]["mean"], stated[i]["std"], digits(learnt.std[i])),
            mean_std(learnt.mean[i], learnt.std[i], digits(learnt.std[i])),
            number((corrected[i] - learnt.mean[i]) / learnt.std[i], 3),
            number((exact.mean[i] - learnt.mean[i]) / learnt.std[i], 2),
            number(exact.mcse[i] / exact.std[i], 2),
        ]
        for i, name in enumerate(names)
    ]
    flat = params["surrogate"].reshape(-1, len(names))
    some = np.linspace(0, len(flat) - 1, 400).astype(int)
    posterior, before = (
        propensity_to_consume(households, np.asarray(x, float)) for x in (flat[some], prior[:400])
    )
    low, high = np.quantile(posterior, [0.05, 0.95])
    return [
        page.table(
            ["", "prior", "posterior", "corrected", "HMC", "its error"],
            rows,
            "Means and standard deviations with the households' income risk estimated.",
            "The posterior is that of the network. How far its means move by importance weights, and how far those "
            "of the HMC chains that taught it lie away, is in posterior standard deviations.",
        ),
        page.figure(
            figures.density_figure(params, names, prior),
            "Posterior densities, households estimated",
            "Over the prior (grey).",
        ),
        page.text(_identified(names, params["surrogate"], prior)),
        page.figure(
            figures.density_figure(
                {"posterior": posterior[None, :, None]}, ["average MPC, a quarter"], before[:, None]
            ),
            "Average marginal propensity to consume",
            "Posterior over the prior (grey) of the share of a passing rise in income that households spend in the "
            f"quarter of the rise. Mean {np.mean(posterior):.3f}, 90 % interval {low:.3f} to {high:.3f}.",
        ),
        page.text(at_rest),
    ]
