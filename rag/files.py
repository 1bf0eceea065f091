"""Files that survive a power cut, and their digests."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".rag-tmp"
"""How the name of a file ends that is not whole yet."""


def write_file(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step that survives a power cut: temporary file, sync, rename, sync folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        # What could not be written is the error to tell; a leftover is swept later.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def temporaries(folder: Path) -> list[Path]:
    """What `write_file` left in `folder` when it was killed, and what it writes right now."""
    return sorted(folder.glob(f".*{TEMPORARY}"))


def sync(path: Path) -> None:
    """Have a file or a folder's list of names on the disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
