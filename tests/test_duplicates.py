"""The same thing told twice."""

import pytest
from articles_made import make_article

from rag.duplicates import ArticleSentences, containment, near_identical, shingles

FIRST = "The company has raised several hundred million and employs more than a hundred engineers in two cities."
SECOND = "Its newest model was downloaded three hundred thousand times within the first thirty days of its release."
THIRD = "Observers in other countries took notice of the work only after a quarrel over its authorship had begun."


def test_a_sentence_with_one_word_changed_is_near_identical():
    assert near_identical(shingles(FIRST), shingles(FIRST.replace("raised", "collected")))


@pytest.mark.parametrize(
    "corrected",
    [
        "The bridge, which cost 47 million crowns in all, was opened by the mayor in May after nine years of toil.",
        "The bridge, which cost 41 million crowns in all, was not opened by the mayor in May after nine years of toil.",
        "The bridge, which cost 41 million crowns in all, was opened by the mayor in May after ten years of toil.",
    ],
)
def test_what_tells_another_number_or_denies_it_is_not_the_same(corrected):
    told = "The bridge, which cost 41 million crowns in all, was opened by the mayor in May after nine years of toil."
    assert containment(shingles(told), shingles(corrected)) > 0.7
    assert not near_identical(shingles(told), shingles(corrected))
    assert not near_identical(shingles(corrected), shingles(told))


def test_different_sentences_are_not_near_identical():
    assert not near_identical(shingles(FIRST), shingles(SECOND))


def test_a_short_sentence_quoted_in_a_long_one_is_not_the_same_sentence():
    assert not near_identical(
        shingles("The model was free for all to use."), shingles(f"The model was free for all to use. {FIRST}")
    )


def test_short_sentences_must_agree_word_for_word():
    assert near_identical(shingles("He said no."), shingles("he said: no"))
    assert not near_identical(shingles("He said no."), shingles("He said yes."))


def test_a_paragraph_that_repeats_others_is_a_digest_and_they_are_not():
    article = ArticleSentences(make_article(f"{FIRST} {SECOND} {THIRD}", f"{FIRST} More follows here.", SECOND, THIRD))
    assert article.digests == {1}


def test_a_repeated_sentence_is_found_everywhere():
    article = ArticleSentences(make_article(f"{FIRST} {SECOND} {THIRD}", FIRST, SECOND))
    assert [article.sentences[i].paragraph.number for i in article.same_as(shingles(SECOND))] == [1, 3]


def test_overlapping_sentences_are_those_that_share_characters():
    article = ArticleSentences(make_article("One one. Two two. Three three."))
    assert article.overlapping(9, 17) == [1]
