"""Vectors that a stopped build has embedded come back as they were, or not at all."""

import numpy as np
import pytest

from rag.spool import FILE, Spool

KEYS = [bytes([number]) * 16 for number in range(40)]


@pytest.fixture
def vectors():
    return np.random.default_rng(1).standard_normal((len(KEYS), 8)).astype(np.float16)


@pytest.fixture
def written(tmp_path, vectors):
    spool = Spool(tmp_path, 8)
    spool.add(KEYS[:20], vectors[:20])
    spool.add(KEYS[20:], vectors[20:])
    spool.close()
    return tmp_path


def test_vectors_come_back(written, vectors):
    spool = Spool(written, 8)
    found = spool.find([*KEYS, b"another"])
    assert all(np.array_equal(found[key], vector) for key, vector in zip(KEYS, vectors, strict=True))
    assert len(found) == len(KEYS)
    spool.close()


def test_vectors_of_another_length_are_not_taken(written):
    spool = Spool(written, 9)
    assert spool.find(KEYS) == {}
    spool.close()


def test_no_vector_comes_back_changed_whatever_bit_flips(written, vectors):
    path = written / FILE
    whole = path.read_bytes()
    draw = np.random.default_rng(2)
    true = dict(zip(KEYS, vectors, strict=True))
    lost = 0
    for _ in range(300):
        data = bytearray(whole)
        data[draw.integers(len(data))] ^= 1 << draw.integers(8)
        path.write_bytes(data if draw.random() < 0.9 else data[: draw.integers(len(data))])
        spool = Spool(written, 8)
        found = spool.find(KEYS)
        lost += len(found) < len(KEYS)
        assert all(np.array_equal(true[key], vector) for key, vector in found.items())
        spool.add(KEYS[:1], vectors[:1])
        assert np.array_equal(spool.find(KEYS[:1])[KEYS[0]], vectors[0])
        spool.close()
    assert lost > 20
