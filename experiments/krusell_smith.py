"""Krusell and Smith (1998): household Jacobians, impulse responses, a large shock and an estimation, with figures.

python experiments/krusell_smith.py [--out DIR] [--num-samples 500]
"""

from sequence_space import run

LABELS = {
    "Y": "output, %",
    "C": "consumption, % of output",
    "K": "capital, % of output",
    "r": "return, pp a quarter",
}

if __name__ == "__main__":
    run("krusell_smith_1998", LABELS, shock="eps_Z", size=15.0)
