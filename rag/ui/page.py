"""The page: a conversation, and the cited article beside it.

A conversation lives in the session of its browser tab. The two functions that programs may call are `search` and `ask`;
every other handler works on its own session's conversation alone.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# Before Gradio is imported: nothing is reported or looked for on another host.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

from rag import terminal
from rag.answering import Answer, Answerer
from rag.errors import RagError
from rag.feedback import record
from rag.generations import status
from rag.settings import Settings
from rag.starters import starter_questions
from rag.ui.render import Turn, other_places, reader, transcript, welcome_text

FOLDER = Path(__file__).parent
LONGEST_QUESTION = 2_000
"""In characters; the rest is cut off."""
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "monospace")
STARTERS = 4
"""Questions to start with."""
SENTENCE_PAUSE = 0.06
"""Seconds between the sentences of an answer, so that the eye can follow."""

HEAD = (
    '<div class="head"><h1>Ask the articles</h1>'
    "<p>Every sentence of an answer points to the paragraph it came from.</p></div>"
)


class _Asker:
    """What the page's events do. The answerer is opened when first needed, and again until there is an index."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._answerer: Answerer | None = None
        self._starters: tuple[str, list[str]] = ("", [])

    def open(self) -> Answerer:
        with self._lock:
            if self._answerer is None:
                self._answerer = Answerer.open(self._settings.index, self._settings)
            return self._answerer

    def welcome(self) -> str:
        """What an empty conversation says: what there is to ask, or what to do first."""
        try:
            count = status(self._settings.index).articles
        except RagError as error:
            return welcome_text(str(error))
        return welcome_text(
            f"{count:,} article{'s' if count != 1 else ''} to ask. Answers are made of their own sentences."
        )

    def starters(self) -> list[Any]:
        """The buttons of the questions to start with.

        The questions are found once for each generation of the index, since that takes asking them.
        """
        questions: list[str] = []
        try:
            answerer = self.open()
            generation = answerer.retriever.index.manifest.generation
            if self._starters[0] != generation:
                # No lock: nobody's question should wait for these, and finding them twice does no harm.
                self._starters = (generation, starter_questions(answerer, STARTERS))
            questions = self._starters[1]
        except RagError:
            # The welcome says what is wrong.
            pass
        shown = [gr.update(value=question, visible=True) for question in questions]
        return [*shown, *[gr.update(visible=False)] * (STARTERS - len(shown))]

    def answer(self, question: str, turns: list[Turn]) -> Iterator[tuple[Any, ...]]:
        """The conversation with one more question, its answer sentence by sentence."""
        question = question[:LONGEST_QUESTION].strip()
        if not question:
            yield transcript(turns), turns, ""
            return
        yield transcript([*turns, Turn(question)]), turns, ""
        try:
            given = self.open().ask(question, history=[turn.answer for turn in turns])
        except RagError as error:
            yield transcript(turns, str(error)), turns, question
            return
        turns = [*turns, Turn(question, given)]
        for count in range(1, len(given.sentences)):
            yield transcript(turns, shown=count), turns, ""
            time.sleep(SENTENCE_PAUSE)
        yield transcript(turns), turns, ""

    def show(self, turns: list[Turn], event: gr.EventData) -> tuple[Any, Any]:
        """The article that a click names, beside the conversation."""
        opened = _opened(turns, event._data)
        return (gr.skip(), gr.skip()) if opened is None else (opened, gr.update(visible=True))

    def judge(self, turns: list[Turn], event: gr.EventData) -> tuple[Any, Any]:
        """The conversation with what was thought of one of its answers."""
        try:
            turns = _judged(turns, event._data, self._settings.index)
        except RagError as error:
            return transcript(turns, str(error)), turns
        return transcript(turns), turns

    # What programs call gets and gives text: Gradio's client takes a dictionary with a "path" for a file to fetch.
    def search(self, query: str, k: int = 5) -> str:
        """The passages that fit a query best: a JSON document, as `rag search --json` prints it."""
        return json.dumps([hit.to_dict() for hit in _say(lambda: self.open().retriever.search(query, k))])

    def ask(self, question: str, history: list[list[str]] | None = None) -> str:
        """The answer to a question: a JSON document, as `rag ask --json` prints it; history: (question, answer)."""
        answered: Answer = _say(lambda: self.open().ask(question, history=history or []))
        return json.dumps(answered.to_dict())


def build_page(settings: Settings) -> gr.Blocks:
    """The page over the index that `settings` name; it opens the index when it is first asked something."""
    asker = _Asker(settings)
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    page: gr.Blocks
    with gr.Blocks(title="Ask the articles", analytics_enabled=False, fill_width=True) as page:
        turns = gr.State([])
        gr.HTML(HEAD)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                welcome = gr.HTML("", elem_id="welcome")
                log = gr.HTML(transcript([]), js_on_load=script, elem_id="log")
                with gr.Column(elem_id="composer"):
                    box = gr.Textbox(
                        placeholder="Ask a question about the articles",
                        label="Question",
                        show_label=False,
                        submit_btn=True,
                        autofocus=True,
                        max_length=LONGEST_QUESTION,
                        elem_id="question",
                    )
                    with gr.Row(elem_id="starters"):
                        examples = [
                            gr.Button(visible=False, size="sm", elem_classes="starter") for _ in range(STARTERS)
                        ]
                    new = gr.Button("New conversation", size="sm", variant="secondary", elem_id="new")
            with gr.Column(scale=2, min_width=320, visible=False, elem_id="reader-column") as beside:
                article = gr.HTML("", js_on_load=script, elem_id="reader")

        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asking: dict[str, Any] = {**private, "concurrency_limit": 4}
        gr.on([box.submit], asker.answer, [box, turns], [log, turns, box], **asking)
        for example in examples:
            example.click(asker.answer, [example, turns], [log, turns, box], **asking)
        for places in (log, article):
            places.show(asker.show, [turns], [article, beside], **private)
        log.judge(asker.judge, [turns], [log, turns], **private)
        article.shut(lambda: gr.update(visible=False), None, [beside], **private)
        new.click(
            lambda: (transcript([]), [], "", gr.update(visible=False)), None, [log, turns, box, beside], **private
        )
        page.load(asker.starters, None, examples, **private)
        page.load(asker.welcome, None, welcome, **private)
        api: Any = gr.api  # type: ignore[attr-defined]
        api(asker.search, api_name="search", api_description="Passages that fit a query best.")
        api(asker.ask, api_name="ask", api_description="An answer with citations, or a refusal.")
    return page


def _opened(turns: list[Turn], asked: Any) -> str | None:
    """The article that a button names, as HTML; None when it names none of this conversation."""
    try:
        numbers = {key: int(value) for key, value in dict(asked).items()}
        answer = turns[numbers["turn"]].answer
        if answer is None:
            return None
        if "hit" in numbers:
            hit = answer.hits[numbers["hit"]]
            return reader(hit.article, hit.start, hit.end)
        citations = answer.sentences[numbers["sentence"]].citations
        chosen = citations[numbers["citation"]]
    except (KeyError, IndexError, ValueError, TypeError):
        return None
    others = other_places(numbers["turn"], numbers["sentence"], numbers["citation"], citations)
    return reader(chosen.article, chosen.start, chosen.end, others)


def _judged(turns: list[Turn], asked: Any, index: str) -> list[Turn]:
    """The conversation with what was thought of one of its answers, which is noted; as it was when it names none."""
    try:
        number, judged = int(dict(asked)["turn"]), str(dict(asked)["judged"])
        turn, earlier = turns[number], turns[:number]
        right = turn.answer.hits[int(judged)] if judged.isdecimal() and turn.answer else None
    except (KeyError, IndexError, ValueError, TypeError):
        return turns
    if turn.answer is None or not (right or judged in ("up", "down", "unsaid")):
        return turns
    # The same thumb again takes the judgement back.
    back = judged == turn.judged or (judged == "down" and turn.judged not in ("", "up"))
    history = [(t.question, t.answer.text) for t in earlier if t.answer]
    good = None if back else judged == "up"
    record(index, turn.answer, good, history, right, not_said=judged == "unsaid" and not back)
    return [*earlier, replace(turn, judged="" if back else judged), *turns[number + 1 :]]


def _say(call: Any) -> Any:
    """The call's result; what the user can mend is shown as a message instead of a fault of the page."""
    try:
        return call()
    except RagError as error:
        raise gr.Error(str(error), print_exception=False) from error


def serve(settings: Settings) -> None:
    """Serve the page until it is stopped.

    Raises:
        RagError: the port is taken.
    """
    page = build_page(settings)
    try:
        _, address, _ = page.launch(**launch_options(settings), quiet=True, prevent_thread_lock=True)
    except OSError as error:
        raise RagError(
            f"Port {settings.port} on {settings.host} can't be used ({error}); set RAG_PORT to another."
        ) from error
    terminal.say(f"The page is at {address} (Ctrl-C stops it).")
    page.block_thread()


def launch_options(settings: Settings) -> dict[str, Any]:
    """How the page is launched: on this machine only, nothing fetched from elsewhere."""
    return {
        "server_name": settings.host,
        "server_port": settings.port or None,
        "theme": gr.themes.Soft(primary_hue="indigo", neutral_hue="stone", font=FONTS, font_mono=MONO),
        "css_paths": FOLDER / "style.css",
        "share": False,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
    }
