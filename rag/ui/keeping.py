"""What the page's library does: its handlers."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from rag.answering import Answerer
from rag.errors import RagError
from rag.generations import rollback, status
from rag.library import Library
from rag.settings import Settings
from rag.store import LISTED, ListedArticle, Listing
from rag.ui.html import count_of
from rag.ui.jobs import Job, Jobs
from rag.ui.reader import reader
from rag.ui.shelf import facts, job_html, table

MOST_CHOICES = 500
"""Articles that are offered to limit a question to; more are chosen in the table."""
MOST_CHOSEN = 1000


class Keeper:
    """The library's handlers. What changes files starts a build; one runs at a time, for all who look at the page."""

    def __init__(self, settings: Settings, answerer: Callable[[], Answerer]) -> None:
        self._settings = settings
        self._answerer = answerer
        self._library = Library(settings)
        self._jobs = Jobs(self._library.build)

    def watch(self) -> Iterator[str]:
        """How the build stands, until it has ended."""
        shown = None
        for job in self._jobs.watch():
            if (now := job_html(job)) != shown:
                shown = now
                yield now
        if shown is None:
            yield ""

    def build(self) -> Iterator[str]:
        """Index what has changed."""
        yield from self._start(Job)

    def upload(self, files: Sequence[str] | None) -> Iterator[str]:
        """Add files, and index them."""

        def prepare() -> Job:
            added, refused = self._library.add(files or [])
            done = f"Added {', '.join(added)}." if 0 < len(added) <= 5 else f"Added {count_of(len(added), 'file')}."
            return Job(done, tuple((item.path, item.reason) for item in refused))

        yield from self._start(prepare)

    def remove(self, event: gr.EventData) -> Iterator[str]:
        """Take the chosen articles out of the library, and out of the index."""
        articles = self._chosen(event)

        def prepare() -> Job:
            removed, refused = self._library.remove(articles)
            return Job(_removed(removed), tuple((item.path, item.reason) for item in refused), bool(removed))

        if articles:
            yield from self._start(prepare)
        else:
            yield from self._say(Job("Choose articles first.", running=False))

    def undo(self) -> Iterator[str]:
        """Bring back what was removed last."""
        yield from self._start(lambda: Job(f"Brought back {', '.join(self._library.undo())}."))

    def roll_back(self) -> Iterator[str]:
        """The build before the current one."""
        try:
            name = rollback(self._settings.index)
            job = Job(f"Back to {name}. Rebuild brings the index up to date again.", running=False)
        except RagError as error:
            job = Job(running=False, error=str(error))
        yield from self._say(job)

    def stop(self) -> None:
        """Have the running build give up."""
        self._jobs.stop()

    def put_away(self) -> str:
        """Forget how the last build ended."""
        self._jobs.put_away()
        return job_html(self._jobs.job)

    def facts(self) -> str:
        """What is in the index."""
        try:
            return facts(status(self._settings.index))
        except RagError:
            return ""

    def table(self, listing: Listing) -> str:
        """The stretch of the table that `listing` names."""
        try:
            found, count = self._answerer().retriever.index.store.listing(listing)
        except RagError:
            return table([], 0, Listing())
        return table(found, count, listing)

    def find(self, text: str | None, listing: Listing) -> tuple[str, Listing]:
        """Only the articles that have these words."""
        listing = replace(listing, text=(text or "")[:200], first=0)
        return self.table(listing), listing

    def sort(self, listing: Listing, event: gr.EventData) -> tuple[str, Listing]:
        """By another column, or the other way round."""
        by = str(_data(event).get("by"))
        if by in LISTED:
            listing = replace(listing, by=by, descending=by == listing.by and not listing.descending, first=0)
        return self.table(listing), listing

    def pages(self, listing: Listing, event: gr.EventData) -> tuple[str, Listing]:
        """Another page of the table."""
        first = str(_data(event).get("first"))
        if first.isdecimal() and len(first) < 10:
            listing = replace(listing, first=int(first))
        return self.table(listing), listing

    def show(self, event: gr.EventData) -> tuple[Any, Any]:
        """The article that a click in the table names."""
        try:
            article = self._answerer().retriever.index.store.article(str(_data(event).get("article")))
        except RagError:
            return gr.skip(), gr.skip()
        return reader(article), gr.update(visible=True)

    def choices(self) -> tuple[Any, ...]:
        """What a question can be limited to: articles, authors and tags."""
        try:
            store = self._answerer().retriever.index.store
        except RagError:
            return gr.skip(), gr.skip(), gr.skip()
        articles = _choices(store.listing(Listing(most=MOST_CHOICES))[0])
        found = store.facets()
        return gr.update(choices=articles), gr.update(choices=found["authors"]), gr.update(choices=found["tags"])

    def within(self, event: gr.EventData) -> tuple[Any, ...]:
        """The chosen articles as those that a question is limited to, and the conversation in front."""
        chosen = self._chosen(event)
        if not chosen:
            return gr.skip(), gr.skip(), gr.skip()
        offered = self._answerer().retriever.index.store.listing(Listing(most=MOST_CHOICES))[0]
        names = {article.id for article in offered}
        choices = _choices([*offered, *[article for article in chosen if article.id not in names]])
        value = [article.id for article in chosen]
        return gr.update(choices=choices, value=value), gr.update(selected="ask"), gr.update(open=True)

    def _chosen(self, event: gr.EventData) -> list[ListedArticle]:
        """The articles of the index whose ids a click carried."""
        ids = _data(event).get("ids")
        wanted = {str(id_) for id_ in ids[:MOST_CHOSEN]} if isinstance(ids, list) else set()
        with contextlib.suppress(RagError):
            store = self._answerer().retriever.index.store
            return store.listed(sorted(wanted))
        return []

    def _start(self, prepare: Callable[[], Job]) -> Iterator[str]:
        try:
            self._jobs.start(prepare)
        except RagError as error:
            yield from self._say(Job(running=False, error=str(error)))
            return
        yield from self.watch()

    def _say(self, job: Job) -> Iterator[str]:
        self._jobs.say(job)
        yield from self.watch()


def _choices(articles: Sequence[ListedArticle]) -> list[tuple[str, str]]:
    """Titles, and ids; both are shown where titles are alike."""
    alike = Counter(article.title for article in articles)
    return [(f"{a.title} ({a.id})" if alike[a.title] > 1 else a.title, a.id) for a in articles]


def _removed(titles: Sequence[str]) -> str:
    named = f"“{titles[0]}”" if len(titles) == 1 else count_of(len(titles), "article")
    return f"Removed {named}." if titles else "Nothing was removed."


def _data(event: gr.EventData) -> dict[str, Any]:
    return event._data if isinstance(event._data, dict) else {}
