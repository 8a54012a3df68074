"""Is the default the fastest? Each method of solution on each dynamic program of the gallery, side by side.

    python experiments/benchmarks/decision_methods.py [NAME ...]

Processor time in milliseconds of the fastest of rounds that alternate, all compiled; for every method the same
tolerance, and beside it how far its value is from the default's, relative to one and its size. Where prices clear
markets, the whole equilibrium. A method that takes more than `PATIENCE` seconds, or ends unconverged, has no time. The
last line is JSON.
"""

import json
import sys
import time

import jax
import numpy as np

import estim
from estim.models import bianchi_2011, iskhakov_et_al_2017, shortest_paths

NUM_ROUNDS, PATIENCE, SHORTEST, TOLERANCE = 3, 2.0, 0.1, 1e-8
METHODS = ("vfi", "howard", "optimistic", "newton")
GALLERY = (
    "optimal_savings",
    "optimal_investment",
    "inventory_management",
    "rust_1987",
    "mccall_1970_markov",
    "mccall_1970",
    "lucas_1978",
    "markov_asset_pricing",
    "stochastic_volatility_pricing",
    "income_fluctuation",
    "market_equilibrium",
    "solow_1956",
    "huggett_1993",
    "aiyagari_1994",
    "hopenhayn_1992",
    "arellano_2008",
)
OTHERS = {
    "shortest_paths, smooth": lambda: shortest_paths.build(shortest_paths.SEVEN_NODES, 6, smooth=True),
    "bianchi_2011, planner": lambda: bianchi_2011.build_planner(100),
    "bianchi_2011, smooth": lambda: bianchi_2011.build_smooth(100),
    "iskhakov_et_al_2017": lambda: iskhakov_et_al_2017.model,
}


def solutions(model):
    """The default's solver, and each method that the model has, as functions that solve."""
    params = model.params()
    settings = {"default": dict(model.solver)}
    for method in METHODS:
        if method in ("vfi", "newton") or model.chooses or model.follow is not None:
            settings[method] = dict(model.solver) | {"method": method}
    solvers = {
        name: estim.StationarySolver(**(own | {"tolerance": TOLERANCE, "max_steps": 20_000}))
        for name, own in settings.items()
    }
    return {name: (lambda s=s: jax.block_until_ready(s.solve(model, params))) for name, s in solvers.items()}


def row(model):
    """Milliseconds and distance by method; None where it did not end."""
    contenders, kept, times, repeats = solutions(model), {}, {}, {}
    for name, solve in contenders.items():
        solve()  # compiled
        begin = time.process_time()
        found = solve()
        took = time.process_time() - begin
        if int(np.max(found.status)) == estim.Status.OK and took < PATIENCE:
            kept[name], times[name], repeats[name] = found, [], max(1, int(SHORTEST / took))
    for _ in range(NUM_ROUNDS):
        for name in kept:
            begin = time.process_time()
            for _ in range(repeats[name]):
                contenders[name]()
            times[name].append((time.process_time() - begin) / repeats[name])
    apart = lambda one, other: float(np.max(np.abs(one - other) / (1 + np.abs(other)), initial=0.0))
    own = jax.tree.map(np.asarray, kept["default"].value)
    line = {}
    for name in contenders:
        if name in kept:
            off = max(jax.tree.leaves(jax.tree.map(apart, jax.tree.map(np.asarray, kept[name].value), own)))
            line[name] = {
                "ms": round(1e3 * min(times[name]), 3),
                "apart": off,
                "steps": int(np.max(kept[name].steps)),
            }
        else:
            line[name] = None
    return line


def main(*names):
    builds = {n: (lambda n=n: estim.load_model(n)) for n in GALLERY} | OTHERS
    lines = {}
    for name, build in builds.items():
        if names and name not in names:
            continue
        lines[name] = row(build())
        print(json.dumps({name: lines[name]}), flush=True)
    print(json.dumps(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
