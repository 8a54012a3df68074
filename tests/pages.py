"""Pages of the documentation, run as a reader would: their Python, their files and their estim commands.

In a page, a block with ``title="FILE"`` is written to that file; every other Python block is executed, all in one
namespace; a bash block's lines that begin with ``estim`` are run. Estimations are shorter here than the pages say,
see `QUICK` and `FEWER`. A block marked ``no-run`` is only shown.
"""

import re
from functools import wraps
from inspect import signature
from pathlib import Path

import jax

import estim
from estim import analysis
from estim.cli import main
from estim.experiment.settings import PRESETS, Route, SurrogateRoute
from estim.samplers import mode

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
QUICK = {
    "num_starts": 1,
    "routes": {"rwmh": Route("rwmh", num_samples=400, num_warmup=100)},
    "surrogate": SurrogateRoute(
        train_on=("rwmh",), num_samples=20, num_warmup=200, num_certificate=400, settings={"max_steps": 300}
    ),
}
"""What ``preset=quick`` stands for here: the route that is compiled soonest, and a brief surrogate."""
FEWER = {
    estim: {
        "sample": {"num_samples": 100, "num_warmup": 100, "num_mutations": 4},
        "sample_surrogate": {"num_samples": 50, "num_warmup": 400},
        "certify": {"num_evaluations": 400},
        "refine": {"num_evaluations": 500},
    },
    mode: {"find_mode": {"num_starts": 2}},  # where `sample` looks for it
    analysis: {"bridge_sampling": {"num_proposals": 250}, "prior_mass": {"num_draws": 250}},
}
"""What a page's own calls may ask for at the most."""


def at_most(function, most):
    """`function`, with arguments that are `most` where a call, or a default, asks for more."""
    defaults = {name: parameter.default for name, parameter in signature(function).parameters.items()}

    @wraps(function)
    def with_less(*args, **kwargs):
        asked = defaults | kwargs
        less = {name: min(asked[name] or n, n) for name, n in most.items() if name in asked}
        return function(*args, **kwargs | less)

    return with_less


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, words beside it, and text of the blocks that are not only shown."""
    found = BLOCK.findall(page.read_text())
    return [b for b in found if (b[0] in ("python", "bash") or TITLE.search(b[1])) and "no-run" not in b[1]]


def run_page(page: Path, folder: Path, monkeypatch) -> dict:
    """The namespace of a page that was run in an empty folder."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)  # where a page that imports its own file finds it
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setitem(PRESETS, "quick", QUICK)
    for module, functions in FEWER.items():
        for name, most in functions.items():
            monkeypatch.setattr(module, name, at_most(getattr(module, name), most))
    namespace: dict = {"__name__": "page"}
    for language, words, body in blocks(page):
        with jax.numpy_rank_promotion("allow"):  # as it is for a reader of the page
            if language == "bash":
                for line in body.splitlines():
                    if line.startswith("estim "):
                        arguments = line.split("#")[0].split()[1:]
                        assert main(arguments) == 0, line
            elif title := TITLE.search(words):
                (folder / title[1]).write_text(body)
            else:
                exec(compile(body, f"{page.name}: {body.splitlines()[0]}", "exec"), namespace)
    return namespace
