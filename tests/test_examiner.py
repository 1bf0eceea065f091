"""The examiner: what it reads, and that it tells an answer from what is only about the same thing."""

import numpy as np
import pytest

from rag.answering import best_sentences
from rag.embedding import STEP
from rag.errors import RagError
from rag.examiner import ASKED_TOKENS, EXAMINED, TITLE_TOKENS, Examiner, Sheet, laid_out, sheet, tokens_of
from rag.network import ASKED, ENDS, LAST, OPENS, OWN, PADDING, SAID, TITLE


@pytest.fixture(scope="module")
def examiner():
    """The one that the package comes with."""
    return Examiner.load()


def asked(retriever, question):
    """The question as it is read, and the sentences worth examining for it."""
    read, candidates = retriever.read(question)
    return read, best_sentences(candidates, retriever.weights)


def sheet_of(retriever, question, sentence):
    """What is read of the sentence's passage."""
    candidate = sentence.candidate
    return sheet(question, question.tokens, candidate, candidate.view.tokens, retriever.embedder)


def test_question_and_title_are_read_before_the_passage(retriever):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    candidate = sentences[0].candidate
    one = sheet_of(retriever, question, sentences[0])
    assert one.asked == len(question.tokens.spans)
    assert len(one.ids) == len(one.marks)
    title = retriever.embedder.tokens(candidate.article.article.title)[0]
    assert one.ids[one.asked :][: len(title)].tolist() == title.tolist()
    assert one.ids[one.said :].tolist() == candidate.view.tokens.ids.tolist()
    # A word of both is the same token, marked on both sides; a number is marked as one.
    read, text = candidate.view.tokens.spans, candidate.view.text
    words = [question.text[a:b] for a, b in question.tokens.spans] + [""] * one.titled + [text[a:b] for a, b in read]
    harbours = [i for i, word in enumerate(words) if word == "harbour"]
    assert len(harbours) >= 2
    assert len({one.ids[i] for i in harbours}) == 1
    assert all(one.marks[i, 0] == 1 for i in harbours)
    assert one.marks[words.index("2021"), 3] == 1
    assert one.marks[: one.asked, 7].all()
    assert not one.marks[one.asked :, 7].any()
    assert one.marks[one.said :, 5].any()
    assert not one.marks[one.asked : one.said, 5].any()


def test_question_and_passage_are_laid_out_as_one_text(retriever):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    long = sheet_of(retriever, question, sentences[0])
    short = Sheet(long.ids[:-2], long.marks[:-2], long.asked, long.titled)
    laid = laid_out([long, short], [0, 1, 0], [(0, 2), (1, 3), (4, 5)])
    ids, marks, kinds, rows, inside = (tensor.numpy() for tensor in laid)
    said, count = long.said + 3, len(long.ids) + 4
    assert ids.shape == kinds.shape == marks.shape[:2]
    assert ids.shape[0] == 2
    assert count <= ids.shape[1] < count + STEP
    asked_ids, title_ids, said_ids = np.split(long.ids, [long.asked, long.said])
    assert ids[0, :count].tolist() == [OPENS, *asked_ids, ENDS, *title_ids, ENDS, *said_ids, ENDS]
    parts = [OWN, *[ASKED] * long.asked, OWN, *[TITLE] * long.titled, LAST, *[SAID] * len(said_ids), LAST]
    assert kinds[0, :count].tolist() == parts
    assert kinds[1, count - 3 : count].tolist() == [LAST, PADDING, PADDING]
    assert not kinds[:, count:].any()
    assert (marks[0, said : count - 1] == long.marks[long.said :]).all()
    assert rows.tolist() == [0, 1, 0]
    assert [np.flatnonzero(one).tolist() for one in inside] == [[said, said + 1], [said + 1, said + 2], [said + 4]]


def test_the_tokens_of_a_sentence_are_its_text(retriever):
    _, sentences = asked(retriever, "When was the new harbour opened?")
    for sentence in sentences:
        view = sentence.candidate.view
        first, last = tokens_of(sentence, view.tokens)
        start, end = view.sentences[sentence.position]
        assert view.text[view.tokens.spans[first, 0] : view.tokens.spans[last - 1, 1]] == view.text[start:end].strip()


def test_an_index_of_another_model_is_examined_by_the_embedded_one(retriever, examiner):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    anew = Examiner(examiner._network, examiner._embedder, reads_anew=True)
    assert anew.examine(question, sentences) == pytest.approx(examiner.examine(question, sentences), abs=0.05)


def test_what_is_examined_beside_a_sentence_changes_nothing(retriever, examiner):
    question, sentences = asked(retriever, "How much does herring cost?")
    assert 1 < len(sentences) <= EXAMINED
    together = examiner.examine(question, sentences)
    alone = examiner.examine(question, sentences[:1])
    # But for rounding, where the model reads in 16 bits.
    assert together[0] == pytest.approx(alone[0], abs=0.1)
    assert together.argmax() == 0


@pytest.mark.parametrize(
    ("told", "not_told"),
    [
        ("How long did the repairs of the lighthouse take?", "How tall is the lighthouse?"),
        ("Who is the harbour master?", "Who is the mayor of Ostwick?"),
        ("What does cod cost?", "What do mussels cost?"),
    ],
)
def test_an_answer_is_likelier_than_what_is_near_one(retriever, examiner, told, not_told):
    assert examiner.examine(*asked(retriever, told)).max() > examiner.examine(*asked(retriever, not_told)).max()


@pytest.mark.parametrize("question", ["?", "why " * 300, "\U0001f40b"])
def test_any_question_can_be_examined(retriever, examiner, question):
    odds = examiner.examine(*asked(retriever, question))
    assert np.isfinite(odds).all()


def test_what_the_model_can_not_read_is_no_question(retriever):
    with pytest.raises(RagError, match="no word"):
        asked(retriever, "\u0301")


def test_a_sentence_beyond_what_the_model_reads_can_be_examined(tmp_path):
    import rag

    (tmp_path / "long.txt").write_text("The whale " + "swims and " * 400 + "sleeps.\n\nAnother whale sings.\n")
    rag.build(tmp_path, tmp_path / "index")
    answer = rag.Answerer.open(tmp_path / "index").ask("What does the whale do?")
    assert 0 <= answer.confidence <= 1


def test_no_more_is_read_than_the_model_has_places_for(tmp_path, examiner):
    import rag

    title = "The whale " * 80
    (tmp_path / "long.md").write_text(f"# {title}\n\n" + "The whale swims and dives. " * 300 + "\n")
    rag.build(tmp_path, tmp_path / "index")
    retriever = rag.Retriever.open(tmp_path / "index")
    question, sentences = asked(retriever, "whale " * 120)
    one = sheet_of(retriever, question, sentences[0])
    assert one.asked <= ASKED_TOKENS
    assert one.titled <= TITLE_TOKENS
    assert len(one.ids) + 4 <= 512
    assert np.isfinite(examiner.examine(question, sentences)).all()
