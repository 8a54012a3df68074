"""What the surrogates of replications were told to be, and how wrong they were: runs beside exact chains.

    python experiments/certificate_replications.py RUN[,EXACT_RUN] ...

Of each run folder, of any version of estim: the certificate's verdict; the largest errors of the surrogate's draws, and
of means after its correction, in standard deviations of NUTS's draws (of EXACT_RUN, or of the run itself), with the
standard error that NUTS's own mean and standard deviation have; seconds of the surrogate's stages and of all. A line
of JSON for each.
"""

import json
import sys
from pathlib import Path

import arviz
import numpy as np
from certificate import errors_of

from estim.surrogate.estimates import margins


def params(folder: Path) -> np.ndarray:
    """A route's draws ``[chain, draw, parameter]``, from its chunks."""
    chunks = [np.load(file) for file in sorted(folder.glob("chunk-*.npz"))]
    return np.concatenate([chunk["params"] for chunk in chunks if "params" in chunk], axis=1).astype(float)


def line(run: Path, exact_run: Path) -> dict:
    exact, learnt = params(exact_run / "nuts"), params(run / "surrogate")
    truth, found = (margins(draws.reshape(-1, draws.shape[-1])).figures for draws in (exact, learnt))
    effective = min(float(arviz.ess(one)) for one in np.moveaxis(exact, -1, 0))
    certificate = json.loads((run / "surrogate" / "certificate.json").read_text())
    corrected = np.load(run / "surrogate" / "check.npz")["mean"]
    seconds = json.loads((run / "timings.json").read_text())
    return {
        "run": str(run),
        "parameters": truth.shape[1],
        "verdict": certificate["verdict"],
        "reasons": certificate.get("reasons", []),
        "errors": {name: round(error, 3) for name, error in errors_of(found, truth).items()},
        "corrected_mean": round(float(np.max(np.abs(corrected - truth[0]) / truth[1])), 3),
        "standard_errors": {
            "mean": round(effective**-0.5, 3),
            "sd": round((2 * effective) ** -0.5, 3),
        },
        "pareto_khat": round(float(certificate["pareto_khat"]), 2),
        "wrong_accept": round(float(np.ravel(certificate["wrong_accept"])[0]), 5),
        "seconds": {name: round(s, 1) for name, s in seconds.items() if "surrogate" in name},
        "seconds_of_all": round(sum(seconds.values()), 1),
    }


def main() -> None:
    for argument in sys.argv[1:]:
        run, _, exact = argument.partition(",")
        print(json.dumps(line(Path(run), Path(exact or run))))


if __name__ == "__main__":
    main()
