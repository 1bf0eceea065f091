"""The page in a real browser; screenshots are left in tests/artifacts."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag import build

ROOT = Path(__file__).parent.parent
SHOTS = ROOT / "tests" / "artifacts"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
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
---

The <script>window.hurt=1</script> gate of Varn {{ opens }} at ${seven} in the morning &amp; closes at noon.
"""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


@contextmanager
def served(index):
    """The address of the page over `index`, served by `python app.py`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py")],
        env={**os.environ, "RAG_INDEX": str(index), "RAG_PORT": str(port), "RAG_HOST": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(300):
            assert process.poll() is None
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def page_index(articles, tmp_path_factory):
    """An index of the made articles and a hostile one."""
    folder = shutil.copytree(articles, tmp_path_factory.mktemp("page") / "articles")
    (folder / "hostile.md").write_text(HOSTILE)
    build(folder, folder.parent / "index")
    return folder.parent / "index"


@pytest.fixture(scope="module")
def address(page_index):
    """The page over that index."""
    with served(page_index) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    SHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def page(browser, address):
    """A new tab with the page; fails on errors in it and on requests to anywhere else."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.set_default_timeout(60_000)
    errors, outside = [], []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on(
        "request",
        lambda request: None if request.url.startswith((address, "data:", "blob:")) else outside.append(request.url),
    )
    tab.goto(address)
    yield tab
    assert errors == []
    assert outside == []
    tab.close()


def ask(page, question):
    page.wait_for_selector(".welcome", state="attached")
    turns = page.locator(".turn").count()
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    page.wait_for_function(
        "n => document.querySelectorAll('.turn').length > n && !document.querySelector('.searching')", arg=turns
    )
    page.wait_for_timeout(400)


def test_a_citation_opens_the_article_at_the_sentence(page):
    ask(page, "When was the new harbour opened?")
    said = page.locator(".turn:last-child .sentences span").first.inner_text()
    assert "June 2021" in said
    page.click(".turn:last-child button.mark")
    page.wait_for_selector("#reader mark")
    assert page.locator("#reader mark").inner_text() == said
    assert page.locator("#reader h2").inner_text() == "The harbour of Ostwick"
    page.wait_for_timeout(800)
    page.screenshot(path=SHOTS / "citation.png")
    box = page.locator("#reader mark").bounding_box()
    assert 0 <= box["y"] <= 900 - box["height"]
    page.click("#reader .close")
    page.wait_for_selector("#reader mark", state="hidden")


def test_a_refusal_offers_the_nearest(page):
    ask(page, "What is the capital of France?")
    assert page.locator(".refusal").inner_text() == "The articles don’t say."
    page.screenshot(path=SHOTS / "refusal.png")
    page.locator(".hits button.source").first.click()
    page.wait_for_selector("#reader mark")


def test_a_follow_up_and_a_new_conversation(page):
    ask(page, "How much does herring cost?")
    ask(page, "And cod?")
    assert "twice as much" in page.locator(".turn:last-child").inner_text()
    assert page.locator(".understood").count() == 1
    page.click("#new")
    page.wait_for_selector(".turn", state="detached")
    assert "4 articles" in page.locator(".welcome").inner_text()


def test_starters_are_asked_with_a_click(page):
    page.wait_for_selector("#starters button:visible")
    question = page.locator("#starters button:visible").first.inner_text()
    page.locator("#starters button:visible").first.click()
    page.wait_for_selector("button.mark")
    assert page.locator(".question").inner_text() == question


def test_what_articles_and_users_write_is_only_text(page):
    ask(page, "When does the gate of Varn open? <img src=x onerror=window.hurt=1> {{x}}")
    assert "<img src=x" in page.locator(".question").inner_text()
    ask(page, "When does the gate of Varn close?")
    page.locator(".turn:last-child button.mark, .turn:last-child .hits button.source").first.click()
    page.wait_for_selector("#reader mark")
    assert page.locator("#reader h2").inner_text() == "<img src=x onerror=window.hurt=1> {{title}} ${1}"
    assert "{{ opens }} at ${seven}" in page.locator("#reader .text").inner_text()
    assert page.evaluate("window.hurt") is None


def test_small_and_dark(browser, address):
    tab = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    tab.goto(address)
    ask(tab, "When was the new harbour opened?")
    tab.click("button.mark")
    tab.wait_for_selector("#reader mark")
    tab.wait_for_timeout(800)
    tab.screenshot(path=SHOTS / "small-dark.png")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.locator("#reader mark").bounding_box()["y"] < 844
    assert tab.evaluate("getComputedStyle(document.querySelector('.reader .text p')).color") != "rgb(0, 0, 0)"
    tab.close()


def test_without_an_index_it_says_what_to_do(browser, tmp_path):
    with served(tmp_path / "none") as address:
        tab = browser.new_page()
        tab.goto(address)
        tab.wait_for_selector(".welcome button")
        assert "Nothing is indexed yet" in tab.locator(".welcome").first.inner_text()
        tab.close()


def test_programs_may_ask(address):
    from gradio_client import Client

    client = Client(address, verbose=False)
    answer = json.loads(client.predict("When was the new harbour opened?", [], api_name="/ask"))
    assert answer["answered"]
    assert "June 2021" in answer["answer"]
    hits = json.loads(client.predict("herring", 2, api_name="/search"))
    assert hits[0]["article"]["id"] == "market.md"
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/ask", "/search"}


def test_a_judgement_is_noted_as_a_labelled_question(page, address, page_index):
    from rag.evaluation import evaluate

    def pressed(thumb):
        page.locator(f".turn:last-child button.thumb[data-judged={thumb}]").click()
        page.wait_for_selector(f".turn:last-child button.thumb[data-judged={thumb}][aria-pressed=true]")

    def noted():
        return [json.loads(line) for line in (page_index / "feedback.jsonl").read_text().splitlines()]

    ask(page, "What does cod cost?")
    pressed("up")
    assert noted()[-1]["good"] is True
    ask(page, "Who is the mayor of Ostwick?")
    pressed("down")
    page.screenshot(path=SHOTS / "judged.png")
    place = page.locator(".turn:last-child .instead button").nth(1)
    place.click()
    page.wait_for_selector(".turn:last-child .instead button[aria-pressed=true]")
    assert noted()[-1]["good"] is False
    assert len(noted()[-1]["evidence"]) >= 1
    found = evaluate(page_index / "feedback.jsonl", page_index)
    assert [(row["question"], row["answerable"]) for row in found.rows] == [
        ("What does cod cost?", True),
        ("Who is the mayor of Ostwick?", True),
    ]
    assert found.rows[0]["lost"] == "right"
    # The same thumb again takes it back.
    page.locator(".turn:last-child button.thumb[data-judged=down]").click()
    page.wait_for_selector(".turn:last-child .instead", state="detached")
    assert noted()[-1]["good"] is None
    assert len(evaluate(page_index / "feedback.jsonl", page_index).rows) == 1
