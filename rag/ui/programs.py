"""What programs may call: search and ask, for Gradio's client and as MCP tools.

Both get and give text: Gradio's client takes a dictionary with a "path" for a file to fetch. Annotations are evaluated
here, since Gradio makes the types of its endpoints of them.
"""

import json
from collections.abc import Callable
from typing import TypeVar

import gradio as gr

from rag.answering import Answerer
from rag.errors import RagError

Said = TypeVar("Said")
NAMES = ("search", "ask")


class Programs:
    """Searching and asking for programs; `open` gives the answerer."""

    def __init__(self, open: Callable[[], Answerer]) -> None:  # noqa: A002
        self._open = open

    def search(self, query: str, k: int = 5) -> str:
        """Search the articles for passages, best first.

        Args:
            query: What to look for.
            k: How many passages, 1 to 100.

        Returns:
            A JSON list, as `rag search --json` prints it.
        """
        if not isinstance(query, str):
            raise gr.Error("query must be a text.", print_exception=False)
        if not isinstance(k, int) or not 1 <= k <= 100:
            raise gr.Error("k must be a whole number from 1 to 100.", print_exception=False)
        hits = _say(lambda: self._open().retriever.search(query, k))
        return json.dumps([hit.to_dict() for hit in hits])

    def ask(self, question: str, history: list[list[str]] | None = None) -> str:
        """Answer a question from the articles, with citations, or say that they don't.

        Args:
            question: What to ask.
            history: What was asked and answered before: pairs of question and answer, oldest first.

        Returns:
            A JSON object, as `rag ask --json` prints it.
        """
        if not isinstance(question, str):
            raise gr.Error("question must be a text.", print_exception=False)
        turns = history or []
        if not isinstance(turns, list) or not all(
            isinstance(turn, list) and len(turn) == 2 and all(isinstance(t, str) for t in turn) for turn in turns
        ):
            raise gr.Error("history must be a list of [question, answer] pairs.", print_exception=False)
        return json.dumps(_say(lambda: self._open().ask(question, history=turns)).to_dict())


def _say(call: Callable[[], Said]) -> Said:
    """The call's result; what the user can mend is shown as a message instead of a fault of the page."""
    try:
        return call()
    except RagError as error:
        raise gr.Error(str(error), print_exception=False) from error
