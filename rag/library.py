"""Library: the files behind an index, where a page may add and remove some.

Files are added to the first folder that the index was built from. Removed ones are moved, not deleted: into the hidden
folder `.removed` of the folder they stood in, from where `undo` brings the latest back. Neither changes the index; the
next `build` does.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from rag.articles import Skipped
from rag.building import BuildReport, Report, build
from rag.cleaning import printable
from rag.errors import RagError
from rag.generations import Manifest, current, generations_folder
from rag.index import Index
from rag.readers import READERS, reader_of
from rag.settings import Settings
from rag.store import ListedArticle

REMOVED = ".removed"
"""Folder of what was removed; hidden, so no build reads it."""
LONGEST_NAME = 120
"""Of an added file, in characters."""


class Library:
    """The files of one index; safe to call from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()

    def sources(self) -> list[Path]:
        """What the index was built from; before there is one, what the settings name."""
        index = Path(self.settings.index)
        try:
            found = Manifest.read(generations_folder(index) / current(index)).sources
        except RagError:
            found = []
        return [Path(path) for path in found or self.settings.articles]

    def folder(self) -> Path:
        """Where added files go."""
        folders = [path for path in self.sources() if not path.is_file()]
        return folders[0] if folders else Path(self.settings.articles[0])

    def add(self, files: Sequence[str | Path]) -> tuple[list[str], list[Skipped]]:
        """Copy `files` into the library: the names they got, and which were refused and why.

        A file of the same name and content is there already; one of the same name and other content gets a number.

        Raises:
            RagError: the folder can't be written.
        """
        added: list[str] = []
        refused: list[Skipped] = []
        with self._lock:
            folder = self.folder()
            for file in map(Path, files):
                name = _safe_name(file.name)
                if reader_of(Path(name).suffix) is None:
                    known = ", ".join(suffix for reader in READERS for suffix in reader.SUFFIXES)
                    refused.append(Skipped(name, f"there is no reader for such files (there is for {known})"))
                    continue
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    target = _unused(folder / name, file.read_bytes())
                    if target is None:
                        refused.append(Skipped(name, "it is there already"))
                        continue
                    temporary = folder / f".{target.name}.part"
                    shutil.copyfile(file, temporary)
                    temporary.replace(target)
                except OSError as error:
                    raise RagError(f"'{folder}' can't be written ({error.strerror}); free or unlock it.") from error
                added.append(target.name)
        return added, refused

    def remove(self, articles: Sequence[ListedArticle]) -> tuple[list[str], list[Skipped]]:
        """Take the files of `articles` out of the library: which were, and which were not and why.

        A file that has other articles too stays.
        """
        removed: list[str] = []
        refused: list[Skipped] = []
        gone: set[str] = set()
        chosen = {article.id for article in articles}
        store = Index.open(self.settings.index).store
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
        with self._lock:
            folders = [path.resolve() for path in self.sources() if path.is_dir()]
            for article in articles:
                if article.path in gone:
                    removed.append(article.title)
                    continue
                others = len(set(store.in_file(article.path)) - chosen)
                if others:
                    reason = f"its file has {others:,} more articles; choose them all, or take it out of the file"
                    refused.append(Skipped(article.id, reason))
                    continue
                found = _file_of(article, folders)
                if found is None:
                    where = " or ".join(f"'{folder}'" for folder in folders) or "a folder of the index"
                    refused.append(Skipped(article.path, f"its file is not below {where}; remove it there yourself"))
                    continue
                folder, file = found
                try:
                    kept = folder / REMOVED / stamp / file.relative_to(folder)
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    file.rename(kept)
                except OSError as error:
                    refused.append(Skipped(article.path, f"it can't be moved: {error.strerror}"))
                    continue
                removed.append(article.title)
                gone.add(article.path)
        return removed, refused

    def undo(self) -> list[str]:
        """Bring back what was removed last, and say the names of the files.

        Raises:
            RagError: there is nothing to bring back, or another file has taken the place.
        """
        with self._lock:
            folders = [path.resolve() for path in self.sources() if path.is_dir()]
            stamps = sorted((kept.name, kept) for folder in folders for kept in (folder / REMOVED).glob("*T*"))
            if not stamps:
                raise RagError("There is nothing to bring back.")
            latest = stamps[-1][0]
            names: list[str] = []
            for _, kept in [item for item in stamps if item[0] == latest]:
                folder = kept.parent.parent
                files = sorted(path for path in kept.rglob("*") if path.is_file())
                for file in files:
                    place = folder / file.relative_to(kept)
                    if place.exists():
                        raise RagError(f"'{place}' is there again; rename it, then bring back the removed one.")
                for file in files:
                    place = folder / file.relative_to(kept)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    file.rename(place)
                    names.append(place.name)
                shutil.rmtree(kept)
            return names

    def build(self, progress: Report | None = None) -> BuildReport:
        """Build the index anew from what it was built from; only what has changed is embedded.

        The report names files by their path below their folder, as articles have it in their id.

        Raises:
            RagError: as `rag.build`.
        """
        sources = [path for path in self.sources() if path.exists()]
        folder = self.folder()
        if folder.is_dir() and not any(_holds(source, folder) for source in sources):
            sources.append(folder)
        if not sources:
            raise RagError(f"'{folder}' does not exist; add files, or name another folder in rag.toml (articles).")
        report = build(list(sources), self.settings.index, settings=self.settings, progress=progress)
        folders = [f"{printable(str(source if source.is_dir() else source.parent))}/" for source in sources]
        return replace(
            report,
            skipped=tuple(Skipped(_below(item.path, folders), item.reason) for item in report.skipped),
            notes=tuple(_below(note, folders) for note in report.notes),
        )


def _below(named: str, folders: Sequence[str]) -> str:
    """What names a file by its whole path, by the path below its folder."""
    return named[max((len(folder) for folder in folders if named.startswith(folder)), default=0) :]


def _holds(source: Path, folder: Path) -> bool:
    return folder.resolve().is_relative_to(source.resolve())


def _safe_name(name: str) -> str:
    """A file name that means nothing to the file system: no folders, no control characters, not hidden."""
    plain = re.sub(r"[\x00-\x1f\x7f/\\:]+", " ", name.encode("utf-8", "replace").decode()).strip(" .") or "file"
    stem, suffix = Path(plain).stem, Path(plain).suffix
    return f"{stem[: LONGEST_NAME - len(suffix)]}{suffix}"


def _unused(path: Path, content: bytes) -> Path | None:
    """`path`, or a name like it that is free; None when a file with this content is there under one of these."""
    number, candidate = 2, path
    while candidate.exists():
        if candidate.is_file() and candidate.read_bytes() == content:
            return None
        candidate = path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1
    return candidate


def _file_of(article: ListedArticle, folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """The folder and the file of an article; links are not followed out of the folder."""
    for folder in folders:
        in_folder = folder / article.id
        # Articles of a file with several have its path and their number.
        of_several = folder / article.id.rpartition("#")[0]
        for path in (in_folder, of_several, Path(article.path).absolute()):
            file = path.parent.resolve() / path.name
            if file.is_relative_to(folder) and (file.is_file() or file.is_symlink()):
                return folder, file
    return None
