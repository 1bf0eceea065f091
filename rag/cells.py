"""Inverted files: how vectors are put into cells and written, with little of them in memory.

Vectors of length one, as 16-bit floats, lie in the cell whose centre (by k-means) is nearest. FAISS makes centres and
reads the file, but writes only what it holds in memory, so the lists of a file are written here, cell by cell, as FAISS
would: a test compares byte by byte. New vectors wait in a scratch file beside the one that is written. Of each vector
that there is, memory holds no more than some numbers: its cell, its place there, its turn.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

TRAINED = 262_144
"""The most vectors that centres are made of."""
OF_A_CELL = 40
"""So many of each cell, where that is fewer."""
AT_ONCE = 65_536
"""Vectors read and compared at once."""
SCATTERED = 1024
"""Vectors read at once that lie apart: each brings some more of its file into memory."""


class Spool:
    """Vectors in a scratch file, as 16-bit floats, in order; for use in a `with`, after which the file is gone."""

    def __init__(self, path: Path, blocks: Iterable[np.ndarray], dim: int) -> None:
        """Write all `blocks`, (n, dim) each.

        Raises:
            OSError: they can't be written; the file is gone then, too.
        """
        self.path, self.dim, self.count = path, dim, 0
        try:
            with path.open("wb") as file:
                for block in blocks:
                    file.write(np.ascontiguousarray(block, dtype=np.float16).data)
                    self.count += len(block)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.path.unlink(missing_ok=True)

    def blocks(self) -> Iterable[np.ndarray]:
        """All of them again, (n, dim) float32, n at most `AT_ONCE`."""
        for first in range(0, self.count, AT_ONCE):
            size = min(AT_ONCE, self.count - first) * self.dim
            some = np.fromfile(self.path, np.float16, size, offset=2 * first * self.dim)
            yield some.reshape(-1, self.dim).astype(np.float32)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Those in `rows`, (len(rows), dim) float16."""
        found = np.empty((len(rows), self.dim), dtype=np.float16)
        for first in range(0, len(rows), SCATTERED):
            # Mapped anew each time, so that what was read does not count as ours for longer.
            everything = np.memmap(self.path, np.float16, "r", shape=(self.count, self.dim))
            found[first : first + SCATTERED] = everything[rows[first : first + SCATTERED]]
        return found


def write(path: Path, blocks: Iterable[np.ndarray], count: int, dim: int, probes: Callable[[Any, Spool], int]) -> None:
    """Write an inverted file of `count` vectors.

    Args:
        path: where to.
        blocks: (n, dim) each, in order of rows.
        count: how many they hold together.
        dim: their length.
        probes: measures how many cells are to be searched, of the written index and the vectors in it.

    Raises:
        OSError: it can't be written.
    """
    import faiss

    with Spool(path.with_name(path.name + ".spool"), blocks, dim) as spool:
        cells = int(4 * math.sqrt(count))
        index: Any = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        )
        draw = np.random.default_rng(0)
        sample = np.sort(draw.choice(count, min(count, OF_A_CELL * cells, TRAINED), replace=False))
        # FAISS would warn of fewer than 39 for a cell.
        index.cp.min_points_per_centroid = 1
        index.train(spool.take(sample).astype(np.float32))
        index.make_direct_map()
        cell_of = np.empty(count, dtype=np.int32)
        first = 0
        for block in spool.blocks():
            cell_of[first : first + len(block)] = _nearest(index, block)
            first += len(block)
        _write_lists(path, index, cell_of, lambda _, rows: spool.take(rows).view(np.uint8))
        index.nprobe = probes(opened(path), spool)
        with path.open("r+b") as file:
            # As long as it was.
            file.write(_head(index))


def change(path: Path, old: Any, index: Any, rows: np.ndarray, blocks: Iterable[np.ndarray], count: int) -> None:
    """Write an inverted file as another one, with other vectors in some rows.

    Args:
        path: where to.
        old: the other one, `opened`.
        index: the same, opened again; it becomes the new one and is of no use afterwards.
        rows: (n,) int64 ascending, the rows that change or are new.
        blocks: (m, dim) each, the vectors of `rows` in that order.
        count: how many there are then; the last rows go where these are fewer.

    Raises:
        OSError: it can't be written.
    """
    import faiss

    empty = faiss.ArrayInvertedLists(index.nlist, index.code_size)
    index.replace_invlists(empty, False)
    lists: Any = old.invlists
    places = faiss.vector_to_array(old.direct_map.array)
    cell_of = np.zeros(count, dtype=np.int32)
    kept = min(count, len(places))
    cell_of[:kept] = places[:kept] >> 32
    turn = np.full(count, -1, dtype=np.int32)
    turn[rows] = np.arange(len(rows))
    with Spool(path.with_name(path.name + ".spool"), blocks, index.d) as spool:
        first = 0
        for block in spool.blocks():
            cell_of[rows[first : first + len(block)]] = _nearest(index, block)
            first += len(block)

        def codes(cell: int, members: np.ndarray) -> np.ndarray:
            new = turn[members] >= 0
            found = np.empty((len(members), index.code_size), dtype=np.uint8)
            found[new] = spool.take(turn[members[new]]).view(np.uint8)
            if not new.all():
                there = lists.get_codes(cell)
                all_of_cell = faiss.rev_swig_ptr(there, lists.list_size(cell) * index.code_size)
                found[~new] = all_of_cell.reshape(-1, index.code_size)[places[members[~new]] & 0xFFFFFFFF]
                lists.release_codes(cell, there)
            return found

        _write_lists(path, index, cell_of, codes)


def opened(path: Path) -> Any:
    """The inverted file at `path` as FAISS's index, memory-mapped.

    Raises:
        RuntimeError: FAISS can't read it.
    """
    import faiss

    index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    if isinstance(index, faiss.IndexIVF):
        # The cells of one query are shared among the cores.
        index.parallel_mode = 1
        # Whoever opens an index has just read the file; FAISS would start threads to read it at each search.
        cells: Any = index.invlists
        mapped: Any = faiss.downcast_InvertedLists(cells)
        mapped.prefetch_nthread = 0
    return index


def of_rows(index: Any) -> np.ndarray:
    """The cell of each row of an inverted file, (count,) int32."""
    import faiss

    cells: np.ndarray = (faiss.vector_to_array(index.direct_map.array) >> 32).astype(np.int32)
    return cells


def _nearest(index: Any, block: np.ndarray) -> np.ndarray:
    found: np.ndarray = index.quantizer.search(block, 1)[1][:, 0]
    return found


def _write_lists(path: Path, index: Any, cell_of: np.ndarray, codes: Callable[[int, np.ndarray], np.ndarray]) -> None:
    """Write the file of `index`, which has no vectors, with those of each row in the cell that is given.

    `codes` gives what is stored of the rows in a cell, (n, code_size) uint8.
    """
    import faiss

    order = np.argsort(cell_of, kind="stable").astype(np.int64)
    sizes = np.bincount(cell_of, minlength=index.nlist).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    places = cell_of.astype(np.int64) << 32
    places[order] += np.arange(len(order)) - np.repeat(starts[:-1], sizes)
    faiss.copy_array_to_vector(places, index.direct_map.array)
    index.ntotal = len(cell_of)
    with path.open("wb") as file:
        file.write(_head(index) + _lists(index) + b"full" + struct.pack("=Q", index.nlist) + sizes.tobytes())
        for cell in range(index.nlist):
            rows = order[starts[cell] : starts[cell + 1]]
            if len(rows):
                file.write(np.ascontiguousarray(codes(cell, rows)).data)
                file.write(rows.data)


def _head(index: Any) -> bytes:
    """What FAISS writes of an index without vectors, before the lists."""
    import faiss

    content: bytes = faiss.serialize_index(index).tobytes()
    none = _lists(index) + b"sprs" + struct.pack("=Q", 0)
    if not content.endswith(none):
        raise RuntimeError("This version of FAISS writes inverted files in another way.")
    return content.removesuffix(none)


def _lists(index: Any) -> bytes:
    return b"ilar" + struct.pack("=QQ", index.nlist, index.code_size)
