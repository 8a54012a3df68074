"""What a cockpit shows of a specification: paths as a function of its levers, which JAX traces."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.impulse_responses import impulse_responses
from estim.arguments import ArgumentError
from estim.model import Model
from estim.paths import labelled
from estim.simulation import Simulation
from estim.solution.table import default_solver
from estim.status import Status
from estim.typing import Array, Scalar

_MOST_SERIES = 12


class View(NamedTuple):
    """Attributes:
    paths: ``(params, sizes) -> (paths [horizon, n_series], status)``; sizes are those of the shocks in the first
        period,
        in standard deviations.
    series: what each column is called.
    what: what the paths are, in words.
    """

    paths: Callable[[Any, Array], tuple[Array, Scalar]]
    series: list[str]
    what: str


def view_of(model: Model | Simulation, horizon: int) -> View:
    """The path of a simulation after shocks in its first period; the responses of a model's observables.

    Raises:
        ArgumentError: the specification is neither.
    """
    if isinstance(model, Simulation):
        return _simulation(model, horizon)
    if not isinstance(model, Model):
        raise ArgumentError(f"the cockpit shows a Model or a Simulation, not a {type(model).__name__}")
    solver = default_solver(model)

    def responses(params: Any, sizes: Array) -> tuple[Array, Scalar]:
        solution = solver.solve(model, params)
        return impulse_responses(solution, horizon) @ sizes, solution.status

    series = [(getattr(model, "labels", {}).get(n, ("",))[0] or n) for n in model.observables._fields]
    return View(responses, series, "deviations from rest after shocks in the first period")


def _simulation(model: Simulation, horizon: int) -> View:
    single = jax.tree.map(jnp.asarray, model.start(model.params()))
    small = all(np.ndim(leaf) == 0 for leaf in jax.tree.leaves(single))
    shown: list[int] = []

    def path(params: Any, sizes: Array) -> tuple[Array, Scalar]:
        shocks = jnp.zeros((horizon, len(model.shocks._fields))).at[0].set(sizes)
        found = model.path(params, shocks)
        seen = jnp.stack(list(found.observables), axis=1)
        values = labelled(model, found)[1][:, np.array(shown, int)] if small else seen
        return values, jnp.where(jnp.isfinite(values).all(), Status.OK, Status.NOT_FINITE)

    if not small:
        return View(path, list(model.observables._fields), "what is observed of the path")
    one = jax.eval_shape(lambda: model.path(None, jnp.zeros((1, len(model.shocks._fields)))))
    labels = labelled(model, jax.tree.map(lambda x: np.zeros(x.shape), one))[0]
    shown += [i for i, label in enumerate(labels) if not label.startswith("observed ")][:_MOST_SERIES]
    return View(path, [labels[i] for i in shown], "the path after shocks in the first period")
