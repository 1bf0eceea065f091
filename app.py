"""Serve the page: `python app.py`. Settings come from rag.toml and the environment (RAG_PORT, RAG_INDEX, …)."""

import sys
from typing import Annotated

import typer

from rag import terminal
from rag.errors import RagError
from rag.settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    mcp: Annotated[bool, typer.Option("--mcp", help="Serve search and ask as MCP tools too.")] = False,
    share: Annotated[
        bool, typer.Option("--share", help="Reachable from the internet, through Gradio's servers.")
    ] = False,
    unprotected: Annotated[bool, typer.Option("--unprotected", help="Serve others without a password.")] = False,
) -> None:
    """Serve the page until it is stopped with Ctrl-C."""
    from rag.ui import serve

    serve(Settings.load(), mcp, share, unprotected)


if __name__ == "__main__":
    try:
        app()
    except RagError as error:
        terminal.error(str(error))
        sys.exit(2)
