"""The steady state of a system as Python source: in closed form, or as a search."""

from collections.abc import Iterable, Mapping

from estim.dynare.building.system import System
from estim.dynare.reading.expressions import Writer
from estim.dynare.writing.layout import assign, call, dictionary, function, named_tuple
from estim.dynare.writing.printer import number


def steady_state_source(system: System, write: Writer, guess: Mapping[str, float]) -> Iterable[str]:
    """The functions that define ``steady_state(p)``, and ``at_rest(p)`` where parameters follow from it.

    Args:
        system: the equations and, where it is known, their solution at rest.
        write: prints its expressions.
        guess: where a search begins, by variable.
    """
    return _SteadyState(system, write, guess).sections()


class _SteadyState:
    def __init__(self, system: System, write: Writer, guess: Mapping[str, float]):
        self.system, self.contents, self.write, self.guess = system, system.contents, write, guess
        apart = system.auxiliaries or system.loglinear or system.refined
        self.kind = "Levels" if apart and self._searched else "Variables"

    @property
    def _searched(self) -> bool:
        return self.system.steady_state is None or self.system.refined

    def sections(self) -> Iterable[str]:
        if self.kind == "Levels":
            yield named_tuple("Levels", {self.write.variables[v]: "" for v in self.contents.variables})
        if self.system.steady_state is not None:
            yield from self._closed_form()
        if self._searched:
            yield from self._search()

    # --- in closed form ---

    def _closed_form(self) -> Iterable[str]:
        write, c, implied = self.write, self.contents, self.system.implied
        lines, assigned = [], set[str]()
        resting = self.system.resting_at_zero
        for assignment in (a for a in self.system.steady_state or () if a.name not in resting):
            value = write.closed_form(assignment.value, assigned)
            lines.append(assign(write.steady_locals[assignment.name], value))
            assigned.add(assignment.name)
        for name in c.variables:
            if name not in assigned | resting:
                lines.append(assign(write.steady_locals[name], number(c.initial.get(name, 0.0))))
        levels = {write.variables[v]: write.steady_locals[v] for v in c.variables if v not in resting}
        if self._searched:
            found, names = call("Levels", levels), ("given", "given")
        else:
            levels |= {write.variables[a]: write.auxiliary_at_rest(a, None) for a in self.system.auxiliaries}
            found, names = call("Variables", self.maybe_logs(levels)), ("at_rest", "steady_state")
        if resting:
            moved = {n: value for n, value in levels.items() if value != "0"}
            lines += ["zero = Variables(*[0.0] * len(Variables._fields))"] * bool(moved)
            zero = "Variables(*[0.0] * len(Variables._fields))"
            found = call("zero._replace", moved) if moved else zero
        if not implied:
            yield function(f"{names[1]}(p)", [*lines, f"return {found}"])
            return
        yield named_tuple("Implied", {write.implied[n]: c.parameters[n].long_name for n in implied})
        values = call("Implied", {write.implied[n]: write.steady_locals[n] for n in implied})
        doc = '"""The steady state, and the parameters that follow from it."""'
        yield function(f"{names[0]}(p)", [doc, *lines, f"return {found}, {values}"])
        if not self._searched:
            yield function("steady_state(p)", ["return at_rest(p)[0]"])

    # --- as a search ---

    def _search(self) -> Iterable[str]:
        write, c, system = self.write, self.contents, self.system
        lines = ['"""What the equations leave where nothing moves; zero in the steady state."""']
        lines += ["_, implied = given(p)"] * bool(system.implied)
        lines += [assign(write.dynamic_locals[n], write.static(a.value)) for n, a in c.locals.items()]
        equations = {n: write.static(e) for n, e in system.static.items()}
        lines.append(f"return {dictionary(equations)}")
        yield function("static_residuals(lag, now, lead, p)", lines)
        start = "given(p)" if system.refined else "GUESS"
        if not system.refined:
            values = {write.variables[v]: number(self.guess.get(v, 0.0)) for v in c.variables}
            yield f"GUESS = {call(self.kind, values)}"
        method = "linear_steady_state" if c.linear and not system.refined else "numerical_steady_state"
        find = lambda begin: f"{method}(static_residuals, {begin}, p)"
        if self.kind == "Variables":
            yield function("steady_state(p)", [f"return {find(start)}"])
            return
        found = {write.variables[v]: f"now.{write.variables[v]}" for v in c.variables}
        found |= {write.variables[a]: write.auxiliary_at_rest(a, "now") for a in system.auxiliaries}
        variables = call("Variables", self.maybe_logs(found))
        if not system.implied:
            yield function("steady_state(p)", [f"now = {find(start)}", f"return {variables}"])
            return
        lines = [f"begin, implied = {start}", f"now = {find('begin')}", f"return {variables}, implied"]
        yield function("at_rest(p)", lines)
        yield function("steady_state(p)", ["return at_rest(p)[0]"])

    def maybe_logs(self, values: dict[str, str]) -> dict[str, str]:
        """The values, in logs where the solution has them in logs."""
        logged = {self.write.variables[v] for v in self.system.logged}
        return {n: f"jnp.log({v})" if n in logged else v for n, v in values.items()}
