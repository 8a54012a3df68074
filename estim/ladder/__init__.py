"""The debugging ladder: what is wrong with a model, rung by rung, in plain words.

Each rung stands on the one below, so the climb ends at the first that fails.
"""

from collections.abc import Iterator
from functools import partial, singledispatch
from typing import Any

import jax
import numpy as np
import pandas as pd

from estim.agents import simulate_agents
from estim.arguments import ArgumentError, Positive, checked, shown
from estim.covariances import check_covariances
from estim.decision import DecisionModel
from estim.estimation import build_posterior
from estim.ladder import decisions, density
from estim.ladder.determinacy import stable_solution
from estim.ladder.equations import equations, independence, linear_at_rest, steady_state
from estim.ladder.households import households
from estim.ladder.rung import Rung
from estim.ladder.units import comparable, units
from estim.likelihood.rows import hides_states
from estim.model import Model
from estim.models import load_model
from estim.samplers.states import evaluate_point
from estim.simulation import Simulation
from estim.solution.simulate import simulate
from estim.solution.table import default_solver

__all__ = ["Rung", "check_model"]

AGENTS, SERIES = 400, 2  # that are simulated where there are no data; series are long, and their states many


@checked
def check_model(
    model: Model | Simulation | DecisionModel | str, data: Any = None, *, num_draws: Positive = 200
) -> Iterator[Rung]:
    """Climb the ladder: equations, steady state, determinacy, likelihood, prior draws, units of the data, gradient.

    A model without a prior is calibrated: its ladder ends with the likelihood. That of a `Simulation` begins with a
    path, and its accounts where it declares any; likelihood, prior draws and gradient follow where it is linear. That
    of a `DecisionModel` begins with its fixed point, the market that clears, policies and the distribution. Of
    heterogeneous agents the steady state is looked at too.

    Args:
        model: a `Model`, a `Simulation`, a `DecisionModel`, or the name of one in the gallery.
        data: a frame with its observables; where none is given, 96 periods, 400 agents or two series are simulated
            from the model itself.
        num_draws: how many draws of the prior are tried.

    Returns:
        The rungs one by one, the last the first that does not hold.

    Raises:
        ModelError, DataError: as their messages say.
    """
    model = load_model(model) if isinstance(model, str) else model
    for rung in _climb(model, data, num_draws):
        yield rung
        if not rung.passed:
            return


@singledispatch
def _climb(model: Any, data: Any, num_draws: int) -> Iterator[Rung]:
    raise ArgumentError(f"check_model takes a model, not {shown(model)}")


@_climb.register
def _(model: Model, data: Any, num_draws: int) -> Iterator[Rung]:
    yield equations(model)
    solver, linear = default_solver(model), None
    if solver.states_rest:
        linear = linear_at_rest(model)
        yield independence(model, linear)
        yield steady_state(model, linear)
    else:
        rung, found = households(model)
        yield rung
        if not found:
            return
    check_covariances(model, model.params())
    given = solver.at_defaults(model)
    solution = solver.solve(model, model.params(), given)
    yield stable_solution(model, solution, linear, given)
    if own := data is None:
        observations = simulate(solution, jax.random.key(0), 96)
        data = pd.DataFrame(np.asarray(observations), columns=list(model.observables._fields))
    yield from _climb_posterior(model, data, num_draws, compare=not own)


@_climb.register
def _(model: DecisionModel, data: Any, num_draws: int) -> Iterator[Rung]:
    rung, solution = decisions.fixed_point(model)
    yield rung
    if model.unknowns:
        yield decisions.market(model, solution)
    if solution.policy is not None:
        yield decisions.policies(model, solution)
    if solution.distribution is not None and solution.shares is None:
        yield decisions.distribution(model, solution)
    if data is None and model.draw is not None:
        num = SERIES if hides_states(model) else AGENTS
        data = simulate_agents(model, None, num, rng_key=jax.random.key(0))
    if data is not None:
        yield from _climb_posterior(model, data, num_draws)


@_climb.register
def _(model: Simulation, data: Any, num_draws: int) -> Iterator[Rung]:
    check_covariances(model, model.params())
    rng = np.random.default_rng(0)
    shocks, errors = (
        rng.normal(size=(96, len(names._fields))) for names in (model.shocks, model.observables)
    )
    path = model.compiled_path(None, shocks, errors if model.adds_errors else None)
    frame = pd.DataFrame(path.observables._asdict())
    finite = all(np.isfinite(x).all() for x in jax.tree.leaves(path))
    lines = tuple(
        f"{name}: mean {x.mean():.4g}, standard deviation {x.std():.4g}" for name, x in frame.items()
    )
    yield Rung("A path of 96 periods is finite", finite, lines)
    if model.accounts is not None:
        worst = {name: float(np.abs(gap).max()) for name, gap in model.imbalances(None, shocks).items()}
        scale = max(float(np.abs(x).max()) for x in jax.tree.leaves(path.states))
        open_ones = {name: gap for name, gap in worst.items() if not gap <= 1e-9 * max(scale, 1.0)}
        found = open_ones or {f"all of {len(worst)} identities, at most": max(worst.values())}
        yield Rung(
            "The accounts balance", not open_ones, tuple(f"{n}: {gap:.2g}" for n, gap in found.items())
        )
    if model.estimated and model.adds_errors and model.is_linear:
        yield from _climb_posterior(model, frame if data is None else data, num_draws)


def _climb_posterior(
    model: Model | Simulation | DecisionModel, data: Any, num_draws: int, compare: bool = False
) -> Iterator[Rung]:
    """Likelihood, draws from the prior, units where there are data to `compare` with, gradient."""
    if not model.estimated:
        yield density.calibrated(model, data)
        return
    posterior = build_posterior(model, data)
    evaluate = partial(evaluate_point, posterior)
    yield density.at_start(posterior, evaluate)
    positions = density.draws_of(posterior, num_draws)
    yield density.prior_draws(posterior, evaluate, positions)
    if compare and comparable(posterior, data, model.observables._fields):
        yield units(posterior, data, positions)
    yield density.gradient(posterior, evaluate)
