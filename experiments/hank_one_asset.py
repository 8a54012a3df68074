"""The one-asset HANK model: household Jacobians, impulse responses, a large shock and an estimation, with figures.

python experiments/hank_one_asset.py [--out DIR] [--num-samples 500]
"""

from sequence_space import run

LABELS = {
    "Y": "output, %",
    "pi": "inflation, pp a quarter",
    "i": "policy rate, pp a quarter",
    "w": "real wage, pp",
}

if __name__ == "__main__":
    run("auclert_et_al_2021_one_asset", LABELS, shock="eps_m", size=2.0)
