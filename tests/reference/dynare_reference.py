"""Runs Dynare 5.3 under Octave on the models in tests/dynare/mod and stores what it finds.

    python tests/reference/dynare_reference.py [NAME ...]

Needs the Debian packages `dynare` and `octave` . Writes one
`dynare_NAME.json` a model: decision rules, moments, variance decomposition and, where the file
estimates, the log-likelihood and log-prior at its starting values. The steady-state shortcut
of Dynare's filter is switched off, so that its likelihood is the exact one.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat, savemat

import estim

HERE = Path(__file__).parent
MODELS = HERE.parent / "dynare" / "mod"

SHIPPED = {"smets_wouters_2007": {"name": "us_sw07_authors", "start": "1965Q1", "end": "2004Q4"}}
"""Data for a file that names none."""

LIK_INIT = {
    "trends": (1, 2, 3, 4),
    "measurement_errors": (1, 2, 3, 4),
    "diffuse_start": (2, 3, 4),
    "smets_wouters_2007": (2,),
}
"""Starts of the filter to try in the file's `estimation` command."""

OCTAVE = r"""
try, pkg('load', 'statistics'); end
addpath('/usr/lib/dynare/matlab');
warning('off', 'all');
dynare NAME noclearall nolog nowarn
if isfield(oo_.dr, 'ghx')
  result.variables = M_.endo_names;
  result.declared = M_.orig_endo_nbr;
  result.shocks = M_.exo_names;
  result.steady_state = oo_.dr.ys;
  [~, declared] = ismember((1:M_.endo_nbr)', oo_.dr.order_var);
  ghx = oo_.dr.ghx(declared, :); ghu = oo_.dr.ghu(declared, :);
  result.states = M_.endo_names(oo_.dr.order_var(M_.nstatic + (1:M_.nspred)));
  result.ghx = ghx;
  result.ghu = ghu;
  result.shock_cov = M_.Sigma_e;
end
if isfield(oo_, 'var') && ~isempty(oo_.var)
  result.moments.variables = oo_.var_list;
  result.moments.mean = oo_.mean;
  result.moments.variance = oo_.var;
  result.moments.autocorrelation = oo_.autocorr;
  if isfield(oo_, 'variance_decomposition')
    result.moments.decomposition = oo_.variance_decomposition;
  end
  if isfield(oo_, 'conditional_variance_decomposition')
    result.moments.conditional_periods = options_.conditional_variance_decomposition;
    result.moments.conditional_decomposition = oo_.conditional_variance_decomposition;
  end
end
if isfield(oo_, 'irfs')
  result.irfs = oo_.irfs;
end
if ~isempty(estim_params_) && ~isempty(options_.datafile)
  options_.riccati_tol = 0;
  [dataset_, info, x, ~, M_, options_, oo_, estim_params_, bayestopt_, bounds] = ...
      dynare_estimation_init(options_.varobs, 'NAME', [], M_, options_, oo_, estim_params_, bayestopt_);
  minus_posterior = dsge_likelihood(x, dataset_, info, options_, M_, estim_params_, bayestopt_, bounds, oo_);
  logprior = priordens(x, bayestopt_.pshape, bayestopt_.p6, bayestopt_.p7, bayestopt_.p3, bayestopt_.p4);
  result.estimation.names = bayestopt_.name;
  result.estimation.values = x;
  result.estimation.logprior = logprior;
  result.estimation.loglikelihood = -minus_posterior - logprior;
end
save('-v7', 'result.mat', 'result');
"""


def write_data() -> None:
    """Artificial series for the models that estimate; any numbers will do."""
    rng = np.random.default_rng(20)
    n = 70
    walk = np.cumsum(rng.normal(0, 0.1, n)) + rng.normal(0, 0.3, n)
    savemat(MODELS / "observed.mat", {"obs": walk[:, None]})
    y = 0.01 * np.arange(1, n + 1) + _ar(rng, 0.9, 0.1, n)
    c = 0.3 + 0.02 * np.arange(1, n + 1) + _ar(rng, 0.5, 0.2, n)
    pd.DataFrame({"y": y, "c": c}).round(6).to_csv(MODELS / "observed.csv", index=False)
    levels = 1.9 * np.exp(_ar(rng, 0.9, 0.015, n))
    pd.DataFrame({"y": levels}).round(6).to_csv(MODELS / "levels.csv", index=False)
    gaps = pd.DataFrame({"y": 1 + _ar(rng, 0.7, 0.3, 40), "c": 0.6 + _ar(rng, 0.5, 0.4, 40)}).round(6)
    gaps.loc[3:6, "c"] = np.nan
    gaps.loc[[0, 20], "y"] = np.nan
    gaps.to_excel(MODELS / "gaps.xlsx", index=False)


def _ar(rng: np.random.Generator, rho: float, sd: float, n: int) -> np.ndarray:
    x = np.zeros(n)
    for t in range(1, n):
        x[t] = rho * x[t - 1] + sd * rng.normal()
    return x


def run(name: str, lik_init: int | None = None) -> dict:
    """What Dynare finds, with another start of the filter where one is given."""
    with tempfile.TemporaryDirectory() as folder:
        for file in MODELS.iterdir():
            shutil.copy(file, folder)
        # Octave's reader of spreadsheets stumbles over these: the same numbers as text.
        model = Path(folder) / f"{name}.mod"
        text = model.read_text().replace("gaps.xlsx", "gaps.csv")
        if name in SHIPPED:
            estim.load_data(**SHIPPED[name]).to_csv(Path(folder) / "shipped.csv", index=False)
            text = text.replace("estimation(", "estimation(datafile='shipped.csv', cova_compute=0, ")
        if lik_init:
            text = re.sub(r"(, lik_init=\d)?, mode_compute", f", lik_init={lik_init}, mode_compute", text)
        model.write_text(text)
        pd.read_excel(MODELS / "gaps.xlsx").to_csv(Path(folder) / "gaps.csv", index=False, na_rep="NaN")
        (Path(folder) / "driver.m").write_text(OCTAVE.replace("NAME", name))
        done = subprocess.run(
            ["octave-cli", "--no-gui", "--quiet", "driver.m"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
        )
        result = Path(folder) / "result.mat"
        if not result.exists():
            raise RuntimeError(f"{name}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return plain(loadmat(result, simplify_cells=True)["result"])


def plain(value):
    """Arrays as lists; not by Octave's `jsonencode`, which writes -0.9999999999999999 as 0."""
    match value:
        case dict():
            return {key: plain(v) for key, v in value.items()}
        case np.ndarray() if value.dtype == object:
            return [plain(v) for v in value]
        case np.ndarray() | np.generic():
            return value.tolist()
        case float() if value.is_integer():
            return int(value)
    return value


def main() -> None:
    names = sys.argv[1:] or sorted(p.stem for p in MODELS.glob("*.mod"))
    if not sys.argv[1:]:
        write_data()
    for name in names:
        found = run(name)
        starts = {k: run(name, k)["estimation"]["loglikelihood"] for k in LIK_INIT.get(name, ())}
        if starts:
            found["estimation"]["by_lik_init"] = starts
        (HERE / f"dynare_{name}.json").write_text(json.dumps(found, indent=None) + "\n")
        print(name, flush=True)


if __name__ == "__main__":
    main()
