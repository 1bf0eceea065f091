"""Whose words are these."""

import pytest

from rag.attribution import full_names, is_another, is_office_of_another, meant, people
from rag.question import stem

TEXT = (
    "Chen Wei founded the firm. Chen told reporters that it grows. "
    "Chen Ming, who teaches law, disagrees. Chen called the claim hasty."
)


def another(name, sentence):
    start = TEXT.index(sentence)
    return is_another(name, people(TEXT), start, start + len(sentence))


@pytest.mark.parametrize(
    ("name", "sentence", "expected"),
    [
        (("Chen", "Wei"), "Chen Wei founded the firm.", False),
        (("Chen", "Wei"), "Chen told reporters that it grows.", False),
        (("Chen", "Ming"), "Chen told reporters that it grows.", True),
        (("Chen", "Wei"), "Chen Ming, who teaches law, disagrees.", True),
        (("Chen", "Ming"), "Chen called the claim hasty.", False),
        (("Chen", "Wei"), "Chen called the claim hasty.", True),
        (("Anna", "Berg"), "Chen called the claim hasty.", False),
    ],
)
def test_a_bare_surname_is_the_last_full_name_before_it(name, sentence, expected):
    assert another(name, sentence) is expected


def test_what_shares_a_word_with_a_name_is_not_somebody_else():
    text = "Ann Moor said so. The Tind Coast Report says that the coast is long. The coast report was late."
    assert not is_another(("Coast", "Report"), people(text), 18, len(text))


def test_names_in_a_question_are_its_capitalised_runs_but_not_its_first_word():
    assert full_names("What did Chen Wei's firm tell Anna Berg?") == [("Chen", "Wei"), ("Anna", "Berg")]
    assert full_names("Did Chen say so?") == []


def test_the_office_must_be_of_the_name_asked_for():
    text = (
        "Ann Moor, the director of Tind, said that nobody had expected so quick and so thorough an answer from Halden."
    )
    assert is_office_of_another("Who is the director of Halden?", text)
    assert not is_office_of_another("Who is the director of Tind?", text)
    assert not is_office_of_another("What did Ann Moor say of Halden?", text)
    assert is_office_of_another("Who is the director of Halden?", "Ann Moor is director of Tind.")
    assert not is_office_of_another("Who is the director of Halden?", "She is the director of it since May.")


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("Who is the CEO of Halden?", "Ann Moor, the chief executive of Tind, agrees.", True),
        ("Who is the chief executive of Halden?", "Ann Moor, the CEO of Tind, agrees.", True),
        ("Who is the CEO of Halden?", "Ann Moor, the chief executive officer of Halden, agrees.", False),
    ],
)
def test_an_office_is_the_same_by_its_other_name(question, text, expected):
    assert is_office_of_another(question, text) is expected


TOLD = (
    "Ada Holm, a potter, lives in North Harbour. She fires her bowls twice. The glaze is a secret. "
    "Ruben Falk said that it contains ash. Holm laughs at this. City Council has no opinion."
)


def whom(sentence):
    start = TOLD.index(sentence)
    return meant(people(TOLD), TOLD, start, start + len(sentence))


def test_people_are_told_from_places_and_councils():
    assert {mention.name for mention in people(TOLD)} == {("Ada", "Holm"), ("Ruben", "Falk")}


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("She fires her bowls twice.", ["Ada", "Holm"]),
        ("The glaze is a secret.", []),
        ("Ruben Falk said that it contains ash.", ["Ruben", "Falk"]),
        ("Holm laughs at this.", ["Ada", "Holm"]),
    ],
)
def test_pronouns_and_surnames_mean_the_person_named_before(sentence, names):
    assert whom(sentence) == {stem(name) for name in names}


def test_a_pronoun_far_from_any_name_means_nobody():
    text = "Ada Holm said so. " + "The rain went on. " * 60 + "He slept."
    assert meant(people(text), text, len(text) - 9, len(text)) == frozenset()


def test_what_stands_before_a_name_is_no_part_of_it():
    text = "Holmwork grows. The head of Holmwork Ada Byron said so. Byron likes Holmwork."
    assert [mention.name for mention in people(text)] == [("Ada", "Byron"), ("Ada", "Byron")]
