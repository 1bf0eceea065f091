"""Makes the README's pictures of the page, from the sample articles: `.venv/bin/python docs/screenshots.py`.

Needs the development packages (`make test` installs them) and a Chromium.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from rag.building import build
from rag.settings import Settings
from rag.ui.serving import launch

DOCS = Path(__file__).parent
ARTICLES = DOCS.parent / "articles"
QUESTIONS = (
    "How many companies in China do research on large models?",
    "What are the three directions that Liu Zhiyuan sees?",
)


def main() -> None:
    """Serve the sample articles, and take the pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        index = f"{folder}/index"
        build(ARTICLES, index)
        served = launch(Settings(index=index, articles=(str(ARTICLES),), port=0))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 760}, reduced_motion="reduce")
        page.goto(served.blocks.local_url)
        page.wait_for_selector("#starters button:visible")
        for question in QUESTIONS:
            ask(page, question)
        page.locator(".turn").last.locator("button.mark").nth(1).click()
        page.wait_for_selector("#reader mark")
        page.mouse.move(0, 0)
        take(page, "answer")
        page.click("#reader .close")
        page.get_by_role("tab", name="Library").click()
        page.wait_for_selector("table.articles tbody tr")
        take(page, "library")
        browser.close()
        served.blocks.close()


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the answer."""
    turns = page.locator(".turn .judgement").count()
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    page.wait_for_function("n => document.querySelectorAll('.turn .judgement').length > n", arg=turns)


def take(page: Page, name: str) -> None:
    """A picture, once nothing changes any more."""
    page.wait_for_timeout(600)
    page.screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
