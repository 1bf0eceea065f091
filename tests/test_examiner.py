"""The examiner: what it reads, and that it tells an answer from what is only about the same thing."""

import numpy as np
import pytest

from rag.answering import best_sentences
from rag.embedding import STEP
from rag.errors import RagError
from rag.examiner import EXAMINED, LONGEST, Examiner, Sheet, padded, sheet
from rag.network import ASKED, ENDS, LAST, OPENS, OWN, PADDING, SAID


@pytest.fixture(scope="module")
def examiner():
    """The one that the package comes with."""
    return Examiner.load()


def asked(retriever, question):
    """The question as it is read, and the sentences worth examining for it."""
    read, candidates = retriever.read(question)
    return read, best_sentences(candidates, retriever.weights)


def test_the_question_is_read_before_the_sentence(retriever):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    view = sentences[0].candidate.view
    end = view.sentences[sentences[0].position][1]
    one = sheet(question, question.tokens, view, view.tokens, sentences[0].position)
    assert one.asked == len(question.tokens.spans)
    assert len(one.ids) == len(one.marks)
    read = view.tokens.spans[one.first : one.first + len(one.ids) - one.asked]
    assert view.text[read[-1][0] : read[-1][1]] == view.text[end - 1 : end]
    # A word of both is the same token, marked on both sides; a number is marked as one.
    words = [question.text[a:b] for a, b in question.tokens.spans] + [view.text[a:b] for a, b in read]
    harbours = [i for i, word in enumerate(words) if word == "harbour"]
    assert len(harbours) == 2
    assert len({one.ids[i] for i in harbours}) == 1
    assert all(one.marks[i, 0] == 1 for i in harbours)
    assert one.marks[words.index("2021"), 3] == 1
    assert one.marks[: one.asked, 7].all()
    assert not one.marks[one.asked :, 7].any()


def test_question_and_sentence_are_laid_out_as_one_text(retriever):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    view = sentences[0].candidate.view
    long = sheet(question, question.tokens, view, view.tokens, sentences[0].position)
    short = Sheet(long.ids[:-2], long.marks[:-2], long.asked, long.first)
    ids, marks, kinds = (tensor.numpy() for tensor in padded([long, short]))
    middle = 1 + long.asked
    count = len(long.ids) + 3
    assert ids.shape == kinds.shape == marks.shape[:2]
    assert ids.shape[0] == 2
    assert count <= ids.shape[1] < count + STEP
    assert ids[0, :count].tolist() == [OPENS, *long.ids[: long.asked], ENDS, *long.ids[long.asked :], ENDS]
    assert kinds[0, :count].tolist() == [OWN, *[ASKED] * long.asked, OWN, *[SAID] * (len(long.ids) - long.asked), LAST]
    assert kinds[1, count - 3 : count].tolist() == [LAST, PADDING, PADDING]
    assert not kinds[:, count:].any()
    assert (marks[0, middle + 1 : count - 1] == long.marks[long.asked :]).all()


def test_an_index_of_another_model_is_examined_by_the_embedded_one(retriever, examiner):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    anew = Examiner(examiner._network, examiner._embedder, reads_anew=True)
    assert anew.examine(question, sentences) == pytest.approx(examiner.examine(question, sentences), abs=0.05)


def test_what_is_read_beside_a_sentence_changes_nothing(retriever, examiner):
    question, sentences = asked(retriever, "How much does herring cost?")
    assert len(sentences) == EXAMINED
    together = examiner.examine(question, sentences)
    alone = examiner.examine(question, sentences[:1])
    # But for rounding, where the model reads in 16 bits.
    assert together[0] == pytest.approx(alone[0], abs=0.05)
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


def test_long_sentences_are_read_from_their_end(retriever):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    for sentence in sentences:
        view = sentence.candidate.view
        one = sheet(question, question.tokens, view, view.tokens, sentence.position)
        assert len(one.ids) - one.asked <= LONGEST
