"""How many Dynare files of a folder are read and solved to first order, and whether the numbers are Dynare's.

    python experiments/dynare_corpora.py FOLDER [--against SOLUTIONS] [--seconds 60]
        [--read-only] [--only PART] [--solved-only]

Every `.mod` file below the folder that has a model block, each in a process of its own with a limit on its CPU time,
one after another. Prints a line a file, the reasons by how often they occur, and a line of JSON with the counts:
solved (one stable solution), read, refused, failed (an exception that is none of estim's), too slow.

With the folder that `dynare_solutions.py` wrote, the files that Dynare solves are counted apart, and steady states and
twelve periods of all responses to one standard deviation of each shock are compared; the difference is relative to a
shock's largest response. A file with several `stoch_simul` is compared at the last that Dynare reaches.
"""

import argparse
import json
import os
import re
import resource
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from estim.dynare import ModFileError, ModFileWarning, read_mod
from estim.dynare.modfile import translate
from estim.dynare.policy_commands import discretionary
from estim.model import ModelError
from estim.solution import solve_decision_rule_once
from estim.status import Status

MODEL = re.compile(r"^\s*model\s*(\([^;]*\))?\s*;", re.MULTILINE | re.IGNORECASE)
AGREES = 1e-6
"""Relative to the largest response; Dynare's own steady states are known to 1e-12."""
ROUNDING = 1e-13
"""What a response may differ by whatever its size: that of a shock that nothing answers to is rounding."""


def kept(folder: Path, file: Path) -> list[Path]:
    """What `dynare_solutions.py` kept of a file, named by its path below the corpus."""
    stem = str(file.with_suffix("")).replace("/", "+")
    found = [p for p in folder.glob("*.mat") if re.fullmatch(re.escape(stem) + r"\.\d+\.mat", p.name)]
    return sorted(found, key=lambda p: int(p.suffixes[-2][1:]))


def params_at(mod, solutions: list[Path]) -> dict[str, float]:
    """What the last `stoch_simul` that Dynare reached sees, for there may be more below it, without an estimation."""
    commands = [c for c in mod.commands if c.name == "stoch_simul"]
    reached = 0 < len(solutions) < len(commands)
    return mod.calibration | (commands[len(solutions) - 1].params if reached else mod.at_stoch_simul)


def solution(mod, params):
    """The rule of a planner without commitment where the file has one, else the model's."""
    if mod.planner is not None and mod.planner.instruments:
        return discretionary(mod, params).rule
    return solve_decision_rule_once(mod.model, mod.model.params(params))


def difference(mod, params, rule, path: Path) -> tuple[float, str]:
    """The largest difference of estim's solution from one of Dynare's, and where it is.

    A standard deviation that is estimated has a start here and no value there: then the responses to a shock of one
    standard deviation here are compared.
    """
    dynare = loadmat(path, squeeze_me=False)
    names = [str(n).strip() for n in dynare["endo_names"]]
    order = dynare["order_var"].ravel().astype(int) - 1
    static, states = int(dynare["nstatic"].item()), int(dynare["nspred"].item())
    move, impact = np.zeros((len(order), len(order))), np.zeros((len(order), dynare["ghu"].shape[1]))
    move[np.ix_(order, order[static : static + states])] = dynare["ghx"]
    impact[order] = dynare["ghu"]
    original = int(dynare["orig_endo_nbr"].item())
    fields = list(mod.model.variables._fields)
    if unknown := [n for n in names[:original] if n not in mod.names]:
        return np.inf, f"no variable {unknown[0]}"
    rows = [fields.index(mod.names[n]) for n in names[:original]]
    ours, theirs = np.asarray(rule.steady_state)[rows], dynare["ys"].ravel()[:original]
    gap = np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))
    worst = (
        float(gap.max()),
        f"steady state of {names[gap.argmax()]}: {ours[gap.argmax()]:.8g}, not {theirs[gap.argmax()]:.8g}",
    )
    deviations = np.sqrt(np.maximum(np.diag(np.atleast_2d(dynare["Sigma_e"])), 0))
    policy, transition = np.asarray(rule.policy), np.asarray(rule.transition)
    for j, shock in enumerate(str(n).strip() for n in dynare["exo_names"]):
        if shock not in mod.names or mod.names[shock] not in mod.model.shocks._fields:
            continue
        start = np.asarray(rule.selection)[:, mod.model.shocks._fields.index(mod.names[shock])]
        here = float(getattr(params, mod.histories.stderr[mod.names[shock]]))
        if not (scale := deviations[j] or here * (policy @ start).any()):
            continue
        state, response, mine = start, impact[:, j] * scale, []
        his = []
        for _ in range(12):
            mine.append((policy @ state)[rows])
            his.append(response[:original])
            state, response = transition @ state, move @ response
        mine, his = np.array(mine), np.array(his)
        size = max(np.abs(his).max(), np.abs(mine).max(), 1e-12)
        gap = np.abs(mine - his) / size
        gap[np.abs(mine - his) <= ROUNDING] = 0.0
        if not gap.max() <= worst[0]:
            t, v = np.unravel_index(gap.argmax(), gap.shape)
            worst = (
                float(gap.max()),
                f"{names[v]} after {shock}, period {t + 1}: {mine[t, v]:.8g}, not {his[t, v]:.8g}",
            )
    return worst


def outcome(path: Path, read_only: bool, solutions: list[Path]) -> tuple[str, str, float]:
    """What becomes of a file: one word, the reason, and the largest difference from Dynare's solution."""
    warnings.simplefilter("ignore")
    warnings.filterwarnings("error", ".*drawn at random")
    try:
        return _outcome(path, read_only, solutions)
    except ModFileWarning:  # Dynare's numbers are of other draws
        warnings.simplefilter("ignore")
        return _outcome(path, read_only, [])


def _outcome(path: Path, read_only: bool, solutions: list[Path]) -> tuple[str, str, float]:
    try:
        if read_only:
            translate(path)
            return "read", "", 0.0
        mod = read_mod(path)
        at = params_at(mod, solutions)
        params, rule = mod.model.params(at), solution(mod, at)
        if int(rule.status):
            return "read", Status(int(rule.status)).message, 0.0
        if not solutions:
            return (
                "solved",
                f"largest coefficient {np.abs(np.asarray(rule.policy)).max(initial=0.0):.2g}",
                0.0,
            )
        far, where = difference(mod, params, rule, solutions[-1])
        return ("solved", "", far) if far <= AGREES else ("differs", where, far)
    except ModFileWarning:
        raise
    except (ModFileError, ModelError) as error:
        return "refused", str(error).splitlines()[0].split(": ", 1)[-1], 0.0
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}", 0.0


def apart(path: Path, seconds: int, *arguments) -> tuple[str, str, float, float]:
    """The outcome, in a process of its own, and the processor's time."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        begun = time.process_time()
        told = (*outcome(path, *arguments), time.process_time() - begun)
        os.write(writer, json.dumps(told).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as end:
        told = end.read()
    os.waitpid(child, 0)
    return tuple(json.loads(told)) if told else ("slow", f"more than {seconds} s", 0.0, float(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--only", default="", help="a part of the path")
    parser.add_argument("--solved-only", action="store_true", help="no other files than Dynare solves")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.folder.rglob("*.mod") if MODEL.search(p.read_text(errors="replace")))
    files = [p for p in files if arguments.only in str(p)]
    if arguments.solved_only:
        files = [p for p in files if kept(arguments.against, p.relative_to(arguments.folder))]
    counts, of_dynare, reasons, times, largest = Counter(), Counter(), Counter(), [], 0.0
    for path in files:
        below = path.relative_to(arguments.folder)
        solutions = kept(arguments.against, below) if arguments.against else []
        word, reason, far, took = apart(path, arguments.seconds, arguments.read_only, solutions)
        counts[word] += 1
        if solutions:
            of_dynare[word] += 1
            times.append(took)
            largest = max(largest, far if word == "solved" else 0.0)
        if word != "solved" and reason:
            reasons[f"{word}: {re.sub(r"'[^']*'|[0-9]+", '_', reason)[:100]}"] += 1
        mark = "*" if solutions else " "
        print(f"{took:6.1f} s {mark} {word:8} {below}  {reason[:150]}", flush=True)
    for reason, count in reasons.most_common():
        print(f"{count:5}  {reason}")
    words = ("solved", "differs", "read", "refused", "failed", "slow")
    told = {"files": len(files)} | {w: counts[w] for w in words}
    if arguments.against:
        told["of those that Dynare solves"] = {"files": of_dynare.total()} | {w: of_dynare[w] for w in words}
        told["largest difference"], told["under 2 s"] = largest, sum(t < 2 for t in times)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
