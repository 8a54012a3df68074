"""Model: a structural model as its author writes it down, and the checks on what was written.

A model is a file of about forty lines: four NamedTuples (variables, shocks, observables,
parameters), three functions (steady state, residuals, measurement) and a prior.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpyro.distributions import Distribution

from estim.typing import ParamValues


class ModelError(ValueError):
    """What the user wrote is not a model; the message names the culprit."""


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
        prior: a NamedTuple of parameters. A leaf that is a number is calibrated,
            a NumPyro distribution is estimated.
        measurement_error: ``params -> observables`` of standard deviations, or None.
        het_blocks: heterogeneous-agent blocks; non-empty means the model is solved in
            sequence space.
        start: values to begin a search from; a parameter not listed begins at its
            prior mean.
        reference: the publication, for people.
    """

    name: str
    variables: type[NamedTuple]
    shocks: type[NamedTuple]
    observables: type[NamedTuple]
    steady_state: Callable[[Any], Any]
    residuals: Callable[[Any, Any, Any, Any, Any], dict[str, Any]]
    measurement: Callable[[Any, Any, Any], Any]
    prior: Any
    measurement_error: Callable[[Any], Any] | None = None
    het_blocks: tuple[Any, ...] = ()
    start: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""

    @property
    def param_names(self) -> tuple[str, ...]:
        """All parameters, calibrated ones too, in the order of the prior."""
        return self.prior._fields

    @property
    def estimated(self) -> tuple[str, ...]:
        """The parameters that have a prior distribution."""
        return tuple(n for n, leaf in self.prior._asdict().items() if isinstance(leaf, Distribution))

    def params(self, values: ParamValues | None = None) -> Any:
        """The model's Params: its defaults, overridden by `values`.

        Raises:
            ModelError: a name in `values` is not a parameter of the model.
        """
        values = dict(values or {})
        if unknown := set(values) - set(self.param_names):
            raise ModelError(
                f"{self.name}: unknown parameter {sorted(unknown)}; it has {list(self.param_names)}"
            )
        return self.prior._replace(**(self._defaults() | values))

    def _defaults(self) -> dict[str, Any]:
        means = {n: getattr(self.prior, n).mean for n in self.estimated}
        return means | dict(self.start)
