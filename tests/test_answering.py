"""Answers: cited word for word, whole lists, refusals, follow-ups."""

import json
import shutil

import pytest

from rag.answering import Answerer
from rag.building import build
from rag.conversation import readings
from rag.errors import RagError
from rag.referents import Turn


def texts(answer):
    return [sentence.text for sentence in answer.sentences]


def test_every_sentence_stands_where_it_is_cited(answerer):
    for question in ("When was the new harbour opened?", "How much does herring cost?", "What does Olga Brandt want?"):
        answer = answerer.ask(question)
        assert answer.answered, question
        assert 1 <= len(answer.sentences) <= 4
        for sentence in answer.sentences:
            assert sentence.citations
            first = sentence.citations[0]
            assert first.article.text[first.start : first.end] == sentence.text
            for citation in sentence.citations:
                assert citation.paragraph.start <= citation.start < citation.end <= citation.paragraph.end


@pytest.mark.parametrize(
    ("question", "fact", "article"),
    [
        ("When was the new harbour opened?", "June 2021", "harbour.md"),
        ("How much does herring cost?", "nine crowns", "market.md"),
        ("How long did the repairs of the lighthouse take?", "eleven weeks", "weather.txt"),
        ("How many ships do the cranes unload?", "forty ships", "harbour.md"),
    ],
)
def test_answers(answerer, question, fact, article):
    answer = answerer.ask(question)
    assert fact in answer.text
    assert answer.sentences[0].citations[0].article.id == article


def test_a_list_is_answered_whole(answerer):
    text = answerer.ask("What tasks does Ines Falk see?").text
    for part in ("deeper channel", "railway", "school for pilots"):
        assert part in text


def test_a_leaning_sentence_brings_what_it_leans_on(answerer):
    assert any("Olga Brandt" in text for text in texts(answerer.ask("By how much should the sea wall be raised?")))


@pytest.mark.parametrize("question", ["What is the capital of France?", "Who won the world cup in 1998?", "asdf qwer"])
def test_what_the_articles_do_not_say_is_refused(answerer, question):
    answer = answerer.ask(question)
    assert not answer.answered
    assert answer.sentences == ()
    assert answer.text == "The articles don't say."
    assert 0 <= answer.confidence < 0.5


def test_a_refusal_offers_the_nearest(answerer):
    answer = answerer.ask("How old is the harbour master Ines Falk?")
    assert not answer.answered
    assert answer.hits[0].article.id == "harbour.md"


def test_a_follow_up_is_understood(answerer):
    first = answerer.ask("How much does herring cost?")
    answer = answerer.ask("And cod?", history=[first])
    assert "twice as much" in answer.text
    assert answer.question == "And cod?"
    assert answer.searched != answer.question


@pytest.mark.parametrize(
    "history",
    [
        [("How much does herring cost?", "Nine crowns.")],
        [["How much does herring cost?", "Nine crowns."]],
        [{"role": "user", "content": "How much does herring cost?"}, {"role": "assistant", "content": "Nine crowns."}],
    ],
)
def test_histories_may_be_pairs_or_messages(answerer, history):
    assert "twice as much" in answerer.ask("And cod?", history=history).text


def test_a_question_by_itself_is_not_changed_by_what_was_said(answerer):
    history = [("How much does herring cost?", "Nine crowns.")]
    question = "When was the new harbour opened?"
    assert answerer.ask(question, history=history).to_dict()["searched"] == question


def test_of_two_readings_the_articles_decide(answerer):
    turns = [Turn("What does Olga Brandt say of the lighthouse?", "It was damaged, says Olga Brandt.")]
    question = "How long did its repairs take?"
    answer = answerer.ask(question, history=[tuple(turns[0][:2])])
    assert "eleven weeks" in answer.text
    assert answer.searched in readings(question, turns)
    # What needs nothing of the conversation is answered by itself, though it names nothing.
    alone = answerer.ask("How long did the repairs take?", history=[("How much does herring cost?", "Nine crowns.")])
    assert "eleven weeks" in alone.text


def test_copies_of_an_article_are_cited(articles, tmp_path):
    folder = shutil.copytree(articles, tmp_path / "articles")
    shutil.copy(folder / "weather.txt", folder / "weather-again.txt")
    build(folder, tmp_path / "index")
    answer = Answerer.open(tmp_path / "index").ask("How long did the repairs of the lighthouse take?")
    cited = next(s.citations for s in answer.sentences if "eleven weeks" in s.text)
    assert {citation.article.id for citation in cited} == {"weather.txt", "weather-again.txt"}
    assert len({c.article.text[c.start : c.end] for c in cited}) == 1


def test_an_empty_question_is_a_user_error(answerer):
    with pytest.raises(RagError, match="empty"):
        answerer.ask("   ")


@pytest.mark.parametrize("question", ["?!", "the", "word " * 3000, "\udc80 broken", "Who of?", "日本語"])
def test_any_text_can_be_asked(answerer, question):
    json.dumps(answerer.ask(question).to_dict()).encode()


def test_answers_are_the_same_every_time(answerer):
    first, second = (answerer.ask("What is sold on the fish market?").to_dict() for _ in range(2))
    first.pop("seconds"), second.pop("seconds")
    assert first == second


def test_the_dictionary_is_json_with_what_is_promised(answerer):
    answer = answerer.ask("When was the new harbour opened?").to_dict()
    assert json.loads(json.dumps(answer)) == answer
    assert set(answer) >= {"answered", "answer", "sentences", "hits", "confidence", "seconds"}
    citation = answer["sentences"][0]["citations"][0]
    assert set(citation) == {"article", "paragraph", "place", "paragraph_text", "start", "end"}
    assert set(citation["article"]) >= {"id", "title", "path"}
    assert citation["paragraph"] == 1


def test_the_three_directions(china_answerer):
    text = china_answerer.ask("What does Liu see as future directions?").text
    for part in ("three major directions", "smaller models on terminals", "manufacturing", "apply AGI"):
        assert part in text


def test_words_of_one_liu_are_not_the_others(china_answerer):
    answer = china_answerer.ask("What did Liu Yuanchun say about plagiarism?")
    assert not any("isolated case" in text for text in texts(answer))


def test_the_ceo_of_another_company_is_no_answer(china_answerer):
    assert not china_answerer.ask("Who is the CEO of OpenAI?").answered
    assert "Lee Kai-fu" in china_answerer.ask("Who is the CEO of 01.AI?").text


def test_what_is_told_twice_is_cited_twice_and_said_once(china_answerer):
    answer = china_answerer.ask("How many companies in China research large models?")
    assert [c.paragraph.number for c in answer.sentences[0].citations] == [32, 1]
    assert answer.text.count("130 companies") == 1


def test_a_follow_up_about_the_shared_article(china_answerer):
    first = china_answerer.ask("How many companies in China research large models?")
    assert "78" in china_answerer.ask("And how many of them are general?", history=[first]).text
