"""A folder of generations, one of them published.

    index/
      CURRENT                 one line: the published generation's name
      generations/000007/     immutable once published; manifest.json lists its files
      build.lock              held while a build runs
      build.info              who builds which generation, since when; stays when a build does not end well

A generation is written under its final name but counts only once `CURRENT` names it: until then `build.info` says that
it is not done, whatever of it is there. Files are synced before the folders that name them, and `CURRENT` is replaced
in one step, so a crash at any point leaves the old generation published; what it left behind is swept by the next
build. A generation that is removed loses its manifest first, so that half of one never counts.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import IndexDamaged, IndexIncompatible, IndexNotFound, RagError
from rag.files import sync, temporaries, write_file
from rag.locking import attempt, builder, exclusive

FORMAT = 5
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
    """SHA-256 over what its articles are made of: equal for builds of the same texts with the same settings."""
    files: dict[str, dict[str, Any]]
    """Path below the generation's folder → its `rag.files.facts`."""
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
            body, digest, end = path.read_bytes().decode().rsplit("\n", 2)
            if end or hashlib.sha256(body.encode()).hexdigest() != digest:
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
    stopped: str = ""
    """How the last build ended, in a sentence, where it did not end well; "" where it did."""
    leftovers: tuple[str, ...] = field(default=())
    """What a stopped build left unfinished: generations, and files of the index's folder."""

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
    name = _read_current(index)
    while not name.isdigit() or not (generations_folder(index) / name).is_dir():
        # A build may have published another generation and removed this one meanwhile.
        before, name = name, _read_current(index)
        if name == before:
            raise IndexDamaged(
                f"{index / 'CURRENT'} names generation '{name[:40]}', which is not there; run: rag rollback, or rag "
                "build"
            )
    return name


def _read_current(index: Path) -> str:
    try:
        return (index / "CURRENT").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexNotFound(f"There is no index in '{index}' yet; run: rag build FOLDER --index {index}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamaged(f"{index / 'CURRENT'} cannot be read ({error}); run: rag rollback") from error


def kept(index: Path) -> list[str]:
    """Names of the finished generations, oldest first."""
    folder = generations_folder(index)
    if not folder.is_dir():
        return []
    note = attempt(index)
    # Complete or not, what a build makes is not finished before it is published.
    unfinished = note.generation if note and note.generation != _published(index) else ""
    names = [p.name for p in folder.iterdir() if p.name.isdigit() and (p / MANIFEST).is_file()]
    return sorted(name for name in names if name != unfinished)


def leftovers(index: Path) -> list[Path]:
    """What a stopped build left behind."""
    folder = generations_folder(index)
    finished = set(kept(index))
    unfinished = [p for p in folder.iterdir() if p.name not in finished] if folder.is_dir() else []
    return sorted(unfinished) + temporaries(index)


def publish(index: Path, folder: Path, keep: int) -> list[str]:
    """Make the finished generation in `folder` the current one, and remove the oldest beyond `keep`.

    Returns:
        What the user should know: which old ones could not be removed, and why.

    Raises:
        OSError: it could not be published.
        RagError: it is published, but the disk did not confirm it.
    """
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)
    sync(folder.parent)
    try:
        point_to(index, folder.name)
    except OSError as error:
        if _published(index) != folder.name:
            raise
        raise RagError(
            f"Generation {folder.name} is published, but it may not survive a power cut ({error}); check the disk and "
            "build again."
        ) from error
    notes = []
    names = kept(index)
    for name in names[: max(0, len(names) - keep)]:
        if name != folder.name:
            try:
                remove(generations_folder(index) / name)
            except OSError as error:
                notes.append(f"The old generation {name} could not be removed ({error}); the next build tries again.")
    return notes


def remove(path: Path) -> None:
    """Remove a generation, or what is left of one; the manifest goes first, so that half of it never counts."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    if (path / MANIFEST).exists():
        (path / MANIFEST).unlink()
        sync(path)
    shutil.rmtree(path)


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
        published = _published(index) or "9" * 9
        earlier = [name for name in names if int(name) < int(published)]
        if earlier:
            point_to(index, earlier[-1])
    if earlier:
        return earlier[-1]
    if not names:
        raise IndexNotFound(f"There is no index in '{index}' yet; run: rag build FOLDER --index {index}")
    raise RagError(f"Generation {published} is the oldest that is kept; there is none to go back to.")


def status(index: str | Path) -> Status:
    """What there is in the folder `index`.

    Raises:
        IndexNotFound, IndexDamaged, IndexIncompatible: as `current` and `Manifest.read`.
    """
    index = Path(index)
    building = builder(index)
    note = attempt(index)
    stopped = f"{note.end}." if note and not building and note.generation != _published(index) else ""
    try:
        name = current(index)
    except IndexNotFound as error:
        if building:
            raise IndexNotFound(f"There is no index in '{index}' yet; {building} builds the first.") from None
        raise IndexNotFound(f"{error}{f'. {stopped}' if stopped else ''}") from None
    try:
        manifest = Manifest.read(generations_folder(index) / name)
    except IndexDamaged:
        if current(index) == name:
            raise
        return status(index)
    return Status(
        directory=str(index),
        generation=name,
        created=manifest.created,
        model=manifest.model,
        precision=manifest.precision,
        articles=manifest.articles,
        paragraphs=manifest.paragraphs,
        passages=manifest.passages,
        bytes=sum(facts["size"] for facts in manifest.files.values()),
        generations=tuple(kept(index)),
        building=building,
        stopped=stopped,
        leftovers=() if building else tuple(path.name for path in leftovers(index)),
    )


@contextmanager
def build_lock(index: Path, wait: bool = False) -> Iterator[Path]:
    """Hold the right to change the index, swept of leftovers; yields the folder that a new generation may have.

    Raises:
        BuildInProgress: another process holds it, and `wait` is not set.
        RagError: the folder can't be written.
    """
    with exclusive(index, lambda: _next_name(index), wait) as name:
        try:
            for path in leftovers(index):
                remove(path)
        except OSError as error:
            raise RagError(
                f"What a stopped build left in '{index}' could not be removed ({error}); mend that and build again."
            ) from error
        yield generations_folder(index) / name


def _next_name(index: Path) -> str:
    """A name higher than any that is finished."""
    return f"{max((int(name) for name in kept(index)), default=0) + 1:06d}"


def _published(index: Path) -> str:
    """What CURRENT names; "" when it names nothing that is there."""
    try:
        return current(index)
    except RagError:
        return ""
