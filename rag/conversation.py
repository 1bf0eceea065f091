"""A follow-up question, made to stand alone by what was said before it.

1. A question leans on the conversation when it opens like one that goes on ("And …", "What about …"), when a pronoun
   or "that", "those", "there" stands for something it does not name itself, or when it has next to no content words.
2. A pronoun takes the place of what the last question was about (its names, or else its last content words); what
   cannot be put in its place is added in front.
3. Any other question is left alone, whatever came before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rag.errors import RagError
from rag.question import STOPWORDS, Word, words_of

Turn = tuple[str, str]
"""A question and the text of its answer."""

_GOES_ON = re.compile(
    r"^\s*(and|but|so|or|also|what about|how about|then|what else|anything else|why not|since when|which ones?)\b", re.I
)
_LEANS = re.compile(
    r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs|that|those|these|this|there|then|one|ones|such|same)\b",
    re.I,
)
_EXPLETIVE = re.compile(
    r"\b(?:is|are|was|were|be|do|does|did|has|have) there\b|\bthere (?:is|are|was|were)\b"
    r"|\b(?:is|was) it (?:true|possible|that)\b|\bat that time\b"
    r"|\b(?:this|that|these|those) (?:year|month|week|day|century|articles?|time|reason)\b",
    re.I,
)


def turns_of(history: Sequence[Any]) -> list[Turn]:
    """The conversation as (question, answer) pairs, oldest first.

    Accepts pairs, answers, or messages with `role` and `content`.

    Raises:
        RagError: an entry is none of these.
    """
    turns: list[Turn] = []
    for entry in history:
        if isinstance(entry, dict) and isinstance(entry.get("content"), str):
            if entry.get("role") == "user":
                turns.append((entry["content"], ""))
            elif turns:
                turns[-1] = (turns[-1][0], entry["content"])
        elif hasattr(entry, "searched") and hasattr(entry, "text"):
            turns.append((entry.searched, entry.text))
        elif isinstance(entry, (tuple, list)) and len(entry) == 2 and all(isinstance(part, str) for part in entry):
            turns.append((entry[0], entry[1]))
        else:
            raise RagError(
                f"An entry of the history is {type(entry).__name__}; give (question, answer) pairs, oldest first."
            )
    return turns


def stand_alone(question: str, turns: Sequence[Turn]) -> str:
    """The question with what it leans on in it; `question` itself where it stands alone."""
    if not turns or not leans(question):
        return question
    before = _resolved(turns)
    topic = _topic(before)
    if not topic:
        return question
    asked = {w.stem for w in words_of(question)}
    if all(w.stem in asked for w in words_of(topic) if w.is_content):
        return question
    replaced = _replaced(question, topic)
    # What the last question was about is needed whole where the follow-up names none of it itself.
    if _GOES_ON.search(question) or replaced == question or len(_content(question)) < 2:
        rest = before.rstrip(" ?.!")
        return f"{rest}: {question.strip()}"
    return replaced


def leans(question: str) -> bool:
    """Whether the question needs the conversation before it to be understood."""
    plain = _EXPLETIVE.sub(" ", question)
    if _GOES_ON.search(plain):
        return True
    content = _content(plain)
    names = [w for w in content if w.text[0].isupper() and w.start > 0]
    match = _LEANS.search(plain)
    if match:
        # "that" may also join clauses: it leans only where nothing is named before it.
        joins = match.group().lower() in ("that", "one", "then", "same", "there") and len(content) > 3
        named_before = any(w.start < match.start() for w in names)
        return not joins and not named_before
    return len(content) == 0 or (len(content) == 1 and not names and len(words_of(question)) <= 3)


def _resolved(turns: Sequence[Turn]) -> str:
    """The last question, itself made to stand alone."""
    done: list[Turn] = []
    for question, answer in turns[-4:]:
        done.append((stand_alone(question, done), answer))
    return done[-1][0]


def _topic(question: str) -> str:
    """What a question is about: its last run of names, or else of content words."""
    names = _runs(question, lambda w: w.text[0].isupper() and w.start > 0 and w.text.lower() not in STOPWORDS)
    if names:
        return names[-1] if len(names[-1].split()) > 1 or len(names) == 1 else max(names, key=len)
    runs = _runs(question, lambda w: w.is_content)
    return max(runs, key=len) if runs else ""


def _runs(text: str, chosen: Any) -> list[str]:
    """Stretches of neighbouring words that are `chosen`, as they stand in the text."""
    found: list[tuple[int, int]] = []
    open_run = False
    for word in words_of(text):
        if chosen(word):
            if open_run and not re.search(r"[,;:?!]", text[found[-1][1] : word.start]):
                found[-1] = (found[-1][0], word.end)
            else:
                found.append((word.start, word.end))
            open_run = True
        else:
            open_run = False
    return [text[a:b] for a, b in found]


def _replaced(question: str, topic: str) -> str:
    def put(match: re.Match[str]) -> str:
        word = match.group().lower()
        if word in ("his", "her", "its", "their") and re.match(r"\s+\w", question[match.end() :]):
            return f"{topic}'s"
        return topic

    pattern = re.compile(r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs)\b", re.I)
    first = pattern.search(question)
    if not first:
        return question
    return question[: first.start()] + put(first) + question[first.end() :]


def _content(text: str) -> list[Word]:
    return [w for w in words_of(text) if w.is_content]
