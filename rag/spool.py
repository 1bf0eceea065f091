"""Vectors that a build has embedded, kept beside the index until it is published.

A build that is stopped leaves its spool to the next one, which embeds only what is not in it. Vectors are found by the
keys of their passages, which name model and text, and are as exact as the index stores them. Each block is on the disk
before the next is embedded; a vector counts only with its checksum, and a file that is no spool is begun anew.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FILE = "vectors.spool"
JOURNAL = f"{FILE}-journal"
"""SQLite's own, while it writes."""
_SCHEMA = "CREATE TABLE vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID"
_ASKED = 500


class Spool:
    """The spool of one index; for the one process that builds it."""

    def __init__(self, index: Path, dim: int) -> None:
        """Open it, or begin it.

        Args:
            index: folder of the index.
            dim: length of the vectors.

        Raises:
            OSError, sqlite3.Error: it can't be written.
        """
        self._path = index / FILE
        self._dim = dim
        if not self._is_sound():
            discard(index)
        self._db = sqlite3.connect(self._path)
        try:
            self._db.execute("PRAGMA synchronous = FULL")
            if not self._schema():
                self._db.execute(_SCHEMA)
        except BaseException:
            self._db.close()
            raise

    def add(self, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Keep `vectors`, (len(keys), dim), on the disk when this returns."""
        rows = [
            (key, vector.tobytes(), _checksum(key, vector.tobytes()))
            for key, vector in zip(keys, vectors.astype(np.float16), strict=True)
        ]
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?,?,?)", rows)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        """Those of `keys` that are in it, each with its vector, (dim,) float16."""
        found: dict[bytes, np.ndarray] = {}
        for first in range(0, len(keys), _ASKED):
            some = keys[first : first + _ASKED]
            marks = ",".join("?" * len(some))
            for key, vector, checksum in self._db.execute(f"SELECT * FROM vectors WHERE key IN ({marks})", some):
                if isinstance(vector, bytes) and len(vector) == 2 * self._dim and checksum == _checksum(key, vector):
                    found[key] = np.frombuffer(vector, dtype=np.float16)
        return found

    def close(self) -> None:
        """Leave it to the next build."""
        self._db.close()

    def _schema(self) -> list[tuple[str]]:
        return self._db.execute("SELECT sql FROM sqlite_master").fetchall()

    def _is_sound(self) -> bool:
        """Whether the file can be read and written, which does not mean that every vector in it is right."""
        if not self._path.exists():
            return False
        self._db = sqlite3.connect(self._path)
        try:
            return self._schema() == [(_SCHEMA,)] and self._db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        except sqlite3.Error:
            return False
        finally:
            self._db.close()


def discard(index: Path) -> None:
    """Remove the spool of the index in this folder, if there is one.

    Raises:
        OSError: it can't be removed.
    """
    for name in (FILE, JOURNAL):
        (index / name).unlink(missing_ok=True)


def _checksum(key: bytes, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(key))
