"""Beside txtai, LangChain + FAISS and LlamaIndex: the same passages, weights and questions.

    python benchmarks/peers.py SET [--passages 10000] [--systems NAME…]

SET is a labelled folder in BEIR's layout (squad2, say). R@1 is measured over its own passages; how fast an index is
built and searched, over `--passages` passages made of its sentences, drawn anew into paragraphs of the same lengths,
so that no two are alike. Each system runs in a process of its own, one after the other. The peers live in an
environment of their own, `benchmarks/peers/.venv`, made when it isn't there. The peers compute in fp32, as they do
unless told otherwise; they embed the same text as this project does, the title before the passage.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from machine import described, machine, table, write

HERE = Path(__file__).parent
VENV = HERE / "peers" / ".venv"
SEED = 7
OWN = ("rag", "rag, fp32", "rag, candidates alone")
PEERS = ("txtai", "txtai, hybrid", "LangChain + FAISS", "LlamaIndex + FAISS")


def main() -> None:
    """Run all, print the table, keep the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("set", type=Path)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--systems", nargs="*", default=[*OWN, *PEERS])
    options = parser.parse_args()
    facts = machine()
    python = Path(os.environ.get("PEERS_PYTHON") or _environment())
    with tempfile.TemporaryDirectory() as work:
        _write_texts(options.set, options.passages, Path(work))
        found = [_run(name, python, Path(work)) for name in options.systems]
    results = {"set": options.set.name, "machine": facts, "systems": found}
    results["markdown"] = _markdown(results)
    print(results["markdown"])
    print(write("peers", results))


def _environment() -> Path:
    python = VENV / "bin" / "python"
    if not (VENV / ".done").exists():
        venv.create(VENV, with_pip=True, clear=True)
        requirements = HERE / "peers" / "requirements.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
        (VENV / ".done").touch()
    return python


def _write_texts(folder: Path, count: int, work: Path) -> None:
    """The labelled passages with their questions, and the many."""
    from rag.chunking import split_passages
    from rag.embedding import Embedder
    from rag.evaluation.labelled import read_set
    from rag.settings import Settings

    labelled = read_set(folder)
    embedder = Embedder.load(Settings())
    passages: list[dict[str, Any]] = []
    places: dict[tuple[str, int], list[str]] = {}
    for article in labelled.articles:
        for number, passage in enumerate(
            split_passages(article, embedder.count_tokens, Settings().passage_tokens, 1), 1
        ):
            passages.append(_passage(article.id, number, article.title, passage.text))
            for paragraph in passage.paragraphs:
                places.setdefault((article.id, paragraph), []).append(passages[-1]["id"])
    questions = [
        {"text": q.text, "passages": [id_ for place in q.paragraphs for id_ in places[place]]}
        for q in labelled.questions
        if q.paragraphs and q.answerable
    ]
    many = []
    for number, text in enumerate(made([passage["body"] for passage in passages], count)):
        article = number // 20
        title = passages[article % len(passages)]["title"]
        many.append(_passage(f"made-{article}", number % 20 + 1, title, text))
    for name, rows in (("labelled", passages), ("questions", questions), ("passages", many)):
        (work / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _passage(article: str, number: int, title: str, body: str) -> dict[str, Any]:
    from rag.chunking import embedded_text

    return {
        "id": f"{article}:{number}",
        "article": article,
        "title": title,
        "body": body,
        "text": embedded_text(title, "", body),
    }


def made(texts: list[str], count: int) -> list[str]:
    """`count` paragraphs of sentences of `texts`, each about as long as one of them and no two alike."""
    from rag.sentences import split_sentences

    draw = random.Random(SEED)
    sentences = [text[start:end] for text in texts for start, end in split_sentences(text)]
    made = []
    for number in range(count):
        target = len(texts[number % len(texts)])
        parts: list[str] = []
        while sum(map(len, parts)) < target:
            parts.append(draw.choice(sentences))
        # The last one is cut, not left out, to keep the length.
        made.append(" ".join(parts)[:target].rsplit(" ", 1)[0])
    return made


def _run(name: str, python: Path, work: Path) -> dict[str, Any]:
    from rag.models import packaged_folder

    print(f"{name} …", file=sys.stderr, flush=True)
    out = work / "out.json"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    environment["PYTHONPATH"] = str(HERE.parent) if name in OWN else ""
    command = [sys.executable if name in OWN else python, HERE / "peers" / "measure.py", name, packaged_folder()]
    subprocess.run([*command, work, out], check=True, env=environment, stdout=sys.stderr)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def _markdown(results: dict[str, Any]) -> str:
    found = results["systems"]
    peers = [one for one in found if one["system"] in PEERS]
    best_speed = max((one["passages"] / one["build_seconds"] for one in peers), default=0.0)
    best_query = min((one["query_p50"] for one in peers), default=0.0)
    least = min((one["build_cpu_seconds"] / one["passages"] for one in peers), default=0.0)
    rows = []
    for one in found:
        speed, work = one["passages"] / one["build_seconds"], one["build_cpu_seconds"] / one["passages"]
        rows.append(
            [
                one["system"],
                f"{speed:,.0f}" + _against(speed, best_speed),
                f"{work * 1e3:.1f} ms" + _against(work, least),
                f"{one['query_p50'] * 1e3:.1f} ms" + _against(one["query_p50"], best_query),
                f"{one['query_p95'] * 1e3:.1f} ms",
                f"{one['query_cpu_p50'] * 1e3:.1f} ms",
                f"{one['peak_bytes'] / 2**20:,.0f} MiB",
                f"{one['disk_bytes'] / one['passages'] / 1024:.2f} KiB",
                f"{one['r_at_1']:.3f}",
            ]
        )
    versions = {name: number for one in found for name, number in one["versions"].items()}
    head = [
        "system",
        "passages/s, build",
        "processor time a passage",
        "query p50",
        "p95",
        "its processor time",
        "memory",
        "disk a passage",
        "R@1",
    ]
    count = found[0]["passages"]
    return "\n\n".join(
        [
            table(head, rows),
            f"{count:,} passages; R@1 over {found[0]['questions']:,} questions of {results['set']} and its own "
            "passages; in brackets against the best peer of this run; memory is the most that the process had. Where "
            "others use the machine, too, processor time tells more than time.",
            f"{described(results['machine'])}. " + ", ".join(f"{n} {v}" for n, v in sorted(versions.items())) + ".",
        ]
    )


def _against(value: float, best: float) -> str:
    return f" ({value / best:.2f} ×)" if best else ""


if __name__ == "__main__":
    main()
