"""Ask a folder of articles; every sentence of the answer points to the paragraph it came from.

    import rag

    rag.build("articles", index="index")
    rag.Retriever.open("index").search("What did ModelBest release?", k=5)
    rag.Answerer.open("index").ask("What did ModelBest release?").text

Importing is cheap: the model, FAISS and the page are loaded when they are first needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.answering import Answer, Answerer, Citation, Sentence
    from rag.articles import Article, Paragraph
    from rag.building import BuildReport, build
    from rag.errors import RagError
    from rag.filters import Filters
    from rag.generations import rollback, status
    from rag.hits import Hit
    from rag.index import verify
    from rag.retrieval import Retriever
    from rag.settings import Settings

__version__ = "0.1.0"

_HOMES = {
    "Answer": "answering",
    "Answerer": "answering",
    "Article": "articles",
    "BuildReport": "building",
    "Citation": "answering",
    "Filters": "filters",
    "Hit": "hits",
    "Paragraph": "articles",
    "RagError": "errors",
    "Retriever": "retrieval",
    "Sentence": "answering",
    "Settings": "settings",
    "build": "building",
    "rollback": "generations",
    "status": "generations",
    "verify": "index",
}

__all__ = [
    "Answer",
    "Answerer",
    "Article",
    "BuildReport",
    "Citation",
    "Filters",
    "Hit",
    "Paragraph",
    "RagError",
    "Retriever",
    "Sentence",
    "Settings",
    "build",
    "rollback",
    "status",
    "verify",
]


def __getattr__(name: str) -> Any:
    """The public names, imported from their modules when first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rag' has no attribute '{name}'")
    value = getattr(import_module(f"rag.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
