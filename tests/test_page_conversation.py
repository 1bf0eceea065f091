"""Asking, follow-ups, editing, and what is kept of a conversation."""

import json
import re

import pytest
from page_made import CHROMIUM, answered, ask, last, shoot, still, tab_of

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


def test_starters_are_made_from_the_articles_and_asked_with_a_click(tab):
    tab.wait_for_selector("#starters button:visible")
    shoot(tab, "empty")
    questions = tab.locator("#starters button:visible").all_inner_texts()
    assert 2 <= len(questions) <= 4
    assert any(name in question for question in questions for name in ("Brandt", "Falk", "Harrow", "Ostwick"))
    tab.locator("#starters button:visible").first.click()
    answered(tab)
    assert tab.locator(".question").inner_text() == questions[0]
    assert last(tab).locator("button.mark").count() >= 1
    assert tab.locator("#starters button:visible").count() == 0


def test_sources_are_shown_before_the_sentences(tab, monkeypatch):
    monkeypatch.setattr("rag.ui.asking.SENTENCE_PAUSE", 1)
    tab.fill("#question textarea", "What tasks does Ines Falk see?")
    tab.press("#question textarea", "Enter")
    tab.wait_for_selector(".sources li")
    assert tab.locator(".sentences > span:not(.cite)").count() == 0
    shoot(tab, "answering")
    tab.wait_for_selector(".sentences > span:not(.cite)")
    before = tab.locator(".sentences > span:not(.cite)").count()
    answered(tab)
    assert tab.locator(".sentences > span:not(.cite)").count() > before


def test_a_stopped_answer_stays_as_it_was_seen(tab, monkeypatch):
    monkeypatch.setattr("rag.ui.asking.SENTENCE_PAUSE", 1)
    tab.fill("#question textarea", "What tasks does Ines Falk see?")
    tab.press("#question textarea", "Enter")
    tab.wait_for_selector(".sentences > span:not(.cite)")
    tab.get_by_role("button", name="Stop").click()
    answered(tab)
    seen = tab.locator(".sentences").inner_text()
    tab.wait_for_timeout(1100)
    assert tab.locator(".sentences").inner_text() == seen
    monkeypatch.undo()
    ask(tab, "What tasks does Ines Falk see?")
    assert tab.locator(".turn").count() == 2
    whole = last(tab).locator(".sentences").inner_text()
    assert whole.startswith(seen)
    assert len(whole) > len(seen)


def test_a_question_stopped_while_it_is_searched_for_goes_back_into_the_box(tab, page):
    with page.asker._lock:
        tab.fill("#question textarea", "When was the new harbour opened?")
        tab.press("#question textarea", "Enter")
        tab.wait_for_selector(".searching")
        tab.wait_for_selector("#said:has-text('Searching')", state="attached")
        tab.get_by_role("button", name="Stop").click()
        tab.wait_for_selector(".turn", state="detached")
    assert tab.input_value("#question textarea") == "When was the new harbour opened?"
    tab.press("#question textarea", "Enter")
    answered(tab)


def test_the_address_can_ask(browser, page):
    with tab_of(browser, page.address, "?q=When+was+the+new+harbour+opened%3F") as tab:
        answered(tab)
        assert tab.locator(".question").inner_text() == "When was the new harbour opened?"
        assert "June 2021" in last(tab).inner_text()


def test_hover_and_focus_show_where_a_sentence_stands(tab):
    ask(tab, "What does cod cost?")
    mark = last(tab).locator("button.mark").last
    card = last(tab).locator(".card").last
    assert not card.is_visible()
    mark.hover()
    assert card.is_visible()
    shoot(tab, "card")
    assert "Cod costs twice as much" in card.inner_text()
    assert re.search(r"The fish market, paragraph 2 · 2024-01-15", card.inner_text())
    box = card.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= tab.locator("#composer").bounding_box()["y"]
    tab.mouse.move(0, 0)
    assert not card.is_visible()
    tab.focus(".question")  # Not focusable: nothing has the focus.
    while not mark.evaluate("mark => mark === document.activeElement"):
        tab.keyboard.press("Tab")
    assert card.is_visible()
    tab.keyboard.press("Escape")
    assert not card.is_visible()


def test_a_card_without_room_below_stands_above_its_line(tab):
    for _ in range(4):
        ask(tab, "What does cod cost?")
    tab.set_viewport_size({"width": 1440, "height": 330})
    mark = last(tab).locator("button.mark").first
    mark.scroll_into_view_if_needed()
    mark.hover()
    box = last(tab).locator(".card").first.bounding_box()
    assert box["y"] + box["height"] <= mark.bounding_box()["y"] + 4
    assert box["y"] > 0


def test_a_refusal_offers_the_three_nearest_as_such(tab):
    ask(tab, "What is the capital of France?")
    assert tab.locator(".refusal").inner_text() == "The articles don’t say."
    assert "not an answer" in tab.locator(".nearest").inner_text()
    assert tab.locator(".hits > li").count() == 3
    assert tab.locator(".sentences").count() == 0
    tab.wait_for_selector("#said:has-text('The articles don’t say.')", state="attached")
    shoot(tab, "refusal")


def test_what_was_understood_is_shown_and_can_be_changed(tab):
    ask(tab, "How much does herring cost?")
    assert tab.locator(".understood").count() == 0
    ask(tab, "And cod?")
    assert "twice as much" in last(tab).inner_text()
    assert "cod" in tab.locator(".understood span").inner_text()
    tab.locator(".understood button").click()
    tab.wait_for_selector(".turn.editing")
    assert tab.locator(".turn.editing").count() == 1
    box = tab.locator("#question textarea")
    assert box.input_value() == tab.locator(".understood span").inner_text()
    assert box.evaluate("box => document.activeElement === box")
    box.fill("When was the new harbour opened?")
    box.press("Enter")
    tab.wait_for_selector(".understood", state="detached")
    answered(tab)
    assert tab.locator(".question").all_inner_texts() == [
        "How much does herring cost?",
        "When was the new harbour opened?",
    ]
    assert "June 2021" in last(tab).inner_text()


def test_a_question_is_edited_and_asked_again(tab):
    ask(tab, "When was the new harbour opened?")
    ask(tab, "What does cod cost?")
    tab.locator(".turn").first.locator("button.edit").click()
    tab.wait_for_selector(".turn.editing")
    assert tab.locator(".turn.editing").count() == 2
    assert tab.input_value("#question textarea") == "When was the new harbour opened?"
    shoot(tab, "editing")
    # Also where what is asked again is longer than the window.
    tab.set_viewport_size({"width": 390, "height": 420})
    tab.locator("#log").evaluate("log => (log.scrollTop = 0)")
    box = tab.get_by_role("button", name="Keep it as it is").bounding_box()
    assert box["y"] + box["height"] < tab.locator("#composer").bounding_box()["y"]
    tab.get_by_role("button", name="Keep it as it is").click()
    tab.wait_for_selector(".turn.editing", state="detached")
    assert tab.input_value("#question textarea") == ""
    tab.locator(".turn").first.locator("button.edit").click()
    tab.wait_for_selector(".turn.editing")
    tab.fill("#question textarea", "What happened to the lighthouse?")
    tab.press("#question textarea", "Enter")
    tab.wait_for_selector(".turn:nth-of-type(2)", state="detached")
    answered(tab)
    assert tab.locator(".question").all_inner_texts() == ["What happened to the lighthouse?"]
    assert "roof" in last(tab).inner_text()


def test_conversations_are_kept_in_this_browser_until_they_are_forgotten(tab):
    ask(tab, "How much does herring cost?")
    ask(tab, "And cod?")
    tab.click("#new")
    tab.wait_for_selector(".turn", state="detached")
    ask(tab, "When was the new harbour opened?")
    tab.reload()
    tab.wait_for_selector("#earlier li")
    assert tab.locator("#earlier button.source").all_inner_texts() == [
        "When was the new harbour opened?",
        "How much does herring cost?",
    ]
    assert "and 1 more" in tab.locator("#earlier li").nth(1).inner_text()
    shoot(tab, "earlier")
    tab.locator("#earlier button.source").nth(1).click()
    tab.wait_for_selector(".turn:nth-of-type(2) .judgement")
    assert tab.locator(".question").all_inner_texts() == ["How much does herring cost?", "And cod?"]
    assert "twice as much" in last(tab).inner_text()
    tab.click("#new")
    tab.wait_for_selector("#earlier li:visible")
    assert tab.locator("#earlier li").count() == 2
    tab.get_by_role("button", name="Forget the conversation that begins with: How much does herring cost?").click()
    assert tab.locator("#earlier li").count() == 1
    tab.reload()
    tab.wait_for_selector("#earlier li")
    assert tab.locator("#earlier li").count() == 1


def test_an_answer_is_copied_with_footnotes(tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(tab, "What does cod cost?")
    last(tab).locator("button.copy").click()
    tab.wait_for_selector("button.copy:has-text('Copied')")
    text = tab.evaluate("navigator.clipboard.readText()")
    assert "Cod costs twice as much, because the boats must sail farther north for it. [1]\n\n" in text
    assert "[1] The fish market (Tomas Falk, 2024-01-15), https://example.org/market, paragraph 2" in text


def test_a_conversation_is_exported_with_the_quoted_paragraphs(tab):
    ask(tab, "What does cod cost?")
    ask(tab, "When does the gate of Varn close?")
    for _ in range(2):
        with tab.expect_download() as download:
            tab.click("#export")
        assert download.value.suggested_filename == "conversation.md"
    text = download.value.path().read_text()
    assert "## What does cod cost?" in text
    assert "> Herring costs nine crowns a kilo. Cod costs twice as much" in text
    assert "<script>" not in text.replace("\\<script>", "")


def test_questions_can_be_limited(tab):
    ask(tab, "What does cod cost?")
    tab.click("#limits > button")
    tab.get_by_label("Authors").click()
    tab.get_by_role("option", name="Mara Lind").click()
    tab.keyboard.press("Escape")
    tab.wait_for_selector("#limits > button:has-text('Limited to 1 author')")
    shoot(tab, "limited")
    ask(tab, "What does cod cost?")
    assert last(tab).locator(".refusal").count() == 1
    assert "some of the articles only" in last(tab).inner_text()
    # That some of the articles don't say it is no judgement of all of them.
    assert last(tab).locator("button.thumb").count() == 0
    ask(tab, "When was the new harbour opened?")
    assert "June 2021" in last(tab).inner_text()
    tab.get_by_label("From").fill("2024")
    tab.get_by_label("To").fill("2024-12-31")
    tab.wait_for_selector("#limits > button:has-text('Limited to 1 author, 2024 to 2024-12-31')")
    ask(tab, "When was the new harbour opened?")
    assert last(tab).locator(".refusal").count() == 1


def test_a_date_that_is_none_is_said_and_the_question_stays(tab):
    tab.click("#limits > button")
    tab.get_by_label("From").fill("yesterday")
    tab.fill("#question textarea", "What does cod cost?")
    tab.press("#question textarea", "Enter")
    tab.wait_for_selector(".notice[role=alert]")
    assert "write it as YYYY-MM-DD" in tab.locator(".notice").inner_text()
    assert tab.locator("#limits > button").inner_text().startswith("Limited to yesterday and later")
    assert tab.input_value("#question textarea") == "What does cod cost?"


def test_a_judgement_is_noted_as_a_labelled_question(tab, page_index):
    from rag.evaluation import evaluate

    def pressed(thumb):
        last(tab).locator(f"button.thumb[data-judged={thumb}]").click()
        tab.wait_for_selector(f".turn:last-of-type button.thumb[data-judged={thumb}][aria-pressed=true]")

    def noted():
        return [json.loads(line) for line in (page_index / "feedback.jsonl").read_text().splitlines()]

    (page_index / "feedback.jsonl").unlink(missing_ok=True)
    ask(tab, "What does cod cost?")
    pressed("up")
    assert noted()[-1]["good"] is True
    ask(tab, "Who is the mayor of Ostwick?")
    pressed("down")
    tab.wait_for_function(
        "document.querySelector('.instead').getBoundingClientRect().bottom"
        " <= document.querySelector('#composer').getBoundingClientRect().top + 1"
    )
    shoot(tab, "judged")
    last(tab).locator(".instead button").nth(1).click()
    tab.wait_for_selector(".turn:last-of-type .instead button[aria-pressed=true]")
    assert noted()[-1]["good"] is False
    assert len(noted()[-1]["evidence"]) >= 1
    found = evaluate(page_index / "feedback.jsonl", page_index)
    assert [(row["question"], row["answerable"]) for row in found.rows] == [
        ("What does cod cost?", True),
        ("Who is the mayor of Ostwick?", True),
    ]
    # The same thumb again takes it back.
    last(tab).locator("button.thumb[data-judged=down]").click()
    tab.wait_for_selector(".turn:last-of-type .instead", state="detached")
    assert noted()[-1]["good"] is None
    assert len(evaluate(page_index / "feedback.jsonl", page_index).rows) == 1


def test_judging_an_older_answer_leaves_the_place(tab):
    for _ in range(4):
        ask(tab, "What tasks does Ines Falk see?")
    first = tab.locator(".turn").first.locator("button.thumb").first
    first.scroll_into_view_if_needed()
    before = first.bounding_box()["y"]
    first.click()
    tab.wait_for_selector(".turn:first-of-type button.thumb[aria-pressed=true]")
    still(tab, "#log")
    assert first.bounding_box()["y"] == pytest.approx(before, abs=2)
    assert first.evaluate("button => document.activeElement === button")


def test_two_tabs_do_not_mix(browser, page, tab):
    with tab_of(browser, page.address) as other:
        ask(tab, "How much does herring cost?")
        ask(other, "When was the new harbour opened?")
        ask(tab, "And cod?")
        assert "twice as much" in last(tab).inner_text()
        assert other.locator(".question").all_inner_texts() == ["When was the new harbour opened?"]
        assert tab.locator(".question").all_inner_texts() == ["How much does herring cost?", "And cod?"]
