"""Index: the published generation of an index folder, opened for reading.

Opening compares the size and the checksums of every file with the manifest before any library reads it, since FAISS and
tantivy may crash on a damaged one; `verify` compares SHA-256 digests, and also looks at what the files say, and for
files that do not belong. Opening and searching never write. A reader keeps the files of its generation open, so that it
can go on when a later build removes that generation.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.embedding import Embedder
from rag.errors import IndexDamaged, IndexIncompatible, RagError
from rag.files import facts_of, unlike
from rag.generations import MANIFEST, Manifest, current, generations_folder
from rag.lexical import LexicalIndex
from rag.store import Store
from rag.vectors import Vectors

STORE = "passages.sqlite"
VECTORS = "vectors.faiss"
LEXICAL = "lexical"


@dataclass(frozen=True)
class VerifyReport:
    """What a full check of the published generation found."""

    generation: str
    files: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """As in `verify --json`."""
        return {
            "ok": self.ok,
            "generation": self.generation,
            "files": self.files,
            "problems": list(self.problems),
        }


class Index:
    """One generation; safe to use from several threads."""

    def __init__(
        self, directory: Path, manifest: Manifest, store: Store, vectors: Vectors, lexical: LexicalIndex
    ) -> None:
        self.directory = directory
        self.manifest = manifest
        self.store = store
        self.vectors = vectors
        self.lexical = lexical

    @classmethod
    def open(cls, directory: str | Path = "index") -> Index:
        """The published generation of the index in `directory`.

        Raises:
            IndexNotFound: nothing is published there.
            IndexDamaged: a file is missing or not what was written.
            IndexIncompatible: it is of another format version.
        """
        directory = Path(directory)
        while True:
            name = current(directory)
            folder = generations_folder(directory) / name
            try:
                return cls._open(directory, folder)
            except RagError:
                # A build may have published another generation and removed this one meanwhile.
                if current(directory) == name:
                    raise

    @classmethod
    def _open(cls, directory: Path, folder: Path) -> Index:
        manifest = Manifest.read(folder)
        problem = next(_wrong_files(folder, manifest, _unlike), "")
        if problem:
            raise IndexDamaged(f"{problem} Run: rag rollback, or rag build --full")
        store = Store.open(folder / STORE)
        try:
            index = cls(directory, manifest, store, Vectors.open(folder / VECTORS), LexicalIndex.open(folder / LEXICAL))
            found = {store.passage_count(), index.vectors.count, index.lexical.count}
            if found != {manifest.passages} or index.vectors.dim != manifest.dim:
                raise IndexDamaged(f"The files of the index in {folder} do not fit together; run: rag build --full")
        except BaseException:
            store.close()
            raise
        return index

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return generations_folder(self.directory) / self.manifest.generation

    def check_embedder(self, embedder: Embedder) -> None:
        """Refuse to be searched with another model than it was built with.

        Raises:
            IndexIncompatible: found, expected, and what to run.
        """
        if self.manifest.fingerprint == embedder.fingerprint:
            return
        found, expected = embedder.fingerprint, self.manifest.fingerprint
        # Precision alone changes vectors by less than search can tell, so an index may move between machines.
        if found.rpartition("/")[0] == expected.rpartition("/")[0]:
            return
        raise IndexIncompatible(
            f"The index in '{self.directory}' was built with the model {expected}, but the settings name {found}; "
            f"run: rag build --model {embedder.name}, or set model to {self.manifest.model}"
        )

    def is_current(self) -> bool:
        """Whether this generation is still the published one."""
        try:
            return (self.directory / "CURRENT").read_text(encoding="utf-8").strip() == self.manifest.generation
        except OSError:
            # Whoever removed the index under a running reader: what is open still answers.
            return True

    def close(self) -> None:
        """Let go of the files."""
        self.store.close()


def verify(directory: str | Path = "index") -> VerifyReport:
    """Read every byte of the published generation and compare it with the manifest.

    Raises:
        IndexNotFound, IndexDamaged, IndexIncompatible: as `Index.open`, when the manifest itself can't be used.
    """
    directory = Path(directory)
    folder = generations_folder(directory) / current(directory)
    manifest = Manifest.read(folder)
    problems = list(_wrong_files(folder, manifest, _digested_otherwise))
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(names - set(manifest.files) - {MANIFEST}):
        problems.append(f"{folder / name} does not belong to the index.")
    if not problems:
        try:
            index = Index._open(directory, folder)
            problems += _wrong_spans(index)
            index.close()
        except IndexDamaged as error:
            problems.append(str(error))
    if problems and current(directory) != folder.name:
        # A build has published another generation and removed this one meanwhile.
        return verify(directory)
    return VerifyReport(manifest.generation, len(manifest.files), tuple(problems))


def _wrong_files(
    folder: Path, manifest: Manifest, wrong: Callable[[Path, Manifest, Sequence[str]], Iterable[str]]
) -> Iterator[str]:
    """What is wrong with files of the manifest, a sentence each; sizes first, since they cost nothing."""
    right = []
    for name, facts in manifest.files.items():
        path = folder / name
        try:
            found = path.stat()
        except OSError:
            found = None
        if found is None or not stat.S_ISREG(found.st_mode):
            yield f"{path} is missing."
        elif found.st_size != facts["size"]:
            yield f"{path} has {found.st_size} bytes instead of {facts['size']}."
        else:
            right.append(name)
    try:
        for name in wrong(folder, manifest, right):
            yield f"{folder / name} is not what was written: its digest differs."
    except OSError as error:
        yield f"{error.filename or folder} cannot be read ({error})."


def _unlike(folder: Path, manifest: Manifest, names: Sequence[str]) -> Iterable[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in unlike([(folder / n, manifest.files[n]["crc32"]) for n in names])
    ]


def _digested_otherwise(folder: Path, manifest: Manifest, names: Sequence[str]) -> Iterable[str]:
    found = facts_of([folder / name for name in names])
    return [name for name, facts in zip(names, found, strict=True) if facts != manifest.files[name]]


def _wrong_spans(index: Index) -> list[str]:
    problems = []
    for article in index.store.articles():
        end = 0
        for paragraph in article.paragraphs:
            if not end <= paragraph.start < paragraph.end <= len(article.text):
                problems.append(f"Paragraph {paragraph.number} of {article.id} lies outside its article.")
            end = paragraph.end
    return problems
