"""Every page of the documentation runs, see ``pages.py``; each in an empty folder of its own."""

import re

import pytest
from conftest import make_room
from pages import DOCS, ROOT, blocks, run_page

from estim.models import list_models

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


def test_every_model_has_its_card():
    """On the page of the gallery: how it is loaded, and a picture that is there and says what it shows."""
    cards = (DOCS / "gallery.md").read_text().split("<div markdown>")[1:]
    shown = {}
    for card in cards:
        title, picture = re.search(r"!\[(.+)\]\((gallery/.+\.png)\)", card).groups()
        assert (DOCS / picture).read_bytes().startswith(b"\x89PNG") and title
        shown[re.search(r'`estim\.load_model\("(\w+)"\)`', card)[1]] = picture
    assert sorted(shown) == list_models() and len(set(shown.values())) == len(shown)
