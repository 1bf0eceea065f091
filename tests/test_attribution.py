"""Whose words are these."""

import pytest

from rag.attribution import full_names, is_another, is_office_of_another

TEXT = (
    "Chen Wei founded the firm. Chen told reporters that it grows. "
    "Chen Ming, who teaches law, disagrees. Chen called the claim hasty."
)


def another(name, sentence):
    start = TEXT.index(sentence)
    return is_another(name, TEXT, start, start + len(sentence))


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
