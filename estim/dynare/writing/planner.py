"""A planner who closes the model, as Python source: his conditions, and the search for the steady state."""

from collections.abc import Iterable, Mapping

from estim.dynare.building.system import System
from estim.dynare.reading.expressions import Writer
from estim.dynare.writing.layout import call, dictionary, function
from estim.dynare.writing.printer import number


def planner_source(system: System, write: Writer, guess: Mapping[str, float]) -> Iterable[str]:
    """What follows the file's equations: ``planner``, ``Variables``, ``steady_state`` and ``residuals``.

    Args:
        system: the equations.
        write: prints its expressions.
        guess: where the search begins, by variable of the file or by multiplier.
    """
    multipliers = ", ".join(f'"MULT_{i}"' for i, _ in enumerate(system.equations, 1))
    signs = {write.variables[name]: number(sign) for name, (sign, _) in system.limits.items()}
    arguments = ["(Chosen, Shocks, Params)", "constraints", "objective", "planner_discount"]
    arguments += [f"[{multipliers}]", dictionary(signs) if signs else "{}"]
    lines = ",\n    ".join(arguments)
    yield f"planner = FirstOrderConditions(\n    {lines},\n)\nVariables = planner.variables"
    levels = {write.variables[n]: number(v) for n, v in guess.items() if v and n in write.variables}
    levels |= {n: number(v) for n, v in guess.items() if v and n not in write.variables and _added(n)}
    nothing = "Variables(*[0.0] * len(Variables._fields))"
    yield f"GUESS = {call(f'{nothing}._replace', levels) if levels else nothing}"
    at_rest = ["unmoved = Shocks(*[0.0] * len(Shocks._fields))"]
    static = [*at_rest, "return planner.residuals(lag, now, lead, unmoved, p, now)"]
    yield function("static_residuals(lag, now, lead, p)", static)
    method = "linear_steady_state" if system.contents.linear else "numerical_steady_state"
    yield function("steady_state(p)", [f"return {method}(static_residuals, GUESS, p)"])
    steady = ", steady_state(p)" * system.uses_steady_state
    closed = [f"return planner.residuals(lag, now, lead, shocks, p{steady})"]
    yield function("residuals(lag, now, lead, shocks, p)", closed)


def _added(name: str) -> bool:
    """Is it a variable of the planner's own?"""
    return name.startswith(("MULT_", "ahead_", "before_"))
