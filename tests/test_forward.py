"""The forward pass for CPUs, against that of sentence-transformers and transformers."""

from dataclasses import replace

import numpy as np
import pytest

from rag.embedding import Embedder
from rag.settings import Settings

WORDS = "the mill at the river was sold in 1931 to two brothers who made paper of it until the war came".split()
TEXTS = [" ".join(WORDS[: 1 + n % 20]) + f" {n}." for n in range(30)] + ["", "Kraków–Łódź 🙂", " ".join(WORDS * 30)]


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def reader(request):
    embedder = Embedder.load(replace(Settings(), device="cpu", precision=request.param))
    if embedder._bert is None:
        pytest.skip("PyTorch has no oneDNN here")
    return embedder


def least(precision):
    """Cosine that rounding leaves: bf16 has 8 bits, and every step of a layer rounds."""
    return 0.99999 if precision == "fp32" else 0.9995


def test_texts_get_the_vectors_that_sentence_transformers_gives_them(reader):
    expected = reader.model.encode(TEXTS, convert_to_tensor=True).float().numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert (reader.encode(TEXTS) * expected).sum(axis=1).min() > least(reader.precision)


def test_a_text_gets_the_same_vector_alone_as_among_longer_ones(reader):
    alone = np.concatenate([reader.encode([text]) for text in TEXTS])
    assert (reader.encode(TEXTS) * alone).sum(axis=1).min() > least(reader.precision)


def test_tokens_get_the_vectors_that_sentence_transformers_gives_them(reader):
    texts = [text for text in TEXTS if text]
    outputs = reader.model.encode(texts, output_value="token_embeddings")
    for text, output, found in zip(texts, outputs, reader.token_vectors(texts), strict=True):
        expected = output.float().numpy()
        expected = (expected / np.linalg.norm(expected, axis=1, keepdims=True))[1:-1]
        assert found.vectors.shape == expected.shape
        assert text.startswith(text[slice(*found.spans[0])])
        assert (found.vectors * expected).sum(axis=1).mean() > least(reader.precision)


def test_a_question_is_read_once_for_its_vector_and_those_of_its_tokens(reader, monkeypatch):
    reads = []
    bert = reader._bert
    monkeypatch.setattr(reader, "_bert", lambda *args: reads.append(args) or bert(*args))
    question = "Who bought the mill beside the weir?"
    reader.encode([question])
    reader.token_vectors([question])
    assert len(reads) == 1
