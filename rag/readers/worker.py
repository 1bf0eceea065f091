"""Readers in a process that may be lost: what a file does to its parser costs that file only.

One process reads file after file. It is started with the first file, and again after one that made it crash or run out
of time or memory. The system ends it when a file takes too long (an alarm that nothing in it handles) and refuses it
more memory than it may have (not on macOS). It gets the bytes of a file and gives texts back, both over pipes and as
JSON: nothing that it says is trusted further than a file is.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from rag.errors import RagError, UnreadableArticle
from rag.readers import Document, File, Reader, Reading, Unread, read, reader_of
from rag.readers.document import Block, Kind

if TYPE_CHECKING:
    from typing_extensions import Self

_LENGTH = struct.Struct("!Q")
_READY = b"ready"


class Worker:
    """The process; used by one thread at a time.

    Args:
        seconds: for one file.
        memory_mb: of the process, all in all.
    """

    def __init__(self, seconds: float, memory_mb: float) -> None:
        self.seconds = seconds
        self.memory_mb = memory_mb
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def read(self, suffix: str, file: File) -> Reading:
        """What the reader for `suffix` finds in `file`.

        Raises:
            UnreadableArticle: nothing, or it could not; says why.
            RagError: the process can't be started.
        """
        process = self._running()
        head = {"suffix": suffix, "fields": file.fields, "most": file.most}
        try:
            for part in (json.dumps(head).encode(), file.data):
                _send(process.stdin, part)
            # A character takes six bytes at most, what is around a text less than the text itself.
            reply = json.loads(_receive(process.stdout, most=10_000_000 + 12 * file.most))
            if "error" in reply:
                if reply["spent"]:
                    self.close()
                raise UnreadableArticle(str(reply["error"]))
            return _unpacked(reply)
        except (OSError, EOFError) as error:
            raise UnreadableArticle(self._ended(process)) from error
        except (ValueError, LookupError, TypeError) as error:
            self.close()
            raise UnreadableArticle("its parser gave nonsense back") from error
        except BaseException as error:
            if not isinstance(error, UnreadableArticle):
                self.close()
            raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._process = self._started()
        return self._process

    def _started(self) -> subprocess.Popen[bytes]:
        code = "import sys; sys.path[:] = sys.argv[3:]; from rag.readers.worker import serve; serve()"
        limits = [str(self.seconds), str(self.memory_mb)]
        said = ""
        try:
            # Isolated from the folder it is started in; in a session of its own, so that Ctrl-C does not reach it.
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", code, *limits, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            if process.stdout and process.stdout.read(len(_READY)) == _READY:
                return process
            said = process.communicate()[1].decode("utf-8", "replace")
        except OSError as error:
            said = str(error)
        last = said.strip().splitlines()[-1:] or ["it ended without a word"]
        raise RagError(f"The process that reads files could not be started with '{sys.executable}': {last[0]}.")

    def _ended(self, process: subprocess.Popen[bytes]) -> str:
        """Why it is no more."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        code = process.poll()
        self.close()
        if code == -signal.SIGALRM:
            return f"reading it took longer than parser_seconds = {self.seconds:g} allows"
        if code is not None and code < 0 and code != -signal.SIGKILL:
            return f"its parser crashed ({signal.Signals(-code).name})"
        return f"its parser was ended by the system; it may need more than parser_memory_mb = {self.memory_mb:g} allows"


def serve() -> None:
    """Be the process: read files from standard input, one after the other, until there are no more."""
    seconds, memory_mb = map(float, sys.argv[1:3])
    _limit_memory(int(memory_mb * 1e6))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    files, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    replies.write(_READY)
    replies.flush()
    # What a parser prints goes nowhere.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    while True:
        try:
            head = json.loads(_receive(files))
            signal.setitimer(signal.ITIMER_REAL, seconds)
            reader = reader_of(head["suffix"])
            data = _receive(files)
        except EOFError:
            return
        assert reader is not None
        _send(replies, _answered(reader, File(data, tuple(head["fields"]), head["most"]), memory_mb))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answered(reader: Reader, file: File, memory_mb: float) -> bytes:
    spent = False
    try:
        return json.dumps(_packed(read(reader, file))).encode()
    except UnreadableArticle as error:
        said = str(error)
    except MemoryError:
        said, spent = f"reading it takes more memory than parser_memory_mb = {memory_mb:g} allows", True
    except RecursionError:
        said = "it is nested too deeply"
    except Exception as error:  # noqa: BLE001
        # A parser may raise anything on a file that somebody has made to break it.
        said = f"it is broken: its parser failed ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
    # A process whose memory is spent is not used again.
    return json.dumps({"error": said, "spent": spent}).encode()


def _limit_memory(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # macOS knows the limit and refuses to set it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _packed(reading: Reading) -> dict[str, Any]:
    return {
        "encoding": reading.encoding,
        "found": [
            vars(item)
            if isinstance(item, Unread)
            else {**vars(item), "blocks": [(block.kind, block.text, block.place) for block in item.blocks]}
            for item in reading.found
        ],
    }


def _unpacked(reply: dict[str, Any]) -> Reading:
    found: list[Document | Unread] = []
    for item in reply["found"]:
        if "blocks" not in item:
            found.append(Unread(str(item["place"]), str(item["reason"])))
            continue
        blocks = [Block(Kind(kind), str(text), str(place)) for kind, text, place in item["blocks"]]
        one = {name: str(item[name]) for name in ("title", "author", "date", "url", "key")}
        found.append(Document(blocks, tags=tuple(map(str, item["tags"])), **one))
    return Reading(tuple(found), str(reply["encoding"]))


def _send(pipe: IO[bytes] | None, data: bytes) -> None:
    assert pipe is not None
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes] | None, most: int = 1 << 62) -> bytes:
    assert pipe is not None
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    if length > most:
        raise ValueError("too long")
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data
