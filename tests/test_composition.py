"""Evidence becomes the sentences of an answer."""

import pytest
from articles_made import make_article

from rag.composition import Evidence, asks_for_several, compose
from rag.duplicates import ArticleSentences

ENUMERATED = make_article(
    "The plan was published in spring.",
    "She named three goals for the coming years. The first is cheaper storage in every town. It needs new mines. "
    "The second is a grid that spans the continent. The third is training for ten thousand workers.",
    "Critics call it too slow.",
)


def answer(article, question, *found):
    """Texts of the answer made of the sentences that begin as given, the first the best."""
    sentences = ArticleSentences(article)
    texts = [article.text[s.start : s.end] for s in sentences.sentences]
    evidence = [
        Evidence(sentences, next(i for i, t in enumerate(texts) if t.startswith(beginning)), -float(rank) / 4)
        for rank, beginning in enumerate(found)
    ]
    return [texts[i] for _, i in compose(question, evidence)]


@pytest.mark.parametrize("best", ["She named", "The first", "The third"])
def test_a_list_is_kept_whole(best):
    texts = answer(ENUMERATED, "Which goals did she name?", best)
    assert [text.split()[1] for text in texts] == ["named", "first", "second", "third"]


def test_a_list_that_the_second_best_sentence_announces_is_kept_whole():
    texts = answer(ENUMERATED, "Which goals did she name?", "Critics", "She named")
    assert [text.split()[1] for text in texts] == ["named", "first", "second", "third", "call"]


def test_one_item_of_a_list_can_be_asked_for():
    assert answer(ENUMERATED, "What is the second goal?", "The second") == [
        "The second is a grid that spans the continent."
    ]


def test_another_item_is_no_further_sentence_where_one_is_asked_for():
    texts = answer(ENUMERATED, "What is the third goal?", "The third", "The first", "She named")
    assert [text.split()[1] for text in texts if text.startswith("The")] == ["plan", "third"]


def test_list_lines_come_with_the_sentence_that_announces_them():
    article = make_article("Three sizes are sold:", "small, for one\nmiddle, for two\nlarge, for all")
    assert answer(article, "What sizes are sold?", "middle") == [
        "Three sizes are sold:",
        "small, for one",
        "middle, for two",
        "large, for all",
    ]


def test_a_list_is_whole_where_an_item_and_what_announces_it_are_chosen():
    article = make_article(
        "Whoever hands it on must do this:", "1. Keep the notice.\n2. Name the author.\n3. Add a date."
    )
    assert len(answer(article, "What must I do when I hand it on?", "1. Keep", "Whoever")) == 4


def test_a_pronoun_brings_the_sentence_it_leans_on():
    article = make_article("Anna Berg runs the mill. She bought it in 1990.")
    assert answer(article, "When was it bought?", "She bought") == [
        "Anna Berg runs the mill.",
        "She bought it in 1990.",
    ]


def test_a_pronoun_after_an_opening_brings_the_sentence_it_leans_on():
    article = make_article("Anna Berg runs the mill. In 1990 she bought it from her aunt.")
    assert answer(article, "When was it bought?", "In 1990")[0] == "Anna Berg runs the mill."


@pytest.mark.parametrize("sentence", ["In 1990 Anna Berg sold it, and she regrets it.", "Berg says that she sold it."])
def test_a_name_before_the_pronoun_is_enough(sentence):
    article = make_article(f"The mill is old. {sentence}")
    assert answer(article, "Who sold it?", sentence) == [sentence]


def test_what_a_sentence_leans_on_comes_before_further_sentences():
    article = make_article(
        "Anna Berg runs the mill. She bought it in 1990. Its wheel is new. It grinds barley. Its roof leaks."
    )
    texts = answer(article, "When was it bought?", "Its roof", "She bought", "It grinds", "Its wheel")
    assert texts[-1] == "Its roof leaks."
    assert texts.index("It grinds barley.") == len(texts) - 2


def test_the_middle_of_a_quotation_brings_where_it_begins():
    article = make_article("Anna Berg said: “The mill is old. The wheel turns at night. It is loud.”")
    assert answer(article, "When does the wheel turn?", "The wheel")[0].startswith("Anna Berg")


def test_a_question_brings_the_sentence_that_answers_it():
    article = make_article("How old is the mill? Some two hundred years. The roof is new.")
    assert answer(article, "How old is the mill?", "How old") == ["How old is the mill?", "Some two hundred years."]


def test_a_pronoun_that_opens_a_paragraph_leans_on_the_paragraph_before():
    article = make_article("Anna Berg runs the mill.", "She bought it in 1990.")
    assert answer(article, "When was it bought?", "She bought")[0] == "Anna Berg runs the mill."


def test_a_pronoun_does_not_lean_across_a_heading():
    article = make_article(("Past", "Anna Berg runs the mill."), ("Present", "She bought it in 1990."))
    assert answer(article, "When was it bought?", "She bought") == ["She bought it in 1990."]


def test_sentences_stand_in_reading_order():
    article = make_article("Alpha came first of all of them.", "Omega closed the long procession.")
    assert answer(article, "Who came?", "Omega", "Alpha")[0].startswith("Alpha")


def test_a_much_weaker_sentence_is_left_out():
    sentences = ArticleSentences(make_article("Alpha came first of all of them. Omega closed the long procession."))
    assert len(compose("Who came?", [Evidence(sentences, 0, 0.0), Evidence(sentences, 1, -4.5)])) == 1


@pytest.mark.parametrize(
    ("paragraphs", "expected"), [(["Cod is sold.", "Eels are not."], 1), (["Cod is sold. Eels are not."], 2)]
)
def test_a_sentence_that_hardly_answers_is_added_from_the_same_paragraph_alone(paragraphs, expected):
    article = ArticleSentences(make_article(*paragraphs))
    assert len(compose("What is sold?", [Evidence(article, 0, 1.0), Evidence(article, 1, -2.0)])) == expected


def test_a_repeated_sentence_is_said_once():
    line = "The mill grinds four tons of barley on an ordinary working day."
    sentences = ArticleSentences(make_article(line, line))
    assert len(compose("How much?", [Evidence(sentences, 0, 0.0), Evidence(sentences, 1, 0.0)])) == 1


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does she see as future directions?", True),
        ("What are the goals?", True),
        ("List the sizes", True),
        ("What is the second direction of those directions?", False),
        ("Who is the director?", False),
        ("What does he say?", False),
        ("Which direction makes models smaller?", False),
        ("Who leads the bank?", False),
        ("Which new models did it present?", True),
    ],
)
def test_questions_for_several_things_are_recognised(question, expected):
    assert asks_for_several(question) is expected
