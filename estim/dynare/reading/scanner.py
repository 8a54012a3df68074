"""Cutting the text of a `.mod` file into statements and blocks, before any grammar is applied.

A statement of Dynare's language ends at its `;`, a block at its `end;`. What begins with any
other word is native Matlab code: a line of it, or all of an `if ... end` or `for ... end`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from estim.dynare.reading.source import Source

BLOCKS = {
    *("model", "steady_state_model", "initval", "shocks", "observation_trends", "homotopy_setup"),
    "occbin_constraints",
    *("estimated_params", "estimated_params_init", "estimated_params_bounds"),
}

COMMANDS = {
    *("var", "varexo", "varexo_det", "parameters", "predetermined_variables", "varobs"),
    *(
        "steady",
        "check",
        "stoch_simul",
        "estimation",
        "data",
        "set_dynare_seed",
        "model_diagnostics",
        "resid",
    ),
    *("write_latex_dynamic_model", "write_latex_static_model", "write_latex_original_model"),
    *("write_latex_steady_state_model", "write_latex_definitions", "write_latex_parameter_table"),
    *("write_latex_prior_table", "model_info", "identification", "dynare_sensitivity"),
    *("shock_decomposition", "realtime_shock_decomposition", "plot_shock_decomposition"),
    *("initial_condition_decomposition", "squeeze_shock_decomposition"),
    *("forecast", "conditional_forecast", "plot_conditional_forecast", "calib_smoother", "smoother2histval"),
    *("model_comparison", "rplot", "dynatype", "dynasave", "save_params_and_steady_state"),
    *(
        "unit_root_vars",
        "dsample",
        "prior_function",
        "posterior_function",
        "generate_irfs",
        "collect_latex_files",
    ),
    *("set_param_value", "set_shock_stderr_value"),
    *("occbin_setup", "occbin_solver", "occbin_graph", "occbin_write_regimes"),
}

IGNORED_BLOCKS = {
    *(
        "verbatim",
        "histval",
        "shock_groups",
        "conditional_forecast_paths",
        "init2shocks",
    ),
    *("irf_calibration", "moment_calibration", "osr_params_bounds"),
}

UNSUPPORTED_BLOCKS = {
    "endval": "a perfect-foresight simulation ('endval')",
    "mshocks": "a perfect-foresight simulation ('mshocks')",
    "heteroskedastic_shocks": "'heteroskedastic_shocks'",
    "ramsey_constraints": "optimal policy ('ramsey_constraints')",
    "optim_weights": "optimal policy ('optim_weights')",
    "matched_moments": "the method of moments ('matched_moments')",
    "epilogue": "'epilogue'",
    "filter_initial_state": "a given initial state of the filter ('filter_initial_state')",
    "estimated_params_remove": "'estimated_params_remove'",
    "pac_target_info": "a semi-structural model ('pac_target_info')",
    "svar_identification": "'svar_identification'",
}

UNSUPPORTED_COMMANDS = {
    **dict.fromkeys(
        ("simul", "perfect_foresight_setup", "perfect_foresight_solver", "extended_path", "periods"),
        "a perfect-foresight simulation",
    ),
    **dict.fromkeys(
        ("planner_objective", "ramsey_model", "ramsey_policy", "discretionary_policy", "osr", "osr_params"),
        "optimal policy",
    ),
    "evaluate_planner_objective": "optimal policy",
    **dict.fromkeys(
        ("markov_switching", "svar", "sbvar", "ms_sbvar", "ms_estimation", "ms_simulation", "ms_compute_mdd"),
        "a Markov-switching VAR",
    ),
    **dict.fromkeys(
        ("ms_compute_probabilities", "ms_irf", "ms_forecast", "ms_variance_decomposition"),
        "a Markov-switching VAR",
    ),
    **dict.fromkeys(("bvar_density", "bvar_forecast", "bvar_irf"), "a Bayesian VAR"),
    **dict.fromkeys(("trend_var", "log_trend_var"), "automatic detrending"),
    **dict.fromkeys(
        ("var_model", "trend_component_model", "var_expectation_model", "pac_model"),
        "a semi-structural model",
    ),
    "method_of_moments": "the method of moments",
    "external_function": "an external Matlab function",
    "change_type": "changing the type of a symbol",
    "var_remove": "removing a variable",
    "model_replace": "replacing equations",
    "model_remove": "removing equations",
    "model_options": "'model_options'",
    "initval_file": "reading initial values from a file",
    "load_params_and_steady_state": "reading parameters from a file",
    "histval_file": "reading initial values from a file",
}

_WORD = re.compile(r"[A-Za-z_]\w*")
_STRING = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|\$[^$\n]*\$")
_FLOW = {"if", "for", "while", "switch", "try", "parfor", "function"}
_MATLAB_LINE = re.compile(r"(?:[^\n]*\.\.\.[^\n]*\n)*[^\n]*")  # with the lines it continues on
_MATRIX = re.compile(r"\s*=\s*\[[^\]]*\]\s*;")
_END = re.compile(r"\bend\s*;")


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
        UnsupportedError: a statement or block that estim does not know how to follow.
    """
    text = without_comments(source)
    position = 0
    while (position := _skip(text, position)) < len(text):
        chunk, position = _next(source, text, position)
        yield chunk


def _skip(text: str, position: int) -> int:
    while position < len(text) and (text[position].isspace() or text[position] in ";"):
        position += 1
    return position


def _next(source: Source, text: str, at: int) -> tuple[Chunk, int]:
    match = _WORD.match(text, at)
    word = match[0] if match else ""
    after = match.end() if match else at
    if word in BLOCKS | IGNORED_BLOCKS | set(UNSUPPORTED_BLOCKS):
        if word in UNSUPPORTED_BLOCKS:
            raise source.unsupported(UNSUPPORTED_BLOCKS[word], at)
        return _block(source, text, at, word, after)
    if word in UNSUPPORTED_COMMANDS and _follows(text, after) not in ("=", "."):
        raise source.unsupported(f"{UNSUPPORTED_COMMANDS[word]} ('{word}')", at)
    if word == "Sigma_e" and _follows(text, after) == "=":
        matrix = _MATRIX.match(text, after)
        if matrix is None:
            raise source.error("expected: Sigma_e = [ ... ];", at)
        return Chunk(word, at, None, 0, text[after : matrix.end() - 1], after), matrix.end()
    if word in COMMANDS:
        end = _semicolon(source, text, after, word)
        return Chunk(word, at, None, 0, text[after:end], after), end + 1
    if word and _follows(text, after) == "=":
        end = _semicolon(source, text, after, word)
        return Chunk("=", at, None, 0, text[at : end + 1], at), end + 1
    if word == "end" and _follows(text, after) == ";":
        raise source.error("syntax error at 'end': there is no block to close", at)
    return _native(source, text, at, word)


def _follows(text: str, position: int) -> str:
    """The next character that is no blank ("==" counts as one)."""
    rest = text[position:].lstrip()
    return rest[:2] if rest.startswith("==") else rest[:1]


def _block(source: Source, text: str, at: int, word: str, after: int) -> tuple[Chunk, int]:
    opening = _semicolon(source, text, after, word)
    closing = next((m for m in _END.finditer(text, opening) if not _quoted(text, m.start())), None)
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
    line = _MATLAB_LINE.match(text, at)
    end = line.end() if line else len(text)
    if word in _FLOW:
        depth = 0
        for match in _WORD.finditer(text, at):
            depth += (match[0] in _FLOW) - (match[0] in ("end", "endif", "endfor", "endwhile", "endfunction"))
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
    r"(?<![\w)\]}.'])'[^'\n]*'|\"[^\"\n]*\"|\$[^$\n]*\$"
    r"|(?P<comment>//[^\n]*|^[ \t]*%\{[ \t]*$.*?^[ \t]*%\}[ \t]*$|%[^\n]*|/\*.*?\*/)|(?P<open>/\*)",
    re.DOTALL | re.MULTILINE,
)
