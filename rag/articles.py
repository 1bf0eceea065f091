"""Files and folders → `Article`s, and what was skipped and why.

1. Folders are walked in the order of their names; hidden files are passed over.
2. A file's bytes are decoded: by byte order mark, as UTF-8, as its HTML says, else by what charset-normalizer finds.
3. The text is cleaned, the reader of its format makes blocks of it, watermarks and set phrases are taken out of these.
4. The blocks, two line breaks between them, are the article's text. Paragraphs are spans of it; headings and asides
   (labels, credits, code) stand in the text but are no evidence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag.cleaning import clean, find_watermarks, strip_phrases, strip_watermarks, tidy
from rag.errors import RagError, UnreadableArticle
from rag.readers import READERS, Document, reader_of
from rag.readers.document import Kind
from rag.settings import Settings


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


@dataclass(frozen=True)
class Article:
    """One source document."""

    id: str
    """Its path below the folder it was found in, with `/`: stable from build to build."""
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
            UnreadableArticle: it can't be read, or there is no text in it; says why.
        """
        path = Path(path)
        settings = settings or Settings()
        reader = reader_of(path.suffix)
        if reader is None:
            known = ", ".join(suffix for reader in READERS for suffix in reader.SUFFIXES)
            raise UnreadableArticle(f"there is no reader for '{path.suffix or path.name}' files (there is for {known})")
        document = reader.read(clean(_decoded(_bytes(path, settings.max_file_mb))))
        return _article(document, article_id or _printable(path.name), path, settings.strip_phrases)


@dataclass(frozen=True)
class Skipped:
    """A file that a build left out."""

    path: str
    reason: str


def read_articles(paths: Iterable[str | Path], settings: Settings | None = None) -> Iterator[Article | Skipped]:
    """Every readable file below `paths` as an Article, every other one as Skipped, in a stable order.

    Raises:
        RagError: one of `paths` does not exist.
    """
    settings = settings or Settings()
    sources = [Path(path) for path in paths]
    for source in sources:
        if not source.exists():
            raise RagError(f"'{_printable(str(source))}' does not exist; name files or folders of articles.")
    return _read(sources, settings)


def _read(sources: list[Path], settings: Settings) -> Iterator[Article | Skipped]:
    seen: set[Path] = set()
    ids: set[str] = set()
    for source in sources:
        base = source if source.is_dir() else source.parent
        for path in _files(source):
            if isinstance(path, Skipped):
                yield path
                continue
            if (real := path.resolve()) in seen:
                continue
            seen.add(real)
            article_id = _unused(_printable(path.relative_to(base).as_posix()), base, ids)
            try:
                article = Article.from_file(path, settings, article_id)
            except UnreadableArticle as error:
                yield Skipped(_printable(str(path)), str(error))
            else:
                ids.add(article_id)
                yield article


def _files(source: Path) -> Iterator[Path | Skipped]:
    if not source.is_dir():
        yield source
        return
    failed: list[Skipped] = []

    def note(error: OSError) -> None:
        failed.append(Skipped(_printable(str(error.filename)), f"the folder can't be read: {error.strerror}"))

    for folder, folders, files in os.walk(source, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))
    yield from failed


def _printable(name: str) -> str:
    """File names may hold bytes that are no text."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _unused(name: str, base: Path, ids: set[str]) -> str:
    if name in ids:
        name = f"{_printable(base.resolve().name)}/{name}"
    plain, number = name, 2
    while name in ids:
        name, number = f"{plain} ({number})", number + 1
    return name


def _bytes(path: Path, max_mb: float) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableArticle("it is not a regular file")
        size = path.stat().st_size
        if size > max_mb * 1e6:
            raise UnreadableArticle(f"it has {size / 1e6:.1f} MB, more than max_file_mb = {max_mb:g} allows")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableArticle(f"it can't be read: {error.strerror or error}") from error
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise UnreadableArticle("it is empty")
    return data


_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{2,30})|<\?xml[^>]{0,100}encoding=[\"']([\w-]{2,30})", re.I
)


def _decoded(data: bytes) -> str:
    named = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    if named is None and b"\x00" in data[:65_536]:
        raise UnreadableArticle("it is not text: there are zero bytes in it")
    said = _CHARSET.search(data[:4096])
    declared = (said.group(1) or said.group(2)).decode() if said else None
    for encoding in (named, "utf-8", declared):
        try:
            if encoding:
                return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    if best is None:
        raise UnreadableArticle("its encoding can't be told; save it as UTF-8")
    return str(best)


def _article(document: Document, article_id: str, path: Path, phrases: tuple[str, ...]) -> Article:
    texts = [strip_phrases(block.text, phrases) for block in document.blocks]
    watermarks = find_watermarks("\n".join(texts))
    texts = [tidy(strip_watermarks(text, watermarks)) for text in texts]
    title = tidy(strip_watermarks(strip_phrases(document.title, phrases), watermarks)).replace("\n", " ")
    title = title or " ".join(re.split(r"[\s_-]+", _printable(path.stem))).strip()
    pieces: list[str] = []
    paragraphs: list[Paragraph] = []
    heading = ""
    length = 0
    for block, text in zip(document.blocks, texts, strict=True):
        if not text:
            continue
        if block.kind is Kind.HEADING:
            # The article's own title says nothing of the part it stands over.
            heading = "" if text.casefold() == title.casefold() else text
        elif block.kind is Kind.PARAGRAPH and any(character.isalnum() for character in text):
            paragraphs.append(Paragraph(len(paragraphs) + 1, text, length, length + len(text), heading))
        pieces.append(text)
        length += len(text) + 2
    if not paragraphs:
        raise UnreadableArticle("there is no running text in it")
    return Article(
        id=article_id,
        title=title,
        text="\n\n".join(pieces),
        paragraphs=tuple(paragraphs),
        path=_printable(str(path)),
        author=document.author,
        date=document.date,
        url=document.url,
        tags=document.tags,
    )
