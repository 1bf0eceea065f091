"""The page, served for tests and driven in a real Chromium; screenshots are left in tests/artifacts."""

import shutil
import socket
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from files_made import LIMES, OAK, TOWN, make_pdf

from rag.settings import Settings

SHOTS = Path(__file__).parent / "artifacts"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WINDOW = {"width": 1440, "height": 900}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = """---
title: "<img src=x onerror=window.hurt=1> {{title}} ${1}"
author: "<script>window.hurt=1</script>"
url: "javascript:window.hurt=1"
---

The <script>window.hurt=1</script> gate of Varn {{ opens }} at ${seven} in the morning &amp; closes at noon.

![picture](http://outside.example/p.png) and [a link](javascript:window.hurt=1) stand in the second paragraph.
"""
DIGEST = """---
title: The year in Ostwick
author: Mara Lind
date: 2021-12-30
---

A quiet year ends on the coast.

Ostwick opened its new harbour in June 2021. Nobody had expected it before the winter.
"""
CHRONICLE = "\n\n".join(
    ["The mill of Harrow", *[f"In the year {1800 + n} the mill of Harrow ground {n} sacks of rye." for n in range(60)]]
    + ["Its wheel was replaced by a turbine after the flood of 1911. The old wheel hangs in the tavern."]
    + [f"Page {n} of the ledger is empty, and nobody knows why the clerk left it so." for n in range(30)]
)

OAK_PAGES = [["# The night", OAK, TOWN], ["# After it", LIMES]]
SIGHTINGS = """title,text
Sighting,A lynx crossed the road near Velm at dawn and was seen by two carters.
Sighting,A beaver built its lodge below the weir of Tarn in the spring.
"""


def make_page_articles(folder):
    """Adds to `folder` what the page is tested with."""
    (folder / "hostile.md").write_text(HOSTILE)
    (folder / "digest.md").write_text(DIGEST)
    (folder / "mill.txt").write_text(CHRONICLE)


def make_placed_articles(folder):
    """Adds articles whose paragraphs stand on a page, or in a row of a file with several articles."""
    make_pdf(folder / "oak.pdf", OAK_PAGES)
    (folder / "sightings.csv").write_text(SIGHTINGS)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def served(settings=None, **options):
    """The page, served from this process, so that the model is loaded once; `.address` says where."""
    from rag.ui.serving import launch

    page = launch(replace(settings or Settings(), port=free_port()), **options)
    page.address = page.blocks.local_url
    try:
        yield page
    finally:
        page.blocks.close()


@contextmanager
def tab_of(browser, address, path="", viewport=None, scheme="light", motion="no-preference", **options):
    """A new tab with the page, in which nothing is kept; fails on errors in it and on requests to anywhere else.

    Tabs without `options` share what the browser has loaded, which is much faster.
    """
    context = browser.new_context(viewport=viewport, **options) if options else browser.contexts[0]
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    tab.emulate_media(color_scheme=scheme, reduced_motion=motion)
    if not options:
        tab.set_viewport_size(viewport or WINDOW)
    tab.add_init_script("if (!sessionStorage.begun) { localStorage.clear(); sessionStorage.begun = 1; }")
    wrong = tab.wrong = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda told: wrong.append(told.text) if "Content Security Policy" in told.text else None)
    own = (address, "data:", "blob:")
    tab.on("request", lambda request: None if request.url.startswith(own) else wrong.append(request.url))
    tab.goto(address + path)
    yield tab
    tab.close()
    if options:
        context.close()
    assert wrong == []


def begin(tab, address):
    """Make of a tab that was used one with an empty conversation: by a new chat, or loaded anew where it takes more."""
    tab.set_viewport_size(WINDOW)
    tab.mouse.move(0, 0)
    if tab.evaluate(
        """() => document.querySelector("#limits > button").innerText.startsWith("Limit to")
          && document.querySelectorAll(".turn").length === document.querySelectorAll(".judgement").length
          && !document.querySelector("table.articles, #limits .form, .editing, .notice, .toast-body, .job")"""
    ):
        if tab.locator(".turn").count():
            tab.click("#new")
            tab.wait_for_selector(".turn, #reader", state="detached")
        tab.evaluate("localStorage.clear(); rag.earlier(); document.querySelector('#said').textContent = ''")
        tab.fill("#question textarea", "")
    else:
        tab.evaluate("sessionStorage.clear()")
        tab.goto(address)
    tab.wait_for_selector(".welcome:has-text('What would you like')")


def ask(tab, question):
    """Ask, and wait for the whole answer."""
    tab.wait_for_selector(".welcome", state="attached")
    turns = tab.locator(".turn").count()
    tab.fill("#question textarea", question)
    tab.press("#question textarea", "Enter")
    tab.wait_for_function("n => document.querySelectorAll('.turn').length > n", arg=turns)
    answered(tab)


def answered(tab):
    """Wait for the whole of the last answer."""
    tab.wait_for_selector(".turn:last-of-type .judgement")


def last(tab):
    """The last question and its answer."""
    return tab.locator(".turn").last


def read(tab):
    """Wait until the reader shows an article, and stands still."""
    tab.wait_for_selector("#reader .reader")
    tab.wait_for_function("document.activeElement.closest('.reader')")
    return tab.locator("#reader")


def settled(tab):
    """Wait until nothing fades or moves any more."""
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    tab.wait_for_function("document.getAnimations().every((one) => one.playState !== 'running')")


def still(tab, selector):
    """Wait until the element has not scrolled for a while that is longer than what the page puts off."""
    tab.evaluate(
        """async (selector) => {
          const element = document.querySelector(selector);
          for (let at = null, since = performance.now(); performance.now() - since < 150; ) {
            if (element.scrollTop !== at) [at, since] = [element.scrollTop, performance.now()];
            await new Promise(requestAnimationFrame);
          }
        }""",
        selector,
    )


def shoot(tab, name):
    """A screenshot for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SHOTS / f"{name}.png")


def findings(tab, *known):
    """What axe finds to be serious or critical, as rule and element, but for the rules that are `known`."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    settled(tab)
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in axe.Axe().run(tab).response["violations"]
        if rule["impact"] in ("serious", "critical") and rule["id"] not in known
        for node in rule["nodes"]
    ]
