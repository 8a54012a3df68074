"""Krusell and Smith (1998): household Jacobians, impulse responses and an estimation, with figures.

python experiments/krusell_smith.py [--out DIR]
"""

from sequence_space import run

if __name__ == "__main__":
    run("krusell_smith_1998")
