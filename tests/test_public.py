"""What is public: each name says what it takes, gives back and raises; pages import nothing deeper."""

import inspect
import re
from pathlib import Path

import pytest

import estim

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DEEP = re.compile(r"^(?:from|import) (estim\.[a-z_.]+)", re.MULTILINE)
FOR_DEVELOPERS = ROOT / "docs" / "developer.md"
FUNCTIONS = sorted(n for n in estim.__all__ if inspect.isroutine(getattr(estim, n)))


def source_of(function) -> str:
    return inspect.getsource(inspect.unwrap(function))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_and_gives(name):
    function = getattr(estim, name)
    doc = inspect.getdoc(function) or ""
    parameters = [p for p in inspect.signature(function).parameters if p != "self"]
    assert not parameters or "Args:" in doc, f"{name}: no Args"
    absent = [
        p
        for p in parameters
        if not re.search(rf"^\s+(?:[\w, *]+, )?\*{{0,2}}{p}\b[\w, *]*:", doc, re.MULTILINE)
    ]
    assert not absent, f"{name}: nothing is said of {absent}"
    assert "Returns:" in doc, f"{name}: no Returns"
    if re.search(r"^\s+raise ", source_of(function), re.MULTILINE):
        assert "Raises:" in doc, f"{name}: no Raises"


@pytest.mark.parametrize("name", sorted(set(estim.__all__) - set(FUNCTIONS)))
def test_a_class_or_module_says_what_it_is(name):
    assert len(inspect.getdoc(getattr(estim, name)) or "") > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_import_from_the_root(page):
    if page != FOR_DEVELOPERS:
        assert not DEEP.findall(page.read_text())


def test_files_of_the_gallery_by_name():
    assert estim.models.furfine_2003.model is estim.load_model("furfine_2003")
    with pytest.raises(AttributeError, match=r"the gallery, estim\.models, has no 'nobody_1999'"):
        _ = estim.models.nobody_1999
