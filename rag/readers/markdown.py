"""Markdown by markdown-it-py, with YAML front matter (title, author, date, url, tags) where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rag.errors import UnreadableArticle
from rag.readers.document import Block, Document, File, Kind, day, one, paragraph, words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

SUFFIXES = (".md", ".markdown", ".mdown")
ISOLATED = False
LONGEST_FRONT = 50_000
"""Characters of front matter; the parser of YAML is slow, and more is none."""

_FRONT = re.compile(r"\A\s*---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|</?[a-zA-Z][^<>]*>", re.S)


def read(file: File) -> Iterator[Document]:
    """The document in `file`.

    Raises:
        UnreadableArticle: it is no text, or the front matter is not YAML.
    """
    front, body = _front_matter(file.text)
    blocks = _blocks(_parser().parse(body))
    title = one(front.get("title")) or next((b.text for b in blocks if b.kind is Kind.HEADING), "")
    yield Document(
        blocks=blocks,
        title=title,
        author=", ".join(words(front["authors"] if "authors" in front else front.get("author"))),
        date=day(front.get("date")),
        url=one(front.get("url") or front.get("link") or front.get("canonical")),
        tags=words(front.get("tags") or front.get("keywords")),
    )


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    import yaml

    match = _FRONT.match(text)
    if not match or match.end() > LONGEST_FRONT:
        return {}, text
    try:
        values = yaml.safe_load(match.group(1) or "")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 2}" if where else ""
        raise UnreadableArticle(f"its front matter is not valid YAML{line}") from error
    if values is None or isinstance(values, dict):
        return {str(key).lower(): value for key, value in (values or {}).items()}, text[match.end() :]
    # Two rules with text between them, no front matter.
    return {}, text


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table")


def _blocks(tokens: list[Token]) -> list[Block]:
    blocks: list[Block] = []
    row: list[str] = []
    holder = ""
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.type.endswith("_list_open"):
            end = next(j for j in range(i, len(tokens)) if tokens[j].nesting == -1 and tokens[j].level == token.level)
            items = _items(tokens[i:end])
            blocks += [paragraph("\n".join(items))] if items else []
            i = end
        elif token.type == "inline":
            text = _plain(token.children or [])
            if holder in ("th_open", "td_open"):
                row.append(text)
            elif text:
                blocks.append(Block(Kind.HEADING, text) if holder == "heading_open" else paragraph(text))
        elif token.type == "tr_close":
            blocks.append(paragraph(" | ".join(row)))
            row = []
        elif token.content:
            blocks += _verbatim(token)
        elif token.nesting == 1:
            holder = token.type
        i += 1
    return blocks


def _items(tokens: list[Token]) -> list[str]:
    """The items of a list, those of lists inside it after the item they stand in; numbers are kept."""
    items: list[str] = []
    numbers: list[int | None] = []
    for token in tokens:
        if token.type == "ordered_list_open":
            numbers.append(int(token.attrGet("start") or 1))
        elif token.type == "bullet_list_open":
            numbers.append(None)
        elif token.type.endswith("_list_close"):
            numbers.pop()
        elif token.type == "list_item_open":
            number = numbers[-1]
            items.append("" if number is None else f"{number}.")
            numbers[-1] = None if number is None else number + 1
        elif token.content:
            text = _plain(token.children) if token.children else " ".join(token.content.split())
            items[-1] = f"{items[-1]} {text}".strip()
    return [item for item in items if item]


def _verbatim(token: Token) -> list[Block]:
    if token.type != "html_block":
        return [Block(Kind.ASIDE, token.content.rstrip("\n"))] if token.content.strip() else []
    text = " ".join(_TAG.sub(" ", token.content).split())
    return [paragraph(text)] if text else []


def _plain(children: list[Token]) -> str:
    """Inline tokens as text: links are their words, pictures are left out."""
    parts = []
    for token in children:
        if token.type in ("text", "code_inline"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
    return " ".join("".join(parts).split())
