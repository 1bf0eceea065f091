"""The page: a conversation and the library, and the cited article beside them.

This module lays it out and says which handler answers which event.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from rag.retrieval import LONGEST_QUESTION
from rag.settings import Settings
from rag.store import Listing
from rag.ui.asking import STARTERS, Asker, limited_to, ready
from rag.ui.conversation import Conversation
from rag.ui.keeping import Keeper
from rag.ui.programs import NAMES, Programs
from rag.ui.transcript import transcript

FOLDER = Path(__file__).parent
HEAD = '<h1>Ask the articles</h1><p id="said" class="unseen" role="status"></p>'
"""With what is read out to those who hear the page."""
UPLOADS_KEPT = 3600
"""Seconds for which what was uploaded stays in Gradio's own folder, whence it has been copied."""

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Without Gradio's own look at values: it takes a choice that is gone since for a fault.
PLAIN: dict[str, Any] = {**PRIVATE, "preprocess": False}
# "multiple", since Gradio would take no other question after one that was stopped before its answer began.
ASKING: dict[str, Any] = {**PLAIN, "concurrency_limit": 4, "concurrency_id": "asking", "trigger_mode": "multiple"}
BUILDING: dict[str, Any] = {**PRIVATE, "concurrency_limit": 16, "concurrency_id": "building"}
"""Most of these only watch."""


class Page:
    """The parts of the page, by what they are for. It opens the index that `settings` name when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        self.asker = Asker(settings)
        self.keeper = Keeper(settings, self.asker.open)
        self._script = (FOLDER / "page.js").read_text(encoding="utf-8")
        with gr.Blocks(
            title="Ask the articles",
            analytics_enabled=False,
            fill_width=True,
            delete_cache=(UPLOADS_KEPT, UPLOADS_KEPT),
        ) as self.blocks:
            self.conversation = gr.State(Conversation())
            self.listing = gr.State(Listing())
            with gr.Row(elem_id="columns"):
                with gr.Column():
                    self.job = self._html("job")
                    with gr.Column(elem_id="panel"):
                        gr.HTML(HEAD, elem_id="head", apply_default_css=False)
                        with gr.Tabs(selected="ask", elem_id="tabs") as self.tabs:
                            with gr.Tab("Ask", id="ask"):
                                self._ask_tab()
                            with gr.Tab("Library", id="library") as self.library_tab:
                                self._library_tab()
                with gr.Column(visible=False, elem_id="reader-column") as self.beside:
                    self.article = self._html("reader")
            self._conversation_events()
            self._reader_events()
            self._library_events()
            self._load_events()
            api: Any = gr.api  # type: ignore[attr-defined]
            programs = Programs(self.asker.open)
            for name in NAMES:
                api(getattr(programs, name), api_name=name)

    def _html(self, name: str, value: str = "") -> Any:
        """A part whose buttons tell the page what was pressed."""
        return gr.HTML(value, js_on_load=self._script, elem_id=name, apply_default_css=False)

    def _ask_tab(self) -> None:
        self.welcome = self._html("welcome")
        self.log = self._html("log", transcript(Conversation()))
        with gr.Column(elem_id="composer"):
            self.box = gr.Textbox(
                placeholder="Ask a question about the articles",
                label="Question",
                show_label=False,
                submit_btn=True,
                autofocus=True,
                max_lines=8,
                max_length=LONGEST_QUESTION,
                elem_id="question",
            )
            with gr.Row(elem_id="starters"):
                self.starters = [gr.Button(visible=False, size="sm", elem_classes="starter") for _ in range(STARTERS)]
            with gr.Row(elem_id="around"):
                with gr.Accordion(limited_to(), open=False, elem_id="limits") as self.limits:
                    self.only: list[Any] = [
                        gr.Dropdown([], multiselect=True, label="Articles"),
                        gr.Dropdown([], multiselect=True, label="Authors"),
                        gr.Dropdown([], multiselect=True, label="Tags"),
                        gr.Textbox(label="From", placeholder="YYYY-MM-DD", max_length=10, min_width=120),
                        gr.Textbox(label="To", placeholder="YYYY-MM-DD", max_length=10, min_width=120),
                    ]
                self.export = gr.Button("Export", size="sm", elem_id="export")
                self.new = gr.Button("New chat", size="sm", elem_id="new")
        self.earlier = self._html("earlier")
        self.exported = gr.Textbox(visible=False)

    def _library_tab(self) -> None:
        self.facts = gr.HTML("", elem_id="facts", apply_default_css=False)
        with gr.Row(elem_id="adding"):
            self.files = gr.File(
                label="Add files: text, web pages, PDF, Word, books, tables, feeds",
                file_count="multiple",
                elem_id="files",
            )
            with gr.Column(elem_id="building"):
                self.rebuild = gr.Button("Rebuild", size="sm")
                self.back = gr.Button("Go back a build", size="sm")
        self.words = gr.Textbox(placeholder="Find articles", label="Find", show_label=False, elem_id="find")
        self.table = self._html("table")

    def _conversation_events(self) -> None:
        asker, conversation, log, box = self.asker, self.conversation, self.log, self.box
        shown = [log, conversation, box]
        running: list[Any] = [
            box.submit(asker.answer, [box, conversation, *self.only], shown, **ASKING),
            self.earlier.reopen(asker.reopen, None, shown, **ASKING),
            # The question in the page's address.
            self.blocks.load(_asked_for, None, [box], **PRIVATE).then(
                asker.answer, [box, conversation, *self.only], shown, **ASKING
            ),
        ]
        for starter in self.starters:
            running.append(starter.click(asker.answer, [starter, conversation, *self.only], shown, **ASKING))
        box.stop(asker.stop, [conversation], shown, cancels=running, **PRIVATE)
        # One event for all of them, of which the last counts: two changes at once would otherwise overtake each other.
        changes = [part.change for part in self.only]
        said: Any = {**PLAIN, "trigger_mode": "always_last"}
        gr.on(changes, lambda *only: gr.update(label=limited_to(*only)), self.only, [self.limits], **said)
        log.edit(asker.edit, [conversation], shown, **PRIVATE)
        log.keep(asker.keep, [conversation], shown, **PRIVATE)
        log.judge(asker.judge, [conversation], [log, conversation], **PRIVATE)
        self.new.click(_new, None, [*shown, self.beside], cancels=running, **PRIVATE)
        self.export.click(lambda talk: talk.markdown(), [conversation], [self.exported], **PRIVATE).then(
            None, [self.exported], None, js="(text) => window.rag.save(text)", **PRIVATE
        )

    def _reader_events(self) -> None:
        opened = [self.article, self.beside]
        for part in (self.log, self.article):
            part.show(self.asker.show, [self.conversation], opened, **PRIVATE)
        self.table.show(self.keeper.show, None, opened, **PRIVATE)
        self.article.shut(lambda: gr.update(visible=False), None, [self.beside], **PRIVATE)

    def _library_events(self) -> None:
        keeper, table, listing = self.keeper, self.table, self.listing
        changing = [
            self.rebuild.click(keeper.build, None, [self.job], **BUILDING),
            self.welcome.build(keeper.build, None, [self.job], **BUILDING),
            self.files.upload(keeper.upload, [self.files], [self.job], **BUILDING),
            table.remove(keeper.remove, None, [self.job], **BUILDING),
            self.job.undo(keeper.undo, None, [self.job], **BUILDING),
            self.back.click(keeper.roll_back, None, [self.job], **BUILDING),
        ]
        self.files.upload(lambda: None, None, [self.files], **PRIVATE)
        for change in changing:
            self._renew(change.then)
        self.job.stop(keeper.stop, None, None, **PRIVATE)
        self.job.away(keeper.put_away, None, [self.job], **PRIVATE)
        self.words.change(keeper.find, [self.words, listing], [table, listing], **PRIVATE)
        table.sort(keeper.sort, [listing], [table, listing], **PRIVATE)
        table.pages(keeper.pages, [listing], [table, listing], **PRIVATE)
        table.within(keeper.within, None, [self.only[0], self.tabs, self.limits], **PRIVATE)
        self.welcome.library(lambda: gr.update(selected="library"), None, [self.tabs], **PRIVATE)
        self.library_tab.select(keeper.facts, None, [self.facts], **PRIVATE)
        self.library_tab.select(keeper.table, [listing], [table], **PRIVATE)

    def _load_events(self) -> None:
        load: Any = self.blocks.load
        self._renew(load)
        load(self.keeper.watch, None, [self.job], **BUILDING)

    def _renew(self, on: Any) -> None:
        """Have all that depends on the index made anew."""
        # Every tab is told at once that the model is loading.
        on(self.asker.welcome, None, [self.welcome], concurrency_limit=16, **PRIVATE)
        on(self.keeper.choices, None, self.only[:3], **PRIVATE)
        on(self.keeper.facts, None, [self.facts], **PRIVATE)
        on(self.keeper.table, [self.listing], [self.table], **PRIVATE)
        on(self.asker.starters, None, self.starters, **PRIVATE)


def _new() -> Sequence[Any]:
    """An empty conversation."""
    conversation = Conversation()
    return transcript(conversation), conversation, ready(""), gr.update(visible=False)


def _asked_for(request: gr.Request) -> str:
    """The question that the page's address asks: `?q=…`."""
    return str(request.query_params.get("q") or "")[:LONGEST_QUESTION]
