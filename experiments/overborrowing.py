"""Bianchi's (2011) households and planner on the lecture's 800 points: H update by update, and crises in the long run.

    python experiments/overborrowing.py [DIRECTORY]

Takes some four minutes of a core. Updates, policies and laws are held to `tests/reference/decisions/bianchi_800.json`.
A crisis is a year in which the limit binds and bonds rise by more than a standard deviation of their changes, as in the
paper. DIRECTORY/bianchi_800.json has, beside the numbers, how often crises are, and in them on average the current
account in per cent of income and consumption (of both goods) against its mean; of the grid's equilibrium, of
`build_smooth`, and of the planner. The last line is JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import estim
from estim.models import bianchi_2011

NUM = 800
REFERENCE = Path(__file__).parent.parent / "tests" / "reference" / "decisions" / "bianchi_800.json"
BONDS = np.linspace(-1.02, -0.2, NUM)


def quantile(law: Any, share: float) -> float:
    """The first point with at least so much of the law up to it."""
    return float(BONDS[np.searchsorted(law.cumsum(), share)])


def long_run(law: Any, ahead: Any, binds: Any, params: Any) -> dict[str, Any]:
    """Bonds and crises under a law and tomorrow's bonds ``[B, state]``."""
    p, law, B = jax.tree.map(np.asarray, params), np.asarray(law), BONDS[:, None]
    mean = lambda x, of=law: float((x * of).sum() / of.sum())
    C = (1 + p.r) * B + p.y_t - ahead
    basket = (p.omega * C**-p.eta + (1 - p.omega) * p.y_n**-p.eta) ** (-1 / p.eta)
    income = p.y_t + (1 - p.omega) / p.omega * (C / p.y_n) ** (p.eta + 1) * p.y_n
    account = ahead - B
    sd = np.sqrt(mean(account**2) - mean(account) ** 2)
    crises = law * (binds & (account > sd))
    return {
        "mean": mean(B),
        "sd": float(np.sqrt(mean(B**2) - mean(B) ** 2)),
        "quantiles_1_5_50_95": [quantile(law.sum(axis=1), share) for share in (0.01, 0.05, 0.5, 0.95)],
        "crises_per_100_years": 100 * float(crises.sum()),
        "account_in_crises_per_cent_of_income": 100 * mean(account / income, crises),
        "consumption_in_crises_per_cent": 100 * (mean(basket, crises) / mean(basket) - 1),
    }


def updates(model: Any) -> tuple[list[int], Any]:
    """By how many points H moves in each update, until it moves by less than the tolerance."""
    p = jax.tree.map(lambda x: jax.numpy.asarray(x, float), model.params())
    step, beliefs, moves = jax.jit(model.bellman), model.first_value(p), []
    while not moves or moves[-1] * (BONDS[1] - BONDS[0]) > model.solver["tolerance"]:
        ahead = step(beliefs, p)
        moves.append(int(np.abs(ahead.H - beliefs.H).max()))
        print(f"update {len(moves)}: {moves[-1]} points", flush=True)
        beliefs = ahead
    return moves, beliefs


def settled(H: Any, params: Any) -> Any:
    """The law ``[B, state]`` that H leaves as it is."""
    law = np.full(H.shape, 1 / H.size)
    move = jax.jit(lambda law: bianchi_2011.move(H, params, law))
    while np.abs((ahead := np.asarray(move(law))) - law).sum() > 1e-12:
        law = ahead
    return law


def on_grid(H: Any, params: Any) -> dict[str, Any]:
    p = jax.tree.map(np.asarray, params)
    C = (1 + p.r) * BONDS[:, None] + p.y_t - BONDS[H]
    binds = BONDS[np.maximum(H - 1, 0)] < np.asarray(bianchi_2011.lowest_bonds(jax.numpy.asarray(C), p))
    return long_run(settled(H, params), BONDS[H], binds, params)


def rows(H: Any, reference: Any) -> dict[str, Any]:
    """What the reference shows of H."""
    return {"H_at_i1_j3": H[reference["rows"], 7].tolist(), "H_mid_row": H[NUM // 2].reshape(4, 4).tolist()}


def apart(found: dict[str, Any], shown: dict[str, Any], who: str) -> dict[str, float]:
    """The largest differences from the reference."""
    of_bonds = [
        [x["mean"], x["sd"], *x["quantiles_1_5_50_95"]] for x in (found, shown["bonds_in_the_long_run"][who])
    ]
    points = [
        np.subtract(found["H_at_i1_j3"], shown["H_at_i1_j3"][who]),
        np.subtract(found["H_mid_row"], shown["H_mid_row_all_incomes"][who]).ravel(),
    ]
    return {
        "points of H": int(np.abs(np.concatenate(points)).max()),
        "long run": float(np.abs(np.subtract(*of_bonds)).max()),
    }


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/overborrowing")
    folder.mkdir(parents=True, exist_ok=True)
    shown, begin = json.loads(REFERENCE.read_text()), time.process_time()
    households = bianchi_2011.build(NUM)
    params = households.params()
    moves, beliefs = updates(households)
    seconds = time.process_time() - begin
    planner, smooth = (
        estim.solve(m) for m in (bianchi_2011.build_planner(NUM), bianchi_2011.build_smooth(NUM))
    )
    choices = {"decentralised": np.asarray(beliefs.H, int), "planner": np.asarray(planner.policy)}
    found = {who: rows(H, shown["H_at_i1_j3"]) | on_grid(H, params) for who, H in choices.items()}
    plan = jax.tree.map(np.asarray, smooth.policy)
    result = {
        "index_changes_of_H": moves,
        "updates_as_in_the_reference": moves == shown["index_changes_of_H"],
        **found,
        "between_the_points": long_run(smooth.distribution, plan.ahead, plan.tight > 0, params),
        "apart": {who: apart(x, shown, who) for who, x in found.items()},
        "CPU seconds of the updates": round(seconds),
    }
    line = json.dumps(result)
    (folder / "bianchi_800.json").write_text(line + "\n")
    print(line)


if __name__ == "__main__":
    main()
