"""A system as the source of a Python module in the style of the gallery.

`read_mod` executes this source and `convert_mod` writes it to a file: what is converted is
what runs.
"""

from collections.abc import Iterable, Mapping

from estim.dynare.building.auxiliary import shift
from estim.dynare.building.system import System
from estim.dynare.reading.expressions import Writer
from estim.dynare.reading.fields import build_fields
from estim.dynare.reading.settings import estimation_settings
from estim.dynare.reading.syntax import names
from estim.dynare.writing.constraints import Constraints
from estim.dynare.writing.layout import (
    assign,
    call,
    dictionary,
    docstring,
    function,
    imports,
    indented,
    named_tuple,
    quote,
)
from estim.dynare.writing.planner import planner_source
from estim.dynare.writing.printer import number
from estim.dynare.writing.steady_state_source import steady_state_source


def module_source(system: System, name: str, origin: str, guess: Mapping[str, float] | None = None) -> str:
    """Python source that defines ``model``.

    Args:
        system: the file's equations.
        name: the model's name.
        origin: the file it was read from, for the docstring.
        guess: where the search for the steady state begins, by variable.
    """
    body = "\n\n\n".join(_Module(system, name, guess or system.contents.initial).sections())
    doc = docstring(f"{name}: converted from the Dynare file {origin}.")
    return f"{doc}\n\n{imports(body)}\n\n\n{body}\n"


class _Module:
    def __init__(self, system: System, name: str, guess: Mapping[str, float]):
        self.system, self.contents, self.name, self.guess = system, system.contents, name, guess
        self.fields = build_fields(system)
        self.write = Writer(
            system, {k[1]: i for k, i in self.fields.identifiers.items() if k[0] == "parameter"}
        )
        self.settings = estimation_settings(self.contents)
        c = self.contents
        self.constraints = Constraints(system, self.write, self._shocks())
        self.observables = [n.name for n in c.observables] or list(c.variables)

    def sections(self) -> Iterable[str]:
        write, c = self.write, self.contents
        variables = "Variables" if self.system.rests is None else "Chosen"
        yield named_tuple(variables, {write.variables[v]: self._comment(v) for v in self.system.variables})
        shocks = {write.shocks[s]: symbol.long_name for s, symbol in c.shocks.items()}
        yield named_tuple("Shocks", shocks or {self._idle(): "the file has none"})
        yield named_tuple("Observables", {write.variables[v]: self._comment(v) for v in self.observables})
        fields = self.fields
        yield named_tuple(
            "Params",
            {i: fields.comments[k] for k, i in fields.identifiers.items()},
            {i: fields.defaults[k] for k, i in fields.identifiers.items()},
        )
        if self.system.rests is None:
            yield from steady_state_source(self.system, write, self.guess)
        yield from self._residuals()
        yield from self._objective()
        if self.system.rests is not None:
            yield from planner_source(self.system, write, self.guess)
        yield from self.constraints.sections()
        yield from self._shock_correlation()
        yield from self._measurement()
        yield from self._joint_prior()
        yield self._model()

    def _idle(self) -> str:
        """A shock that no equation reads: a model without any has a steady state all the same."""
        name = "no_shock"
        while name in self.write.variables.taken:
            name += "_"
        return name

    def _labels(self) -> dict[str, str]:
        """What the file calls its symbols in words and in TeX."""
        c, write, identifiers = self.contents, self.write, self.fields.identifiers
        named = {write.variables[n]: s for n, s in c.variables.items()}
        named |= {write.shocks[n]: s for n, s in c.shocks.items()}
        named |= {i: c.parameters[k[1]] for k, i in identifiers.items() if k[0] == "parameter"}
        return {
            name: f"({quote(s.long_name)}, {quote(s.tex)})"
            for name, s in named.items()
            if s.long_name or s.tex
        }

    def _comment(self, name: str) -> str:
        return self.contents.variables[name].long_name if name in self.contents.variables else ""

    # --- equations ---

    def _residuals(self) -> Iterable[str]:
        write, system = self.write, self.system
        lines = []
        if self.system.logged:
            doc = '"""The variables themselves; the model is solved in logs."""'
            logged = [write.variables[v] for v in self.system.logged]
            values = call("logs._replace", {n: f"jnp.exp(logs.{n})" for n in logged})
            yield function("levels(logs)", [doc, f"return {values}"])
            lines.append("lag, now, lead = levels(lag), levels(now), levels(lead)")
        if system.implied:
            lines.append(
                "steady, implied = at_rest(p)" if system.uses_steady_state else "_, implied = at_rest(p)"
            )
        elif system.uses_steady_state and system.rests is None:
            lines.append("steady = steady_state(p)")
        if system.uses_steady_state and self.system.logged:
            lines.append("steady = levels(steady)")
        used = {n.name for e in (*system.equations.values(), *system.locals.values()) for n in names(e)}
        lines += [line for shock, line in self._shocks().items() if shock in used]
        lines += [assign(write.dynamic_locals[n], write.dynamic(e)) for n, e in system.locals.items()]
        equations = {n: write.dynamic(e) for n, e in system.equations.items()}
        name, more = "equations" if system.unchecked else "residuals", ""
        if system.rests is not None:
            name, more = "constraints", ", steady"
        body = [*lines, f"return {dictionary(equations)}"]
        yield function(f"{name}(lag, now, lead, shocks, p{more})", body)
        if system.unchecked:
            yield function("residuals(lag, now, lead, shocks, p)", _UNCHECKED)

    def _shocks(self) -> dict[str, str]:
        """Assignments of the shocks in the model's units."""
        write, fields, c = self.write, self.fields, self.contents
        lines = {}
        for shock in c.shocks:
            mean = c.initial.get(shock, 0.0)
            offset = f"{number(mean)} + " if mean else ""
            scaled = f"{offset}p.{fields.stderr(shock)} * shocks.{write.shocks[shock]}"
            lines[shock] = assign(write.dynamic_locals[shock], scaled)
        return lines

    def _rest_levels(self) -> dict[str, str]:
        """Exogenous variables that do not rest at zero."""
        c = self.contents
        return {self.write.shocks[s]: number(c.initial[s]) for s in c.shocks if c.initial.get(s)}

    def _shock_correlation(self) -> Iterable[str]:
        if self.fields.correlated:
            yield function(
                "shock_correlation(p)", [f"return {self._correlation(list(self.contents.shocks))}"]
            )

    def _correlation(self, names: list[str]) -> str:
        """Source of a correlation matrix; of many that are hardly correlated, of the pairs that are."""
        pairs = [(i, k) for i in range(len(names)) for k in range(i)]
        written = {p: x for p in pairs if (x := self.fields.correlation(names[p[0]], names[p[1]])) != "0.0"}
        if len(names) > _LARGE and 0 < len(written) < len(pairs) / 2:
            first, second = ([p[side] for p in written] for side in (0, 1))
            at = f"jnp.array({[*first, *second]}), jnp.array({[*second, *first]})"
            values = f"jnp.tile(jnp.array([{', '.join(written.values())}]), 2)"
            return f"jnp.eye({len(names)}).at[{at}].set({values}, unique_indices=True)"
        rows = (", ".join(self.fields.correlation(a, b) for b in names) for a in names)
        return f"jnp.array([{', '.join(f'[{row}]' for row in rows)}])"

    # --- measurement ---

    def _measurement(self) -> Iterable[str]:
        write, c, settings = self.write, self.contents, self.settings
        lines = []
        if self.system.implied and c.trends:
            lines.append("_, implied = at_rest(p)")
        values = {}
        for name in self.observables:
            field = write.variables[name]
            values[field] = f"now.{field}"
            if settings.prefilter:
                values[field] += f" - steady.{field}"
                if name in c.trends:  # the mean of 1, ..., n
                    mean = number((settings.centred_over or 0) / 2 + 0.5)
                    values[field] += f" - {mean} * ({write.parameter(c.trends[name])})"
            elif name in c.trends and (first := settings.first_obs) != 1:
                if isinstance(first, str):
                    raise c.source.unsupported("a trend of data that begin at a date", c.observables[0].at)
                values[field] += f" + {first - 1} * ({write.parameter(c.trends[name])})"
        if settings.prefilter:
            lines.append("steady = steady_state(p)  # the data have lost their means")
        yield function("measurement(now, lag, p)", [*lines, f"return {call('Observables', values)}"])
        if errors := self.fields.measurement_errors:
            spread = {n: f"p.{self.fields.stderr(n)}" if n in errors else "0.0" for n in self.observables}
            values = {write.variables[n]: stderr for n, stderr in spread.items()}
            lines = [f"return {call('Observables', values)}"]
            if self.fields.correlated_errors:
                lines = [
                    assign("stderr", f"jnp.array([{', '.join(spread.values())}])"),
                    assign("correlation", self._correlation(self.observables)),
                    "factor = stderr[:, None] * semidefinite_cholesky(correlation)",
                    "return factor @ factor.T",
                ]
            yield function("measurement_error(p)", lines)
        if c.trends:
            slopes = {
                write.variables[n]: write.parameter(c.trends[n]) if n in c.trends else "0.0"
                for n in self.observables
            }
            implied = ["_, implied = at_rest(p)"] if self.system.implied else []
            yield function("trend(p)", [*implied, f"return {call('Observables', slopes)}"])

    def _joint_prior(self) -> Iterable[str]:
        if not (groups := self.fields.constrained):
            return
        lines = ['"""Zero where the correlations are those of random variables, else minus infinity."""']
        factors = [f"semidefinite_cholesky({self._correlation(group)})" for group in groups]
        legal = [f"jnp.isfinite({factor}).all()" for factor in factors]
        yield function("joint_prior(p)", [*lines, f"return jnp.where({' & '.join(legal)}, 0.0, -jnp.inf)"])

    def _objective(self) -> Iterable[str]:
        """What a period is worth to a planner, and the discount factor."""
        c = self.contents
        asked = c.planner[:2] if c.planner else c.discretion[:2] if c.discretion else None
        if asked is None:
            return
        objective, discount = shift(c, asked[0], 0), shift(c, asked[1], 0)
        if any(n.lag or n.name in c.predetermined for n in names(objective)):
            if c.planner:
                what = "an objective of a planner that reads other periods"
                raise c.source.unsupported(what, c.planner[2])
            return
        worth = self.write.dynamic(objective)
        lines = ["_, implied = at_rest(p)"] if self.system.implied and "implied." in worth else []
        yield function("objective(now, p)", [*lines, f"return {worth}"])
        yield function("planner_discount(p)", [f"return {self.write.parameter(discount)}"])

    def _model(self) -> str:
        arguments = {"name": quote(self.name), "variables": "Variables", "shocks": "Shocks"}
        arguments |= {"observables": "Observables"}
        arguments |= {n: n for n in ("steady_state", "residuals", "measurement")}
        arguments |= {"measurement_error": "measurement_error"} if self.fields.measurement_errors else {}
        arguments |= {"shock_correlation": "shock_correlation"} if self.fields.correlated else {}
        arguments |= {"trend": "trend"} if self.contents.trends else {}
        arguments |= {"joint_prior": "joint_prior"} if self.fields.constrained else {}
        arguments |= self.constraints.arguments()
        if self.contents.in_levels and (levels := self._rest_levels()):
            arguments["rest_levels"] = dictionary(levels)
        arguments |= {"prior": "Params()"}
        arguments |= {"linearised": "True"} if self.contents.linear else {}
        if self.fields.start:
            arguments["start"] = dictionary({n: number(v) for n, v in self.fields.start.items()})
        arguments |= {"labels": dictionary(labels)} if (labels := self._labels()) else {}
        return "model = Model(\n" + "".join(f"    {n}={indented(v)},\n" for n, v in arguments.items()) + ")"


_LARGE = 10
"""A correlation matrix of more is not written out where most of it is zero."""

_UNCHECKED = [
    '"""What the equations leave beyond what they leave at the point given for the steady state, unchecked."""',
    "rest, zero = steady_state(p), Shocks(*[0.0] * len(Shocks._fields))",
    "left, gap = equations(lag, now, lead, shocks, p), equations(rest, rest, rest, zero, p)",
    "return {name: left[name] - gap[name] for name in left}",
]
