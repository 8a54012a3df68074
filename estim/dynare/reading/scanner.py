"""Cutting the text of a `.mod` file into statements and blocks, before any grammar is applied.

A statement of Dynare's language ends at its `;`, a block at its `end;`. What begins with any
other word is native Matlab code: a line of it, or all of an `if ... end` or `for ... end`.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from estim.dynare.reading.source import Source

BLOCKS = {
    *(
        "model",
        "model_replace",
        "steady_state_model",
        "initval",
        "endval",
        "shocks",
        "observation_trends",
        "homotopy_setup",
    ),
    *("estimated_params", "estimated_params_init", "estimated_params_bounds", "estimated_params_remove"),
    *("occbin_constraints", "ramsey_constraints", "optim_weights", "osr_params_bounds"),
    *("histval", "shock_groups", "conditional_forecast_paths", "generate_irfs", "heteroskedastic_shocks"),
    *("matched_moments", "matched_irfs"),
}

DECLARATIONS = {"var", "varexo", "varexo_det", "parameters", "predetermined_variables"}

PARSED = {
    *("varobs", "steady", "stoch_simul", "estimation", "data", "unit_root_vars", "change_type"),
    *("model_options", "model_remove", "var_remove"),
    *("external_function", "trend_var", "log_trend_var"),
    "load_params_and_steady_state",
    *("planner_objective", "ramsey_model", "ramsey_policy", "evaluate_planner_objective"),
    *("discretionary_policy", "osr_params", "osr"),
}
"""Commands that are followed, beside declarations."""

IDLE = {
    *("check", "set_dynare_seed", "model_diagnostics", "resid", "model_info", "collect_latex_files"),
    *("write_latex_dynamic_model", "write_latex_static_model", "write_latex_original_model"),
    *("write_latex_steady_state_model", "write_latex_definitions", "write_latex_parameter_table"),
    *(
        "write_latex_prior_table",
        "dynatype",
        "dynasave",
        "rplot",
        "save_params_and_steady_state",
        "dynare_version",
    ),
    *(
        "occbin_write_regimes",
        "var_model",
        "trend_component_model",
    ),  # the latter name equations for what is refused
}
"""Commands that change nothing in the model or its estimation and print at most."""

FOLLOW_UP = {
    *("calib_smoother", "smoother2histval", "forecast", "conditional_forecast", "plot_conditional_forecast"),
    *("shock_decomposition", "realtime_shock_decomposition", "plot_shock_decomposition"),
    *("identification", "dynare_sensitivity", "sensitivity"),
    *("occbin_setup", "occbin_solver", "occbin_graph", "model_comparison", "method_of_moments"),
    *("prior_function", "posterior_function"),
    *("perfect_foresight_setup", "perfect_foresight_solver", "simul"),
}
"""Commands that say what a first-order solution means, and those of perfect foresight; `estim dynare` runs them."""

SKIPPED = {
    *("initial_condition_decomposition", "squeeze_shock_decomposition"),
    *("dsample", "histval_file", "initval_file"),
}
"""Commands that compute from the model and leave it as it is: passed over with a warning."""

IGNORED_BLOCKS = {
    *("verbatim", "init2shocks"),
    *("irf_calibration", "moment_calibration"),
}

UNSUPPORTED_BLOCKS = {
    "mshocks": "a perfect-foresight simulation ('mshocks')",
    "matched_irfs_weights": "the method of moments ('matched_irfs_weights')",
    "epilogue": "'epilogue'",
    "filter_initial_state": "a given initial state of the filter ('filter_initial_state')",
    "pac_target_info": "a semi-structural model ('pac_target_info')",
    "svar_identification": "'svar_identification'",
    "deterministic_trends": "a nonstationary model ('deterministic_trends')",
    "perfect_foresight_controlled_paths": "a perfect-foresight simulation ('perfect_foresight_controlled_paths')",
}
"""Blocks that estim does not follow: passed over with a warning."""

UNSUPPORTED_COMMANDS = {
    **dict.fromkeys(
        (
            *("extended_path", "periods"),
            *("perfect_foresight_with_expectation_errors_setup", "perfect_foresight_with_expectation_errors_solver"),
        ),
        "a perfect-foresight simulation",
    ),
    **dict.fromkeys(
        (
            *("markov_switching", "svar", "sbvar", "ms_sbvar", "ms_estimation", "ms_simulation", "ms_compute_mdd"),
            *("ms_compute_probabilities", "ms_irf", "ms_forecast", "ms_variance_decomposition"),
        ),
        "a Markov-switching VAR",
    ),
    **dict.fromkeys(("bvar_density", "bvar_forecast", "bvar_irf"), "a Bayesian VAR"),
}  # fmt: skip
"""Commands that estim does not have: each is passed over with a warning, and the model is read without it."""

REFUSED = dict.fromkeys(("var_expectation_model", "pac_model"), "a semi-structural model")
"""Statements that change the model in a way that estim does not know."""

COMMANDS = DECLARATIONS | PARSED | IDLE | SKIPPED | FOLLOW_UP
POLICY = {"discretionary_policy", "osr", "evaluate_planner_objective"}
"""Commands of optimal policy that compute."""

COMPUTING = {
    *("steady", "check", "stoch_simul", "estimation", "ramsey_policy"),
    *POLICY,
    *SKIPPED,
    *FOLLOW_UP,
    *UNSUPPORTED_COMMANDS,
}
"""After the last of these, values no longer matter."""

_KNOWN = {
    w.lower(): w
    for w in (*BLOCKS, *COMMANDS, *IGNORED_BLOCKS, *UNSUPPORTED_BLOCKS, *UNSUPPORTED_COMMANDS, *REFUSED)
}
_WITHIN = (
    (COMMANDS - DECLARATIONS - {"data", "periods"}) | BLOCKS | set(UNSUPPORTED_COMMANDS) - {"periods", "svar"}
)
MATLAB_PRIOR = re.compile(r"[\w.,() \[\]]+\.\s*(prior|options|subsamples)\s*\(")

_WORD = re.compile(r"[A-Za-z_]\w*")
_STRING = re.compile(r"'(?:[^'\n]|'')*'|\"[^\"\n]*\"|\$[^$\n]*\$")
_FLOW = {"if", "for", "while", "switch", "try", "parfor", "function"}
_MATLAB_END = {"end", "endif", "endfor", "endwhile", "endfunction", "endswitch", "end_try_catch"}
_LEXEME = re.compile(r"(?<![\w)\]}.'])'(?:[^'\n]|'')*'|\"[^\"\n]*\"|\.\.\.[^\n]*\n|\.?[A-Za-z_]\w*|[^\s]|\n")
_MATRIX = re.compile(r"\s*=\s*\[[^\]]*\]\s*;")
_END = re.compile(r"\bend\s*;", re.IGNORECASE)


class Chunk(NamedTuple):
    """One statement or block: its keyword, the text between a block's keyword and `;` and the body,
    each with its offset. The keyword is "=" for an assignment, "native" for Matlab code, and
    "skipped" for a block that changes nothing here."""

    keyword: str
    at: int
    header: str | None
    header_at: int
    body: str
    body_at: int


def scan(source: Source) -> Iterator[Chunk]:
    """The chunks of a file, in order.

    Raises:
        ModFileError: a comment, a statement or a block that does not end.
        UnsupportedError: a statement that changes the model in a way that estim does not know.
    """
    text, position, declared = without_comments(source), 0, set[str]()
    while (position := _skip(text, position)) < len(text):
        chunk, position = next_chunk(source, text, position, declared)
        if chunk.keyword in DECLARATIONS:
            declared |= set(_WORD.findall(chunk.body))
        yield chunk


def statement_begins(text: str, at: int) -> bool:
    """Is it a statement of Dynare's that stands there among Matlab code?"""
    match = _WORD.match(text, at)
    return match is not None and match[0] in _WITHIN and _follows(text, match.end()) not in ("=", ".", "==")


def _skip(text: str, position: int) -> int:
    while position < len(text) and (text[position].isspace() or text[position] in ";"):
        position += 1
    return position


def next_chunk(source: Source, text: str, at: int, declared: Collection[str] = ()) -> tuple[Chunk, int]:
    """The chunk that begins at a position of the text, and where it ends; names are ``declared`` so far."""
    match = _WORD.match(text, at)
    written = match[0] if match else ""
    after = match.end() if match else at
    follows = _follows(text, after)
    if written and follows == "=" and written != "Sigma_e":
        return _assignment(source, text, at, written, written in declared)
    word = (
        _KNOWN.get(written.lower(), written)
        if follows not in (".", "==") and written not in declared
        else written
    )
    if word in UNSUPPORTED_BLOCKS:
        _, end = _block(source, text, at, word, after)
        return Chunk("unsupported", at, None, 0, UNSUPPORTED_BLOCKS[word], at), end
    if word in BLOCKS | IGNORED_BLOCKS:
        return _block(source, text, at, word, after)
    if word in REFUSED:
        raise source.unsupported(f"{REFUSED[word]} ('{word}')", at)
    if word in UNSUPPORTED_COMMANDS:
        what = f"{UNSUPPORTED_COMMANDS[word]} ('{word}')"
        return Chunk("unsupported", at, None, 0, what, at), _semicolon(source, text, after, word) + 1
    if word == "Sigma_e" and follows == "=":
        matrix = _MATRIX.match(text, after)
        if matrix is None and "[" not in text[after : _line_end(text, at)]:
            return _native(source, text, at, word)
        if matrix is None:
            raise source.error("expected: Sigma_e = [ ... ];", at)
        return Chunk(word, at, None, 0, text[after : matrix.end() - 1], after), matrix.end()
    if word in COMMANDS:
        end = _semicolon(source, text, after, word)
        return Chunk(word, at, None, 0, text[after:end], after), end + 1
    if word == "end" and follows == ";":
        raise source.error("syntax error at 'end': there is no block to close", at)
    return _native(source, text, at, word)


def _assignment(source: Source, text: str, at: int, word: str, declared: bool) -> tuple[Chunk, int]:
    """``name = value;``. Of what is not declared it is a line of Matlab's, which may end without a semicolon."""
    if not declared:
        line = _line_end(text, at)
        first = _STRING.sub("{", text[at:line]).split(";")
        if len(first) == 1 or any(c in first[0] for c in "[{@"):
            return Chunk("native", at, None, 0, text[at:line], at), line
    end = _semicolon(source, text, at, word)
    return Chunk("=", at, None, 0, text[at : end + 1], at), end + 1


def _line_end(text: str, at: int) -> int:
    """Where a line of Matlab's ends: not within brackets, nor where it goes on."""
    depth = 0
    for match in _LEXEME.finditer(text, at):
        depth += (match[0] in "([{") - (match[0] in ")]}")
        if match[0] == "\n" and depth <= 0:
            return match.start()
    return len(text)


def _follows(text: str, position: int) -> str:
    """The next character that is no blank ("==" counts as one)."""
    rest = text[position:].lstrip()
    return rest[:2] if rest.startswith("==") else rest[:1]


def _block(source: Source, text: str, at: int, word: str, after: int) -> tuple[Chunk, int]:
    opening = _semicolon(source, text, after, word)
    closing = next((m for m in _END.finditer(text, opening) if not _quoted(text, m.start())), None)
    if closing is None and word == "verbatim":
        return Chunk("native", at, None, 0, text[at:], at), len(text)
    if closing is None:
        raise source.error(f"the block '{word}' is not closed by 'end;'", at)
    if word in IGNORED_BLOCKS:
        keyword = "native" if word == "verbatim" else "skipped"
        return Chunk(keyword, at, None, 0, text[at : closing.end()], at), closing.end()
    header = text[after:opening]
    body = text[opening + 1 : closing.start()]
    return Chunk(word, at, header, after, body, opening + 1), closing.end()


def _quoted(text: str, position: int) -> bool:
    start = text.rfind("\n", 0, position) + 1
    return any(m.start() < position - start < m.end() for m in _STRING.finditer(text[start:position] + "'"))


def _semicolon(source: Source, text: str, position: int, word: str) -> int:
    """Offset of the `;` that ends the statement, outside quotes."""
    start = position
    while position < len(text):
        if text[position] == ";":
            return position
        quoted = _STRING.match(text, position)
        position = quoted.end() if quoted else position + 1
    last = start + len(text[start:].rstrip())
    raise source.error(
        f"syntax error at the end: the statement '{word}' is not ended by ';'", max(last - 1, 0)
    )


def _native(source: Source, text: str, at: int, word: str) -> tuple[Chunk, int]:
    """A line of Matlab code, or everything up to the `end` of an `if`, a loop and the like."""
    end = _line_end(text, at)
    if word in _FLOW:
        depth = brackets = 0
        for match in _LEXEME.finditer(text, at):
            lexeme = match[0]
            brackets = max(brackets + (lexeme in "([{") - (lexeme in ")]}"), 0)
            if brackets == 0:
                opens = lexeme in _FLOW or (lexeme in BLOCKS and _follows(text, match.end()) in (";", "("))
                depth += opens - (lexeme in _MATLAB_END)
            if depth == 0:
                end = match.end()
                break
        else:
            raise source.error(f"the Matlab statement '{word}' is not closed by 'end'", at)
    return Chunk("native", at, None, 0, text[at:end], at), end


def without_comments(source: Source) -> str:
    """The text with every comment blanked out, so that offsets stay what they were."""
    text, pieces, position = source.text, [], 0
    for match in _COMMENT.finditer(text):
        if match["comment"] is None and match["open"] is None:
            continue
        if match["open"] is not None:
            raise source.error("the comment is not closed by '*/'", match.start())
        pieces += [text[position : match.start()], re.sub(r"[^\n]", " ", match["comment"])]
        position = match.end()
    return "".join([*pieces, text[position:]])


# A quote begins a string unless it follows a name or a bracket, where it transposes a matrix.
_COMMENT = re.compile(
    r"(?<![\w)\]}.'])'(?:[^'\n]|'')*'|\"[^\"\n]*\"|\$[^$\n]*\$"
    r"|(?P<comment>//[^\n]*|^[ \t]*%\{[ \t]*$.*?^[ \t]*%\}[ \t]*$|%[^\n]*|/\*.*?\*/)|(?P<open>/\*)",
    re.DOTALL | re.MULTILINE,
)
