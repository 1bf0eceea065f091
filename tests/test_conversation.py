"""Follow-ups are understood from the conversation."""

import pytest

from rag.conversation import LONGEST_TURN, leans, readings, stand_alone, turns_of
from rag.errors import RagError
from rag.referents import Turn

TURNS = [Turn("How many companies research large models in China?", "At least 130 companies do.")]


def test_a_question_without_history_stays_as_it_is():
    assert stand_alone("And how many of them are general?", []) == "And how many of them are general?"


def test_a_question_that_goes_on_takes_the_last_one_with_it():
    searched = stand_alone("And how many of them are general?", TURNS)
    assert "companies" in searched
    assert "general" in searched


def test_a_pronoun_takes_the_name_it_stands_for():
    turns = [Turn("What is the Aurora telescope?", "A telescope.")]
    assert stand_alone("When was it released to the public?", turns) == "When was Aurora released to the public?"


def test_a_possessive_keeps_its_form():
    turns = [Turn("Who is Anna Berg?", "She runs the mill.")]
    assert stand_alone("Where did her brother study?", turns) == "Where did Anna Berg's brother study?"


def test_a_chain_of_follow_ups_keeps_its_subject():
    turns = [Turn("Who is Anna Berg?", "She runs the mill."), Turn("When was she born?", "In 1950.")]
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
    assert stand_alone(question, [Turn(*turn)]) == searched


@pytest.mark.parametrize(
    ("question", "turns", "searched"),
    [
        # What an answer names is meant where the question asked for it.
        (
            "How heavy is it?",
            [("What did Ruben Marsh build?", "Ruben Marsh built the Torvane 2 in a shed.")],
            "How heavy is Torvane 2?",
        ),
        (
            "And when did she sell her shares?",
            [("Who leads Holm Works?", "Ada Holm leads it.")],
            "When did Ada Holm sell Ada Holm's shares?",
        ),
        ("Where is the company based?", [("What did ModelBest release?", "A model.")], "Where is ModelBest based?"),
        (
            "And the second one?",
            [("What does the first plan of Ada Holm cost?", "Ten euros.")],
            "What does the second plan of Ada Holm cost?",
        ),
        ("For the Mini?", [("What is the price for the Aurora 2?", "182 euros.")], "What is the price for the Mini?"),
        ("What are the symptoms?", [("What is anaemia?", "A lack of iron.")], "What are the symptoms of anaemia?"),
        ("and what does it sell", [("who founded modelbest", "")], "what does modelbest sell"),
        # What was put into the last question is still what is spoken of.
        (
            "What is it good for?",
            [("What is solar energy?", "Power."), ("Is it used in Kenya?", "Yes.")],
            "What is solar energy good for?",
        ),
    ],
)
def test_what_is_meant_is_found_in_the_conversation(question, turns, searched):
    assert stand_alone(question, [Turn(*turn) for turn in turns]) == searched


def test_what_may_mean_two_things_has_two_readings():
    turns = [Turn("What did ModelBest release?", "It released the Aurora 2, says ModelBest.")]
    assert readings("Who makes it?", turns) == ["Who makes ModelBest?", "Who makes Aurora 2?"]


def test_a_conversation_full_of_pronouns_does_not_grow():
    turns = [Turn("And she, Ada " * 50, "Ada Holm.")] * 3
    assert all(len(reading) <= LONGEST_TURN for reading in readings("And she, " * 50 + "?", turns))


def test_braces_are_only_braces():
    turns = [Turn("Who is Ada Holm?", "")]
    assert readings("Did {x} prices rise?", turns) == ["Did {x} prices rise?", "Ada Holm: Did {x} prices rise?"]


def test_a_question_already_resolved_is_not_resolved_again():
    turns = [Turn("Who is Ada Holm?", "A miller."), Turn("And the Mini?", "40 g.", "What does the Torvane Mini weigh?")]
    assert stand_alone("Who makes it?", turns) == "Who makes Torvane Mini?"


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
        "What is a trope, and why is it used?",
    ],
)
def test_a_change_of_topic_is_not_merged(question):
    assert stand_alone(question, TURNS) == question


@pytest.mark.parametrize("question", ["Why?", "And in 2023?", "What about the others?", "Who owns it?"])
def test_questions_that_lean_are_recognised(question):
    assert leans(question)


def test_history_may_be_messages():
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Anna."}]
    assert turns_of(messages) == [Turn("Who?", "Anna.")]


def test_a_history_of_something_else_is_a_clear_error():
    with pytest.raises(RagError, match="pairs"):
        turns_of([3])
