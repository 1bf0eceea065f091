"""The forward pass for CPUs, against that of sentence-transformers and transformers."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from rag.embedding import Embedder
from rag.forward import Bert
from rag.models import packaged_folder
from rag.settings import Settings

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

WORDS = "the mill at the river was sold in 1931 to two brothers who made paper of it until the war came".split()
TEXTS = [" ".join(WORDS[: 1 + n % 20]) + f" {n}." for n in range(30)] + ["", "Kraków–Łódź 🙂", " ".join(WORDS * 30)]


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def reader(request):
    if not Bert.works_with(DTYPES[request.param]):
        pytest.skip("PyTorch has no oneDNN here")
    return Embedder.load(replace(Settings(), device="cpu", precision=request.param))


@pytest.fixture(scope="module")
def theirs(reader):
    """sentence-transformers' own reader of the same model."""
    kwargs = {"dtype": DTYPES[reader.precision]}
    return SentenceTransformer(str(packaged_folder()), device="cpu", model_kwargs=kwargs, local_files_only=True)


def least(precision):
    """Cosine that rounding leaves: bf16 has 8 bits, and every step of a layer rounds."""
    return 0.99999 if precision == "fp32" else 0.9995


def test_texts_get_the_vectors_that_sentence_transformers_gives_them(reader, theirs):
    expected = theirs.encode(TEXTS, convert_to_tensor=True).float().numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert (reader.encode(TEXTS) * expected).sum(axis=1).min() > least(reader.precision)


def test_a_text_gets_the_same_vector_alone_as_among_longer_ones(reader):
    alone = np.concatenate([reader.encode([text]) for text in TEXTS])
    assert (reader.encode(TEXTS) * alone).sum(axis=1).min() > least(reader.precision)


def test_tokens_get_the_vectors_that_sentence_transformers_gives_them(reader, theirs):
    texts = [text for text in TEXTS if text]
    outputs = theirs.encode(texts, output_value="token_embeddings")
    for text, output, found in zip(texts, outputs, reader.token_vectors(texts), strict=True):
        expected = output.float().numpy()
        expected = (expected / np.linalg.norm(expected, axis=1, keepdims=True))[1:-1]
        assert found.vectors.shape == expected.shape
        assert text.startswith(text[slice(*found.spans[0])])
        assert (found.vectors * expected).sum(axis=1).mean() > least(reader.precision)


def test_the_embedded_model_and_the_same_one_as_a_folder_say_the_same(reader):
    """Named by its path it is loaded by sentence-transformers."""
    loaded = Embedder.load(replace(Settings(), model=str(packaged_folder()), device="cpu", precision=reader.precision))
    assert loaded.fingerprint.split("@")[1] == reader.fingerprint.split("@")[1]
    assert (loaded.dim, loaded.max_tokens) == (reader.dim, reader.max_tokens)
    assert loaded.count_tokens(TEXTS) == reader.count_tokens(TEXTS)
    assert loaded.tokens(TEXTS[-2])[0].tolist() == reader.tokens(TEXTS[-2])[0].tolist()
    assert (reader.encode(TEXTS) * loaded.encode(TEXTS)).sum(axis=1).min() > least(reader.precision)
    assert loaded.weights.keys() <= reader.weights.keys()


def test_asking_a_published_index_imports_neither_sentence_transformers_nor_transformers(reader):
    code = (
        "import sys; from rag.examiner import Examiner; from rag.settings import Settings;"
        "Examiner.load(Settings(device='cpu'));"
        "print([name for name in ('sentence_transformers', 'transformers') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_question_is_read_once_for_its_vector_and_those_of_its_tokens(reader, monkeypatch):
    reads = []
    model = reader._model

    def states(*given):
        reads.append(given)
        return model.states(*given)

    monkeypatch.setattr(reader, "_model", replace(model, states=states))
    question = "Who bought the mill beside the weir?"
    reader.encode([question])
    reader.token_vectors([question])
    assert len(reads) == 1
