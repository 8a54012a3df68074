"""The site as people see it, opened from the disk in a headless browser: wide and narrow, light and dark."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urldefrag, urlparse

import pytest
from webdriver import CHROMIUM, DRIVER, browser

ROOT = Path(__file__).parent.parent
MKDOCS = shutil.which("mkdocs", path=str(Path(sys.executable).parent)) or shutil.which("mkdocs")
pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"),
    pytest.mark.skipif(not MKDOCS, reason="mkdocs is not installed: pip install estim[docs]"),
]

LOOK = """
return {
  text: document.querySelector("article").innerText,
  width: document.documentElement.scrollWidth,
  window: window.innerWidth,
  links: [...document.querySelectorAll("article a[href], nav a[href]")].map(a => a.href),
  ids: [...document.querySelectorAll("[id]")].map(e => e.id),
  images: [...document.images].filter(i => !i.complete || i.naturalWidth == 0).map(i => i.src),
  unnamed: [...document.querySelectorAll("article img")].filter(i => !i.alt).map(i => i.src),
  elsewhere: performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("file:")),
  formulas: document.querySelectorAll("math").length,
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([MKDOCS, "build", "--strict", "--quiet", "--site-dir", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def window():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def seen(site, window):
    """What every page shows, by (page, width, dark)."""
    found = {}
    for page in sorted(site.rglob("*.html")):
        name = str(page.relative_to(site))
        if name == "404.html":
            continue
        for width in (1280, 390):
            for dark in (False, True):
                window.resize(width, dark)
                window.open(page.as_uri())
                found[name, width, dark] = window.run(LOOK) | {"errors": window.errors()}
    return found


def test_pages_are_there(seen):
    assert len(seen) > 80


def test_formulas_are_drawn(seen):
    assert not {page for (page, *_), look in seen.items() if re.search(r"\\[(\[]|\$\$", look["text"])}
    assert seen["methods/particle_filter.html", 390, True]["formulas"] > 10


def test_the_console_is_silent(seen):
    assert not {case: look["errors"] for case, look in seen.items() if look["errors"]}


def test_nothing_is_loaded_from_elsewhere(seen):
    assert not {case: look["elsewhere"] for case, look in seen.items() if look["elsewhere"]}


def test_the_page_never_scrolls_sideways(seen):
    assert not {case: look["width"] for case, look in seen.items() if look["width"] > look["window"]}


def test_images_are_there_and_say_what_they_show(seen):
    assert not {case: look for case, look in seen.items() if look["images"] or look["unnamed"]}


def test_no_link_is_dead(seen, site):
    ids = {page: set(look["ids"]) for (page, *_), look in seen.items()}
    dead = set()
    for (page, *_), look in seen.items():
        for link in look["links"]:
            address, fragment = urldefrag(link)
            if not address.startswith("file:"):
                continue
            file = Path(urlparse(address).path)
            target = str(file.relative_to(site)) if file.is_relative_to(site) else ""
            if not file.exists() or (fragment and fragment not in ids.get(target, {fragment})):
                dead.add((page, link))
    assert not dead


def test_search_finds_forecast(site):
    """What the search is built from; the box itself needs a second and a keyboard."""
    index = next(site.glob("search/search_index.js*")).read_text()
    assert "forecast with bands" in index.lower()
