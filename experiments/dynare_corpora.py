"""How many Dynare files of a folder are read, and how many are solved to first order.

    python experiments/dynare_corpora.py FOLDER [--seconds 60] [--read-only]

Every `.mod` file below the folder that has a model block, each in a process of its own with a limit on its CPU time,
one after another. Prints a line a file, the reasons by how often they occur, and a line of JSON with the counts:
solved (one stable solution), read, refused, failed (an exception that is none of estim's), too slow.
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

from estim.dynare import ModFileError, read_mod
from estim.dynare.modfile import translate
from estim.solution import solve_decision_rule
from estim.status import Status

MODEL = re.compile(r"^\s*model\s*(\([^;]*\))?\s*;", re.MULTILINE | re.IGNORECASE)


def outcome(path: Path, read_only: bool) -> tuple[str, str]:
    """What becomes of a file: one word, and the reason."""
    warnings.simplefilter("ignore")
    try:
        if read_only:
            translate(path)
            return "read", ""
        mod = read_mod(path)
        rule = solve_decision_rule(mod.model, mod.model.params(mod.at_stoch_simul))
        if int(rule.status):
            return "read", Status(int(rule.status)).message
        return "solved", f"largest coefficient {np.abs(np.asarray(rule.policy)).max():.2g}"
    except ModFileError as error:
        return "refused", str(error).splitlines()[0].split(": ", 1)[-1]
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"


def apart(path: Path, seconds: int, read_only: bool) -> tuple[str, str]:
    """The outcome, in a process of its own."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        os.write(writer, json.dumps(outcome(path, read_only)).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as end:
        told = end.read()
    os.waitpid(child, 0)
    return tuple(json.loads(told)) if told else ("slow", f"more than {seconds} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--read-only", action="store_true")
    arguments = parser.parse_args()
    files = sorted(p for p in arguments.folder.rglob("*.mod") if MODEL.search(p.read_text(errors="replace")))
    counts, reasons = Counter(), Counter()
    for path in files:
        begun = time.perf_counter()
        word, reason = apart(path, arguments.seconds, arguments.read_only)
        counts[word] += 1
        if word != "solved" and reason:
            reasons[f"{word}: {re.sub(r"'[^']*'|[0-9]+", '_', reason)[:100]}"] += 1
        print(
            f"{time.perf_counter() - begun:6.1f} s  {word:8} {path.relative_to(arguments.folder)}  {reason[:100]}",
            flush=True,
        )
    for reason, count in reasons.most_common():
        print(f"{count:5}  {reason}")
    print(
        json.dumps(
            {"files": len(files)} | {w: counts[w] for w in ("solved", "read", "refused", "failed", "slow")}
        )
    )


if __name__ == "__main__":
    main()
