"""The page of the gallery and its pictures: ``python experiments/gallery.py [NAME ...]`` draws the models that are
named, or all of them, into docs/gallery/, and writes docs/gallery.md.

A row of `KINDS` is a model: what it is in a sentence, and how it is drawn. Drawing returns the picture's title.
"""

import argparse
import io
from functools import partial
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import estim
from estim.models import bianchi_2011
from estim.results.figures.style import DASHES, MUTED, PALETTE, STYLE

DOCS = Path(__file__).parent.parent / "docs"
PICTURES = DOCS / "gallery"
HEAD = """# Gallery

Published models, each a file of the package that you can read, change and estimate: `estim.load_model` gives one,
`estim.list_models()` their names. Pictures are drawn by `experiments/gallery.py`, where nothing else is said at the
parameters that a model has by default: calibrated values and means of priors.
"""


# ----- of a path


def lines(ax, x, paths, **labels):
    for i, (name, path) in enumerate(paths.items()):
        ax.plot(x, path, label=name, color=PALETTE[i], linestyle=DASHES[i])
    ax.set(**labels)
    if len(paths) > 1:
        ax.legend()


def percent(
    ax, model, shock, size=1.0, what="", horizon=24, times=100.0, period="quarters", level="", **names
):
    """Variables after a shock: per cent of where they rest, or, where they rest at zero, their change."""
    path = estim.simulate(model, None, {shock: [size] + [0.0] * (horizon - 1)}, include_start=True)
    rest = path[0]
    change = times * (path - rest if level else path / rest - 1)
    paths = {label.replace("_", " "): change.sel(variable=name) for label, name in names.items()}
    lines(ax, path.period, paths, xlabel=period, ylabel=level or "per cent")
    ax.axhline(0.0, color=MUTED, lw=0.5, zorder=0)
    return what


def responses(ax, model, shock, what, horizon=24, times=1.0, **names):
    """Of variables that are deviations already."""
    found = estim.impulse_responses(model, horizon=horizon).sel(shock=shock)
    paths = {label.replace("_", " "): times * found.sel(variable=name) for label, name in names.items()}
    lines(ax, np.arange(horizon), paths, xlabel="quarters", ylabel="per cent")
    ax.axhline(0.0, color=MUTED, lw=0.5, zorder=0)
    return what


def asymmetry(ax, model):
    """Responses to a shock and to its opposite: their mean would be zero, were the model linear."""
    solution, spec = estim.solve(model, solver=estim.Perturbation(order=2)), estim.load_model(model)
    k = spec.shocks._fields.index("eps_R")
    both = [
        np.asarray(estim.analysis.generalised_impulse_responses(solution, 12, size=s)) for s in (3.0, -3.0)
    ]
    names = {"output growth": "YGR", "inflation": "INFL", "rate": "INT"}
    left = {label: 50 * sum(both)[:, spec.observables._fields.index(v), k] for label, v in names.items()}
    lines(ax, np.arange(12), left, xlabel="quarters", ylabel="basis points")
    return "What a rise and a cut of the rate do not cancel"


def bounded(ax, model):
    """After a fall of the natural rate, by the piecewise-linear solution."""
    shocks = {"e_r": [-6.0] + [0.0] * 15}
    path = estim.simulate(model, {"rho_r": 0.85}, shocks, solver=estim.OccasionallyBinding())
    names = {"output gap": "x", "inflation": "pinf", "rate": "i", "rate of the rule": "inot"}
    lines(
        ax,
        path.period,
        {k: path.sel(variable=v) for k, v in names.items()},
        xlabel="quarters",
        ylabel="per cent",
    )
    ax.axhline(0.0, color=MUTED, lw=0.5, zorder=0)
    return "After a fall of the natural rate"


def orders(ax, model):
    shocks, spec = {"eps": [3.0] + [0.0] * 11}, estim.load_model(model)
    p = spec.params()
    now = spec.variables(*np.asarray(estim.simulate(spec, None, {"eps": [0.0]})[0]))
    exact = []
    for eps in shocks["eps"]:
        now = module(model).exact_path(now, spec.shocks(eps), p)
        exact.append(float(now.k))
    paths = [
        estim.simulate(spec, None, shocks, solver=estim.Perturbation(order=order)) for order in (1, 2, 3)
    ]
    errors = {f"order {i}": 100 * (path.sel(variable="k") / exact - 1) for i, path in enumerate(paths, 1)}
    lines(ax, np.arange(1, 13), errors, xlabel="periods", ylabel="per cent")
    return "Capital after a shock: error of a perturbation"


def risk(ax, model):
    third, zero = estim.Perturbation(order=3), [0.0] * 24
    at = lambda size: estim.simulate(model, None, {"e_s": [size, *zero]}, solver=third)
    calm, risky = at(0.0), at(3.0)
    change = 1e6 * (risky / calm - 1)
    paths = {
        name: change.sel(variable=v) for name, v in (("consumption", "c"), ("capital", "k"), ("output", "y"))
    }
    lines(ax, calm.period, paths, xlabel="quarters", ylabel="millionths")
    return "When risk rises by three deviations"


def banks(ax, model, what, state, ylabel, unit=100.0, loss=0.08):
    """Each bank's state, round by round, after a loss."""
    path = estim.simulate(model, None, {"loss": [loss] + [0.0] * 7})
    paths = {f"bank {i + 1}": unit * path.sel(variable=f"{state}.{i}") for i in (0, 2, 4)}
    lines(ax, path.period, paths, xlabel="rounds", ylabel=ylabel)
    return what


def rounds(ax, model):
    """From final demand on, what was produced a round ago takes inputs."""
    path = estim.simulate(model, None, {"demand": [0.0] * 10})
    curves = {f"sector {i + 1}": path[:, i] for i in range(3)}
    lines(ax, path.period, curves, xlabel="rounds", ylabel="output, units of money")
    return "What a final demand takes, round by round"


def of_loss(ax, model, losses, shown, what):
    """Where contagion ends, by the loss that it began with."""
    spec = estim.load_model(model)
    paths = {label: [] for label in shown}
    for loss in losses:
        end = estim.simulate(spec, None, {"loss": [loss] + [0.0] * 20})[-1]
        for label, (variable, unit) in shown.items():
            paths[label].append(unit * float(end.sel(variable=variable)))
    lines(ax, 100 * losses, paths, xlabel="loss of outside assets, per cent", ylabel="per cent")
    return what


def accounts(ax, model, shocks, what, **names):
    path = estim.simulate(model, None, shocks, include_start=True)
    change = {
        label.replace("_", " "): path.sel(variable=v) - path.sel(variable=v)[0] for label, v in names.items()
    }
    lines(ax, path.period, change, xlabel="years", ylabel="change, units of money")
    ax.axhline(0.0, color=MUTED, lw=0.5, zorder=0)
    return what


def national(ax, model):
    with_it, without = (
        estim.simulate(model, None, {"spending": [size] + [0.0] * 39}, include_start=True)
        for size in (1.0, 0.0)
    )
    names = {"output": "Y", "consumption": "C", "wealth": "H"}
    change = {label: (with_it - without).sel(variable=name) for label, name in names.items()}
    lines(ax, with_it.period, change, xlabel="quarters", ylabel="% of potential output")
    return "After others buy more"


def chain(ax, model):
    shocks = np.zeros((12, 10))
    shocks[0, 0] = 3.0
    spec = estim.load_model(model)
    path = estim.simulate(spec, None, spec.shocks(jnp.asarray(shocks)))
    change = {f"producer {i + 1}": 100 * (path[:, i] - 1) for i in (0, 9, 8, 7)}
    lines(ax, path.period, change, xlabel="periods", ylabel="per cent")
    return "After a cut of producer 1"


# ----- of many agents


def crowd(model, sizes, periods, seed=0):
    """The cross-section in the last period of a simulation with shocks of each agent's own."""
    spec = estim.load_model(model)
    keys = jax.random.split(jax.random.key(seed), len(sizes))
    shape = {False: (periods,), True: (periods, 1000)}
    shocks = spec.shocks(*(jax.random.normal(k, shape[own]) for k, own in zip(keys, sizes, strict=True)))
    return spec, estim.simulate(spec, None, shocks)


def wealth(ax, model):
    _, path = crowd(model, (False, True, True), 300)
    w = np.sort(path.sel(variable=[f"w.{i}" for i in range(1000)])[-1])[::-1]
    ax.loglog(w, np.arange(1, 1001) / 10, color=PALETTE[0])
    ax.set(xlabel="wealth", ylabel="per cent that have more")
    return "A tail that returns make: nearly a line"


def firms(ax, model):
    _, path = crowd(model, (True, True, True), 300)
    s = np.sort(np.asarray(path[-1, :1000]))[::-1]
    ax.loglog(s, np.arange(1, 1001) / 10, color=PALETTE[0])
    ax.set(xlabel="size of the firm", ylabel="per cent that are larger")
    ax.set(xticks=(2, 3, 5, 10), xticklabels=(2, 3, 5, 10))
    ax.xaxis.minorticks_off()
    return "Sizes of firms after 300 periods"


def dynasties(ax, name):
    model = estim.load_model(name)
    path = model.path(None, model.shocks(np.random.default_rng(0).normal(size=(12, 1000))))
    generations = np.arange(1, 13)
    shares = {
        "who cannot invest": 100 * path.observables.poor,
        "Gini coefficient": 100 * path.observables.gini,
    }
    lines(ax, generations, shares, xlabel="generations", ylabel="per cent")
    ax.set(ylim=(0, None))
    return "Poor and unequal, dynasty by dynasty"


def coefficients(ax, name):
    model = estim.load_model(name)
    names = model.shocks._fields if hasattr(model.shocks, "_fields") else model.shocks
    path = model.path(None, np.random.default_rng(1).normal(size=(20, len(names))))
    logs = np.stack(path.observables, axis=-1)[:, :3]
    lines(ax, np.arange(20), {f"input 1 of sector {j + 1}": np.exp(logs[:, j]) for j in range(3)},
          xlabel="years", ylabel="units of input a unit of output")  # fmt: skip
    ax.set(ylim=(0, None), xticks=range(0, 20, 5))
    return "Coefficients that drift"


def orders_of_firms(ax, model):
    _, path = crowd(model, (True,), 60)
    stocks = {f"firm {i + 1}": path.sel(variable=f"stock.{i}") for i in (0, 1)}
    lines(ax, path.period, stocks, xlabel="periods", ylabel="stock, units")
    return "Two firms: down to s, then up to S"


def tail(ax, model):
    frame = estim.simulate_agents(estim.load_model(model), None, num_agents=1, rng_key=jax.random.key(0))
    ax.plot(frame["before"].to_numpy(), color=PALETTE[0])
    ax.axhline(10.0, color=MUTED, lw=0.8, ls="--")
    ax.set(xlabel="periods", ylabel="inventory, units")
    return "A firm's inventory, and where it orders (dashed)"


def counts(ax, model):
    frame = estim.simulate_agents(
        estim.load_model(model), {"linear": 0.7, "square": -0.2}, num_agents=400, rng_key=jax.random.key(0)
    )
    x = np.linspace(-3, 3, 100)
    ax.plot(frame["x"], frame["y"], ".", ms=3, color=PALETTE[5])
    ax.plot(x, np.exp(0.7 * x - 0.2 * x**2), color=PALETTE[1])
    ax.set(xlabel="x", ylabel="counts y")
    return "Counts, and their mean"


# ----- of decisions and markets


def module(model):
    return import_module(f"estim.models.{model}")


def savers(ax, model, assets, states, what):
    """The distribution of assets, and the part of households with less."""
    law = np.asarray(estim.solve(model).distribution)
    share = 100 * law.cumsum(axis=1) / law.sum(axis=1, keepdims=True)
    curves = dict(zip(states, share, strict=True))
    lines(ax, assets, curves, xlabel="assets, goods", ylabel="per cent that have less")
    ax.set(ylim=(0, 104), xlim=(assets[0], assets[(share < 99.99).any(axis=0)][-1]))
    return what


def chosen(ax, x, curves, what, xlabel, ylabel, **labels):
    lines(ax, x, curves, xlabel=xlabel, ylabel=ylabel, **labels)
    return what


def default(ax, model):
    solution = estim.solve(model)
    q, debt = np.asarray(module(model).prices(solution)), -np.linspace(-0.45, 0.45, 251)
    curves = {f"income {w}": q[:, j] for w, j in (("low", 15), ("mean", 25), ("high", 35))}
    return chosen(
        ax,
        debt,
        curves,
        "What a government gets for a bond",
        "debt issued, goods",
        "price, goods a bond",
        xlim=(0, 0.4),
    )


def overborrowing(ax, model):
    bonds = np.linspace(-1.02, -0.2, 100)
    laws = {"households": estim.solve(model), "planner": estim.solve(bianchi_2011.build_planner())}
    less = {who: np.asarray(s.distribution).sum(axis=1)[::-1].cumsum() for who, s in laws.items()}
    curves = {who: 100 * share for who, share in less.items()}
    what = "How often the economy owes no more"
    return chosen(ax, -bonds[::-1], curves, what, "debt, goods", "per cent of the time", xlim=(0.6, 1.0))


def sizes(ax, model):
    solution, low = estim.solve(model), module(model)
    firms, p = solution.policy, solution.params
    x = np.linspace(float(firms.threshold) - 0.3, 3.0, 300)
    density = np.exp(jax.vmap(lambda at: low.log_density(at, solution, p))(jnp.asarray(x)))
    ax.axvline(float(firms.threshold), color=MUTED, ls="--", lw=0.8)
    what = "Firms; left of the dashed line they leave"
    return chosen(ax, x, {"": density}, what, "log productivity", "density of firms")


def eaten(ax, model):
    points, assets = estim.solve(model).value, np.linspace(0.0, 8.0, 200)
    c = np.asarray(module(model).consumption(points, assets))
    curves = {f"income {w}": c[j] for w, j in (("low", 0), ("mean", 12), ("high", 24))}
    return chosen(ax, assets, curves, "What is consumed", "assets, goods", "consumption, goods")


def ordered(ax, model):
    policy, stock = np.asarray(estim.solve(model).policy), np.arange(101)
    curves = {"discount factor low": policy[:, 0], "high": policy[:, -1]}
    return chosen(ax, stock, curves, "What is ordered", "stock, units", "order, units", xlim=(0, 40))


def retiring(ax, model):
    choices = estim.solve(model).policy
    cash = 0.050050 + 1.2 * 199.95 * np.linspace(0.0, 1.0, 300) ** 2.5
    works = 100 / (1 + np.exp(-np.asarray(choices.gain) / 0.1))
    curves = {f"year {t + 1}": works[t] for t in (0, 9, 18)}
    return chosen(ax, cash, curves, "Who works on", "cash, goods", "per cent", xlim=(0, 200))


def tree(ax, model):
    y = np.linspace(0.5, 1.8, 100)
    curves = {
        f"risk aversion {g}": module(model).price(estim.solve(model, {"gamma": g}), y)
        for g in (1.0, 2.0, 3.0)
    }
    return chosen(ax, y, curves, "The price of the tree", "dividend, goods", "price, goods")


def ratio_by_growth(ax, model):
    x = 100 * np.asarray(estim.grids.tauchen(0.9, 0.01, 100).states)
    curves = {f"risk aversion {g}": estim.solve(model, {"gamma": g}).value for g in (1.5, 2.5, 3.5)}
    return chosen(
        ax,
        x,
        curves,
        "Price over dividend",
        "growth above its mean, percentage points",
        "periods of dividends",
    )


def ratio_by_volatility(ax, model):
    v, h = np.asarray(estim.solve(model).value), np.asarray(estim.grids.tauchen(0.9, 0.01, 14).states)
    curves = {"consumption's": v[:, 7, 7] / v[7, 7, 7], "dividends'": v[7, :, 7] / v[7, 7, 7]}
    curves = {name: 1e4 * (np.asarray(c) - 1) for name, c in curves.items()}
    what = "Price over dividend when volatility moves"
    return chosen(ax, 100 * h, curves, what, "log volatility, per cent", "change, basis points")


def excess(ax, model):
    rest, p = np.asarray(estim.solve(model).value), estim.load_model(model).params()
    scale = np.linspace(0.4, 1.8, 100)
    each = np.array([module(model).excess_demand(rest * [s, 1.0, 1.0], p) for s in scale])
    ax.axhline(0.0, color=MUTED, lw=0.5)
    curves = {f"good {i + 1}": each[:, i] for i in range(3)}
    what = "Excess demand as the first price moves"
    return chosen(ax, scale, curves, what, "price of good 1, in equilibrium one", "units of the good")


def growing(ax, model):
    p, rest = estim.load_model(model).params(), np.asarray(estim.solve(model).value)
    path = [rest * [0.1, 0.5, 1.5]]
    for _ in range(8):
        path.append(path[-1] + np.asarray(module(model).growth(path[-1], p)))
    curves = {f"capital {i + 1}": np.array(path)[:, i] / rest[i] for i in range(3)}
    return chosen(ax, np.arange(9), curves, "On the way to rest", "periods", "capital, at rest one")


def waiting(ax, model):
    c = np.linspace(0.1, 1.2, 12)
    curves = {
        f"offers in {lam:.0%} of periods": [estim.solve(model, {"c": x, "lam": lam}).value for x in c]
        for lam in (0.2, 0.4, 0.8)
    }
    return chosen(
        ax,
        c,
        curves,
        "The lowest wage that is accepted",
        "income without a job, goods a period",
        "wage, goods a period",
        ylim=(1.2, 2.7),
    )


def accepting(ax, model):
    wage = np.exp(np.asarray(estim.grids.tauchen(0.9, 0.2, 60).states))
    found = {c: np.asarray(estim.solve(model, {"c": c}).choice)[:, 0] for c in (0.5, 1.0, 1.5)}
    curves = {f"{c} without a job": 100 * accepted for c, accepted in found.items()}
    what = "Which offers are accepted"
    labels = dict(xlabel="wage, goods a period", ylabel="per cent")
    return chosen(ax, wage, curves, what, **labels, xlim=(-0.6, 4), xticks=range(5))


def investing(ax, model):
    solution, y = estim.solve(model), np.linspace(0.0, 20.0, 100)
    change = y[np.asarray(solution.policy)] - y[:, None]
    curves = {f"demand {w}": change[:, j] for w, j in (("low", 25), ("mean", 75), ("high", 125))}
    ax.axhline(0.0, color=MUTED, lw=0.5)
    return chosen(ax, y, curves, "Change of output", "output, units", "units")


def saving(ax, model):
    w = np.linspace(0.01, 5.0, 150)
    policy = w[np.asarray(estim.solve(model).policy)] - w[:, None]
    curves = {f"income {n}": policy[:, j] for n, j in (("low", 20), ("mean", 50), ("high", 80))}
    ax.axhline(0.0, color=MUTED, lw=0.5)
    return chosen(
        ax, w, curves, "Saved, or dissaved", "wealth, goods", "change of wealth, goods", ylim=(-0.75, 0.4)
    )


def replacing(ax, model):
    curves = {
        f"new engine costs {rc}": 100 * np.asarray(estim.solve(model, {"RC": rc}).choice)[:, 1]
        for rc in (6.0, 8.0, 10.0)
    }
    what = "Engines replaced in a month"
    return chosen(ax, 5 * np.arange(90), curves, what, "mileage, thousands", "per cent")


def routes(ax, model):
    solution = estim.solve(model)
    at = np.array([(0, 1), (1, 2), (1, 0), (1, 1), (2, 2), (2, 0), (3, 1)], float)
    for a, b, cost in module(model).SEVEN_NODES:
        best = int(solution.policy[a]) == b
        color = PALETTE[1] if best else MUTED
        ax.annotate("", at[b], at[a], arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6 if best else 0.6,
                                                  "shrinkA": 9, "shrinkB": 9})  # fmt: skip
        ax.text(*(0.55 * at[a] + 0.45 * at[b]), f"{cost:.0f}", fontsize=8, color=color, ha="center", va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # fmt: skip
    for i, (x, y) in enumerate(at):
        ax.text(x, y, f"{abs(float(solution.value[i])):.0f}", ha="center", va="center", fontsize=10)
    ax.set(xlim=(-0.3, 3.3), ylim=(-0.4, 2.4))
    ax.set_axis_off()
    return "Costs to the goal, and of each edge"


def taxed(ax, model):
    tax = np.linspace(0.0, 0.5, 21)
    spec, found = estim.load_model(model), {"wage share": [], "welfare": []}
    for rate in tax:
        end = estim.simulate(spec, {"tax": np.array([0.0, 0.0, rate])}, {"productivity": [0.0]})[-1]
        found["wage share"].append(100 * float(end.sel(variable="wage_share")))
        found["welfare"].append(float(end[-2]))
    ax.plot(100 * tax, found["wage share"], color=PALETTE[0])
    ax.set(xlabel="tax on services, per cent of costs", ylabel="per cent of factor income")
    return "The first factor's share under a tax"


KINDS = {
    "Linear": {
        "an_schorfheide_2007": (
            "Three equations of output, inflation and the interest rate, log-linearised: the smallest model that "
            "central banks would recognise.",
            partial(responses, shock="eps_R", what="After a rise of the policy rate", horizon=16,
                    output="y", inflation="pi", rate="R"),
        ),
        "gali_2015_bound": (
            "Three equations with a lower bound on the policy rate, which is expected to bind for a time.",
            bounded,
        ),
        "lubik_schorfheide_2007": (
            "A small open economy, for the question whether its central bank answers the exchange rate.",
            partial(responses, shock="eps_q", what="After a rise of the terms of trade", horizon=16,
                    output="y", inflation="pi", depreciation="de"),
        ),
        "smets_wouters_2007": (
            "The medium-sized model of the US business cycle with seven shocks, sticky prices and wages, habits and "
            "costs of investment.",
            partial(responses, shock="em", what="After a rise of the policy rate",
                    output="y", investment="inve", hours="lab"),
        ),
    },
    "Levels and risk": {
        "an_schorfheide_2007_levels": (
            "The same economy before it is linearised, with costs of changing prices: size and sign of shocks matter.",
            asymmetry,
        ),
        "aruoba_et_al_2006": (
            "Growth with a choice of leisure, on which ways to solve a model have been compared.",
            partial(percent, shock="eps", what="After a rise of productivity", horizon=60,
                    output="y", consumption="c", capital="k"),
        ),
        "brock_mirman_1972": (
            "Growth whose solution is known in closed form, against which every solver can be held.",
            orders,
        ),
        "caldara_et_al_2012": (
            "A real business cycle whose risk moves, with households that fear risk more than uneven consumption.",
            risk,
        ),
        "gali_2015_levels": (
            "The textbook New Keynesian model with Calvo's prices, its equations as they stand.",
            partial(percent, shock="eps_v", what="After a rise of the policy rate", horizon=16,
                    output="y", inflation="pi", rate="R"),
        ),
        "hansen_1985": (
            "The real business cycle in which people work or do not, so that hours move much.",
            partial(responses, shock="eps", what="After a rise of productivity", horizon=40, times=100.0,
                    output="y", hours="h", consumption="c"),
        ),
        "schorfheide_2000": (
            "Cash in advance and bank deposits that cannot be moved when money comes.",
            partial(responses, shock="e_m", what="After an injection of money", horizon=12, times=100.0,
                    output="y", hours="n", rate="R"),
        ),
    },
    "Heterogeneous agents": {
        "auclert_et_al_2021_one_asset": (
            "Households who differ in wealth choose hours, prices are sticky, and public debt is the only asset.",
            partial(percent, shock="eps_m", what="After a rise of the policy rate", horizon=20,
                    output="Y", wage="w"),
        ),
        "auclert_et_al_2021_two_asset": (
            "Households hold bonds and an account that costs to adjust; there are capital, sticky prices and wages.",
            partial(percent, shock="eps_m", what="After a rise of the policy rate", horizon=20,
                    output="Y", consumption="C", investment="I"),
        ),
        "auclert_rognlie_straub_2024": (
            "The intertemporal Keynesian cross: what households spend of today's income makes tomorrow's.",
            partial(percent, shock="eps_G", what="After a rise of public spending", horizon=24,
                    output="Y", consumption="C", spending="G", level="per cent of output"),
        ),
        "kase_rigato_rottner_2024": (
            "Households in one asset and sticky wages, made to be estimated on US data with three shocks.",
            partial(percent, shock="eps_m", what="After a rise of the policy rate", horizon=24, level="per cent",
                    output="Y", inflation="pi", rate="i"),
        ),
        "krusell_smith_1998": (
            "Households insure themselves against risky incomes by capital, in a business cycle.",
            partial(percent, shock="eps_Z", what="After a rise of productivity", horizon=60,
                    output="Y", consumption="C", capital="K"),
        ),
    },
    "Stock-flow and networks": {
        "godley_lavoie_2007_sim": (
            "The simplest economy with government money, in which every payment comes from somewhere.",
            partial(accounts, shocks={"spending": [5.0] + [0.0] * 29}, what="After a rise of public spending",
                    income="Y", consumption="C", cash="H"),
        ),
        "godley_lavoie_2007_pc": (
            "Households choose between cash and bills, whose rate the central bank sets.",
            partial(accounts, shocks={"rate": [2.5] + [0.0] * 29}, what="After a year of a higher rate",
                    income="Y", taxes="T", bills_held="Bh"),
        ),
        "godley_lavoie_2007_us": (
            "The United States' national accounts as model SIM; wealth, which nobody observes, is estimated.",
            national,
        ),
        "godley_lavoie_2007_bmw": (
            "Firms invest on credit, banks lend and take deposits, and unemployment follows demand.",
            partial(accounts, shocks={"demand": [-10.0] + [0.0] * 29}, what="After a fall of demand",
                    income="Y", investment="I", loans="L"),
        ),
        "leontief_1936": (
            "Sectors that need each other's goods: what a final demand takes in all.",
            rounds,
        ),
        "carter_1970": (
            "Technical coefficients that drift over the years, learnt from what sectors buy.",
            coefficients,
        ),
        "baqaee_farhi_2019": (
            "Producers whose suppliers can hardly be replaced: how a cut of one moves through the chain.",
            chain,
        ),
        "battiston_et_al_2012": (
            "DebtRank: how distress spreads among banks, each of which hits its creditors once.",
            partial(banks, what="Equity lost, round by round", state="h", ylabel="per cent of equity", loss=0.03),
        ),
        "bardoscia_et_al_2015": (
            "DebtRank in which every further loss is passed on until losses have died out.",
            partial(banks, what="Equity lost, round by round", state="h", ylabel="per cent of equity", loss=0.03),
        ),
        "furfine_2003": (
            "A cascade: a bank whose losses reach its capital takes down those who lent to it.",
            partial(of_loss, losses=np.linspace(0.0, 0.4, 81), what="Where a cascade ends",
                    shown={"banks in default": ("defaults", 100.0), "equity lost": ("loss", 100.0)}),
        ),
        "eisenberg_noe_2001": (
            "Banks that owe each other pay what they have, pro rata: the payments that clear.",
            partial(of_loss, losses=np.linspace(0.0, 0.5, 51), what="What banks do not pay each other",
                    shown={"": ("shortfall", 100.0 / 24.0)}),
        ),
    },
    "Agents": {
        "arrow_harris_marschak_1951": (
            "Firms that order up to S when their stock has fallen to s.",
            orders_of_firms,
        ),
        "galor_zeira_1993": (
            "Dynasties of which only those that inherit enough can afford to learn a trade.",
            dynasties,
        ),
        "benhabib_bisin_zhu_2011": (
            "Households whose returns differ by luck: a tail of wealth that incomes do not make.",
            wealth,
        ),
        "kesten_1973": (
            "Firms that grow by chance and are replaced when they have become small.",
            firms,
        ),
        "inventory_firms": (
            "The same rule of ordering, estimated from a panel of firms whose orders are not seen.",
            tail,
        ),
        "poisson_regression": (
            "Counts with a mean that depends on x: nobody decides here, and the likelihood is a panel's all the same.",
            counts,
        ),
    },
    "Dynamic programs": {
        "mccall_1970": ("A worker without a job waits for an offer that is good enough.", waiting),
        "mccall_1970_markov": ("The same with offers that persist, tastes, and a fear of risk.", accepting),
        "rust_1987": ("When to replace a bus engine, as Harold Zurcher did.", replacing),
        "iskhakov_et_al_2017": ("How much to save, and when to retire for good.", retiring),
        "income_fluctuation": ("How much to eat of an income that moves, by the endogenous grid.", eaten),
        "optimal_savings": ("The same on a grid of wealth, without borrowing.", saving),
        "optimal_investment": ("A monopolist whose output costs to adjust.", investing),
        "inventory_management": ("When and how much to order while the discount factor moves.", ordered),
        "shortest_paths": ("The cheapest way through a graph, node by node.", routes),
    },
    "Markets": {
        "aiyagari_1994": (
            "Households save against risky work, and their savings are the capital of firms.",
            lambda ax, model: savers(ax, model, 60 * np.linspace(0, 1, 300) ** 2.5, ("little work", "full work"),
                                     "Who owns how much"),
        ),
        "huggett_1993": (
            "Households lend to each other, and the rate at which bonds add up to zero.",
            lambda ax, model: savers(ax, model, -4 + 24 * np.linspace(0, 1, 300) ** 2, ("endowment low", "high"),
                                     "Who owns how much"),
        ),
        "arellano_2008": ("A government that defaults where it pays, and what lenders charge for that.", default),
        "bianchi_2011": ("Households owe more than a planner would let them: they move prices unawares.",
                         overborrowing),
        "hopenhayn_1992": ("Firms enter, grow and leave, and a price at which entry just pays.", sizes),
        "lucas_1978": ("The price of a tree whose fruit is all that there is to eat.", tree),
        "markov_asset_pricing": ("The price of dividends that grow by a Markov chain.", ratio_by_growth),
        "stochastic_volatility_pricing": (
            "The price of dividends whose growth and volatility move.", ratio_by_volatility,
        ),
        "market_equilibrium": ("Prices at which several markets clear, by Newton's method.", excess),
        "solow_1956": ("Growth with several kinds of capital, and where it comes to rest.", growing),
        "shoven_whalley_1992": ("A small general equilibrium of sectors, factors and taxes.", taxed),
    },
}  # fmt: skip


def picture(name, draw):
    """Draw a model, in few colours and so small; the title stands in the file, for who cannot see the picture."""
    with matplotlib.rc_context(STYLE | {"legend.fontsize": 7.5}):
        figure = Figure(figsize=(3.6, 2.4))
        title = draw(ax := figure.add_subplot(), name)
        ax.set_title(title)
        figure.savefig(drawn := io.BytesIO(), format="png", dpi=150, facecolor="white")
    image = Image.open(drawn).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    save(image, name, title)


def save(image, name, title):
    (words := PngInfo()).add_text("Title", title)
    image.save(PICTURES / f"{name}.png", optimize=True, pnginfo=words)


def page():
    """The cards, kind by kind."""
    text = [HEAD]
    for kind, rows in KINDS.items():
        text.append(f'## {kind}\n\n<div class="doors gallery" markdown>')
        for name, (sentence, _) in rows.items():
            title = Image.open(PICTURES / f"{name}.png").text["Title"]
            text.append(
                f"<div markdown>\n![{title}](gallery/{name}.png){{ .on-white }}\n\n{sentence}\n\n"
                f'`estim.load_model("{name}")`\n\n<small>{estim.load_model(name).reference}</small>\n</div>'
            )
        text.append("</div>\n")
    return "\n".join(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of the models to draw; all where left out")
    wanted = parser.parse_args().names
    for rows in KINDS.values():
        for name, (_, draw) in rows.items():
            if not wanted or name in wanted:
                picture(name, draw)
                print(name, flush=True)
    (DOCS / "gallery.md").write_text(page())
