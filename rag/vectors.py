"""Vector search by FAISS over unit vectors, kept as 16-bit floats.

Up to `EXACT_UP_TO` vectors every one is compared (a flat index: exact, fast enough, no training). Above, vectors are
put into cells by k-means and only the cells nearest to the query are searched (an inverted file; Sivic and Zisserman
2003); how many cells is measured after training, as the fewest that find `RECALL` of the true ten nearest neighbours
of sample vectors. Vectors are stored as they are in both, not as differences from a centre, so that reading one back
and storing it again changes nothing. Files are memory-mapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rag import cells
from rag.errors import IndexDamaged

EXACT_UP_TO = 200_000
RECALL = 0.99
ENOUGH = 0.75
"""Allowed rows compared, as a share of the rows that are compared without a filter: they may lie far from the query."""
FEW = 2_000
"""Up to so many allowed rows are read and compared one by one."""
LEAST_PROBES = 256
"""Cells searched at least: questions lie further from passages than passages do, with which recall is measured."""
SAMPLES = 64
"""Vectors that recall is measured with."""


class Vectors:
    """A published file of vectors; safe to call from several threads. The file may be deleted while it is open."""

    def __init__(self, path: Path, index: Any) -> None:
        self.path = path
        self._index = index
        self.count = int(index.ntotal)
        self.dim = int(index.d)
        self._last: _Limit | None = None

    @staticmethod
    def write(path: str | Path, blocks: Iterable[np.ndarray], count: int, dim: int) -> None:
        """Write `count` unit vectors of length `dim` to the file at `path`.

        Args:
            path: where to.
            blocks: (n, dim) float32 each, in order of rows.
            count: how many they hold together.
            dim: their length.

        Raises:
            OSError: the file can't be written.
        """
        import faiss

        if count <= EXACT_UP_TO:
            index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
            for block in blocks:
                index.add(np.ascontiguousarray(block, dtype=np.float32))
            _write(index, path)
        else:
            cells.write(Path(path), blocks, count, dim, _probes)

    def can_become(self, count: int, changed: int) -> bool:
        """Whether `update` should write `count` vectors of which `changed` differ from these, or rather `write`."""
        same_kind = (count <= EXACT_UP_TO) == (self.count <= EXACT_UP_TO)
        # Cells are good for vectors like those they were made of, and for about as many.
        return same_kind and changed * 10 <= count and self.count / 2 <= count <= self.count * 2

    def update(self, path: str | Path, rows: np.ndarray, blocks: Iterable[np.ndarray], count: int) -> None:
        """Write to the file at `path` what is in this one, with other vectors in some rows.

        Args:
            path: where to.
            rows: (n,) int64 ascending, the rows that change or are new.
            blocks: (m, dim) float32 each, the vectors of `rows` in that order.
            count: how many there are then; the last rows go where these are fewer.

        Raises:
            IndexDamaged: this file can't be read.
            OSError: the new one can't be written.
        """
        import faiss

        is_exact = not isinstance(self._index, faiss.IndexIVF)
        with _damage(self.path):
            index: Any = faiss.read_index(str(self.path)) if is_exact else cells.opened(self.path)
        if not is_exact:
            cells.change(Path(path), self._index, index, rows, blocks, count)
            return
        codes = faiss.vector_to_array(index.codes)
        codes = np.resize(codes, count * index.code_size).reshape(count, index.code_size)
        first = 0
        for block in blocks:
            codes[rows[first : first + len(block)]] = index.sa_encode(np.ascontiguousarray(block, dtype=np.float32))
            first += len(block)
        faiss.copy_array_to_vector(codes.ravel(), index.codes)
        index.ntotal = count
        _write(index, path)

    @classmethod
    def open(cls, path: str | Path) -> Vectors:
        """The vectors in the file at `path`.

        Raises:
            IndexDamaged: it can't be read.
        """
        path = Path(path)
        with _damage(path):
            return cls(path, cells.opened(path))

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The `k` vectors of largest inner product with each query.

        Args:
            queries: (q, dim) float32.
            k: the most wanted.
            allowed: (n,) int64, the only rows to look at; None for all.

        Returns:
            Inner products (q, k) float32 and rows (q, k) int64, best first; -1 where there are no more rows.
        """
        import faiss

        queries = np.ascontiguousarray(queries, dtype=np.float32)
        with _damage(self.path):
            if allowed is None:
                scores, rows = self._index.search(queries, k)
                return scores, rows
            if len(allowed) <= FEW:
                return self._compare(queries, k, np.asarray(allowed, dtype=np.int64))
            limit = self._limit(allowed)
            if limit.held is not None:
                return self._search_cells(queries, k, limit.selector, limit.held)
            # FAISS's classes take these names, its type hints don't say so.
            flat: Any = faiss.SearchParameters
            scores, rows = self._index.search(queries, k, params=flat(sel=limit.selector))
            return scores, rows

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The vectors in `rows`, (len(rows), dim) float32."""
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        if not len(rows):
            return np.empty((0, self.dim), dtype=np.float32)
        with _damage(self.path):
            found: np.ndarray = self._index.reconstruct_batch(rows)
        return found

    def _compare(self, queries: np.ndarray, k: int, allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        products = queries @ self.vectors(allowed).T
        order = np.argsort(-products, axis=1, kind="stable")[:, :k]
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        scores[:, : order.shape[1]] = np.take_along_axis(products, order, axis=1)
        rows[:, : order.shape[1]] = allowed[order]
        return scores, rows

    def _search_cells(
        self, queries: np.ndarray, k: int, selector: Any, held: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Search the nearest cells, so many that `ENOUGH` allowed rows are compared, or all.

        So it doesn't matter whether what is allowed lies everywhere or together, far from the query.
        """
        import faiss

        of_cells: Any = faiss.SearchParametersIVF
        enough = ENOUGH * self._index.nprobe * self.count / self._index.nlist
        found = []
        for query, products in zip(queries, queries @ self._centres.T, strict=True):
            passed = np.cumsum(held[np.argsort(-products)])
            probes = min(int(np.searchsorted(passed, enough)) + 1, self._index.nlist)
            found.append(self._index.search(query[None], k, params=of_cells(sel=selector, nprobe=probes)))
        return np.vstack([scores for scores, _ in found]), np.vstack([rows for _, rows in found])

    @cached_property
    def _centres(self) -> np.ndarray:
        """Of the cells, (cells, dim) float32."""
        centres: np.ndarray = self._index.quantizer.reconstruct_n(0, self._index.nlist)
        return centres

    @cached_property
    def _cell_of(self) -> np.ndarray:
        """The cell of each row, (count,) int32."""
        return cells.of_rows(self._index)

    def _limit(self, allowed: np.ndarray) -> _Limit:
        """What is prepared for a search among `allowed`; kept for the next, if that array can't be written to."""
        import faiss

        last = self._last
        if last is not None and last.allowed is allowed:
            return last
        chosen = np.zeros(self.count, dtype=bool)
        chosen[allowed] = True
        # It takes the array alone; its type hints don't say so. It looks at the bits for as long as it lives.
        bitmap: Any = faiss.IDSelectorBitmap
        selector = bitmap(np.packbits(chosen, bitorder="little"))
        held = None
        if isinstance(self._index, faiss.IndexIVF):
            held = np.bincount(self._cell_of[allowed], minlength=self._index.nlist)
        limit = _Limit(allowed, selector, held)
        if not allowed.flags.writeable:
            self._last = limit
        return limit


class _Limit(NamedTuple):
    allowed: np.ndarray
    selector: Any
    held: np.ndarray | None
    """How many allowed rows are in each cell; None where there are no cells."""


def _write(index: Any, path: str | Path) -> None:
    import faiss

    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        # FAISS tells of a full disk so.
        raise OSError(f"{path}: {_first_line(error)}") from error


def _probes(index: Any, everything: cells.Spool) -> int:
    """The fewest cells, of `LEAST_PROBES` and its doubles, that find `RECALL` of the ten nearest of sample vectors."""
    count = everything.count
    samples = np.sort(np.random.default_rng(1).choice(count, min(count, SAMPLES), replace=False))
    queries = everything.take(samples).astype(np.float32)
    # The eleven nearest, since each is its own nearest neighbour; of one block after another, not of a matrix of all.
    nearest = np.full((len(samples), 11), -np.inf, dtype=np.float32)
    true = np.zeros((len(samples), 11), dtype=np.int64)
    first = 0
    for block in everything.blocks():
        products = np.hstack([nearest, queries @ block.T])
        order = np.argpartition(-products, 10, axis=1)[:, :11]
        rows = np.hstack([true, np.tile(np.arange(first, first + len(block)), (len(samples), 1))])
        first += len(block)
        nearest, true = np.take_along_axis(products, order, 1), np.take_along_axis(rows, order, 1)
    probes = LEAST_PROBES
    while probes < index.nlist:
        index.nprobe = probes
        _, found = index.search(queries, 11)
        hits = sum(len(set(a.tolist()) & set(b.tolist())) - 1 for a, b in zip(found, true, strict=True))
        if hits >= RECALL * 10 * len(samples):
            break
        probes *= 2
    return int(min(probes, index.nlist))


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """What makes FAISS fail on a published file is damage to it."""
    try:
        yield
    except (RuntimeError, ValueError, AssertionError, MemoryError) as error:
        raise IndexDamaged(f"{path} is damaged ({_first_line(error)}); run: rag build --full") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
