"""How the index grows: building, disk, opening, searching, filters, memory, updating, rolling back, at several sizes.

    python benchmarks/scale.py SET… --scratch DIR [--sizes 10000,100000,1000000] [--json FILE]

SET is a folder in BEIR's layout; `benchmarks/scale_corpus.py` says what is made of it. No article is embedded and no
file of articles is read while a clock runs: what is measured is what the index does with passages and vectors. Of
searches two times are given: plain ones are what the index does (the rows that filters allow, both searches, the texts
of the best twenty), whole ones `Retriever.search`, with and without the seconds in which the model ran. Recall is that
of the ten nearest by exact search among the vectors as they were made. Each part runs in a process of its own, on as
many threads as OMP_NUM_THREADS says; memory is what is resident beyond the loaded model.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scale_corpus import Corpus, Made, Real

from rag import Filters, Retriever, rollback, verify
from rag.embedding import Embedder
from rag.generation_writer import GenerationWriter
from rag.generations import Manifest, build_lock, publish
from rag.index import STORE, Index
from rag.store import Store

FILTERS = {
    "none": None,
    "50 % by date": Filters(until="2014-12-31"),
    "50 % by tag": Filters(tags=("half",)),
    "5 % by tag": Filters(tags=("twentieth",)),
    "5 % by topic": Filters(tags=("topic",)),
    "0.1 % by tag": Filters(tags=("thousandth",)),
    "one author": Filters(authors=("Author 500",)),
}
ASKED = 100
WHOLE = 20
DEPTH = 60
TOP = 10
DIM = 384


def main() -> None:
    """Measure each size and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("sets", nargs="+", type=Path)
    asked.add_argument("--sizes", default="10000,100000,1000000")
    asked.add_argument("--scratch", type=Path, required=True, help="an empty folder; needs 5 kB for each passage")
    asked.add_argument("--json", type=Path)
    asked.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    given = asked.parse_args()
    real = Real(given.sets, given.scratch / "real")
    sizes = [int(size) for size in given.sizes.split(",")]
    if given.part:
        print(json.dumps(PARTS[given.part](Corpus(real, sizes[0]), given.scratch / str(sizes[0]))))
        return
    results = []
    for size in sizes:
        folder = given.scratch / str(size)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made = _made(Corpus(real, size), folder)
        print(f"{size:,} passages were made in {made:.0f} s", file=sys.stderr)
        found: dict[str, Any] = {"passages": size}
        for part in PARTS:
            command = [sys.executable, __file__, *map(str, given.sets), "--sizes", str(size), "--part", part]
            run = subprocess.run(
                [*command, "--scratch", str(given.scratch)], stdout=subprocess.PIPE, text=True, check=True
            )
            found[part] = json.loads(run.stdout)
            print(f"{part}: {found[part]}", file=sys.stderr)
        results.append(found)
        shutil.rmtree(folder)
        if given.json:
            given.json.write_text(json.dumps(results, indent=1))
    print(table(results))


def _made(corpus: Corpus, folder: Path) -> float:
    """Write all vectors of the corpus, (size, DIM) float16; the seconds it took."""
    began = time.perf_counter()
    vectors = np.memmap(folder / "vectors", np.float16, "w+", shape=(corpus.size, DIM))
    first = 0
    for made in corpus.articles():
        vectors[first : first + len(made.vectors)] = made.vectors
        first += len(made.vectors)
    vectors.flush()
    return time.perf_counter() - began


def build(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Build anew; articles are made while the clock of "articles" stands still."""
    vectors = np.memmap(folder / "vectors", np.float16, "r", shape=(corpus.size, DIM))
    embedder = Embedder.load()
    before = _peak(forget=True)
    seconds: dict[str, float] = {}
    with build_lock(folder / "index") as generation:
        generation.mkdir(parents=True)
        writer = GenerationWriter(generation)
        seconds["articles"] = 0.0
        row = 0
        for made in corpus.articles():
            with _clock(seconds, "articles"):
                writer.articles.add(made.article, made.passages, _keys(row, made), made_of=_made_of(made, 0))
            row += len(made.passages)
        with _clock(seconds, "articles"):
            writer.close_articles()
        _finish(writer, folder / "index", embedder, seconds, lambda row, _: vectors[row])
    disk = {path.name: path.stat().st_size / 1e6 for path in generation.iterdir() if path.is_file()}
    disk["lexical"] = sum(path.stat().st_size for path in (generation / "lexical").iterdir()) / 1e6
    return {"seconds": seconds, "total": sum(seconds.values()), "peak_mb": _peak() - before, "disk_mb": disk}


def reopen(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """What the first answer takes, and memory after a hundred searches."""
    embedder = Embedder.load()
    embedder.token_vectors([*corpus.real.texts[:40]])
    before = _resident()
    began = time.perf_counter()
    opened = Index.open(folder / "index")
    seconds = {"open": time.perf_counter() - began}
    retriever = Retriever.open(folder / "index")
    began = time.perf_counter()
    retriever.search(corpus.real.questions[0])
    seconds["first search"] = time.perf_counter() - began
    opened.close()
    del opened
    after = _resident()
    for number, question in enumerate(corpus.real.questions[:ASKED]):
        _look(retriever.index, question, corpus.real.question_vectors[number], list(FILTERS.values())[number % 7])
    return {"seconds": seconds, "first_mb": _less(after, before), "resident_mb": _less(_resident(), before)}


def search(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Times and recall, by filter."""
    vectors = np.memmap(folder / "vectors", np.float16, "r", shape=(corpus.size, DIM))
    index = Index.open(folder / "index")
    queries = corpus.real.question_vectors[:ASKED]
    products = np.hstack(
        [queries @ vectors[first : first + 65_536].astype(np.float32).T for first in range(0, corpus.size, 65_536)]
    )
    found: dict[str, Any] = {}
    for name, filters in FILTERS.items():
        parts: dict[str, list[float]] = {}
        began = time.perf_counter()
        limited = index.store.allowed(filters) if filters else None
        allowed = limited.rows if limited else None
        first_rows = time.perf_counter() - began
        recalls = []
        for number, question in enumerate(corpus.real.questions[:ASKED]):
            nearest = _look(index, question, queries[number], filters, parts)
            among = products[number] if allowed is None else products[number, allowed]
            true = np.argpartition(-among, min(TOP, len(among) - 1))[:TOP]
            true = true if allowed is None else allowed[true]
            recalls.append(len(set(true.tolist()) & set(nearest[:TOP].tolist())) / max(1, len(true)))
        found[name] = {
            "allowed": corpus.size if allowed is None else len(allowed),
            "first_rows_ms": 1000 * first_rows,
            "recall": float(np.mean(recalls)),
            **{f"{part}_p50_ms": 1000 * float(np.median(times)) for part, times in parts.items()},
            "p95_ms": 1000 * float(np.percentile(parts["index"], 95)),
        }
    return {**found, "whole": _whole(corpus, folder)}


def _look(
    index: Index,
    question: str,
    vector: np.ndarray,
    filters: Filters | None,
    parts: dict[str, list[float]] | None = None,
) -> np.ndarray:
    """Search as a retriever does, but for the model; the rows nearest by vector."""
    clocks = [time.perf_counter()]
    allowed = index.store.allowed(filters) if filters else None
    clocks.append(time.perf_counter())
    _, rows = index.vectors.search(vector[None], DEPTH, allowed.rows if allowed else None)
    clocks.append(time.perf_counter())
    words = index.lexical.search(question, DEPTH, allowed)
    clocks.append(time.perf_counter())
    both = [int(row) for row in rows[0, :TOP] if row >= 0] + [row for row, _ in words[:TOP]]
    index.store.text_digests([int(row) for row in rows[0] if row >= 0])
    index.store.passages(both)
    clocks.append(time.perf_counter())
    for name, seconds in zip(("rows", "vectors", "words", "texts"), np.diff(clocks).tolist(), strict=True):
        if parts is not None:
            parts.setdefault(name, []).append(seconds)
    if parts is not None:
        parts.setdefault("index", []).append(clocks[-1] - clocks[0])
    found: np.ndarray = rows[0]
    return found


def _whole(corpus: Corpus, folder: Path) -> dict[str, float]:
    retriever = Retriever.open(folder / "index")
    embedder = _Timed(retriever.embedder)
    retriever.embedder = embedder  # type: ignore[assignment]
    times, without = [], []
    for question in corpus.real.questions[:WHOLE]:
        embedder.seconds = 0.0
        began = time.perf_counter()
        retriever.search(question)
        times.append(time.perf_counter() - began)
        without.append(times[-1] - embedder.seconds)
    return {"p50_ms": 1000 * float(np.median(times)), "without_model_p50_ms": 1000 * float(np.median(without))}


class _Timed:
    """An embedder that counts the seconds in which it ran."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        known = getattr(self._embedder, name)
        if name not in ("encode", "token_vectors"):
            return known

        def timed(*given: Any) -> Any:
            began = time.perf_counter()
            found = known(*given)
            self.seconds += time.perf_counter() - began
            return found

        return timed


def update(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Another text for one article, then back to the generation before."""
    embedder = Embedder.load()
    before = _peak(forget=True)
    seconds: dict[str, float] = {}
    vectors = np.memmap(folder / "vectors", np.float16, "r", shape=(corpus.size, DIM))
    changed = corpus.size // 16
    with build_lock(folder / "index") as generation:
        generation.mkdir(parents=True)
        with _clock(seconds, "open"):
            old = Index.open(folder / "index")
        writer = GenerationWriter(generation, old)
        seconds["articles"] = 0.0
        new: dict[bytes, np.ndarray] = {}
        for number, article in enumerate(made.article.id for made in corpus.articles()):
            if number != changed:
                with _clock(seconds, "articles"):
                    assert writer.articles.keeps(article, _digest(article, 0))
                continue
            made = corpus.article(number, 5, version=1)
            keys = _keys(corpus.size, made)
            new = dict(zip(keys, made.vectors, strict=True))
            with _clock(seconds, "articles"):
                writer.articles.add(made.article, made.passages, keys, made_of=_made_of(made, 1))
        with _clock(seconds, "articles"):
            writer.close_articles()
        # Passages that move to another row are asked for, too.
        _finish(writer, folder / "index", embedder, seconds, lambda row, key: new[key] if key in new else vectors[row])
    written = sum(path.stat().st_size for path in generation.rglob("*") if path.is_file() and path.stat().st_nlink == 1)
    peak = _peak() - before
    report = verify(folder / "index")
    back: dict[str, float] = {}
    with _clock(back, "rollback"):
        rollback(folder / "index")
    return {
        "seconds": seconds,
        "total": sum(seconds.values()),
        "written_mb": written / 1e6,
        "peak_mb": peak,
        "problems": report.problems,
        "rollback_s": back["rollback"],
    }


def _finish(writer: GenerationWriter, index: Path, embedder: Embedder, seconds: dict[str, float], vector: Any) -> None:
    """Write passages and manifest, and publish."""

    def embed(keys: Any, _: Any) -> np.ndarray:
        return np.array([vector(int.from_bytes(key[:8], "big"), key) for key in keys], dtype=np.float32)

    with _clock(seconds, "passages"):
        store = Store.open(writer.folder / STORE)
        writer.write_passages(store, DIM, embed)
        counts, content = store.counts(), store.content()
        store.close()
    with _clock(seconds, "publish"):
        Manifest(
            generation=writer.folder.name,
            created="2026-01-01T00:00:00+00:00",
            model=embedder.name,
            fingerprint=embedder.fingerprint,
            dim=DIM,
            precision=embedder.precision,
            settings={},
            sources=[],
            content=content,
            files=writer.files(),
            **counts,
        ).write(writer.folder)
        publish(index, writer.folder, keep=3)


PARTS = {"build": build, "open": reopen, "search": search, "update": update}


def _keys(first: int, made: Made) -> list[bytes]:
    return [(first + i).to_bytes(8, "big") + bytes(8) for i in range(len(made.passages))]


def _made_of(made: Made, version: int) -> bytes:
    return _digest(made.article.id, version)


def _digest(article_id: str, version: int) -> bytes:
    return f"{article_id} {version}".encode()[-16:].rjust(16)


@contextmanager
def _clock(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began


def _peak(forget: bool = False) -> float:
    """Megabytes that were resident at most, since the last call that forgets."""
    if forget:
        # What loading the model took is of no interest (proc(5), clear_refs).
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmHWM")["VmHWM"]


def _resident() -> dict[str, float]:
    """Megabytes of this process: its own, and of mapped files."""
    return _status("RssAnon", "RssFile")


def _status(*names: str) -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":") for line in lines)
    return {name: int(values[name].split()[0]) / 1e3 for name in names}


def _less(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after}


def table(results: list[dict[str, Any]]) -> str:
    """The figures as Markdown, a column for each size."""
    rows: list[tuple[str, list[str]]] = []

    def row(name: str, values: list[str]) -> None:
        rows.append((name, values))

    row("build, s", [f"{r['build']['total']:.1f}" for r in results])
    row("most memory of a build, MB", [f"{r['build']['peak_mb']:.0f}" for r in results])
    row("on disk, MB", [f"{sum(r['build']['disk_mb'].values()):.0f}" for r in results])
    row("open, s", [f"{r['open']['seconds']['open']:.2f}" for r in results])
    row("first search, s", [f"{r['open']['seconds']['first search']:.2f}" for r in results])
    row("resident, MB (of it mapped files)", [_memory(r["open"]["resident_mb"]) for r in results])
    for name in FILTERS:
        named = "search" if name == "none" else f"search, {name}"
        row(
            f"{named}: p50 / p95, ms",
            [f"{r['search'][name]['index_p50_ms']:.1f} / {r['search'][name]['p95_ms']:.1f}" for r in results],
        )
        row(f"{named}: recall@10", [f"{r['search'][name]['recall']:.3f}" for r in results])
    row(
        "whole search without the model, p50, ms",
        [f"{r['search']['whole']['without_model_p50_ms']:.0f}" for r in results],
    )
    row("whole search, p50, ms", [f"{r['search']['whole']['p50_ms']:.0f}" for r in results])
    row("update of one article, s", [f"{r['update']['total']:.1f}" for r in results])
    row("written by it, MB", [f"{r['update']['written_mb']:.0f}" for r in results])
    row("rollback, s", [f"{r['update']['rollback_s']:.2f}" for r in results])
    head = f"| | {' | '.join(format(r['passages'], ',') for r in results)} |\n|---|{'---|' * len(results)}\n"
    return head + "\n".join(f"| {name} | {' | '.join(values)} |" for name, values in rows)


def _memory(values: dict[str, float]) -> str:
    return f"{sum(values.values()):.0f} ({values['RssFile']:.0f})"


if __name__ == "__main__":
    main()
