"""Build: articles → a new generation, published when it is whole.

1. Take the lock, sweep what a stopped build left behind.
2. Read, split and store article after article; nothing of them stays in memory.
3. If articles, settings and model are those of the current generation, keep it.
4. Carry over the vectors of passages that the current generation has, or that a stopped build has left in the spool;
   embed the others, batch by batch, into the spool.
5. Write vectors, words and manifest, sync everything, and replace `CURRENT`; remove the spool.

Whatever ends a build before the last step leaves the published generation as it was.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rag.articles import Article, Note, Skipped, read_articles
from rag.chunking import Passage, embedded_text, split_passages
from rag.embedding import Embedder
from rag.errors import IndexNotFound, RagError
from rag.generation_writer import GenerationWriter, Text
from rag.generations import Manifest, build_lock, kept, publish
from rag.index import STORE, Index
from rag.settings import Settings
from rag.spool import Spool, discard
from rag.store import Store
from rag.store_writer import StoreWriter

GOES_ON_FROM = 20_000
"""Passages from which on a build changes a copy of the old store; smaller ones are written anew, in reading order."""


@dataclass(frozen=True)
class Progress:
    """How far a build has come."""

    stage: str
    """reading, embedding or writing."""
    articles: int
    passages: int
    done: int = 0
    """Of `total`, in this stage."""
    total: int | None = None
    """None while it is not known."""


@dataclass(frozen=True)
class Duplicate:
    """An article whose text another one has too."""

    article: str
    """Its id."""
    same_as: str
    """The id of the one that was read first."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did."""

    generation: str
    changed: bool
    """False when everything was as in the current generation, which then stays."""
    articles: int
    paragraphs: int
    passages: int
    embedded: int
    carried_over: int
    """Passages whose vector was there: from the current generation, a stopped build, or the same passage elsewhere."""
    skipped: tuple[Skipped, ...]
    duplicates: tuple[Duplicate, ...]
    """Articles with the very text of another: both may be cited, the text is embedded once."""
    seconds: float
    notes: tuple[str, ...] = ()
    """What else the user should know."""

    def to_dict(self) -> dict[str, Any]:
        """As in `build --json`."""
        return {
            "generation": self.generation,
            "changed": self.changed,
            "articles": self.articles,
            "paragraphs": self.paragraphs,
            "passages": self.passages,
            "embedded": self.embedded,
            "carried_over": self.carried_over,
            "skipped": [{"path": s.path, "reason": s.reason} for s in self.skipped],
            "duplicates": [{"article": d.article, "same_as": d.same_as} for d in self.duplicates],
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }


Report = Callable[[Progress], None]


def build(
    paths: Sequence[str | Path] | str | Path | None = None,
    index: str | Path = "index",
    *,
    settings: Settings | None = None,
    full: bool = False,
    wait: bool = False,
    progress: Report | None = None,
) -> BuildReport:
    """Index the articles in `paths` (files and folders; those of the settings when None) in the folder `index`.

    Args:
        paths: what to read.
        index: where the index is, or is to be.
        settings: how to read, split and embed.
        full: embed everything anew, whatever the current generation has.
        wait: for another process that builds this index to end.
        progress: is told how far it has come, many times a second.

    Raises:
        RagError: there is nothing to read, or the index can't be written; the published generation stays.
        BuildInProgress: another process builds this index, and `wait` is not set.
    """
    settings = settings or Settings()
    chosen = settings.articles if paths is None else [paths] if isinstance(paths, (str, Path)) else list(paths)
    found = read_articles(chosen, replace(settings, index=str(index)))
    sources = [str(Path(path).absolute()) for path in chosen]
    return build_articles(found, index, settings=settings, full=full, wait=wait, progress=progress, sources=sources)


def build_articles(
    articles: Iterable[Article | Skipped | Note],
    index: str | Path = "index",
    *,
    settings: Settings | None = None,
    full: bool = False,
    wait: bool = False,
    progress: Report | None = None,
    sources: Sequence[str] = (),
) -> BuildReport:
    """As `build`, from articles that are already read; `sources` are the absolute paths they come from, if any."""
    started = time.perf_counter()
    settings = settings or Settings()
    index = Path(index)
    with build_lock(index, wait) as folder:
        try:
            embedder = Embedder.load(settings)
            folder.mkdir(parents=True)
            report = _Build(folder, index, embedder, settings, full, progress or (lambda _: None)).run(
                articles, sources
            )
        except (OSError, sqlite3.Error) as error:
            raise RagError(
                f"The index in '{index}' could not be written ({error}); mend that and build again. "
                "What was published before still is."
            ) from error
        except MemoryError as error:
            raise RagError(
                f"There was not enough memory to build the index in '{index}'; what was published before still is."
            ) from error
        finally:
            if folder.name not in kept(index):
                shutil.rmtree(folder, ignore_errors=True)
    seconds = time.perf_counter() - started
    return BuildReport(**{**report, "seconds": seconds})


class _Build:
    def __init__(
        self, folder: Path, index: Path, embedder: Embedder, settings: Settings, full: bool, progress: Report
    ) -> None:
        self.folder = folder
        self.index = index
        self.embedder = embedder
        self.settings = settings
        self.progress = progress
        self.notes: list[str] = []
        self.old = self._current()
        self.full = full
        self.embedded = self.carried = 0

    def run(self, articles: Iterable[Article | Skipped | Note], sources: Sequence[str]) -> dict[str, Any]:
        writer = GenerationWriter(self.folder, self.old if self._can_go_on() else None)
        complete = False
        try:
            skipped = self._read(articles, writer.articles)
            complete = True
        finally:
            writer.close_articles(commit=complete)
        store = Store.open(self.folder / STORE)
        try:
            counts = store.counts()
            if not counts["passages"]:
                raise _nothing(skipped)
            content = store.content()
            duplicates = tuple(Duplicate(*ids) for ids in store.duplicates())
            common = {**counts, "skipped": tuple(skipped), "duplicates": duplicates, "seconds": 0.0}
            made_of = (content, self._shaping(), self.embedder.fingerprint, list(sources))
            old = self.old.manifest if self.old else None
            if old and (old.content, old.settings, old.fingerprint, old.sources) == made_of and not self.full:
                kept_one = {"generation": old.generation, "changed": False, "notes": tuple(self.notes)}
                discard(self.index)
                return {**common, **kept_one, "embedded": 0, "carried_over": counts["passages"]}
            if self.full:
                discard(self.index)
            spool = Spool(self.index, self.embedder.dim)
            try:
                embed = partial(self._vectors, counts, store, spool, {})
                untouched = writer.write_passages(store, self.embedder.dim, embed)
                self.carried += untouched
            finally:
                spool.close()
        finally:
            store.close()
        self.progress(Progress("writing", counts["articles"], counts["passages"]))
        Manifest(
            generation=self.folder.name,
            created=_now(),
            model=self.embedder.name,
            fingerprint=self.embedder.fingerprint,
            dim=self.embedder.dim,
            precision=self.embedder.precision,
            settings=self._shaping(),
            sources=list(sources),
            content=content,
            files=writer.files(),
            **counts,
        ).write(self.folder)
        self.notes += publish(self.index, self.folder, self.settings.keep_generations)
        try:
            discard(self.index)
        except OSError as error:
            self.notes.append(f"{error.filename} could not be removed ({error.strerror}); it is of no use any more.")
        done = {"generation": self.folder.name, "changed": True, "notes": tuple(self.notes)}
        return {**common, **done, "embedded": self.embedded, "carried_over": self.carried}

    def _current(self) -> Index | None:
        try:
            return Index.open(self.index)
        except IndexNotFound:
            return None
        except RagError as error:
            self.notes.append(f"The generation before this one could not be used, so everything was embedded: {error}")
            return None

    def _shaping(self) -> dict[str, Any]:
        settings = self.settings
        phrases = list(settings.strip_phrases)
        return {
            "passage_tokens": settings.passage_tokens,
            "merge_tokens": settings.merge_tokens,
            "strip_phrases": phrases,
        }

    def _can_go_on(self) -> bool:
        """Whether the new store is what the old one becomes, rather than written anew in the order of reading."""
        if not self.old or self.full or self.old.manifest.passages < GOES_ON_FROM:
            return False
        old = self.old.manifest
        return (old.fingerprint, old.settings) == (self.embedder.fingerprint, self._shaping())

    def _read(self, articles: Iterable[Article | Skipped | Note], writer: StoreWriter) -> list[Skipped]:
        skipped: list[Skipped] = []
        most = min(self.settings.passage_tokens, self.embedder.max_tokens)
        now = _now()
        read = 0
        for item in articles:
            if isinstance(item, Skipped):
                skipped.append(item)
                continue
            if isinstance(item, Note):
                self.notes.append(f"{item.path}: {item.text}")
                continue
            made_of = hashlib.sha256(repr(item).encode("utf-8", "replace")).digest()[:16]
            if not writer.keeps(item.id, made_of):
                passages = split_passages(item, self.embedder.count_tokens, most, self.settings.merge_tokens)
                added = (self.old.store.added(item.id) if self.old else "") or now
                writer.add(item, passages, [self._key(item, p) for p in passages], added, made_of)
            read += 1
            self.progress(Progress("reading", read, writer.passages, read))
        return skipped

    def _key(self, article: Article, passage: Passage) -> bytes:
        text = embedded_text(article.title, passage.heading, passage.text)
        return hashlib.sha256(f"{self.embedder.fingerprint}\n{text}".encode("utf-8", "replace")).digest()[:16]

    def _vectors(
        self,
        counts: dict[str, int],
        store: Store,
        spool: Spool,
        seen: dict[bytes, np.ndarray],
        keys: Sequence[bytes],
        texts: Sequence[Text],
    ) -> np.ndarray:
        """Vectors of passages, (len(keys), dim) float32; `seen` keeps those that more passages have."""
        # The same text is embedded once, wherever it stands.
        text_of = {key: text for key, text in zip(keys, texts, strict=True) if key not in seen}
        known = self.old.store.rows_of(list(text_of)) if self.old and not self.full else {}
        old = [key for key in text_of if key in known]
        found: dict[bytes, np.ndarray] = spool.find([key for key in text_of if key not in known])
        new = [key for key in text_of if key not in known and key not in found]
        if old and self.old:
            of_old = self.old.vectors.vectors(np.array([known[key] for key in old], dtype=np.int64))
            found.update(zip(old, of_old, strict=True))
        self.carried += len(keys) - len(new)
        self._tell(counts)
        if new:
            of_new = self.embedder.encode([embedded_text(*text_of[key]) for key in new], self._embedded(counts))
            spool.add(new, of_new)
            found.update(zip(new, of_new, strict=True))
        # As exact as they are stored.
        seen.update((key, found[key].astype(np.float16)) for key in store.repeated(list(text_of)))
        return np.array([found[key] if key in found else seen[key] for key in keys], dtype=np.float32)

    def _embedded(self, counts: dict[str, int]) -> Callable[[int], None]:
        def add(count: int) -> None:
            self.embedded += count
            self._tell(counts)

        return add

    def _tell(self, counts: dict[str, int]) -> None:
        done = self.carried + self.embedded
        self.progress(Progress("embedding", counts["articles"], counts["passages"], done, counts["passages"]))


def _nothing(skipped: Sequence[Skipped]) -> RagError:
    why = f" ({len(skipped)} files were skipped: {skipped[0].path}: {skipped[0].reason})" if skipped else ""
    return RagError(f"No article with any text was found{why}; name a folder of articles to rag build.")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
