"""How good the answers are: labelled questions, asked through the same calls that users make.

1. The questions are read (`labelled`), from a set with its own articles or a file over an index.
2. Each is asked as if nothing were refused; what would have been refused is told by the confidence.
3. Each is measured, and the figures are taken over all of them, with intervals (`measures`).
4. They are shown as a table, as JSON or as a page (`report`), and held against earlier ones.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import rag
from rag.answering import Answer, Answerer
from rag.building import build_articles
from rag.errors import RagError
from rag.evaluation.labelled import LabelledQuestion, LabelledSet, read_questions, read_rewritings, read_set
from rag.evaluation.rewriting import rewritten
from rag.index import Index
from rag.settings import Settings

try:
    from rag.evaluation.measures import HITS, LOSSES, Figure, compare, lost, measure, summary
except ModuleNotFoundError as error:
    raise RagError(f"Evaluation needs {error.name}; install it with: pip install -e '.[eval]'") from error

FORMAT = 1
"""Of the JSON document; another one is not compared with."""


@dataclass(frozen=True)
class Evaluation:
    """What became of the questions of one set."""

    name: str
    facts: dict[str, Any]
    """What made it: articles, passages, model, precision, generation, version of this package."""
    settings: dict[str, Any]
    rows: list[dict[str, Any]]
    """A question each: what was expected, what was given, its `values` and what it was `lost` by."""
    figures: dict[str, Figure]
    """Over all questions."""
    follow_ups: dict[str, Figure]
    """Over those with a history alone; none when there are no others, or none at all."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""

    @property
    def threshold(self) -> float:
        """Least confidence at which a question was answered."""
        return float(self.settings["answer_threshold"])

    def losses(self) -> dict[str, int]:
        """How many questions became what: `LOSSES` in order, those that none became left out."""
        counts = {kind: sum(row["lost"] == kind for row in self.rows) for kind in LOSSES}
        return {kind: count for kind, count in counts.items() if count}

    def compared(self, earlier: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The differences from an earlier `to_dict()`, on the questions of both (see `measures.compare`)."""
        return compare(earlier["questions"], self.rows, self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """What `eval --json` prints."""
        return {
            "format": FORMAT,
            "name": self.name,
            "facts": self.facts,
            "settings": self.settings,
            "figures": {name: figure.to_dict() for name, figure in self.figures.items()},
            "follow_ups": {name: figure.to_dict() for name, figure in self.follow_ups.items()},
            "losses": self.losses(),
            "notes": list(self.notes),
            "questions": self.rows,
        }


def evaluate(
    labelled: str | Path,
    index: str | Path | None = None,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Ask the questions of `labelled` and measure the answers.

    Args:
        labelled: a folder in BEIR's layout, whose articles are indexed for this, a question file, or a file of
            follow-ups and their rewritings (`rewriting`), which needs no index.
        index: folder of the index: for a question file the one to ask (default: that of the settings); for a set
            where its index is built, or brought up to date, instead of in a temporary folder.
        settings: those of the index and the answers.
        progress: called with how many questions have been asked, and how many there are.

    Raises:
        RagError: the questions can't be read, or the index can't be opened.
    """
    settings = settings or Settings()
    path = Path(labelled)
    rewritings = read_rewritings(path)
    if rewritings:
        rows = rewritten(rewritings)
        return Evaluation(path.stem, {"version": rag.__version__}, asdict(settings), rows, summary(rows, 0.0), {})
    is_set = path.is_dir()
    with tempfile.TemporaryDirectory() if is_set and index is None else nullcontext() as temporary:
        folder = Path(temporary or index or settings.index)
        if is_set:
            questions = read_set(path)
            # The paragraphs of a set are labelled one by one, so none are merged.
            settings = replace(settings, merge_tokens=0)
            build_articles(questions.articles, folder, settings=settings)
        else:
            opened = Index.open(folder)
            questions = read_questions(path, opened.store.articles())
            opened.close()
        if not questions.questions:
            raise RagError(f"{path} has no questions.")
        answerer = Answerer.open(folder, replace(settings, answer_threshold=0.0))
        rows = []
        for number, question in enumerate(questions.questions, 1):
            answer = answerer.ask(question.text, history=question.history, k=HITS)
            rows.append(_row(question, answer, settings.answer_threshold, questions))
            if progress:
                progress(number, len(questions.questions))
        facts = _facts(answerer)
    follow_ups = [row for row in rows if row["follow_up"]]
    return Evaluation(
        name=questions.name,
        facts=facts,
        settings=asdict(settings),
        rows=rows,
        figures=summary(rows, settings.answer_threshold),
        follow_ups=summary(follow_ups, settings.answer_threshold) if 0 < len(follow_ups) < len(rows) else {},
        notes=questions.notes,
    )


def read_earlier(file: Path) -> dict[str, Any]:
    """What an earlier `eval --json` printed.

    Raises:
        RagError: `file` is not that.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RagError(f"There is no {file}; make one with: rag eval SET --json > {file}") from None
    except (OSError, ValueError) as error:
        raise RagError(f"{file} is not what rag eval --json prints ({error}); make it anew.") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise RagError(f"{file} is not of format {FORMAT} of rag eval --json; make it anew.")
    return values


def _row(question: LabelledQuestion, answer: Answer, threshold: float, labelled: LabelledSet) -> dict[str, Any]:
    values = measure(question, answer, threshold)
    texts = {a.id: a for a in labelled.articles} if question.paragraphs else {}
    return {
        "id": question.id,
        "question": question.text,
        "follow_up": bool(question.history),
        "searched": answer.searched,
        "answerable": question.answerable,
        "expected": list(question.answers or question.parts),
        "labelled": [
            {
                "article": texts[article].title,
                "paragraph": number,
                "text": _paragraph(texts[article].paragraphs, number),
            }
            for article, number in sorted(question.paragraphs)
        ],
        "answered": answer.confidence >= threshold and bool(answer.sentences),
        "confidence": round(answer.confidence, 4),
        "given": [
            {"text": s.text, "article": s.citations[0].article.title, "paragraph": s.citations[0].paragraph.number}
            for s in answer.sentences
        ],
        "hits": [
            {
                "article": hit.article.title,
                "paragraphs": [p.number for p in hit.paragraphs],
                "score": round(hit.score, 4),
            }
            for hit in answer.hits
        ],
        "lost": lost(question, values, threshold),
        "values": {name: round(value, 6) for name, value in values.items()},
    }


def _paragraph(paragraphs: Sequence[Any], number: int) -> str:
    return next(str(p.text) for p in paragraphs if p.number == number)


def _facts(answerer: Answerer) -> dict[str, Any]:
    index = answerer.retriever.index
    return {
        "version": rag.__version__,
        "generation": index.manifest.generation,
        **index.store.counts(),
        "model": index.manifest.model,
        "precision": index.manifest.precision,
    }
