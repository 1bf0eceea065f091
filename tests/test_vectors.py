"""FAISS keeps and finds vectors."""

import numpy as np
import pytest

from rag import vectors
from rag.errors import IndexDamaged
from rag.vectors import Vectors


def unit(count, dim=32, seed=0):
    made = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(params=["exact", "cells"])
def written(request, tmp_path, monkeypatch):
    if request.param == "cells":
        monkeypatch.setattr(vectors, "EXACT_UP_TO", 100)
    everything = unit(3000)
    path = tmp_path / "vectors.faiss"
    Vectors.write(path, iter([everything[:1000], everything[1000:]]), len(everything), 32)
    assert [p.name for p in tmp_path.iterdir()] == ["vectors.faiss"]
    return everything, path


def test_the_nearest_are_found(written):
    everything, path = written
    opened = Vectors.open(path)
    assert (opened.count, opened.dim) == (3000, 32)
    queries = unit(20, seed=1)
    _, rows = opened.search(queries, 10)
    true = np.argsort(-(queries @ everything.T), axis=1)[:, :10]
    shared = np.mean([len(set(a) & set(b)) for a, b in zip(rows, true, strict=True)])
    assert shared >= 9


def test_vectors_come_back_as_they_were_kept(written):
    everything, path = written
    back = Vectors.open(path).vectors(np.array([5, 2999, 0]))
    assert np.allclose(back, everything[[5, 2999, 0]], atol=1e-3)


@pytest.mark.parametrize("share", [7, 2])
def test_only_allowed_rows_are_found(written, share, monkeypatch):
    everything, path = written
    monkeypatch.setattr(vectors, "FEW", 500)
    allowed = np.arange(0, 3000, share)
    query = everything[[share * 3]]
    _, rows = Vectors.open(path).search(query, 5, allowed)
    assert rows[0, 0] == share * 3
    assert set(rows[0]) <= set(allowed)


def test_fewer_than_wanted(written):
    _, path = written
    _, rows = Vectors.open(path).search(unit(1), 5, np.array([3, 4]))
    assert sorted(rows[0]) == [-1, -1, -1, 3, 4]


def test_a_cut_file_is_damage(written):
    _, path = written
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(IndexDamaged, match="rag build --full"):
        Vectors.open(path)
