"""`Simulated`: the law of motion that a `Simulation` writes down needs no solving."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from estim.representations.nonlinear import SimulatedStateSpace
from estim.simulation import Simulation
from estim.solution.solver import Solver
from estim.status import Status


@dataclass(frozen=True)
class Simulated(Solver):
    """A simulation as it stands: its functions at given parameters."""

    gives: ClassVar[type] = SimulatedStateSpace
    sequential: ClassVar[bool] = False
    states_rest: ClassVar[bool] = False

    def solve(self, spec: Simulation, params: Any, given: None = None) -> SimulatedStateSpace:
        """The state space at `params`, the simulation's Params; its status is OK where these are finite.

        The covariance of measurement errors is None where they are not added to what is observed.
        """
        params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
        finite = jnp.all(jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves(params)]))
        return SimulatedStateSpace(
            specification=spec,
            params=params,
            obs_cov=spec.measurement_covariance(params) if spec.adds_errors else None,
            status=jnp.where(finite, Status.OK, Status.NOT_FINITE),
        )
