"""What speaks for a sentence being an answer at all, as the examiner is told.

A sentence may be the best there is and still not say what was asked. Looked at are how well each word of the question
is *supported* in it (fully by the same word, else by the cosine of the most similar one in context), and whether these
words stand around something of the kind asked for: "Who is the CEO of X?" wants a name with a CEO and an X near it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from rag.question import Question, Word, words_of_kind
from rag.signals import PASSAGE_SIGNALS, SENTENCE_SIGNALS, Signals, View

DECISION_SIGNALS = (
    "sentence_match",
    "sentence_rare_match",
    "sentence_pairs",
    "passage_match",
    "passage_coverage",
    "passage_cosine",
    "passage_title",
    "weakest_name",
    "around_answer",
    "around_answer_weakest",
    "around_answer_whole",
    "time_missing",
    "number_missing",
    "name_missing",
    "numbers_missing",
    "kind_held",
    "content_words",
    "open_kind",
)
GENERIC = frozenset(
    """say says said tell tells told think thinks thought believe believes mean means call calls called know known get
    gets go happen happens use used make makes made take takes give gives well people person thing things kind sort
    describe describes mention mentioned state states stated comment commented claim claimed consider
    considered""".split()
)
"""Words that many questions hold whatever they are about; they need not be found in an answer."""

OTHER_NAME = 0.6
"""What the similarity of a different name is worth."""
NEAR_ANSWER = 12
"""Words on either side of what may be the answer."""
MOST_CONTENT = 10
"""Content words of a question that are counted."""


def decision_signals(question: Question, view: View, title: Collection[str], signals: Signals, best: int) -> np.ndarray:
    """What speaks for sentence `best` of `view` being an answer: (len(DECISION_SIGNALS),) float32.

    A sentence that opens with a pronoun is read with the one before it; where a part of a full name stands, the whole
    name is taken to be meant.
    """
    sentence = dict(zip(SENTENCE_SIGNALS, signals.sentences[best], strict=True))
    passage = dict(zip(PASSAGE_SIGNALS, signals.passage, strict=True))
    content = question.content
    first, last = view.opening(best), view.sentences[best][1]
    words = view.words_in(first, last)
    support = _support(question, content, view, words)
    for row, word in enumerate(content):
        if word.stem in view.meant[best]:
            support[row] = 1.0
    names = _names(question, content)
    # Another name is not the same name, however similar.
    support[names] *= np.where(support[names] < 1, OTHER_NAME, 1)
    by_word = support.max(axis=1) if support.size else np.zeros(len(content))
    _whole_names(question, content, names, by_word)
    telling = [i for i, w in enumerate(content) if i in names or w.text.lower() not in GENERIC]
    rarity = [max(question.rarity[w.stem], 0.05) for w in content]
    held = words_of_kind(question, view.text[first:last], words)
    around = weakest = 0.0
    for i in held:
        near = support[:, max(0, i - NEAR_ANSWER) : i + NEAR_ANSWER + 1].max(axis=1)
        _whole_names(question, content, names, near)
        around = max(around, float(np.average(near, weights=rarity)) if content else 1.0)
        weakest = max(weakest, float(near[telling].min()) if telling else 0.0)
    stems = {w.stem for w in view.words} | set(title)

    def missing(*kinds: str) -> float:
        return float(question.kind in kinds and not held)

    telling_kind = question.kind in ("when", "count", "amount", "age")

    return np.array(
        [
            sentence["match"],
            sentence["rare_match"],
            sentence["pairs"],
            passage["match"],
            passage["coverage"],
            passage["cosine"],
            passage["title"],
            by_word[names].min() if names else 1.0,
            around,
            weakest,
            float(weakest > 0.99),
            missing("when"),
            missing("count", "amount", "age"),
            missing("who"),
            float(any(w.text[0].isdigit() and w.stem not in stems for w in content)),
            float(telling_kind and bool(held)),
            # The more a question asks for, the more is met by as good a match.
            min(len(content), MOST_CONTENT) / MOST_CONTENT,
            float(question.kind == ""),
        ],
        dtype=np.float32,
    )


def _support(question: Question, content: Sequence[Word], view: View, words: Sequence[Word]) -> np.ndarray:
    """(content words of the question, words) float32: 1 where they are the same word, else their cosine in context."""
    found = np.zeros((len(content), len(words)), dtype=np.float32)
    spans, vectors = view.tokens.spans, view.tokens.vectors
    asked_spans, asked_vectors = question.tokens.spans, question.tokens.vectors
    inside = [np.flatnonzero((spans[:, 0] >= w.start) & (spans[:, 1] <= w.end)) for w in words]
    for row, word in enumerate(content):
        asked = (asked_spans[:, 0] >= word.start) & (asked_spans[:, 1] <= word.end)
        similar = asked_vectors[asked] @ vectors.T if asked.any() and len(vectors) else np.zeros((1, len(spans)))
        for column, other in enumerate(words):
            if word.stem == other.stem:
                found[row, column] = 1.0
            elif len(inside[column]):
                found[row, column] = max(0.0, float(similar[:, inside[column]].max(axis=1).mean()))
    return found


def _names(question: Question, content: Sequence[Word]) -> list[int]:
    """Positions of the words that are written as names; a figure glued to one, as in "01.AI", is part of it."""
    found = [
        (w.text[0].isupper() and w.start > 0) or any(character.isupper() for character in w.text[1:]) for w in content
    ]
    for i, word in enumerate(content):
        for other, is_name in zip(content, list(found), strict=True):
            between = question.text[min(word.end, other.end) : max(word.start, other.start)]
            found[i] |= is_name and word.is_number and len(between) == 1 and between in ".-"
    return [i for i, is_name in enumerate(found) if is_name]


def _whole_names(question: Question, content: Sequence[Word], names: Sequence[int], by_word: np.ndarray) -> None:
    """In a run of name words, as in "Ada Lovelace", each is as well supported as the best of them, in place."""
    runs: list[list[int]] = []
    for i in names:
        joined = runs and not question.text[content[runs[-1][-1]].end : content[i].start].strip()
        if joined and i == runs[-1][-1] + 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    for run in runs:
        by_word[run] = by_word[run].max()
