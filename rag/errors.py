"""The errors a user can act on: each says in one sentence what is wrong and what to do.

The command line prints them on one line and exits with 2; the page shows them as a notice. Anything that is not
a `RagError` is a bug and keeps its traceback.
"""


class RagError(Exception):
    """Something the user can mend. The message says what is wrong and which step mends it."""


class IndexNotFound(RagError):
    """There is no published index in this folder yet."""


class IndexDamaged(RagError):
    """A file of the index is missing or is not what was written."""


class IndexIncompatible(RagError):
    """The index was made by another format version or by another embedding model."""


class BuildInProgress(RagError):
    """Another process is building this index right now."""


class UnreadableArticle(RagError):
    """A file could not be read as an article; a build skips it and says why."""
