"""Watching: what changes below the folders of articles is built anew, until somebody stops it.

What changes while a build runs is seen after it. The index itself and hidden files are passed over, as in a build.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from rag.building import BuildReport, Report, build
from rag.errors import BuildInProgress, RagError
from rag.settings import Settings

QUIET_MS = 400
"""How long nothing must have changed before a build, so that what is copied together is built together."""
LONGEST_MS = 5000
"""After so long a build starts even so."""
LOOKED_EVERY_MS = 1000


def watch(
    paths: Sequence[str | Path] | None = None,
    index: str | Path = "index",
    *,
    settings: Settings | None = None,
    full: bool = False,
    wait: bool = False,
    progress: Report | None = None,
) -> Iterator[BuildReport | RagError]:
    """Build, and build again after every change; the arguments are those of `rag.build`.

    Yields:
        The report of each build, or the error that it ended with; another one is tried after the next change. Nothing
        where another process builds the index: it is tried again until that has ended.

    Raises:
        RagError: the first build fails, what is watched is gone, or watchfiles is not installed.
    """
    try:
        from watchfiles import watch as changes_of
    except ModuleNotFoundError as error:
        raise RagError(f"Watching needs {error.name}; install it with: pip install -e '.[watch]'") from error
    settings = settings or Settings()
    sources = [Path(path) for path in (settings.articles if paths is None else paths)]
    _check(sources)
    changes = changes_of(
        *sources,
        watch_filter=lambda _, path: _is_wanted(path, sources, index),
        debounce=LONGEST_MS,
        step=QUIET_MS,
        rust_timeout=LOOKED_EVERY_MS,
        yield_on_timeout=True,
    )
    # The first look starts it: what changes while the first build runs is not missed.
    next(changes)
    yield build(sources, index, settings=settings, full=full, wait=wait, progress=progress)
    waiting = False
    for changed in changes:
        if not (changed or waiting):
            continue
        try:
            _check(sources)
            yield build(sources, index, settings=settings, progress=progress)
            waiting = False
        except BuildInProgress:
            waiting = True
        except RagError as error:
            _check(sources)
            waiting = False
            yield error


def _check(sources: Sequence[Path]) -> None:
    for source in sources:
        if not source.exists():
            raise RagError(f"'{source}' does not exist, so it can't be watched; name files or folders of articles.")


def _is_wanted(path: str, sources: Sequence[Path], index: str | Path) -> bool:
    changed = Path(os.path.realpath(path))
    if changed.is_relative_to(os.path.realpath(index)):
        return False
    bases = [base for source in sources if changed.is_relative_to(base := Path(os.path.realpath(source)))]
    return any(not any(part.startswith(".") for part in changed.relative_to(base).parts) for base in bases)
