"""The bounds that the machine itself sets, and what share of each the product reaches, measured in one run.

    python benchmarks/limits.py SET [--passages 1000]

- *products*: floating-point operations per second of the matrix products of the embedded model, at their shapes and
  nothing else, in bf16 and fp32, the fastest of what PyTorch has for them; against those of the model's products in
  `Embedder.encode`, and in a whole build, over passages made as in `peers.py`. The model's other steps (attention's
  exponentials, norms, tokens, reading, writing) count as time, not as operations.
- *memory*: bytes read per second; against the bytes that an exact search over 200,000 vectors reads.
- *disk*: bytes written one after the other and synced per second; against those of the index by the time of its build.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import described, machine, table, write

from rag.articles import Article, Paragraph
from rag.building import build_articles
from rag.embedding import Embedder
from rag.forward import TOKENS_AT_ONCE
from rag.network import DEPTH, INNER, WIDTH
from rag.settings import Settings
from rag.vectors import EXACT_UP_TO, Vectors

TIMES = 15
BYTES = 512 * 2**20


def main() -> None:
    """Measure, print the table, keep the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("set", type=Path)
    parser.add_argument("--passages", type=int, default=1000)
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "rows": []}
    articles = _articles(options.set, options.passages)
    best = Embedder.load(Settings(device="cpu")).precision
    for precision in dict.fromkeys((best, "fp32")):
        results["rows"] += _of_products(articles, precision)
    results["rows"] += [_of_memory(), _of_disk(articles)]
    results["markdown"] = _markdown(results)
    print(results["markdown"])
    print(write("limits", results))


def _of_products(articles: list[Article], precision: str) -> list[dict[str, Any]]:
    settings = Settings(device="cpu", precision=precision, merge_tokens=1)
    embedder = Embedder.load(settings)
    dim, wide, layers = WIDTH, INNER, DEPTH
    texts = [f"{a.title}\n{p.text}" for a in articles for p in a.paragraphs]
    lengths = np.minimum(np.array(embedder.count_tokens(texts)) + 2, embedder.max_tokens)
    # A token's: query, key, value and output, then wide and narrow; and of attention, with every token of its text.
    products = 2 * layers * (4 * dim * dim + 2 * dim * wide) * lengths.sum() + 4 * layers * dim * (lengths**2).sum()
    bound = _products_per_second(precision, dim, wide)
    embedder.encode(texts[:200])
    encoding = _median(lambda: embedder.encode(texts), 3)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        build_articles(articles, Path(folder) / "index", settings=settings)
        building = time.perf_counter() - started
    return [
        {
            "what": f"products in {precision}, {name}",
            "bound": bound,
            "reached": float(products / seconds),
            "unit": "FLOP/s",
        }
        for name, seconds in (("embedding", encoding), ("whole build", building))
    ]


def _products_per_second(precision: str, dim: int, wide: int) -> float:
    import torch
    from torch.nn.functional import linear

    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    fastest = 0.0
    shapes = ((dim, 3 * dim), (dim, dim), (dim, wide), (wide, dim))
    inputs = {size: torch.randn(TOKENS_AT_ONCE, size).to(dtype) for size, _ in shapes}
    weights = [torch.randn(to, size).to(dtype) for size, to in shapes]
    operations = 2 * TOKENS_AT_ONCE * sum(size * to for size, to in shapes)
    ways: list[Callable[[], Any]] = [lambda: [linear(inputs[w.shape[1]], w) for w in weights]]
    if torch.backends.mkldnn.is_available():
        packed = [torch.ops.mkldnn._reorder_linear_weight(w, TOKENS_AT_ONCE) for w in weights]
        product = torch.ops.mkldnn._linear_pointwise
        ways.append(
            lambda: [
                product(inputs[w.shape[1]], p, None, "none", [], "none") for w, p in zip(weights, packed, strict=True)
            ]
        )
    with torch.inference_mode():
        for way in ways:
            for _ in range(5):
                way()
            fastest = max(fastest, 20 * operations / _median(lambda way=way: [way() for _ in range(20)], TIMES))  # type: ignore[misc]
    return fastest


def _of_memory() -> dict[str, Any]:
    import torch

    block = torch.ones(BYTES // 4)
    bound = BYTES / _median(block.sum, TIMES)
    rng = np.random.default_rng(0)
    count = EXACT_UP_TO
    vectors = rng.standard_normal((count, 384), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        Vectors.write(Path(folder) / "vectors", [vectors], count, 384)
        opened = Vectors.open(Path(folder) / "vectors")
        opened.search(vectors[:1], 60)
        seconds = _median(lambda: opened.search(vectors[:1], 60), TIMES)
    reached = count * 384 * 2 / seconds
    return {"what": f"memory, search over {count:,} vectors", "bound": bound, "reached": reached, "unit": "B/s"}


def _of_disk(articles: list[Article]) -> dict[str, Any]:
    block = os.urandom(2**24)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "block"
        started = time.perf_counter()
        with path.open("wb") as file:
            for _ in range(BYTES // len(block)):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        bound = BYTES / (time.perf_counter() - started)
        path.unlink()
        index = Path(folder) / "index"
        started = time.perf_counter()
        build_articles(articles, index, settings=Settings(device="cpu", merge_tokens=1))
        seconds = time.perf_counter() - started
        written = sum(file.stat().st_size for file in index.rglob("*") if file.is_file())
    return {"what": "disk, whole build", "bound": bound, "reached": written / seconds, "unit": "B/s"}


def _articles(folder: Path, count: int) -> list[Article]:
    """`count` paragraphs of sentences of the set's, twenty an article."""
    from peers import made

    from rag.evaluation.labelled import read_set

    texts = made([p.text for a in read_set(folder).articles for p in a.paragraphs], count)
    articles = []
    for first in range(0, count, 20):
        paragraphs, start = [], 0
        for number, text in enumerate(texts[first : first + 20], 1):
            paragraphs.append(Paragraph(number, text, start, start + len(text)))
            start += len(text) + 2
        whole = "\n\n".join(texts[first : first + 20])
        articles.append(Article(f"made-{first}", "Made", whole, tuple(paragraphs), f"made-{first}"))
    return articles


def _median(run: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def _markdown(results: dict[str, Any]) -> str:
    rows = [
        [
            row["what"],
            f"{row['bound'] / 1e9:,.1f} G{row['unit']}",
            f"{row['reached'] / 1e9:,.2f} G{row['unit']}",
            f"{row['reached'] / row['bound']:.0%}",
        ]
        for row in results["rows"]
    ]
    return f"{table(['limit', 'the machine', 'the product', 'share'], rows)}\n\n{described(results['machine'])}."


if __name__ == "__main__":
    main()
