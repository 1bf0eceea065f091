"""Files and folders → `Article`s, what was skipped and why, and what was assumed.

1. Folders are walked in the order of their names; hidden files and the index itself are passed over.
2. The reader of its format makes documents of a file, each of blocks. It does so in a process of its own, but for plain
   text and Markdown of ordinary size.
3. Whatever came out is cleaned; watermarks and set phrases are taken out.
4. The blocks, two line breaks between them, are an article's text. Paragraphs are spans of it; headings and asides
   (labels, credits, code) stand in the text but are no evidence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.cleaning import clean, find_watermarks, printable, strip_phrases, strip_watermarks, tidy
from rag.errors import RagError, UnreadableArticle
from rag.readers import READERS, Document, File, Reading, Unread, read, reader_of
from rag.readers.document import Block, Kind
from rag.readers.worker import Worker
from rag.settings import Settings

LARGE = 300_000
"""Bytes from which text and Markdown too are read in a process of their own: odd Markdown takes its parser long."""
LONGEST_PARAGRAPH = 10_000
"""Characters of a paragraph; a longer one is cut at the ends of sentences, so that a citation can be read."""
LONGEST_LINE = 300
"""Characters of a title, a heading or a name as they stand with passages; titles are embedded with each."""
LONGEST_URL = 2000
MOST_TAGS = 50
_BREAKS = (re.compile(r"\n|[.!?][”’\"')]*\s|[。！？]"), re.compile(r"\s"))


@dataclass(frozen=True)
class Paragraph:
    """The unit of citation: `article.text[start:end] == text`."""

    number: int
    """From 1, within its article; headings, labels and credits are not counted."""
    text: str
    start: int
    end: int
    heading: str = ""
    """The heading it stands under, "" when there is none."""
    place: str = ""
    """Where in its file it stands, as a citation says it: "p. 12", a chapter, "row 7"; "" where there is no such."""


@dataclass(frozen=True)
class Article:
    """One source document."""

    id: str
    """Its path below the folder it was found in, with `/`: stable from build to build. Of a file with several articles
    each has its own, the path with `#` and its number or name."""
    title: str
    text: str
    """The whole cleaned text, headings and labels included: what the reader shows and what spans point into."""
    paragraphs: tuple[Paragraph, ...]
    path: str
    author: str = ""
    date: str = ""
    """YYYY-MM-DD, or "" when unknown."""
    url: str = ""
    tags: tuple[str, ...] = ()

    @classmethod
    def from_file(cls, path: str | Path, settings: Settings | None = None, article_id: str = "") -> Article:
        """The article in the file at `path`.

        Raises:
            UnreadableArticle: it can't be read, there is no text in it, or there are several; says why.
        """
        path = Path(path)
        settings = settings or Settings()
        with _worker(settings) as worker:
            found = list(_read_file(path, article_id or printable(path.name), settings, worker, set()))
        articles = [item for item in found if isinstance(item, Article)]
        if len(articles) != 1:
            raise UnreadableArticle(f"there are {len(articles)} articles in it; read them with read_articles")
        return articles[0]


@dataclass(frozen=True)
class Skipped:
    """A file that a build left out."""

    path: str
    reason: str


@dataclass(frozen=True)
class Note:
    """What should be known of a file that was read."""

    path: str
    text: str


def read_articles(paths: Iterable[str | Path], settings: Settings | None = None) -> Iterator[Article | Skipped | Note]:
    """The articles in every readable file below `paths`, and every other one as Skipped, in a stable order.

    Raises:
        RagError: one of `paths` does not exist.
    """
    settings = settings or Settings()
    sources = [Path(path) for path in paths]
    for source in sources:
        if not source.exists():
            raise RagError(f"'{printable(str(source))}' does not exist; name files or folders of articles.")
    return _read(sources, settings)


def _read(sources: list[Path], settings: Settings) -> Iterator[Article | Skipped | Note]:
    seen: set[str] = set()
    ids: set[str] = set()
    with _worker(settings) as worker:
        for source in sources:
            base = source if source.is_dir() else source.parent
            for path in _files(source, settings.index):
                if isinstance(path, Skipped):
                    yield path
                    continue
                if (real := os.path.realpath(path)) in seen:
                    continue
                seen.add(real)
                article_id = _unused(printable(path.relative_to(base).as_posix()), base, ids)
                try:
                    for item in _read_file(path, article_id, settings, worker, ids):
                        if isinstance(item, Article):
                            ids |= {item.id, article_id}
                        yield item
                except UnreadableArticle as error:
                    yield Skipped(printable(str(path)), str(error))


def _worker(settings: Settings) -> Worker:
    return Worker(settings.parser_seconds, settings.parser_memory_mb)


def _files(source: Path, index: str) -> Iterator[Path | Skipped]:
    if not source.is_dir():
        yield source
        return
    failed: list[Skipped] = []
    index = os.path.realpath(index)

    def note(error: OSError) -> None:
        failed.append(Skipped(printable(str(error.filename)), f"the folder can't be read: {error.strerror}"))

    for folder, folders, files in os.walk(source, onerror=note):
        shown = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in shown if Path(folder, name).is_symlink()]
        folders[:] = [n for n in shown if n not in links and os.path.realpath(Path(folder, n)) != index]
        for name in links:
            reason = "it is a link to a folder; name that folder too if it is to be read"
            yield Skipped(printable(str(Path(folder, name))), reason)
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))
    yield from failed


def _unused(name: str, base: Path, ids: set[str]) -> str:
    if name in ids:
        name = f"{printable(Path(os.path.realpath(base)).name)}/{name}"
    plain, number = name, 2
    while name in ids:
        name, number = f"{plain} ({number})", number + 1
    return name


def _read_file(
    path: Path, article_id: str, settings: Settings, worker: Worker, ids: set[str]
) -> Iterator[Article | Skipped | Note]:
    """What is in the file at `path`; raises UnreadableArticle when nothing is."""
    reading = _reading(path, settings, worker)
    shown = printable(str(path))
    if reading.encoding:
        yield Note(shown, f"it was read as {reading.encoding}; save it as UTF-8 if its characters look wrong")
    several = any(isinstance(item, Unread) or item.key for item in reading.found)
    for item in reading.found:
        if isinstance(item, Unread):
            yield Skipped(f"{shown}, {printable(item.place)}", item.reason)
        elif not several:
            yield _article(item, article_id, path, settings.strip_phrases)
        else:
            try:
                unused = _unused(f"{article_id}#{printable(item.key)}", path.parent, ids)
                yield _article(item, unused, path, settings.strip_phrases)
            except UnreadableArticle as error:
                yield Skipped(f"{shown}, {printable(item.key)}", str(error))


def _reading(path: Path, settings: Settings, worker: Worker) -> Reading:
    reader = reader_of(path.suffix)
    if reader is None:
        known = ", ".join(suffix for reader in READERS for suffix in reader.SUFFIXES)
        name = printable(path.suffix or path.name)
        raise UnreadableArticle(f"there is no reader for '{name}' files (there is for {known})")
    file = File(_bytes(path, settings.max_file_mb), settings.fields, int(settings.max_file_mb * 1e6))
    if reader.ISOLATED or len(file.data) > LARGE:
        return worker.read(path.suffix, file)
    return read(reader, file)


def _bytes(path: Path, max_mb: float) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableArticle("it is not a regular file" if path.exists() else "it is a link to nothing")
        with path.open("rb") as file:
            # No more than is allowed, however much is there by now.
            data = file.read(int(max_mb * 1e6) + 1)
            if len(data) > max_mb * 1e6:
                size = max(len(data), os.fstat(file.fileno()).st_size) / 1e6
                raise UnreadableArticle(f"it has {size:.1f} MB, more than max_file_mb = {max_mb:g} allows")
    except OSError as error:
        raise UnreadableArticle(f"it can't be read: {error.strerror or error}") from error
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise UnreadableArticle("it is empty")
    return data


def _article(document: Document, article_id: str, path: Path, phrases: tuple[str, ...]) -> Article:
    blocks = [piece for block in document.blocks for piece in _pieces(block, phrases)]
    watermarks = find_watermarks("\n".join(block.text for block in blocks))
    texts = [tidy(strip_watermarks(block.text, watermarks)) for block in blocks]
    title = _line(strip_watermarks(strip_phrases(clean(document.title[: 2 * LONGEST_LINE]), phrases), watermarks))
    name = printable(path.stem if not document.key else f"{path.stem} {document.key}")
    title = title or " ".join(re.split(r"[\s_-]+", name)).strip()
    pieces: list[str] = []
    paragraphs: list[Paragraph] = []
    heading = ""
    length = 0
    for block, text in zip(blocks, texts, strict=True):
        if not text:
            continue
        if block.kind is Kind.HEADING:
            # The article's own title says nothing of the part it stands over.
            heading = "" if text.casefold() == title.casefold() else _line(text)
        elif block.kind is Kind.PARAGRAPH and any(character.isalnum() for character in text):
            end = length + len(text)
            paragraphs.append(Paragraph(len(paragraphs) + 1, text, length, end, heading, _line(block.place)))
        pieces.append(text)
        length += len(text) + 2
    if not paragraphs:
        raise UnreadableArticle("there is no running text in it")
    return Article(
        id=article_id,
        title=title,
        text="\n\n".join(pieces),
        paragraphs=tuple(paragraphs),
        path=printable(str(path)),
        author=_line(document.author),
        date=document.date,
        url=_line(document.url, LONGEST_URL),
        tags=tuple(map(_line, document.tags[:MOST_TAGS])),
    )


def _line(text: str, most: int = LONGEST_LINE) -> str:
    """`text` cleaned, on one line, cut to `most` characters."""
    line = tidy(clean(text[: 2 * most])).replace("\n", " ")
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _pieces(block: Block, phrases: tuple[str, ...]) -> Iterator[Block]:
    """`block` cleaned, in pieces that can be cited."""
    text = strip_phrases(clean(block.text), phrases)
    start = 0
    while len(text) - start > LONGEST_PARAGRAPH:
        end = _cut(text, start, start + LONGEST_PARAGRAPH)
        yield Block(block.kind, text[start:end], block.place)
        start = end
    yield Block(block.kind, text[start:], block.place)


def _cut(text: str, start: int, end: int) -> int:
    """Where to cut: after the last sentence that ends in the second half, else after the last space, else at `end`."""
    for breaks in _BREAKS:
        ends = [match.end() for match in breaks.finditer(text, (start + end) // 2, end)]
        if ends:
            return ends[-1]
    return end
