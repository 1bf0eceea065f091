"""Searching: what is found, how it is ranked, collapsed and filtered."""

import shutil
import threading

import pytest

from rag import Filters, Retriever, Settings, build
from rag.errors import RagError


@pytest.mark.parametrize(
    ("query", "article", "paragraph"),
    [
        ("When was the new harbour opened?", "harbour.md", 1),
        ("price of herring per kilo", "market.md", 2),
        ("Who keeps the lighthouse?", "weather.txt", 2),
        ("What are the tasks of the harbour master?", "harbour.md", 2),
    ],
)
def test_the_right_passage_comes_first(retriever, query, article, paragraph):
    hit = retriever.search(query)[0]
    assert hit.article.id == article
    assert paragraph in [p.number for p in hit.paragraphs]


def test_a_hit_tells_where_it_stands(retriever):
    hits = retriever.search("cranes", k=3)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    for hit in hits:
        assert hit.article.text[hit.start : hit.end] == hit.text
        assert 0 <= hit.score <= 1
        values = hit.to_dict()
        assert set(values) >= {"score", "article", "paragraphs", "text"}
        assert set(values["article"]) >= {"id", "title", "path"}
        assert values["paragraphs"][0] == {
            "number": hit.paragraphs[0].number,
            "text": hit.paragraphs[0].text,
            "place": "",
        }


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(articles=("market.md",)), {"market.md"}),
        (Filters(authors=("mara lind",)), {"harbour.md"}),
        (Filters(tags=("Food",)), {"market.md"}),
        (Filters(tags=("trade",)), {"harbour.md", "market.md"}),
        (Filters(since="2024-01-01"), {"market.md"}),
        (Filters(until="2023"), {"harbour.md"}),
        (Filters(tags=("trade",), until="2023-04-02"), {"harbour.md"}),
        (Filters(authors=("nobody",)), set()),
    ],
)
def test_filters(retriever, filters, found):
    assert {hit.article.id for hit in retriever.search("Ostwick", k=20, filters=filters)} == found


def test_a_wrong_date_is_a_user_error(retriever):
    with pytest.raises(RagError, match="is not a date"):
        retriever.search("x", filters=Filters(since="soon"))


@pytest.mark.parametrize("query", ["", "  ", "\n"])
def test_an_empty_query_is_a_user_error(retriever, query):
    with pytest.raises(RagError, match="empty"):
        retriever.search(query)


def test_no_hits_wanted_is_a_user_error(retriever):
    with pytest.raises(RagError, match="at least 1"):
        retriever.search("x", k=0)


ODD = ["?!", "the", '"(', "é" * 5000, "word " * 3000, "\udc80 broken", "{{x}} <b>", "日本語"]


@pytest.mark.parametrize("query", ODD)
def test_any_text_can_be_searched(retriever, query):
    assert len(retriever.search(query, k=2)) <= 2


def test_the_same_text_twice_is_one_hit_with_two_places(articles, tmp_path):
    folder = shutil.copytree(articles, tmp_path / "articles")
    shutil.copy(folder / "weather.txt", folder / "weather-again.txt")
    build(folder, tmp_path / "index")
    hits = Retriever.open(tmp_path / "index").search("What does the keeper want?", k=10)
    first = hits[0]
    assert {first.article.id, *(place.article.id for place in first.places)} == {"weather.txt", "weather-again.txt"}
    assert sum(hit.text == first.text for hit in hits) == 1


def test_threads_get_the_same_answers(retriever):
    queries = ["herring price", "storm damage", "railway", "museum"] * 4
    alone = {query: [(h.article.id, h.start) for h in retriever.search(query)] for query in queries}
    together: dict = {}

    def search(number, query):
        together[number] = [(h.article.id, h.start) for h in retriever.search(query)]

    threads = [threading.Thread(target=search, args=pair) for pair in enumerate(queries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[i] for i in range(len(queries))] == [alone[query] for query in queries]


def test_a_paragraph_that_stands_everywhere_takes_no_others_place(tmp_path):
    folder = tmp_path / "articles"
    folder.mkdir()
    for number in range(100):
        own = "The lighthouse keeper is Olga Brandt." if number == 41 else f"Ship {number} carries herring."
        about = "Who is the keeper? Ask the keeper: keeper, lighthouse, Ostwick."
        (folder / f"{number:03}.md").write_text(f"Note {number}\n\n## News\n\n{own}\n\n## About\n\n{about}")
    build(folder, tmp_path / "index", settings=Settings(merge_tokens=0))
    hits = Retriever.open(tmp_path / "index").search("Who is the keeper of the lighthouse?", k=5)
    texts = [hit.text for hit in hits]
    assert len(set(texts)) == len(texts) == 5
    assert "The lighthouse keeper is Olga Brandt." in texts
    everywhere = next(hit for hit in hits if hit.text.startswith("Who is the keeper?"))
    articles = {everywhere.article.id, *(place.article.id for place in everywhere.places)}
    assert len(everywhere.places) + 1 == len(articles) >= 60
