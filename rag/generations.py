"""A folder of generations, one of them published.

    index/
      CURRENT                 one line: the published generation's name
      generations/000007/     immutable once published; manifest.json lists its files
      build.lock              held while a build runs; says who builds and since when

A generation is written under its final name but counts only once `CURRENT` names it. Files are synced before the
folders that name them, and `CURRENT` is replaced in one step, so a crash at any point leaves the old generation
published; what it left behind is swept by the next build.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rag.errors import BuildInProgress, IndexDamaged, IndexIncompatible, IndexNotFound, RagError
from rag.files import sync, write_file

FORMAT = 3
"""Of the files on disk; another one is refused."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a generation is made of."""

    generation: str
    created: str
    """When, ISO 8601, UTC."""
    model: str
    fingerprint: str
    dim: int
    precision: str
    articles: int
    paragraphs: int
    passages: int
    settings: dict[str, Any]
    """The settings that its passages depend on."""
    sources: list[str]
    """The files and folders it was read from, absolute; empty when it was not read from files."""
    content: str
    """SHA-256 over its articles and passages: equal for builds of the same texts with the same settings."""
    files: dict[str, dict[str, Any]]
    """Path below the generation's folder → size in bytes and SHA-256."""
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """To `folder`, with a digest of itself."""
        body = json.dumps(asdict(self), indent=1, ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(body.encode()).hexdigest()
        write_file(folder / MANIFEST, f"{body}\n{digest}\n".encode())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest in `folder`.

        Raises:
            IndexDamaged: it is missing or not what was written.
            IndexIncompatible: it is of another format version.
        """
        path = folder / MANIFEST
        try:
            body, digest, _ = path.read_text(encoding="utf-8").rsplit("\n", 2)
            if hashlib.sha256(body.encode()).hexdigest() != digest:
                raise ValueError("its digest does not fit")
            values = json.loads(body)
            found = values.get("format")
            if found != FORMAT:
                raise IndexIncompatible(
                    f"The index in {folder} has format {found}, this version reads format {FORMAT}; run: rag build"
                )
            return cls(**values)
        except (OSError, ValueError, TypeError) as error:
            raise IndexDamaged(f"{path} cannot be read ({error}); run: rag rollback, or rag build --full") from error


@dataclass(frozen=True)
class Status:
    """What there is in an index folder."""

    directory: str
    generation: str
    created: str
    model: str
    precision: str
    articles: int
    paragraphs: int
    passages: int
    bytes: int
    generations: tuple[str, ...]
    """All that are kept, oldest first."""
    building: str
    """Who builds and since when; "" when nobody does."""
    leftovers: tuple[str, ...] = field(default=())
    """Generations that a stopped build left unfinished."""

    def to_dict(self) -> dict[str, Any]:
        """As in `status --json`."""
        return {**asdict(self), "generations": list(self.generations), "leftovers": list(self.leftovers)}


def generations_folder(index: Path) -> Path:
    """Where the generations are."""
    return index / "generations"


def current(index: Path) -> str:
    """Name of the published generation.

    Raises:
        IndexNotFound: none is published.
        IndexDamaged: CURRENT names none that is there.
    """
    try:
        name = (index / "CURRENT").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFound(f"There is no index in '{index}' yet; run: rag build FOLDER --index {index}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamaged(f"{index / 'CURRENT'} cannot be read ({error}); run: rag rollback") from error
    if not name.isdigit() or not (generations_folder(index) / name).is_dir():
        raise IndexDamaged(
            f"{index / 'CURRENT'} names generation '{name[:40]}', which is not there; run: rag rollback, or rag build"
        )
    return name


def kept(index: Path) -> list[str]:
    """Names of the finished generations, oldest first."""
    folder = generations_folder(index)
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.name.isdigit() and (p / MANIFEST).is_file())


def leftovers(index: Path) -> list[str]:
    """Names of what a stopped build left behind."""
    folder = generations_folder(index)
    if not folder.is_dir():
        return []
    finished = set(kept(index))
    return sorted(p.name for p in folder.iterdir() if p.name not in finished)


def next_name(index: Path) -> str:
    """A name higher than any that is there."""
    return f"{max((int(name) for name in kept(index)), default=0) + 1:06d}"


def publish(index: Path, folder: Path, keep: int) -> None:
    """Make the finished generation in `folder` the current one, and remove the oldest beyond `keep`."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)
    sync(folder.parent)
    point_to(index, folder.name)
    names = kept(index)
    for name in names[: max(0, len(names) - keep)]:
        if name != folder.name:
            shutil.rmtree(generations_folder(index) / name)


def point_to(index: Path, name: str) -> None:
    """Replace CURRENT in one step."""
    write_file(index / "CURRENT", f"{name}\n".encode())


def rollback(index: str | Path) -> str:
    """Publish the generation before the current one, and say its name.

    Raises:
        RagError: there is none before it.
    """
    index = Path(index)
    with build_lock(index):
        names = kept(index)
        try:
            published = current(index)
        except IndexDamaged:
            published = "9" * 9
        earlier = [name for name in names if int(name) < int(published)]
        if not earlier:
            if not names:
                raise IndexNotFound(f"There is no index in '{index}' yet; run: rag build FOLDER --index {index}")
            raise RagError(f"Generation {published} is the oldest that is kept; there is none to go back to.")
        point_to(index, earlier[-1])
        return earlier[-1]


def status(index: str | Path) -> Status:
    """What there is in the folder `index`.

    Raises:
        IndexNotFound, IndexDamaged, IndexIncompatible: as `current` and `Manifest.read`.
    """
    index = Path(index)
    name = current(index)
    folder = generations_folder(index) / name
    manifest = Manifest.read(folder)
    builder = _builder(index)
    return Status(
        directory=str(index),
        generation=name,
        created=manifest.created,
        model=manifest.model,
        precision=manifest.precision,
        articles=manifest.articles,
        paragraphs=manifest.paragraphs,
        passages=manifest.passages,
        bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        generations=tuple(kept(index)),
        building=builder,
        leftovers=() if builder else tuple(leftovers(index)),
    )


@contextmanager
def build_lock(index: Path) -> Iterator[None]:
    """Hold the right to change the index; the lock goes with the process, however that ends.

    Raises:
        BuildInProgress: another process holds it.
        RagError: the folder can't be written.
    """
    try:
        index.mkdir(parents=True, exist_ok=True)
        lock = FileLock(index / "build.lock", timeout=0)
        lock.acquire()
    except Timeout:
        who = _note(index) or "another process"
        raise BuildInProgress(f"The index in '{index}' is being built by {who}; wait for it to finish.") from None
    except OSError as error:
        raise RagError(
            f"The index folder '{index}' cannot be written ({error.strerror or error}); choose another."
        ) from error
    try:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        (index / "build.info").write_text(f"process {os.getpid()} since {since}", encoding="utf-8")
        yield
    finally:
        (index / "build.info").unlink(missing_ok=True)
        lock.release()


def _note(index: Path) -> str:
    try:
        return (index / "build.info").read_text(encoding="utf-8")
    except OSError:
        return ""


def _builder(index: Path) -> str:
    """Who builds; found out by trying the lock, since a note alone may be left from a crash."""
    if not (index / "build.lock").exists() or not os.access(index, os.W_OK):
        return ""
    try:
        with FileLock(index / "build.lock", timeout=0):
            return ""
    except Timeout:
        return _note(index) or "another process"
