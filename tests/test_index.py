"""Generations on disk: what is damaged, foreign or missing is said, with what to run."""

import json
import shutil

import pytest

from rag import Retriever, Settings, build, rollback, status, verify
from rag.errors import IndexDamaged, IndexIncompatible, IndexNotFound, RagError
from rag.generations import Manifest
from rag.index import Index


@pytest.fixture
def copy(index, tmp_path):
    """A copy of the built index, to be spoiled."""
    return shutil.copytree(index, tmp_path / "index")


def generation(folder):
    return folder / "generations" / (folder / "CURRENT").read_text().strip()


def test_no_index(tmp_path):
    with pytest.raises(IndexNotFound, match="run: rag build"):
        Index.open(tmp_path / "none")


def test_what_is_on_disk(index):
    names = {p.relative_to(generation(index)).parts[0] for p in generation(index).rglob("*")}
    assert names == {"manifest.json", "passages.sqlite", "vectors.faiss", "lexical"}
    manifest = Manifest.read(generation(index))
    assert manifest.format == 5
    assert (manifest.articles, manifest.dim) == (3, 384)
    assert set(manifest.files) >= {"passages.sqlite", "vectors.faiss"}
    assert not any(p.suffix in (".pkl", ".pickle") for p in index.rglob("*"))


def test_verify_finds_nothing_wrong(index):
    report = verify(index)
    assert report.ok, report.problems


@pytest.mark.parametrize("name", ["passages.sqlite", "vectors.faiss"])
def test_a_missing_file(copy, name):
    (generation(copy) / name).unlink()
    with pytest.raises(IndexDamaged, match=rf"{name} is missing.*rag build --full"):
        Index.open(copy)


@pytest.mark.parametrize("name", ["passages.sqlite", "vectors.faiss"])
def test_a_cut_file(copy, name):
    path = generation(copy) / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(IndexDamaged, match="bytes instead of"):
        Index.open(copy)


def test_a_flipped_byte_is_found_by_verify(copy):
    path = generation(copy) / "vectors.faiss"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    report = verify(copy)
    assert not report.ok
    assert "vectors.faiss" in report.problems[0]


def test_a_stray_file_is_found_by_verify(copy):
    (generation(copy) / "note.txt").write_text("hello")
    assert "does not belong" in verify(copy).problems[0]


def test_an_edited_manifest(copy):
    path = generation(copy) / "manifest.json"
    path.write_text(path.read_text().replace('"articles": 3', '"articles": 4'))
    with pytest.raises(IndexDamaged, match="digest"):
        Index.open(copy)


def test_another_format(copy):
    path = generation(copy) / "manifest.json"
    values = json.loads(path.read_text().rsplit("\n", 2)[0])
    Manifest(**{**values, "format": 99}).write(generation(copy))
    with pytest.raises(IndexIncompatible, match="has format 99, this version reads format 5; run: rag build"):
        Index.open(copy)


def test_current_names_nothing(copy):
    (copy / "CURRENT").write_text("000099\n")
    with pytest.raises(IndexDamaged, match="which is not there"):
        Index.open(copy)


def test_another_model(copy):
    folder = generation(copy)
    values = json.loads((folder / "manifest.json").read_text().rsplit("\n", 2)[0])
    Manifest(**{**values, "model": "some/model", "fingerprint": "some/model@abc/fp32"}).write(folder)
    with pytest.raises(IndexIncompatible, match=r"built with the model some/model@abc.*rag build --model"):
        Retriever.open(copy)


def test_an_unknown_model(copy):
    with pytest.raises(RagError, match=r"could not be loaded"):
        Retriever.open(copy, Settings(model=str(copy)))


def test_rollback(copy, articles, tmp_path):
    before = status(copy).generation
    changed = shutil.copytree(articles, tmp_path / "articles")
    (changed / "new.txt").write_text("A new lighthouse was built in Ostwick. It is green.")
    build(changed, copy)
    assert status(copy).articles == 4
    assert rollback(copy) == before
    assert status(copy).articles == 3
    with pytest.raises(RagError, match="none to go back to"):
        rollback(copy)


def test_a_build_mends_damage(copy, articles):
    (generation(copy) / "vectors.faiss").unlink()
    report = build(articles, copy)
    assert report.changed
    assert "could not be used" in report.notes[0]
    assert verify(copy).ok


def test_a_folder_that_cannot_be_written(tmp_path, articles):
    (tmp_path / "index").write_text("a file, not a folder")
    with pytest.raises(RagError, match="cannot be written"):
        build(articles, tmp_path / "index")
