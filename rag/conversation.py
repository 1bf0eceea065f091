"""A follow-up question, made to stand alone by what was said before it.

1. A question leans on the conversation when it opens like one that goes on ("And …", "What about …"), when a pronoun
   or "that", "those", "there" stands for something it does not name itself, or when it has next to no content words.
2. What the pronoun stands for takes its place: for "he", "she" and "they" somebody whom the last question asked about,
   or whom its answer named when it asked who; else what the last question was about (its names, or else its content
   words). "They" after "How many …" or "Which …" are those counted there, and the whole of that question is added.
3. A fragment ("And the GPL?", "And at 3 watts?") takes the place of its like in the last question.
4. To what still lacks something, what the last question was about is added in front; to a question with next to no
   content words the whole of it.
5. Any other question is left alone, whatever came before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rag.cleaning import clean
from rag.errors import RagError
from rag.question import STOPWORDS, Word, words_of

_PERSON = frozenset("he him his she her hers they them their theirs".split())
_PUT = re.compile(r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs)\b", re.I)
_DEFINES = re.compile(r"^\s*(?:what|who) (?:is|are|was|were) (?:an? |the )?[\w-]+\W*$", re.I)
_ASKS = re.compile(
    r"\b(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|may|will|has|have|had)\b",
    re.I,
)
_FRAGMENT = re.compile(r"^\s*(?:and|but|or|so|also|then)?\s*(?:what about|how about)?\s*", re.I)
_PREPOSITION = re.compile(r"^(about|at|for|from|in|on|to|with|under|after|before|of|by)\b", re.I)
_VERB = re.compile(r"\b(?:do|does|did|is|are|was|were|can|could|will|would|has|have|had)\s+(?:(?:the|an?)\s+)?", re.I)
_COUNTED = re.compile(r"\b(?:how many|which|what)\s+(?:\w+\s+)?(?:\w+(?<!s)s|people)\b", re.I)
_WHO = re.compile(r"^\s*(?:and\s+)?who\b(?:\s+(?:is|was|are|were)\b)?", re.I)

Turn = tuple[str, str]
"""A question and the text of its answer."""
LONGEST_TURN = 10_000
"""What is looked at of either, in characters."""

_GOES_ON = re.compile(
    r"^\s*(and|but|so|or|also|what about|how about|then|what else|anything else|why not|since when|which ones?)\b", re.I
)
_LEANS = re.compile(
    r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs|that|those|these|this|there|then|one|ones|such|same)\b",
    re.I,
)
_EXPLETIVE = re.compile(
    r"\b(?:is|are|was|were|be|do|does|did|has|have) there\b|\bthere (?:is|are|was|were)\b"
    r"|\b(?:is|was) it (?:true|possible|that)\b|\bit (?:takes?|took)\b|\bat that time\b"
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
    return [(clean(question[:LONGEST_TURN]), clean(answer[:LONGEST_TURN])) for question, answer in turns]


def stand_alone(question: str, turns: Sequence[Turn]) -> str:
    """The question with what it leans on in it; `question` itself where it stands alone."""
    if not turns or not leans(question):
        return question
    last = _resolved(turns)
    fragment = _FRAGMENT.sub("", question).strip()
    goes_on = bool(_GOES_ON.search(question))
    if goes_on and fragment and not _ASKS.search(fragment):
        return _with_fragment(fragment, last[0])
    pronoun = next((m for m in _PUT.finditer(_EXPLETIVE.sub(lambda m: " " * len(m.group()), question))), None)
    topic = _meant(pronoun.group().lower() if pronoun else "", last)
    asked = {w.stem for w in words_of(question)}
    if not topic or all(w.stem in asked for w in words_of(topic) if w.is_content):
        return question
    counted = pronoun and pronoun.group().lower().startswith("the") and _COUNTED.search(last[0])
    if pronoun and not counted:
        return question[: pronoun.start()] + _put(pronoun, topic, question) + question[pronoun.end() :]
    if counted or len(_content(question)) < 2:
        rest = last[0].rstrip(" ?.!")
        return f"{rest}: {question.strip()}"
    return f"{topic}: {question.strip()}"


def leans(question: str) -> bool:
    """Whether the question needs the conversation before it to be understood."""
    plain = _EXPLETIVE.sub(" ", question)
    if _GOES_ON.search(plain):
        return True
    content = _content(plain)
    names = [w for w in content if w.text[0].isupper() and w.start > 0 and len(w.text) > 1]
    match = _LEANS.search(plain)
    if match:
        # "that" may also join clauses: it leans only where nothing is named before it.
        joins = match.group().lower() in ("that", "one", "then", "same", "there") and len(content) > 3
        named_before = any(w.start < match.start() for w in names)
        return not joins and not named_before
    short = len(content) == 1 and not names and len(words_of(question)) <= 3 and not _DEFINES.match(question)
    return len(content) == 0 or short


def _resolved(turns: Sequence[Turn]) -> Turn:
    """The last question, itself made to stand alone, and its answer."""
    done: list[Turn] = []
    for question, answer in turns[-4:]:
        done.append((stand_alone(question, done), answer))
    return done[-1]


def _with_fragment(fragment: str, before: str) -> str:
    """The question `before`, asked of what `fragment` names; both where its like isn't found there."""
    rest = fragment.rstrip(" ?.!")
    opens = _PREPOSITION.match(rest)
    if opens:
        like = list(re.finditer(rf"\b{opens.group()}\b", before, re.I))
        if like:
            return f"{before[: like[-1].start()]}{rest}?"
    names = _name_runs(before)
    if _name_runs(f"x {rest}") and names:
        return before.replace(names[-1], re.sub(r"^the\s+", "", rest, flags=re.I))
    return _with_subject(rest, before) or f"{before.rstrip(' ?.!')}: {fragment}"


def _with_subject(things: str, before: str) -> str:
    """The question `before` with `things` as what its verb is about; "" where that can't be told."""
    verb = _VERB.search(before)
    bare = re.sub(r"^(?:the|an?)\s+", "", things, flags=re.I)
    own = words_of(bare)
    if not verb or not own or not all(word.is_content for word in own):
        return ""
    subject = [word for word in words_of(before) if word.start >= verb.end()][: len(own)]
    if len(subject) < len(own) or not all(word.is_content for word in subject):
        return ""
    return before[: subject[0].start] + bare + before[subject[-1].end :]


def _meant(pronoun: str, last: Turn) -> str:
    """What `pronoun` stands for after the turn `last`; "" when that can't be told."""
    question, answer = last
    names = _name_runs(question)
    if pronoun in _PERSON:
        asks_who = _WHO.match(question)
        # "Who is Ada Holm?" is about her, "Who leads Holm Works?" about whom the answer names.
        if asks_who and question[asks_who.end() :].strip(" ?") not in names:
            people = [n for n in _name_runs(answer, opening=True) if " " in n and n not in question]
            people = list(dict.fromkeys(people))
            if people:
                return " and ".join(people[:2]) if pronoun.startswith("the") else people[0]
        whole = [name for name in names if " " in name]
        if whole:
            return whole[-1]
    if names:
        return names[-1]
    runs = _runs(question, lambda w: w.is_content)
    return max(runs, key=len) if runs else ""


def _name_runs(text: str, opening: bool = False) -> list[str]:
    """Stretches of words that are written as names, the opening word left out unless `opening`."""
    return _runs(text, lambda w: w.text[0].isupper() and (opening or w.start > 0) and w.text.lower() not in STOPWORDS)


def _runs(text: str, chosen: Any) -> list[str]:
    """Stretches of neighbouring words that are `chosen`, with the figures that belong to them, as they stand."""
    found: list[tuple[int, int]] = []
    open_run = False
    for word in words_of(text):
        between = text[found[-1][1] : word.start] if open_run else ""
        if chosen(word) or between == "-" or (word.is_number and between in (" ", ".")):
            if open_run and not re.search(r"[,;:?!]|’s|'s", between):
                found[-1] = (found[-1][0], word.end)
            else:
                found.append((word.start, word.end))
            open_run = True
        else:
            open_run = False
    return [text[a:b] for a, b in found]


def _put(pronoun: re.Match[str], topic: str, question: str) -> str:
    own = pronoun.group().lower() in ("his", "her", "its", "their") and re.match(r"\s+\w", question[pronoun.end() :])
    return f"{topic}'s" if own else topic


def _content(text: str) -> list[Word]:
    return [w for w in words_of(text) if w.is_content]
