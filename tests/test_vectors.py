"""FAISS keeps and finds vectors."""

import faiss
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


def clustered(count, dim=48, seed=0):
    """Unit vectors in 300 clusters, most of their spread in a few dimensions, as with sentence embeddings."""
    draw = np.random.default_rng(seed)
    spread = 1 / np.sqrt(1 + np.arange(dim))
    centres = np.random.default_rng(1).normal(size=(300, dim)) * spread
    cluster = draw.integers(300, size=count)
    made = centres[cluster] + 0.5 * draw.normal(size=(count, dim)) * spread
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32), cluster


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Thirty thousand vectors in cells: vectors, the cluster of each, and what was written of them."""
    everything, cluster = clustered(30_000)
    path = tmp_path_factory.mktemp("many") / "vectors.faiss"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "EXACT_UP_TO", 1000)
        Vectors.write(path, iter([everything]), len(everything), everything.shape[1])
    return everything, cluster, Vectors.open(path)


@pytest.mark.parametrize("limit", ["none", "half", "twentieth", "region"])
def test_recall_in_cells(many, limit, monkeypatch):
    everything, cluster, opened = many
    monkeypatch.setattr(vectors, "FEW", 100)
    drawn = np.random.default_rng(2).random(len(everything))
    allowed = {
        "none": None,
        "half": np.flatnonzero(drawn < 0.5),
        "twentieth": np.flatnonzero(drawn < 0.05),
        # What is allowed lies together, and mostly far from what is asked for.
        "region": np.flatnonzero(cluster < 15),
    }[limit]
    queries = clustered(100, seed=3)[0]
    assert type(opened._index).__name__ == "IndexIVFScalarQuantizer"
    _, rows = opened.search(queries, 10, allowed)
    among = everything if allowed is None else everything[allowed]
    true = np.argsort(-(queries @ among.T), axis=1)[:, :10]
    true = true if allowed is None else allowed[true]
    assert np.mean([len(set(a) & set(b)) for a, b in zip(rows, true, strict=True)]) >= 9.8


@pytest.mark.parametrize("count", [2950, 3000, 3100])
def test_vectors_of_single_rows_are_replaced(written, tmp_path, count):
    everything, path = written
    changed = np.array([5, 7, 2000, *range(3000, count)])
    new = unit(len(changed), seed=4)
    old = Vectors.open(path)
    assert old.can_become(count, len(changed))
    old.update(tmp_path / "new.faiss", changed, iter([new[:2], new[2:]]), count)
    right = np.vstack([everything, np.zeros((100, 32), np.float32)])[:count]
    right[changed] = new
    opened = Vectors.open(tmp_path / "new.faiss")
    assert opened.count == count
    assert np.allclose(opened.vectors(np.arange(count)), right, atol=1e-3)
    queries = unit(20, seed=5)
    true = np.argsort(-(queries @ right.T), axis=1)[:, :10]
    assert np.mean([len(set(a) & set(b)) for a, b in zip(opened.search(queries, 10)[1], true, strict=True)]) >= 9
    assert np.allclose(old.vectors(np.arange(3000)), everything, atol=1e-3)


def test_an_inverted_file_is_written_as_faiss_would(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "EXACT_UP_TO", 100)
    everything = unit(3000)
    path = tmp_path / "vectors.faiss"
    Vectors.write(path, iter([everything]), 3000, 32)
    faiss.write_index(faiss.read_index(str(path)), str(tmp_path / "by faiss"))
    assert path.read_bytes() == (tmp_path / "by faiss").read_bytes()
    index = faiss.read_index(str(path))
    index.reset()
    index.add(everything.astype(np.float16).astype(np.float32))
    index.make_direct_map()
    faiss.write_index(index, str(tmp_path / "by faiss"))
    assert path.read_bytes() == (tmp_path / "by faiss").read_bytes()


def test_what_was_prepared_for_some_rows_is_not_taken_for_others(written, monkeypatch):
    everything, path = written
    monkeypatch.setattr(vectors, "FEW", 500)
    opened = Vectors.open(path)
    halves = np.arange(0, 3000, 2), np.arange(1, 3000, 2)
    for half in halves:
        half.setflags(write=False)
    for odd in (0, 0, 1, 0):
        assert {row % 2 for row in opened.search(everything[[7]], 5, halves[odd])[1][0].tolist()} == {odd}
    changing = halves[0].copy()
    opened.search(everything[[7]], 5, changing)
    changing += 1
    assert opened.search(everything[[7]], 5, changing)[1][0, 0] == 7
