"""The examiner: what it reads, and that it tells an answer from what is only about the same thing."""

import numpy as np
import pytest

from rag.answering import best_sentences
from rag.errors import RagError
from rag.examiner import EXAMINED, LONGEST, Examiner, read_layers, sheet


@pytest.fixture(scope="module")
def examiner():
    """The one that the package comes with."""
    return Examiner.load()


def asked(retriever, question):
    """The question as it is read, and the sentences worth examining for it."""
    read, candidates = retriever.read(question)
    return read, best_sentences(candidates, retriever.weights)


def test_the_question_is_read_before_the_sentence(retriever, embedder):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    view = sentences[0].candidate.view
    end = view.sentences[sentences[0].position][1]
    own, passage = read_layers(embedder, [question.text, view.text])
    one = sheet(question, own, view, passage, sentences[0].position)
    assert one.asked == len(own.spans)
    assert one.states.shape == (len(one.marks), 3 * 384)
    read = passage.spans[one.first : one.first + len(one.states) - one.asked]
    assert view.text[read[-1][0] : read[-1][1]] == view.text[end - 1 : end]
    # A word of both is marked on both sides, a number as one.
    words = [question.text[a:b] for a, b in own.spans] + [view.text[a:b] for a, b in read]
    assert all(one.marks[i, 0] == 1 for i, word in enumerate(words) if word == "harbour")
    assert one.marks[words.index("2021"), 3] == 1
    assert one.marks[: one.asked, 7].all()
    assert not one.marks[one.asked :, 7].any()


def test_layers_end_in_the_vectors_of_the_tokens(embedder):
    text = "Keeper Olga Brandt warned the council."
    layers, tokens = read_layers(embedder, [text])[0], embedder.token_vectors([text])[0]
    assert (layers.spans == tokens.spans).all()
    assert (np.einsum("ij,ij->i", layers.vectors, tokens.vectors) > 0.999).all()


def test_what_is_read_beside_a_sentence_changes_nothing(retriever, examiner):
    question, sentences = asked(retriever, "How much does herring cost?")
    assert len(sentences) == EXAMINED
    together = examiner.examine(question, sentences)
    alone = examiner.examine(question, sentences[:1])
    assert together[0] == pytest.approx(alone[0], abs=1e-3)
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


def test_long_sentences_are_read_from_their_end(retriever, embedder):
    question, sentences = asked(retriever, "When was the new harbour opened?")
    own = read_layers(embedder, [question.text])[0]
    for sentence in sentences:
        passage = read_layers(embedder, [sentence.candidate.view.text])[0]
        one = sheet(question, own, sentence.candidate.view, passage, sentence.position)
        assert len(one.states) - one.asked <= LONGEST
