"""PDF, DOCX, EPUB, JSON, CSV and feeds become articles that know their page, chapter or row."""

import json
import sys

import pytest
from files_made import ATOM, LIMES, OAK, RSS, TOWN, make_docx, make_epub, make_pdf, packed

from rag.articles import Article, Skipped, read_articles
from rag.errors import UnreadableArticle
from rag.readers import File, reader_of
from rag.readers.markup import blocks
from rag.settings import Settings


def articles(path, **settings):
    return [item for item in read_articles([path], Settings(**settings)) if isinstance(item, Article)]


def skipped(path, **settings):
    """Why what was skipped was, by file name."""
    found = read_articles([path], Settings(**settings))
    return {item.path.rpartition("/")[2]: item.reason for item in found if isinstance(item, Skipped)}


def places(article):
    return [(p.place, p.heading, p.text) for p in article.paragraphs]


def test_a_pdf_has_its_pages_headings_and_paragraphs(tmp_path):
    pages = [["# The night", f"{OAK} {TOWN}", LIMES], ["# After it", TOWN], [f"{LIMES} {OAK}"]]
    (article,) = articles(make_pdf(tmp_path / "a.pdf", pages, head="The Ostwick Review"))
    assert (article.title, article.author) == ("Old trees", "Ann Moor")
    assert places(article) == [
        ("p. 1", "The night", f"{OAK} {TOWN}"),
        ("p. 1", "The night", LIMES),
        ("p. 2", "After it", TOWN),
        ("p. 3", "After it", f"{LIMES} {OAK}"),
    ]
    assert "Review" not in article.text
    assert "page" not in article.text


def test_a_paragraph_that_goes_on_on_the_next_page_is_one(tmp_path):
    pages = [[f"{OAK} The council said that"], [f"nobody was to blame. {TOWN}"]]
    (article,) = articles(make_pdf(tmp_path / "a.pdf", pages))
    assert places(article) == [("pp. 1–2", "", f"{OAK} The council said that nobody was to blame. {TOWN}")]


def test_lists_and_divided_words_in_a_pdf(tmp_path):
    pages = [[f"{OAK} They plan a new\nmuni-\ncipal park with", "- three limes\n- one bench\n  of oak", LIMES]]
    (article,) = articles(make_pdf(tmp_path / "a.pdf", pages))
    texts = [p.text for p in article.paragraphs]
    assert texts[0].endswith("They plan a new municipal park with")
    assert texts[1:] == ["three limes\none bench of oak", LIMES]


def test_pdfs_that_cannot_be_read_are_skipped(tmp_path):
    from fpdf import FPDF
    from pypdf import PdfWriter

    whole = make_pdf(tmp_path / "whole.pdf", [[OAK]])
    for name, password in (("secret.pdf", "secret"), ("open.pdf", "")):
        writer = PdfWriter(clone_from=whole)
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
        writer.write(tmp_path / name)
    (tmp_path / "cut.pdf").write_bytes(whole.read_bytes()[:200])
    (tmp_path / "no.pdf").write_text("This is no PDF.")
    picture = FPDF()
    picture.add_page()
    picture.output(str(tmp_path / "picture.pdf"))
    assert [a.id for a in articles(tmp_path)] == ["open.pdf", "whole.pdf"]
    reasons = skipped(tmp_path)
    assert "encrypted with a password" in reasons["secret.pdf"]
    assert "OCR" in reasons["picture.pdf"]
    assert "no whole PDF" in reasons["no.pdf"]
    assert set(reasons) == {"secret.pdf", "cut.pdf", "no.pdf", "picture.pdf"}


def test_a_word_document_has_headings_lists_tables_and_noted_pages(tmp_path):
    (article,) = articles(make_docx(tmp_path / "a.docx"))
    assert (article.title, article.author, article.date) == ("Old oak felled", "Ann Moor", "")
    assert places(article) == [
        ("p. 1", "", OAK),
        ("p. 1", "What comes next", "three limes\none bench"),
        ("p. 2", "What comes next", LIMES),
        ("p. 2", "What comes next", "Cost | 400 crowns"),
    ]


@pytest.mark.parametrize("version", [2, 3])
def test_a_book_knows_its_chapters(tmp_path, version):
    (article,) = articles(make_epub(tmp_path / "a.epub", version=version))
    assert (article.title, article.author, article.date) == ("Trees & towns", "Ann Moor", "2019-05-02")
    assert article.tags == ("trees",)
    assert places(article) == [("Chapter One", "One", OAK), ("Chapter Two", "Two", TOWN)]


def test_archives_that_cannot_be_read_are_skipped(tmp_path):
    (tmp_path / "bomb.epub").write_bytes(packed(a="\0" * 30_000_000))
    (tmp_path / "bomb.docx").write_bytes(packed(**{"word/document.xml": "\0" * 30_000_000}))
    (tmp_path / "empty.docx").write_bytes(packed(a="b"))
    (tmp_path / "empty.epub").write_bytes(packed(a="b"))
    (tmp_path / "no.epub").write_text("This is no book.")
    (tmp_path / "old.docx").write_bytes(b"\xd0\xcf\x11\xe0" * 100)
    make_epub(
        tmp_path / "protected.epub",
        **{"META-INF/encryption.xml": '<encryption><CipherReference URI="OPS/c0.xhtml"/></encryption>'},
    )
    make_epub(tmp_path / "laughs.epub", **{"OPS/book.opf": '<!DOCTYPE a [<!ENTITY a "&b;&b;">]><package/>'})
    cut = make_epub(tmp_path / "cut.epub").read_bytes()
    (tmp_path / "cut.epub").write_bytes(cut[: len(cut) // 2])
    reasons = skipped(tmp_path, max_file_mb=2)
    assert "MB unpacked" in reasons["bomb.epub"]
    assert "MB unpacked" in reasons["bomb.docx"]
    assert "no whole DOCX" in reasons["empty.docx"]
    assert "no whole EPUB" in reasons["empty.epub"]
    assert "no whole archive" in reasons["no.epub"]
    assert "no whole archive" in reasons["cut.epub"]
    assert "encrypted" in reasons["old.docx"]
    assert "DRM" in reasons["protected.epub"]
    assert "entities" in reasons["laughs.epub"]


def test_an_archive_that_lies_about_its_size_is_skipped(tmp_path):
    data = packed(**{"META-INF/container.xml": "<a>" * 5_000_000})
    size = (15_000_000).to_bytes(4, "little")
    assert data.count(size) == 2
    (tmp_path / "a.epub").write_bytes(data.replace(size, (100).to_bytes(4, "little")))
    assert "no whole EPUB" in skipped(tmp_path)["a.epub"]


def test_a_feed_is_an_article_for_each_entry(tmp_path):
    (tmp_path / "feed.rss").write_text(RSS)
    oak, limes = articles(tmp_path)
    assert (oak.id, oak.title, oak.author, oak.date) == (
        "feed.rss#1",
        "Old oak felled & sold",
        "Ann Moor",
        "2024-05-02",
    )
    assert (oak.url, oak.tags) == ("https://example.org/oak", ("trees", "town"))
    assert places(oak) == [("entry 1", "The night", OAK), ("entry 1", "The night", "one\ntwo")]
    assert places(limes) == [("entry 2", "", LIMES)]
    assert skipped(tmp_path) == {"feed.rss, entry 3": "there is no text in it"}


def test_an_atom_feed(tmp_path):
    (tmp_path / "feed.xml").write_text(ATOM)
    (article,) = articles(tmp_path)
    assert (article.author, article.date, article.url) == ("Ben Holm", "2024-05-02", "https://example.org/oak")
    assert [p.text for p in article.paragraphs] == [OAK, TOWN]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<a><b/></a>", "no RSS or Atom feed"),
        ("<rss/>", "no entries"),
        ("not at all", "not valid XML"),
        (
            '<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><rss><item><title>&b;</title></item></rss>',
            "declares entities",
        ),
    ],
)
def test_xml_of_other_kinds_is_skipped(tmp_path, content, said):
    (tmp_path / "a.xml").write_text(content)
    assert said in next(iter(skipped(tmp_path).values()))


def test_nothing_outside_is_read_by_a_feed(tmp_path):
    (tmp_path / "secret").write_text("the secret")
    (tmp_path / "a.xml").write_text(
        f'<!DOCTYPE rss SYSTEM "file://{tmp_path}/secret"><rss><item><description>{OAK} &x;</description></item></rss>'
    )
    assert "secret" not in articles(tmp_path / "a.xml")[0].text


def test_lines_of_json_are_articles_and_a_broken_one_costs_itself_only(tmp_path):
    lines = [
        json.dumps(
            {"headline": "Oak", "body": f"{OAK}\n\n{TOWN}", "byline": ["Ann", "Ben"], "published": "2024-05-02"}
        ),
        "{broken",
        json.dumps({"title": "No text"}),
        json.dumps(
            {"title": "Limes \ud800", "content": f"<p>{LIMES}</p><p>Two &amp; two.</p>", "url": "https://e.org"}
        ),
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    oak, limes = articles(tmp_path)
    assert (oak.id, oak.title, oak.author, oak.date) == ("a.jsonl#1", "Oak", "Ann, Ben", "2024-05-02")
    assert places(oak) == [("line 1", "", OAK), ("line 1", "", TOWN)]
    assert [p.text for p in limes.paragraphs] == [LIMES, "Two & two."]
    assert limes.title == "Limes \ufffd"
    assert skipped(tmp_path) == {
        "a.jsonl, line 2": "it is not valid JSON",
        "a.jsonl, line 3": "there is no text in it",
    }


def test_records_of_a_json_file(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps([{"id": "x", "text": OAK}, {"id": "y", "text": TOWN}]))
    (tmp_path / "object.json").write_text(json.dumps({"version": 1, "items": [{"content_html": f"<p>{OAK}"}]}))
    (tmp_path / "one.json").write_text(json.dumps({"text": [OAK, TOWN], "title": "Oak", "comments": [{"text": "No."}]}))
    assert [a.id for a in articles(tmp_path)] == ["list.json#x", "list.json#y", "object.json#1", "one.json"]


def test_fields_are_named_by_the_setting(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"text": "Wrong one.", "post": {"story": OAK}, "Kopf": "Oak"}))
    (article,) = articles(tmp_path, fields=("text=post.story", "title=kopf"))
    assert (article.title, article.text) == ("Oak", OAK)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_of_a_table_are_articles(tmp_path, delimiter):
    rows = [
        ["Title", "Text", "Author"],
        ["Oak", f'"{OAK}\n\n{TOWN}"', "Ann"],
        ["", "", ""],
        ["Limes", f'"{LIMES}"', ""],
    ]
    (tmp_path / "a.csv").write_text("\n".join(delimiter.join(row) for row in rows))
    oak, limes = articles(tmp_path)
    assert (oak.title, oak.author, places(oak)) == ("Oak", "Ann", [("row 2", "", OAK), ("row 2", "", TOWN)])
    assert (limes.id, places(limes)) == ("a.csv#4", [("row 4", "", LIMES)])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{", "not valid JSON"),
        ("a.json", '{"a": 1}', "setting fields"),
        ("a.json", "[" * 100_000, "not valid JSON"),
        ("a.jsonl", '{"a": 1}\n{"b": 2}', "no line in it has a text"),
        ("a.csv", "a,b\n1,2", "no row in it has a text"),
    ],
)
def test_records_without_text_are_skipped(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    assert said in next(iter(skipped(tmp_path).values()))


@pytest.mark.parametrize(("suffix", "module", "name"), [(".pdf", "pypdf", "pdf"), (".docx", "docx", "docx")])
def test_a_missing_extra_is_named_with_the_command(monkeypatch, suffix, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UnreadableArticle, match=rf"needs {module}; run: pip install -e '.\[{name}\]'"):
        list(reader_of(suffix).read(File(b"x")))


def test_markup_becomes_blocks():
    found = blocks(
        "loose<h2>Head</h2><p>One <b>two</b><br>three</p><div>four<p>five</p>six</div><script>no</script>seven"
        "<ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul><table><tr><td>d</td><td>e</td></tr></table>"
        "<pre>f\n g</pre><!-- no -->end"
    )
    assert [(block.kind.value, block.text) for block in found] == [
        ("paragraph", "loose"),
        ("heading", "Head"),
        ("paragraph", "One two three"),
        ("paragraph", "four"),
        ("paragraph", "five"),
        ("paragraph", "six"),
        ("paragraph", "seven"),
        ("paragraph", "a\nb\nc"),
        ("paragraph", "d | e"),
        ("aside", "f\n g"),
        ("paragraph", "end"),
    ]
