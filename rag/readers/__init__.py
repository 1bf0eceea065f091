"""One reader per format: a file → the `Document`s in it.

A reader is a module with `SUFFIXES`, `ISOLATED` and `read(file)`. To add a format, write one and list it in `READERS`;
one that needs a package which is not always installed imports it in `read`, by `extra`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from rag.errors import UnreadableArticle
from rag.readers import csv, docx, epub, feed, html, json, markdown, pdf, text
from rag.readers.document import Block, Document, File, Unread

__all__ = ["READERS", "Block", "Document", "File", "Reader", "Reading", "Unread", "read", "reader_of"]


class Reader(Protocol):
    """What a module here offers."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:  # noqa: N802
        """Of the files it reads, in small letters."""

    @property
    def ISOLATED(self) -> bool:  # noqa: N802
        """Whether it runs in a process of its own (`rag.readers.worker`), since a file may make its parser hang."""

    def read(self, file: File) -> Iterator[Document | Unread]:
        """The documents in `file`, and what there could not be read.

        Raises:
            UnreadableArticle: there is no article in it.
        """


@dataclass(frozen=True)
class Reading:
    """What a reader found in a file."""

    found: tuple[Document | Unread, ...]
    encoding: str = ""
    """What the file was taken for, where that had to be assumed."""


READERS: tuple[Reader, ...] = (text, markdown, html, pdf, docx, epub, json, csv, feed)


def reader_of(suffix: str) -> Reader | None:
    """The reader for files that end in `suffix`, None if there is none."""
    return next((reader for reader in READERS if suffix.lower() in reader.SUFFIXES), None)


def read(reader: Reader, file: File) -> Reading:
    """What `reader` finds in `file`, in this process.

    Raises:
        UnreadableArticle: nothing, or too much; says why.
    """
    found: list[Document | Unread] = []
    length = 0
    for item in reader.read(file):
        if isinstance(item, Document):
            length += sum(len(block.text) for block in item.blocks)
            if length > file.most:
                raise UnreadableArticle(f"there is more text in it than max_file_mb = {file.most / 1e6:g} allows")
        found.append(item)
    return Reading(tuple(found), file.encoding)
