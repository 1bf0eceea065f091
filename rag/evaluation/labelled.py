"""Labelled questions: what is asked, what a right answer holds, and which paragraphs tell it.

They come as a *set* with its own articles, a folder in the layout of the BEIR benchmark (Thakur et al. 2021), or as a
*question file* over articles that are indexed already.

A set has `corpus.jsonl` (a paragraph a line: `_id`, `text`, and if it knows them `title`, `article_id`, `position`),
`queries.jsonl` (`_id`, `text`, `answers`: gold strings, none when the corpus holds no answer) and `qrels.tsv` (which
paragraph is labelled for which question).

A question file has a question a line, as JSON objects or as a CSV table with these names in its first row:

- `question`: what is asked; the only one that must be there;
- `answer`, or `answers`, a list: what a right answer holds, one of them;
- `parts`: a list of what a right answer holds, all of them;
- `answerable`: whether the articles tell it; false is also what an empty list of answers means;
- `article` (id, path or title) and `paragraph` (number): where they tell it;
- `evidence`: a list of parts of the sentences that tell it, another way to say where;
- `history`: (question, answer) pairs that were asked before it.

What people thought of answers on the page is such a file, too (`rag.feedback`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.articles import Article, Paragraph
from rag.errors import RagError


@dataclass(frozen=True)
class LabelledQuestion:
    """A question with what is known of its answer."""

    id: str
    text: str
    answerable: bool | None
    """Whether the articles tell it; None when nobody said."""
    answers: tuple[str, ...] = ()
    """Gold strings, each a right answer."""
    parts: tuple[str, ...] = ()
    """Gold strings that a right answer holds all of."""
    evidence: tuple[str, ...] = ()
    """Gold sentences, or parts of them."""
    free_text: bool = False
    """Whether its answers are worded freely, so that only the evidence can be looked for."""
    paragraphs: frozenset[tuple[str, int]] = frozenset()
    """(article id, paragraph number) of the paragraphs that tell it."""
    group: str = ""
    """The article it was written for: in fitting, questions of one group are never in training and test at once."""
    history: tuple[tuple[str, str], ...] = ()
    """(question, answer) pairs asked before it."""


@dataclass(frozen=True)
class LabelledSet:
    """Articles and the questions on them."""

    name: str
    articles: tuple[Article, ...]
    questions: tuple[LabelledQuestion, ...]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""


def read_set(folder: Path) -> LabelledSet:
    """The set in `folder`.

    Raises:
        RagError: a file is missing, or a line of one is not what it should be.
    """
    paragraphs: dict[str, list[dict[str, Any]]] = {}
    for row in _lines(folder / "corpus.jsonl", ("_id", "text")):
        paragraphs.setdefault(str(row.get("article_id") or row["_id"]), []).append(row)
    articles, places = [], {}
    for article_id, rows in paragraphs.items():
        rows.sort(key=lambda row: row.get("position", 0))
        articles.append(_article(article_id, rows[0].get("title", ""), [row["text"] for row in rows]))
        places.update({str(row["_id"]): (article_id, number) for number, row in enumerate(rows, 1)})
    labelled: dict[str, set[tuple[str, int]]] = {}
    for row in _table(folder / "qrels.tsv", ("query-id", "corpus-id", "score"), "\t"):
        if row["corpus-id"] not in places:
            raise RagError(
                f"{folder / 'qrels.tsv'} names the paragraph '{row['corpus-id']}', which no corpus line has."
            )
        if float(row["score"]) > 0:
            labelled.setdefault(row["query-id"], set()).add(places[row["corpus-id"]])
    questions = []
    for row in _lines(folder / "queries.jsonl", ("_id", "text")):
        found = labelled.get(str(row["_id"]), set())
        source = places.get(row.get("source_paragraph", ""), ("", 0))[0]
        answers = tuple(row.get("answers", ()))
        evidence = tuple(sentence for one in row.get("evidence_sentences", ()) for sentence in one)
        questions.append(
            LabelledQuestion(
                id=str(row["_id"]),
                text=row["text"],
                # A set without answers is one of search alone: what is labelled is told.
                answerable=bool(answers) if "answers" in row else bool(found) or None,
                answers=answers,
                evidence=evidence,
                free_text=bool(evidence),
                paragraphs=frozenset(found),
                group=row.get("article_id") or source or min(found, default=(str(row["_id"]), 0))[0],
            )
        )
    return LabelledSet(folder.name, tuple(articles), tuple(questions))


def read_questions(file: Path, articles: Iterable[Article]) -> LabelledSet:
    """The questions in `file`, over `articles`.

    Raises:
        RagError: the file is missing, or a question has no text or names an article or a paragraph that isn't there.
    """
    articles = tuple(articles)
    named: dict[str, Article] = {}
    for article in articles:
        for name in (article.title, article.path, article.id):
            named[name.casefold()] = article
    rows = _table(file, ("question",)) if file.suffix.lower() == ".csv" else _lines(file, ("question",))
    numbered = [(f"{file}, question {n}", n, row) for n, row in enumerate(rows, 1)]
    judged = {_asked_again(row): n for _, n, row in numbered if "good" in row}
    questions, gone = [], 0
    for where, number, row in numbered:
        if "good" in row:
            if judged[_asked_again(row)] != number or row["good"] is None:
                continue
            if row.get("evidence") and not _places(_listed(row["evidence"]), articles):
                gone += 1
                continue
        questions.append(_asked(where, number, row, articles, named))
    notes = (f"{gone} judged answers were left out: what they rest on is no longer in the index.",) if gone else ()
    return LabelledSet(file.stem, articles, tuple(questions), notes)


def read_rewritings(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of follow-ups with their rewritings; [] when `path` is something else.

    Raises:
        RagError: some of its lines have a rewriting, others not.
    """
    if path.suffix != ".jsonl" or '"rewrite"' not in _text(path).split("\n", 1)[0]:
        return []
    return list(_lines(path, ("question", "rewrite")))


def _asked_again(row: Mapping[str, Any]) -> str:
    return json.dumps([row["question"], row.get("history")])


def _asked(
    where: str, number: int, row: Mapping[str, Any], articles: Iterable[Article], named: Mapping[str, Article]
) -> LabelledQuestion:
    answers = _listed(row.get("answers")) or _listed(row.get("answer"))
    parts = _listed(row.get("parts"))
    evidence = _listed(row.get("evidence"))
    places = _places(evidence, articles)
    if evidence and not places:
        raise RagError(f"{where}: no article has its evidence '{evidence[0]}'; mend it, or build the index first.")
    if row.get("article"):
        article = named.get(str(row["article"]).casefold())
        if article is None:
            raise RagError(f"{where}: the index has no article '{row['article']}'; name one by its id, path or title.")
        places |= {(article.id, n) for n in _numbers(where, row.get("paragraph"), article)}
    told = row.get("answerable")
    if told in (None, ""):
        unanswerable = "answers" in row and row["answers"] == []
        answerable = False if unanswerable else bool(answers or parts or places) or None
    else:
        answerable = str(told).strip().lower() in ("true", "yes", "1")
    return LabelledQuestion(
        id=str(row.get("id") or number),
        text=str(row["question"]),
        answerable=answerable,
        answers=answers,
        parts=parts,
        evidence=evidence,
        paragraphs=frozenset(places),
        # Each its own group: questions on one article are in training and test.
        group=str(number),
        history=tuple((str(question), str(answer)) for question, answer in row.get("history") or ()),
    )


def _places(evidence: tuple[str, ...], articles: Iterable[Article]) -> set[tuple[str, int]]:
    return {
        (article.id, paragraph.number)
        for article in articles
        for paragraph in article.paragraphs
        if any(part in paragraph.text for part in evidence)
    }


def _numbers(where: str, value: Any, article: Article) -> list[int]:
    """The paragraphs that `value` names; all of the article's when it names none."""
    known = [paragraph.number for paragraph in article.paragraphs]
    if value in (None, ""):
        return known
    try:
        numbers = [int(n) for n in (value if isinstance(value, list) else [value])]
    except (TypeError, ValueError):
        numbers = [-1]
    if not set(numbers) <= set(known):
        raise RagError(f"{where}: '{article.title}' has no paragraph {value}; it has 1 to {known[-1]}.")
    return numbers


def _listed(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    return tuple(str(part) for part in value) if isinstance(value, list) else (str(value),)


def _article(article_id: str, title: str, texts: list[str]) -> Article:
    paragraphs, start = [], 0
    for number, text in enumerate(texts, 1):
        paragraphs.append(Paragraph(number, text, start, start + len(text)))
        start += len(text) + 2
    return Article(article_id, title, "\n\n".join(texts), tuple(paragraphs), article_id)


def _lines(file: Path, needed: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise RagError(f"{file}, line {number} is not JSON ({error.msg}); mend or remove it.") from None
        if not isinstance(row, dict) or not all(row.get(name) for name in needed):
            raise RagError(f"{file}, line {number} is not an object with {' and '.join(needed)}; mend or remove it.")
        yield row


def _table(file: Path, needed: tuple[str, ...], delimiter: str = ",") -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(file), newline=""), delimiter=delimiter)
    if not set(needed) <= set(reader.fieldnames or ()):
        raise RagError(f"The first line of {file} must name the columns {', '.join(needed)}.")
    for number, row in enumerate(reader, 1):
        if not all(row[name] for name in needed):
            raise RagError(f"{file}, row {number} lacks {' or '.join(needed)}; mend or remove it.")
        yield row


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RagError(f"There is no {file}; name a folder in BEIR's layout or a question file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RagError(f"{file} can't be read ({error}); it must be a file in UTF-8.") from None
