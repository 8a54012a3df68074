"""What MkDocs does not do by itself: formulas as MathML, which browsers draw without help; notebooks as pages; and
blocks that are not run."""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

_FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)
_FIRST = ["text/latex", "image/png", "text/html", "text/markdown", "text/plain"]
"""What is shown of an output that has several forms."""
_NOT_RUN = re.compile(r"^```(\w+) no-run", re.MULTILINE)


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Each notebook, with what its cells have printed and drawn when it was executed, becomes a page."""
    exporter = MarkdownExporter()
    exporter.config.NbConvertBase.display_data_priority = _FIRST
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        name = file.src_uri.removesuffix(".ipynb")
        key = name.rpartition("/")[2]
        text, found = exporter.from_filename(
            file.abs_src_path, {"unique_key": key, "output_files_dir": f"{key}_files"}
        )
        text = text.replace("![png](", "![what the cell above drew](")
        text = text.replace(
            ' border="1" class="dataframe"', ""
        )  # the theme lets tables without a class scroll
        files.append(File.generated(config, f"{name}.md", content=text))
        for output, content in found["outputs"].items():
            files.append(File.generated(config, f"{name.rpartition('/')[0]}/{output}", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called for each page: a block that the tests do not run is a block all the same."""
    return _NOT_RUN.sub(r"```\1", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Called by MkDocs for each page, whose formulas stand between ``\\(`` and ``\\)``, or ``\\[`` and ``\\]``."""
    return _FORMULA.sub(_mathml, html)


def _mathml(match: re.Match[str]) -> str:
    tag, text = match[1], unescape(match[2]).strip()
    inner = (
        text[2:-2].strip().replace("{aligned}", "{align*}")
    )  # the converter knows the one and not the other
    display = "block" if tag == "div" else "inline"
    formula = convert(inner, display=display)
    return f'<div class="formula">{formula}</div>' if tag == "div" else formula
