"""Model: a structural model as its author writes it down, and the checks on what was written.

A model is a file of about forty lines: four NamedTuples (variables, shocks, observables,
parameters), three functions (steady state, residuals, measurement) and a prior.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, NamedTuple

from estim.arguments import Condition, Positive, names_arguments
from estim.model_checks import check_model_parts
from estim.specification import Specification
from estim.tracing import ModelError as ModelError  # where it has always been found


class Searched(Enum):
    """In the place of a function: what it would say is searched for."""

    SEARCHED = "searched for"


SEARCHED = Searched.SEARCHED

Stated = Annotated[
    Any, Condition("a function", lambda value: callable(value) or value is SEARCHED, says_all=True)
]
"""``params -> variables``, or SEARCHED."""


class Alternative(NamedTuple):
    """What takes the place of an equation while a constraint binds, where that is no complementarity.

    ``residual`` is ``(lag, now, lead, shocks, params) -> residual`` of the equation that holds then; ``bind`` and
    ``relax`` are ``(lag, now, lead, params) -> gap``: the constraint begins to bind where the first is negative
    although it does not bind, and lets go where the second is negative although it does.
    """

    residual: Callable[[Any, Any, Any, Any, Any], Any]
    bind: Callable[[Any, Any, Any, Any], Any]
    relax: Callable[[Any, Any, Any, Any], Any]


@names_arguments(ModelError)
@dataclass(frozen=True, eq=False)
class Model(Specification):
    """A structural model. Frozen and static: closed over by compiled code, never traced.

    Attributes:
        name: identifier, ``author_author_year`` for a published model.
        variables, shocks, observables: NamedTuple types that list the names.
        steady_state: ``params -> variables``; where it is left out the steady state is searched for, from the
            levels in ``start`` (zero where none is given).
        residuals: ``(lag, now, lead, shocks, params) -> {equation name: residual}``;
            zero at a solution. Shocks have unit variance: scale them in the equation that
            they enter (``params.sigma_z * shocks.eps_z``).
        measurement: ``(now, lag, params) -> observables``.
        prior: a NamedTuple of parameters. A leaf that is a number is calibrated, a NumPyro
            distribution is estimated; parameters that depend on each other have the
            components of one distribution (`estim.priors.jointly`).
        shock_correlation: ``params -> [n_shocks, n_shocks]``, the correlation matrix of the shocks, of any
            rank; None where they are independent.
        joint_prior: ``params -> log-density``, a term added to the log-prior, for beliefs about
            what the parameters imply, such as the moments of a variable; or None. It
            need not be normalised, and -inf excludes a point.
        measurement_error: ``params -> observables`` of standard deviations, or a covariance matrix
            ``[n_obs, n_obs]`` where the errors are correlated; or None.
        trend: ``params -> observables``, what the data grow by each period beside the measurement,
            from the first observation on; or None.
        complementarity: constraints that bind at times, ``{equation: slack}`` with the slack a function
            ``(lag, now, lead, params) -> scalar``. Slack and the equation's residual are never negative, and one of
            them is zero: ``{"rate": now.R - now.notional}`` with the slack ``now.R - 1`` is a lower bound. The
            reference regime is the one whose zero holds at the steady state, the equation's or the slack's.
        alternatives: `Alternative` by equation, for constraints that are no complementarity.
        rest_levels: what a shock of zero stands for where paths of exogenous variables are given in levels, by shock;
            zero for those left out.
        het_blocks: heterogeneous-agent blocks (`estim.heterogeneity.block.HetBlock`);
            non-empty means the model is solved in sequence space.
        unknowns: calibrated parameters that the steady state solves for, with their bounds:
            ``{"beta": (0.6, 0.99)}``. The search starts from the number in the prior.
        targets: what they achieve, equally many: the name of a block's output (its total
            equals what `steady_state` states for it) or of an equation (it holds).
        horizon: length of the paths in sequence space, in periods.
        start: values to begin a search from; a parameter not listed begins at its
            prior mean. Without ``steady_state`` levels of variables too.
        linearised: whether the equations are a linearisation, written as deviations from a steady state: solvers that
            go beyond first order refuse them.
        reference: the publication, for people.
        published: its estimates by parameter, posterior means where it has them; a report sets
            them beside its own.

    Raises:
        ModelError: at construction, when the parts do not fit together; it names the
            function, equation, variable or parameter.
    """

    name: str
    variables: type[Any]
    shocks: type[Any]
    observables: type[Any]
    residuals: Callable[[Any, Any, Any, Any, Any], dict[str, Any]]
    measurement: Callable[[Any, Any, Any], Any]
    prior: Any
    steady_state: Stated = SEARCHED
    shock_correlation: Callable[[Any], Any] | None = None
    joint_prior: Callable[[Any], Any] | None = None
    measurement_error: Callable[[Any], Any] | None = None
    trend: Callable[[Any], Any] | None = None
    complementarity: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = field(default_factory=dict)
    alternatives: Mapping[str, Alternative] = field(default_factory=dict)
    rest_levels: Mapping[str, float] = field(default_factory=dict)
    het_blocks: tuple[Any, ...] = ()
    unknowns: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    horizon: Positive = 300
    start: Mapping[str, float] = field(default_factory=dict)
    linearised: bool = False
    reference: str = ""
    published: Mapping[str, float] = field(default_factory=dict)

    @property
    def states_rest(self) -> bool:
        """Whether the author says what the steady state is."""
        return not isinstance(self.steady_state, Searched)

    @property
    def start_values(self) -> Mapping[str, float]:  # type: ignore[override]
        """Those of `start` that are the parameters'."""
        return {name: value for name, value in self.start.items() if name in self.param_names}

    def __post_init__(self) -> None:
        check_model_parts(self)
        _ = self.defaults  # numbers, found here: a caller may be tracing when it asks for them
