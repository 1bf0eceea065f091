"""Run the benchmarks of speed and put their tables into benchmarks/README.md: `python benchmarks/run_all.py SET`.

Each is a program beside this one that takes a labelled folder in BEIR's layout and leaves `results/NAME.json`, whose
`markdown` replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from machine import RESULTS

HERE = Path(__file__).parent
README = HERE / "README.md"
NAMES = ("start", "limits", "peers")


def main() -> None:
    """All that are there, one after the other; whatever fails stops it."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    for name in NAMES:
        program = HERE / f"{name}.py"
        if program.exists():
            subprocess.run([sys.executable, program, *sys.argv[1:]], check=True, env=environment)
            _put(name, json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["markdown"])


def _put(name: str, markdown: str) -> None:
    text = README.read_text(encoding="utf-8")
    between = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.S)
    if not between.search(text):
        text += f"\n## {name.capitalize()}\n\n<!-- {name} -->\n\n<!-- /{name} -->\n"
    README.write_text(between.sub(lambda found: f"{found[1]}\n{markdown}\n{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
