"""NUTS over household and aggregate parameters of the sticky-wage HANK model, on data simulated from it.

Every draw solves the steady state anew, and its gradient passes through it: elasticity of substitution and
income risk are estimated beside the Phillips curve and the policy rule. A coarse grid keeps it to minutes.

    python experiments/sticky_wage_hank.py [--num-samples 200]
"""

import argparse
import json
from dataclasses import replace

import jax
import numpy as np
import pandas as pd

import estim
from estim import priors
from estim.heterogeneity.grids import double_exponential_grid, rouwenhorst
from estim.models.auclert_rognlie_straub_2024 import Grids
from estim.solution.sequence_space import solve_moving_average
from estim.solution.simulate import simulate

FULL = estim.load_model("auclert_rognlie_straub_2024")


def coarse_grids(p):
    income = rouwenhorst(p.rho_e, p.sd_e, 5)
    return Grids(income.states, income.transition, double_exponential_grid(p.min_a, 200.0, 100))


ESTIMATED = {
    "eis": priors.gamma(0.5, 0.1),
    "sd_e": priors.gamma(0.92, 0.1),
    "kappa_w": priors.gamma(0.2, 0.05),
    "phi_pi": priors.gamma(1.5, 0.2),
    "sig_m": priors.inverse_gamma_1(1.0, 0.5),
    "rho_m": priors.beta(0.7, 0.1),
}
TRUTH = {"eis": 0.5, "sd_e": 0.92, "kappa_w": 0.2, "phi_pi": 1.5, "sig_m": 1.0, "rho_m": 0.7}
FIXED = {"phi_T": 0.1, "sig_X": 0.5, "rho_X": 0.8, "sig_G": 0.2, "rho_G": 0.7}
MODEL = replace(
    FULL,
    name="sticky_wage_coarse",
    prior=FULL.prior._replace(**ESTIMATED, **FIXED),
    het_blocks=(replace(FULL.het_blocks[0], grids=coarse_grids),),
    start=TRUTH,
    horizon=120,
)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--num-samples", type=int, default=200)
    parser.add_argument("--num-warmup", type=int, default=150)
    arguments = parser.parse_args()
    solve = jax.jit(lambda p: solve_moving_average(MODEL, p))
    observations = np.asarray(simulate(solve(MODEL.params(TRUTH)), jax.random.key(3), 200))
    data = pd.DataFrame(observations, columns=list(MODEL.observables._fields))
    posterior = estim.build_posterior(MODEL, data)
    draws = estim.sample(
        posterior, "nuts", jax.random.key(0),
        num_samples=arguments.num_samples, num_warmup=arguments.num_warmup, num_chains=2,
    )  # fmt: skip
    found = jax.vmap(jax.vmap(posterior.constrain_fn))(draws.position)
    table = {
        n: {
            "truth": TRUTH[n],
            "mean": float(x.mean()),
            "sd": float(x.std()),
            "z": float((x.mean() - TRUTH[n]) / x.std()),
        }
        for n, x in found.items()
    }
    failed, counts = np.unique(np.asarray(draws.evaluations.status), return_counts=True)
    print(
        json.dumps(
            {
                "posterior": table,
                "statuses": {estim.Status(int(s)).name: int(c) for s, c in zip(failed, counts, strict=True)},
                "seconds": draws.seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
