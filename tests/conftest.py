"""What tests share: the model, loaded once, and an index of a few made articles."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rag.answering import Answerer
from rag.building import build
from rag.embedding import Embedder
from rag.retrieval import Retriever
from rag.settings import Settings

SHARED = Path(__file__).parent.parent.parent / "shared"
HARBOUR = """---
title: The harbour of Ostwick
author: Mara Lind
date: 2023-04-02
tags: [harbour, trade]
---

Ostwick opened its new harbour in June 2021. Its three cranes unload forty ships a week. The old quay is a museum now.

## Plans

Harbour master Ines Falk sees three tasks for the coming years. The first is a deeper channel for larger ships. The
second is a railway to the inland market. The third is a school for pilots, since half of them retire before 2030.

The city has set aside 12 million crowns for the channel. Nothing is decided about the railway.
"""
MARKET = """---
title: The fish market
author: Tomas Falk
date: 2024-01-15
tags: [trade, food]
url: https://example.org/market
---

The fish market of Ostwick is open from four in the morning. Tomas Falk, who has sold herring there for thirty years,
says that prices have doubled since the harbour was opened.

Herring costs nine crowns a kilo. Cod costs twice as much, because the boats must sail farther north for it.

- herring from the coast
- cod from the northern banks
- mussels from the bay
"""
WEATHER = """Storms on the coast

The storm of October 2022 tore the roof off the lighthouse. Repairs took eleven weeks and cost 400,000 crowns.

Keeper Olga Brandt warned the council that the sea wall is too low. She wants it raised by two metres.
"""


@pytest.fixture(scope="session")
def articles(tmp_path_factory):
    """A folder of three articles."""
    folder = tmp_path_factory.mktemp("articles")
    (folder / "harbour.md").write_text(HARBOUR, encoding="utf-8")
    (folder / "market.md").write_text(MARKET, encoding="utf-8")
    (folder / "weather.txt").write_text(WEATHER, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def index(articles, tmp_path_factory):
    """A built index of `articles`; not to be changed."""
    folder = tmp_path_factory.mktemp("built") / "index"
    build(articles, folder)
    return folder


@pytest.fixture(scope="session")
def embedder():
    """The model that the package comes with."""
    return Embedder.load()


@pytest.fixture(scope="session")
def retriever(index):
    """A retriever over `index`."""
    return Retriever.open(index)


@pytest.fixture(scope="session")
def answerer(index):
    """An answerer over `index`."""
    return Answerer.open(index)


@pytest.fixture(scope="session")
def china():
    """The shared article about AI models in China, where it is at hand."""
    folder = SHARED / "articles"
    if not folder.is_dir():
        pytest.skip(f"the shared articles are not in {folder}")
    return folder


@pytest.fixture(scope="session")
def china_answerer(china, tmp_path_factory):
    """An answerer over the shared article."""
    folder = tmp_path_factory.mktemp("china") / "index"
    build(china, folder)
    return Answerer.open(folder)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    from page_made import CHROMIUM, QUIET, WINDOW
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        started.new_context(viewport=WINDOW)
        yield started
        started.close()


@pytest.fixture(scope="session")
def page_index(articles, tmp_path_factory):
    """An index for the page: the made articles, a hostile one, one that repeats a sentence, a long one, a PDF, rows."""
    from page_made import make_page_articles, make_placed_articles

    folder = shutil.copytree(articles, tmp_path_factory.mktemp("page") / "articles")
    make_page_articles(folder)
    make_placed_articles(folder)
    build(folder, folder.parent / "index")
    return folder.parent / "index"


@pytest.fixture(scope="session")
def page(page_index):
    """The page over that index, served; its library is not to be changed."""
    from page_made import served

    with served(Settings(index=str(page_index))) as page:
        yield page


@pytest.fixture(scope="session")
def shared_tab(browser, page):
    """A browser tab with that page, used by many tests."""
    from page_made import tab_of

    with tab_of(browser, page.address) as tab:
        tab.wait_for_selector(".welcome:has-text('What would you like')")
        yield tab


@pytest.fixture
def tab(shared_tab, page):
    """A browser tab with that page and an empty conversation, ready for a question."""
    from page_made import begin

    begin(shared_tab, page.address)
    yield shared_tab
    wrong, shared_tab.wrong[:] = [*shared_tab.wrong], []
    assert wrong == []


_FIGURES = []


@pytest.fixture
def figures(request):
    """Keeps what a campaign counted, for the table of `make torture`."""

    def keep(campaign, **counts):
        if request.node.get_closest_marker("torture"):
            _FIGURES.append((campaign, counts))

    return keep


def pytest_collection_modifyitems(config, items):
    """Whole campaigns only when they are asked for."""
    if "torture" not in config.getoption("markexpr"):
        chosen = [item for item in items if not item.get_closest_marker("torture")]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("torture")])
        items[:] = chosen


def pytest_terminal_summary(terminalreporter):
    """The table of figures."""
    for campaign, counts in _FIGURES:
        facts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        terminalreporter.write_line(f"{campaign:32} {facts}")
