"""Reading the article that a citation points to, beside the conversation."""

import pytest
from page_made import CHROMIUM, ask, last, read, settled, shoot, still, tab_of

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


def in_view(tab, selector, within):
    """Whether all of the element stands inside the visible part of another."""
    inner, outer = (tab.locator(one).first.bounding_box() for one in (selector, within))
    return outer["y"] <= inner["y"] and inner["y"] + inner["height"] <= outer["y"] + outer["height"]


def test_a_citation_opens_the_whole_article_at_the_sentence(tab):
    ask(tab, "What hangs in the tavern?")
    said = last(tab).locator(".sentences > span:not(.cite)").first.inner_text()
    last(tab).locator("button.mark").first.click()
    reader = read(tab)
    shoot(tab, "reader")
    assert reader.locator("mark").inner_text() == said
    assert reader.locator("h2").inner_text() == "The mill of Harrow"
    assert reader.locator(".text p[data-number]").count() == 91
    assert "the flood of 1911" in reader.locator(".text p.cited").inner_text()
    assert in_view(tab, "#reader mark", "#reader .reader")
    assert in_view(tab, "#reader .close", "#reader .reader")
    assert in_view(tab, "#reader .above:has-text('The mill of Harrow')", "#reader .reader")
    assert last(tab).locator("button.mark").first.get_attribute("aria-expanded") == "true"


def test_enter_opens_it_and_escape_leads_back_to_the_citation(tab):
    ask(tab, "What hangs in the tavern?")
    tab.locator(".asked").first.click()
    while not tab.evaluate("document.activeElement.matches('.mark')"):
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    read(tab)
    assert tab.evaluate("document.activeElement.className") == "close"
    tab.keyboard.press("Escape")
    tab.wait_for_selector("#reader", state="detached")
    tab.wait_for_function("document.activeElement.matches('.mark')")
    assert last(tab).locator("button.mark").first.get_attribute("aria-expanded") == "false"


@pytest.mark.parametrize("width", [1024, 390])
def test_the_conversation_keeps_its_place(browser, page, width):
    with tab_of(browser, page.address, viewport={"width": width, "height": 700}) as tab:
        for question in ("What tasks does Ines Falk see?", "What is the capital of France?", "What does cod cost?"):
            ask(tab, question)
        # What stands above it gets narrower, and so higher.
        mark = last(tab).locator("button.mark").first
        still(tab, "#log")
        before = mark.bounding_box()["y"]
        mark.click()
        read(tab)
        shoot(tab, f"reader-{width}")
        if width > 900:
            assert mark.bounding_box()["y"] == pytest.approx(before, abs=2)
        tab.click("#reader .close")
        tab.wait_for_selector("#reader", state="detached")
        tab.wait_for_function("document.activeElement.matches('.mark')")
        assert mark.bounding_box()["y"] == pytest.approx(before, abs=2)


def test_a_tap_opens_it_over_the_whole_of_a_small_window(browser, page):
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "scheme": "dark"}
    with tab_of(browser, page.address, **options) as tab:
        ask(tab, "When was the new harbour opened?")
        last(tab).locator("button.mark").first.tap()
        read(tab)
        shoot(tab, "reader-small-dark")
        box = tab.locator("#reader .reader").bounding_box()
        assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
        assert in_view(tab, "#reader mark", "#reader .reader")
        # What lies below can't be reached, once it has faded.
        settled(tab)
        for _ in range(12):
            tab.keyboard.press("Tab")
            assert not tab.evaluate("document.activeElement.closest('#panel')")
        tab.locator("#reader .close").tap()
        tab.wait_for_selector("#reader", state="detached")


def test_the_other_places_of_a_sentence_are_listed(tab):
    ask(tab, "When was the new harbour opened?")
    last(tab).locator("button.mark").first.click()
    reader = read(tab)
    titles = {"The harbour of Ostwick", "The year in Ostwick"}
    first = reader.locator("h2").inner_text()
    assert reader.locator(".also").inner_text().startswith("Also in ")
    assert (titles - {first}).pop() in reader.locator(".also").inner_text()
    reader.locator(".also button").click()
    tab.wait_for_function("title => document.querySelector('#reader h2').innerText !== title", arg=first)
    assert reader.locator("h2").inner_text() == (titles - {first}).pop()
    assert reader.locator("mark").inner_text() == "Ostwick opened its new harbour in June 2021."


def test_next_and_previous_citation(tab):
    ask(tab, "What tasks does Ines Falk see?")
    count = last(tab).locator(".sentences > span:not(.cite)").count()
    assert count > 1
    last(tab).locator("button.mark").first.click()
    reader = read(tab)
    assert f"1 of {count}" in reader.locator(".steps").inner_text()
    first = reader.locator("mark").inner_text()
    following = reader.get_by_role("button", name="Next citation")
    following.click()
    tab.wait_for_selector(f"#reader .steps:has-text('2 of {count}')")
    assert reader.locator("mark").inner_text() != first
    tab.wait_for_function("document.activeElement.ariaLabel === 'Next citation'")
    reader.get_by_role("button", name="Previous citation").click()
    tab.wait_for_selector(f"#reader .steps:has-text('1 of {count}')")
    reader.get_by_role("button", name="Previous citation").click()
    tab.wait_for_selector(f"#reader .steps:has-text('{count} of {count}')")


def test_pages_are_named_with_paragraphs(tab):
    ask(tab, "When was the oak on the market square felled?")
    mark = last(tab).locator("button.mark").first
    assert mark.get_attribute("aria-label") == "Source 1: Old trees, p. 1, paragraph 1"
    mark.hover()
    shoot(tab, "card-page")
    assert "Old trees, p. 1, paragraph 1" in last(tab).locator(".card").first.inner_text()
    assert last(tab).locator(".sources li").first.inner_text().startswith("Old trees, p. 1, paragraph 1 · ")
    mark.click()
    reader = read(tab)
    shoot(tab, "reader-page")
    assert reader.locator(".place").all_inner_texts() == ["p. 1", "p. 2"]
    text = reader.locator(".text").inner_text()
    assert text.index("p. 1") < text.index("The night") < text.index("p. 2") < text.index("After it")


def test_articles_of_one_file_are_told_apart(tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(tab, "Where was a lynx seen by two carters?")
    assert last(tab).locator(".sources li").inner_text() == "Sighting, row 2, paragraph 1"
    last(tab).locator("button.copy").click()
    tab.wait_for_selector("button.copy:has-text('Copied')")
    assert "[1] Sighting, sightings.csv#2, row 2, paragraph 1" in tab.evaluate("navigator.clipboard.readText()")
    with tab.expect_download() as download:
        tab.click("#export")
    assert "Sighting, sightings.csv\\#2, row 2, paragraph 1" in download.value.path().read_text()
    ask(tab, "What is the capital of Denmark near the weir of Tarn?")
    assert "Sighting, row 3, paragraph 1" in last(tab).locator(".hits, .sources").inner_text()
    tab.click("#limits > button")
    tab.get_by_label("Articles", exact=True).click()
    tab.get_by_role("option", name="Sighting (sightings.csv#3)").click()
    tab.wait_for_selector("#limits > button:has-text('Limited to 1 article')")
    ask(tab, "Where was a lynx seen by two carters?")
    assert last(tab).locator(".refusal").count() == 1


def test_the_original_is_linked(tab):
    ask(tab, "What does cod cost?")
    last(tab).locator("button.mark").first.click()
    link = read(tab).get_by_role("link", name="original")
    assert link.get_attribute("href") == "https://example.org/market"
    assert link.get_attribute("rel") == "noopener noreferrer"


def test_what_a_refusal_offers_is_read_too(tab):
    ask(tab, "What is the capital of France?")
    last(tab).locator(".hits button.source").first.click()
    reader = read(tab)
    assert reader.locator("mark").count() >= 1
    assert "Nearest 1 of 3" in reader.locator(".steps").inner_text()


def test_another_article_opened_at_once_has_the_focus(tab):
    ask(tab, "What does cod cost?")
    ask(tab, "What hangs in the tavern?")
    tab.locator("button.mark").first.click()
    read(tab)
    tab.keyboard.press("Escape")
    tab.wait_for_selector("#reader", state="detached")
    last(tab).locator("button.mark").first.click()
    tab.wait_for_selector("#reader .reader")
    # Longer than the page waits before it gives the focus back to a citation.
    tab.wait_for_timeout(300)
    assert tab.evaluate("document.activeElement.className") == "close"


def test_a_new_chat_shuts_the_reader(tab):
    ask(tab, "What does cod cost?")
    last(tab).locator("button.mark").first.click()
    read(tab)
    tab.click("#new")
    tab.wait_for_selector("#reader", state="detached")


def test_what_articles_and_users_write_is_only_text(tab):
    ask(tab, "When does the gate of Varn open? <img src=x onerror=window.hurt=1> {{x}}")
    assert "<img src=x" in last(tab).locator(".question").inner_text()
    ask(tab, "When does the gate of Varn close?")
    assert "{{ opens }} at ${seven}" in last(tab).locator(".answer").inner_text()
    last(tab).locator("button.mark, .hits button.source").first.click()
    reader = read(tab)
    shoot(tab, "hostile")
    assert reader.locator("h2").inner_text() == "<img src=x onerror=window.hurt=1> {{title}} ${1}"
    assert "{{ opens }} at ${seven}" in reader.locator(".text").inner_text()
    assert "<script>window.hurt=1</script>" in reader.locator(".facts").inner_text()
    assert reader.locator("a, img, script").count() == 0
    tab.get_by_role("tab", name="Library").click()
    tab.wait_for_selector("table.articles")
    assert "<img src=x onerror=window.hurt=1>" in tab.locator("table.articles").inner_text()
    assert tab.locator("#table img, #table script").count() == 0
    tab.wait_for_timeout(300)
    assert tab.evaluate("window.hurt") is None
