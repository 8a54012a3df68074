"""Solve every `.mod` file of a folder to first order by Dynare under Octave, and keep its decision rules.

    python experiments/dynare_solutions.py FOLDER SOLUTIONS [--dynare /usr/lib/dynare/matlab]
        [--seconds 100] [--only PART]

`dynare_corpora.py FOLDER --against SOLUTIONS` reads what is kept. Each file is worked on in a copy of the folder. Its
macros are expanded first; then its commands alone are changed: `stoch_simul` becomes one of first order that draws
nothing, and what is kept is written after each; where the file has none, the first command that computes (an
estimation, perfect foresight, ...) takes its place, or the end of the file. Estimation, perfect foresight with its
`endval`, smoothing, forecasts and tables are left out. A steady state is asked for to 1e-12, and to Dynare's own
tolerance where it does not get so far. A line a file: what became of it, and the time.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

MODEL = re.compile(r"^\s*model\s*(\([^;]*\))?\s*;", re.MULTILINE | re.IGNORECASE)
COMMENT = re.compile(
    r"//[^\n]*|%\{.*?%\}|%[^\n]*|/\*.*?\*/|(?P<text>\"[^\"\n]*\"|(?<![\w)\]}.'])'(?:[^'\n]|'')*')", re.DOTALL
)
STOCH_SIMUL = re.compile(r"(?<![\w.=])(?<!= )stoch_simul\s*(?P<options>\([^;]*?\))?[\w\s,]*;", re.DOTALL)


def words(text: str) -> list[str]:
    return text.split()


COMPUTES = words(
    """estimation simul perfect_foresight_setup extended_path osr identification dynare_sensitivity
    conditional_forecast calib_smoother method_of_moments forecast shock_decomposition"""
)
LEFT_OUT = words(
    """perfect_foresight_solver realtime_shock_decomposition plot_shock_decomposition plot_conditional_forecast
    perfect_foresight_with_expectation_errors_setup perfect_foresight_with_expectation_errors_solver
    initial_condition_decomposition squeeze_shock_decomposition bvar_density bvar_forecast ms_estimation ms_simulation
    ms_compute_mdd ms_compute_probabilities ms_irf ms_forecast ms_variance_decomposition sbvar svar markov_switching
    occbin_setup occbin_solver occbin_graph rplot dsample dynatype dynasave model_comparison smoother2histval check
    write_latex_\\w+ collect_latex_files evaluate_planner_objective unit_root_vars model_diagnostics prior_function
    posterior_function save_params_and_steady_state"""
)
OTHER = re.compile(
    rf"(?<![\w.])(?P<word>{'|'.join(COMPUTES + LEFT_OUT)})\b[ \t]*(?P<options>\([^;]*\))?[^;=()\n]*;",
    re.DOTALL,
)
ENDVAL = re.compile(r"(?<![\w.])endval\b[^;]*;.*?\bend\s*;", re.DOTALL)
OPTIONS = re.compile(r"(?<![\w.])model\s*\((?P<options>[^;]*)\)\s*;")
RAMSEY = re.compile(r"(?<![\w.])ramsey_policy\s*(?P<options>\([^;]*?\))?[^;]*;", re.DOTALL)
IDLE = words(
    """figure plot subplot print saveas hold axis legend title xlabel ylabel pause input keyboard close bar surf mesh
    drawnow savefig clf grid annotation xlim ylim"""
)

KEEP = """function keep_solution()
 global oo_ M_ options_ kept_count kept_as
 if isempty(kept_count), kept_count = 0; end
 if kept_count >= 200 || ~isfield(oo_.dr, 'ghx') || isempty(oo_.dr.ghu), return; end
 if any(size(oo_.dr.ghu) ~= [M_.endo_nbr M_.exo_nbr]), return; end
 kept_count = kept_count + 1;
 r = struct(); r.ghx = full(oo_.dr.ghx); r.ghu = full(oo_.dr.ghu); r.order_var = oo_.dr.order_var; r.ys = oo_.dr.ys;
 r.nstatic = M_.nstatic; r.nspred = M_.nspred; r.orig_endo_nbr = M_.orig_endo_nbr; r.Sigma_e = M_.Sigma_e;
 r.endo_names = char(M_.endo_names); r.exo_names = char(M_.exo_names); r.loglinear = double(options_.loglinear);
 if isfield(oo_.dr, 'eigval'), r.eigval = oo_.dr.eigval; end
 save('-v7', sprintf('%s.%d.mat', kept_as, kept_count), '-struct', 'r');
end
"""


def solving(tolerance: str, options: str | None) -> str:
    """The command that solves, and the one that keeps; each in a line of its own, as Matlab code must be."""
    kept = "".join(
        f",{o}" for o in ("loglinear", "partial_information") if re.search(rf"\b{o}\b", options or "")
    )
    quiet = "nograph,noprint,nocorr,nofunctions,nodecomposition,irf=0"
    return f"\noptions_.solve_tolf={tolerance};\nstoch_simul(order=1,{quiet}{kept});\nkeep_solution;\n"


def only_solved(text: str, tolerance: str) -> str:
    """The file with other commands."""
    text = COMMENT.sub(lambda m: m[0] if m["text"] else "\n" * m[0].count("\n"), text)
    text = ENDVAL.sub("", text)
    text = OPTIONS.sub(lambda m: f"model({','.join(_but_in_blocks(m['options']))});", text).replace(
        "model();", "model;"
    )
    text = RAMSEY.sub(lambda m: f"ramsey_model{_planner(m['options'])};\n" + solving(tolerance, None), text)
    found = STOCH_SIMUL.search(text) or "keep_solution" in text
    text = STOCH_SIMUL.sub(lambda m: solving(tolerance, m["options"]), text)
    waiting = [not found]

    def other(match: re.Match) -> str:
        if waiting[0] and match["word"] in COMPUTES:
            waiting[0] = False
            return solving(tolerance, match["options"])
        return ""

    text = OTHER.sub(other, text)
    return text + solving(tolerance, None) if waiting[0] else text


def _but_in_blocks(options: str) -> list[str]:
    """The model's options but those by which Dynare solves it in blocks, whose rules have another order."""
    return [
        o for o in options.split(",") if o.split("=")[0].strip() not in ("block", "bytecode", "cutoff", "mfs")
    ]


def _planner(options: str | None) -> str:
    words = r"\b(?:planner_discount|instruments)\s*=\s*(?:\([^()]*\)|[^,()]+)"
    found = re.findall(words, options or "")
    return f"({','.join(found)})" if found else ""


def solve(file: Path, original: Path, kept_as: Path, tools: Path, arguments: argparse.Namespace) -> str:
    """Run Dynare on a file of the copy; "solved", or what it said last."""
    expanded = file.with_name("expanded_by_macros.mod")
    expand = ["dynare-preprocessor", file.name, "onlymacro", f"savemacro={expanded.name}", "nostrict"]
    subprocess.run(expand, cwd=file.parent, capture_output=True, timeout=arguments.seconds)
    if not expanded.exists():
        return "its macros cannot be expanded"
    text = expanded.read_text(errors="replace")
    expanded.unlink()
    (script := file.with_suffix(".m")).unlink(
        missing_ok=True
    )  # of an older Dynare, and in the way of this one
    said = ""
    for tolerance in ("1e-12", "eps^(1/3)"):
        file.write_text(only_solved(text, tolerance))
        code = (
            f"addpath {arguments.dynare}; warning('off', 'all'); global kept_as; kept_as = '{kept_as}'; "
            f"addpath('{tools}'); dynare {file.name} nostrict noclearall nolog nointeractive console"
        )
        command = ["octave-cli", "--no-history", "--eval", code]
        try:
            run = subprocess.run(
                command,
                cwd=file.parent,
                capture_output=True,
                timeout=arguments.seconds,
                stdin=subprocess.DEVNULL,
            )
            said = (run.stdout + run.stderr).decode(errors="replace")
        except subprocess.TimeoutExpired:
            said = "time is up"
        if any(kept_as.parent.glob(f"{glob_of(kept_as.name)}.[0-9]*.mat")):
            said = "solved"
        if said == "solved" or not re.search("steady|residual|impossible", said, re.IGNORECASE):
            break
    shutil.copy(original, file)
    if (old := original.with_suffix(".m")).exists():
        shutil.copy(old, script)
    return said if said == "solved" else " ".join(said[-200:].split())


def glob_of(name: str) -> str:
    return re.sub(r"([\[\]?*])", r"[\1]", name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("solutions", type=Path)
    parser.add_argument("--dynare", default="/usr/lib/dynare/matlab")
    parser.add_argument("--seconds", type=int, default=100)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    solutions = arguments.solutions.resolve()
    solutions.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        copy, tools = Path(scratch) / "corpus", Path(scratch) / "tools"
        shutil.copytree(arguments.folder, copy)
        tools.mkdir()
        (tools / "keep_solution.m").write_text(KEEP)
        for name in IDLE:
            code = f"function varargout = {name}(varargin)\n varargout = num2cell(ones(1, max(nargout, 0)));\nend\n"
            (tools / f"{name}.m").write_text(code)
        count = 0
        files = sorted(
            p for p in arguments.folder.rglob("*.mod") if MODEL.search(p.read_text(errors="replace"))
        )
        for original in (p for p in files if arguments.only in str(p)):
            below, begun = original.relative_to(arguments.folder), time.perf_counter()
            kept_as = solutions / str(below.with_suffix("")).replace("/", "+")
            said = solve(copy / below, original, kept_as, tools, arguments)
            count += said == "solved"
            print(f"{time.perf_counter() - begun:6.1f} s  {below}  {said}", flush=True)
        print(f"{count} of {len(files)} solved")


if __name__ == "__main__":
    main()
