"""Where sentences begin and end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import split_sentences


def texts(text):
    return [text[a:b] for a, b in split_sentences(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Smith of 01.AI said the U.S. economy grew 3.5 percent in Jan. 2024.", "The U.S. Army came."],
        ["“I came.", "I saw.”", "Then he left."],
        ["“Is it?” asked Mr. Li.", "It cost approx. $500 in vol. 2 of No. 5.", "Why?"],
        ["He works at Node.js Inc. in St. Louis.", "J. K. Rowling wrote it."],
        ["Sales rose.", "iPhones sold well."],
    ],
)
def test_sentences_are_told_apart(sentences):
    assert texts(" ".join(sentences)) == sentences


def test_a_lost_space_still_ends_a_sentence():
    assert texts("It is used in development.The company grew fast.") == [
        "It is used in development.",
        "The company grew fast.",
    ]


def test_lines_are_items():
    assert texts("one thing\nanother. A third") == ["one thing", "another.", "A third"]


def test_the_number_of_an_item_is_part_of_it():
    lines = ["1. Give every recipient a copy.", "12. Say what you changed.", "3) Keep the notices. All of them."]
    assert texts("\n".join(lines)) == [*lines[:2], "3) Keep the notices.", "All of them."]


@given(st.text(alphabet="ab A.!?\n“”\"'(1é。 ", max_size=80))
def test_every_word_is_in_one_sentence(text):
    spans = split_sentences(text)
    assert all(0 <= a < b <= len(text) for a, b in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    inside = {i for a, b in spans for i in range(a, b)}
    assert all(i in inside for i, character in enumerate(text) if character.isalnum())


def test_a_line_without_end_is_no_trouble():
    spans = split_sentences("word " * 50_000)
    assert spans[0][0] == 0
    assert spans[-1][1] == 5 * 50_000 - 1
