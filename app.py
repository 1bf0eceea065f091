"""Serve the page: `python app.py`. Settings come from rag.toml and the environment (RAG_PORT, RAG_INDEX, …)."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any

import typer

from rag import terminal
from rag.errors import RagError
from rag.settings import Settings

STOPPED, TERMINATED = 130, 143
"""Exit codes after Ctrl-C and after TERM, as shells have them."""
PATIENCE = 5.0
"""Seconds that closing the page may take, beside a model that is loading in another thread."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    mcp: Annotated[bool, typer.Option("--mcp", help="Serve search and ask as MCP tools too.")] = False,
    share: Annotated[
        bool, typer.Option("--share", help="Reachable from the internet, through Gradio's servers.")
    ] = False,
    unprotected: Annotated[bool, typer.Option("--unprotected", help="Serve others without a password.")] = False,
) -> None:
    """Serve the page until it is stopped with Ctrl-C (exit code 130) or TERM (143)."""
    from rag.ui import serve

    serve(Settings.load(), mcp, share, unprotected)


def stop(code: int) -> Callable[[int, Any], None]:
    """A handler of signals that ends the process with `code`: in order, or after `PATIENCE` in any case."""

    def handler(*_: Any) -> None:
        last = threading.Timer(PATIENCE, os._exit, (code,))
        last.daemon = True
        last.start()
        sys.exit(code)

    return handler


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop(TERMINATED))
    # A job in the background of a shell ignores Ctrl-C, and goes on doing so.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop(STOPPED))
    try:
        app()
    except SystemExit as ended:
        if ended.code not in (STOPPED, TERMINATED):
            raise
        # The model may be loading, in a thread that is in the midst of torch: the interpreter's orderly end would break
        # that off, and torch abort the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code)
    except RagError as error:
        terminal.error(str(error))
        sys.exit(2)
