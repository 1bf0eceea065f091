"""Zip archives that may not be what they say: DOCX and EPUB files are such."""

from __future__ import annotations

import zipfile
from io import BytesIO

from rag.errors import UnreadableArticle
from rag.readers.document import File


def opened(file: File) -> zipfile.ZipFile:
    """The archive in `file`; what is read from it is no longer than it says, and that is not too much.

    Raises:
        UnreadableArticle: it is no archive, too large unpacked, or encrypted.
    """
    try:
        archive = zipfile.ZipFile(BytesIO(file.data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UnreadableArticle(f"it is no whole archive ({str(error)[:120]})") from error
    size = sum(info.file_size for info in archive.infolist())
    if size > UNPACKED * file.most:
        raise UnreadableArticle(
            f"it has {size / 1e6:,.0f} MB unpacked, more than {UNPACKED} times max_file_mb = {file.most / 1e6:g}"
        )
    if any(info.flag_bits & 1 for info in archive.infolist()):
        raise UnreadableArticle("it is encrypted; save a copy without a password")
    return archive


UNPACKED = 4
"""Times `max_file_mb` that an archive may hold: pictures hardly shrink when packed, text to a third."""
