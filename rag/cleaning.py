"""Text hygiene: Unicode, spaces, and phrases glued into words.

A *watermark* is a phrase that a site's scripts put into the text to mark copies, without regard for words: "globaSITE
NAMEl". It gives itself away by standing at least three times directly after a small letter, behind different
beginnings of words, while the words are found again once it is taken out: "globa" + "l" is a word of the article. Names
that are written that way ("OpenAI", "YouTubers") don't meet this: behind one beginning only, or ending with the word.
Only glued occurrences are removed; the same words standing by themselves may be somebody's name.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from itertools import islice

_LINE_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
"""Controls, soft hyphens, zero-width characters and overrides of the writing direction."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SPACES = re.compile(r"[^\S\n]+")

_GLUED_START = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[^\W\d_])(?=www\.|https?://|©)")
"""Within a word, where a small letter meets a capital or an address."""
_LEFT = re.compile(r"[^\W\d_]*\Z")
_RIGHT = re.compile(r"[^\W\d_A-Z]*")
_LONGEST_WATERMARK = 48
_SHORTEST_WATERMARK = 4
_TIMES = 3
_CANDIDATES = 200
"""Phrases that are looked at, the most frequent first: each is searched for in all of the text."""
_PLACES = 2000
"""Places that are looked at of each."""


def clean(text: str) -> str:
    """`text` in NFC with plain line breaks and spaces, without characters that can't be seen."""
    text = _LINE_BREAKS.sub("\n", text)
    text = _SURROGATE.sub("\ufffd", text)
    text = _INVISIBLE.sub("", text)
    return unicodedata.normalize("NFC", text)


def printable(name: str) -> str:
    """A file's name, which may hold line breaks, controls and bytes that are no text, as it can be shown in a line."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    return _INVISIBLE.sub("\ufffd", _LINE_BREAKS.sub("\ufffd", text).replace("\t", " ").replace("\n", "\ufffd"))


def tidy(text: str) -> str:
    """One paragraph's text: runs of spaces become one, lines are stripped, empty ones dropped."""
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def strip_phrases(text: str, phrases: Iterable[str]) -> str:
    """`text` without `phrases`, wherever they stand, also inside words."""
    for phrase in phrases:
        text = text.replace(phrase, "")
    return text


def find_watermarks(text: str) -> list[str]:
    """The phrases that are glued into words of `text` again and again."""
    starts = [match.start() for match in _GLUED_START.finditer(text)]
    if len(starts) < _TIMES:
        return []
    words = sorted(set(re.findall(r"[^\W\d_]+", text.lower())))
    found: list[str] = []
    following = sorted(text[start : start + _LONGEST_WATERMARK] for start in starts)
    for phrase in _shared_beginnings(following):
        longer = any(phrase in other or other in phrase for other in found)
        if not longer and _is_watermark(phrase, text, words):
            found.append(phrase)
    return found


def strip_watermarks(text: str, watermarks: Iterable[str]) -> str:
    """`text` without the places where `watermarks` are glued to a word; the words are whole again."""
    for phrase in watermarks:
        quoted = re.escape(phrase)
        text = re.sub(rf"(?<=[^\W\d_]){quoted}|{quoted}(?=[^\W\d_A-Z])", "", text)
    return text


def _shared_beginnings(texts: list[str]) -> list[str]:
    """Beginnings that at least `_TIMES` of the sorted `texts` share, those of most texts first, then the longest."""
    counts: dict[str, int] = {}
    for one, other in zip(texts, texts[_TIMES - 1 :], strict=False):
        length = 0
        for a, b in zip(one, other, strict=False):
            if a != b or a == "\n":
                break
            length += 1
        shared = one[:length].rstrip()
        if len(shared) >= _SHORTEST_WATERMARK:
            counts[shared] = 0
    for shared in counts:
        counts[shared] = bisect_left(texts, shared + "\U0010ffff") - bisect_left(texts, shared)
    return sorted(counts, key=lambda shared: (-counts[shared], -len(shared)))[:_CANDIDATES]


def _is_watermark(phrase: str, text: str, words: list[str]) -> bool:
    beginnings: set[str] = set()
    glued = inside = mended = 0
    for match in islice(re.finditer(re.escape(phrase), text), _PLACES):
        left = _left(text, match.start())
        right = _right(text, match.end())
        if not left and not right:
            continue
        glued += 1
        beginnings.add(left.lower())
        if left and right:
            inside += 1
            word = (left + right).lower()
            stump = (left + right[0]).lower()
            mended += _begin(words, word, whole=True) or (len(stump) >= 4 and _begin(words, stump))
    return glued >= _TIMES and len(beginnings) >= 2 and inside >= 2 and mended * 2 >= inside


def _begin(words: list[str], beginning: str, whole: bool = False) -> bool:
    """Whether one of the sorted `words` begins so, or is it."""
    i = bisect_left(words, beginning)
    return i < len(words) and (words[i] == beginning if whole else words[i].startswith(beginning))


def _left(text: str, end: int) -> str:
    match = _LEFT.search(text[max(0, end - 40) : end])
    return match.group() if match else ""


def _right(text: str, start: int) -> str:
    match = _RIGHT.match(text, start)
    return match.group() if match else ""
