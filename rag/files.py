"""Files that survive a power cut, and how it is told that they are what was written.

A SHA-256 digest is compared when somebody asks for it. Checksums (CRC-32) of each 16 MB are compared whenever an index
is opened: they take a third of the time, several at once, and miss no flipped bit and no burst of up to 32 of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

CHECKED = 1 << 24
"""Bytes that a checksum is of."""
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


def link(path: Path, name: Path) -> None:
    """Have a file that never changes under another name too; a copy where the file system has no links."""
    try:
        name.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, name)


def facts(path: Path) -> dict[str, Any]:
    """What a manifest says of a file: `size` in bytes, `sha256` in hex, `crc32` of each `CHECKED` bytes."""
    digest = hashlib.sha256()
    sums: list[int] = []
    size = 0
    with path.open("rb") as file:
        while block := file.read(CHECKED):
            digest.update(block)
            sums.append(zlib.crc32(block))
            size += len(block)
    return {"size": size, "sha256": digest.hexdigest(), "crc32": sums}


def facts_of(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The facts of each of `paths`, worked out on several cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(facts, paths))


def unlike(sums: Sequence[tuple[Path, Sequence[int]]]) -> list[Path]:
    """Those of the files that don't have the checksums given with them.

    Raises:
        OSError: one can't be read.
    """
    parts = [(path, number, right) for path, of_file in sums for number, right in enumerate(of_file)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        alike = list(pool.map(_is_alike, parts))
    return list(dict.fromkeys(path for (path, _, _), right in zip(parts, alike, strict=True) if not right))


def _is_alike(part: tuple[Path, int, int]) -> bool:
    path, number, right = part
    found, left = 0, CHECKED
    with path.open("rb", buffering=0) as file:
        file.seek(number * CHECKED)
        while left and (block := file.read(min(left, 1 << 20))):
            found = zlib.crc32(block, found)
            left -= len(block)
    return found == right


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
