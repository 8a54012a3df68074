"""Matlab code in a `.mod` file: it runs where it stands, beside the values that Dynare keeps.

A parameter that a line of the file sets is set for the model; one that a script, a `verbatim` block or `eval` sets is a
variable of Matlab's alone, as in Dynare. `M_.params`, `M_.Sigma_e` and options in `options_` are read and written.
What needs more than there is (decision rules, plots, other files) is passed over with a warning, and what it would have
set is unknown from there on: an error where the model depends on it.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lark import Token, Tree

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.interpreter import Interpreter
from estim.dynare.matlab.lexer import parse
from estim.dynare.matlab.values import Cell, Unknown, matrix, scalar, take, text
from estim.dynare.matlab_functions.table import FUNCTIONS, size_of
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.matlab_data import loaded
from estim.dynare.reading.parser import parse_chunk
from estim.dynare.reading.scanner import BLOCKS, MATLAB_PRIOR, next_chunk, statement_begins, without_comments
from estim.dynare.reading.shocks import set_shock_covariance, set_stderr, shock_covariance
from estim.dynare.reading.source import Halted
from estim.dynare.reading.syntax import Option, Statement

_ASSIGNED = re.compile(
    r"(?<![\w.])([A-Za-z_]\w*)\s*(?:\([^()=]*\)\s*|\{[^{}=]*\}\s*)?(?:[-+*/^]?=(?!=)|\+\+|--)"
)
_SETS = re.compile(r"\bM_\.\w[^=\n;]*=(?!=)|\bset_(?:param_value|shock_stderr_value|all_parameters)\b")
_BLOCK = re.compile(rf"\b(?:{'|'.join(sorted(BLOCKS - {'model'}))})\s*;")
_OPTIONS = {
    **dict.fromkeys(
        ("lik_init", "diffuse_filter", "kalman_algo", "presample", "prefilter", "first_obs"), "estimation"
    ),
    **dict.fromkeys(("nobs", "datafile", "loglinear", "logdata", "xls_sheet", "xls_range"), "estimation"),
    **dict.fromkeys(("irf", "ar", "hp_filter"), "stoch_simul"),
}
"""Fields of ``options_`` that are options of a command here."""


class Workspace(Interpreter):
    """Matlab's variables beside a file's contents."""

    def __init__(self, contents: Contents, perform: Callable[[Statement], None]):
        path = Path(contents.source.lines[0].path) if contents.source.lines else None
        super().__init__({**FUNCTIONS, **_DYNARE}, path.parent if path else None)
        self.contents, self.perform = contents, perform
        self.text = without_comments(contents.source)
        self.base, self.own, self.at = self.variables, False, 0
        self._options: dict[str, Any] = {}
        self.variables["options_"] = self._options
        self._model: Any = None
        self.generator = np.random.default_rng(0)
        self._lost, self._kept, self._chunks = dict[int, list[str]](), list[Tree](), dict[int, Statement]()

    def run_lines(self, s: Statement) -> None:
        """Run a statement's code, or pass it over."""
        body, *error = s.items
        self.at, self.own = s.at, not body.startswith("verbatim")
        if not self.own:
            body = re.sub(r"\bend\s*;\s*$", "", body[len("verbatim") :].lstrip().removeprefix(";"))
        self._error = error[0] if error else None
        self._show_model()
        self.other, self.give_up = self._dynare, self._give_up
        try:
            program = parse(body + "\n", self._ends if self.own else lambda text, at: None)
        except MatlabError as problem:
            self._pass_over(problem, body, _ASSIGNED.findall(body), body)
            return
        if self.run(program):
            self.contents.returned = True
        self._read_model()
        self._read_options()

    def value_of(self, name: str, arguments: list[Any]) -> Any:
        """``name(arguments)``: an element of a variable, or a function's value.

        Raises:
            MatlabError: there is neither.
        """
        found = self.lookup(name)
        values = [matrix(float(x)) for x in arguments]
        if found is None and not values:
            raise MatlabError(f"'{name}' is no variable known here")
        if found is None:
            kept, self.give_up = self.give_up, None
            try:
                return scalar(self.call(name, values, 1)[0])
            finally:
                self.give_up = kept
        return scalar(take(found, values)) if values else scalar(found)

    def set(self, name: str, value: Any) -> None:
        super().set(name, value)
        c = self.contents
        if not (self.own and not self.scripts and self.variables is self.base):
            return
        if name in c.parameters and not isinstance(value, Unknown):
            c.values[name] = float(np.real(scalar(value)))
            c.homotopy.pop(name, None)
        c.skipped.pop(name, None)
        if name not in c.parameters:
            c.values.pop(name, None)

    # --- Dynare's statements within Matlab's ---

    def _ends(self, text: str, at: int) -> int | None:
        if not statement_begins(text, at):
            return None
        _, end = next_chunk(self.contents.source, self.text, self.at + at)
        if end - self.at > len(text):
            word = re.match(r"\w+", text[at:])
            raise self.contents.source.error(
                f"'{word and word[0]}' stands in one line with Matlab code; put it into a line of its own",
                self.at + at,
            )
        return end - self.at

    def _dynare(self, text: str, at: int) -> None:
        self._read_model()
        kept = self.at, self._error
        if (place := self.at + at) not in self._chunks:
            chunk, _ = next_chunk(self.contents.source, self.text, place)
            self._chunks[place] = parse_chunk(self.contents.source, chunk)
        self.perform(self._chunks[place])
        self.at, self._error = kept
        self._show_model()

    # --- what fails ---

    def _give_up(self, node: Tree, error: MatlabError) -> None:
        if id(node) in self._lost:  # in a loop
            for name in self._lost[id(node)]:
                self.variables[name] = Unknown(
                    f"'{name}' is set by code that cannot be run ({error.message})"
                )
            return
        lines = self.text[self.at :].split("\n")
        line = min((error.line or 1) - 1, len(lines) - 1)
        place = self.at + sum(len(x) + 1 for x in lines[:line])
        place += len(lines[line]) - len(lines[line].lstrip())
        names = [str(n) for t in node.iter_subtrees() for n in _targets(t)]
        shown = " ".join(lines[line].split())
        inside = [str(t) for t in node.scan_values(lambda v: isinstance(v, Token))]
        self._pass_over(error, shown, names, " ".join(inside), place)
        self._kept.append(node)
        self._lost[id(node)] = names

    def _pass_over(
        self, error: MatlabError, shown: str, names: list[str], code: str, at: int | None = None
    ) -> None:
        c, at = self.contents, self.at if at is None else at
        names = list(dict.fromkeys(names))
        if self.own:
            self._refuse(error, names, code, at)
        for name in names:
            self.variables[name] = Unknown(f"'{name}' is set by code that cannot be run ({error.message})")
            if self.own and name not in c.variables:
                c.values.pop(name, None)
                c.skipped[name] = at
        c.warn(f"skipped: {' '.join(shown.split())[:120]} ({error.message})", at)

    def _refuse(self, error: MatlabError, names: list[str], code: str, at: int) -> None:
        """Raise where the model depends on code that fails."""
        c = self.contents
        parameters = [n for n in names if c.role(n) == "parameters"]
        if self._error is not None and parameters:
            raise (
                self._error
                if "did you mean" in str(self._error)
                else c.source.error(f"{', '.join(parameters)}: {error.message}", at, Halted)
            )
        if _SETS.search(code) or _BLOCK.search(code) or "M_" in names:
            raise c.source.error(
                f"Matlab code cannot be run, and the model depends on it: {error.message}", at, Halted
            )

    # --- M_ and options_ ---

    def _show_model(self) -> None:
        """``M_`` as the contents are."""
        c = self.contents
        names = {"param": list(c.parameters), "endo": list(c.variables), "exo": list(c.shocks)}
        model: dict[str, Any] = {
            f"{k}_names": Cell(Cell.column(v).items, names=True) for k, v in names.items()
        }
        model |= {f"{k}_nbr": matrix(float(len(v))) for k, v in names.items()} | {"exo_det_nbr": matrix(0.0)}
        model["orig_endo_nbr"] = model["endo_nbr"]
        model["params"] = np.array([[c.values.get(n, np.nan)] for n in c.parameters]).reshape(-1, 1)
        model["Sigma_e"] = shock_covariance(c)
        model["fname"] = self.folder and Path(c.source.lines[0].path).stem
        self._model = self.base["M_"] = self.globals["M_"] = model

    def _read_model(self) -> None:
        """The contents as ``M_`` was set."""
        c, before, now = self.contents, self._model, self.base.get("M_")
        if now is before or not isinstance(now, dict):
            return
        for i, name in enumerate(c.parameters):
            value = matrix(now["params"]).ravel()[i] if matrix(now["params"]).size > i else np.nan
            if not np.array_equal(value, before["params"].ravel()[i], equal_nan=True):
                c.values[name] = float(np.real(value))
                c.skipped.pop(name, None)
        for name in (
            "H",
            "Correlation_matrix",
            "Correlation_matrix_ME",
            "endo_names",
            "exo_names",
            "param_names",
        ):
            if now.get(name) is not before.get(name):
                raise c.source.error(f"Matlab code sets 'M_.{name}', which estim does not follow", self.at)
        if not np.array_equal(now["Sigma_e"], before["Sigma_e"]):
            set_shock_covariance(c, matrix(now["Sigma_e"]), self.at)
        self._show_model()

    def _read_options(self) -> None:
        c, options = self.contents, self.base.get("options_")
        if options is self._options or not isinstance(options, dict):
            return
        for name, value in options.items():
            if name in _OPTIONS and self._options.get(name) is not value:
                shown = value if isinstance(value, str) else f"{float(np.real(scalar(value))):.17g}"
                flag = name in ("diffuse_filter", "loglinear", "logdata")
                known = c.options.setdefault(_OPTIONS[name], {})
                known[name] = Option(name, None if flag else shown, self.at)
                if flag and shown == "0":
                    del known[name]
        rest = options.get("steadystate")
        if isinstance(rest, dict) and "nocheck" in rest and scalar(rest["nocheck"]):
            c.options.setdefault("steady", {})["nocheck"] = Option("nocheck", None, self.at)
        self._options = options


def native(c: Contents, s: Statement) -> None:
    """Run Matlab code; after the last command it changes nothing and is passed over. Priors in it are left out, and
    with them the estimation.

    Raises:
        ModFileError: it cannot be run, and the model or its estimation depends on it.
    """
    if found := MATLAB_PRIOR.match(s.items[0]):
        c.beyond = c.beyond or (f"a prior outside 'estimated_params' ('{found[0]}...)')", s.at)
        return
    if c.finished or c.returned:
        c.warn(f"skipped: {' '.join(s.items[0].split())[:120]}", s.at)
        return
    assert c.workspace is not None
    c.workspace.run_lines(s)


def _targets(tree: Tree) -> list[str]:
    """The names that a statement assigns to."""
    if tree.data in ("assign", "update"):
        targets = tree.children[:1]
    elif tree.data == "assign_several":
        targets = [t for t in tree.children[:-1] if isinstance(t, Tree) and t.data != "ignored"]
    elif tree.data == "for_":
        return [next(str(t) for t in tree.children if isinstance(t, Token) and t.type == "NAME")]
    else:
        return []
    names = []
    for target in targets:
        while target.data != "name" and isinstance(target.children[0], Tree):
            target = target.children[0]
        names.append(str(target.children[0]))
    return names


# --- functions of Dynare's ---


def _set_param_value(m: Any, arguments: list[Any], results: int) -> Any:
    name, value = text(arguments[0]), float(np.real(scalar(arguments[1])))
    c = m.contents
    c.require(name, m.at, "parameters")
    m._read_model()
    c.values[name] = value
    c.skipped.pop(name, None)
    c.homotopy.pop(name, None)
    m.base[name] = matrix(value)
    m._show_model()


def _set_shock_stderr_value(m: Any, arguments: list[Any], results: int) -> Any:
    c, name = m.contents, text(arguments[0])
    c.require(name, m.at, "shocks")
    m._read_model()
    set_stderr(c, name, float(np.real(scalar(arguments[1]))), m.at)
    m._show_model()


def _parameter(m: Any, arguments: list[Any], results: int) -> Any:
    name = text(arguments[0])
    if name not in m.contents.values:
        raise MatlabError(f"parameter '{name}' has no value yet")
    return matrix(m.contents.values[name])


def _load(m: Any, arguments: list[Any], results: int) -> Any:
    words = [text(a) for a in arguments if not text(a).startswith("-")]
    found = {k: matrix(v) for k, v in loaded(m.folder, words[0]).items()}
    if results:
        return next(iter(found.values())) if "." in words[0] and not words[0].endswith(".mat") else found
    m.variables.update({k: v for k, v in found.items() if k in words[1:] or not words[1:]})


def _drawn(distribution: str) -> Any:
    """``rand(2, 3)``; a seed, ``rand('state', 1)``, sets nothing."""

    def draw(m: Any, arguments: list[Any], results: int) -> Any:
        if any(isinstance(a, str) for a in arguments):
            return None
        m.contents.warn("numbers are drawn at random, others than Matlab draws", m.at)
        return getattr(m.generator, distribution)(size=size_of(arguments))

    return draw


_DYNARE: dict[str, Any] = {
    "rand": _drawn("uniform"),
    "randn": _drawn("standard_normal"),
    "set_param_value": _set_param_value,
    "set_shock_stderr_value": _set_shock_stderr_value,
    "get_param_by_name": _parameter,
    "load": _load,
    "csvread": _load,
    "dynare_version": lambda m, arguments, results: "5.3",
    "set_dynare_seed": lambda m, arguments, results: None,
}
