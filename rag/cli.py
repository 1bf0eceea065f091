"""The command line: `rag build`, `search`, `ask`, `eval`, `status`, `verify`, `rollback`.

Results go to standard output, progress and errors to standard error. With `--json` standard output is one JSON
document. Exit code 0: done; 1: a bug, with its traceback; 2: something the user can mend, said in one line; 130:
stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from rag import terminal
from rag.errors import RagError
from rag.locking import builder as builder_of
from rag.settings import Settings

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Ask a folder of articles; every sentence of the answer points to the paragraph it came from.",
)

IndexOption = Annotated[Path | None, typer.Option("--index", help="Folder of the index [default: index].")]
ModelOption = Annotated[str | None, typer.Option("--model", help="A sentence-transformers model: name or path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
ArticleOption = Annotated[list[str] | None, typer.Option("--article", help="Only this article, by id; repeatable.")]
AuthorOption = Annotated[list[str] | None, typer.Option("--author", help="Only this author's articles; repeatable.")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="Only articles with this tag; repeatable.")]
SinceOption = Annotated[str, typer.Option("--since", help="Only articles of this date or later, YYYY-MM-DD.")]
UntilOption = Annotated[str, typer.Option("--until", help="Only articles of this date or earlier, YYYY-MM-DD.")]
HitsOption = Annotated[int, typer.Option("-k", help="How many hits.", min=1, max=1000)]


@app.command()
def build(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders [default: articles].")] = None,
    index: IndexOption = None,
    model: ModelOption = None,
    full: Annotated[bool, typer.Option("--full", help="Embed everything anew.")] = False,
    watched: Annotated[bool, typer.Option("--watch", help="Go on, and build again when files change.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another process that builds this index.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Index the articles in PATHS; what has not changed since the last build is carried over."""
    settings = _settings(index, model)
    if wait and (builder := builder_of(Path(settings.index))):
        terminal.error(f"Waiting for {builder}, which builds this index.")
    if watched:
        _watch(paths or None, settings, full, wait, as_json)
        return
    with terminal.BuildProgress() as progress:
        from rag.building import build as build_index

        report = build_index(paths or None, settings.index, settings=settings, full=full, wait=wait, progress=progress)
    _show(report.to_dict(), as_json, terminal.show_build)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: HitsOption = 5,
    index: IndexOption = None,
    model: ModelOption = None,
    article: ArticleOption = None,
    author: AuthorOption = None,
    tag: TagOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print the passages that fit QUERY best."""
    from rag.retrieval import Retriever

    settings = _settings(index, model)
    filters = _filters(article, author, tag, since, until)
    hits = Retriever.open(settings.index, settings).search(query, k, filters)
    _show([hit.to_dict() for hit in hits], as_json, terminal.show_hits)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What to ask the articles.")],
    k: HitsOption = 5,
    index: IndexOption = None,
    model: ModelOption = None,
    article: ArticleOption = None,
    author: AuthorOption = None,
    tag: TagOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    as_json: JsonOption = False,
) -> None:
    """Answer QUESTION from the articles, each sentence with its sources, or say that they don't."""
    from rag.answering import Answerer

    settings = _settings(index, model)
    filters = _filters(article, author, tag, since, until)
    answer = Answerer.open(settings.index, settings).ask(question, filters=filters, k=k)
    _show(answer.to_dict(), as_json, terminal.show_answer)


@app.command("eval")
def evaluate(
    labelled: Annotated[
        Path, typer.Argument(metavar="SET", help="A folder in BEIR's layout, or a question file (.jsonl, .csv).")
    ],
    index: IndexOption = None,
    model: ModelOption = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page with plots and failures here.")] = None,
    against: Annotated[
        Path | None, typer.Option("--compare", help="Compare with what an earlier eval --json printed.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the labelled questions in SET and say how well they were answered."""
    from rag.evaluation import evaluate as evaluate_set
    from rag.evaluation import read_earlier
    from rag.evaluation.report import write_report

    earlier = read_earlier(against) if against else None
    with terminal.QuestionsProgress() as progress:
        evaluation = evaluate_set(labelled, index, _settings(index, model), progress)
    comparison = evaluation.compared(earlier) if earlier else {}
    if report:
        write_report(evaluation, report, comparison)
    _show({**evaluation.to_dict(), "comparison": comparison}, as_json, terminal.show_evaluation)


@app.command()
def status(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Say what is in the index, and what a build is doing to it."""
    from rag.generations import status as status_of

    _show(status_of(_settings(index).index).to_dict(), as_json, terminal.show_status)


@app.command()
def verify(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Compare every byte of the index with its manifest; exit code 2 when something is damaged."""
    from rag.index import verify as verify_index

    settings = _settings(index)
    report = verify_index(settings.index)
    _show(report.to_dict(), as_json, terminal.show_verify)
    if not report.ok:
        raise RagError(f"The index in '{settings.index}' is damaged; run: rag rollback, or rag build --full")


@app.command()
def rollback(index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Publish the generation before the current one."""
    from rag.generations import rollback as roll_back

    _show({"generation": roll_back(_settings(index).index)}, as_json, terminal.show_rollback)


def main() -> None:
    """Run the command line and exit."""
    try:
        try:
            app()
        except SystemExit as ended:
            # Typer turns Ctrl-C into exit code 130 without a word, and a closed pipe into 1.
            if ended.code == STOPPED:
                raise KeyboardInterrupt from None
            if isinstance(ended.__context__, BrokenPipeError):
                raise BrokenPipeError from None
            sys.stdout.flush()
            sys.exit(ended.code)
    except RagError as error:
        terminal.error(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        terminal.error("Stopped; the index is as it was before.")
        sys.exit(STOPPED)
    except BrokenPipeError:
        # Whoever read the output has had enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _watch(paths: list[Path] | None, settings: Settings, full: bool, wait: bool, as_json: bool) -> None:
    from rag.watching import watch

    with terminal.BuildProgress() as progress:
        reports = watch(paths, settings.index, settings=settings, full=full, wait=wait, progress=progress)
        first = next(reports)
    for report in chain([first], reports):
        if isinstance(report, RagError):
            terminal.error(str(report))
        elif as_json:
            typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
        elif report is first:
            terminal.show_build(report.to_dict())
            terminal.say("Watching for changes; Ctrl-C ends it.")
        else:
            terminal.show_rebuild(report.to_dict())


def _settings(index: Path | None = None, model: str | None = None) -> Settings:
    return Settings.load(index=None if index is None else str(index), model=model)


def _filters(article: list[str] | None, author: list[str] | None, tag: list[str] | None, since: str, until: str) -> Any:
    from rag.filters import Filters

    return Filters(tuple(article or ()), tuple(author or ()), tuple(tag or ()), since, until)


def _show(values: Any, as_json: bool, show: Any) -> None:
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        show(values)
