"""Matlab code in a `.mod` file: skipped with a warning, unless the model or its estimation depends on it."""

import re
from pathlib import Path

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.syntax import Statement

_PRIOR = re.compile(r"[\w.,() \[\]]+\.\s*(prior|options|subsamples)\s*\(")
_ASSIGNED = re.compile(
    r"(?<![\w.])([A-Za-z_]\w*)\s*(?:\([^()=]*\)\s*|\{[^{}=]*\}\s*)?(?:[-+*/^]?=(?!=)|\+\+|--)"
)
_SEVERAL = re.compile(r"\[([^\]=]*)\]\s*=(?!=)")
_LOOPS = re.compile(r"\b(?:for|parfor)\s*\(?\s*([A-Za-z_]\w*)\s*=")
_SETS = re.compile(
    r"\bM_\.|\bset_(?:param_value|shock_stderr_value|parameters|all_parameters)\b|\b(?:estim_params_|bayestopt_)\b"
    r"|\boo_\.(?:dr|steady|exo_steady|exo_det_steady)|\b(?:assignin|evalin|eval)\s*\("
)
_OPTION = re.compile(
    r"\boptions_\.(lik_init|diffuse_filter|kalman_algo|presample|prefilter|first_obs|nobs|datafile|dataset|loglinear"
    r"|logdata|order|linear|steadystate|prior_trunc|dsge_var|noconstant|xls_sheet|xls_range|homotopy_\w+|varobs"
    r"|trend_coeffs?|endogenous_prior\w*|heteroskedastic_filter|occbin|block|bytecode)\b[^=\n;]*=(?!=)"
)
_SWALLOWED = re.compile(
    r"[;,]\s*(model|shocks|initval|steady_state_model|estimated_params\w*|observation_trends|homotopy_setup|varobs"
    r"|varexo|var|parameters|estimation|stoch_simul|set_param_value)\b"
)
_SCRIPT = re.compile(r"\s*(?:run\s*\(?\s*['\"]?)?([A-Za-z_]\w*)(?:\.m)?['\"]?\s*\)?\s*[;,]?\s*")


def native(c: Contents, s: Statement) -> None:
    """Skip the statement with a warning that quotes it.

    Raises:
        UnsupportedError: it states a prior.
        ModFileError: it sets a parameter, a variable or a shock, changes the model's or the estimation's settings,
            or runs a script that may do so.
    """
    text, *error = s.items
    if found := _PRIOR.match(text):
        raise c.source.unsupported(f"a prior outside 'estimated_params' ('{found[0]}...)')", s.at)
    code = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "''", text)
    assigned = [*_ASSIGNED.findall(code), *_LOOPS.findall(code)]
    assigned += [name for names in _SEVERAL.findall(code) for name in re.findall(r"[A-Za-z_]\w*", names)]
    touched = [f"'{name}'" for name in dict.fromkeys(assigned) if c.role(name)]
    if touched and error:
        raise error[0]
    reason = f"it sets {', '.join(touched)}" if touched else _reason(c, s, code)
    if reason:
        raise c.source.error(f"Matlab code cannot be run, and the model depends on it: {reason}", s.at)
    for name in assigned:
        c.values.pop(name, None)
        c.skipped[name] = s.at
    c.warn(f"skipped: {' '.join(text.split())[:120]}", s.at)


def _reason(c: Contents, s: Statement, code: str) -> str:
    """How the code changes what is read here, or nothing."""
    if found := _OPTION.search(code):
        return f"it sets 'options_.{found[1]}'; write it as an option of the command that it is one of"
    if _SETS.search(code):
        return "it changes the model"
    if found := _SWALLOWED.search(code.split("\n")[0]):
        return f"'{found[1]}' stands in one line with it; put it into a line of its own"
    script = _SCRIPT.fullmatch(s.items[0])
    if script and (Path(c.source.locate(s.at).path).parent / f"{script[1]}.m").is_file():
        return f"{script[1]}.m is a script that may set anything; give the values here"
    return ""
