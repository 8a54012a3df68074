"""What the commands of a `.mod` file ask for, by the names of the model."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Foresight(NamedTuple):
    """What a simulation of perfect foresight reads: levels ``initial`` and ``terminal`` (None where they are the same)
    of exogenous variables, and of the others where they do not rest with them, the levels of exogenous variables
    ``foreseen`` by period, and why something of this is ``unknown``, empty where all is known."""

    initial: Mapping[str, float]
    terminal: Mapping[str, float] | None
    foreseen: Mapping[str, Mapping[int, float]]
    unknown: str = ""


NOTHING = Foresight({}, None, {})


class Command(NamedTuple):
    """A command of the file: its ``name``, the ``line`` it stands in, the ``params`` it sees by the model's names,
    what is ``refused`` of it (empty where estim has it), its ``options`` as they are written (None for one without a
    value), the ``variables`` it lists, by the model's names, and the ``paths`` by period that it sees: surprises in
    shocks, by the model's names, and what is announced of deterministic variables; ``models`` are those of
    `model_comparison`, with their prior probabilities, None where none is given; ``foresight`` is what a simulation of
    perfect foresight reads, by the model's names."""

    name: str
    line: int
    params: dict[str, float]
    refused: str = ""
    options: Mapping[str, str | None] = {}
    variables: tuple[str, ...] = ()
    paths: Mapping[str, Mapping[int, float]] = {}
    models: Mapping[str, float | None] = {}
    foresight: Foresight = NOTHING


class Histories(NamedTuple):
    """What a file says of histories and forecasts, by the model's names: levels and shocks of the past by name and date
    (``before``), shocks by group (``groups``, by their name), paths ``imposed`` on variables by period, shocks that
    come together (``combined``), and the parameter that is each shock's standard deviation."""

    before: dict[tuple[str, int], float]
    groups: dict[str, dict[str, tuple[str, ...]]]
    imposed: dict[str, dict[int, float]]
    combined: dict[str, dict[str, float]]
    stderr: dict[str, str]


class Matched(NamedTuple):
    """What a file matches, by the model's names: the means of ``products`` of observables, each a variable with its
    lead, and ``responses`` of a variable to a shock by period, each with its precision, the inverse of a variance."""

    products: tuple[tuple[tuple[str, int], ...], ...] = ()
    responses: Mapping[tuple[str, str], Mapping[int, tuple[float, float]]] = {}


class Planner(NamedTuple):
    """Who sets instruments in a file: ``objective`` ``(now, params) -> number``, what a period is worth, ``discount``
    ``params -> number``, and the ``instruments`` of a planner without commitment with the equations of the model whose
    place they take; none where the planner's own conditions are in the model."""

    objective: Callable[[Any, Any], Any]
    discount: Callable[[Any], Any]
    instruments: dict[str, str]


class RuleSearch(NamedTuple):
    """What `osr` asks for, by the model's names: the ``rule``'s coefficients, their ``bounds``, and the ``weights``
    of the variances and covariances of variables."""

    rule: tuple[str, ...]
    bounds: dict[str, tuple[float, float]]
    weights: dict[tuple[str, str], float]
