"""Kinds of FAISS indexes over made vectors: training, adding, disk, time and recall, with and without filters.

    python benchmarks/scale_vectors.py SET… --scratch DIR --count 100000 [--kinds "Flat SQfp16,IVF SQfp16,…"]

Vectors are those of `benchmarks/scale_corpus.py`, questions are real. Each kind is written, opened memory-mapped and
asked two hundred questions one by one, for each effort that it can be searched with: the least that finds 0.98 of the
true ten is shown, or the greatest. Filters leave a random twentieth, and the twentieth nearest to a vector ("region").
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from scale_corpus import Real, made_vectors

ASKED = 200
DIM = 384
RECALL = 0.98


def main() -> None:
    """Measure each kind and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("sets", nargs="+", type=Path)
    asked.add_argument("--scratch", type=Path, required=True)
    asked.add_argument("--count", type=int, default=100_000)
    asked.add_argument("--kinds", default=",".join(KINDS))
    given = asked.parse_args()
    real = Real(given.sets, given.scratch / "real")
    draw = np.random.default_rng(5)
    vectors = np.empty((given.count, DIM), dtype=np.float16)
    for first in range(0, given.count, 50_000):
        size = min(50_000, given.count - first)
        vectors[first : first + size] = made_vectors(real, draw.integers(len(real.vectors), size=size), draw)
    queries = real.question_vectors[:ASKED]
    blocks = [_block(vectors, first) for first in range(0, given.count, 50_000)]
    products = np.hstack([queries @ block.astype(np.float32).T for block in blocks])
    region = np.sort(np.argsort(-(vectors.astype(np.float32) @ real.vectors[0]))[: given.count // 20])
    filters = {
        "": None,
        "5 %": np.flatnonzero(draw.random(given.count) < 0.05),
        "5 % region": region,
    }
    true = {name: _true(products, allowed) for name, allowed in filters.items()}
    print("| kind | built, s | MB | effort | p50, ms | recall@10 | 5 %: ms | recall@10 | 5 % region: ms | recall@10 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in given.kinds.split(","):
        began = time.perf_counter()
        index = KINDS[kind](given.count)
        if not index.is_trained:
            index.train(vectors[np.sort(draw.choice(given.count, min(given.count, 160_000), False))].astype(np.float32))
        for first in range(0, given.count, 50_000):
            index.add(_block(vectors, first).astype(np.float32))
        built = time.perf_counter() - began
        path = given.scratch / "kind.faiss"
        faiss.write_index(index, str(path))
        del index
        opened = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        size = path.stat().st_size / 1e6
        for effort in EFFORTS[kind.split()[0]]:
            cells = []
            for name, allowed in filters.items():
                try:
                    seconds, recall = _ask(opened, queries, effort, allowed, true[name], given.count)
                    cells += [f"{1000 * seconds:.2f}", f"{recall:.3f}"]
                except RuntimeError:
                    cells += ["not possible", ""]
            if float(cells[1]) >= RECALL or effort == EFFORTS[kind.split()[0]][-1]:
                print(f"| {kind} | {built:.0f} | {size:.0f} | {effort} | {' | '.join(cells)} |", flush=True)
                break
        path.unlink()


def _block(vectors: np.ndarray, first: int) -> np.ndarray:
    return vectors[first : first + 50_000]


def _true(products: np.ndarray, allowed: np.ndarray | None) -> np.ndarray:
    among = products if allowed is None else products[:, allowed]
    found: np.ndarray = np.argpartition(-among, 10, axis=1)[:, :10]
    return found if allowed is None else allowed[found]


def _ask(
    index: Any, queries: np.ndarray, effort: int, allowed: np.ndarray | None, true: np.ndarray, count: int
) -> tuple[float, float]:
    """Median seconds of a question, and recall; with a filter, in proportion more effort."""
    selector = None
    if allowed is not None:
        chosen = np.zeros(count, dtype=bool)
        chosen[allowed] = True
        selector = faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
        effort *= count // len(allowed)
    times, hits = [], 0
    for query, right in zip(queries, true, strict=True):
        parameters = _parameters(index, effort, selector)
        began = time.perf_counter()
        _, rows = index.search(query[None], 10, params=parameters)
        times.append(time.perf_counter() - began)
        hits += len(set(rows[0].tolist()) & set(right.tolist()))
    return float(np.median(times)), hits / true.size


def _parameters(index: Any, effort: int, selector: Any) -> Any:
    chosen = {"sel": selector} if selector is not None else {}
    if isinstance(index, faiss.IndexRefine):
        base = _parameters(faiss.downcast_index(index.base_index), effort, selector)
        return faiss.IndexRefineSearchParameters(k_factor=20, base_index_params=base, **chosen)
    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(nprobe=min(effort, index.nlist), **chosen)
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(efSearch=effort, **chosen)
    return faiss.SearchParameters(**chosen)


def _of(description: str) -> Callable[[int], Any]:
    return lambda count: faiss.index_factory(
        DIM, description.format(cells=int(4 * count**0.5), few=int(count**0.5)), faiss.METRIC_INNER_PRODUCT
    )


def _cells(count: int, kind: int = faiss.ScalarQuantizer.QT_fp16) -> Any:
    cells = int(4 * count**0.5)
    return faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(DIM), DIM, cells, kind, faiss.METRIC_INNER_PRODUCT, False)


KINDS: dict[str, Callable[[int], Any]] = {
    "Flat SQfp16": _of("SQfp16"),
    "Flat SQ8": _of("SQ8"),
    "IVF SQfp16": _cells,
    "IVF SQ8": lambda count: _cells(count, faiss.ScalarQuantizer.QT_8bit),
    "IVF PQfs+refine": _of("IVF{cells},PQ96x4fs,Refine(SQfp16)"),
    "IVF RaBitQ+refine": _of("IVF{cells},RaBitQ,Refine(SQfp16)"),
    "HNSW SQ8": _of("HNSW32,SQ8"),
}
EFFORTS = {"Flat": [1], "IVF": [4, 8, 16, 32, 64, 128, 256], "HNSW": [32, 64, 128, 256, 512]}


if __name__ == "__main__":
    main()
