"""Whose is it? A bare surname is read as the full name that the article gave last before it, and so is a pronoun.

"Liu" in an article that has introduced Liu Zhiyuan is Liu Zhiyuan until it names another Liu in full. A question about
one of them is not answered with the other's words. Nor is "Who is the head of X?" answered with a sentence that has a
head and an X, but far apart: there it is the head of another.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

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


def is_another(name: tuple[str, ...], mentions: Sequence[Mention], start: int, end: int) -> bool:
    """Whether the text between two places speaks of someone who shares a part of `name` but is called otherwise.

    `mentions` are the people it names (`people`): what only shares a word with `name`, such as a report, is nobody.
    """
    first, last = (bisect_left(mentions, place, key=lambda mention: mention.start) for place in (start, end))
    asked = set(name)
    called = [set(mention.name) for mention in mentions[first:last] if asked & set(mention.name)]
    return bool(called) and not any(asked <= other or other <= asked for other in called)


APART = 10
"""Words between an office and a name that do not belong together."""
_CHIEF = re.compile(r"\bchief executive(?: officer)?\b", re.I)
"""The same office as CEO."""
_OFFICE = re.compile(r"\b[Ww]ho\b.{0,40}? ([^\W\d_][\w-]*) of (?:the )?([^\W\d_a-z][\w’'-]*(?: [^\W\d_a-z][\w-]*)*)")


def is_office_of_another(question: str, text: str) -> bool:
    """Whether `question` asks who holds an office of a name, and `text` has it of another.

    That is when both stand in it, but nowhere near each other, and when it has the office alone, with another name.
    """
    match = _OFFICE.search(_CHIEF.sub("CEO", question))
    if not match:
        return False
    text = _CHIEF.sub("CEO", text)
    words = words_of(text)
    offices = [i for i, word in enumerate(words) if word.stem == stem(match.group(1))]
    last = words_of(match.group(2))[-1].stem
    names = [i for i, word in enumerate(words) if word.stem == last]
    if offices and not names:
        return bool(re.search(rf"\b(?i:{re.escape(match.group(1))}) (?:of|at) (?:the )?[^\W_a-z]", text))
    return bool(offices and names) and min(abs(i - j) for i in offices for j in names) > APART


FAR = 700
"""Characters within which a pronoun is taken to stand for the person named last."""
_SAYS = (
    "said|says|told|tells|added|adds|noted|notes|explained|explains|argued|argues|believes|believed|thinks|thought|wrote|"
    "writes|wants|wanted|hopes|hoped|sees|saw|holds|held|called|calls|asked|asks|warned|warns|announced|admitted|stated|"
    "commented|replied|insisted|recalled|recalls|expects|expected|declared|suggested|suggests|has|had|was|is"
)
_HEADS = frozenset(
    """university times institute report company inc corp bank ministry department school club council states kingdom
    college agency association union party museum library street river lake city county street group press award prize
    league act war day""".split()
)
"""Last words of names that no person has."""
_PRONOUN = re.compile(r"\b(?:he|she|his|her|him|hers)\b", re.I)


class Mention(NamedTuple):
    """Where a person is named."""

    start: int
    end: int
    name: tuple[str, ...]
    """The full name, also where a part of it stands."""


def people(text: str) -> list[Mention]:
    """Where `text` names people, in order.

    A name of two or more words is a person's when it, or a part of it, says, thinks or is something, or is followed by
    who it is ("Ada Byron, a …").
    """
    found: list[Mention] = []
    known: dict[str, tuple[str, ...]] = {}
    runs = {tuple(match.group().split()): _person(match.group().split(), text) for match in _RUN.finditer(text)}
    persons = {run: name for run, name in runs.items() if name[-1].lower() not in _HEADS and _acts(name, text)}
    for match in re.finditer(rf"{_RUN.pattern}|\b[^\W\d_a-z][\w’'-]+", text):
        parts = tuple(re.sub(r"[’']s$", "", word) for word in match.group().split())
        if parts in persons:
            name = persons[parts]
            known.update(dict.fromkeys(name, name))
            found.append(Mention(match.start(), match.end(), name))
        elif len(parts) == 1 and parts[0] in known:
            found.append(Mention(match.start(), match.end(), known[parts[0]]))
    return found


def _person(run: Sequence[str], text: str) -> tuple[str, ...]:
    """The name in a run of three words or more without what stands before it, as in "head of Holm Works Ada Byron"."""
    run = tuple(run)
    while len(run) > 2 and len(re.findall(rf"\b{re.escape(run[0])}\b", text)) > text.count(" ".join(run)):
        run = run[1:]
    return run


def meant(mentions: Sequence[Mention], text: str, start: int, end: int) -> frozenset[str]:
    """Stems of the full names that pronouns and bare surnames in `text[start:end]` stand for."""
    starts = [mention.start for mention in mentions]
    names = {mentions[i].name for i in range(bisect_left(starts, start), bisect_left(starts, end))}
    for match in _PRONOUN.finditer(text, start, end):
        before = bisect_left(starts, match.start()) - 1
        if before >= 0 and match.start() - mentions[before].end <= FAR:
            names.add(mentions[before].name)
    return frozenset(word.stem for name in names for word in words_of(" ".join(name)))


def _acts(run: tuple[str, ...], text: str) -> bool:
    whole, first, last = (re.escape(part) for part in (" ".join(run), run[0], run[-1]))
    is_somebody = rf"(?:,? who\b|, (?:an?|the)\b| (?:{_SAYS})\b)"
    return any(
        re.search(pattern, text)
        for pattern in (
            rf"\b{whole}{is_somebody}",
            rf"\b(?:said|says|told|according to) {whole}\b",
            rf"(?<!\w )\b(?:{first}|{last}){is_somebody}",
        )
    )
