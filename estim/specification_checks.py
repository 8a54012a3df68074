"""The checks that every specification shares: its name and names, its prior, its values, and its functions on symbols.

What is wrong is a `ModelError` that names the specification, the function, and the name or parameter.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution

from estim.arguments import did_you_mean, is_finite, shown
from estim.numerics.matching import unmatched
from estim.numerics.reads import reads
from estim.prior_checks import check_prior
from estim.priors import Component, PriorError
from estim.tracing import ModelError, call

_MOST_NAMES = 6

RESERVED = {
    "observables": {"date": "the column of the dates has this name"},
    "parameters": {"chain": "draws are numbered by it", "draw": "draws are numbered by it"},
}


def check_names(spec: Any, roles: Iterable[str]) -> None:
    """Is the name text, and does each role list names in a NamedTuple type?"""
    if not isinstance(spec.name, str) or not spec.name.strip():
        raise ModelError(f"a model's name must be text, not {shown(spec.name)}")
    for role in roles:
        kind = getattr(spec, role)
        if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")):
            instead = f"; give {type(kind).__name__} itself" if hasattr(kind, "_fields") else ""
            raise ModelError(f"{spec.name}: '{role}' must be a NamedTuple type, not {shown(kind)}{instead}")
        if not kind._fields:
            raise ModelError(f"{spec.name}: '{role}' is empty")
    for name, why in RESERVED["observables"].items():
        if name in spec.observables._fields:
            raise ModelError(f"{spec.name}: an observable cannot be called '{name}': {why}")


def named_tuple(spec: Any, role: str) -> Any:
    """A NamedTuple type of a tuple of names; anything else as it is."""
    given = getattr(spec, role)
    if not isinstance(given, tuple | list) or hasattr(given, "_fields"):
        return given
    if not all(isinstance(name, str) for name in given):
        raise ModelError(f"{spec.name}: '{role}' must be names, not {shown(given)}")
    try:
        return namedtuple(role.capitalize(), given)  # type: ignore[misc]
    except ValueError as error:
        raise ModelError(f"{spec.name}: '{role}': {error}") from None


def check_prior_tuple(spec: Any, arrays: bool = False) -> None:
    """Is the prior a NamedTuple of numbers and distributions, or of arrays too where these are allowed?"""
    prior: Any = spec.prior
    if isinstance(prior, type) and hasattr(prior, "_fields"):
        raise ModelError(f"{spec.name}: 'prior' must be a NamedTuple of parameters: write {prior.__name__}()")
    if not isinstance(prior, tuple) or not hasattr(prior, "_fields"):
        raise ModelError(
            f"{spec.name}: 'prior' must be a NamedTuple of parameters, not {type(prior).__name__}"
        )
    for name, leaf in zip(spec.prior._fields, spec.prior, strict=True):
        if name in RESERVED["parameters"]:
            raise ModelError(
                f"{spec.name}: a parameter cannot be called '{name}': {RESERVED['parameters'][name]}"
            )
        if isinstance(leaf, Distribution):
            if leaf.shape() != ():
                raise ModelError(
                    f"{spec.name}: the prior of '{name}' has shape {leaf.shape()}; it must be scalar, "
                    f"for several parameters take `jointly` of a distribution"
                )
            try:
                check_prior(name, leaf)
            except PriorError as error:
                raise ModelError(f"{spec.name}: {error}") from None
        elif isinstance(leaf, Component):
            names, size = components(prior, leaf.joint), leaf.joint.shape()[0]
            if [getattr(prior, n).place for n in names] != list(range(size)):
                raise ModelError(
                    f"{spec.name}: {quoted(names)} share a joint prior of {size} parameters; "
                    "give each of its components to one of them"
                )
        elif arrays and isinstance(leaf, np.ndarray | jax.Array) and leaf.ndim and is_real(leaf):
            if not np.isfinite(leaf).all():
                raise ModelError(f"{spec.name}: '{name}' is an array with an entry that is not finite")
        elif not is_number(leaf):
            call_it = f"; write {leaf.__name__}(...)" if callable(leaf) and hasattr(leaf, "__name__") else ""
            raise ModelError(
                f"{spec.name}: the prior of '{name}' is {shown(leaf)}; give a number or a distribution{call_it}"
            )
        elif not is_finite(leaf):
            raise ModelError(f"{spec.name}: the prior of '{name}' is {shown(leaf)}; give a finite number")


def check_values(spec: Any, start_role: str = "start") -> None:
    """Values by the names of parameters."""
    for role, values in ((start_role, spec.start_values), ("published", spec.published)):
        if unknown := [n for n in values if n not in spec.param_names]:
            hint = did_you_mean(unknown[0], spec.param_names)
            raise ModelError(f"{spec.name}: '{role}' gives {quoted(unknown)}, not among the parameters{hint}")
    spec.check_support({n: v for n, v in spec.start_values.items() if n in spec.estimated})


def components(prior: Any, joint: Distribution) -> tuple[str, ...]:
    """The parameters that share a joint prior, in the order of its components."""
    leaves = [(name, leaf) for name, leaf in prior._asdict().items() if isinstance(leaf, Component)]
    mine = [(leaf.place, name) for name, leaf in leaves if leaf.joint is joint]
    return tuple(name for _, name in sorted(mine))


def trace(
    spec: Any,
    role: str,
    function: Any,
    read: Callable[[Any], list[Any]],
    names: Mapping[str, tuple[str, ...]],
    programs: dict[Any, Any] | None = None,
    **arguments: Any,
) -> set[tuple[str, str]]:
    """Call a function of the user's on symbols; `read` checks what it returns.

    Args:
        spec: whose function it is.
        role: which one.
        function: the user's.
        read: of the result; its values in a list.
        names: what may be read, for errors.
        programs: where the program is put, by `role`.
        arguments: symbols, in their order.

    Returns:
        What the function reads: arguments, and the names in them.
    """
    program, inputs = _trace(spec, role, function, read, names, arguments)
    if programs is not None:
        programs[role] = program
    read_by = {id(v) for equation in program.jaxpr.eqns for v in equation.invars}
    read_by |= set(map(id, program.jaxpr.outvars))
    return {name for name, v in zip(inputs, program.jaxpr.invars, strict=True) if id(v) in read_by}


def trace_each(
    spec: Any,
    role: str,
    function: Any,
    read: Callable[[Any], list[Any]],
    names: Mapping[str, tuple[str, ...]],
    **arguments: Any,
) -> list[set[tuple[str, str]]]:
    """What each value of the function's result reads; arguments as in `trace`."""
    program, inputs = _trace(spec, role, function, read, names, arguments)
    return [{inputs[i] for i in found} for found in reads(program)]


def _trace(
    spec: Any,
    role: str,
    function: Any,
    read: Callable[[Any], list[Any]],
    names: Mapping[str, tuple[str, ...]],
    arguments: Mapping[str, Any],
) -> tuple[Any, list[tuple[str, str]]]:
    """The program, parameters first, and the argument and name of each of its inputs."""
    inputs = {name: arguments[name] for name in sorted(arguments, key=lambda name: name != "params")}

    def traced(*values: Any) -> list[Any]:
        given = dict(zip(inputs, values, strict=True))
        ordered = {name: given[name] for name in arguments}
        return [jnp.asarray(y, float) for y in read(call(function, ordered, spec.name, role, names))]

    try:
        program = jax.make_jaxpr(traced)(*inputs.values())
    except ModelError as error:
        raise ModelError(str(error)) from error.__cause__  # without JAX's note on its own frames
    paths = [(name, path) for name, tree in inputs.items() for path, _ in jax.tree.leaves_with_path(tree)]
    return program, [(name, str(getattr(path[0], "name", "") if path else "")) for name, path in paths]


def read_tuple(
    spec: Any, role: str, kind: type[Any], instead: str = "", plain: bool = False
) -> Callable[[Any], list[Any]]:
    """A reader of functions that return a NamedTuple of scalars, or a plain tuple of as many."""

    def read(result: Any) -> list[Any]:
        if plain and type(result) in (tuple, list) and len(result) == len(kind._fields):
            result = kind(*result)
        if not isinstance(result, kind):
            what = f"{kind.__name__}{kind._fields}{instead}"
            raise ModelError(f"{spec.name}: {role} must return {what}, not {shown(result)}")
        return [scalar(spec, f"{role}: '{n}'", value) for n, value in result._asdict().items()]

    return read


def read_errors(spec: Any, plain: bool = False) -> Callable[[Any], list[Any]]:
    """A reader of `measurement_error`: standard deviations, or a covariance matrix."""

    def read(result: Any) -> list[Any]:
        n = len(spec.observables._fields)
        if not isinstance(result, tuple) and getattr(result, "shape", None) == (n, n) and is_real(result):
            return [result]
        or_matrix = f" or a covariance matrix [{n}, {n}]"
        return read_tuple(spec, "measurement_error", spec.observables, or_matrix, plain)(result)

    return read


def symbols(kind: type[Any]) -> Any:
    """An abstract scalar for each name."""
    return kind(*[jax.ShapeDtypeStruct((), float)] * len(kind._fields))


def scalar(spec: Any, what: str, value: Any) -> Any:
    if not is_number(value) and not is_real(value):
        words = f"of type {value.dtype}" if hasattr(value, "dtype") else shown(value)
        raise ModelError(f"{spec.name}: {what} is {words}, not a real number")
    if np.shape(value) != ():
        raise ModelError(f"{spec.name}: {what} has shape {np.shape(value)}; it must be a scalar")
    return value


def is_number(value: Any) -> bool:
    """A real number, as Python, NumPy or JAX have them (traced ones too); no truth value, no text."""
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return value.shape == () and is_real(value)
    return isinstance(value, Real) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | jax.Array) and value.dtype.kind in "iuf"


def quoted(names: Iterable[Any]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def listed(names: Iterable[Any]) -> str:
    return "(" + ", ".join(map(str, names)) + ")"


def without_equation(variables: Sequence[str], found: Sequence[set[str]]) -> str:
    """The end of a sentence on equations that are too few: for which variable is none left?

    Args:
        variables: what they determine.
        found: the names in each equation.
    """
    if absent := [n for n in variables if not any(n in names for names in found)]:
        return f"; none contains {quoted(absent)}"
    if len(found) >= len(variables):
        return ""
    pattern = np.array([[n in names for n in variables] for names in found], bool).reshape(-1, len(variables))
    left = [f"'{variables[j]}' (in {pattern[:, j].sum()})" for j in unmatched(pattern)]
    more = ", ..." if len(left) > _MOST_NAMES else ""
    which = "without an equation of its own is" + (" one of" if len(left) > 1 else "")
    order = ", those in the fewest equations first" if len(left) > 1 else ""
    return f"; {which} {', '.join(left[:_MOST_NAMES])}{more}{order}"
