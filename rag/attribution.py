"""Whose is it? A bare surname is read as the full name that the article gave last before it.

"Liu" in an article that has introduced Liu Zhiyuan is Liu Zhiyuan until it names another Liu in full. A question about
one of them is not answered with the other's words. Nor is "Who is the head of X?" answered with a sentence that has a
head and an X, but far apart: there it is the head of another.
"""

from __future__ import annotations

import re

from rag.question import stem, words_of

_RUN = re.compile(r"\b[^\W\d_a-z][\w’'-]*(?: [^\W\d_a-z][\w’'-]*)+")
"""Two or more neighbouring words that begin with a capital."""


def full_names(question: str) -> list[tuple[str, ...]]:
    """The names of two or more words in a question, its opening word left out."""
    found = []
    for match in _RUN.finditer(question):
        parts = match.group().split()
        if match.start() == 0:
            parts = parts[1:]
        parts = [re.sub(r"[’']s$", "", part) for part in parts]
        if len(parts) > 1:
            found.append(tuple(parts))
    return found


def is_another(name: tuple[str, ...], text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` speaks of someone who shares a part of `name` but is called otherwise.

    Full names in the span itself are taken as they stand; a bare part of `name` as the last full name before it.
    """
    span = text[start:end]
    if " ".join(name) in span:
        return False
    for part in name:
        for match in re.finditer(rf"\b{re.escape(part)}\b", span):
            called = _called(part, text, start + match.start())
            if called and not set(name) <= set(called) and not set(called) <= set(name):
                return True
    return False


def _called(part: str, text: str, position: int) -> tuple[str, ...]:
    """The full name with `part` in it that stands at `position` or last before it; () when there is none."""
    window = text[max(0, position - 20_000) : position + 80]
    offset = max(0, position - 20_000)
    called: tuple[str, ...] = ()
    for match in _RUN.finditer(window):
        if offset + match.start() > position:
            break
        parts = tuple(re.sub(r"[’']s$", "", word) for word in match.group().split())
        if part in parts:
            called = parts
    return called


APART = 10
"""Words between an office and a name that do not belong together."""
_OFFICE = re.compile(r"\b[Ww]ho\b.{0,40}? ([^\W\d_][\w-]*) of (?:the )?([^\W\d_a-z][\w’'-]*(?: [^\W\d_a-z][\w-]*)*)")


def is_office_of_another(question: str, text: str) -> bool:
    """Whether `question` asks who holds an office of a name, and `text` has both, but nowhere near each other."""
    match = _OFFICE.search(question)
    if not match:
        return False
    words = words_of(text)
    offices = [i for i, word in enumerate(words) if word.stem == stem(match.group(1))]
    last = words_of(match.group(2))[-1].stem
    names = [i for i, word in enumerate(words) if word.stem == last]
    return bool(offices and names) and min(abs(i - j) for i in offices for j in names) > APART
