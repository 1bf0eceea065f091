"""What people think of the answers: `feedback.jsonl` beside the generations, a line for each judgement.

The lines are a question file for `rag eval`: an answer found right labels its sentences as evidence, a refusal found
right says that the articles don't tell. Found wrong, either is labelled by what would have been right, when that was
said, and is otherwise kept without a label. Of several judgements of the same question the last one counts.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rag.answering import Answer
from rag.errors import RagError
from rag.hits import Hit

FILE = "feedback.jsonl"
_LOCK = threading.Lock()


def record(
    index: str | Path,
    answer: Answer,
    good: bool | None,
    history: Sequence[tuple[str, str]] = (),
    right: Hit | None = None,
    not_said: bool = False,
) -> None:
    """Note a judgement of `answer`.

    Args:
        index: folder of the index.
        answer: what is judged.
        good: whether it is right; None takes an earlier judgement back.
        history: (question, answer text) pairs before it.
        right: of a wrong one: the passage that tells it.
        not_said: of a wrong one: that the articles don't tell it.

    Raises:
        RagError: the file can't be written.
    """
    given = [sentence.text for sentence in answer.sentences]
    row: dict[str, Any] = {
        "question": answer.question,
        "history": [list(turn) for turn in history],
        "good": good,
        "given": given,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    if not_said or (good and not answer.answered):
        row["answerable"] = False
    elif good:
        row["evidence"] = given
    elif right is not None:
        row["evidence"] = [paragraph.text for paragraph in right.paragraphs]
    file = Path(index) / FILE
    try:
        with _LOCK, file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as error:
        raise RagError(f"The judgement can't be noted in {file} ({error.strerror}); free or unlock it.") from error
