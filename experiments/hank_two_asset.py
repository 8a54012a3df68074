"""The two-asset HANK model: household Jacobians, impulse responses and an estimation, with figures.

python experiments/hank_two_asset.py [--out DIR]
"""

from sequence_space import run

if __name__ == "__main__":
    run("auclert_et_al_2021_two_asset")
