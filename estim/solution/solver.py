"""What a solver is: settings that print themselves, and how a specification becomes what a likelihood reads."""

from typing import Any, ClassVar, Protocol


class Solver(Protocol):
    """A frozen dataclass of settings. Nothing in it is an array, so that compiled programs may depend on it.

    Solving is in three parts, by what an estimation repeats: `solve_once` for all draws, `prepare` where one of the
    parameters `slow` moves, `solve` at every draw. One that inherits from this does all in `solve`, unless it says
    otherwise.
    """

    gives: ClassVar[type]
    """The representation that `solve` returns; it has a ``status``."""

    sequential: ClassVar[bool]
    """On a CPU many solutions are found faster one after another than side by side."""

    states_rest: ClassVar[bool]
    """The specification's own ``steady_state`` is all of it, and can be looked at equation by equation."""

    @property
    def simplest(self) -> Any:
        """The solver of the same representation that is cheapest: itself, for most."""
        return self

    def solve_once(self, spec: Any) -> Any:
        """What the estimated parameters leave as it is, solved at the defaults: a pytree of arrays, or None.

        Raises:
            SolutionError: there is no solution at the defaults.
        """
        return None

    def at_defaults(self, spec: Any) -> Any:
        """What `solve` may be given at the specification's default parameters, by programs that are needed anyway."""
        return None

    def slow(self, spec: Any) -> tuple[str, ...]:
        """The estimated parameters that `prepare` reads: empty where it prepares nothing."""
        return ()

    def prepare(self, spec: Any, params: Any, once: Any) -> Any:
        """The expensive part of a solution, of the parameters `slow` alone."""
        return None

    def solve(self, spec: Any, params: Any, given: Any = None) -> Any:
        """The solution at parameters, which may be traced.

        Args:
            given: what `solve_once` or `prepare` returned.
        """
        ...
