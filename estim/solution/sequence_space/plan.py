"""In which order the equations of a sequence-space model are solved, found from their incidence.

A path of each *unknown* variable is guessed. Equation after equation (or two, or three, together)
then yields a further variable; a heterogeneous-agent block yields its outputs once its inputs are
there. What is left over, as many as there are unknowns, are the *targets*: they say which
guess is the solution. The fewer unknowns, the smaller the linear system, so the smallest set that
works is taken.
"""

import itertools
from typing import NamedTuple

import jax
import numpy as np

from estim.kept import kept_on_model
from estim.model import Model, ModelError
from estim.solution.incidence import Incidence, incidence
from estim.solution.linearize import linearize

MAX_UNKNOWNS = 4
MAX_TOGETHER = 3
_PROBE_HORIZON = 60
_WORST_CONDITION = 1e8


class Step(NamedTuple):
    """Solve ``equations`` for the paths of ``variables`` (indices, equally many)."""

    equations: tuple[int, ...]
    variables: tuple[int, ...]


class Plan(NamedTuple):
    """The order of solution; all entries index equations or variables of the model.

    ``exogenous`` steps need shocks and the past alone. ``steps`` follow, given paths of the ``unknowns`` and of the
    block outputs that blocks supply (``supplied``). Targets: ``equations`` left over, and
    block outputs (``matched``) whose variable has been found otherwise.
    """

    exogenous: tuple[Step, ...]
    unknowns: tuple[int, ...]
    steps: tuple[Step, ...]
    supplied: tuple[int, ...]
    equations: tuple[int, ...]
    matched: tuple[int, ...]


@kept_on_model
def find_plan(model: Model) -> Plan:
    """The smallest set of unknowns from which everything follows, and the order in which it does.

    Raises:
        ModelError: no set of up to four unknowns will do.
    """
    found = incidence(model)
    occurs = found.lag | found.now | found.lead
    names = model.variables._fields
    blocks = [
        (
            {names.index(i) for i in block.inputs},
            {names.index(o) for o in block.outputs},
        )
        for block in model.het_blocks
    ]
    outputs = set().union(*(made for _, made in blocks))
    exogenous = _backward(found, occurs, _resolve(found, occurs, [], set(), set())[0])
    known = {j for step in exogenous for j in step.variables}
    candidates = [j for j in range(len(names)) if j not in known]
    conditions = _Conditions(model)
    if any(conditions(step) > _WORST_CONDITION for step in exogenous):
        raise ModelError(
            f"{model.name}: an exogenous process has no stable solution at the default parameters"
        )
    for size in range(1, MAX_UNKNOWNS + 1):
        plans = []
        for unknowns in itertools.combinations(candidates, size):
            used = {e for step in exogenous for e in step.equations}
            steps, resolved = _resolve(found, occurs, blocks, known | set(unknowns), used)
            if len(resolved) < len(names):
                continue
            solved = {j for step in (*exogenous, *steps) for j in step.variables} | set(unknowns)
            left = set(range(len(found.equations))) - used - {e for s in steps for e in s.equations}
            plan = Plan(
                tuple(exogenous),
                unknowns,
                tuple(steps),
                tuple(sorted(outputs - solved)),
                tuple(sorted(left)),
                tuple(sorted(outputs & solved)),
            )
            worst = max((conditions(step) for step in steps), default=1.0)
            if worst < _WORST_CONDITION:
                plans.append((worst, plan))
        if plans:
            return min(plans)[1]
    raise ModelError(
        f"{model.name}: its equations do not follow from the paths of {MAX_UNKNOWNS} variables or fewer; "
        "write it with fewer simultaneous equations"
    )


def _resolve(
    found: Incidence, occurs: np.ndarray, blocks: list, known: set[int], used: set[int]
) -> tuple[list[Step], set[int]]:
    """All that follows from `known`: steps in order, and every variable known in the end.

    A block whose inputs depend on another block's outputs waits for these to be unknowns.
    """
    known, used = set(known), set(used)
    from_blocks: set[int] = set()  # variables that depend on what a block supplies
    waiting, steps = list(blocks), []
    while True:
        step = _next_step(found, occurs, known, used)
        if step is not None:
            steps.append(step)
            used |= set(step.equations)
            known |= set(step.variables)
            if any(occurs[e, j] for e in step.equations for j in from_blocks):
                from_blocks |= set(step.variables)
            continue
        ready = next((b for b in waiting if b[0] <= known and not b[0] & from_blocks), None)
        if ready is None:
            return steps, known
        waiting.remove(ready)
        from_blocks |= ready[1] - known
        known |= ready[1]


def _backward(found: Incidence, occurs: np.ndarray, steps: list[Step]) -> list[Step]:
    """The steps that read no expectation, of their own or through another step."""
    kept: list[Step] = []
    for step in steps:
        rows = list(step.equations)
        known = {j for before in (*kept, step) for j in before.variables}
        if not found.lead[rows].any() and known >= set(np.flatnonzero(occurs[rows].any(axis=0)).tolist()):
            kept.append(step)
    return kept


def _next_step(found: Incidence, occurs: np.ndarray, known: set[int], used: set[int]) -> Step | None:
    """The smallest group of equations that holds as many variables not yet known, each at the current date."""
    open_ = {
        e: frozenset(np.flatnonzero(occurs[e]).tolist()) - known for e in range(len(occurs)) if e not in used
    }
    for size in range(1, MAX_TOGETHER + 1):
        small = [e for e, missing in open_.items() if 1 <= len(missing) <= size]
        for group in itertools.combinations(small, size):
            variables = frozenset().union(*(open_[e] for e in group))
            if len(variables) == size and found.now[np.ix_(group, sorted(variables))].any(axis=0).all():
                return Step(group, tuple(sorted(variables)))
    return None


class _Conditions:
    """Condition number of a step's equations on a short horizon, at the model's default parameters."""

    def __init__(self, model: Model):
        with jax.ensure_compile_time_eval():
            linear = jax.jit(linearize, static_argnums=0)(model, model.params())
        self._lag, self._now, self._lead = (np.asarray(x) for x in (linear.lag, linear.now, linear.lead))
        self._known: dict[Step, float] = {}

    def __call__(self, step: Step) -> float:
        if step not in self._known:
            at = np.ix_(step.equations, step.variables)
            t = _PROBE_HORIZON
            stacked = (
                np.kron(np.eye(t, k=-1), self._lag[at])
                + np.kron(np.eye(t), self._now[at])
                + np.kron(np.eye(t, k=1), self._lead[at])
            )
            finite = np.isfinite(stacked).all()
            self._known[step] = float(np.linalg.cond(stacked)) if finite else np.inf
        return self._known[step]
