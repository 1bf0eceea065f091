"""The files of a generation, anew or as what those of an older one become.

1. Articles and their passages go into the store (`articles`), which is closed when all are there.
2. Passages are read back block by block, in order of rows; their words are indexed and their vectors asked for.
3. What an older generation has is not made again: its store is copied and changed, words are added to links of its
   segments, which never change, and vectors of single rows are replaced in a copy. Only where a tenth of the passages
   has changed, or the number of vectors asks for another kind of index, vectors and words are written anew.

What is in memory does not grow with the corpus, but for some tens of bytes for each passage (`rag.cells`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rag.files import facts_of, link
from rag.index import LEXICAL, STORE, VECTORS, Index
from rag.lexical import LexicalWriter
from rag.store import Store
from rag.store_writer import StoreWriter
from rag.vectors import Vectors

BLOCK = 1024
"""Passages read, embedded and written at once."""

Text = tuple[str, str, str]
"""Title, heading and text of a passage."""
Embed = Callable[[Sequence[bytes], Sequence[Text]], np.ndarray]
"""Gives vectors, (n, dim) float32, of n passages by their keys and texts."""


class GenerationWriter:
    """Writes the files of a generation into its folder; none of them is durable before `rag.generations.publish`."""

    def __init__(self, folder: Path, old: Index | None = None) -> None:
        """Begin in `folder`; `old` is a generation of the same model and settings to go on from."""
        self.folder = folder
        self.old = old
        self.articles = StoreWriter(folder / STORE, old.folder / STORE if old else None)

    def close_articles(self, commit: bool = True) -> None:
        """No more articles come; without `commit` what is there is of no use."""
        written = self.articles.close(commit)
        if commit and not written and self.old:
            link(self.old.folder / STORE, self.folder / STORE)

    def write_passages(self, store: Store, dim: int, embed: Embed) -> int:
        """Write words and vectors, and say how many passages `embed` was not asked for.

        Args:
            store: the one that was written, opened.
            dim: length of the vectors.
            embed: is asked for vectors in order of rows, at most `BLOCK` at a time.

        Raises:
            OSError: they can't be written.
        """
        count = store.passage_count()
        changed = self.articles.changed
        if self.old is None or changed is None or not self.old.vectors.can_become(count, len(changed)):
            lexical = LexicalWriter(self.folder / LEXICAL)
            Vectors.write(self.folder / VECTORS, _blocks(store, np.arange(count), lexical, embed), count, dim)
            lexical.close()
            return 0
        before = self.old.vectors.count
        if not len(changed) and count == before:
            link(self.old.folder / VECTORS, self.folder / VECTORS)
            (self.folder / LEXICAL).mkdir()
            for path in (self.old.folder / LEXICAL).iterdir():
                link(path, self.folder / LEXICAL / path.name)
            return count
        lexical = LexicalWriter(self.folder / LEXICAL, self.old.folder / LEXICAL)
        lexical.remove([*changed[changed < before].tolist(), *range(count, before)])
        self.old.vectors.update(self.folder / VECTORS, changed, _blocks(store, changed, lexical, embed), count)
        lexical.close()
        return count - len(changed)

    def files(self) -> dict[str, dict[str, Any]]:
        """Facts of the files written, for the manifest; those of linked files are known."""
        known: dict[str, dict[str, Any]] = {}
        new: list[str] = []
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            name = path.relative_to(self.folder).as_posix()
            if self.old and name in self.old.manifest.files and path.samefile(self.old.folder / name):
                known[name] = self.old.manifest.files[name]
            else:
                new.append(name)
        known.update(zip(new, facts_of([self.folder / name for name in new]), strict=True))
        return known


def _blocks(store: Store, rows: np.ndarray, lexical: LexicalWriter, embed: Embed) -> Iterator[np.ndarray]:
    for first in range(0, len(rows), BLOCK):
        some = rows[first : first + BLOCK]
        texts = store.texts(some)
        for row, article, text in zip(some.tolist(), store.article_numbers(some).tolist(), texts, strict=True):
            lexical.put(row, article, *text)
        yield embed(store.keys(some), texts)
