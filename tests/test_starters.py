from rag.answering import Answerer
from rag.building import build
from rag.starters import starter_questions


def test_starters_name_what_is_in_the_articles_and_are_answered(answerer):
    questions = starter_questions(answerer)
    assert 2 <= len(questions) == len(set(questions)) <= 4
    assert "What did Keeper Olga Brandt warn?" in questions
    assert all(answerer.ask(question).answered for question in questions)
    assert starter_questions(answerer, 1) == questions[:1]


def test_names_are_asked_about_and_what_only_looks_like_one_is_not(tmp_path):
    text = (
        "The bridge at Ulmen Ford was paid for by the Harlow Trust. It opened in March after Swedish masons had left, "
        "and on a Monday the Harlow Trust gave it to Ulmen Ford."
    )
    (tmp_path / "bridge.txt").write_text(f"A bridge\n\n{text}")
    build(tmp_path / "bridge.txt", tmp_path / "index")
    questions = starter_questions(Answerer.open(tmp_path / "index"))
    assert set(questions) <= {"What is said about Ulmen Ford?", "What is said about the Harlow Trust?"}
    assert questions


def test_articles_without_names_offer_none(tmp_path):
    (tmp_path / "rain.txt").write_text("Rain\n\nit rains on the hills and nobody minds.")
    build(tmp_path / "rain.txt", tmp_path / "index")
    assert starter_questions(Answerer.open(tmp_path / "index")) == []
