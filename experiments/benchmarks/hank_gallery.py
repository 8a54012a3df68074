"""Steady state and household Jacobians of the other HANK models: estim against the `sequence-jacobian` package.

Krusell and Smith's model, one asset with labour supply, two assets. Both programs get the same grids and the same
inputs of the households, and solve for the same unknowns and targets: the package from guesses (a
bracket where there is one unknown), estim from the steady state at the model's defaults, as it does for every draw.
The elasticity of substitution is 2 % below its default.
CPU seconds of the second call, all threads added up. Prints one line of JSON last.

    python experiments/benchmarks/hank_gallery.py [MODEL ...]
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads that wait for each other on a busy machine

import argparse
import json
import time

import jax
import numpy as np
import sequence_jacobian as sj
from sequence_jacobian import hetblocks

import estim  # noqa: F401
from estim.models import load_model
from estim.solution.sequence_space.stationary_equilibrium import solve_household_jacobians


def income(w, e_grid):
    y = w * e_grid
    return y


def labour_income(w, transfer, e_grid):
    we, T = w * e_grid, transfer * e_grid
    return we, T


def labour_supply(n, e_grid):
    ne = e_grid[:, np.newaxis] * n
    return ne


def skill_income(income, e_grid):
    z_grid = income * e_grid
    return z_grid


@sj.simple
def capital_market(A, A_target):
    asset_mkt = A - A_target
    return asset_mkt


@sj.simple
def bonds_and_labour(A, NE, A_target, L):
    asset_mkt = A - A_target
    labour_mkt = NE - L
    return asset_mkt, labour_mkt


@sj.simple
def assets_and_wages(A, B, UCE, A_target, B_target, vphi, frisch, tax, w, N, muw):
    illiquid = A - A_target
    liquid = B - B_target
    wages = vphi * N ** (1 + 1 / frisch) - (1 - tax) * w * N * UCE / muw
    return illiquid, liquid, wages


# Model -> the package's households, the equations solved for, and these equations' names.
PACKAGE = {
    "krusell_smith_1998": (
        hetblocks.hh_sim.hh.add_hetinputs([income]), capital_market, ("asset_mkt",),
    ),
    "auclert_et_al_2021_one_asset": (
        hetblocks.hh_labor.hh.add_hetinputs([labour_income]).add_hetoutputs([labour_supply]),
        bonds_and_labour, ("asset_mkt", "labour_mkt"),
    ),
    "auclert_et_al_2021_two_asset": (
        hetblocks.hh_twoasset.hh.add_hetinputs([skill_income]), assets_and_wages, ("illiquid", "liquid", "wages"),
    ),
}  # fmt: skip


def compare(name):
    """CPU seconds of both, and how far they are from each other."""
    model = load_model(name)
    params = model.params({"eis": 0.98 * model.params().eis})
    (block,) = model.het_blocks
    solve = jax.jit(lambda p: solve_household_jacobians(model, p))
    ours, estim_seconds = timed(lambda: jax.block_until_ready(solve(params)))

    household, equations, targets = PACKAGE[name]
    stated, grids = model.steady_state(params), jax.tree.map(np.asarray, block.grids(params))
    targeted = {f"{n}_target": getattr(stated, n) for n in ("A", "B") if n in block.outputs}
    given = stated._asdict() | params._asdict() | targeted
    solved_for = {*block.outputs, *model.unknowns}
    calibration = {n: float(x) for n, x in given.items() if n not in solved_for}
    calibration |= {f"{n}_grid": getattr(grids, n) for n in block.policy}
    calibration |= {"e_grid": grids[0], "Pi": grids.transition, "chi2": 2.0}
    if hasattr(grids, "multiplier"):
        calibration["k_grid"] = grids.multiplier
    package = sj.create_model([household, equations], name=name)

    guess = {n: getattr(params, n) for n in model.unknowns}
    if len(guess) == 1:
        guess = {"beta": (0.98 / (1 + params.r), 0.999 / (1 + params.r))}

    def package_solve():
        steady = package.solve_steady_state(
            calibration,
            guess,
            dict.fromkeys(targets, 0.0),
            solver="broyden_custom" if len(guess) > 1 else "brentq",
        )
        return steady, household.jacobian(
            steady, inputs=list(block.inputs), outputs=list(block.outputs), T=model.horizon
        )

    (steady, jacobian), package_seconds = timed(package_solve)
    gap = lambda o, i, x: np.abs(jacobian[o][i] - x).max() / np.abs(x).max()
    return {
        "status": int(ours.status),
        "estim_s": estim_seconds,
        "package_s": package_seconds,
        "ratio": package_seconds / estim_seconds,
        "unknowns_apart": float(max(abs(steady[n] / getattr(ours.params, n) - 1) for n in model.unknowns)),
        "jacobians_apart": float(max(gap(o, i, x) for (o, i), x in ours.jacobians.items())),
    }


def timed(function):
    """What the second call gives, and its CPU seconds."""
    function()
    begin = time.process_time()
    return function(), time.process_time() - begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", default=list(PACKAGE), metavar="MODEL")
    found = {}
    for name in parser.parse_args().models:
        found[name] = compare(name)
        print(name, found[name], flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
