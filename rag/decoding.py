"""Bytes → text.

The first of these that fits says how they are read:

1. a byte order mark;
2. UTF-16 without one, told by the spaces, line breaks and commas that only the right order of bytes shows;
3. ISO-2022-JP, told by its escape sequences;
4. UTF-8;
5. what the file itself declares (HTML and XML do);
6. UTF-8 in which a few characters are broken, as where a file was cut off;
7. cp1252 (Western European, latin-1 within it), told by its few accents and quotation marks among plain letters;
8. what charset-normalizer finds;
9. UTF-8 again, where hardly anything is broken.

Where the encoding is neither declared nor certain, its name is given back, so that whoever reads the file can be told.
"""

from __future__ import annotations

import codecs
import re

from rag.errors import UnreadableArticle

SAMPLE = 200_000
"""Bytes by which an encoding is told; all are decoded with it."""
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{2,30})|<\?xml[^>]{0,100}encoding=[\"']([\w-]{2,30})", re.I
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]+")
_COMMON = re.compile(r"[ \n,.，。、؛،-]")
"""Characters of every text, whatever its script; none is common when the two bytes of each are swapped."""
_STRANGE = re.compile(r"[\x00-\x08\x0e-\x1f\ud800-\udfff\ue000-\uf8ff\ufffd-\uffff]")
_IN_WORD = re.compile(r"[^\W\d_][\x80-\xbf\xd7\xf7†‡•…‰‹›€„‚ˆ™“”][^\W\d_]")
"""A sign of cp1252 that is no letter between two letters: letters of another encoding."""
_NO_ENCODINGS = frozenset(("idna", "punycode", "unicode-escape", "raw-unicode-escape"))
"""What Python calls encodings and no page is written in."""
_ENCODINGS = """gb18030 big5 cp932 euc_jp cp949 cp1252 cp1250 cp1251 koi8_r iso8859_2 cp1253 cp1254 cp1255 cp1256
    cp1257""".split()
"""What articles are written in; among more, short texts look like rarer ones."""


def decode(data: bytes) -> tuple[str, str]:
    """The text in `data`, and the encoding where it had to be assumed ("" where it was certain or declared).

    Raises:
        UnreadableArticle: it is no text.
    """
    named = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    if named:
        return _checked(data.decode(named, "replace")), ""
    if order := _utf16(data):
        return data.decode(order, "replace"), order
    if len(_CONTROLS.findall(data)) * 20 > len(data):
        raise UnreadableArticle("it is not text: it is full of control characters")
    if b"\x1b$" in data[:SAMPLE] and (text := _strict(data, "iso2022_jp")) is not None:
        return text, "iso2022_jp"
    said = _CHARSET.search(data[:4096])
    declared = (said.group(1) or said.group(2)).decode() if said else ""
    for encoding in ("utf-8", declared):
        if encoding and (text := _strict(data, encoding)) is not None:
            return text, ""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    in_part = f"utf-8 with {broken} broken characters"
    if broken * 10 <= len(_HIGH.findall(data)) and len(data) - len(text) > 10 * broken:
        return text, in_part
    # Cut at the end of a line, not within a character.
    sample = data if len(data) <= SAMPLE else data[: data.rfind(b"\n", SAMPLE // 2, SAMPLE) + 1] or data
    encoding = "cp1252" if _is_western(sample) else _found(sample)
    if encoding:
        return _checked(data.decode(encoding, "replace")), encoding
    if broken * 50 <= len(text):
        return text, in_part
    raise UnreadableArticle("its encoding can't be told; save it as UTF-8")


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return None if codecs.lookup(encoding).name in _NO_ENCODINGS else data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _checked(text: str) -> str:
    if text.count("\ufffd") * 20 > len(text):
        raise UnreadableArticle("it is not text: most of it can't be decoded")
    return text


def _utf16(data: bytes) -> str:
    """The order of bytes that makes a text of `data`; "" when neither does."""
    sample = data[: SAMPLE - SAMPLE % 2]
    # Of bytes that are UTF-8 as well, more than a few must speak for it: single zeros stand in many a text.
    least = 10 if _strict(sample[:-4], "utf-8") is not None else 200
    if len(sample) < 4 or len(_CONTROLS.findall(sample)) * least < len(sample):
        return ""
    shares = {}
    for order in ("utf-16-le", "utf-16-be"):
        text = sample.decode(order, "replace")
        strange = len(_STRANGE.findall(text)) - text.endswith("\ufffd")
        shares[order] = 0.0 if strange * 100 > len(text) else len(_COMMON.findall(text)) / len(text)
    best = max(shares, key=lambda order: shares[order])
    return best if shares[best] > 0.02 and shares[best] > 2 * min(shares.values()) else ""


def _is_western(sample: bytes) -> bool:
    runs = _HIGH.findall(sample)
    text = _strict(sample, "cp1252")
    if text is None or sum(map(len, runs)) * 5 > len(sample) or _IN_WORD.search(text):
        return False
    # Letters of other alphabets, and the two bytes of one character, stand together.
    return sum(len(run) > 1 for run in runs) * 5 <= len(runs)


def _found(sample: bytes) -> str:
    """What charset-normalizer takes it for; "" when it can't tell."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_ENCODINGS).best()
    return best.encoding if best else ""
