"""What the command line shows: progress on standard error, results as text and tables on standard output.

Article text is never interpreted as markup.
"""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from typing_extensions import Self

    from rag.building import Progress

MOST_LINES = 20
"""Of skipped files, and of notes, on the terminal; `--json` has all."""


def say(message: str) -> None:
    """One line on standard output."""
    typer.echo(message)


def error(message: str) -> None:
    """One line on standard error."""
    typer.echo(f"rag: {' '.join(message.split())}", err=True)


class _Bar:
    """A progress bar on standard error; silent when that is no terminal."""

    def __init__(self, doing: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            console=(console := Console(stderr=True)),
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(doing, total=None, rate="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()


class BuildProgress(_Bar):
    """How far a build has come."""

    def __init__(self) -> None:
        super().__init__("loading the model")

    def __call__(self, progress: Progress) -> None:
        """Show it."""
        speed = self._bar.tasks[0].speed
        self._bar.update(
            self._task,
            description=f"{progress.stage} · {progress.articles:,} articles · {progress.passages:,} passages",
            completed=progress.done,
            total=progress.total,
            rate=f"{speed:,.0f} passages/s" if speed and progress.stage == "embedding" else "",
        )


class QuestionsProgress(_Bar):
    """How many of so many questions have been asked."""

    def __init__(self) -> None:
        super().__init__("asking questions")

    def __call__(self, asked: int, questions: int) -> None:
        """Show it."""
        self._bar.update(self._task, completed=asked, total=questions)


def show_build(report: dict[str, Any]) -> None:
    """The closing table of a build."""
    if not report["changed"]:
        typer.echo(f"Nothing has changed; generation {report['generation']} stays.")
    table = _table()
    for name in ("articles", "paragraphs", "passages"):
        table.add_row(name, f"{report[name]:,}")
    table.add_row("embedded / carried over", f"{report['embedded']:,} / {report['carried_over']:,}")
    table.add_row("skipped files", f"{len(report['skipped']):,}")
    if report["duplicates"]:
        table.add_row("duplicates", f"{len(report['duplicates']):,}")
    table.add_row("seconds", f"{report['seconds']:.1f}")
    table.add_row("generation", report["generation"])
    _console().print(table)
    _some([f"skipped {skipped['path']}: {skipped['reason']}" for skipped in report["skipped"]])
    _some([f"duplicate {one['article']}: its text is that of {one['same_as']}" for one in report["duplicates"]])
    _some([f"note: {note}" for note in report["notes"]])


def show_rebuild(report: dict[str, Any]) -> None:
    """What a build did that followed another one, in a line."""
    what = "nothing has changed"
    if report["changed"]:
        embedded, skipped = f"{report['embedded']:,} passages embedded", f"{len(report['skipped']):,} files skipped"
        what = f"generation {report['generation']}, {report['articles']:,} articles, {embedded}, {skipped}"
    typer.echo(f"{datetime.now():%H:%M:%S}  {what} ({report['seconds']:.1f} s)")


def _some(lines: list[str]) -> None:
    for line in lines[:MOST_LINES]:
        typer.echo(line)
    if len(lines) > MOST_LINES:
        typer.echo(f"… and {len(lines) - MOST_LINES:,} more; rag build --json has them all.")


def show_hits(hits: list[dict[str, Any]]) -> None:
    """Hits, best first."""
    if not hits:
        typer.echo("Nothing found.")
    for number, hit in enumerate(hits, 1):
        typer.echo(f"{number}. {_hit_place(hit)}  {hit['score']:.2f}")
        typer.echo(_indented(hit["text"]))
        if hit["places"]:
            also = "; ".join(
                _place(place["article"], [place["paragraph"]], [place["place"]]) for place in hit["places"]
            )
            typer.echo(f"   also in {also}")


def show_answer(answer: dict[str, Any]) -> None:
    """An answer with numbered sources, or a refusal with the nearest passages."""
    if answer["searched"] != answer["question"]:
        typer.echo(f"Searched for: {answer['searched']}")
    if not answer["answered"]:
        typer.echo(answer["answer"])
        if answer["hits"]:
            typer.echo("\nNearest:")
            show_hits(answer["hits"][:3])
        return
    sources: list[tuple[str, str]] = []
    parts = []
    for sentence in answer["sentences"]:
        marks = ""
        for citation in sentence["citations"]:
            source = (
                _place(citation["article"], [citation["paragraph"]], [citation["place"]]),
                citation["paragraph_text"],
            )
            if source not in sources:
                sources.append(source)
            marks += f" [{sources.index(source) + 1}]"
        parts.append(sentence["text"] + marks)
    typer.echo("\n".join(parts) if any("\n" in part for part in parts) else " ".join(parts))
    typer.echo()
    for number, (place, text) in enumerate(sources, 1):
        typer.echo(f"[{number}] {place}")
        typer.echo(_indented(text))


def show_evaluation(evaluation: dict[str, Any]) -> None:
    """Figures with their intervals, what became of the questions, and what has changed."""
    typer.echo(f"{evaluation['name']}: {len(evaluation['questions']):,} questions")
    for note in evaluation["notes"]:
        typer.echo(f"note: {note}")
    for figures, of in ((evaluation["figures"], ""), (evaluation["follow_ups"], "follow-ups")):
        if not figures:
            continue
        table = _columns(of, "value", "95 % interval", "questions")
        for name, figure in figures.items():
            low, high = (_number(figure[end]) for end in ("low", "high"))
            table.add_row(name, _number(figure["value"]), f"{low} – {high}", f"{figure['count']:,}")
        _console().print(table)
    table = _table()
    for kind, count in evaluation["losses"].items():
        table.add_row(f"{count:,}", kind)
    _console().print(table)
    if evaluation["comparison"]:
        table = _columns("compared", "before", "now", "difference", "p")
        for name, change in evaluation["comparison"].items():
            table.add_row(
                name,
                _number(change["old"]),
                _number(change["new"]),
                f"{change['difference']:+.3f}",
                _number(change["p"]),
            )
        _console().print(table)


def show_status(status: dict[str, Any]) -> None:
    """What there is in the index."""
    table = _table()
    for name in ("directory", "generation", "created", "model", "precision"):
        table.add_row(name, str(status[name]))
    for name in ("articles", "paragraphs", "passages"):
        table.add_row(name, f"{status[name]:,}")
    table.add_row("size", f"{status['bytes'] / 1e6:,.1f} MB")
    table.add_row("kept generations", ", ".join(status["generations"]))
    _console().print(table)
    if status["building"]:
        typer.echo(f"A build is running: {status['building']}.")
    if status["stopped"]:
        typer.echo(f"{status['stopped']} The next build does its work.")
    if status["leftovers"]:
        typer.echo(f"A stopped build left {', '.join(status['leftovers'])} behind; the next one removes that.")


def show_verify(report: dict[str, Any]) -> None:
    """What a full check found."""
    for problem in report["problems"]:
        typer.echo(problem)
    if report["ok"]:
        typer.echo(f"Generation {report['generation']}: all {report['files']} files are as they were written.")


def show_rollback(values: dict[str, Any]) -> None:
    """Which generation is published now."""
    typer.echo(f"Generation {values['generation']} is published.")


def _hit_place(hit: dict[str, Any]) -> str:
    paragraphs = hit["paragraphs"]
    return _place(hit["article"], [p["number"] for p in paragraphs], [p["place"] for p in paragraphs])


def _place(article: dict[str, Any], paragraphs: list[int], places: list[str]) -> str:
    numbers = str(paragraphs[0]) if len(paragraphs) == 1 else f"{paragraphs[0]}–{paragraphs[-1]}"
    by = ", ".join(part for part in (article["author"], article["date"]) if part)
    where = "".join(f"{place}, " for place in dict.fromkeys(places) if place)
    return f"{article['title']}{f' ({by})' if by else ''}, {article['path']}, {where}paragraph {numbers}"


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.split("\n"))


def _table() -> Table:
    from rich.table import Table

    return Table(show_header=False, box=None, padding=(0, 2, 0, 0))


def _columns(*names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for i, name in enumerate(names):
        table.add_column(name, justify="right" if i else "left")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _console() -> Console:
    from rich.console import Console

    return Console(markup=False, highlight=False, soft_wrap=True)
