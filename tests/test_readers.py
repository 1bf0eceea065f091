"""Formats become blocks."""

import pytest

from rag.errors import UnreadableArticle
from rag.readers import File, reader_of
from rag.readers.document import Kind, day, is_credit


def read(suffix, text):
    """The one document in a file of this text."""
    (document,) = reader_of(suffix).read(File(text.encode()))
    return document


def paragraphs(document):
    return [block.text for block in document.blocks if block.kind is Kind.PARAGRAPH]


def kinds(document):
    return [(block.kind.value, block.text) for block in document.blocks]


def test_markdown_with_front_matter():
    document = read(
        ".md",
        "---\ntitle: A *plain* title\nauthor: [Ann, Ben]\ndate: 2024-03-01\nurl: https://example.org/a\n"
        "tags: one, two\n---\n\n# Head\n\nFirst *paragraph* with a [link](https://x.org)\nand a second line.\n\n"
        "![picture](a.png)\n\n- one\n- two\n  - inner\n\n1. first\n2. second\n\n```\ncode\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
    )
    assert (document.title, document.author, document.date) == ("A *plain* title", "Ann, Ben", "2024-03-01")
    assert (document.url, document.tags) == ("https://example.org/a", ("one", "two"))
    assert kinds(document) == [
        ("heading", "Head"),
        ("paragraph", "First paragraph with a link and a second line."),
        ("paragraph", "one\ntwo\ninner"),
        ("paragraph", "1. first\n2. second"),
        ("aside", "code"),
        ("paragraph", "a | b"),
        ("paragraph", "1 | 2"),
    ]


def test_markdown_title_from_its_heading():
    assert read(".md", "# The title\n\nText.").title == "The title"


def test_broken_front_matter_says_where():
    with pytest.raises(UnreadableArticle, match="front matter is not valid YAML in line 4"):
        read(".md", "---\ntitle: a\nbad: [1, 2\n---\ntext")


def test_two_rules_are_no_front_matter():
    assert paragraphs(read(".md", "---\n\nJust text.\n\n---\n\nMore.")) == ["Just text.", "More."]


def test_html_gives_main_text_and_metadata():
    document = read(
        ".html",
        """<html><head><title>Old oak felled</title><meta name="author" content="Ann Moor">
        <meta property="article:published_time" content="2024-05-02"><link rel="canonical"
        href="https://example.org/oak"></head><body><nav><a href="/">Home</a><a href="/n">News</a></nav>
        <article><h1>Old oak felled</h1><p>The oak on the market square was felled on Monday, after a storm had
        split its trunk in the night before.</p><p>It was planted in 1790, when the town hall was built, and
        outlived four of them.</p><h2>What comes next</h2><p>The council will plant three limes in its place,
        as soon as the ground has been prepared for them.</p></article><footer>Cookies Terms</footer></body></html>""",
    )
    assert (document.title, document.author, document.date) == ("Old oak felled", "Ann Moor", "2024-05-02")
    assert document.url == "https://example.org/oak"
    assert [p.split()[1] for p in paragraphs(document)] == ["oak", "was", "council"]
    assert ("heading", "What comes next") in kinds(document)
    assert not any("Cookies" in block.text or "Home" in block.text for block in document.blocks)


def test_a_page_without_text_is_refused():
    with pytest.raises(UnreadableArticle, match="no main text"):
        read(".html", "<html><body><script>1</script></body></html>")


def test_text_with_one_paragraph_a_line():
    document = read(
        ".txt", "A title of words\nFirst paragraph here.\nPhoto: VCG\nNext\nSecond paragraph, it is.\nTags, list"
    )
    assert kinds(document) == [
        ("heading", "A title of words"),
        ("paragraph", "First paragraph here."),
        ("aside", "Photo: VCG"),
        ("heading", "Next"),
        ("paragraph", "Second paragraph, it is."),
        ("aside", "Tags, list"),
    ]
    assert document.title == "A title of words"


def test_text_broken_to_a_width_is_joined():
    line = "words that go on and on until the line is full and"
    text = f"{line}\n{line}\nends here.\n\n{line}\n{line}\nstops there."
    assert paragraphs(read(".txt", text)) == [f"{line} {line} ends here.", f"{line} {line} stops there."]


def test_text_without_punctuation_is_all_paragraphs():
    assert len(paragraphs(read(".txt", "a poem without\nany full stop\nat the end\nof its lines"))) == 4


def test_list_lines_are_one_paragraph():
    assert paragraphs(read(".txt", "There are two kinds.\n- red ones\n- blue ones\nThat is all.")) == [
        "There are two kinds.",
        "red ones\nblue ones",
        "That is all.",
    ]


@pytest.mark.parametrize("text", ["Photo: VCG", "Image credit: Ann", "© 2024 Agency", "(Photo by Ann / Agency)"])
def test_credits_are_known(text):
    assert is_credit(text)


def test_sentences_are_no_credits():
    assert not is_credit("Photography changed in 1888.")
    assert not is_credit("Sources close to the talks said that they failed.")


@pytest.mark.parametrize(
    ("said", "meant"),
    [("2024-03-01T10:00:00Z", "2024-03-01"), ("March 1, 2024", "2024-03-01"), ("soon", ""), (None, "")],
)
def test_dates(said, meant):
    assert day(said) == meant


def test_unknown_formats_have_no_reader():
    assert reader_of(".xyz") is None
    assert reader_of(".HTML") is not None
