"""How well questions are answered, on labelled questions, through the same calls that users make.

    python benchmarks/evaluate.py [SET…] [--over ARTICLES QUESTIONS]… [--show]

For each set an index is built and every question asked. Printed are, over the answerable questions:

- *R@1*, *R@5*: the labelled paragraph is in the first hit, in the first five;
- *right*: answered, with the labelled paragraph cited and every gold string of a hand-written question in the answer
  (of the other sets: any gold string, or gold sentence, in a cited sentence);
- *right if answered*: the same, were nothing refused;
- *sentences*: how many an answer has;

and over the others *refused*; *AUROC* of the confidence over both, and the median seconds of a question.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from labelled import LabelledQuestion, LabelledSet
from sklearn.metrics import roc_auc_score

from rag.answering import Answer, Answerer
from rag.building import build_articles
from rag.settings import Settings


def main() -> None:
    """Evaluate the sets and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="*", type=Path)
    parser.add_argument("--over", nargs=2, action="append", default=[], metavar=("ARTICLES", "QUESTIONS"))
    parser.add_argument("--show", action="store_true", help="print the questions that went wrong")
    options = parser.parse_args()
    for folder in options.sets:
        _evaluate(LabelledSet.read(folder), Settings(merge_tokens=0), False, options.show)
    for articles, questions in options.over:
        _evaluate(LabelledSet.over(articles, questions), Settings(), True, options.show)


def _evaluate(labelled: LabelledSet, settings: Settings, hand_written: bool, show: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build_articles(labelled.articles, folder, settings=settings)
        # Everything is answered; what the threshold would have refused is told by the confidence.
        answerer = Answerer.open(folder, replace(settings, answer_threshold=0.0))
        rows = []
        for question in labelled.questions:
            answer = answerer.ask(question.text, history=question.history)
            right = bool(question.answers) and _right(question, answer, hand_written)
            rows.append((question, answer, right))
            if show and right != (answer.confidence >= settings.answer_threshold) and (hand_written or not right):
                kind = "ask" if question.answers else "not said"
                print(f"  {answer.confidence:.2f} {kind}, {'right' if right else 'wrong'}: {question.text}")
                print(f"       {answer.text[:160]}")
    answerable = [row for row in rows if row[0].answers]
    others = [row for row in rows if not row[0].answers]
    least = settings.answer_threshold
    both = bool(answerable) and bool(others)
    shown = {
        "R@1": np.mean([_found(q, a, 1) for q, a, _ in answerable]),
        "R@5": np.mean([_found(q, a, 5) for q, a, _ in answerable]),
        "right": np.mean([right and a.confidence >= least for _, a, right in answerable]),
        "right if answered": np.mean([right for _, _, right in answerable]),
        "sentences": np.mean([len(a.sentences) for _, a, _ in answerable]),
        "refused": np.mean([a.confidence < least for _, a, _ in others]) if others else np.nan,
        "AUROC": roc_auc_score([bool(q.answers) for q, _, _ in rows], [a.confidence for _, a, _ in rows])
        if both
        else np.nan,
        "median seconds": np.median([a.seconds for _, a, _ in rows]),
    }
    counts = f"{len(answerable)} + {len(others)}"
    print(
        f"{labelled.name} ({counts}): " + ", ".join(f"{name} {value:.3f}" for name, value in shown.items()), flush=True
    )


def _found(question: LabelledQuestion, answer: Answer, k: int) -> bool:
    places = {(hit.article.id, p.number) for hit in answer.hits[:k] for p in hit.paragraphs}
    places |= {(place.article.id, place.paragraph.number) for hit in answer.hits[:k] for place in hit.places}
    return bool(places & question.paragraphs)


def _right(question: LabelledQuestion, answer: Answer, hand_written: bool) -> bool:
    cited = {(c.article.id, c.paragraph.number) for s in answer.sentences for c in s.citations}
    text = _plain(answer.text)
    if hand_written:
        return bool(cited & question.paragraphs) and all(_plain(gold) in text for gold in question.answers)
    if question.evidence:
        sentences = [_plain(s.text) for s in answer.sentences]
        return any(s in _plain(gold) or _plain(gold) in s for gold in question.evidence for s in sentences)
    return any(_plain(gold) in text for gold in question.answers)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.lower()).strip()


if __name__ == "__main__":
    main()
