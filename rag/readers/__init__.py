"""One reader per format: a file's text → a `Document`.

A reader is a module with `SUFFIXES` and `read(text) -> Document`. To add a format, write one and list it in `READERS`.
"""

from __future__ import annotations

from typing import Protocol

from rag.readers import html, markdown, text
from rag.readers.document import Block, Document

__all__ = ["READERS", "Block", "Document", "Reader", "reader_of"]


class Reader(Protocol):
    """What a module here offers."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:  # noqa: N802
        """Of the files it reads, in small letters."""

    def read(self, text: str) -> Document:
        """The document in a file's `text`.

        Raises:
            UnreadableArticle: there is no article in it.
        """


READERS: tuple[Reader, ...] = (text, markdown, html)


def reader_of(suffix: str) -> Reader | None:
    """The reader for files that end in `suffix`, None if there is none."""
    return next((reader for reader in READERS if suffix.lower() in reader.SUFFIXES), None)
