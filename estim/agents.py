"""Simulated agents of a dynamic program, as a frame that its likelihood reads."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from estim.arguments import Positive, checked
from estim.decision import DecisionModel
from estim.devices import shard
from estim.kept import kept_on_model
from estim.models import load_model
from estim.solution.at_rest import solution_error
from estim.solution.table import solver_named
from estim.tracing import ModelError
from estim.typing import Key

_MANY = 10_000
"""Agents that are worth a program for all cores."""


@checked
def simulate_agents(
    model: DecisionModel | str,
    params: Any = None,
    num_agents: Positive = 1000,
    *,
    rng_key: Key,
    solver: Any = None,
) -> pd.DataFrame:
    """What agents of a solved dynamic program do, by the model's ``draw``.

    Args:
        model: the dynamic program, or its name in the gallery.
        params: values that override the model's defaults, in its own units.
        num_agents: how many.
        rng_key: a JAX key; the same key gives the same agents.
        solver: as in `solve`.

    Returns:
        A frame with a row for each agent, or as many as ``draw`` gives: ``agent``, and the observables.

    Raises:
        ModelError: the model has no ``draw``, or a parameter is unknown or outside its prior's support.
        SolutionError: there is no solution there; the message says why.
    """
    model = load_model(model) if isinstance(model, str) else model
    if getattr(model, "draw", None) is None:
        raise ModelError(f"{model.name} has no draw, (key, solution, params) -> observables")
    values = model.params(params)
    model.check_support(values._asdict())
    solution = solver_named(model, solver).solve(model, values)
    if int(jnp.max(solution.status)):
        raise solution_error(int(jnp.max(solution.status)), model, values)
    keys = jax.random.split(rng_key, num_agents)
    rows = _drawn(model)(solution, shard(keys) if num_agents >= _MANY else keys)
    rows = rows[:, None, :] if rows.ndim == 2 else rows
    frame = pd.DataFrame(
        np.asarray(rows).reshape(-1, rows.shape[-1]), columns=list(model.observables._fields)
    )
    frame.insert(0, model.unit or "agent", np.repeat(np.arange(num_agents), rows.shape[1]))
    return frame


@kept_on_model
def _drawn(model: DecisionModel) -> Any:
    """``(solution, keys) -> [n_agents, (n_rows,) n_obs]``."""

    def one(solution: Any, key: Key) -> Any:
        assert model.draw is not None
        if solution.shares is not None:
            pick, key = jax.random.split(key)
            kind = jax.random.categorical(pick, jnp.log(solution.shares))
            solution = jax.tree.map(lambda x: x[kind], replace(solution, shares=None))
        row = model.draw(key, solution, solution.params)
        return jnp.stack([jnp.asarray(x, float) for x in row], axis=-1)

    return jax.jit(jax.vmap(one, in_axes=(None, 0)))
