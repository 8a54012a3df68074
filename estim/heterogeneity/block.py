"""HetBlock: a household's (or firm's) problem as its author writes it down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class HetBlock:
    """Heterogeneous agents between aggregate variables they read and aggregates they make.

    Attributes:
        name: for error messages.
        inputs: the model's variables that the agents read at the current date, e.g. ``("r", "Z")``.
        outputs: ``{variable of the model: individual outcome}``; the variable is the outcome
            summed over the distribution, e.g. ``{"A": "a"}``. The block is the equation of
            these variables: ``residuals`` has none for them.
        policy: outcomes that are tomorrow's individual states, one per asset axis, e.g. ``("a",)``.
        grids: ``params -> Grids``, a NamedTuple with ``transition`` ``[n_e, n_e]`` (row: today) and
            one grid for each policy, of the same name.
        backward: one step of the decision problem,
            ``(expected, inputs, grids, params) -> (value, outcomes)``.
            ``value`` is what yesterday needs to know of today (a marginal value, ``[n_e, n_a, ...]``
            or a tuple of such); ``expected`` is tomorrow's, averaged over tomorrow's income;
            ``inputs`` has the inputs as attributes; ``outcomes`` maps names to ``[n_e, n_a, ...]``.
        initial: ``(inputs, grids, params) -> value`` where the search for the steady state starts.

    The distribution is over (income today, assets from yesterday), after the income draw.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    policy: tuple[str, ...]
    grids: Callable[[Any], Any]
    backward: Callable[[Any, Any, Any, Any], tuple[Any, dict[str, Any]]]
    initial: Callable[[Any, Any, Any], Any]
