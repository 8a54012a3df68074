"""What the data want of households in Kase, Rigato and Rottner (2024): the posterior over income risk, profiled.

    python experiments/kase_rigato_rottner_2024_surface.py [--persistence 0.92 ...] [--dispersion 0.92 ...]

At each persistence and dispersion of log income the log-posterior is maximised over the other eleven parameters,
under the priors of the fixed edition. Households are solved once a point: their parameters stay.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
from kase_rigato_rottner_2024 import fixed, households, ours  # beside this file
from scipy.optimize import minimize

from estim.estimation import build_posterior
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.solution.sequence_space.linear_system import solve_moving_average
from estim.solution.sequence_space.stationary_equilibrium import solve_household_jacobians
from estim.status import Status
from estim.typing import Array

STARTS = (fixed.start, {n: v for n, v in households.start.items() if n in fixed.estimated})
"""Near the modes of the two regimes: of the fixed edition, and of the one that estimates households."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persistence", nargs="+", type=float, default=[0.86, 0.92, 0.955, 0.966, 0.978])
    parser.add_argument("--dispersion", nargs="+", type=float, default=[0.4, 0.5, 0.6, 0.75, 0.92, 1.05])
    arguments = parser.parse_args()
    data = ours.load_data()
    posterior, observations = build_posterior(fixed, data), data.to_numpy()

    def with_risk(values, risk):
        return fixed.params(values)._replace(rho_e=risk[0], sd_e=risk[1])

    @jax.jit
    def households_at(risk: Array):
        return solve_household_jacobians(fixed, with_risk({}, risk))

    @jax.jit
    @jax.value_and_grad
    def objective(position: Array, risk: Array, given) -> Array:
        params = with_risk(posterior.constrain_fn(position), risk)
        solution = solve_moving_average(fixed, params, given)
        value = toeplitz_loglikelihood(solution, observations)
        value = jnp.where(solution.status == Status.OK, value, -jnp.inf)
        return -value - posterior.logprior_fn(position)

    def highest(risk: Array) -> float:
        """The maximum over the other parameters, the better of two searches; NaN without a steady state."""
        given = households_at(risk)
        if given.status != Status.OK:
            return np.nan

        def value_and_slope(position: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = objective(position, risk, given)
            return float(value), np.where(np.isfinite(slope), slope, 0.0)

        starts = [np.asarray(posterior.unconstrain_fn(start)) for start in STARTS]
        return max(
            -minimize(value_and_slope, start, jac=True, method="BFGS", options={"gtol": 0.05}).fun
            for start in starts
        )

    print("persistence, dispersion:", *arguments.dispersion, sep="\t")
    for persistence in arguments.persistence:
        row = [highest(jnp.array([persistence, dispersion])) for dispersion in arguments.dispersion]
        print(persistence, *(f"{value:.2f}" for value in row), sep="\t", flush=True)


if __name__ == "__main__":
    main()
