"""``python tools/draw_pages.py PAGE ...`` runs pages of docs/ and keeps the figures that they save and show."""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"!\[[^\]]*\]\(([\w-]+\.png)\)")


def draw(page: Path) -> list[str]:
    """Names of the figures that were drawn anew."""
    text, namespace, home = page.read_text(), {"__name__": "page"}, Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for block in BLOCK.findall(text):
                exec(compile(block, f"{page.name}: {block.splitlines()[0]}", "exec"), namespace)
        finally:
            os.chdir(home)
        drawn = [name for name in SHOWN.findall(text) if (Path(folder) / name).exists()]
        for name in drawn:
            shutil.copy(Path(folder) / name, page.parent / name)
    return drawn


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"
    for argument in sys.argv[1:]:
        print(argument, *draw(Path(argument).resolve()))
