"""What a `Model` and a `Simulation` share: a name, parameters with a prior, and what is observed.

A specification is frozen and static: closed over by compiled code, never traced.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cached_property
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution

from estim.arguments import did_you_mean, is_finite, shown
from estim.parameters import Parameters, parameterise
from estim.prior_checks import begin_at, gather
from estim.priors import Component, Names
from estim.specification_checks import components, is_number, listed, quoted
from estim.tracing import ModelError
from estim.typing import Array, ParamValues


class Specification:
    """What is estimated, apart from how it is described. The fields stand in the dataclasses that inherit from it.

    Attributes:
        name: identifier.
        shocks, observables: NamedTuple types that list the names.
        prior: a NamedTuple of numbers (calibrated) and distributions (estimated).
        joint_prior: ``params -> log-density``, a term added to the log-prior, or None.
        measurement_error: ``params -> observables`` of standard deviations, or a covariance matrix; or None.
        start_values: values to begin a search from, by parameter.
        reference, published: the publication, and its estimates by parameter.
    """

    name: str
    shocks: type[Any]
    observables: type[Any]
    prior: Any
    joint_prior: Callable[[Any], Any] | None
    measurement_error: Callable[[Any], Any] | None
    reference: str
    published: Mapping[str, float]
    start_values: Mapping[str, float]
    shock_correlation: Callable[[Any], Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made of: not the programs that are kept (`estim.kept`)."""
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}

    def measurement_covariance(self, params: Any) -> Array:
        """Covariance of the measurement errors ``[n_obs, n_obs]``, of whichever form it is given in."""
        n = len(self.observables._fields)
        if self.measurement_error is None:
            return jnp.zeros((n, n))
        error = self.measurement_error(params)
        if isinstance(error, tuple | list):
            return jnp.diag(jnp.stack([jnp.asarray(u, float) for u in error]) ** 2)
        return jnp.asarray(error, float)

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
            start = begin_at(self.priors, self.start_values)
        return {n: float(value) for n, value in start.items()} | dict(self.start_values)

    def with_values(self, values: Mapping[str, float]) -> Self:
        """The same with these parameters calibrated, whatever prior they had.

        Raises:
            ModelError: there is no such parameter, or a value is not a finite number.
        """
        self.params(values)
        self.check_support({name: value for name, value in values.items() if name not in self.estimated})
        kept: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            given = getattr(self, field.name)
            if field.name in ("start", "start_values", "published") and isinstance(given, Mapping):
                kept[field.name] = {name: value for name, value in given.items() if name not in values}
        return replace(self, prior=self.prior._replace(**values), **kept)  # type: ignore[type-var]

    def check_support(self, values: ParamValues) -> None:
        """Raise `ModelError` for a value that is no number, or an array of another shape than the default, or lies
        outside its prior's support."""
        for name, value in values.items():
            if np.ndim(default := getattr(self.prior, name, 0.0)) and name not in self.estimated:
                if np.shape(value) != np.shape(default):
                    raise ModelError(
                        f"{self.name}: parameter '{name}' has shape {np.shape(value)}, not {np.shape(default)}"
                    )
                continue
            if not is_number(value):
                raise ModelError(f"{self.name}: parameter '{name}' is {shown(value)}, not a number")
            if not is_finite(value):
                raise ModelError(f"{self.name}: parameter '{name}' is {shown(value)}, not a finite number")
        for names, prior in self.priors.items():
            own = [names] if isinstance(names, str) else names
            if not values.keys() >= set(own):
                continue
            with jax.ensure_compile_time_eval():  # a model may be copied while a function of it is traced
                supported = bool(prior.support(gather(names, values)))
            if not supported:
                raise ModelError(
                    f"{self.name}: parameter {quoted(own)} = {', '.join(f'{float(values[n]):g}' for n in own)} "
                    f"lies outside the support of its prior, {prior.support}"
                )
