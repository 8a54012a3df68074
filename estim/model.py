"""Model: a structural model as its author writes it down, and the checks on what was written.

A model is a file of about forty lines: four NamedTuples (variables, shocks, observables,
parameters), three functions (steady state, residuals, measurement) and a prior.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
from numpyro.distributions import Distribution

from estim.arguments import Positive, did_you_mean, is_finite, names_arguments, shown
from estim.model_checks import check_model_parts, components, is_number, listed, quoted
from estim.parameters import Parameters, parameterise
from estim.prior_checks import begin_at, gather
from estim.priors import Component, Names
from estim.tracing import ModelError as ModelError  # where it has always been found
from estim.typing import ParamValues


@names_arguments(ModelError)
@dataclass(frozen=True, eq=False)
class Model:
    """A structural model. Frozen and static: closed over by compiled code, never traced.

    Attributes:
        name: identifier, ``author_author_year`` for a published model.
        variables, shocks, observables: NamedTuple types that list the names.
        steady_state: ``params -> variables``.
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
    shock_correlation: Callable[[Any], Any] | None = None
    joint_prior: Callable[[Any], Any] | None = None
    measurement_error: Callable[[Any], Any] | None = None
    trend: Callable[[Any], Any] | None = None
    het_blocks: tuple[Any, ...] = ()
    unknowns: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    horizon: Positive = 300
    start: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    published: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_model_parts(self)
        _ = self.defaults  # numbers, found here: a caller may be tracing when it asks for them

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
                priors[components(self.prior, leaf.joint)] = leaf.joint
            elif isinstance(leaf, Distribution):
                priors[name] = leaf
        return priors

    @cached_property
    def parameters(self) -> Parameters:
        """The estimated parameters with their transforms and prior, the same object for all who ask."""
        term = self.joint_prior
        joint = None if term is None else lambda values: term(self.params(values))
        return parameterise(self.priors, joint)

    def params(self, values: ParamValues | None = None) -> Any:
        """The model's Params: its defaults, overridden by `values` (which may be traced).

        Args:
            values: a mapping of parameters, or Params themselves.

        Raises:
            ModelError: `values` are neither, or a name in them is not a parameter of the model.
        """
        values = self._by_name(values)
        if unknown := [n for n in values if n not in self.param_names]:
            raise ModelError(
                f"{self.name} has no parameter {quoted(unknown)}; it has {listed(self.param_names)}"
                f"{did_you_mean(unknown[0], self.param_names)}"
            )
        return self.prior._replace(**(self.defaults | values))

    def _by_name(self, values: Any) -> dict[str, Any]:
        if values is None:
            return {}
        if isinstance(values, tuple) and hasattr(values, "_asdict"):
            values = values._asdict()
        if not hasattr(values, "keys"):
            raise ModelError(
                f"{self.name}: parameters must be a mapping {{name: number}}, not {shown(values)}"
            )
        return {key: values[key] for key in values.keys()}  # noqa: SIM118 (a Series of pandas, too)

    @cached_property
    def defaults(self) -> dict[str, float]:
        """Starting values of the estimated parameters: `start`, else the prior mean."""
        with jax.ensure_compile_time_eval():
            start = begin_at(self.priors, self.start)
        return {n: float(value) for n, value in start.items()} | dict(self.start)

    def check_support(self, values: ParamValues) -> None:
        """Raise `ModelError` for a value that is no number or lies outside its prior's support."""
        for name, value in values.items():
            if not is_number(value):
                raise ModelError(f"{self.name}: parameter '{name}' is {shown(value)}, not a number")
            if not is_finite(value):
                raise ModelError(f"{self.name}: parameter '{name}' is {shown(value)}, not a finite number")
        for names, prior in self.priors.items():
            own = [names] if isinstance(names, str) else names
            if values.keys() >= set(own) and not bool(prior.support(gather(names, values))):
                raise ModelError(
                    f"{self.name}: parameter {quoted(own)} = {', '.join(f'{float(values[n]):g}' for n in own)} "
                    f"lies outside the support of its prior, {prior.support}"
                )
