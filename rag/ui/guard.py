"""The door of the page: who may ask for what, in which form, and how many may wait.

Gradio answers more than this page needs, and takes what it is sent on trust: files of other hosts to be fetched, calls
that pass by the queue, texts that are no Unicode. So what is posted is read here first: its path must be one the page
or a program has a use for, its JSON small, flat and whole, and each value of the kind its part of the page takes.
What goes on is written anew from what was read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.ui.programs import NAMES

WAITING = 64
"""Events of a kind that may wait, in seconds about a tenth of it; whoever comes then is told that the page is busy."""
MOST_POSTED = 4_000_000
"""In bytes, but for uploads."""
DEEPEST = 16
"""Lists and objects inside each other."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; "
    "worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_CALL = rf"call/(?P<name>{'|'.join(NAMES)})"
_API = re.compile(r"/gradio_api/(?P<rest>.*)$", re.S)
_GOT = re.compile(
    rf"(?:info|startup-events|login_check|user|token|app_id|upload_progress|heartbeat/[^/]+|queue/(?P<data>data)|"
    rf"{_CALL}/(?P<event>[^/]+)|mcp(?:/.*)?)/?"
)
_POSTED = re.compile(rf"(?:queue/(?P<join>join)|{_CALL}|cancel|reset|mcp(?:/.*)?)/?")
_UPLOADED = re.compile(r"upload/?")
_KEPT = ("data", "fn_index", "session_hash", "event_data", "trigger_id")
"""Of what an event of the page is posted with."""


_OF_UPLOADED: dict[str, tuple[type, ...]] = {
    "path": (str,),
    "url": (str,),
    "orig_name": (str,),
    "mime_type": (str,),
    "size": (int,),
    "is_stream": (bool,),
    "meta": (dict,),
}
"""What is told of a file that was uploaded."""


class Guard:
    """Middleware that adds HEADERS to every answer and refuses what the page has no use for.

    With `own_only` that is also all that a page of another site makes a browser send here.
    """

    def __init__(self, app: ASGIApp, blocks: gr.Blocks, own_only: bool) -> None:
        self._app = app
        self._blocks: Any = blocks
        self._own_only = own_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        session = ""
        try:
            if scope["method"] in ("GET", "HEAD"):
                session = self._session(scope)
            elif (body := await self._posted(scope, receive)) is not None:
                receive = _again(body, scope, receive)
            await self._app(scope, receive, with_headers)
        except _Refused as refused:
            await refused.response(scope, receive, with_headers)
        finally:
            self._forget(session)

    def _session(self, scope: Scope) -> str:
        """The session whose messages are asked for; "" when it is something else.

        Raises:
            _Refused: it is nothing that the page has a use for, or there is no such session.
        """
        api = _API.search(scope["path"])
        if not api:
            return ""
        match = _GOT.fullmatch(api["rest"])
        if not match:
            raise _Refused(404, "There is nothing here.")
        # A call by name has a session of its own, called as it is.
        session = match["event"] or ""
        if match["data"]:
            session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        if session and session not in self._blocks._queue.pending_messages_per_session:
            # In Gradio's own words, which the page understands; Gradio itself breaks off here with a fault.
            lost = {"msg": "unexpected_error", "message": "It is over.", "session_not_found": True, "success": False}
            text = (
                'event: error\ndata: "There is no such call."\n\n'
                if match["event"]
                else f"data: {json.dumps(lost)}\n\n"
            )
            raise _Refused(200, text)
        return session

    def _forget(self, session: str) -> None:
        """Let go of a session that keeps nothing, as those of programs: there would be one for every call."""
        holder, queue = self._blocks.state_holder, self._blocks._queue
        found = holder.session_data.get(session)
        if found is None or found.state_data or queue.pending_event_ids_session.get(session):
            return
        del holder.session_data[session]
        holder.time_last_used.pop(session, None)
        queue.pending_event_ids_session.pop(session, None)
        queue.pending_messages_per_session.pop(session, None)

    async def _posted(self, scope: Scope, receive: Receive) -> bytes | None:
        """What is to be read instead of what was posted; None for what needs no reading.

        Raises:
            _Refused: it may not go on.
        """
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        hosts = (headers.get("host"), headers.get("x-forwarded-host"))
        if self._own_only and origin and origin.partition("://")[2] not in hosts:
            raise _Refused(403, "Only this page itself may ask for that.")
        api = _API.search(scope["path"])
        if not api:
            if re.search(r"/login/?$", scope["path"]):
                return None
            raise _Refused(403, "Only this page itself may ask for that.")
        if _UPLOADED.fullmatch(api["rest"]):
            return None
        match = _POSTED.fullmatch(api["rest"])
        if not match:
            raise _Refused(403, "Only this page itself may ask for that.")
        if scope["method"] != "POST":
            return None
        given = _parsed(await _body(receive))
        if match["join"] or match["name"]:
            given = self._event(given, match["name"])
        return json.dumps(given, ensure_ascii=False).encode("utf-8", "replace")

    def _event(self, given: Any, name: str | None) -> dict[str, Any]:
        """What goes on of an event of the page, or of a call of a program's function by its name."""
        if not isinstance(given, dict) or not isinstance(given.get("data"), list):
            raise _Refused(422, 'What is posted must be an object with a list "data".')
        kept = {key: given[key] for key in (("data",) if name else _KEPT) if key in given}
        if name:
            function = next(one for one in self._blocks.fns.values() if one.api_name == name)
        else:
            number, session = kept.get("fn_index"), kept.get("session_hash")
            function = self._blocks.fns.get(number) if type(number) is int else None
            if function is None or function.fn is None or not (isinstance(session, str) and 0 < len(session) <= 64):
                raise _Refused(422, "There is no such event of the page.")
            if type(kept.get("trigger_id")) not in (int, type(None)):
                raise _Refused(422, "There is no such part of the page.")
        parts, data = function.inputs, kept["data"]
        if len(parts) != len(data) or not all(map(_fits, parts, data)):
            wanted = ", ".join(str(part.label or type(part).__name__) for part in parts)
            raise _Refused(422, f'"data" must have as many values as there are parts, each of its kind: {wanted}.')
        waiting = self._blocks._queue.event_queue_per_concurrency_id.get(function.concurrency_id)
        if waiting and len(waiting.queue) >= WAITING:
            raise _Refused(503, "The page is busy; try again in a moment.", {"Retry-After": "2"})
        return kept


class _Refused(Exception):
    """What was asked for is not to be had."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.response: Response = JSONResponse({"detail": detail}, status, headers)
        if status == 200:
            self.response = Response(detail, media_type="text/event-stream")


def _fits(part: Any, value: Any) -> bool:
    """Whether a part of the page takes such a value. Only a part for files is given objects: those are fetched."""
    if value is None or isinstance(part, gr.State):
        return True
    if isinstance(part, gr.File):
        return isinstance(value, list) and all(map(_is_uploaded, value))
    if isinstance(part, gr.Dropdown):
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if isinstance(part, (gr.Textbox, gr.Button, gr.HTML)):
        return isinstance(value, str)
    # What a program gives is looked at by what it calls.
    return not any(isinstance(one, dict) for level in _levels(value) for one in level)


def _is_uploaded(value: Any) -> bool:
    """Whether it names a file that was uploaded, and nothing beyond."""
    if not isinstance(value, dict) or not isinstance(path := value.get("path"), str) or "\0" in path:
        return False
    if value.get("meta") != {"_type": "gradio.FileData"}:
        return False
    if not all(isinstance(one, _OF_UPLOADED.get(name, ())) for name, one in value.items() if one is not None):
        return False
    try:
        file = Path(path).resolve()
        return file.is_relative_to(Path(get_upload_folder()).resolve()) and file.is_file()
    except (OSError, RuntimeError):
        # A name that is too long, or links in a circle.
        return False


def _parsed(body: bytes) -> Any:
    """The JSON in `body`."""
    try:
        given = json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, "What is posted must be JSON.") from error
    if len(_levels(given)) > DEEPEST:
        raise _Refused(400, f"What is posted may be {DEEPEST} lists and objects deep.")
    return given


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _levels(value: Any) -> list[Sequence[Any]]:
    """The value, what is in it, what is in that, and so on, down to one more than is allowed."""
    levels: list[Sequence[Any]] = [[value]]
    while len(levels) <= DEEPEST:
        inner = [
            one
            for outer in levels[-1]
            for one in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
        if not inner:
            break
        levels.append(inner)
    return levels


async def _body(receive: Receive) -> bytes:
    """All that is posted."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Refused(400, "What was posted ended too soon.")
        body += message.get("body", b"")
        if len(body) > MOST_POSTED:
            raise _Refused(413, f"What is posted may be {MOST_POSTED / 1e6:g} MB.")
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, scope: Scope, receive: Receive) -> Receive:
    """`receive` as if `body` had been posted."""
    headers = MutableHeaders(scope=scope)
    headers["content-length"] = str(len(body))
    headers["content-type"] = "application/json"
    del headers["transfer-encoding"]
    told = False

    async def receive_again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
