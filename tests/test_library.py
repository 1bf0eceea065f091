import shutil
from dataclasses import replace

import pytest

from rag.building import build
from rag.errors import RagError
from rag.index import Index
from rag.library import Library
from rag.settings import Settings
from rag.store import Listing


@pytest.fixture
def library(articles, tmp_path):
    """A library of its own copy of the made articles, indexed."""
    shutil.copytree(articles, tmp_path / "articles")
    settings = Settings(index=str(tmp_path / "index"), articles=(str(tmp_path / "articles"),))
    build(settings.articles, settings.index, settings=settings)
    return Library(settings)


def table(library, **order):
    return Index.open(library.settings.index).store.listing(Listing(**order))


def chosen(library, *ids):
    return [article for article in table(library)[0] if article.id in ids]


def test_an_added_file_is_found_after_the_next_build(library, tmp_path):
    (tmp_path / "ferry.md").write_text("The ferry to Lund leaves at noon on every day but Sunday.")
    assert library.add([tmp_path / "ferry.md"]) == (["ferry.md"], [])
    report = library.build()
    assert report.articles == 4
    assert report.carried_over == report.passages - 1


def test_the_same_file_is_refused_and_another_of_its_name_gets_a_number(library, tmp_path):
    same = shutil.copy(tmp_path / "articles" / "harbour.md", tmp_path / "harbour.md")
    added, refused = library.add([same])
    assert added == []
    assert refused[0].reason == "it is there already"
    (tmp_path / "harbour.md").write_text("Another harbour altogether, with two piers.")
    assert library.add([tmp_path / "harbour.md"]) == (["harbour (2).md"], [])


@pytest.mark.parametrize("name", ["picture.exe", "noending"])
def test_files_without_a_reader_are_refused(library, tmp_path, name):
    (tmp_path / name).write_text("text")
    added, refused = library.add([tmp_path / name])
    assert added == []
    assert "no reader" in refused[0].reason


def test_names_are_made_harmless(library, tmp_path):
    (tmp_path / "..\\..\nup.md").write_text("The mill stands by the river.")
    assert library.add([tmp_path / "..\\..\nup.md"]) == ([".. .. up.md".strip(" .")], [])
    assert {path.parent for path in (tmp_path / "articles").iterdir()} == {tmp_path / "articles"}


def test_what_is_removed_comes_back_with_undo(library, tmp_path):
    removed, refused = library.remove(chosen(library, "harbour.md", "weather.txt"))
    assert sorted(removed) == ["Storms on the coast", "The harbour of Ostwick"]
    assert refused == []
    assert library.build().articles == 1
    assert sorted(library.undo()) == ["harbour.md", "weather.txt"]
    assert library.build().articles == 3
    assert not list((tmp_path / "articles" / ".removed").iterdir())
    with pytest.raises(RagError, match="nothing to bring back"):
        library.undo()


def test_undo_overwrites_nothing(library, tmp_path):
    library.remove(chosen(library, "harbour.md"))
    (tmp_path / "articles" / "harbour.md").write_text("A new one.")
    with pytest.raises(RagError, match="is there again"):
        library.undo()
    assert (tmp_path / "articles" / "harbour.md").read_text() == "A new one."


def test_only_files_of_the_library_are_removed(library, tmp_path):
    outside = tmp_path / "outside.md"
    outside.write_text("Something else.")
    (tmp_path / "articles" / "link").symlink_to(tmp_path)
    article = chosen(library, "harbour.md")[0]
    for id_, path in (("../outside.md", str(outside)), ("link/outside.md", str(outside))):
        removed, refused = library.remove([replace(article, id=id_, path=path)])
        assert removed == []
        assert "not below" in refused[0].reason
    assert outside.exists()


def test_a_file_with_several_articles_goes_only_with_all_of_them(library, tmp_path):
    (tmp_path / "articles" / "news.jsonl").write_text('{"text": "It rained."}\n{"text": "It snowed."}')
    library.build()
    removed, refused = library.remove(chosen(library, "news.jsonl#1"))
    assert removed == []
    assert "1 more articles" in refused[0].reason
    assert (tmp_path / "articles" / "news.jsonl").exists()
    removed, refused = library.remove(chosen(library, "news.jsonl#1", "news.jsonl#2"))
    assert (len(removed), refused) == (2, [])
    assert library.undo() == ["news.jsonl"]


def test_it_is_rebuilt_from_what_it_was_built_from(library, tmp_path):
    other = Library(Settings(index=library.settings.index, articles=("nowhere",)))
    assert other.sources() == [tmp_path / "articles"]
    assert other.build().changed is False


def test_before_the_first_build_the_settings_say_where(tmp_path):
    library = Library(Settings(index=str(tmp_path / "none"), articles=(str(tmp_path / "new"),)))
    with pytest.raises(RagError, match="does not exist; add files"):
        library.build()
    (tmp_path / "a.md").write_text("The mill stands by the river.")
    library.add([tmp_path / "a.md"])
    assert library.build().articles == 1


def test_the_table_of_articles_is_searched_sorted_and_paged(library):
    rows, count = table(library)
    assert (count, [row.title for row in rows]) == (
        3,
        ["Storms on the coast", "The fish market", "The harbour of Ostwick"],
    )
    assert table(library, by="paragraphs", descending=True)[0][0].id == "harbour.md"
    assert [row.id for row in table(library, by="date")[0]] == ["harbour.md", "market.md", "weather.txt"]
    assert [row.id for row in table(library, by="date", descending=True)[0]] == [
        "market.md",
        "harbour.md",
        "weather.txt",
    ]
    assert [row.id for row in table(library, text="falk TRADE")[0]] == ["market.md"]
    assert table(library, text="100%")[1] == 0
    assert [row.id for row in table(library, first=1, most=1)[0]] == ["market.md"]
    assert table(library, by="no; DROP TABLE articles")[1] == 3


def test_an_article_keeps_the_time_it_was_added(library, tmp_path):
    before = {row.id: row.added for row in table(library)[0]}
    (tmp_path / "articles" / "harbour.md").write_text("The harbour is closed.")
    (tmp_path / "articles" / "later.md").write_text("The mill stands by the river.")
    library.build()
    after = {row.id: row.added for row in table(library)[0]}
    assert {id_: after[id_] for id_ in before} == before
    assert after["later.md"] >= max(before.values())
    assert len(after["later.md"]) == 25


def test_what_there_is_to_filter_by(library):
    assert Index.open(library.settings.index).store.facets() == {
        "authors": ["Mara Lind", "Tomas Falk"],
        "tags": ["food", "harbour", "trade"],
    }
