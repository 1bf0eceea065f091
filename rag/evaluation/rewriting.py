"""How well follow-ups are made to stand alone, by labelled rewritings; no index is needed.

A file has a follow-up a line: `question`, `history` (the questions before it, or questions and answers in turn) and
`rewrite`, the question as it stands alone. What counts are content words, stemmed: *needed* are those of the rewriting
that the question lacks, *added* those that `rag.conversation` adds to it.

- *needed words*: the share of the needed ones that were added, over the questions that need some;
- *fitting words*: the share of the added ones that stand in the rewriting or the question, over those that got some;
- *left alone*: over the questions that need none, whether none were added.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rag.conversation import stand_alone
from rag.question import words_of
from rag.referents import Turn

NEEDED, FITTING, LEFT_ALONE = "needed words", "fitting words", "left alone"


def rewritten(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each follow-up made to stand alone and measured, as a row of an `Evaluation`."""
    with_answers = _with_answers(rows)
    found = []
    for number, row in enumerate(rows, 1):
        turns = _turns(row.get("history") or [], str(row.get("set")) in with_answers)
        started = time.perf_counter()
        searched = stand_alone(str(row["question"]), turns)
        seconds = time.perf_counter() - started
        own, wanted, got = (_stems(str(text)) for text in (row["question"], row["rewrite"], searched))
        needed, added = wanted - own, got - own
        values = {"seconds": seconds}
        if needed:
            values[NEEDED] = len(needed & added) / len(needed)
        else:
            values[LEFT_ALONE] = float(not added)
        if added:
            values[FITTING] = len(added & wanted) / len(added)
        missing, surplus = needed - added, added - wanted
        found.append(
            {
                "id": str(row.get("_id") or row.get("id") or number),
                "question": str(row["question"]),
                "follow_up": bool(turns),
                "searched": searched,
                "answerable": None,
                "expected": [str(row["rewrite"])],
                "labelled": [],
                "answered": True,
                "confidence": 0.0,
                "given": [],
                "hits": [],
                "lost": "not understood" if missing else "overdone" if surplus else "understood",
                "values": {name: round(value, 6) for name, value in values.items()},
            }
        )
    return found


def _with_answers(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The sets whose histories have answers: every one of them is of even length."""
    sets = {str(row.get("set")) for row in rows}
    return sets - {str(row.get("set")) for row in rows if len(row.get("history") or []) % 2}


def _turns(history: Sequence[Any], with_answers: bool) -> list[Turn]:
    texts = [str(text) for text in history]
    if with_answers:
        return [Turn(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    return [Turn(text, "") for text in texts]


def _stems(text: str) -> set[str]:
    return {word.stem for word in words_of(text) if word.is_content}
