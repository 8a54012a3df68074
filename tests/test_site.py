"""The site and a report as people see them, from disk in a headless browser: wide, narrow, dark, on paper."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from made_up_runs import write_run
from webdriver import CHROMIUM, browser

from estim.results.report import write_report

ROOT = Path(__file__).parent.parent
MKDOCS = shutil.which("mkdocs", path=str(Path(sys.executable).parent)) or shutil.which("mkdocs")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")

LOOK = """
const right = e => e.getBoundingClientRect().right;
return {
  text: document.querySelector("article, main").innerText,
  width: document.documentElement.scrollWidth,
  window: window.innerWidth,
  links: [...document.querySelectorAll("article a[href], nav a[href]")].map(a => a.href),
  ids: [...document.querySelectorAll("[id]")].map(e => e.id),
  images: [...document.images].filter(i => !i.complete || i.naturalWidth == 0).map(i => i.src),
  unnamed: [...document.querySelectorAll("article img")].filter(i => !i.alt).map(i => i.src),
  elsewhere: performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("file:")),
  raw: [...document.querySelectorAll("article :not(pre) > code")].map(e => e.textContent)
    .filter(t => /\\btitle=["']|^\\w+ no-run|^(import|from) \\w|\\n(import|from) \\w/.test(t)),
  dollars: [...document.querySelectorAll("article p, article li, article td")].map(e => {
    const words = e.cloneNode(true);
    words.querySelectorAll("code, pre").forEach(c => c.remove());
    return words.textContent;
  }).filter(t => t.includes("$")),
  formulas: document.querySelectorAll("math").length,
  unread: [...document.querySelectorAll("math mi")].map(e => e.textContent).filter(t => t == "&" || t[0] == "\\\\"),
  heads: [...document.querySelectorAll("thead th")].map(e => e.innerText),
  beyond: [...document.querySelectorAll("th, td, svg")].filter(e => right(e) > innerWidth + 1).map(e => e.innerText),
  ink: getComputedStyle(document.querySelector("article, main")).color,
}"""
SEARCH = """
document.querySelector("[data-md-toggle=search]").click();
const box = document.querySelector("[data-md-component=search-query]");
box.focus();
box.value = "forecast";
box.dispatchEvent(new KeyboardEvent("keyup", {key: "t", bubbles: true}));
"""


@pytest.fixture(scope="module")
def window():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not MKDOCS:
        pytest.skip("mkdocs is not installed: pip install estim[docs]")
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([MKDOCS, "build", "--strict", "--quiet", "--site-dir", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Of four routes, one of whose parameters has a long name in words."""
    run = write_run(tmp_path_factory.mktemp("report") / "run")
    model = run.read_json("model.json")
    labels = {"kappa": "slope of the Phillips curve, which firms' prices make", "e": "technology"}
    run.write_json("model.json", model | {"labels": labels, "symbols": {"kappa": r"\kappa"}})
    return write_report(run)


def looks(window, pages):
    """What each page shows, by (page, width, dark)."""
    found = {}
    for name, page in pages.items():
        for width in (1280, 390):
            for dark in (False, True):
                window.resize(width, dark)
                window.open(page.as_uri())
                found[name, width, dark] = window.run(LOOK) | {"errors": window.errors()}
    return found


@pytest.fixture(scope="module")
def seen(site, window):
    pages = {str(page.relative_to(site)): page for page in sorted(site.rglob("*.html"))}
    pages.pop("404.html")
    return looks(window, pages)


@pytest.fixture(scope="module")
def seen_report(report, window):
    return looks(window, {"report": report})


@pytest.fixture(params=["seen", "seen_report"])
def either(request):
    return request.getfixturevalue(request.param)


def test_pages_are_there(seen):
    assert len(seen) > 200


def test_formulas_are_drawn(seen):
    assert not {page for (page, *_), look in seen.items() if re.search(r"\\[(\[]|\$\$", look["text"])}
    assert not {page for (page, *_), look in seen.items() if look["unread"]}
    assert not {page: look["dollars"] for (page, *_), look in seen.items() if look["dollars"]}
    assert seen["methods/particle_filter.html", 390, True]["formulas"] > 10


def test_no_block_is_drawn_as_text(seen):
    """A fence whose first line is not understood becomes a word in a sentence."""
    assert not {page: look["raw"] for (page, *_), look in seen.items() if look["raw"]}


def test_the_console_is_silent(either):
    assert not {case: look["errors"] for case, look in either.items() if look["errors"]}


def test_nothing_is_loaded_from_elsewhere(either):
    assert not {case: look["elsewhere"] for case, look in either.items() if look["elsewhere"]}


def test_the_page_never_scrolls_sideways(either):
    assert not {case: look["width"] for case, look in either.items() if look["width"] > look["window"]}


def test_dark_is_another_ink(either):
    assert len({look["ink"] for (_, _, dark), look in either.items() if dark}) == 1
    assert len({look["ink"] for look in either.values()}) == 2


def test_images_are_there_and_say_what_they_show(either):
    assert not {case: look for case, look in either.items() if look["images"] or look["unnamed"]}


def test_no_link_is_dead(seen, site):
    ids = {page: set(look["ids"]) for (page, *_), look in seen.items()}
    dead = set()
    for (page, *_), look in seen.items():
        for link in look["links"]:
            address, fragment = urldefrag(link)
            if not address.startswith("file:"):
                continue
            file = Path(unquote(urlparse(address).path))
            target = str(file.relative_to(site)) if file.is_relative_to(site) else ""
            if not file.exists() or (
                fragment and unquote(fragment) not in ids.get(target, {unquote(fragment)})
            ):
                dead.add((page, link))
    assert not dead


def test_search_finds_forecast_without_a_server(site, window):
    window.resize(1280, False)
    window.open((site / "index.html").as_uri())
    window.run(SEARCH)
    assert window.until('document.querySelector(".md-search-result__item a")')
    found = window.run('return [...document.querySelectorAll(".md-search-result__item a")].map(a => a.href)')
    assert any(link.partition("#")[0].endswith("forecast_with_bands.html") for link in found)
    assert not window.errors()


def test_links_within_a_report(seen_report):
    for look in seen_report.values():
        fragments = {urldefrag(link).fragment for link in look["links"]}
        assert fragments and fragments <= set(look["ids"])


def test_a_report_on_paper_loses_no_column(report, window):
    """At the width between the margins of A4, with the style of paper, whatever the screen is."""
    window.resize(718, True)
    window.call("Emulation.setEmulatedMedia", media="print", features=[])
    window.open(report.as_uri())
    look = window.run(LOOK)
    window.call("Emulation.setEmulatedMedia", media="", features=[])
    assert not look["beyond"] and look["width"] <= look["window"]
    assert {"R-hat", "ESS bulk", "ESS/s", "90 % interval"} <= set(look["heads"])
    pages = len(re.findall(rb"/Type\s*/Page\b", window.print()))
    assert 4 <= pages <= 20
