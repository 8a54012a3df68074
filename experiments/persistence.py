"""What the horizon is worth in log points where shocks are persistent: the gallery's heterogeneous-agent models.

    python experiments/persistence.py [MODEL ...]

For each model, with all estimated autocorrelations of shocks at 0.95, 0.98, 0.99 and 0.995: the log-likelihood of 100
quarters that the model itself makes there, at the model's horizon and at longer ones, twice as long each time, until it
moves by less than 0.002 or the horizon is `LONGEST` times the model's. A Jacobian's first dates are the Jacobian of the
first dates, so that households are solved once. The last line is JSON: the distance from the longest horizon, and the
last move.
"""

import json
import sys

import jax
import numpy as np

import estim
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.solution.sequence_space.linear_system import solve_moving_average
from estim.solution.sequence_space.stationary_equilibrium import solve_household_jacobians
from estim.solution.simulate import simulate
from estim.status import Status

PERSISTENCE = (0.95, 0.98, 0.99, 0.995)
LONGEST = 4
ENOUGH = 0.002

solve = jax.jit(solve_moving_average, static_argnums=0)
loglikelihood = jax.jit(toeplitz_loglikelihood)


def check(model: estim.Model, longest: int = LONGEST) -> dict[float, dict[str, float]]:
    """By persistence: what the model's own horizon is off, and the last move of the longer ones."""
    shocks = [n for n in model.estimated if n.startswith("rho_") and n != "rho_i"]
    params = lambda rho: model.params(dict(model.published) | dict.fromkeys(shocks, rho))
    long = jax.jit(lambda p: solve_household_jacobians(model, p, longest * model.horizon))(params(0.9))

    def upto(horizon):
        return long._replace(jacobians={k: J[:horizon, :horizon] for k, J in long.jacobians.items()})

    found = {}
    for rho in PERSISTENCE:
        data = np.asarray(simulate(solve(model, params(rho), upto(model.horizon)), jax.random.key(0), 100))
        values, factor = [], 1
        while factor <= longest and (len(values) < 2 or abs(values[-1] - values[-2]) >= ENOUGH):
            solution = solve(model, params(rho), upto(factor * model.horizon))
            status = Status(int(solution.status))
            values.append(float(loglikelihood(solution, data)) if status == Status.OK else float("nan"))
            print(
                f"  {rho}  horizon {factor * model.horizon:5d}  {values[-1]:.5f}  {status.name}", flush=True
            )
            factor *= 2
        found[rho] = {"off": abs(values[0] - values[-1]), "last_move": abs(values[-1] - values[-2])}
    return found


def main() -> None:
    names = sys.argv[1:] or [n for n in estim.list_models(estim.Model) if estim.load_model(n).het_blocks]
    result = {}
    for name in names:
        print(name)
        result[name] = check(estim.load_model(name), 2 if "two_asset" in name else LONGEST)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
