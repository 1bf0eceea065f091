"""Follow-ups are understood from the conversation."""

import pytest

from rag.conversation import leans, stand_alone, turns_of
from rag.errors import RagError

TURNS = [("How many companies research large models in China?", "At least 130 companies do.")]


def test_a_question_without_history_stays_as_it_is():
    assert stand_alone("And how many of them are general?", []) == "And how many of them are general?"


def test_a_question_that_goes_on_takes_the_last_one_with_it():
    searched = stand_alone("And how many of them are general?", TURNS)
    assert "companies" in searched
    assert "general" in searched


def test_a_pronoun_takes_the_name_it_stands_for():
    assert stand_alone("When was it released to the public?", [("What is the Aurora telescope?", "A telescope.")]) == (
        "When was Aurora released to the public?"
    )


def test_a_possessive_keeps_its_form():
    turns = [("Who is Anna Berg?", "She runs the mill.")]
    assert stand_alone("Where did her brother study?", turns) == "Where did Anna Berg's brother study?"


def test_a_chain_of_follow_ups_keeps_its_subject():
    turns = [("Who is Anna Berg?", "She runs the mill."), ("When was she born?", "In 1950.")]
    assert "Anna Berg" in stand_alone("And where did she study?", turns)


@pytest.mark.parametrize(
    ("question", "turn", "searched"),
    [
        (
            "Which apps does he praise?",
            ("Who leads the Aster Bank?", "It is led by Lee Kai-fu, a banker from Oslo."),
            "Which apps does Lee Kai-fu praise?",
        ),
        (
            "Which of them is an engineer?",
            ("Who founded Torvane?", "Ingrid Vale and Ruben Marsh founded it in 2009."),
            "Which of Ingrid Vale and Ruben Marsh is an engineer?",
        ),
        ("And the Mini?", ("What does the Aurora 2 cost?", "It costs 182 euros."), "What does the Mini cost?"),
        (
            "And about trademarks?",
            ("What does Apache 2.0 say about patents?", "A lot."),
            "What does Apache 2.0 say about trademarks?",
        ),
        (
            "How long did it take until then?",
            ("Who is Anna Berg?", "A miller."),
            "Anna Berg: How long did it take until then?",
        ),
    ],
)
def test_what_is_meant_takes_its_place(question, turn, searched):
    assert stand_alone(question, [turn]) == searched


def test_what_defines_a_word_stands_alone():
    assert stand_alone("What is quantisation?", TURNS) == "What is quantisation?"


@pytest.mark.parametrize(
    "question",
    [
        "Who founded the Red Cross?",
        "How many people live in Oslo?",
        "Is there a limit on file sizes in Berlin?",
        "What does Liu say that others do not?",
        "What happened in Hungary this year?",
    ],
)
def test_a_change_of_topic_is_not_merged(question):
    assert stand_alone(question, TURNS) == question


@pytest.mark.parametrize("question", ["Why?", "And in 2023?", "What about the others?", "Who owns it?"])
def test_questions_that_lean_are_recognised(question):
    assert leans(question)


def test_history_may_be_messages():
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Anna."}]
    assert turns_of(messages) == [("Who?", "Anna.")]


def test_a_history_of_something_else_is_a_clear_error():
    with pytest.raises(RagError, match="pairs"):
        turns_of([3])
