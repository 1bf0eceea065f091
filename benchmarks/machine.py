"""What a benchmark's figures were measured on, and tables of them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """The machine and the versions that matter, for the results."""
    found = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = next((line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "MemTotal: 0")
    flags = next((line for line in _lines("/proc/cpuinfo") if line.startswith(("flags", "Features"))), "").split()
    return {
        "cpu": found.partition(": ")[2] or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory.split()[1]) / 2**20),
        "native_bf16": sorted({"avx512_bf16", "amx_bf16", "bf16"} & set(flags)),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def described(facts: dict[str, Any]) -> str:
    """One line for people."""
    bf16 = ", ".join(facts["native_bf16"]) or "no native bf16"
    return (
        f"{facts['cpu']}, {facts['cores']} cores ({bf16}), {facts['memory_gib']} GiB, Python {facts['python']}, "
        f"torch {facts['torch']}; load before the run {facts['load_before']}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def write(name: str, results: dict[str, Any]) -> Path:
    """`results`, with `markdown` among them, as benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return path


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
