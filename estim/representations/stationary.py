"""`StationaryEquilibrium`: agents' values and policies where nothing aggregate moves."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from estim.typing import Array, Scalar


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        "params",
        "value",
        "policy",
        "of_actions",
        "distribution",
        "status",
        "steps",
        "error",
        "radius",
        "shares",
    ],
    meta_fields=["specification"],
)
@dataclass(frozen=True)
class StationaryEquilibrium:
    """The solved dynamic program of a `DecisionModel`, with derivatives by the implicit function theorem.

    Attributes:
        specification: the `DecisionModel`, the static part.
        params: its Params, the unknown at its solution.
        value: v, ``[*states]`` or the pytree of ``start``.
        policy: the best action ``[*states]`` of whole numbers; what the model's own ``policy`` returns, else None.
        of_actions: with taste shocks, `action_values`; else None, and they are computed when they are asked for.
        distribution: the stationary one of individual states, of mass one; None without the model's ``motion``.
        status: a `Status`.
        steps: iterations of the solver, the last one included.
        error: max |T(v) - v|.
        radius: a bound below one on the spectral radius of discounting, T'(v), where the value is finite; infinite
            where it is not, and NaN where the operator is not monotone.
        shares: of the types ``[n_types]`` where agents differ for good, and then the other fields have a leading axis
            ``[n_types]``; else None.
    """

    specification: Any
    params: Any
    value: Any
    policy: Any
    of_actions: Array | None
    distribution: Array | None
    status: Scalar
    steps: Scalar
    error: Scalar
    radius: Scalar
    shares: Array | None = None

    @property
    def action_values(self) -> Array | None:
        """r(s, a) + W(v)(s, a), ``[*states, n_actions]``; None where the model gives the operator itself."""
        spec = self.specification
        if self.of_actions is not None or not spec.chooses:
            return self.of_actions
        of_one = lambda params, value: spec.action_values(
            jnp.asarray(spec.reward(params), float), value, params
        )
        return (of_one if self.shares is None else jax.vmap(of_one))(self.params, self.value)

    @property
    def log_choice(self) -> Array:
        """Log-probability of each action in each state ``[*states, n_actions]``; 0 and -inf without taste shocks."""
        of_actions = self.action_values
        assert of_actions is not None, "the operator itself has no actions"
        return self.specification.log_choice(of_actions, self.params)

    def mean(self, outcome: Array) -> Scalar:
        """Of an outcome in each individual state ``[*states]``, over the stationary distribution."""
        assert self.distribution is not None, "without motion there is no distribution"
        return jnp.vdot(self.distribution, outcome)

    @property
    def choice(self) -> Array:
        """Probability of each action in each state ``[*states, n_actions]``."""
        return jnp.exp(self.log_choice)
