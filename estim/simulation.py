"""Simulation: a law of motion as its author writes it down, without equations to be solved.

A simulation is three functions (where it starts, how it moves, what is observed), the names of shocks and observables,
and a prior. Its state is whatever its functions make of it: a NamedTuple, an array, a cross-section of households.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.accounts import Accounts, path_imbalances
from estim.arguments import names_arguments
from estim.numerics import scan_in_segments, semidefinite_cholesky
from estim.simulation_checks import check_simulation_parts, has_added_errors, is_linear
from estim.specification import Specification
from estim.specification_checks import named_tuple
from estim.tracing import ModelError
from estim.typing import Array

_LARGE = 2**24
"""Bytes of a path of states, of which a reverse pass holds twice as many."""


class Path(NamedTuple):
    """States and observables of a simulation, one period after another.

    Attributes:
        states: like a state, each array with a leading axis ``[n_periods]``.
        observables: the simulation's observables, each ``[n_periods]``.
    """

    states: Any
    observables: Any


@names_arguments(ModelError)
@dataclass(frozen=True, eq=False)
class Simulation(Specification):
    """A law of motion written down. Frozen and static: closed over by compiled code, never traced.

    Attributes:
        name: identifier, ``author_author_year`` for a published model.
        shocks, observables: NamedTuple types that list the names, or tuples of names.
        start: ``params -> state``, the period before the first. Any pytree of arrays is a state.
        transition: ``(state, shocks, params) -> state``, a period later. Shocks are independent and standard normal
            where they are drawn: scale them here (``params.sigma * shocks.e``).
        measurement: ``(state, params) -> observables``, or as many numbers in a tuple or a vector. A function
            ``(state, params, errors)`` gets `errors` too, one standard normal number by the name of each observable,
            zero where none are drawn.
        prior: a NamedTuple of parameters. A leaf that is a number or an array is calibrated, a NumPyro distribution is
            estimated; parameters that depend on each other have the components of one distribution
            (`estim.priors.jointly`).
        joint_prior: ``params -> log-density``, a term added to the log-prior; or None.
        measurement_error: ``params -> observables`` (or a tuple) of standard deviations, or a covariance matrix
            ``[n_obs, n_obs]``, of errors that are added to the measurement; or None. Not where `measurement` takes
            errors itself.
        start_values: values to begin a search from; a parameter not listed begins at its prior mean.
        start_errors: ``params -> state`` of standard deviations: by how much each number of the state before the first
            period is normally distributed around `start`, where data are compared with the simulation; or None. Paths
            begin at `start`.
        accounts: the matrices of stocks and flows, for `imbalances`; or None.
        reference: the publication, for people.
        published: its estimates by parameter.

    Raises:
        ModelError: at construction, when the parts do not fit together; it names the function and what is wrong.
    """

    name: str
    shocks: Any
    observables: Any
    start: Callable[[Any], Any]
    transition: Callable[[Any, Any, Any], Any]
    measurement: Callable[..., Any]
    prior: Any
    joint_prior: Callable[[Any], Any] | None = None
    measurement_error: Callable[[Any], Any] | None = None
    start_values: Mapping[str, float] = field(default_factory=dict)
    start_errors: Callable[[Any], Any] | None = None
    accounts: Accounts | None = None
    reference: str = ""
    published: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ("shocks", "observables"):
            object.__setattr__(self, role, named_tuple(self, role))
        check_simulation_parts(self)
        _ = self.defaults  # numbers, found here: a caller may be tracing when it asks for them

    @cached_property
    def takes_errors(self) -> bool:
        """Whether the measurement takes the errors itself."""
        try:
            inspect.signature(self.measurement).bind(None, None, None)
        except (TypeError, ValueError):
            return False
        return True

    @cached_property
    def adds_errors(self) -> bool:
        """Whether the errors are added to what is observed, so that their density is known."""
        return not self.takes_errors or has_added_errors(self)

    @cached_property
    def is_linear(self) -> bool:
        """Whether states and observables are linear in the state before and the shocks."""
        return is_linear(self)

    def observe(self, state: Any, params: Any, errors: Array | None = None) -> Array:
        """The observables ``[n_obs]`` in a state, with standard normal `errors` ``[n_obs]`` or without."""
        return jnp.stack([jnp.asarray(y, float) for y in self._measure(state, params, errors)])

    def _measure(self, state: Any, params: Any, errors: Array | None) -> Any:
        if self.takes_errors:
            none = jnp.zeros(len(self.observables._fields))
            return self.measurement(state, params, self.observables(*(none if errors is None else errors)))
        return self.measurement(state, params)

    def measurement_covariance(self, params: Any) -> Array:
        """Covariance of errors that are added ``[n_obs, n_obs]``."""
        if not self.takes_errors:
            return super().measurement_covariance(params)
        none = jnp.zeros(len(self.observables._fields))
        root = jax.jacfwd(lambda errors: self.observe(self.start(params), params, errors))(none)
        return root @ root.T

    def path(
        self,
        params: Any = None,
        shocks: Any = None,
        errors: Any = None,
        *,
        include_start: bool = False,
        start: Any = None,
        checkpoint: bool | None = None,
    ) -> Path:
        """States and observables from given shocks. JAX may trace, differentiate and batch it.

        Args:
            params: Params, or a mapping of those that differ from the defaults.
            shocks: ``[n_periods, n_shocks]``; or a NamedTuple of the simulation's own type of shocks, of arrays
                ``[n_periods, ...]``, for shocks that hit every household of a cross-section by its own amount.
            errors: standard normal measurement errors ``[n_rows, n_obs]``, one row for each of the path; none
                where None.
            include_start: whether the period of the start is the first row.
            start: a state to start from in the place of the simulation's own.
            checkpoint: for derivatives of long paths of large states: whether a reverse pass holds every tenth state
                (beyond a thousand periods every hundredth) and computes the others again. None where the path's
                states take 16 MB or more: what is held then costs more to write than to compute.

        Returns:
            A path of n_periods rows, or of one more with the start.

        Raises:
            ModelError: a parameter is unknown, or shocks or errors have another shape.
        """
        params = self.params(params)
        begun = jax.tree.map(jnp.asarray, self.start(params) if start is None else start)
        shocks = self._shocks(shocks)
        num_rows = len(shocks[0]) + include_start
        n = len(self.observables._fields)
        if errors is not None:
            errors = self._rows("errors", errors, self.observables)
            if len(errors) != num_rows:
                raise ModelError(f"{self.name}: errors have {len(errors)} rows for a path of {num_rows}")
            if not self.takes_errors:
                added = errors @ semidefinite_cholesky(self.measurement_covariance(params)).T
        by_measurement = errors if errors is not None and self.takes_errors else jnp.zeros((num_rows, n))

        def step(state, given):
            shock, error = given
            state = self.transition(state, shock, params)
            return state, (state, self.observe(state, params, error))

        rest = by_measurement[1:] if include_start else by_measurement
        if checkpoint is None:
            checkpoint = num_rows * sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(begun)) >= _LARGE
        scan = scan_in_segments if checkpoint else jax.lax.scan
        _, (states, observed) = scan(step, begun, (shocks, rest))
        if include_start:
            first = begun, self.observe(begun, params, by_measurement[0])
            prepend = lambda one, many: jnp.concatenate([one[None], many])
            states, observed = jax.tree.map(prepend, first, (states, observed))
        if errors is not None and not self.takes_errors:
            observed = observed + added
        return Path(states, self.observables(*observed.T))

    @cached_property
    def compiled_path(self) -> Any:
        """`path`, compiled once for each shape of shocks."""
        return jax.jit(self.path, static_argnames=("include_start", "checkpoint"))

    def imbalances(self, params: Any = None, shocks: Any = None, *, start: Any = None) -> dict[str, Array]:
        """By how much each identity of the `accounts` fails along a path, ``[n_periods]`` each.

        Args:
            params, shocks, start: as in `path`.

        Returns:
            By identity: the rows of both matrices, which sum to zero, and the saving of each sector, which is what its
            wealth grows by.

        Raises:
            ModelError: there are no accounts, or as `path`.
        """
        if self.accounts is None:
            raise ModelError(f"{self.name} declares no accounts")
        params = self.params(params)
        begun = jax.tree.map(jnp.asarray, self.start(params) if start is None else start)
        states = self.compiled_path(params, shocks, start=begun).states
        return path_imbalances(self.accounts, begun, states, params)

    def _shocks(self, given: Any) -> Any:
        """The simulation's shocks, each an array that begins with the periods."""
        if not isinstance(given, self.shocks):
            return self.shocks(*self._rows("shocks", given, self.shocks).T)
        shocks = self.shocks(*(jnp.asarray(path, float) for path in given))
        lengths = {name: jnp.shape(path)[:1] for name, path in shocks._asdict().items()}
        if len(set(lengths.values())) > 1 or () in lengths.values():
            raise ModelError(f"{self.name}: shocks must have as many periods each, not {lengths}")
        return shocks

    def _rows(self, role: str, given: Any, kind: Any) -> Array:
        rows, names = jnp.asarray(given, float), kind._fields
        if rows.ndim != 2 or rows.shape[1] != len(names):
            raise ModelError(
                f"{self.name}: {role} must have the shape [n_periods, {len(names)}], a column for each of "
                f"({', '.join(names)}), not {rows.shape}"
            )
        return rows
