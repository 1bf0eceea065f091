"""The systems compared, each set up as its documentation has it for search over texts on one machine.

All take the same folder with a model. `build` makes an index of texts in a folder, `open` opens it from there, and
`search` gives the ids of what it found, best first. The batch sizes are those that were fastest on two cores.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

BATCH = 32
"""Texts that peers embed at once: 16, 32 and 64 differ by less than 5 % (their default is 32; LlamaIndex's, 10)."""


class System(Protocol):
    """What is measured."""

    packages: tuple[str, ...]
    """Whose versions are told."""

    def build(self, passages: list[dict[str, Any]], folder: Path) -> None:
        """Index `passages`, each with `id`, `text`, and what our own reader needs."""

    def open(self, folder: Path) -> None:
        """Get ready for `search`."""

    def search(self, question: str, k: int) -> list[str]:
        """Ids of the `k` best passages."""


class Rag:
    """Our own: articles are split, embedded and published; questions are searched by meaning and by words."""

    packages: tuple[str, ...] = ("sentence-transformers", "transformers", "torch", "faiss-cpu", "tantivy")

    def __init__(self, model: str, precision: str = "auto") -> None:
        from rag.embedding import Embedder
        from rag.settings import Settings

        # Passages are given: none is merged with its neighbour.
        self.settings = Settings(device="cpu", precision=precision, merge_tokens=1)
        Embedder.load(self.settings)

    def build(self, passages: list[dict[str, Any]], folder: Path) -> None:
        """The passages as the articles that they are of."""
        from rag.articles import Article, Paragraph
        from rag.building import build_articles

        texts: dict[str, list[dict[str, Any]]] = {}
        for passage in passages:
            texts.setdefault(passage["article"], []).append(passage)
        articles = []
        for name, of_article in texts.items():
            paragraphs, start = [], 0
            for number, passage in enumerate(of_article, 1):
                body = passage["body"]
                paragraphs.append(Paragraph(number, body, start, start + len(body)))
                start += len(body) + 2
            text = "\n\n".join(passage["body"] for passage in of_article)
            articles.append(Article(name, of_article[0]["title"], text, tuple(paragraphs), name))
        build_articles(articles, folder, settings=self.settings)

    def open(self, folder: Path) -> None:
        """A retriever."""
        from rag.retrieval import Retriever

        self.retriever = Retriever.open(folder, self.settings)

    def search(self, question: str, k: int) -> list[str]:
        """Both searches, and the best passages read again."""
        return [f"{hit.article.id}:{hit.paragraphs[0].number}" for hit in self.retriever.search(question, k)]


class RagFp32(Rag):
    """The same in full precision."""

    def __init__(self, model: str) -> None:
        super().__init__(model, "fp32")


class RagCandidates(Rag):
    """The two searches and their fusion, before anything is read again."""

    def search(self, question: str, k: int) -> list[str]:
        """As `rag.retrieval` fuses them."""
        import numpy as np

        index = self.retriever.index
        vector = self.retriever.embedder.encode([question])
        _, nearest = index.vectors.search(vector, 60)
        lexical = dict(index.lexical.search(question, 60))
        rows = np.array(sorted({int(row) for row in nearest[0] if row >= 0} | set(lexical)))
        fused = index.vectors.vectors(rows) @ vector[0]
        fused += np.array([lexical.get(int(row), 0.0) for row in rows]) / max(1e-9, max(lexical.values(), default=1.0))
        best = [int(rows[i]) for i in np.argsort(-fused)[:k]]
        return [f"{passage.article_id}:{passage.paragraphs[0]}" for passage in index.store.passages(best)]


class Txtai:
    """txtai's Embeddings, dense by default; vectors by sentence-transformers, index by FAISS."""

    packages: tuple[str, ...] = ("txtai", "sentence-transformers", "transformers", "torch", "faiss-cpu")
    options: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, model: str) -> None:
        from txtai import Embeddings

        self.embeddings = Embeddings(
            path=model, method="sentence-transformers", gpu=False, encodebatch=BATCH, **self.options
        )

    def build(self, passages: list[dict[str, Any]], folder: Path) -> None:
        """Index and save."""
        self.embeddings.index((passage["id"], passage["text"], None) for passage in passages)
        self.embeddings.save(str(folder))

    def open(self, folder: Path) -> None:
        """Load what was saved."""
        self.embeddings.load(str(folder))

    def search(self, question: str, k: int) -> list[str]:
        """Ids come with scores."""
        return [found for found, _ in self.embeddings.search(question, k)]


class TxtaiHybrid(Txtai):
    """txtai with its keyword index beside the vectors."""

    options = {"hybrid": True}  # noqa: RUF012


class LangChain:
    """LangChain's FAISS store over HuggingFaceEmbeddings."""

    packages: tuple[str, ...] = (
        "langchain-community",
        "langchain-huggingface",
        "sentence-transformers",
        "transformers",
        "torch",
        "faiss-cpu",
    )

    def __init__(self, model: str) -> None:
        from langchain_huggingface import HuggingFaceEmbeddings

        self.embeddings = HuggingFaceEmbeddings(
            model_name=model,
            model_kwargs={"device": "cpu"},
            encode_kwargs={"batch_size": BATCH, "normalize_embeddings": True},
        )

    def build(self, passages: list[dict[str, Any]], folder: Path) -> None:
        """From texts, then saved."""
        from langchain_community.vectorstores import FAISS

        ids = [passage["id"] for passage in passages]
        metadatas = [{"id": id_} for id_ in ids]
        FAISS.from_texts([p["text"] for p in passages], self.embeddings, metadatas, ids=ids).save_local(str(folder))

    def open(self, folder: Path) -> None:
        """Load what was saved."""
        from langchain_community.vectorstores import FAISS

        self.store = FAISS.load_local(str(folder), self.embeddings, allow_dangerous_deserialization=True)

    def search(self, question: str, k: int) -> list[str]:
        """Documents, with their ids as metadata."""
        return [document.metadata["id"] for document in self.store.similarity_search(question, k=k)]


class LlamaIndex:
    """LlamaIndex's VectorStoreIndex over a FAISS store and HuggingFaceEmbedding."""

    packages: tuple[str, ...] = (
        "llama-index-core",
        "llama-index-embeddings-huggingface",
        "llama-index-vector-stores-faiss",
        "sentence-transformers",
        "transformers",
        "torch",
        "faiss-cpu",
    )

    def __init__(self, model: str) -> None:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self.embeddings = HuggingFaceEmbedding(model_name=model, device="cpu", embed_batch_size=BATCH)

    def build(self, passages: list[dict[str, Any]], folder: Path) -> None:
        """From nodes that are passages already, then saved."""
        import faiss
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.vector_stores.faiss import FaissVectorStore

        store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(384))
        index = VectorStoreIndex(
            [TextNode(id_=passage["id"], text=passage["text"]) for passage in passages],
            storage_context=StorageContext.from_defaults(vector_store=store),
            embed_model=self.embeddings,
        )
        index.storage_context.persist(str(folder))

    def open(self, folder: Path) -> None:
        """Load what was saved."""
        from llama_index.core import StorageContext, load_index_from_storage
        from llama_index.vector_stores.faiss import FaissVectorStore

        context = StorageContext.from_defaults(
            vector_store=FaissVectorStore.from_persist_dir(str(folder)), persist_dir=str(folder)
        )
        self.index = load_index_from_storage(context, embed_model=self.embeddings)

    def search(self, question: str, k: int) -> list[str]:
        """Nodes with scores."""
        retriever = self.index.as_retriever(similarity_top_k=k)
        return [found.node.node_id for found in retriever.retrieve(question)]


SYSTEMS: dict[str, Any] = {
    "rag": Rag,
    "rag, fp32": RagFp32,
    "rag, candidates alone": RagCandidates,
    "txtai": Txtai,
    "txtai, hybrid": TxtaiHybrid,
    "LangChain + FAISS": LangChain,
    "LlamaIndex + FAISS": LlamaIndex,
}
