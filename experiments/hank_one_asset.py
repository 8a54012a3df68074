"""The one-asset HANK model: household Jacobians, impulse responses and an estimation, with figures.

python experiments/hank_one_asset.py [--out DIR]
"""

from sequence_space import run

if __name__ == "__main__":
    run("auclert_et_al_2021_one_asset")
