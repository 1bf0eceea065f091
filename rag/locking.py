"""Who may change an index: one process at a time, and what is known of the one that did so last.

The lock is the system's own, so it goes with its process, however that ends. The note beside it says who holds the
lock, since when, and which generation it makes. A note without a lock tells that a build did not end well: it was
killed, or it failed with the error that is in the note.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import BuildInProgress, RagError
from rag.files import write_file

LOCK = "build.lock"
NOTE = "build.info"
LOOKED = 1.0
"""Seconds until a lock counts as held: `status` holds it for a moment too."""
POLLED = 0.05


@dataclass(frozen=True)
class Attempt:
    """A build that has begun."""

    process: int
    since: str
    """ISO 8601, UTC."""
    generation: str
    """The one it makes; of no use before it is published."""
    error: str = ""
    """What it failed with."""

    @property
    def who(self) -> str:
        """The process and when it began."""
        return f"process {self.process} since {self.since}"

    @property
    def end(self) -> str:
        """How it ended, in a sentence without its full stop."""
        begun = f"The build by process {self.process}, begun {self.since},"
        return f"{begun} failed: {self.error.rstrip('.')}" if self.error else f"{begun} was stopped before it was done"


def attempt(index: Path) -> Attempt | None:
    """What the note says; None when there is none that can be read."""
    try:
        return Attempt(**json.loads((index / NOTE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def builder(index: Path) -> str:
    """Who builds and since when; "" when nobody does. Found out by trying the lock: a note alone may be old."""
    if not (index / LOCK).exists() or not os.access(index, os.W_OK):
        return ""
    try:
        with FileLock(index / LOCK, timeout=0):
            return ""
    except Timeout:
        return _who(index)


@contextmanager
def exclusive(index: Path, generation: Callable[[], str], wait: bool = False) -> Iterator[str]:
    """Hold the right to change the index; yields the name of the generation that may be made.

    Args:
        index: its folder, made if it isn't there.
        generation: asked for the name once the lock is held.
        wait: for whoever holds it to end.

    Raises:
        BuildInProgress: another process holds it.
        RagError: the folder can't be written.
    """
    lock = FileLock(index / LOCK)
    try:
        index.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=-1 if wait else LOOKED, poll_interval=POLLED)
    except Timeout:
        raise BuildInProgress(
            f"The index in '{index}' is being built by {_who(index)}; wait for it to finish, or build with --wait."
        ) from None
    except OSError as error:
        raise _unwritable(index, error) from error
    try:
        mine = Attempt(os.getpid(), datetime.now(timezone.utc).isoformat(timespec="seconds"), generation())
        try:
            _write(index, mine)
        except OSError as error:
            raise _unwritable(index, error) from error
        try:
            yield mine.generation
        except BaseException as error:
            # Where not even this can be written, the note still says that the build has not ended well.
            with suppress(OSError):
                _write(index, replace(mine, error=str(error)[:1000] or type(error).__name__))
            raise
        with suppress(OSError):
            (index / NOTE).unlink()
    finally:
        lock.release()


def _write(index: Path, note: Attempt) -> None:
    write_file(index / NOTE, json.dumps(asdict(note), ensure_ascii=False).encode("utf-8", "replace"))


def _who(index: Path) -> str:
    note = attempt(index)
    return note.who if note else "another process"


def _unwritable(index: Path, error: OSError) -> RagError:
    return RagError(
        f"The index folder '{index}' cannot be written ({error.strerror or error}); mend that or choose another."
    )
