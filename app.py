"""Serve the page: `python app.py`. Settings come from rag.toml and the environment (RAG_PORT, RAG_INDEX, …)."""

import sys

from rag import terminal
from rag.errors import RagError
from rag.settings import Settings

if __name__ == "__main__":
    try:
        from rag.ui import serve

        serve(Settings.load())
    except RagError as error:
        terminal.error(str(error))
        sys.exit(2)
