"""Serving the page: on this machine, or with a password on others.

Nothing is fetched from another host, and the browser is told to allow none (Content-Security-Policy). Gradio needs
inline scripts and `eval`, so the policy can't forbid these; it forbids every other origin, frames and plugins.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Before Gradio is imported: nothing is reported or looked for on another host.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Gradio would sum up its last 10,000 events after each of them.
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"

import gradio as gr
from gradio.tunneling import CURRENT_TUNNELS
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rag import terminal
from rag.errors import RagError
from rag.settings import Settings
from rag.ui.guard import WAITING, Guard
from rag.ui.page import FOLDER, Page

QUEUED = 4 * WAITING
"""Events that may wait, of all kinds."""
SESSIONS = 256
"""Of open and of left pages: the server forgets the oldest beyond these, up to a fifth of a megabyte each."""
FONTS = (gr.themes.LocalFont("IBM Plex Sans", (400, 700)), "system-ui", "sans-serif")
"""Of the fonts that Gradio brings along, one whose files have all of the Latin letters."""
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "monospace")


def serve(settings: Settings, mcp: bool = False, share: bool = False, unprotected: bool = False) -> None:
    """Serve the page until something is raised in this thread, as Ctrl-C does; then the port is free again.

    Args:
        settings: the index, and where to serve.
        mcp: serve `search` and `ask` as MCP tools too.
        share: make the page reachable from the internet, through Gradio's servers.
        unprotected: serve other machines without a password.

    Raises:
        RagError: the port is taken, or the page would be open to others without a password.
    """
    page = launch(settings, mcp, share, unprotected)
    terminal.say(f"The page is at {page.blocks.local_url} (Ctrl-C stops it).")
    if page.blocks.share_url:
        terminal.say(f"Everyone who knows this address can reach it too: {page.blocks.share_url}")
    if mcp:
        terminal.say(f"MCP tools are at {page.blocks.local_url}gradio_api/mcp/")
    try:
        threading.Event().wait()
    finally:
        for tunnel in CURRENT_TUNNELS:
            tunnel.kill()  # type: ignore[no-untyped-call]
        page.blocks.close(verbose=False)


def launch(settings: Settings, mcp: bool = False, share: bool = False, unprotected: bool = False) -> Page:
    """The page, served from threads of its own; takes and raises what `serve` does."""
    options = launch_options(settings, mcp, share, unprotected)
    page = Page(settings)
    # Without `api_open`, nothing passes by the queue.
    page.blocks.queue(max_size=QUEUED, api_open=False)
    guard = Middleware(Guard, blocks=page.blocks, own_only=not share)
    options["app_kwargs"]["middleware"].insert(0, guard)
    try:
        page.blocks.launch(**options, quiet=True, prevent_thread_lock=True)
    except OSError as error:
        raise RagError(
            f"Port {settings.port} on {settings.host} can't be used ({error}); set RAG_PORT to another."
        ) from error
    threading.Thread(target=page.asker.warm_up, name="warm up", daemon=True).start()
    return page


def launch_options(
    settings: Settings, mcp: bool = False, share: bool = False, unprotected: bool = False
) -> dict[str, Any]:
    """How Gradio launches the page.

    Raises:
        RagError: the page would be open to others without a password, or what is asked does not go together.
    """
    word = password(settings)
    own = _is_own(settings.host)
    if not word and not unprotected and (share or not own):
        raise RagError(
            "Whoever reaches the page can read, add and remove articles: set RAG_PASSWORD, or password_file, before "
            f"serving {'the internet' if share else settings.host} (or say --unprotected)."
        )
    if mcp and (word or share or not own):
        raise RagError("--mcp has no password, so it is served to this machine alone: leave host and password as are.")
    if mcp and find_spec("mcp") is None:
        raise RagError("--mcp needs another package; run: pip install -e '.[mcp]'")
    # The names other pages could make a browser call this machine by are refused.
    hosts = ["localhost", "127.0.0.1", "[::1]", settings.host] if own and not share else ["*"]
    return {
        "server_name": settings.host,
        "server_port": settings.port or None,
        "auth": (lambda _, given: hmac.compare_digest(given.encode(), word.encode())) if word else None,
        "auth_message": "Type any name; the password is the one that the page was started with.",
        "theme": gr.themes.Soft(primary_hue="indigo", neutral_hue="stone", font=FONTS, font_mono=MONO).set(
            # Gradio's own are too pale to be read easily.
            block_title_text_color="*primary_700",
            button_primary_background_fill="*primary_600",
            button_primary_background_fill_hover="*primary_700",
            body_text_color_subdued="*neutral_600",
            input_placeholder_color="*neutral_500",
            input_placeholder_color_dark="*neutral_400",
        ),
        "css_paths": FOLDER / "style.css",
        "app_kwargs": {"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=hosts)]},
        "max_file_size": int(settings.max_file_mb * 1e6),
        "state_session_capacity": SESSIONS,
        "share": share,
        "mcp_server": mcp,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "blocked_paths": [str(Path(settings.index).absolute())],
    }


def password(settings: Settings) -> str:
    """What the page asks for: RAG_PASSWORD, or what stands in `password_file`; "" for nothing.

    Raises:
        RagError: the file can't be read, or it is empty.
    """
    word = os.environ.get("RAG_PASSWORD", "")
    if word or not settings.password_file:
        return word
    try:
        word = Path(settings.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RagError(f"The password in '{settings.password_file}' can't be read ({error}); mend the file.") from error
    if not word:
        raise RagError(f"There is no password in '{settings.password_file}'; write one into it.")
    return word


def _is_own(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
