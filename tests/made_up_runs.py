"""Run directories whose draws are made up: reports of them take no sampling."""

import numpy as np
import pandas as pd

from estim.results.store import RunDirectory

NAMES = ("tau", "kappa", "rho_R")
ROUTES = ("rwmh", "nuts", "mpmh", "surrogate")


def normal_draws(rng, num_draws=600):
    return rng.standard_normal((4, num_draws, len(NAMES))) * [0.5, 0.01, 2.0] + [2.0, 0.3, -1.0]


def write_run(path, change=lambda draws: None, routes=ROUTES):
    """A run directory whose routes drew from the same normal, unless `change` moves them."""
    rng, run = np.random.default_rng(1), RunDirectory(path)
    draws = {route: normal_draws(rng) for route in routes}
    change(draws)
    exact = [r for r in routes if r != "surrogate"]
    surrogate = {"train_on": exact[-1:]} if "surrogate" in routes else None
    run.write_json(
        "settings.json",
        {
            "title": "A <test> & more",
            "model": "m",
            "data": "d",
            "remarks": "The data were revised.",
            "seed": 0,
            "routes": {name: {} for name in exact},
        }
        | {"surrogate": surrogate},
    )
    prior = [
        {"name": n, "family": "gamma", "mean": 1.0, "std": s}
        for n, s in zip(NAMES, (1.0, None, 2.0), strict=True)
    ]
    run.write_json(
        "model.json",
        {
            "name": "m",
            "reference": "Author (2007)",
            "variables": ["y"],
            "shocks": ["e"],
            "observables": ["YGR"],
        }
        | {"prior": prior, "calibrated": {"beta": 0.99}, "published": {"tau": 2.1, "rho_R": -3.0}},
    )
    run.write_json("environment.json", {"date": "2020-01-01", "machine": "m", "versions": {"estim": "0"}})
    run.write_json("timings.json", {"posterior mode": 1.0})
    quarters = pd.period_range("1990Q1", periods=20, freq="Q", name="date")
    run.write_text("data.csv", pd.DataFrame({"YGR": rng.standard_normal(20)}, index=quarters).to_csv())
    run.write_arrays("mode.npz", {"params": np.array([2.0, 0.3, -1.0])})
    run.write_arrays("prior.npz", {"params": normal_draws(rng).reshape(-1, 3)})
    for route, values in draws.items():
        log = rng.standard_normal(values.shape[:2])
        counts = {"num_evaluations": 5000, "seconds.sample": 2.0, "failures.INDETERMINATE": 50}
        parts = {"params": values, "loglikelihood": log, "logprior": log}
        run.append_chunk(route, parts | {"stats.acceptance_rate": np.abs(np.tanh(log))} | counts)
    run.write_arrays("impulse_responses.npz", {r: rng.standard_normal((50, 8, 1, 1)) for r in routes})
    shares = np.array([[0.9, 0.1], [0.7, 0.3]])[None, :, None]
    history = rng.standard_normal((20, 1, 3)) * [1.0, 0.0, 0.2]  # nothing from before the sample
    run.write_arrays("decompositions.npz", {"horizons": [1, np.inf], "shares": shares, "history": history})
    write_implications(run, rng)
    if surrogate:
        write_surrogate(run, rng)
    return run


def write_implications(run, rng):
    """Of the one observable, the one variable and the one shock, and of the three parameters, of which two are told."""
    path = lambda *shape: np.sort(rng.standard_normal((5, *shape)), axis=0)
    sd = np.r_[np.inf, np.ones(19)][:, None]
    run.write_arrays("one_step_ahead.npz", {"mean": rng.standard_normal((20, 1)), "sd": sd})
    run.write_arrays("history.npz", {"shocks": path(20, 1), "variables": path(20, 1)})
    periods = pd.period_range("1995Q1", periods=12, freq="Q").astype(str).to_numpy(str)
    run.write_arrays("forecast.npz", {"bands": path(12, 1), "periods": periods})
    drawn = {which: rng.standard_normal((50, 3, 1)) for which in ("prior", "posterior")}
    run.write_arrays("predictive_checks.npz", drawn | {"data": np.array([[0.0], [9.0], [np.nan]])})
    values = {"rank": 2, "singular_values": np.array([1.5, 0.8, 0.0]), "sensitivity": np.ones(3)}
    run.write_arrays("identification.npz", values | {"directions": np.eye(3)[[0, 2, 1]]})
    run.write_json(
        "implications.json", {"left_out": {"shares_of_wealth": "there is no rule for a StateSpace"}}
    )


def write_surrogate(run, rng):
    loss = np.exp(-np.arange(20.0))[:, None]
    run.write_arrays(
        "surrogate/network.npz",
        {
            "history/train_loss": loss,
            "history/validation_loss": 2 * loss,
            "counts/kept": 400,
            "counts/low_density": 100,
        },
    )
    run.write_arrays(
        "surrogate/check.npz",
        {"exact": rng.standard_normal(99), "surrogate": rng.standard_normal(99)}
        | {"mean": np.array([2.0, 0.3, -1.5]), "error": np.array([0.01, 0.0002, 0.04])},
    )
    grids = np.linspace(-1, 1, 9) * np.ones((3, 1))
    curves = {"exact": -(grids**2), "surrogate": -(grids**2) + 0.1}
    run.write_arrays("slices.npz", {"grids": grids, "mode": np.zeros(3)} | curves)
    run.write_arrays("proposals.npz", {k: rng.standard_normal((500, 3)) for k in ("proposed", "accepted")})
    estimates = {
        "wrong_accept": [0.0012, 0.0001],
        "wrong_reject": [0.0014, 0.0002],
        "kl_divergence": [0.01, None],
        "total_variation": [0.021, 0.002],
    }
    numbers = {
        "rhat": 1.004,
        "training_rhat": None,
        "step_size": 0.71,
        "pareto_khat": 0.31,
        "reliable_khat": 0.68,
    }
    shifts = {"mean_shift": 0.02, "sd_shift": 0.01, "quantile_shift": 0.03, "largest_error": 0.4}
    counts = {"ensemble_calibration": None, "effective_evaluations": 900.0, "num_failures": 0}
    words: dict = {"num_evaluations": 2000, "verdict": "safe", "reasons": []}
    words["conditions"] = [["the mean is right", "off by +0.020", "within 0.1", True, "", False]]
    run.write_json("surrogate/certificate.json", estimates | numbers | shifts | counts | words)
