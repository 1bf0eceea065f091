"""Files and folders become articles, or are skipped with a reason."""

import os
from pathlib import Path

import pytest

from rag.articles import LONGEST_LINE, LONGEST_PARAGRAPH, Article, Note, Skipped, read_articles
from rag.duplicates import ArticleSentences
from rag.errors import RagError, UnreadableArticle
from rag.settings import Settings


def skipped(path):
    with pytest.raises(UnreadableArticle) as caught:
        Article.from_file(path)
    return str(caught.value)


def test_paragraphs_are_spans_of_the_text(articles):
    found = list(read_articles([articles]))
    assert [article.id for article in found] == ["harbour.md", "market.md", "weather.txt"]
    for article in found:
        assert [p.number for p in article.paragraphs] == list(range(1, len(article.paragraphs) + 1))
        assert all(article.text[p.start : p.end] == p.text for p in article.paragraphs)
    assert found[0].paragraphs[1].heading == "Plans"
    assert (found[2].title, found[2].paragraphs[0].number) == ("Storms on the coast", 1)


def test_folders_are_read_in_a_stable_order_and_hidden_files_passed_over(tmp_path):
    for name in ("b/two.md", "a/one.md", ".git/config.md", ".hidden.md", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Some text here.")
    assert [article.id for article in read_articles([tmp_path])] == ["c.txt", "a/one.md", "b/two.md"]


def test_a_file_named_twice_is_read_once(tmp_path):
    (tmp_path / "a.md").write_text("Some text here.")
    (tmp_path / "b.md").symlink_to(tmp_path / "a.md")
    assert len(list(read_articles([tmp_path, tmp_path / "a.md"]))) == 1


def test_files_of_the_same_name_have_different_ids(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.md").write_text("Some text here.")
    assert [a.id for a in read_articles([tmp_path / "x", tmp_path / "y"])] == ["a.md", "y/a.md"]


def test_what_cannot_be_read_is_skipped_with_a_reason(tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"\n \n")
    (tmp_path / "binary.txt").write_bytes(b"\x89PNG\x00\x01\x02" * 50)
    (tmp_path / "slides.pptx").write_bytes(b"PK")
    (tmp_path / "only.md").write_text("# Heads\n\n## and no text\n")
    os.mkfifo(tmp_path / "pipe.txt")
    reasons = {item.path.rsplit("/", 1)[1]: item.reason for item in read_articles([tmp_path])}
    assert reasons["empty.txt"] == "it is empty"
    assert "not text" in reasons["binary.txt"]
    assert "no reader for '.pptx'" in reasons["slides.pptx"]
    assert "no running text" in reasons["only.md"]
    assert "not a regular file" in reasons["pipe.txt"]
    assert all(isinstance(item, Skipped) for item in read_articles([tmp_path]))


def test_large_files_are_skipped(tmp_path):
    (tmp_path / "a.txt").write_text("Some text here. " * 1000)
    with pytest.raises(UnreadableArticle, match="max_file_mb"):
        Article.from_file(tmp_path / "a.txt", Settings(max_file_mb=0.001))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, encoding):
    text = "Die Straße führt über die Brücke. Größere Fähren fahren für fünf Euro übers Wasser nach Süden."
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert Article.from_file(tmp_path / "a.txt").paragraphs[0].text == text


def test_an_assumed_encoding_is_noted(tmp_path):
    (tmp_path / "a.txt").write_bytes("Der Fährmann wohnt über dem Hafen.".encode("cp1252"))
    (tmp_path / "b.txt").write_text("Der Fährmann wohnt über dem Hafen.")
    notes = [item for item in read_articles([tmp_path]) if isinstance(item, Note)]
    assert [(note.path, "read as cp1252" in note.text) for note in notes] == [(str(tmp_path / "a.txt"), True)]


def test_what_cannot_be_seen_does_not_reach_an_article(tmp_path):
    (tmp_path / "a.md").write_text('---\ntitle: "A\\u202e title\\ud800"\n---\n\nOne &#x202e;two\0 three\ufeff.')
    article = Article.from_file(tmp_path / "a.md")
    assert article.title == "A title\ufffd"
    assert article.text == "One two three."


def test_names_that_break_lines_or_are_no_text_are_read(tmp_path):
    for name in ("one\ntwo.txt", "x\u202ey.txt", "\x1b[31mred.txt"):
        (tmp_path / name).write_text("Some text here.")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("Some text here.")
    articles = list(read_articles([tmp_path]))
    assert {a.id for a in articles} == {"one\ufffdtwo.txt", "x\ufffdy.txt", "\ufffd[31mred.txt", "caf?.txt"}
    assert all(article.path.isprintable() and article.title.isprintable() for article in articles)


def test_links_in_circles_are_skipped(tmp_path):
    (tmp_path / "a.txt").write_text("Some text here.")
    (tmp_path / "self.txt").symlink_to("self.txt")
    (tmp_path / "gone.txt").symlink_to("nowhere.txt")
    (tmp_path / "around").symlink_to(tmp_path)
    found = list(read_articles([tmp_path]))
    reasons = {item.path.rsplit("/", 1)[1]: item.reason for item in found if isinstance(item, Skipped)}
    assert [item.id for item in found if isinstance(item, Article)] == ["a.txt"]
    assert "link to a folder" in reasons["around"]
    assert set(reasons) == {"around", "self.txt", "gone.txt"}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that can't be read")
def test_a_file_that_cannot_be_read_is_skipped(tmp_path):
    (tmp_path / "a.txt").symlink_to("/proc/self/mem")
    assert skipped(tmp_path / "a.txt") == "it can't be read: Input/output error"


def test_files_that_vanish_or_change_while_others_are_read(tmp_path):
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (tmp_path / name).write_text("Some text here.")
    reading = read_articles([tmp_path])
    first = next(reading)
    (tmp_path / "b.txt").unlink()
    (tmp_path / "c.txt").write_text("Another text.")
    (tmp_path / "d.txt").unlink()
    (tmp_path / "d.txt").mkdir()
    rest = list(reading)
    assert first.id == "a.txt"
    assert [item.text for item in rest if isinstance(item, Article)] == ["Another text."]
    assert [item.path[-5:] for item in rest if isinstance(item, Skipped)] == ["b.txt", "d.txt"]


def test_a_line_of_ten_megabytes_is_cut_into_paragraphs_that_can_be_cited(tmp_path):
    (tmp_path / "a.txt").write_text("The crane unloads forty ships a week. " * 270_000)
    (tmp_path / "b.txt").write_text("x" * 1_000_000)
    long, word = read_articles([tmp_path])
    for article in (long, word):
        assert all(len(p.text) <= LONGEST_PARAGRAPH for p in article.paragraphs)
        assert all(article.text[p.start : p.end] == p.text for p in article.paragraphs)
    assert all(p.text.endswith("week.") for p in long.paragraphs)


def test_titles_and_headings_without_end_are_cut(tmp_path):
    (tmp_path / "a.md").write_text(
        f"---\ntitle: {'word ' * 5000}\nauthor: {'x' * 9000}\n---\n\n# {'head ' * 9000}\n\nText."
    )
    article = Article.from_file(tmp_path / "a.md")
    assert max(map(len, (article.title, article.author, article.paragraphs[0].heading))) <= LONGEST_LINE
    assert article.title.endswith("word…")


def test_the_index_is_not_read(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "README.md").write_text("What is in here.")
    (tmp_path / "a.txt").write_text("Some text here.")
    assert [a.id for a in read_articles([tmp_path], Settings(index=str(tmp_path / "index")))] == ["a.txt"]


def test_a_missing_path_is_a_user_error(tmp_path):
    with pytest.raises(RagError, match="does not exist"):
        read_articles([tmp_path / "nowhere"])


def test_set_phrases_are_stripped(tmp_path):
    (tmp_path / "a.txt").write_text("They manuSTAMPfacture steel.")
    article = Article.from_file(tmp_path / "a.txt", Settings(strip_phrases=("STAMP",)))
    assert article.text == "They manufacture steel."


def test_markup_in_an_article_is_text(tmp_path):
    (tmp_path / "a.txt").write_text("Use <script>alert(1)</script> and {{ braces }}.")
    assert Article.from_file(tmp_path / "a.txt").text == "Use <script>alert(1)</script> and {{ braces }}."


@pytest.fixture(scope="module")
def hard_case(china):
    return next(iter(read_articles([china])))


def test_the_watermark_is_gone_and_words_are_whole(hard_case):
    assert "World Times" not in hard_case.text
    for words in ("a global scale", "engineering manufacturing", "will dominate", "very strong", "highly similar"):
        assert words in hard_case.text
    assert "the Global Times" in hard_case.text


def test_labels_and_credits_are_no_evidence(hard_case):
    texts = [paragraph.text for paragraph in hard_case.paragraphs]
    for label in ("Summary", "Approximate Time", "Categories", "Main Section", "Photo: VCG"):
        assert label not in texts
    assert not any("1653 words" in text or text.startswith("AI model research, large") for text in texts)
    assert "Future trends of China AI models" in {paragraph.heading for paragraph in hard_case.paragraphs}


def test_the_summary_is_a_digest_of_the_body(hard_case):
    assert ArticleSentences(hard_case).digests == {1}
