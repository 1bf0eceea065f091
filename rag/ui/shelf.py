"""The library as HTML: the table of articles, facts of the index, how a build stands."""

from __future__ import annotations

from collections.abc import Sequence

from rag.building import BuildReport, Progress
from rag.generations import Status
from rag.store import ListedArticle, Listing
from rag.ui.html import attributes, button, count_of, escaped
from rag.ui.jobs import Job

COLUMNS = {
    "title": "Title",
    "author": "Author",
    "date": "Date",
    "paragraphs": "Paragraphs",
    "path": "File",
    "added": "Added",
}

MOST_NAMED = 1000
"""Files, or notes, that the summary of a build lists."""


def table(articles: Sequence[ListedArticle], count: int, listing: Listing) -> str:
    """A page of the articles, with what can be done to the chosen ones."""
    if not count:
        return f'<p class="none">{"No article has these words." if listing.text else "There are no articles yet."}</p>'
    heads = "".join(_head(by, name, listing) for by, name in COLUMNS.items())
    rows = "".join(_row(article) for article in articles)
    every = '<input type="checkbox" data-every="1" aria-label="Choose all articles shown">'
    # Shown once some are chosen.
    chosen = "".join(
        button(text, "action", {"event": event, "chosen": 1})
        for text, event in (("Ask within these", "within"), ("Remove", "remove"))
    )
    return (
        f'<table class="articles"><thead><tr><th scope="col">{every}</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        f'<div class="chosen" role="group" aria-label="The chosen articles">{chosen}</div>'
        f"{_pages(len(articles), count, listing)}"
    )


def _head(by: str, name: str, listing: Listing) -> str:
    here = by == listing.by
    sort = {"aria-sort": "descending" if listing.descending else "ascending"} if here else {}
    arrow = (" ▾" if listing.descending else " ▴") if here else ""
    shown = button(f"{name}{arrow}", "sort", {"event": "sort", "by": by})
    return f"<th{attributes({'scope': 'col', **sort})}>{shown}</th>"


def _row(article: ListedArticle) -> str:
    choose = attributes({"value": article.id, "aria-label": f"Choose {article.title}"})
    opens = button(escaped(article.title), "source", {"event": "show", "article": article.id})
    # An id is the path below the folder that was indexed.
    facts = (article.author, article.date, f"{article.paragraphs:,}", article.id, article.added[:10])
    cells = "".join(
        f'<td data-name="{name}">{escaped(fact)}</td>'
        for name, fact in zip(list(COLUMNS.values())[1:], facts, strict=True)
    )
    return f'<tr><td><input type="checkbox"{choose}></td><th scope="row">{opens}</th>{cells}</tr>'


def _pages(here: int, count: int, listing: Listing) -> str:
    shown = f"<span>{listing.first + 1:,}–{listing.first + here:,} of {count_of(count, 'article')}</span>"
    before = after = ""
    if listing.first:
        before = button("Previous", "action", {"event": "pages", "first": max(0, listing.first - listing.most)})
    if listing.first + here < count:
        after = button("Next", "action", {"event": "pages", "first": listing.first + listing.most})
    return f'<p class="pages" role="status">{before}{shown}{after}</p>'


def facts(status: Status) -> str:
    """What is in the index, in a line."""
    earlier = [name for name in status.generations if int(name) < int(status.generation)]
    parts = [
        count_of(status.articles, "article"),
        count_of(status.paragraphs, "paragraph"),
        count_of(status.passages, "passage"),
        f"{status.bytes / 1e6:,.1f} MB",
        f"{status.model.rpartition('/')[2]} ({status.precision})",
        f"build {status.generation} of {status.created[:16].replace('T', ' ')} UTC",
        *([f"before it: {', '.join(earlier)}"] if earlier else []),
    ]
    return f'<p class="facts">{" · ".join(escaped(part) for part in parts)}</p>'


def job_html(job: Job | None) -> str:
    """How a build stands, or how it ended; nothing when there is none."""
    if job is None:
        return ""
    parts = [f"<p>{escaped(job.done)}</p>"] if job.done else []
    parts += [_named("Left out", job.refused)] if job.refused else []
    if job.running:
        parts.append(_progress(job.progress))
        buttons = button("Stop", "action", {"event": "stop"})
    else:
        if job.report:
            parts.append(_report(job.report))
        if job.error:
            parts.append(f'<p role="alert">{escaped(job.error)}</p>')
        undo = button("Undo", "action", {"event": "undo"}, "Bring back what was removed") if job.undoable else ""
        buttons = undo + button("Close", "action", {"event": "away"})
    return f'<div class="job" role="status"><p class="buttons">{buttons}</p>{"".join(parts)}</div>'


def _progress(progress: Progress | None) -> str:
    if progress is None:
        return '<p>Loading the model …</p><progress aria-label="The build"></progress>'
    total = attributes({"value": progress.done, "max": progress.total}) if progress.total else ""
    said = {"reading": "Reading", "embedding": "Embedding", "writing": "Writing"}.get(progress.stage, progress.stage)
    done = f", {progress.done:,} of {progress.total:,} done" if progress.total else ""
    so_far = f"{count_of(progress.articles, 'article')}, {count_of(progress.passages, 'passage')}{done}"
    return f'<p>{said}: {so_far}</p><progress aria-label="The build"{total}></progress>'


def _report(report: BuildReport) -> str:
    if report.changed:
        said = (
            f"Indexed {count_of(report.articles, 'article')} in {report.seconds:.1f} s: "
            f"{count_of(report.passages, 'passage')}, {report.embedded:,} of them new (build {report.generation})."
        )
    else:
        said = f"Nothing has changed; {count_of(report.articles, 'article')} indexed."
    skipped = _named("Skipped", [(item.path, item.reason) for item in report.skipped])
    same = [(one.article, f"its text is that of {one.same_as}") for one in report.duplicates]
    notes = _listed(f"Notes: {len(report.notes):,}", [escaped(note) for note in report.notes])
    return f"<p><b>{said}</b></p>{skipped}{_named('Duplicates', same, 'article')}{notes}"


def _named(what: str, files: Sequence[tuple[str, str]], noun: str = "file") -> str:
    lines = [f"<b>{escaped(name)}</b>: {escaped(reason)}" for name, reason in files]
    return _listed(f"{what}: {count_of(len(files), noun)}", lines)


def _listed(summary: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    shown = [*lines[:MOST_NAMED]]
    if len(lines) > MOST_NAMED:
        shown.append(f"… and {len(lines) - MOST_NAMED:,} more; rag build --json has them all.")
    items = "".join(f"<li>{line}</li>" for line in shown)
    return f"<details open><summary>{summary}</summary><ul>{items}</ul></details>"
