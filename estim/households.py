"""The steady state of a model's heterogeneous agents by name: who they are, what they choose and would spend."""

from typing import Any

import numpy as np
import xarray as xr

from estim.arguments import ArgumentError, checked, did_you_mean
from estim.model import Model
from estim.models import load_model
from estim.solution.sequence_space.stationary_equilibrium import solve_stationary_equilibrium
from estim.status import SolutionError, Status
from estim.typing import ParamValues


@checked
def household_steady_state(
    model: Model | str,
    params: ParamValues | None = None,
    *,
    block: str | None = None,
    consumption: str | None = "c",
) -> xr.Dataset:
    """Distribution, policies and marginal propensities to consume of a model's agents at rest.

    Args:
        model: a model with heterogeneous agents, or its name in the gallery.
        params: values of its parameters; the others keep their defaults.
        block: which agents, by the name of their block; the first where None.
        consumption: the outcome that is consumption, for ``mpc``; None leaves that out.

    Returns:
        ``distribution``, each outcome by its name and ``mpc``, over the dimensions ``income`` (numbered) and one for
        each asset with its grid. ``mpc`` is the share spent of a little more of the last asset, between its grid
        points, d c / (d c + d a' + ...): the budget says that what is not spent is kept. ``attrs`` has the
        ``block``, the steady state of the ``variables``, and the mean ``mpc`` over the distribution.

    Raises:
        ArgumentError: no such block or outcome, or the model has no heterogeneous agents.
        SolutionError: there is no steady state at these parameters.
    """
    model = load_model(model) if isinstance(model, str) else model
    names = [b.name for b in model.het_blocks]
    if not names or block not in (None, *names):
        raise ArgumentError(f"{model.name} has no block {block!r} of agents; it has {names}")
    place = 0 if block is None else names.index(block)
    found = solve_stationary_equilibrium(model, model.params(params))
    if int(found.status) != Status.OK:
        raise SolutionError(int(found.status), model.name)
    written, household = model.het_blocks[place], found.households[place]
    dims = ("income", *written.policy)
    coords = {name: np.asarray(getattr(household.grids, name)) for name in written.policy}
    coords["income"] = np.arange(household.distribution.shape[0])
    arrays = {f"{n}_next" if n in dims else n: (dims, np.asarray(x)) for n, x in household.outcomes.items()}
    data = xr.Dataset({"distribution": (dims, np.asarray(household.distribution)), **arrays}, coords)
    variables = {name: float(x) for name, x in found.variables._asdict().items()}
    data = data.assign_attrs(block=written.name, variables=variables)
    return data if consumption is None else _with_mpc(data, household.outcomes, written.policy, consumption)


def _with_mpc(data: xr.Dataset, outcomes: Any, policy: tuple[str, ...], consumption: str) -> xr.Dataset:
    if consumption not in outcomes:
        raise ArgumentError(
            f"there is no outcome {consumption!r} to be consumption; there are {list(outcomes)}"
            f"{did_you_mean(consumption, outcomes)}"
        )
    axis = len(policy)
    spent = np.diff(np.asarray(outcomes[consumption]), axis=axis)
    kept = sum(np.diff(np.asarray(outcomes[name]), axis=axis) for name in policy)
    share = spent / (spent + kept)
    share = np.concatenate(
        [share, share.take([-1], axis=axis)], axis=axis
    )  # beyond the last point as before it
    data = data.assign(mpc=(("income", *policy), share))
    return data.assign_attrs(mean_mpc=float((data["mpc"] * data["distribution"]).sum()))
