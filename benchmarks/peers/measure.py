"""One system in a process of its own: `python measure.py SYSTEM MODEL WORK OUT`, as `benchmarks/peers.py` runs it.

WORK has `passages.jsonl` (many, for speed), `labelled.jsonl` and `questions.jsonl` (a labelled set, for R@1).
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from systems import SYSTEMS, System

WARM = 20
"""Questions asked before any is timed."""
TIMED = 100
K = 5
LABELLED = 300
"""Questions that R@1 is measured with, at most; drawn evenly."""


def main() -> None:
    """Measure, and write the figures as JSON."""
    name, model, work, out = sys.argv[1:]
    passages, labelled, questions = (_rows(Path(work) / f"{n}.jsonl") for n in ("passages", "labelled", "questions"))
    system: System = SYSTEMS[name](model)
    figures: dict[str, Any] = {
        "system": name,
        "versions": {package: version(package) for package in system.packages},
    }
    with tempfile.TemporaryDirectory() as folder:
        system.build(labelled, Path(folder) / "labelled")
        system.open(Path(folder) / "labelled")
        judged = questions[:: max(1, len(questions) // LABELLED)]
        right = [bool(set(system.search(q["text"], 1)[:1]) & set(q["passages"])) for q in judged]
        figures["r_at_1"] = statistics.mean(right)
        figures["questions"] = len(right)
        system = SYSTEMS[name](model)
        started, cpu = time.perf_counter(), time.process_time()
        system.build(passages, Path(folder) / "many")
        figures["build_seconds"] = time.perf_counter() - started
        figures["build_cpu_seconds"] = time.process_time() - cpu
        figures["passages"] = len(passages)
        figures["disk_bytes"] = sum(f.stat().st_size for f in (Path(folder) / "many").rglob("*") if f.is_file())
        system.open(Path(folder) / "many")
        asked = [q["text"] for q in questions[:: max(1, len(questions) // (WARM + TIMED))]][: WARM + TIMED]
        seconds, cpu_seconds = [], []
        for question in asked:
            started, cpu = time.perf_counter(), time.process_time()
            system.search(question, K)
            seconds.append(time.perf_counter() - started)
            cpu_seconds.append(time.process_time() - cpu)
    timed = sorted(seconds[WARM:])
    figures["query_p50"] = statistics.median(timed)
    figures["query_p95"] = timed[int(0.95 * len(timed))]
    figures["query_cpu_p50"] = statistics.median(cpu_seconds[WARM:])
    # In KiB on Linux, in bytes on macOS.
    figures["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )
    Path(out).write_text(json.dumps(figures), encoding="utf-8")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
