"""Every page of the documentation runs: its Python, and its estim commands.

In a page, a Python block with ``title="FILE"`` is written to that file, every other one is
executed, all in one namespace; a bash block's lines that begin with ``estim`` are run, an estimation shorter. A block
marked ``no-run`` is only shown. Each page runs in an empty folder of its own.
"""

import re
from pathlib import Path

import jax
import pytest

from estim.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHORTER = ["--set", "routes.mpmh.num_samples=400", "--set", "surrogate.settings.max_steps=500"]


def blocks(page: Path) -> list[tuple[str, str, str]]:
    return [b for b in BLOCK.findall(page.read_text()) if b[0] in ("python", "bash") and "no-run" not in b[1]]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # where a page that imports its own file finds it
    monkeypatch.setenv("MPLBACKEND", "agg")
    namespace: dict = {"__name__": "page"}
    for language, words, body in blocks(page):
        with jax.numpy_rank_promotion("allow"):  # as it is for a reader of the page
            if language == "bash":
                for line in body.splitlines():
                    if line.startswith("estim "):
                        arguments = line.split("#")[0].split()[1:]
                        assert main(arguments + SHORTER * (arguments[0] == "run")) == 0, line
            elif title := re.search(r'title="([^"]+)"', words):
                (tmp_path / title[1]).write_text(body)
            else:
                exec(compile(body, f"{page.name}: {body.splitlines()[0]}", "exec"), namespace)
