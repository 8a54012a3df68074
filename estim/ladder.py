"""The debugging ladder: what is wrong with a model, rung by rung, in plain words.

Each rung stands on the one below, so the climb ends at the first that fails.
"""

from collections.abc import Callable, Iterator
from functools import partial, singledispatch
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from estim.agents import simulate_agents
from estim.arguments import ArgumentError, Positive, checked, shown
from estim.covariances import check_covariances
from estim.decision import DecisionModel
from estim.estimation import EstimationData, build_posterior, likelihood_of
from estim.evaluations import Evaluations
from estim.model import Model
from estim.models import load_model
from estim.posterior import Posterior
from estim.representations.linear import StateSpace
from estim.representations.stationary import StationaryEquilibrium
from estim.samplers.states import evaluate_point, first_gradient_state
from estim.simulation import Simulation
from estim.solution.at_rest import equations_left, levels
from estim.solution.incidence import Incidence, incidence
from estim.solution.linearize import linearize
from estim.solution.simulate import simulate
from estim.solution.table import default_solver
from estim.specification import Specification
from estim.status import Status
from estim.typing import Position

Evaluate = Callable[[Position], Evaluations]

_GRADIENT_TOLERANCE = 1e-5


class Rung(NamedTuple):
    """One step of the ladder: what was asked, whether it holds, and what was found."""

    title: str
    passed: bool
    lines: tuple[str, ...]


@checked
def check_model(
    model: Model | Simulation | DecisionModel | str, data: Any = None, *, num_draws: Positive = 200
) -> Iterator[Rung]:
    """Climb the ladder: equations, steady state, determinacy, likelihood, prior draws, gradient.

    A model without a prior is calibrated: its ladder ends with the likelihood. That of a `Simulation` begins with a
    path, and its accounts where it declares any; likelihood, prior draws and gradient follow where it is linear. That
    of a `DecisionModel` begins with its fixed point.

    Args:
        model: a `Model`, a `Simulation`, a `DecisionModel`, or the name of one in the gallery.
        data: a frame with its observables; where none is given, 96 periods, or 400 agents, are simulated from the
            model itself.
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
    if default_solver(model).states_rest:
        yield _equations(model)
        yield _steady_state(model)
    solution = _solve_at_defaults(model)
    yield _solution(solution)
    if data is None:
        observations = simulate(solution, jax.random.key(0), 96)
        data = pd.DataFrame(np.asarray(observations), columns=list(model.observables._fields))
    yield from _climb_posterior(model, data, num_draws)


@_climb.register
def _(model: DecisionModel, data: Any, num_draws: int) -> Iterator[Rung]:
    yield _solution(_solve_at_defaults(model))
    if data is None and model.draw is not None:
        data = simulate_agents(model, None, 400, rng_key=jax.random.key(0))
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


def _climb_posterior(model: Model | Simulation | DecisionModel, data: Any, num_draws: int) -> Iterator[Rung]:
    if not model.estimated:
        yield _calibrated_likelihood(model, data)
        return
    posterior = build_posterior(model, data)
    evaluate = partial(evaluate_point, posterior)
    yield _likelihood(posterior, evaluate)
    yield _prior_draws(posterior, evaluate, num_draws)
    yield _gradient(posterior, evaluate)


def _solve_at_defaults(model: Model | DecisionModel) -> Any:
    """Households are solved by the program that searches their steady state, which the likelihood needs too."""
    check_covariances(model, model.params())
    solver = default_solver(model)
    return solver.solve(model, model.params(), solver.at_defaults(model))


def _equations(model: Model) -> Rung:
    """Which equation contains which variable, and whether they can be matched one to one."""
    found, names = incidence(model), model.variables._fields
    lines = []
    for row, equation in enumerate(found.equations):
        dated = [
            name + date
            for date, table in (("(-1)", found.lag), ("", found.now), ("(+1)", found.lead))
            for name, present in zip(names, table[row], strict=True)
            if present
        ]
        lines.append(f"{equation}: {', '.join(dated) or 'no variable'}")
    anywhere = found.lag | found.now | found.lead
    absent = [n for n, present in zip(names, anywhere.any(axis=0), strict=True) if not present]
    equation_of = maximum_bipartite_matching(csr_array(anywhere), perm_type="row")
    unmatched = [n for n, row in zip(names, equation_of, strict=True) if row < 0]
    if absent:
        lines.append(f"no equation contains {', '.join(absent)}")
    elif unmatched:
        lines.append(f"no equation is left to determine {', '.join(unmatched)}")
    lines += _idle(model, found)
    return Rung(f"{len(names)} equations in {len(names)} variables", not unmatched, tuple(lines))


def _idle(model: Model, found: Incidence) -> list[str]:
    """Shocks that move nothing, and variables that nothing depends on: often a slip of the pen, and no error."""
    lines = []
    if idle := [
        n for n, used in zip(model.shocks._fields, found.shocks.any(axis=0), strict=True) if not used
    ]:
        lines.append(f"no equation contains the shock {', '.join(idle)}")
    dated = found.lag | found.now | found.lead
    observed = (found.measured_now | found.measured_lag).any(axis=0)
    ends = [
        name
        for j, name in enumerate(model.variables._fields)
        if dated[:, j].sum() == 1
        and dated[dated[:, j]].sum() > 1
        and not observed[j]
        and not found.lag[:, j].any()
    ]
    if ends:
        lines.append(f"in one equation only, and not observed: {', '.join(ends)}")
    return lines


def _steady_state(model: Model) -> Rung:
    linear = jax.jit(lambda params: linearize(model, params))(model.params())
    passed = int(linear.status) == Status.OK
    found = (
        ()
        if passed
        else (*equations_left(model, model.params()), f"at rest: {levels(model, model.params())}")
    )
    return Rung("The steady state solves every equation", passed, found)


def _solution(solution: Any) -> Rung:
    status = Status(int(solution.status))
    more = _properties(solution) if status == Status.OK else ()
    found = isinstance(solution, StationaryEquilibrium)
    title = "The fixed point is found" if found else "There is one stable solution"
    return Rung(title, status == Status.OK, (status.message, *more))


@singledispatch
def _properties(solution: Any) -> tuple[str, ...]:
    """What else is worth saying of a solution."""
    return ()


@_properties.register
def _(solution: StationaryEquilibrium) -> tuple[str, ...]:
    steps, error, radius = (np.max(np.asarray(x)) for x in (solution.steps, solution.error, solution.radius))
    bound = "" if np.isnan(radius) else f"; spectral radius of discounting at most {radius:.6g}"
    return (f"{steps} steps, largest residual {error:.1e}{bound}",)


@_properties.register
def _(solution: StateSpace) -> tuple[str, ...]:
    roots = np.sort(np.abs(np.linalg.eigvals(np.asarray(solution.transition))))[::-1]
    return (f"{roots.size} states; largest roots {', '.join(f'{r:.4f}' for r in roots[:4])}",)


def _likelihood(posterior: Posterior, evaluate: Evaluate) -> Rung:
    found = evaluate(posterior.start)
    status = Status(int(found.status))
    lines = (f"log-likelihood {float(found.loglikelihood):.4f}, log-prior {float(found.logprior):.4f}",)
    return Rung(
        "The log-density is finite at the start",
        status == Status.OK,
        lines if status == Status.OK else (posterior.explain(status),),
    )


def _calibrated_likelihood(model: Specification, data: Any) -> Rung:
    evaluation, read = likelihood_of(model, data)
    value, failure = evaluation.at(model.params(), EstimationData(read))
    status = Status(int(failure)) if np.isfinite(value) or int(failure) else Status.NOT_FINITE
    lines = (f"log-likelihood {float(value):.4f}", "no parameter has a prior: there is nothing to estimate")
    found = lines if status == Status.OK else (status.message,)
    return Rung("The log-likelihood is finite", status == Status.OK, found)


def _prior_draws(posterior: Posterior, evaluate: Evaluate, num_draws: int) -> Rung:
    positions = np.asarray(posterior.sample_prior(jax.random.key(1), num_draws))
    status = np.array([int(evaluate(position).status) for position in positions])
    lines = tuple(
        f"{np.sum(status == s)} of {num_draws}: {posterior.explain(int(s))}" for s in np.unique(status)
    )
    lines += tuple(
        f"the sign of '{name}' does not enter the likelihood, and its prior reaches below zero: two modes; cut the "
        "prior at zero"
        for name in _signs_left_open(posterior, evaluate)
    )
    return Rung("The log-density is finite on draws from the prior", bool(np.any(status == Status.OK)), lines)


def _signs_left_open(posterior: Posterior, evaluate: Evaluate) -> list[str]:
    """Parameters whose prior allows both signs and whose likelihood at the start is that of either sign."""
    values = {name: float(value) for name, value in posterior.constrain_fn(posterior.start).items()}
    here, found = float(evaluate(posterior.start).loglikelihood), []
    for name, value in values.items():
        flipped = posterior.unconstrain_fn(values | {name: -value})
        allowed = bool(np.isclose(posterior.constrain_fn(flipped)[name], -value)) and value != 0.0
        if allowed and np.isclose(float(evaluate(flipped).loglikelihood), here, rtol=1e-12, atol=1e-9):
            found.append(name)
    return found


def _gradient(posterior: Posterior, evaluate: Evaluate) -> Rung:
    """The gradient against central differences, each in units of the largest entry."""
    position = posterior.start
    gradient = np.asarray(first_gradient_state(posterior, position).gradient)
    shifts = np.eye(position.size) * 1e-5 * np.maximum(1.0, np.abs(np.asarray(position)))
    differences = np.array(
        [
            float(evaluate(position + s).logdensity - evaluate(position - s).logdensity) / (2 * s.sum())
            for s in shifts
        ]
    )
    error = np.abs(gradient - differences) / np.max(np.abs(differences))
    wrong = [
        f"{name}: {g:.6g}, by finite differences {d:.6g}"
        for name, g, d, e in zip(posterior.param_names, gradient, differences, error, strict=True)
        if not e <= _GRADIENT_TOLERANCE
    ]
    lines = wrong or [f"largest difference {np.max(error):.1e} of the largest slope"]
    return Rung("The gradient agrees with finite differences", not wrong, tuple(lines))
