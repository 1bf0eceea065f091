"""What the page's conversation does: its handlers, none of which knows of Gradio's components.

A conversation lives in the session of its browser tab; every handler works on its own session's alone.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from rag.answering import Answerer
from rag.errors import IndexNotFound, RagError
from rag.feedback import record
from rag.filters import Filters
from rag.generations import status
from rag.library import Library
from rag.retrieval import LONGEST_QUESTION
from rag.settings import Settings
from rag.starters import starter_questions
from rag.ui.conversation import Conversation, Place
from rag.ui.html import button, count_of, escaped
from rag.ui.reader import read_place
from rag.ui.transcript import transcript

MOST_TURNS = 50
"""Of an earlier conversation that is opened again."""
STARTERS = 4
"""Questions to start with."""
SENTENCE_PAUSE = 0.06
"""Seconds between the sentences of an answer, so that the eye can follow."""


class Asker:
    """The conversations' handlers. The answerer is opened when first needed, and again until there is an index."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._answerer: Answerer | None = None
        self._starters: tuple[str, list[str]] = ("", [])

    def open(self) -> Answerer:
        """The answerer over the index.

        Raises:
            RagError: there is no index that can be used.
        """
        with self._lock:
            if self._answerer is None:
                self._answerer = Answerer.open(self._settings.index, self._settings)
            return self._answerer

    def warm_up(self) -> None:
        """Load what the first question would wait for."""
        # The page says what is wrong with the index.
        with contextlib.suppress(RagError):
            self.open().ask("What is this about?")

    def welcome(self) -> Iterator[str]:
        """What an empty conversation says: what there is to ask, or what to do first."""
        if self._answerer is None:
            yield _welcome("Loading the model …", "A moment; it is done once.")
        try:
            self.open()
            count = status(self._settings.index).articles
        except IndexNotFound:
            yield self._first_steps()
        except RagError as error:
            again = button("Build it anew", "action first", {"event": "build"})
            yield _welcome("The index can’t be used", escaped(str(error)), again)
        else:
            yield _welcome(
                "What would you like to know?",
                f"Answers are made of sentences from {count_of(count, 'article')}, each with a mark that opens the "
                "paragraph it stands in.",
            )

    def _first_steps(self) -> str:
        """What to do where nothing is indexed."""
        folder = Library(self._settings).folder()
        files = folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))
        start = button(f"Index the articles in “{escaped(str(folder))}”", "action first", {"event": "build"})
        add = button("Add files", "action" if files else "action first", {"event": "library"})
        return _welcome(
            "Nothing is indexed yet",
            f"Questions are answered from articles. {'Start with those that are there, or add' if files else 'Add'} "
            "files of your own.",
            f"{start}{add}" if files else add,
        )

    def starters(self) -> list[Any]:
        """The buttons of the questions to start with.

        The questions are found once for each generation of the index, since that takes asking them.
        """
        questions: list[str] = []
        # The welcome says what is wrong.
        with contextlib.suppress(RagError):
            answerer = self.open()
            generation = answerer.retriever.index.manifest.generation
            if self._starters[0] != generation:
                # No lock: nobody's question should wait for these, and finding them twice does no harm.
                self._starters = (generation, starter_questions(answerer, STARTERS))
            questions = self._starters[1]
        shown = [gr.update(value=question, visible=True) for question in questions]
        return [*shown, *[gr.update(visible=False)] * (STARTERS - len(shown))]

    def answer(
        self,
        question: str | None,
        conversation: Conversation,
        articles: list[str] | None = None,
        authors: list[str] | None = None,
        tags: list[str] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """The conversation with one more question: where its answer was found, then sentence after sentence."""
        question = (question or "")[:LONGEST_QUESTION].strip()
        if not question:
            yield transcript(conversation), conversation, gr.skip()
            return
        before = conversation.kept()
        asked = before.asked(question)
        yield transcript(asked), asked, _asking("")
        # An empty box is None.
        days = [(day or "").strip() for day in (since, until)]
        filters = Filters(tuple(articles or ()), tuple(authors or ()), tuple(tags or ()), *days)
        try:
            answered = self._asked(before, question, filters)
        except RagError as error:
            yield transcript(conversation, str(error)), conversation, ready(question)
            return
        # What is kept is what is seen, so that an answer that is stopped stays as it was seen.
        for count in range(len(answered.turns[-1].sentences)):
            yield transcript(answered, shown=count), answered.cut(count) if count else asked, gr.skip()
            time.sleep(SENTENCE_PAUSE)
        yield transcript(answered), answered, ready("")

    def _asked(self, conversation: Conversation, question: str, filters: Filters | None = None) -> Conversation:
        """With one more question and its answer."""
        answer = self.open().ask(question, [turn.answer for turn in conversation.turns], filters)
        return conversation.asked(question, answer, filters not in (None, Filters()))

    def stop(self, conversation: Conversation) -> tuple[Any, ...]:
        """The conversation as far as it was seen; a question with nothing of an answer goes back into the box."""
        seen = conversation.kept()
        question = "" if len(seen.turns) == len(conversation.turns) else conversation.turns[-1].question
        return transcript(seen), seen, ready(question)

    def reopen(self, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """A conversation that the browser kept: its questions, asked again of the articles as they are now."""
        asked = event._data if isinstance(event._data, dict) else {}
        questions = asked.get("questions")
        questions = [q for q in questions if isinstance(q, str)] if isinstance(questions, list) else []
        name = asked.get("id")
        conversation = Conversation(id=name) if isinstance(name, str) and 0 < len(name) <= 32 else Conversation()
        for question in questions[:MOST_TURNS]:
            try:
                conversation = self._asked(conversation, question[:LONGEST_QUESTION])
            except RagError as error:
                yield transcript(conversation, str(error)), conversation, ready("")
                return
            yield transcript(conversation), conversation, ready("")
        yield transcript(conversation), conversation, ready("")

    def edit(self, conversation: Conversation, event: gr.EventData) -> tuple[Any, ...]:
        """A question, or what was searched for, to be changed and asked again."""
        data = event._data if isinstance(event._data, dict) else {}
        number = str(data.get("turn", ""))
        if not number.isdecimal() or int(number) >= len(conversation.turns):
            return gr.skip(), gr.skip(), gr.skip()
        turn = conversation.turns[int(number)]
        text = turn.answer.searched if turn.answer and data.get("searched") else turn.question
        conversation = Conversation(conversation.turns, int(number), conversation.id)
        return transcript(conversation), conversation, text

    def keep(self, conversation: Conversation) -> tuple[Any, ...]:
        """The conversation as it was before editing."""
        conversation = Conversation(conversation.turns, None, conversation.id)
        return transcript(conversation), conversation, ""

    def show(self, conversation: Conversation, event: gr.EventData) -> tuple[Any, Any]:
        """The article that a click names, beside the conversation."""
        place = Place.of(event._data)
        opened = read_place(conversation, place) if place else None
        return (gr.skip(), gr.skip()) if opened is None else (opened, gr.update(visible=True))

    def judge(self, conversation: Conversation, event: gr.EventData) -> tuple[Any, Any]:
        """The conversation with what was thought of one of its answers, which is noted."""
        try:
            conversation = _judged(conversation, event._data, self._settings.index)
        except RagError as error:
            return transcript(conversation, str(error)), conversation
        return transcript(conversation), conversation


def _welcome(heading: str, text: str, buttons: str = "") -> str:
    """What an empty conversation says; all but the heading is HTML."""
    shown = f'<p class="buttons">{buttons}</p>' if buttons else ""
    return f'<div class="welcome" role="status"><h2>{heading}</h2><p class="lead">{text}</p>{shown}</div>'


def _asking(text: str) -> Any:
    """The question box while an answer is on its way."""
    return gr.update(value=text, submit_btn=False, stop_btn=True)


def ready(text: str) -> Any:
    """The question box when a question can be asked."""
    return gr.update(value=text, submit_btn=True, stop_btn=False)


def limited_to(
    articles: list[str] | None = None,
    authors: list[str] | None = None,
    tags: list[str] | None = None,
    since: str | None = None,
    until: str | None = None,
) -> str:
    """What a question is limited to, in words."""
    chosen = (("article", articles), ("author", authors), ("tag", tags))
    parts = [count_of(len(names), noun) for noun, names in chosen if names]
    first, last = (since or "").strip(), (until or "").strip()
    if first or last:
        parts.append(f"{first} to {last}" if first and last else f"{first} and later" if first else f"up to {last}")
    return f"Limited to {', '.join(parts)}" if parts else "Limit to …"


def _judged(conversation: Conversation, data: Any, index: str) -> Conversation:
    """The conversation with a judgement of one of its answers; as it was when the data name none."""
    try:
        number, judged = int(dict(data)["turn"]), str(dict(data)["judged"])
        turn, earlier = conversation.turns[number], conversation.turns[:number]
        right = turn.answer.hits[int(judged)] if judged.isdecimal() and turn.answer else None
    except (KeyError, IndexError, ValueError, TypeError):
        return conversation
    if number < 0 or turn.answer is None or not (right or judged in ("up", "down", "unsaid")):
        return conversation
    # The same thumb again takes the judgement back.
    back = judged == turn.judged or (judged == "down" and turn.judged not in ("", "up"))
    history = [(t.question, t.answer.text) for t in earlier if t.answer]
    good = None if back else judged == "up"
    record(index, turn.answer, good, history, right, not_said=judged == "unsaid" and not back)
    return conversation.judged(number, "" if back else judged)
