"""The figure of the study of certificates: how wrong each surrogate was, and what its certificate said.

    python experiments/certificate_figure.py

A point for each fresh problem of results/certificate.jsonl, by family: its largest error in limits of what is called
wrong (certificate.py), so that what lies above one is wrong; coloured by the first word. Writes
docs/methods/certificate.png.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from certificate import FILE, HALVES, LIMITS
from certificate_problems import FAMILIES

FIGURE = Path(__file__).parents[1] / "docs" / "methods" / "certificate.png"
COLORS = {"safe": "#2a7f62", "use the correction": "#e0a030", "not certified": "#b03a48"}


def main() -> None:
    lines = [
        line
        for line in map(json.loads, FILE.open())
        if line["number"] in HALVES["fresh"] and not line["unseen"]
    ]
    families = list(dict.fromkeys(line["family"].split(",")[0] for line in sorted(lines, key=_place)))
    rng = np.random.default_rng(0)
    figure, axes = plt.subplots(figsize=(8.5, 4.2), layout="constrained")
    for verdict, color in COLORS.items():
        some = [line for line in lines if line["verdict"] == verdict]
        x = np.array([families.index(line["family"].split(",")[0]) for line in some], float)
        y = [max(line["errors"][name] / limit for name, limit in LIMITS.items()) for line in some]
        axes.scatter(
            x + rng.uniform(-0.28, 0.28, len(x)),
            y,
            s=14,
            color=color,
            alpha=0.75,
            label=f"{verdict} ({len(some)})",
        )
    axes.axhline(1, color="0.3", lw=1)
    axes.set_yscale("log")
    axes.set_ylabel("largest error, in limits: above 1 it is wrong")
    axes.set_xticks(range(len(families)), families, rotation=35, ha="right")
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(FIGURE, dpi=130)
    print(json.dumps({verdict: sum(line["verdict"] == verdict for line in lines) for verdict in COLORS}))


def _place(line: dict) -> int:
    return line["number"] // 2 % len(FAMILIES)


if __name__ == "__main__":
    main()
