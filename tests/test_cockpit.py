"""The cockpit: its answers against the verbs, its gradients against differences, and its page in a headless browser."""

import socket
import threading
import time
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_models import ar1, coarse
from webdriver import CHROMIUM, browser

import estim
from estim.arguments import ArgumentError
from estim.cli import main
from estim.cockpit.levers import levers_of
from estim.cockpit.moves import Cockpit, Estimated
from estim.models import load_model

served = pytest.mark.skipif(
    not all(map(find_spec, ("starlette", "uvicorn"))), reason="starlette and uvicorn are not installed"
)
seen = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
sim = load_model("godley_lavoie_2007_sim")
SIM = Cockpit(sim, 30)
one = ar1()
AR1 = Cockpit(one, 12)


def test_a_simulation_shows_its_path():
    answer = SIM.move({"estimated:alpha1": 0.7, "shocks:consumption": 0.0, "shocks:spending": 2.0})
    shocks = np.zeros((30, 2))
    shocks[0, sim.shocks._fields.index("spending")] = 2.0
    path = estim.simulate(sim, {"alpha1": 0.7}, shocks)
    assert answer["exact"] and {"Y", "C", "H"} <= set(SIM.view.series)
    want = path.sel(variable=SIM.view.series)
    np.testing.assert_allclose(np.array(answer["paths"]).T, want, rtol=1e-12)
    income = SIM.view.series.index("Y")
    assert answer["parts"]["Y"] == pytest.approx(np.var(answer["paths"][income]), rel=1e-10)


def test_a_model_shows_its_responses():
    rho = next(v for v in AR1.levers if v.name == "rho")
    answer = AR1.move({f"{rho.group}:rho": 0.5})
    responses = estim.impulse_responses(one, {"rho": 0.5}, horizon=12)
    first = one.shocks._fields[0]
    np.testing.assert_allclose(answer["paths"][0], responses.sel(shock=first)[:, 0], rtol=1e-10)


@pytest.mark.parametrize("cockpit", [SIM, AR1], ids=["simulation", "model"])
def test_bars_are_gradients_times_a_tenth_of_the_range(cockpit):
    answer, part = cockpit.settle({}), cockpit.parts[0]
    for i, lever in enumerate(cockpit.levers):
        key, step = f"{lever.group}:{lever.name}", 1e-5 * (lever.high - lever.low)
        ends = [cockpit.move({key: lever.start + s * step})["parts"][part] for s in (1, -1)]
        want = (ends[0] - ends[1]) / (2 * step) * 0.1 * (lever.high - lever.low)
        assert answer["gradient"][part][i] == pytest.approx(want, rel=1e-4, abs=1e-7)


def test_a_slow_model_is_linearised_first():
    slow = Cockpit(sim, 30)
    slow.seconds = 1.0
    by_differences, by_algebra = slow.settle({})["gradient"]["Y"], SIM.settle({})["gradient"]["Y"]
    np.testing.assert_allclose(by_differences, by_algebra, rtol=2e-3, atol=1e-6)
    near, exact = (slow.move({"estimated:alpha1": 0.61}), SIM.move({"estimated:alpha1": 0.61}))
    assert not near["exact"] and exact["exact"]
    apart = np.abs(np.array(near["paths"]) - exact["paths"]).max()
    away = np.abs(np.array(SIM.move({})["paths"]) - exact["paths"]).max()
    assert 0 < apart < 0.2 * away
    assert slow.settle({"estimated:alpha1": 0.61})["exact"] and slow.move({"estimated:alpha1": 0.61})["exact"]


def test_where_there_is_no_solution_it_says_so():
    rho = next(v for v in AR1.levers if v.name == "rho")
    broken = Cockpit(one, 12)
    broken.levers = [v._replace(high=2.0) if v.name == "rho" else v for v in broken.levers]
    assert "failed" in broken.move({f"{rho.group}:rho": 1.5})
    assert AR1.vector({f"{rho.group}:rho": 99.0})[AR1.levers.index(rho)] == rho.high


def test_levers_span_prior_and_posterior():
    draws = np.full((50, len(one.estimated)), 0.5) + np.linspace(0, 0.1, 50)[:, None]
    for lever in levers_of(one, draws):
        assert lever.low <= lever.start <= lever.high
        assert (lever.likely is not None) == (lever.group == "estimated")
    assert [v.group for v in levers_of(one)] == sorted(
        (v.group for v in levers_of(one)), key=["estimated", "calibrated", "shocks"].index
    )


@cache
def simulated_run(learnt=True):
    """Of SIM: draws around its prior's means, and a surrogate that is a quadratic."""
    path = SIM.model.compiled_path(None, np.random.default_rng(0).normal(size=(40, 2)))
    posterior = estim.build_posterior(sim, pd.DataFrame(path.observables._asdict()))
    centre = np.asarray(posterior.start)
    rows = centre + 0.1 * np.random.default_rng(1).normal(size=(80, len(centre)))
    values = jax.vmap(posterior.constrain_fn)(rows)
    draws = np.stack([np.asarray(values[name]) for name in posterior.param_names], axis=1)
    quadratic = estim.from_logdensity(lambda x: -50 * jnp.sum((x - centre) ** 2), np.asarray(centre))
    return Estimated(posterior, draws, None, quadratic if learnt else None)


def test_a_run_of_a_simulation_has_bands_of_paths_and_a_surrogate_says_how_likely():
    run = simulated_run()
    cockpit = Cockpit(sim, 12, None, run)
    values = {
        f"estimated:{n}": float(x) for n, x in zip(run.posterior.param_names, run.draws[3], strict=True)
    }
    answer = cockpit.move(values)
    low, high = np.array(answer["bands"])
    paths = np.array(answer["paths"])
    assert low.shape == paths.shape and np.mean((low <= paths) & (paths <= high)) > 0.5
    rest = [
        float(sim.start(sim.params(dict(zip(run.posterior.param_names, d, strict=True)))).Y)
        for d in run.draws
    ]
    income = cockpit.view.series.index("Y")
    assert np.quantile(rest, 0.02) < low[income, -1] < high[income, -1] < np.quantile(rest, 0.98) * 1.02
    position = lambda row: run.posterior.unconstrain_fn(
        dict(zip(run.posterior.param_names, row, strict=True))
    )
    density = lambda row: float(run.learnt.logdensity_fn(position(row)))
    best = max(map(density, run.draws))
    assert answer["likely"]["density"] == pytest.approx(density(run.draws[3]) - best, abs=1e-5)
    assert (
        answer["likely"]["learnt"]
        and not Cockpit(sim, 12, None, simulated_run(False)).move(values)["likely"]["learnt"]
    )
    slow = Cockpit(sim, 12, None, run)
    slow.seconds = 60.0  # the surrogate answers even where a solution takes a minute, bands do not
    assert slow.move(values)["likely"]["density"] == pytest.approx(answer["likely"]["density"], abs=1e-5)
    assert slow.move(values)["bands"] is None


def test_a_run_has_bands_and_says_how_likely(rng_key):
    data = np.sin(np.arange(40.0))
    posterior = estim.build_posterior(one, pd.DataFrame({"X": data}))
    names, rng = posterior.param_names, np.random.default_rng(0)
    draws = np.array([[float(one.params()._asdict()[n]) for n in names]]) * np.exp(
        0.05 * rng.normal(size=(60, len(names)))
    )
    each = [
        estim.impulse_responses(one, dict(zip(names, row, strict=True)), horizon=12).values[:, :1]
        for row in draws[:20]
    ]
    cockpit = Cockpit(one, 12, None, Estimated(posterior, draws, np.array(each)))
    answer = cockpit.move({})
    low, high = np.array(answer["bands"])
    assert low.shape == (1, 12) and (low <= high).all() and low[0, 0] <= answer["paths"][0][0] <= high[0, 0]
    edge = {f"estimated:{names[0]}": next(v for v in cockpit.levers if v.name == names[0]).low}
    assert cockpit.move(edge)["likely"]["further"] < answer["likely"]["further"]
    assert cockpit.move(edge)["likely"]["density"] < answer["likely"]["density"]


# --- the page ---


class Served(NamedTuple):
    url: str
    port: int


@contextmanager
def serving(cockpit):
    import uvicorn

    from estim.cockpit.server import application

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = uvicorn.Config(application(cockpit), host="127.0.0.1", port=port, log_level="error")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield Served(f"http://127.0.0.1:{port}/", port)
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def page():
    with serving(SIM) as served:
        yield served


MOVE = """
const lever = document.getElementById("estimated:alpha1");
lever.value = 900;
lever.dispatchEvent(new Event("input"));"""
LOOK = """return {
  path: document.querySelector("[id='panel 0'] .now")?.getAttribute("points") ?? null,
  state: document.getElementById("state").textContent,
  bars: document.querySelectorAll(".bar").length,
  part: document.getElementById("part loss")?.textContent ?? null,
  likely: document.getElementById("likely").hidden ? null : document.getElementById("likely").textContent,
  trail: document.querySelectorAll("#tradeoff .trail").length,
  arrows: document.querySelectorAll("#tradeoff .arrow").length,
  band: document.querySelector("[id='panel 0'] .band") !== null,
  wide: document.documentElement.scrollWidth, window: window.innerWidth,
  elsewhere: performance.getEntriesByType("resource").map(r => new URL(r.name).host),
  host: location.host}"""


def when(window, holds):
    for _ in range(200):
        if holds(found := window.run(LOOK)):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


@served
@seen
@pytest.mark.parametrize("width, dark", [(1280, False), (390, True)], ids=["wide", "narrow and dark"])
def test_a_lever_moves_the_path(page, width, dark):
    with browser() as window:
        window.resize(width, dark)
        window.open(page.url)
        before = when(window, lambda found: found["path"] and found["bars"] > 0)
        window.run(MOVE)
        after = when(
            window, lambda found: found["path"] != before["path"] and found["part"] != before["part"]
        )
        assert after["state"] == "exact" and after["bars"] == min(12, len(SIM.levers))
        assert after["wide"] <= after["window"]
        assert set(after["elsewhere"]) <= {after["host"]}
        assert window.errors() == []


def move(window, lever, share):
    """A lever to a share of its range, in thousandths."""
    window.run(MOVE.replace("estimated:alpha1", lever).replace("900", str(share)))


@served
@seen
@pytest.mark.parametrize("width, dark", [(1280, True), (390, False)], ids=["wide and dark", "narrow"])
def test_a_run_shows_bands_bars_trade_off_and_likelihood(width, dark):
    with serving(Cockpit(sim, 20, None, simulated_run())) as run, browser() as window:
        window.resize(width, dark)
        window.open(run.url)
        before = when(window, lambda found: found["path"] and found["bars"] > 0 and found["likely"])
        assert before["band"] and before["arrows"] == 4 and "by the surrogate: " in before["likely"]
        move(window, "estimated:alpha1", 900)
        after = when(
            window, lambda found: found["likely"] != before["likely"] and found["trail"] > before["trail"]
        )
        assert "below the best" in after["likely"] and "0 % of the posterior's draws" in after["likely"]
        signs = window.run("return [...document.querySelectorAll('.bar')].map(bar => bar.textContent)")
        assert len(signs) == after["bars"] and any("-" in x or "−" in x for x in signs)
        assert after["wide"] <= after["window"] and window.errors() == []


@served
@seen
def test_an_economy_of_households_in_the_page():
    """First by the gradient, where a solution takes its time, then exact."""
    cockpit = Cockpit(coarse("krusell_smith_1998"), 20)
    cockpit.seconds = 1.0
    lever = next(v for v in cockpit.levers if v.group == "estimated")
    with serving(cockpit) as economy, browser() as window:
        window.resize(1280, False)
        window.open(economy.url)
        before = when(window, lambda found: found["path"] and found["bars"] > 0)
        move(window, f"estimated:{lever.name}", 800)
        after = when(
            window,
            lambda found: found["path"] != before["path"] and found["state"] == "exact" and found["bars"] > 0,
        )
        assert after["part"] != before["part"] and window.errors() == []
        assert window.run(
            "return document.getElementById('against').hidden"
        )  # one objective has no trade-off


@served
def test_only_this_machine_is_answered(page):
    from http.client import HTTPConnection

    for host, status in ((f"127.0.0.1:{page.port}", 200), ("elsewhere.example", 400)):
        asked = HTTPConnection("127.0.0.1", page.port, timeout=30)
        asked.request("GET", "/contents", headers={"Host": host})
        assert asked.getresponse().status == status
    asked = HTTPConnection("127.0.0.1", page.port, timeout=30)
    asked.request(
        "POST", "/move", body='{"estimated:alpha1": "x"}', headers={"Content-Type": "application/json"}
    )
    assert asked.getresponse().status == 400


def test_a_model_that_is_none_is_an_error(capsys):
    assert main(["cockpit", "no_such_model"]) == 2
    assert "no_such_model" in capsys.readouterr().err


def test_a_cockpit_opens_on_a_model_its_name_or_its_file(tmp_path):
    (tmp_path / "steered.py").write_text(
        "import estim\n"
        "model = estim.load_model('godley_lavoie_2007_sim')\n"
        "objectives = lambda paths: {'gap': (paths['Y'][-1] - 100) ** 2}\n"
    )
    of_object, of_name = (estim.open_cockpit(model, 30) for model in (sim, "godley_lavoie_2007_sim"))
    of_file = estim.open_cockpit(tmp_path / "steered.py", 30)
    move = {"estimated:alpha1": 0.7}
    want = SIM.move(move)
    for cockpit in (of_object, of_name, of_file):
        assert cockpit.move(move)["paths"] == want["paths"]
    income = want["paths"][SIM.view.series.index("Y")]
    assert of_file.move(move)["parts"] == pytest.approx({"gap": (income[-1] - 100) ** 2})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rust_1987",), "the cockpit shows a Model or a Simulation, not a DecisionModel"),
        ((sim, 0), "open_cockpit: horizon must be"),
        ((3.0,), "open_cockpit: model must be"),
    ],
)
def test_what_the_cockpit_cannot_show_is_an_error(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        estim.open_cockpit(*arguments)
