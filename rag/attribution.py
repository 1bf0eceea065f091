"""Whose is it? A bare surname is read as the full name that the article gave last before it, and so is a pronoun.

"Liu" in an article that has introduced Liu Zhiyuan is Liu Zhiyuan until it names another Liu in full. A question about
one of them is not answered with the other's words. Nor is "Who is the head of X?" answered with a sentence that has a
head and an X, but far apart: there it is the head of another.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
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


LONGEST_WORD = 80
"""Characters of a name's word."""


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
    told = _Told(text)
    runs = {tuple(match.group().split()): _person(match.group().split(), text) for match in _RUN.finditer(text)}
    persons = {run: name for run, name in runs.items() if name[-1].lower() not in _HEADS and told.acts(name)}
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
    while len(run) > 2 and len(list(_places(run[0], text))) > text.count(" ".join(run)):
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


_IS_SOMEBODY = re.compile(rf"(?=,? who\b|, (?:an?|the)\b| (?:{_SAYS})\b)")
_SAID = re.compile(r"\b(?:said|says|told|according to) ")
_LAST_WORD = re.compile(r"[\w’'-]+$")


class _Told:
    """What a text tells of those it names; it is read once, since long articles have many names."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._before = {match.start() for match in _IS_SOMEBODY.finditer(text)}
        self._after = {match.end() for match in _SAID.finditer(text)}
        self._alone = {part for end in self._before for part in _ends(text, end)}
        """Single words before it, each the first of its name."""

    def acts(self, name: Sequence[str]) -> bool:
        """Whether the name, or a part of it, says, thinks or is something."""
        if name[0] in self._alone or name[-1] in self._alone:
            return True
        whole, text = " ".join(name), self._text
        at = text.find(whole)
        while at >= 0:
            end = at + len(whole)
            if (end in self._before and _edge(text, at)) or (at in self._after and _edge(text, end)):
                return True
            at = text.find(whole, at + 1)
        return False


def _ends(text: str, end: int) -> Iterator[str]:
    """The last word of `text[:end]`, and what of it stands after a hyphen, unless another word is before it."""
    match = _LAST_WORD.search(text, max(0, end - LONGEST_WORD), end)
    for at in range(match.start(), end) if match else ():
        if _edge(text, at) and not (at > 1 and text[at - 1] == " " and _is_word(text[at - 2])):
            yield text[at:end]


def _places(word: str, text: str) -> Iterator[int]:
    """Where `word` stands by itself in `text`."""
    at = text.find(word)
    while at >= 0:
        if _edge(text, at) and _edge(text, at + len(word)):
            yield at
        at = text.find(word, at + 1)


def _edge(text: str, at: int) -> bool:
    """Whether a word begins or ends there."""
    return (at > 0 and _is_word(text[at - 1])) != (at < len(text) and _is_word(text[at]))


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
