"""Which parameters of a heterogeneous-agent model cost what, found from what its functions read.

A draw that moves only shock parameters reuses `AggregateResponses`; one that moves aggregate
parameters too reuses `HouseholdJacobians`; household parameters move the steady state.
"""

from typing import NamedTuple

import jax

from estim.heterogeneity.household import as_inputs, backward_step
from estim.kept import kept_on_model
from estim.model import Model
from estim.numerics.reads import reads
from estim.solution.equations import trace_equations
from estim.solution.sequence_space.plan import find_plan
from estim.solution.steady_state import steady_state_of


class ParameterRoles(NamedTuple):
    """Names of parameters, cheapest first: together all but the steady state's unknowns."""

    shocks: tuple[str, ...]
    aggregate: tuple[str, ...]
    household: tuple[str, ...]


@kept_on_model
def parameter_roles(model: Model) -> ParameterRoles:
    """The parameters that move shock processes and measurement only, aggregate equations, or households.

    Args:
        model: one with heterogeneous agents.

    Returns:
        The names of the parameters by role, cheapest first.
    """
    params = model.params()
    no_shocks = model.shocks(*[0.0] * len(model.shocks._fields))

    def residuals(p):
        rest = steady_state_of(model)(p)
        return model.residuals(rest, rest, rest, no_shocks, p)

    def households(p):
        rest = steady_state_of(model)(p)
        steps = []
        for block in model.het_blocks:
            inputs, grids = as_inputs(block, rest), block.grids(p)
            value = block.initial(as_inputs(block, rest), grids, p)
            steps.append(backward_step(block, value, inputs, grids, p))
        return rest, steps, [residuals(p)[t] for t in model.targets if t in residuals(p)]

    household = set().union(*_names(model, reads(jax.make_jaxpr(households)(jax.tree.map(float, params)))))
    exogenous = {e for step in find_plan(model).exogenous for e in step.equations}
    by_equation = _names(model, reads(trace_equations(model).residuals))
    aggregate = set().union(*(names for e, names in enumerate(by_equation) if e not in exogenous))
    names = [n for n in model.param_names if n not in model.unknowns]
    return ParameterRoles(
        shocks=tuple(n for n in names if n not in household | aggregate),
        aggregate=tuple(n for n in names if n in aggregate - household),
        household=tuple(n for n in names if n in household),
    )


def _names(model: Model, outputs: list[set[int]]) -> list[set[str]]:
    """The parameters that each output of a program reads, whose first inputs they are."""
    return [{model.param_names[i] for i in read if i < len(model.param_names)} for read in outputs]
