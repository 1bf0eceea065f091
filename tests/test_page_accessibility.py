"""The page for everybody: by keyboard alone, by ear, on a small window, in the dark, without motion."""

import pytest
from page_made import CHROMIUM, ask, findings, last, read, shoot, tab_of

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, page, scheme):
    with tab_of(browser, page.address, scheme=scheme) as tab:
        tab.wait_for_selector("#starters button:visible")
        assert findings(tab) == []
        ask(tab, "When was the new harbour opened?")
        ask(tab, "And cod?")
        ask(tab, "What is the capital of France?")
        last(tab).locator("button.thumb[data-judged=down]").click()
        tab.wait_for_selector(".instead")
        assert findings(tab) == []
        tab.locator("button.mark").first.click()
        read(tab)
        shoot(tab, f"reading-{scheme}")
        assert findings(tab) == []
        tab.keyboard.press("Escape")
        tab.wait_for_selector("#reader", state="detached")
        tab.click("#limits > button")
        tab.get_by_label("Authors").wait_for()
        assert findings(tab) == []
        tab.get_by_role("tab", name="Library").click()
        tab.wait_for_selector("table.articles")
        tab.get_by_label("Choose The fish market").check()
        tab.get_by_role("button", name="Go back a build").click()
        tab.wait_for_selector("#job .job:has-text('is the oldest')")
        shoot(tab, f"library-{scheme}")
        assert findings(tab) == []
        tab.get_by_role("button", name="Close").click()


def focused(tab):
    return tab.evaluate(
        "(e => e.ariaLabel || e.labels?.[0]?.innerText || (e !== document.body && e.innerText) || '')"
        "(document.activeElement)"
    )


def tab_to(tab, name, most=60):
    """Press Tab until the element with this name has the focus, and is seen to."""
    for _ in range(most):
        tab.keyboard.press("Tab")
        if name in focused(tab):
            assert tab.evaluate(
                """(e => {
                  const box = e.getBoundingClientRect();
                  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                  const style = getComputedStyle(e);
                  return e.contains(top) && (style.outlineStyle !== 'none' || e.matches('textarea, input'));
                })(document.activeElement)"""
            ), name
            return
    raise AssertionError(f"{name} is not reached")


def test_everything_is_done_by_keyboard(tab, page):
    assert tab.evaluate("document.activeElement.matches('#question textarea')")
    tab.keyboard.type("When was the new harbour opened?")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".judgement")
    tab.evaluate("document.activeElement.blur()")
    tab_to(tab, "Source 1")
    tab.keyboard.press("Enter")
    read(tab)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#reader", state="detached")
    tab.wait_for_function("document.activeElement.matches('.mark')")
    tab_to(tab, "Copy")
    tab_to(tab, "This is right")
    tab.keyboard.press("Space")
    tab.wait_for_selector("button.thumb[aria-pressed=true]")
    assert "This is right" in focused(tab)
    tab.keyboard.press("Space")
    tab.wait_for_selector("button.thumb[data-judged=up][aria-pressed=false]")
    tab_to(tab, "Limit to")
    tab_to(tab, "New chat")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".turn", state="detached")
    tab_to(tab, "Ask")
    tab.keyboard.press("ArrowRight")
    if not tab.locator("table.articles").is_visible():
        tab_to(tab, "Library")
        tab.keyboard.press("Enter")
    tab.wait_for_selector("table.articles tbody tr")
    tab_to(tab, "Rebuild")
    tab_to(tab, "Find")
    tab_to(tab, "Choose The fish market")
    tab.keyboard.press("Space")
    assert tab.get_by_label("Choose The fish market").is_checked()
    tab_to(tab, "Remove")
    tab.get_by_label("Choose The fish market").focus()
    tab_to(tab, "The fish market")
    tab.keyboard.press("Enter")
    assert read(tab).locator("h2").inner_text() == "The fish market"


def test_answers_are_read_out(tab):
    ask(tab, "What does cod cost?")
    tab.wait_for_selector("#said[role=status]:has-text('Cod costs twice as much')", state="attached")
    assert tab.locator("button.mark").first.get_attribute("aria-label") == "Source 1: The fish market, paragraph 2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_small_window(browser, page, scheme):
    def fits():
        return tab.evaluate(
            "[document, ...['#log', '#composer', '.reader', '#table', '#facts', '#adding'].map((s) => ({ s,"
            " documentElement: document.querySelector(s) }))].filter(({ documentElement: e }) =>"
            " e && e.scrollWidth > e.clientWidth + 1).map(({ s }) => s || 'page')"
        )

    with tab_of(browser, page.address, viewport={"width": 390, "height": 844}, scheme=scheme) as tab:
        tab.wait_for_selector("#starters button:visible")
        shoot(tab, f"small-empty-{scheme}")
        assert fits() == []
        ask(tab, "When was the new harbour opened?")
        ask(tab, "And what about an_extremely_long_word_that_nobody_would_write_but_somebody_might_paste_into_the_box?")
        shoot(tab, f"small-answer-{scheme}")
        assert fits() == []
        assert tab.locator("#composer").bounding_box()["y"] < 844
        tab.locator("button.mark").first.click()
        read(tab)
        assert fits() == []
        tab.click("#reader .close")
        tab.wait_for_selector("#reader", state="detached")
        tab.click("#limits > button")
        tab.get_by_label("Authors").wait_for()
        shoot(tab, f"small-limits-{scheme}")
        assert fits() == []
        tab.get_by_role("tab", name="Library").click()
        tab.wait_for_selector("table.articles")
        shoot(tab, f"small-library-{scheme}")
        assert fits() == []


def test_who_wants_no_motion_gets_none(browser, page):
    moves = """[...document.querySelectorAll('*')].map((e) => getComputedStyle(e))
        .flatMap((style) => `${style.animationDuration},${style.transitionDuration}`.split(','))
        .filter((time) => parseFloat(time) > 0.001)"""
    with tab_of(browser, page.address, motion="reduce") as tab:
        ask(tab, "When was the new harbour opened?")
        tab.locator("button.mark").first.click()
        read(tab)
        assert tab.evaluate(moves) == []
    with tab_of(browser, page.address) as tab:
        ask(tab, "When was the new harbour opened?")
        tab.locator("button.mark").first.click()
        read(tab)
        assert tab.evaluate("getComputedStyle(document.querySelector('.reader mark')).animationName") == "found"
