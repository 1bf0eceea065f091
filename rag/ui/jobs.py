"""The one build that a page may run at a time; whoever looks at the page sees how far it has come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rag.building import BuildReport, Progress, Report
from rag.errors import BuildInProgress, RagError

TOLD_EVERY = 0.25
"""Seconds between what watchers are told."""


class _Stopped(RagError):
    """Somebody stopped the build."""


@dataclass(frozen=True)
class Job:
    """How a build stands."""

    done: str = ""
    """What was done to the files before it, in a sentence."""
    refused: tuple[tuple[str, str], ...] = ()
    """Files to which it was not done, and why."""
    undoable: bool = False
    """Whether what was done can be undone."""
    running: bool = True
    progress: Progress | None = None
    report: BuildReport | None = None
    """When it has ended well."""
    error: str = ""
    """When it has not."""


class Jobs:
    """Runs a build in a thread of its own; safe to call from several threads."""

    def __init__(self, build: Callable[[Report], BuildReport]) -> None:
        self._build = build
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self.job: Job | None = None
        """The one that runs or ran last; None before the first, and once it is put away."""

    def start(self, prepare: Callable[[], Job] = Job) -> None:
        """Start a build; `prepare` does to the files what is to be done before it, and says so.

        Raises:
            BuildInProgress: one is running.
        """
        with self._changed:
            if self.job and self.job.running:
                raise BuildInProgress("A build is running; wait for it to finish, or stop it.")
            before, self.job = self.job, Job()
            try:
                self.job = prepare()
            except BaseException:
                self.job = before
                raise
        self._stop.clear()
        threading.Thread(target=self._run, name="build", daemon=True).start()

    def say(self, job: Job) -> None:
        """Show `job` where no build is to run."""
        with self._changed:
            if not (self.job and self.job.running):
                self.job = job

    def stop(self) -> None:
        """Have the running build give up; the index stays as it was."""
        self._stop.set()

    def put_away(self) -> None:
        """Forget how the last build ended."""
        with self._changed:
            if self.job and not self.job.running:
                self.job = None

    def watch(self) -> Iterator[Job | None]:
        """How the build stands, now and until it has ended."""
        while True:
            with self._changed:
                job = self.job
                if job and job.running:
                    self._changed.wait(TOLD_EVERY)
            yield job
            if job is None or not job.running:
                return

    def _run(self) -> None:
        changes: dict[str, object] = {}
        try:
            changes["report"] = self._build(self._tell)
        except RagError as error:
            changes["error"] = str(error)
        except BaseException as error:
            changes["error"] = f"A fault of the program stopped it ({type(error).__name__}: {error})."
            raise
        finally:
            self._set(running=False, **changes)

    def _tell(self, progress: Progress) -> None:
        if self._stop.is_set():
            raise _Stopped("Stopped; the index is as it was before.")
        with self._changed:
            # Not told at once: watchers look again soon enough, and a build tells many times a second.
            if self.job:
                self.job = replace(self.job, progress=progress)

    def _set(self, **changes: object) -> None:
        with self._changed:
            if self.job:
                self.job = replace(self.job, **changes)  # type: ignore[arg-type]
            self._changed.notify_all()
