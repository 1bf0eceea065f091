"""What a command costs from nothing to its end, each in a new process: `python benchmarks/start.py SET`.

A cold `rag ask` stands beside what nobody gets around who embeds a question with sentence-transformers: importing it,
loading the same weights and encoding one sentence. They take turns, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import described, machine, table, write

from rag.articles import Article
from rag.building import build_articles
from rag.evaluation.labelled import read_set
from rag.models import packaged_folder

TIMES = 7
PLAIN = """
from sentence_transformers import SentenceTransformer
SentenceTransformer({model!r}, device="cpu").encode(["Who is asked?"])
"""


def main() -> None:
    """Measure, print the table, keep the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("set", type=Path)
    labelled = read_set(parser.parse_args().set)
    articles: tuple[Article, ...] = labelled.articles
    question = next(q.text for q in labelled.questions if q.answers)
    results: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder) / "index")
        build_articles(articles, index)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import rag": [sys.executable, "-c", "import rag"],
            "rag --help": [sys.executable, "-m", "rag", "--help"],
            "import sentence_transformers, load, encode": [
                sys.executable,
                "-c",
                PLAIN.format(model=str(packaged_folder())),
            ],
            "rag ask": [sys.executable, "-m", "rag", "ask", question, "--index", index],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(TIMES + 1):
            for name, command in commands.items():
                started = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                # The first turn fills the disk's cache.
                if turn:
                    seconds[name].append(time.perf_counter() - started)
    results["seconds"] = seconds
    results["markdown"] = _markdown(results)
    print(results["markdown"])
    print(write("start", results))


def _markdown(results: dict[str, Any]) -> str:
    median = {name: statistics.median(found) for name, found in results["seconds"].items()}
    plain = median["import sentence_transformers, load, encode"]
    rows = [
        [f"`{name}`" if name != "import sentence_transformers, load, encode" else name, f"{value:.2f} s"]
        for name, value in median.items()
    ]
    rows[-1][1] += f" ({median['rag ask'] / plain:.2f} × that)"
    return f"{table(['from nothing', f'median of {TIMES}'], rows)}\n\n{described(results['machine'])}."


if __name__ == "__main__":
    main()
