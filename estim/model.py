"""Model: a structural model as its author writes it down, and the checks on what was written.

A model is a file of about forty lines: four NamedTuples (variables, shocks, observables,
parameters), three functions (steady state, residuals, measurement) and a prior.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any

import jax
from numpyro.distributions import Distribution

from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.check_block import BlockFault, check_block
from estim.priors import Component, Names, begin_at, gather
from estim.typing import ParamValues


class ModelError(ValueError):
    """What the user wrote is not a model, or not this model's; the message names the culprit."""


@dataclass(frozen=True, eq=False)
class Model:
    """A structural model. Frozen and static: closed over by compiled code, never traced.

    Attributes:
        name: identifier, ``author_author_year`` for a published model.
        variables, shocks, observables: NamedTuple types that list the names.
        steady_state: ``params -> variables``.
        residuals: ``(lag, now, lead, shocks, params) -> {equation name: residual}``;
            zero at a solution. Shocks are independent with unit variance: scale them in
            the equation that they enter (``params.sigma_z * shocks.eps_z``).
        measurement: ``(now, lag, params) -> observables``.
        prior: a NamedTuple of parameters. A leaf that is a number is calibrated, a NumPyro
            distribution is estimated; parameters that depend on each other have the
            components of one distribution (`estim.priors.jointly`).
        joint_prior: ``params -> log-density``, a term added to the log-prior, for beliefs about
            what the parameters imply, such as the moments of a variable; or None. It
            need not be normalised, and -inf excludes a point.
        measurement_error: ``params -> observables`` of standard deviations, or a covariance matrix
            ``[n_obs, n_obs]`` where the errors are correlated; or None.
        trend: ``params -> observables`` of slopes: what the data grow by each period beside the
            measurement, from the first observation on; or None.
        het_blocks: heterogeneous-agent blocks (`estim.heterogeneity.block.HetBlock`);
            non-empty means the model is solved in sequence space.
        unknowns: calibrated parameters that the steady state solves for, with their bounds:
            ``{"beta": (0.6, 0.99)}``. The search starts from the number in the prior.
        targets: what they achieve, equally many: the name of a block's output (its total
            equals what `steady_state` states for it) or of an equation (it holds).
        horizon: length of the paths in sequence space, in periods.
        start: values to begin a search from; a parameter not listed begins at its
            prior mean.
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
    steady_state: Callable[[Any], Any]
    residuals: Callable[[Any, Any, Any, Any, Any], dict[str, Any]]
    measurement: Callable[[Any, Any, Any], Any]
    prior: Any
    joint_prior: Callable[[Any], Any] | None = None
    measurement_error: Callable[[Any], Any] | None = None
    trend: Callable[[Any], Any] | None = None
    het_blocks: tuple[Any, ...] = ()
    unknowns: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    horizon: int = 300
    start: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    published: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_names(self)
        _check_prior(self)
        _check_blocks(self)
        _check_unknowns(self, _check_functions(self))

    @property
    def param_names(self) -> tuple[str, ...]:
        """All parameters, calibrated ones too, in the order of the prior."""
        return self.prior._fields

    @property
    def estimated(self) -> tuple[str, ...]:
        """The parameters that have a prior distribution."""
        return tuple(n for names in self.priors for n in ([names] if isinstance(names, str) else names))

    @cached_property
    def priors(self) -> dict[Names, Distribution]:
        """The prior distributions by name; a joint one by the names of its components, in their order."""
        priors: dict[Names, Distribution] = {}
        for name, leaf in self.prior._asdict().items():
            if isinstance(leaf, Component):
                priors[_components(self.prior, leaf.joint)] = leaf.joint
            elif isinstance(leaf, Distribution):
                priors[name] = leaf
        return priors

    def params(self, values: ParamValues | None = None) -> Any:
        """The model's Params: its defaults, overridden by `values` (which may be traced).

        Raises:
            ModelError: a name in `values` is not a parameter of the model.
        """
        values = dict(values or {})
        if unknown := [n for n in values if n not in self.param_names]:
            raise ModelError(
                f"{self.name} has no parameter {_quoted(unknown)}; it has {_list(self.param_names)}"
            )
        return self.prior._replace(**(self.defaults | values))

    @cached_property
    def defaults(self) -> dict[str, float]:
        """Starting values of the estimated parameters: `start`, else the prior mean."""
        with jax.ensure_compile_time_eval():
            start = begin_at(self.priors, self.start)
        return {n: float(value) for n, value in start.items()} | dict(self.start)

    def check_support(self, values: ParamValues) -> None:
        """Raise `ModelError` for a value that is no number or lies outside its prior's support."""
        for name, value in values.items():
            if not isinstance(value, Real | jax.Array) and not hasattr(value, "__float__"):
                raise ModelError(f"{self.name}: parameter '{name}' is {value!r}, not a number")
            if not math.isfinite(float(value)):
                raise ModelError(f"{self.name}: parameter '{name}' is {float(value)}")
        for names, prior in self.priors.items():
            own = [names] if isinstance(names, str) else names
            if values.keys() >= set(own) and not bool(prior.support(gather(names, values))):
                raise ModelError(
                    f"{self.name}: parameter {_quoted(own)} = {', '.join(f'{float(values[n]):g}' for n in own)} "
                    f"lies outside the support of its prior, {prior.support}"
                )


def _check_names(model: Model) -> None:
    for role in ("variables", "shocks", "observables"):
        names = getattr(getattr(model, role), "_fields", None)
        if names is None:
            raise ModelError(
                f"{model.name}: '{role}' must be a NamedTuple type, not {getattr(model, role)!r}"
            )
        if not names:
            raise ModelError(f"{model.name}: '{role}' is empty")
    if both := set(model.variables._fields) & set(model.shocks._fields):
        raise ModelError(f"{model.name}: {_quoted(sorted(both))} is both a variable and a shock")


def _check_prior(model: Model) -> None:
    if not hasattr(model.prior, "_fields"):
        raise ModelError(
            f"{model.name}: 'prior' must be a NamedTuple of parameters, not {type(model.prior).__name__}"
        )
    for name, leaf in model.prior._asdict().items():
        if isinstance(leaf, Distribution):
            if leaf.shape() != ():
                raise ModelError(
                    f"{model.name}: the prior of '{name}' has shape {leaf.shape()}; it must be scalar, "
                    f"for several parameters take `jointly` of a distribution"
                )
        elif isinstance(leaf, Component):
            names, size = _components(model.prior, leaf.joint), leaf.joint.shape()[0]
            if [getattr(model.prior, n).place for n in names] != list(range(size)):
                raise ModelError(
                    f"{model.name}: {_quoted(names)} share a joint prior of {size} parameters; "
                    "give each of its components to one of them"
                )
        elif not isinstance(leaf, Real | jax.Array):
            raise ModelError(
                f"{model.name}: the prior of '{name}' is {leaf!r}; give a number or a distribution"
            )
    if unknown := [n for n in model.start if n not in model.param_names]:
        raise ModelError(f"{model.name}: 'start' gives {_quoted(unknown)}, not among the parameters")
    if unknown := [n for n in model.published if n not in model.param_names]:
        raise ModelError(f"{model.name}: 'published' gives {_quoted(unknown)}, not among the parameters")
    model.check_support({n: v for n, v in model.start.items() if n in model.estimated})


def _components(prior: Any, joint: Distribution) -> tuple[str, ...]:
    """The parameters that share a joint prior, in the order of its components."""
    leaves = [(name, leaf) for name, leaf in prior._asdict().items() if isinstance(leaf, Component)]
    mine = [(leaf.place, name) for name, leaf in leaves if leaf.joint is joint]
    return tuple(name for _, name in sorted(mine))


def _check_blocks(model: Model) -> None:
    """Does each heterogeneous-agent block fit together, and fit the model?"""
    scalar, kind = jax.ShapeDtypeStruct((), float), type(model.prior)
    made: set[str] = set()
    for block in model.het_blocks:
        if not isinstance(block, HetBlock):
            raise ModelError(f"{model.name}: 'het_blocks' must be a tuple of HetBlock, and has {block!r}")
        try:
            check_block(block, model.variables._fields, kind(*[scalar] * len(kind._fields)))
        except BlockFault as fault:
            raise ModelError(f"{model.name}: block '{block.name}': {fault}") from fault
        if both := made & set(block.outputs):
            raise ModelError(f"{model.name}: two blocks have the output {_quoted(sorted(both))}")
        made |= set(block.outputs)


def _check_unknowns(model: Model, equations: Any) -> None:
    if len(model.unknowns) != len(model.targets):
        raise ModelError(
            f"{model.name}: {len(model.unknowns)} unknowns {_list(model.unknowns)} for "
            f"{len(model.targets)} targets {_list(model.targets)}"
        )
    outputs = [n for block in model.het_blocks for n in block.outputs]
    if wrong := [t for t in model.targets if t not in (*outputs, *equations)]:
        raise ModelError(
            f"{model.name}: the target {wrong[0]!r} is neither a block's output {_list(outputs)} nor an equation "
            f"{_list(equations)}"
        )
    for name, bounds in model.unknowns.items():
        if not (
            isinstance(bounds, tuple | list) and len(bounds) == 2 and all(isinstance(x, Real) for x in bounds)
        ):
            raise ModelError(f"{model.name}: the unknown '{name}' needs bounds (low, high), not {bounds!r}")
        low, high = bounds
        if name not in model.param_names or name in model.estimated:
            raise ModelError(f"{model.name}: the unknown '{name}' must be a parameter that has a number")
        if not low < getattr(model.prior, name) < high:
            raise ModelError(
                f"{model.name}: the unknown '{name}' starts at {getattr(model.prior, name)}, "
                f"outside its bounds ({low}, {high})"
            )


def _check_functions(model: Model) -> tuple[str, ...]:
    """Trace each function once on abstract scalars: do the parts fit together? The names of the equations."""
    scalars = lambda kind: kind(*[jax.ShapeDtypeStruct((), float)] * len(kind._fields))
    params = scalars(type(model.prior))
    state, shocks = scalars(model.variables), scalars(model.shocks)
    observables = scalars(model.observables)

    used: set[str] = set()

    def trace(role: str, function: Callable, *args: Any) -> Any:
        """Output shapes of ``function(*args, params)``; notes which parameters it uses."""
        try:
            jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*args, params)
        except AttributeError as error:
            raise ModelError(
                f"{model.name}: {role} uses '{error.name}', which is not in the prior (parameters "
                f"{_list(model.param_names)}), the variables {_list(model.variables._fields)} or "
                f"the shocks {_list(model.shocks._fields)}"
            ) from error
        read = {id(v) for eqn in jaxpr.jaxpr.eqns for v in eqn.invars} | {id(v) for v in jaxpr.jaxpr.outvars}
        given = jaxpr.jaxpr.invars[-len(params) :]
        used.update(n for n, v in zip(model.param_names, given, strict=True) if id(v) in read)
        return shapes

    def expect(role: str, result: Any, kind: type[Any]) -> None:
        if not isinstance(result, kind):
            raise ModelError(
                f"{model.name}: {role} must return {kind.__name__}{kind._fields}, not {result!r}"
            )
        for name, value in result._asdict().items():
            if getattr(value, "shape", ()) != ():
                raise ModelError(
                    f"{model.name}: {role}: '{name}' has shape {value.shape}; it must be a scalar"
                )

    expect("steady_state", trace("steady_state", model.steady_state), type(state))
    residuals = trace("residuals", model.residuals, state, state, state, shocks)
    if not isinstance(residuals, dict):
        raise ModelError(f"{model.name}: residuals must return a dict {{equation name: residual}}")
    for name, value in residuals.items():
        if getattr(value, "shape", ()) != ():
            raise ModelError(f"{model.name}: equation '{name}' has shape {value.shape}; it must be a scalar")
    supplied = [n for block in model.het_blocks for n in block.outputs]
    wanted = len(model.variables._fields) - len(supplied)
    if len(residuals) != wanted:
        raise ModelError(
            f"{model.name}: {len(residuals)} equations {_list(residuals)} for {wanted} variables "
            f"{_list(n for n in model.variables._fields if n not in supplied)}"
        )
    expect("measurement", trace("measurement", model.measurement, state, state), type(observables))
    if model.measurement_error is not None:
        error = trace("measurement_error", model.measurement_error)
        if getattr(error, "shape", None) != (len(observables),) * 2:
            expect("measurement_error", error, type(observables))
    if model.trend is not None:
        expect("trend", trace("trend", model.trend), type(observables))
    if model.joint_prior is not None:
        term = trace("joint_prior", model.joint_prior)
        if getattr(term, "shape", ()) != ():
            raise ModelError(f"{model.name}: joint_prior has shape {term.shape}; it must be a scalar")
    if not model.het_blocks and (idle := [n for n in model.estimated if n not in used]):
        raise ModelError(
            f"{model.name}: the prior gives {_quoted(idle)}, which no function of the model uses"
        )
    return tuple(residuals)


def _quoted(names: Any) -> str:
    return ", ".join(f"'{n}'" for n in names)


def _list(names: Any) -> str:
    return "(" + ", ".join(names) + ")"
