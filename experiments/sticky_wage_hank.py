"""NUTS over household and aggregate parameters of the sticky-wage HANK model, on data simulated from it.

Every draw solves the steady state anew, and its gradient passes through it: elasticity of substitution and
income risk are estimated beside the Phillips curve and the policy rule. The grid has eleven income states as in the
gallery and 150 points of assets, crowded near the borrowing limit, which are as accurate as the gallery's 500.

The log-likelihood jumps where the borrowing limit begins to bind for another income state (`borrowing_limit.py`). The
parameters that the data are simulated from lie between two such places, and the prior of income risk, as precise
as panel data on earnings make it, keeps most of the posterior there.

    python experiments/sticky_wage_hank.py [--num-samples 500] [--num-warmup 200] [--out DIR]
"""

import json
from dataclasses import replace

import jax
import numpy as np
from sequence_space import command_line, plot_posterior, save, simulated

import estim
from estim import priors
from estim.models.auclert_rognlie_straub_2024 import Grids
from estim.numerics.grids import double_exponential_grid, rouwenhorst
from estim.results.diagnostics import summarise
from estim.samplers.mode import find_mode, laplace_approximation
from estim.solution.sequence_space.linear_system import solve_moving_average

FULL = estim.load_model("auclert_rognlie_straub_2024")


def grids(p):
    income = rouwenhorst(p.rho_e, p.sd_e, 11)
    return Grids(income.states, income.transition, double_exponential_grid(p.min_a, 1000.0, 150, 2.5))


ESTIMATED = {
    "eis": priors.gamma(0.5, 0.1),
    "sd_e": priors.gamma(0.92, 0.05),
    "kappa_w": priors.gamma(0.2, 0.05),
    "phi_pi": priors.gamma(1.5, 0.2),
    "sig_m": priors.inverse_gamma_1(1.0, 0.5),
    "rho_m": priors.beta(0.7, 0.1),
}
TRUTH = {"eis": 0.45, "sd_e": 0.92, "kappa_w": 0.2, "phi_pi": 1.5, "sig_m": 1.0, "rho_m": 0.7}
FIXED = {"phi_T": 0.1, "sig_X": 0.5, "rho_X": 0.8, "sig_G": 0.2, "rho_G": 0.7}
MODEL = replace(
    FULL,
    name="sticky_wage_hank",
    prior=FULL.prior._replace(**ESTIMATED, **FIXED),
    het_blocks=(replace(FULL.het_blocks[0], grids=grids),),
    start=TRUTH,
    horizon=200,
)


def main():
    arguments = command_line(MODEL.name, num_samples=500, num_warmup=200)
    params = MODEL.params(TRUTH)
    solution = jax.jit(lambda p: solve_moving_average(MODEL, p))(params)
    posterior = estim.build_posterior(MODEL, simulated(MODEL, solution, jax.random.key(3), 200))
    mode = find_mode(posterior, jax.random.key(1), num_starts=1)
    draws = estim.sample(
        posterior, "nuts", jax.random.key(0), laplace=laplace_approximation(posterior, mode, step=0.3),
        num_samples=arguments.num_samples, num_warmup=arguments.num_warmup, num_chains=4,
    )  # fmt: skip
    found = jax.vmap(jax.vmap(posterior.constrain_fn))(draws.position)
    summary = summarise(np.stack([np.asarray(x) for x in found.values()], axis=-1))
    save(plot_posterior(MODEL, found, params), arguments.out / "posterior.png")
    table = {
        name: {
            "truth": TRUTH[name],
            "mean": round(float(summary.mean[k]), 4),
            "sd": round(float(summary.std[k]), 4),
            "z": round(float((summary.mean[k] - TRUTH[name]) / summary.std[k]), 2),
            "within 90 %": bool(summary.quantiles[0, k] < TRUTH[name] < summary.quantiles[2, k]),
            "rhat": round(float(summary.rhat[k]), 3),
            "ess": round(float(summary.ess_bulk[k])),
        }
        for k, name in enumerate(found)
    }
    stats = {
        "divergences": int(draws.stats["diverging"].sum()),
        "steps": float(draws.stats["n_steps"].mean()),
    }
    print(json.dumps({"posterior": table, "failures": draws.failures, **stats, "seconds": draws.seconds}))


if __name__ == "__main__":
    main()
