"""Constraints that bind at times as Python source."""

from collections.abc import Iterable

from estim.dynare.building.system import System
from estim.dynare.reading.expressions import Writer
from estim.dynare.reading.functions import STEADY_STATE
from estim.dynare.reading.syntax import Call, Expression, names, walk
from estim.dynare.writing.layout import call, dictionary, function

_UNSHOCKED = "(lag, now, lead, p)"


class Constraints:
    """Functions of a module, and the arguments of its model that name them.

    Args:
        system: what the file says.
        write: prints its expressions.
        shocks: assignments of shocks in the model's units, by name.
    """

    def __init__(self, system: System, write: Writer, shocks: dict[str, str]):
        self.system, self.write, self.shocks = system, write, shocks
        self.slacks = dict(system.slacks)
        self.slacks |= {f"planner: {write.variables[n]}": room for n, (_, room) in system.limits.items()}

    def sections(self) -> Iterable[str]:
        for i, slack in enumerate(self.slacks.values(), 1):
            yield self._function(f"slack_{i}{_UNSHOCKED}", slack)
        for i, (other, bind, relax) in enumerate(self.system.alternatives.values(), 1):
            yield self._function(f"otherwise_{i}(lag, now, lead, shocks, p)", other)
            yield self._function(f"bind_{i}{_UNSHOCKED}", bind)
            yield self._function(f"relax_{i}{_UNSHOCKED}", relax)

    def arguments(self) -> dict[str, str]:
        found = {}
        if slacks := {name: f"slack_{i}" for i, name in enumerate(self.slacks, 1)}:
            found["complementarity"] = dictionary(slacks)
        parts = lambda i: {"residual": f"otherwise_{i}", "bind": f"bind_{i}", "relax": f"relax_{i}"}
        if others := {n: call("Alternative", parts(i)) for i, n in enumerate(self.system.alternatives, 1)}:
            found["alternatives"] = dictionary(others)
        return found

    def _function(self, signature: str, expression: Expression) -> str:
        system = self.system
        used = {name.name for name in names(expression)}
        lines = []
        at_rest = any(isinstance(n, Call) and n.function in STEADY_STATE for n in walk(expression))
        if system.implied and (used & {*system.implied} or at_rest):
            lines.append("steady, implied = at_rest(p)")
        elif at_rest:
            lines.append("steady = steady_state(p)")
        if system.logged:
            lines.append("lag, now, lead = levels(lag), levels(now), levels(lead)")
            lines += ["steady = levels(steady)"] if at_rest else []
        lines += [line for name, line in self.shocks.items() if name in used]
        return function(signature, [*lines, f"return {self.write.dynamic(expression)}"])
