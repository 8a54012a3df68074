"""How the names in an expression are written, by where the expression stands in a module."""

from collections.abc import Callable, Mapping

from estim.dynare.building.auxiliary import shift
from estim.dynare.building.system import System
from estim.dynare.reading.functions import CONSTANTS, DIFFERENCE, STEADY_STATE
from estim.dynare.reading.identifiers import Identifiers
from estim.dynare.reading.syntax import Binary, Call, Expectation, Expression, Name
from estim.dynare.writing.printer import number, to_python

_RESERVED = (
    *("lag", "now", "lead", "shocks", "p", "jnp", "erf", "erfc", "norm", "steady", "implied"),
    *("at_rest", "steady_state", "residuals", "measurement", "static_residuals", "levels", "inf"),
    *("Variables", "Shocks", "Observables", "Params", "Implied", "Levels", "GUESS", "given", "zero"),
    *("equations", "correlation", "semidefinite_cholesky", "Alternative"),
    *("objective", "planner_discount", "maximum", "minimum"),
)


class Writer:
    """Prints the expressions of one system; every method returns Python source."""

    def __init__(self, system: System, parameters: Mapping[str, str]):
        c = system.contents
        self.system, self.contents = system, c
        self.variables = Identifiers(system.variables)
        self.parameters = parameters
        self.implied = Identifiers(system.implied)
        self.shocks = Identifiers(c.shocks, reserved=[self.variables[v] for v in system.variables])
        # Local variables of the functions: shocks in the model's units and `#` definitions ...
        self.dynamic_locals = Identifiers([*c.shocks, *c.locals], reserved=_RESERVED)
        # ... and in the steady state, what its block assigns.
        assigned = dict.fromkeys([*c.variables, *(a.name for a in system.steady_state or ())])
        self.steady_locals = Identifiers(assigned, reserved=_RESERVED)

    def dynamic(self, expression: Expression) -> str:
        """In `residuals`: variables by date, shocks as local names."""

        def leaf(node: Expression) -> str:
            match node:
                case Name(name, lag) if name in self.variables:
                    return f"{_DATES[lag]}.{self.variables[name]}"
                case Name(name) if name in self.dynamic_locals:
                    return self.dynamic_locals[name]
                case Call(function, (operand,)) if function in STEADY_STATE:
                    return f"({to_python(self._written_out(operand), self._at_rest('steady'))})"
            return self._common(node)

        return to_python(expression, leaf)

    def static(self, expression: Expression) -> str:
        """In `static_residuals`: as in `residuals`, for any lead and lag, with exogenous variables at their means."""

        def leaf(node: Expression) -> str:
            match node:
                case Name(name, lag) if name in self.contents.variables:
                    return f"{_DATES[(lag > 0) - (lag < 0)]}.{self.variables[name]}"
                case Name(name) if name in self.contents.locals:
                    return self.dynamic_locals[name]
                case Expectation(_, operand):
                    return f"({to_python(operand, leaf)})"
                case Call(function, (operand,)) if function == DIFFERENCE:
                    before = shift(self.contents, operand, -1)
                    return f"({to_python(Binary('-', operand, before), leaf)})"
            return self._operators(node, self._at_rest("now")) or self._common(node)

        return to_python(expression, leaf)

    def closed_form(self, expression: Expression, assigned: set[str]) -> str:
        """In `steady_state`, below the assignments to the names in `assigned`."""

        def leaf(node: Expression) -> str:
            if isinstance(node, Name) and node.name in self.system.resting_at_zero:
                return "0"
            if isinstance(node, Name) and node.name in assigned and node.name in self.steady_locals:
                return self.steady_locals[node.name]
            if isinstance(node, Name) and node.name in self.contents.variables:
                return number(self.contents.initial.get(node.name, 0.0))
            return self._operators(node, leaf) or self._common(node)

        return to_python(self._written_out(expression), leaf)

    def auxiliary_at_rest(self, name: str, found: str | None) -> str:
        """An auxiliary variable in the steady state; ``found`` names a tuple that has the others."""
        at_rest = self._written_out(self.system.auxiliaries[name].at_rest)
        if found:
            return to_python(at_rest, self._at_rest(found))
        return self.closed_form(at_rest, set(self.contents.variables))

    def parameter(self, expression: Expression) -> str:
        """In a function of parameters alone."""
        return to_python(expression, self._common)

    def _at_rest(self, holder: str) -> Callable[[Expression], str]:
        def leaf(node: Expression) -> str:
            match node:
                case Name(name) if name in self.contents.variables:
                    return f"{holder}.{self.variables[name]}"
                case Name(name) if name in self.contents.locals:
                    return self.dynamic_locals[name]
            return self._operators(node, leaf) or self._common(node)

        return leaf

    def _operators(self, node: Expression, leaf: Callable[[Expression], str]) -> str:
        """What the dating operators come to where nothing moves."""
        match node:
            case Expectation(_, operand):
                return f"({to_python(operand, leaf)})"
            case Call(function) if function == DIFFERENCE:
                return "0"
            case Call(function, (operand,)) if function in STEADY_STATE:
                return f"({to_python(operand, leaf)})"
        return ""

    def _common(self, node: Expression) -> str:
        """Parameters, constants, and exogenous variables at rest."""
        assert isinstance(node, Name), node
        name = node.name
        if name in self.implied:
            return f"implied.{self.implied[name]}"
        if name in self.parameters:
            return f"p.{self.parameters[name]}"
        if self.contents.role(name) in ("shocks", "deterministic"):
            return number(self.contents.initial.get(name, 0.0))
        return number(self.contents.values.get(name, CONSTANTS.get(name, 0.0)))

    def _written_out(self, expression: Expression) -> Expression:
        """Without the model's local variables."""
        return shift(self.contents, expression, 0)


_DATES = {-1: "lag", 0: "now", 1: "lead"}
