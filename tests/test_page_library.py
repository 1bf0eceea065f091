"""The library on the page: its table, and what changes its files."""

import re
import shutil

import pytest
from page_made import CHROMIUM, ask, last, make_page_articles, read, served, shoot, tab_of

from rag.building import build
from rag.settings import Settings

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def library(articles, tmp_path_factory):
    """A page whose library may be changed, and its folder; each test leaves the articles that it found."""
    folder = shutil.copytree(articles, tmp_path_factory.mktemp("library") / "articles")
    make_page_articles(folder)
    settings = Settings(index=str(folder.parent / "index"), articles=(str(folder),), max_file_mb=0.1)
    build(folder, settings.index, settings=settings)
    with served(settings) as page:
        page.folder = folder
        yield page


@pytest.fixture
def tab(browser, library):
    """Its library in a browser tab."""
    with tab_of(browser, library.address) as tab:
        tab.wait_for_selector(".welcome:has-text('What would you like')")
        tab.get_by_role("tab", name="Library").click()
        tab.wait_for_selector("table.articles tbody tr")
        # Whether a build was ever seen to go on.
        tab.evaluate(
            "new MutationObserver(() => (window.seen ||= document.querySelector('#job progress')))"
            ".observe(document.querySelector('#job'), { childList: true, subtree: true })"
        )
        yield tab


def titles(tab):
    return tab.locator("table.articles tbody th").all_inner_texts()


def column(tab, name):
    return tab.locator(f"table.articles td[data-name={name}]").all_inner_texts()


def built(tab, text):
    """Wait for the summary of a build that says `text`."""
    tab.wait_for_selector(f"#job .job:has-text('{text}'):has(button:has-text('Close'))")


def chosen(tab):
    """What is said above what can be done to the chosen articles."""
    return tab.evaluate("getComputedStyle(document.querySelector('#table .chosen'), '::before').content")


def choose(tab, *names):
    for name in names:
        tab.get_by_label(f"Choose {name}", exact=True).check()


def test_the_table_says_what_there_is(tab):
    shoot(tab, "library")
    row = tab.locator("table.articles tbody tr", has_text="The fish market")
    assert "Tomas Falk" in row.inner_text()
    assert "2024-01-15" in row.inner_text()
    assert "market.md" in row.inner_text()
    facts = tab.locator("#facts").inner_text()
    assert "6 articles" in facts
    assert "all-MiniLM-L6-v2" in facts
    assert "passages" in facts
    assert "MB" in facts
    assert re.search(r"build 0000\d\d of 20\d\d-\d\d-\d\d \d\d:\d\d UTC", facts)


def test_it_is_sorted_by_any_column_and_filtered_by_words(tab):
    assert titles(tab) == sorted(titles(tab), key=str.casefold)
    tab.get_by_role("button", name="Paragraphs").click()
    tab.wait_for_selector("th[aria-sort=ascending]:has-text('Paragraphs')")
    tab.get_by_role("button", name="Paragraphs").click()
    tab.wait_for_selector("th[aria-sort=descending]:has-text('Paragraphs')")
    assert column(tab, "Paragraphs")[0] == "91"
    assert tab.evaluate("document.activeElement.innerText").startswith("Paragraphs")
    tab.get_by_label("Find").fill("falk trade")
    tab.wait_for_function("document.querySelectorAll('table.articles tbody tr').length === 1")
    assert titles(tab) == ["The fish market"]
    tab.get_by_label("Find").fill("nothing like it")
    tab.wait_for_selector("#table .none")
    assert "No article has these words" in tab.locator("#table").inner_text()


def test_an_article_of_the_table_is_read(tab):
    tab.locator("table.articles").get_by_role("button", name="The mill of Harrow").click()
    reader = read(tab)
    assert reader.locator("h2").inner_text() == "The mill of Harrow"
    assert reader.locator("mark").count() == 0
    tab.keyboard.press("Escape")
    tab.wait_for_selector("#reader", state="detached")


def test_files_are_added_indexed_and_asked_and_those_left_out_are_named(tab, library, tmp_path):
    (tmp_path / "ferry.md").write_text("# The ferry\n\nThe ferry to Lund leaves at noon on every day but Sunday.")
    (tmp_path / "empty.md").write_text("")
    (tmp_path / "picture.xyz").write_text("no text")
    (tmp_path / "old.txt").write_bytes(
        "In Århus the café opens at nine, “says” Zoë, and closes late.\n".encode("cp1252") * 3
    )
    shutil.copy(library.folder / "market.md", tmp_path / "copy.md")
    names = ("ferry.md", "empty.md", "picture.xyz", "old.txt", "copy.md")
    tab.set_input_files("#files input", [tmp_path / name for name in names])
    built(tab, "Indexed 9 articles")
    shoot(tab, "added")
    said = tab.locator("#job").inner_text()
    assert tab.evaluate("Boolean(window.seen)")
    assert "picture.xyz: there is no reader for such files" in said
    listed = tab.locator("#job li").all_inner_texts()
    assert "empty.md: it is empty" in listed
    assert "market.md: its text is that of copy.md" in listed
    assert any(line.startswith("old.txt: it was read as ") for line in listed)
    assert str(library.folder) not in said
    assert "The ferry" in titles(tab)
    assert "9 articles" in tab.locator("#facts").inner_text()
    tab.get_by_role("tab", name="Ask").click()
    tab.wait_for_selector(".welcome:has-text('9 articles')")
    ask(tab, "When does the ferry to Lund leave?")
    assert "noon" in last(tab).locator(".sentences").inner_text()
    for name in ("ferry.md", "empty.md", "old.txt", "copy.md"):
        (library.folder / name).unlink()
    tab.get_by_role("tab", name="Library").click()
    tab.get_by_role("button", name="Rebuild").click()
    built(tab, "Indexed 6 articles")


def test_a_dropped_file_is_added(tab, library):
    dropped = tab.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["The lock of Brent has eleven gates."], "lock.txt", { type: "text/plain" }));
          return data;
        }"""
    )
    tab.dispatch_event("#files button", "drop", {"dataTransfer": dropped})
    built(tab, "Added lock.txt")
    assert (library.folder / "lock.txt").exists()
    (library.folder / "lock.txt").unlink()
    tab.get_by_role("button", name="Rebuild").click()
    built(tab, "Indexed 6 articles")


def test_what_is_too_large_is_refused_with_a_message(tab, library, tmp_path):
    (tmp_path / "large.txt").write_text("word " * 40_000)
    tab.set_input_files("#files input", tmp_path / "large.txt")
    tab.wait_for_selector(".toast-wrap:has-text('exceed the maximum allowed size')")
    shoot(tab, "too-large")
    assert not (library.folder / "large.txt").exists()


def test_articles_are_removed_and_brought_back(tab, library):
    choose(tab, "The harbour of Ostwick", "Storms on the coast")
    assert "2 chosen" in chosen(tab)
    tab.get_by_role("button", name="Remove", exact=True).click()
    built(tab, "Removed 2 articles")
    shoot(tab, "removed")
    assert not (library.folder / "harbour.md").exists()
    tab.wait_for_function("document.querySelectorAll('table.articles tbody tr').length === 4")
    # Their rows are others' now, which nobody has chosen.
    tab.wait_for_selector("#table .chosen", state="hidden")
    assert tab.locator("#table tbody input:checked").count() == 0
    tab.locator("#job").get_by_role("button", name="Bring back what was removed").click()
    built(tab, "Brought back")
    tab.wait_for_function("document.querySelectorAll('table.articles tbody tr').length === 6")
    assert (library.folder / "harbour.md").exists()
    tab.locator("#job").get_by_role("button", name="Close").click()
    tab.wait_for_selector("#job .job", state="detached")


def test_an_article_stays_chosen_wherever_its_row_moves_to(tab):
    def checked():
        return tab.locator("#table tbody tr:has(input:checked) th").all_inner_texts()

    assert not tab.locator("#table .chosen").is_visible()
    choose(tab, "The fish market")
    assert "1 chosen" in chosen(tab)
    tab.click("th button[data-by=title]")
    tab.wait_for_selector("th[aria-sort=descending]:has-text('Title')")
    tab.wait_for_function("document.querySelector('#table input:checked')?.value === 'market.md'")
    assert checked() == ["The fish market"]
    tab.get_by_label("Find").fill("storms")
    tab.wait_for_selector("#table .pages:has-text('1–1 of 1 article')")
    assert checked() == []
    tab.get_by_label("Choose all articles shown").check()
    assert "2 chosen" in chosen(tab)
    shoot(tab, "chosen")
    tab.get_by_label("Find").fill("")
    tab.wait_for_selector("#table .pages:has-text('of 6 articles')")
    tab.wait_for_function("document.querySelectorAll('#table tbody input:checked').length === 2")
    assert checked() == ["The fish market", "Storms on the coast"]


def test_rebuilding_and_going_back(tab, library):
    tab.get_by_role("button", name="Rebuild").click()
    built(tab, "Nothing has changed; 6 articles indexed.")
    (library.folder / "late.md").write_text("The kiln of Dorn was lit for the last time in 1950.")
    tab.get_by_role("button", name="Rebuild").click()
    built(tab, "Indexed 7 articles")
    tab.get_by_role("button", name="Go back a build").click()
    tab.wait_for_selector("#job:has-text('Rebuild brings the index up to date again.')")
    tab.wait_for_function("document.querySelectorAll('table.articles tbody tr').length === 6")
    (library.folder / "late.md").unlink()
    tab.get_by_role("button", name="Rebuild").click()
    built(tab, "Nothing has changed; 6 articles indexed.")


def test_everybody_sees_the_build_and_one_runs_at_a_time(browser, tab, library):
    with library.keeper._library._lock:
        choose(tab, "The harbour of Ostwick")
        # Waits for the library, which is held here.
        tab.get_by_role("button", name="Remove", exact=True).click()
        while not (library.keeper._jobs.job and library.keeper._jobs.job.running):
            tab.wait_for_timeout(20)
    built(tab, "Removed")
    with tab_of(browser, library.address) as other:
        other.wait_for_selector("#job:has-text('Removed')")
        other.locator("#job").get_by_role("button", name="Bring back what was removed").click()
        built(other, "Brought back harbour.md")


def test_a_build_can_be_stopped(tab, library):
    for part in range(6):
        lines = (f"Line {n} of log {part} tells of wind {n * part}." for n in range(2000))
        (library.folder / f"many{part}.txt").write_text("\n\n".join(lines))
    facts = tab.locator("#facts .facts")
    before = facts.inner_text()
    tab.get_by_role("button", name="Rebuild").click()
    tab.locator("#job").get_by_role("button", name="Stop").click()
    built(tab, "the index is as it was before")
    assert facts.inner_text() == before
    for file in library.folder.glob("many*.txt"):
        file.unlink()


def test_questions_are_asked_within_the_chosen_articles(tab):
    choose(tab, "The harbour of Ostwick")
    tab.get_by_role("button", name="Ask within these").click()
    tab.wait_for_selector("#limits > button:has-text('Limited to 1 article')")
    ask(tab, "What does cod cost?")
    assert last(tab).locator(".refusal").count() == 1
    ask(tab, "When was the new harbour opened?")
    assert "The harbour of Ostwick" in last(tab).locator(".sources").inner_text()
    assert "The year in Ostwick" not in last(tab).locator(".sources").inner_text()
