"""Paragraphs become passages."""

from articles_made import make_article
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunking import embedded_text, split_passages


def words(texts):
    """A token count that is easy to reckon with: one for each word."""
    return [len(text.split()) for text in texts]


def split(article, max_tokens=42, merge_tokens=8):
    return split_passages(article, words, max_tokens, merge_tokens)


def text_of(count, start=0):
    return " ".join(f"w{i}" for i in range(start, start + count)) + "."


def test_a_paragraph_that_fits_is_kept_whole():
    article = make_article(text_of(20), text_of(30))
    assert [p.paragraphs for p in split(article)] == [(1,), (2,)]


def test_short_paragraphs_are_merged_under_the_same_heading():
    article = make_article(("One", "Short first."), ("One", text_of(20)), ("Two", "Short last."))
    assert [p.paragraphs for p in split(article)] == [(1, 2), (3,)]


def test_a_short_last_paragraph_joins_the_one_before_it():
    article = make_article(text_of(20), "Short last.")
    assert [p.paragraphs for p in split(article)] == [(1, 2)]


def test_merging_never_exceeds_the_room():
    article = make_article("One two three.", text_of(36))
    assert [p.paragraphs for p in split(article)] == [(1,), (2,)]


def test_a_long_paragraph_is_windowed_at_sentence_ends():
    sentences = [f"Sentence number {i} has exactly eight words here." for i in range(12)]
    article = make_article(" ".join(sentences))
    passages = split(article)
    assert len(passages) > 2
    assert all(p.text.startswith("Sentence") and p.text.endswith("here.") for p in passages)
    assert all(p.paragraphs == (1,) for p in passages)


def test_windows_share_a_sentence():
    sentences = [f"Sentence number {i} has exactly eight words here." for i in range(12)]
    first, second, *_ = split(make_article(" ".join(sentences)))
    assert second.start < first.end


def test_a_sentence_longer_than_a_passage_is_cut_at_spaces():
    article = make_article(" ".join(f"w{i}" for i in range(200)))
    passages = split(article)
    assert max(words([p.text for p in passages])) <= 40
    assert " ".join(p.text for p in passages).split() == article.text.split()


def test_title_and_heading_take_their_share_of_the_room():
    article = make_article(("A heading of five words", text_of(38)), title="A title of five words")
    assert len(split(article)) > 1


def test_title_and_heading_are_embedded_with_the_text():
    assert embedded_text("Title", "", "Text.") == "Title\nText."
    assert embedded_text("Title", "Heading", "Text.") == "Title\nHeading\nText."


paragraph = st.lists(
    st.sampled_from("Alpha beta gamma. Delta! eps 3.5 zeta, eta? theta".split()), min_size=1, max_size=90
)


@settings(max_examples=60, deadline=None)
@given(st.lists(paragraph, min_size=1, max_size=6), st.integers(20, 60), st.integers(0, 15))
def test_every_word_is_in_a_passage_and_every_span_is_its_text(paragraphs, max_tokens, merge_tokens):
    article = make_article(*(" ".join(p) for p in paragraphs))
    passages = split(article, max_tokens, merge_tokens)
    covered = set()
    for passage in passages:
        assert article.text[passage.start : passage.end] == passage.text
        assert words([passage.text])[0] <= max_tokens
        covered.update(range(passage.start, passage.end))
        touched = [p.number for p in article.paragraphs if p.start < passage.end and p.end > passage.start]
        assert list(passage.paragraphs) == touched
    assert all(i in covered or article.text[i].isspace() for i in range(len(article.text)))
