"""BM25 over title, heading and text of each passage, by tantivy.

Words are split at everything that is neither letter nor digit, lowercased, folded to ASCII and stemmed; `analyze` is
that same analysis. A query is never parsed: any text is analysed into words, and a passage's score is the sum of the
BM25 scores of the words in each field, times the field's boost. tantivy's k1 is 1.2 and b is 0.75.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import IndexDamaged
from rag.files import link
from rag.filters import Allowed

if TYPE_CHECKING:
    import tantivy

TITLE_BOOST = 0.5
HEADING_BOOST = 0.5
LONGEST_WORD = 60
"""Longer ones, in bytes, are no words."""
MOST_WORDS = 256
"""Of a query; the rest is left out."""
NAMED = 15_000
"""Up to so many allowed articles are named to tantivy at once, each of which takes its microsecond."""
MOST = 10_000
"""The most passages taken to find those among them that are allowed."""
_ANALYZER = "english"
_FIELDS = ("text", "heading", "title")


def analyze(text: str) -> list[str]:
    """The words of `text` as the index knows them, in order."""
    # Arguments of a command line may hold what is not Unicode.
    return _analyzer().analyze(text.encode("utf-8", "replace").decode("utf-8"))


class LexicalWriter:
    """Writes a lexical index into an empty folder, anew or as what an older one becomes."""

    def __init__(self, folder: str | Path, old: str | Path | None = None) -> None:
        """Begin.

        Args:
            folder: where to; empty or not there.
            old: folder of a published index to go on from. Its files never change, so they are linked, not copied,
                where the file system can.
        """
        import tantivy

        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        with _failure(self.folder):
            if old is None:
                index = tantivy.Index(_schema(), path=str(self.folder), reuse=False)
            else:
                for path in sorted(Path(old).iterdir()):
                    if path.suffix != ".lock":
                        link(path, self.folder / path.name)
                index = tantivy.Index.open(str(self.folder))
            self._schema = index.schema
            index.register_tokenizer(_ANALYZER, _analyzer())
            # One thread: documents keep the order of rows, so equal scores are told apart the same way every time.
            self._writer = index.writer(heap_size=128_000_000, num_threads=1)

    def put(self, row: int, article: int, title: str, heading: str, text: str) -> None:
        """Write the passage of a row that has none, with the number of its article."""
        import tantivy

        document = tantivy.Document(title=title, heading=heading, text=text)
        document.add_unsigned("row", row)
        document.add_unsigned("article", article)
        with _failure(self.folder):
            self._writer.add_document(document)

    def remove(self, rows: Sequence[int]) -> None:
        """Take out the passages that these rows have had so far."""
        from tantivy import Query

        with _failure(self.folder):
            # By a term, tantivy-py would silently find no number.
            self._writer.delete_documents_by_query(Query.term_set_query(self._schema, "row", list(rows)))

    def close(self) -> None:
        """Finish the files."""
        with _failure(self.folder):
            self._writer.commit()
            self._writer.wait_merging_threads()
        (self.folder / ".tantivy-writer.lock").unlink(missing_ok=True)


class LexicalIndex:
    """A published lexical index; safe to call from several threads. The files may be deleted while it is open."""

    def __init__(self, folder: Path, index: tantivy.Index) -> None:
        self.folder = folder
        self._schema = index.schema
        self._searcher = index.searcher()
        self.count = self._searcher.num_docs
        """Passages in it."""

    @classmethod
    def open(cls, folder: str | Path) -> LexicalIndex:
        """The index in `folder`.

        Raises:
            IndexDamaged: it can't be opened.
        """
        import tantivy

        with _damage(Path(folder)):
            index = tantivy.Index.open(str(folder))
            index.register_tokenizer(_ANALYZER, _analyzer())
            return cls(Path(folder), index)

    def search(
        self,
        query: str,
        k: int,
        allowed: Allowed | None = None,
        *,
        title: float = TITLE_BOOST,
        heading: float = HEADING_BOOST,
    ) -> list[tuple[int, float]]:
        """The `k` best passages as (row, BM25 score), best first, equals in order of rows.

        Args:
            query: any text.
            k: the most wanted; fewer come back when fewer passages hold a word of the query.
            allowed: the only passages to look at; None for all.
            title: what a word in the title counts, in the text it is 1.
            heading: what a word in the heading counts.
        """
        from tantivy import Occur, Query

        words = list(dict.fromkeys(analyze(query)))[:MOST_WORDS]
        if not words or k < 1 or (allowed is not None and not len(allowed.rows)):
            return []
        boosts = {"text": 1.0, "heading": heading, "title": title}
        with _damage(self.folder):
            terms = [
                (Occur.Should, Query.boost_query(Query.term_query(self._schema, field, word, "freq"), boosts[field]))
                for word in words
                for field in _FIELDS
                if boosts[field] > 0
            ]
            wanted = Query.boolean_query(terms)
            pairs = self._best_among(wanted, k, allowed)
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))

    def _best(self, wanted: tantivy.Query, k: int) -> list[tuple[int, float]]:
        hits = self._searcher.search(wanted, k, count=False).hits
        rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        return [(int(row or 0), float(score)) for (score, _), row in zip(hits, rows, strict=True)]

    def _best_among(self, wanted: tantivy.Query, k: int, allowed: Allowed | None) -> list[tuple[int, float]]:
        from tantivy import Occur, Query

        if allowed is None:
            return self._best(wanted, k)
        # Most often enough of somewhat more than are wanted are allowed; that is quicker than to name many articles.
        most = math.ceil(1.5 * k * self.count / len(allowed.rows))
        if len(allowed.articles) > NAMED and most <= MOST:
            pairs = self._best(wanted, most)
            found = np.array([row for row, _ in pairs], dtype=np.int64)
            places = np.minimum(np.searchsorted(allowed.rows, found), len(allowed.rows) - 1)
            inside = [pair for pair, right in zip(pairs, allowed.rows[places] == found, strict=True) if right]
            if len(inside) >= k or len(pairs) < most:
                return inside[:k]
        # Articles rather than rows: there are several times fewer of them.
        among = Query.const_score_query(Query.term_set_query(self._schema, "article", allowed.articles.tolist()), 0.0)
        return self._best(Query.boolean_query([(Occur.Must, wanted), (Occur.Must, among)]), k)

    def doc_frequency(self, word: str) -> int:
        """How many passages have the analysed `word` in their text; in title or heading if none has."""
        with _damage(self.folder):
            return next((n for field in _FIELDS if (n := self._searcher.doc_freq(field, word))), 0)


@lru_cache(maxsize=1)
def _analyzer() -> tantivy.TextAnalyzer:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(LONGEST_WORD))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stemmer(_ANALYZER))
        .build()
    )


def _schema() -> tantivy.Schema:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    for field in _FIELDS:
        builder.add_text_field(field, tokenizer_name=_ANALYZER, index_option="freq")
    builder.add_unsigned_field("row", indexed=True, fast=True)
    builder.add_unsigned_field("article", indexed=True)
    return builder.build()


@contextmanager
def _damage(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # A panic in tantivy is not an Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise IndexDamaged(f"{folder} is damaged ({error}); run: rag build --full") from error
        raise


@contextmanager
def _failure(folder: Path) -> Iterator[None]:
    """tantivy tells of a full disk by ValueError."""
    try:
        yield
    except ValueError as error:
        raise OSError(f"{folder}: {error}") from error
