"""Model: a structural model as its author writes it down, and the checks on what was written.

A model is a file of about forty lines: four NamedTuples (variables, shocks, observables,
parameters), three functions (steady state, residuals, measurement) and a prior.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import Condition, Positive, names_arguments
from estim.display import counted, line, table
from estim.model_checks import check_model_parts
from estim.specification import Specification
from estim.specification_checks import symbols
from estim.tex import dated, equations, escape_tex, symbol
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
@dataclass(frozen=True, eq=False, repr=False)
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
        labels: what a parameter, variable, shock or observable is called in words and in TeX,
            ``{"kappa": ("slope of the Phillips curve", r"\\kappa")}``; tables and figures say so.

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
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def states_rest(self) -> bool:
        """Whether the author says what the steady state is."""
        return not isinstance(self.steady_state, Searched)

    @property
    def start_values(self) -> Mapping[str, float]:  # type: ignore[override]
        """Those of `start` that are the parameters'."""
        return {name: value for name, value in self.start.items() if name in self.param_names}

    def refuse_households(self, what: str) -> None:
        """``what`` is for models without heterogeneous agents.

        Raises:
            ModelError: the model has some.
        """
        if self.het_blocks:
            raise ModelError(f"{self.name}: {what} is for models of equations, without household blocks")

    def __repr__(self) -> str:
        counts = [
            ("variables", self.variables),
            ("shocks", self.shocks),
            ("observables", self.observables),
        ]
        facts = [(what, str(len(kind._fields))) for what, kind in counts]
        return line(f"Model '{self.name}'", [*facts, ("estimated parameters", str(len(self.estimated)))])

    def _repr_html_(self) -> str:
        calibrated = [name for name in self.param_names if name not in self.estimated]
        facts = [
            (what, counted(getattr(self, what)._fields)) for what in ("variables", "shocks", "observables")
        ]
        facts += [("estimated", counted(self.estimated)), ("calibrated", counted(calibrated))]
        facts += [("agents", counted(block.name for block in self.het_blocks))] if self.het_blocks else []
        facts += [("reference", self.reference)] if self.reference else []
        return table(self.name, facts, self._repr_latex_())

    def _repr_latex_(self) -> str:
        """The equations, one a line, in the reference's own order."""
        rows = [rf"&{text} && \text{{{escape_tex(name)}}}" for name, text in self.equations_in_tex().items()]
        return "$$\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}$$"

    def equations_in_tex(self) -> dict[str, str]:
        """Each equation in TeX by its name: variables dated, Greek letters and subscripts by their names."""
        params, state, shocks = symbols(type(self.prior)), symbols(self.variables), symbols(self.shocks)
        names: list[str] = []

        def residuals(p: Any, lag: Any, now: Any, lead: Any, e: Any) -> list[Any]:
            left = self.residuals(lag, now, lead, e, p)
            names[:] = left
            return [jnp.asarray(y, float) for y in left.values()]

        program = jax.make_jaxpr(residuals)(params, state, state, state, shocks)
        variables = [
            self._symbol(name, when) for when in ("t-1", "t", "t+1") for name in self.variables._fields
        ]
        inputs = [self._symbol(name) for name in self.param_names] + variables
        inputs += [self._symbol(name, "t") for name in self.shocks._fields]
        return dict(zip(names, equations(program, inputs), strict=True))

    def _symbol(self, name: str, when: str = "") -> str:
        tex = self.labels[name][1] if name in self.labels else ""
        if tex:
            return rf"{{{tex}}}_{{{when}}}" if when else tex
        return dated(name, when) if when else symbol(name)

    def __post_init__(self) -> None:
        check_model_parts(self)
        _ = self.defaults  # numbers, found here: a caller may be tracing when it asks for them
