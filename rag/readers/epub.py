"""EPUB: a zip archive of XHTML chapters, in the order of its spine; a paragraph's place is its chapter.

1. `META-INF/container.xml` names the package file, which has the metadata, the files and their order.
2. The table of contents (EPUB 3: the nav document, EPUB 2: the NCX file) names chapters; a file without an entry there
   goes on with the chapter before it.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urldefrag

from rag.errors import UnreadableArticle
from rag.readers.archive import opened
from rag.readers.document import Document, File, Kind, day, one, words
from rag.readers.markup import blocks
from rag.readers.xml import parsed, text_of

SUFFIXES = (".epub",)
ISOLATED = True

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = ("application/xhtml+xml", "text/html")


def read(file: File) -> Iterator[Document]:
    """The book in `file`.

    Raises:
        UnreadableArticle: it is broken, protected or too large unpacked.
    """
    with opened(file) as archive:
        try:
            yield _book(archive)
        except (KeyError, IndexError, zipfile.BadZipFile) as error:
            raise UnreadableArticle(f"it is no whole EPUB ({str(error)[:120]})") from error


def _book(archive: zipfile.ZipFile) -> Document:
    package = parsed(archive.read(_CONTAINER)).xpath("//*[local-name()='rootfile']/@full-path")[0]
    root = parsed(archive.read(package))
    folder = posixpath.dirname(package)
    manifest = {item.get("id"): item for item in root.xpath("//*[local-name()='manifest']/*[local-name()='item']")}
    spine = root.xpath("//*[local-name()='spine']/*[local-name()='itemref'][not(@linear='no')]/@idref")
    found = []
    chapters = _chapters(archive, root, manifest, folder)
    protected = _protected(archive)
    chapter = ""
    for name in (_path(folder, manifest[i].get("href")) for i in spine if manifest[i].get("media-type") in _PAGES):
        if name in protected:
            raise UnreadableArticle("it is protected against copying (DRM)")
        of_file = blocks(archive.read(name).decode("utf-8", "replace"))
        heading = next((block.text for block in of_file[:3] if block.kind is Kind.HEADING), "")
        chapter = chapters.get(name) or (heading if not chapters else "") or chapter
        found += [replace(block, place=chapter) for block in of_file]
    facts = {
        name: [one(text_of(e)) for e in root.xpath(f"//*[local-name()='metadata']/*[local-name()='{name}']")]
        for name in ("title", "creator", "date", "source", "subject")
    }
    return Document(
        found,
        next(iter(facts["title"]), ""),
        ", ".join(facts["creator"]),
        day(next(iter(facts["date"]), "")),
        next((source for source in facts["source"] if source.startswith(("http://", "https://"))), ""),
        words(facts["subject"]),
    )


def _chapters(archive: zipfile.ZipFile, root: Any, manifest: dict[str, Any], folder: str) -> dict[str, str]:
    """The first entry of the table of contents for each file."""
    nav = [item for item in manifest.values() if "nav" in (item.get("properties") or "").split()]
    ncx = [item for item in manifest.values() if item.get("media-type") == "application/x-dtbncx+xml"]
    found: dict[str, str] = {}
    for item in [*nav, *ncx][:1]:
        name = _path(folder, item.get("href"))
        if name not in archive.namelist():
            continue
        contents = parsed(archive.read(name))
        if nav:
            toc = contents.xpath("//*[local-name()='nav'][@*[local-name()='type']='toc']//*[local-name()='a'][@href]")
            entries = [(link.get("href"), text_of(link)) for link in toc]
        else:
            entries = [
                (point.xpath("string(./*[local-name()='content']/@src)"), point.xpath("string(./*[1])"))
                for point in contents.xpath("//*[local-name()='navPoint']")
            ]
        for href, label in entries:
            found.setdefault(_path(posixpath.dirname(name), href), one(label))
    return found


def _protected(archive: zipfile.ZipFile) -> set[str]:
    if _ENCRYPTION not in archive.namelist():
        return set()
    return set(map(unquote, parsed(archive.read(_ENCRYPTION)).xpath("//*[local-name()='CipherReference']/@URI")))


def _path(folder: str, href: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(urldefrag(href).url)))
