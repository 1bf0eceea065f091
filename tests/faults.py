"""Builds that end at a chosen point.

`faults.c` is preloaded into a process of its own, which loads the model once and forks a child for each build. It sees
whatever changes files below the index's folder at the system's calls, so what FAISS, SQLite and tantivy do too: opening
for writing, write, truncate, sync, rename, unlink, mkdir, rmdir. At the point asked for it kills the child (half of
a write is done then), cuts the power (what was not synced is lost too), has the call fail, or the disk full from there.
"""

import ctypes
import errno
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

COUNT, KILL, CUT, FAIL, FULL = range(5)
QUERIES = ("ship barrels harbour", "number", "storm")
LONGEST = 60
"""Seconds until a child counts as hung."""


def compiled(folder):
    """The library to preload; None where there is no C compiler or no Linux."""
    library = folder / "faults.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(Path(__file__).with_suffix(".c"))]
    try:
        if sys.platform != "linux":
            return None
        subprocess.run([*command, "-ldl", "-lpthread"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return library


class Forge:
    """The process that builds; `ask` has a child of it do something and says how that ended."""

    def __init__(self, library, log):
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={
                **os.environ,
                **({"LD_PRELOAD": str(library)} if library else {}),
                "OMP_NUM_THREADS": "1",
                "TOKENIZERS_PARALLELISM": "false",
                "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]),
            },
        )

    def ask(self, do, index, **details):
        """A dictionary: `end` ("done", "error", "killed", "hung", "bug"), `said`, `points`, and what `do` gave."""
        self._process.stdin.write(json.dumps({"do": do, "index": str(index), **details}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait(30)


def _serve():
    import faiss  # noqa: F401
    import tantivy  # noqa: F401

    import rag.building
    from rag.embedding import Embedder

    library = ctypes.CDLL(None)
    # What a child would import anew each time.
    assert list(rag.building.read_articles([Path(__file__).with_name("articles_made.py")], rag.building.Settings()))
    Embedder.load().encode(["warm"])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            _child(command, library, theirs)
        os.close(theirs)
        out.write(json.dumps(_outcome(command, child, ours, library)) + "\n")
        out.flush()


def _outcome(command, child, answers, library):
    if "after" in command:
        time.sleep(command["after"])
        os.kill(child, signal.SIGKILL)
    text, hung = b"", False
    deadline = time.monotonic() + LONGEST
    while True:
        if not select.select([answers], [], [], max(0, deadline - time.monotonic()))[0]:
            hung = True
            os.kill(child, signal.SIGKILL)
            break
        if not (piece := os.read(answers, 1 << 16)):
            break
        text += piece
    os.close(answers)
    _, status = os.waitpid(child, 0)
    if hung:
        found = {"end": "hung"}
    elif os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        found = {"end": "crashed", "said": f"signal {os.WTERMSIG(status)}"}
    elif os.WIFSIGNALED(status):
        found = {"end": "killed"}
    else:
        found = json.loads(text or b'{"end": "bug", "said": "nothing"}')
    points = library.faults_seen() if hasattr(library, "faults_seen") else 0
    return {"said": "", **found, "points": points}


def _child(command, library, answers):
    from rag.errors import RagError

    try:
        result = {"end": "done", **(_DOES[command["do"]](command, library) or {})}
    except RagError as error:
        result = {"end": "error", "said": str(error)}
    except BaseException:  # noqa: BLE001
        result = {"end": "bug", "said": traceback.format_exc()}
    if hasattr(library, "faults_arm"):
        library.faults_arm(b"/", -1, ctypes.c_long(0), 0, -1)
    os.write(answers, json.dumps(result).encode())
    os._exit(0)


def _build(command, library):
    import rag.building
    import rag.generation_writer
    import rag.vectors
    from rag import Settings, build

    rag.building.GOES_ON_FROM = command.get("goes_on_from", rag.building.GOES_ON_FROM)
    rag.generation_writer.BLOCK = command.get("block", 4)
    rag.vectors.EXACT_UP_TO = command.get("exact_up_to", rag.vectors.EXACT_UP_TO)
    if "mode" in command:
        log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if "log" in command else -1
        number = command.get("errno", errno.EIO)
        library.faults_arm(command["index"].encode(), command["mode"], ctypes.c_long(command.get("at", 0)), number, log)
    began = time.perf_counter()
    report = build(command["articles"], command["index"], settings=Settings(keep_generations=command.get("keep", 2)))
    return {"report": report.to_dict(), "seconds": time.perf_counter() - began}


def _snapshot(index):
    """All that an index holds and finds: generation, digest of all of it, digest without the vectors."""
    import numpy as np

    from rag.index import Index

    opened = Index.open(index)
    vectors = opened.vectors.vectors(np.arange(opened.vectors.count))
    digest = hashlib.sha256()
    # Where the old generation can't be read, the new one has the same in another order.
    for article in sorted(opened.store.articles(), key=lambda one: one.id):
        digest.update(repr(article).encode())
    found = [
        sorted(
            (one.article_id, one.start) for one in opened.store.passages([r for r, _ in opened.lexical.search(q, 50)])
        )
        for q in QUERIES
    ]
    digest.update(repr(found).encode())
    near = opened.vectors.search(vectors[:5], 5)[1]
    opened.close()
    texts = digest.hexdigest()
    digest.update(vectors.tobytes() + near.tobytes())
    return {"generation": opened.manifest.generation, "texts": texts, "all": digest.hexdigest()}


def _look(command, _):
    return {"snapshot": _snapshot(command["index"])}


def _recover(command, library):
    """What an index is like after an accident, and after the build that follows it."""
    from rag import status, verify
    from rag.errors import RagError

    index = Path(command["index"])
    try:
        before, snapshot = status(index).to_dict(), _snapshot(index)
    except RagError as error:
        before, snapshot = {"error": str(error)}, None
    report = _build({**command, "block": 1024}, library) if command.get("build", True) else {}
    after = status(index)
    made = {p.name for p in (index / "generations").iterdir()}
    return {
        "status": before,
        "snapshot": snapshot,
        **report,
        "after": _snapshot(index),
        "verified": verify(index).problems,
        "left": sorted(
            [p.name for p in index.iterdir() if p.name not in ("CURRENT", "build.lock", "generations")]
            + [*after.leftovers, *(made - set(after.generations))]
            + ([after.stopped] if after.stopped else [])
        ),
    }


_DOES = {"build": _build, "look": _look, "recover": _recover}

if __name__ == "__main__":
    _serve()
