"""The browser page: Gradio blocks around the public objects of `rag`; no retrieval logic in it."""

from rag.ui.page import build_page, serve

__all__ = ["build_page", "serve"]
