"""Every page of the documentation runs, see ``pages.py``; each in an empty folder of its own."""

import pytest
from conftest import make_room
from pages import DOCS, ROOT, blocks, run_page

JOURNEYS = DOCS / "journeys"  # whose files and numbers are looked at in tests/journeys
PAGES = [ROOT / "README.md", *(p for p in sorted(DOCS.rglob("*.md")) if p.parent != JOURNEYS)]


@pytest.fixture(autouse=True)
def every_page_finds_room():
    """A page compiles as much as a file of tests."""
    yield
    make_room()


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_page_runs(page, tmp_path, monkeypatch):
    run_page(page, tmp_path, monkeypatch)
