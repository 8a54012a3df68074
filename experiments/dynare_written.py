"""Gallery models as Dynare files: does Dynare solve them to the same numbers?

    python experiments/dynare_written.py [MODEL ...] [--dynare /usr/lib/dynare/matlab]

Each model without households is written by `estim.dynare.write_mod`, solved by Dynare under Octave as
`dynare_solutions.py` does it, and its responses to every shock over twelve periods are set beside those of the model
itself. The last line is JSON: the largest difference by model, in units of the largest response.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import loadmat

import estim
from estim.dynare import write_mod
from estim.model import ModelError

NUM_PERIODS = 12


def responses_of_dynare(kept: Path, model: estim.Model) -> np.ndarray:
    """``[period, variable, shock]`` of the model's own, from ``y_t = ghx s_{t-1} + ghu e_t``."""
    found = loadmat(kept)
    order = found["order_var"].ravel().astype(int) - 1
    static, states = int(found["nstatic"].item()), int(found["nspred"].item())
    move, path = np.zeros((len(order), len(order))), [np.zeros((len(order), found["ghu"].shape[1]))]
    move[np.ix_(order, order[static : static + states])] = found["ghx"]
    path[0][order] = found["ghu"]
    while len(path) < NUM_PERIODS:
        path.append(move @ path[-1])
    return np.stack(path)[:, : len(model.variables._fields), : len(model.shocks._fields)]  # as declared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--dynare", default="/usr/lib/dynare/matlab")
    arguments = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        files, kept = Path(scratch) / "files", Path(scratch) / "kept"
        files.mkdir()
        written = {}
        for name in arguments.models or estim.list_models(estim.Model):
            try:
                written[name] = write_mod(estim.load_model(name), files / f"{name}.mod")
            except ModelError as error:
                print(f"{name}: {error}")
        script = Path(__file__).with_name("dynare_solutions.py")
        subprocess.run([sys.executable, script, files, kept, "--dynare", arguments.dynare], check=True)
        for name in written:
            model, solutions = estim.load_model(name), sorted(kept.glob(f"{name}.*.mat"))
            if not solutions:
                result[name] = "not solved by Dynare"
                continue
            ours = np.asarray(estim.impulse_responses(model, horizon=NUM_PERIODS))
            gap = np.abs(ours - responses_of_dynare(solutions[0], model)).max() / np.abs(ours).max()
            result[name] = float(f"{gap:.1e}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
