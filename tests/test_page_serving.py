"""Serving the page: to whom, with which endpoints, what is asked for before there is an index, and in what limits."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from page_made import CHROMIUM, answered, ask, findings, free_port, last, served, shoot, tab_of

from rag.building import build
from rag.errors import RagError
from rag.settings import Settings
from rag.ui.serving import launch_options

ROOT = Path(__file__).parent.parent
MCP = {"Accept": "application/json, text/event-stream"}
browsed = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


@pytest.fixture
def client(page):
    with httpx.Client(base_url=page.address, timeout=30) as client:
        yield client


def start_app(**environment):
    environment = {**os.environ, "RAG_PORT": str(free_port()), **environment}
    command = [sys.executable, str(ROOT / "app.py")]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(**environment):
    """What the app says that ends with exit code 2."""
    process = start_app(**environment)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_is_stopped_without_a_word_while_the_model_loads(page_index, stop, code):
    process = start_app(RAG_INDEX=str(page_index))
    assert process.stdout.readline().startswith("The page is at ")
    process.send_signal(stop)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == code


def test_it_is_not_served_to_others_without_a_password(tmp_path):
    assert "set RAG_PASSWORD" in refused(RAG_HOST="0.0.0.0", RAG_INDEX=str(tmp_path))


def test_what_can_be_launched(monkeypatch, tmp_path):
    own = launch_options(Settings())
    assert (own["server_name"], own["share"], own["auth"]) == ("127.0.0.1", False, None)
    others = Settings(host="0.0.0.0")
    assert launch_options(others, unprotected=True)["auth"] is None
    with pytest.raises(RagError, match="the internet"):
        launch_options(Settings(), share=True)
    (tmp_path / "word").write_text("sesame\n")
    auth = launch_options(Settings(host="0.0.0.0", password_file=str(tmp_path / "word")))["auth"]
    assert auth("anyone", "sesame")
    assert not auth("anyone", "sesam")
    monkeypatch.setenv("RAG_PASSWORD", "from the environment")
    assert launch_options(others)["auth"]("", "from the environment")
    with pytest.raises(RagError, match="--mcp has no password"):
        launch_options(Settings(), mcp=True)
    monkeypatch.delenv("RAG_PASSWORD")
    (tmp_path / "word").write_text("\n")
    with pytest.raises(RagError, match="no password in"):
        launch_options(Settings(password_file=str(tmp_path / "word")))
    with pytest.raises(RagError, match="can't be read"):
        launch_options(Settings(password_file=str(tmp_path / "none")))


def test_a_port_that_is_taken_is_said(page):
    assert "set RAG_PORT to another" in refused(RAG_PORT=str(page.blocks.server_port))


@browsed
def test_a_password_is_asked_for(browser, page_index, monkeypatch):
    monkeypatch.setenv("RAG_PASSWORD", "sesame")
    with served(Settings(index=str(page_index))) as page:
        assert httpx.get(page.address + "config").status_code == 401
        called = httpx.post(page.address + "gradio_api/call/search", json={"data": ["harbour", 2]})
        assert called.status_code == 401
        with tab_of(browser, page.address) as tab:
            tab.get_by_label("username").fill("anyone")
            # Gradio gives its page of signing in no title.
            assert findings(tab, "document-title") == []
            tab.get_by_label("password").fill("wrong")
            tab.get_by_role("button", name="Login").click()
            tab.wait_for_selector("text=Incorrect")
            shoot(tab, "password")
            tab.get_by_label("username").fill("anyone")
            tab.get_by_label("password").fill("sesame")
            tab.get_by_role("button", name="Login").click()
            ask(tab, "When was the new harbour opened?")
            assert "June 2021" in last(tab).inner_text()


@browsed
def test_without_an_index_one_is_built_from_what_is_there(browser, articles, tmp_path):
    folder = shutil.copytree(articles, tmp_path / "articles")
    with (
        served(Settings(index=str(tmp_path / "index"), articles=(str(folder),))) as page,
        tab_of(browser, page.address) as tab,
    ):
        tab.wait_for_selector(".welcome:has-text('Nothing is indexed yet')")
        shoot(tab, "no-index")
        tab.get_by_role("button", name="Index the articles").click()
        tab.wait_for_selector("#job:has-text('Indexed 3 articles')")
        tab.wait_for_selector(".welcome:has-text('3 articles')")
        tab.wait_for_selector("#starters button:visible")
        ask(tab, "When was the new harbour opened?")
        assert "June 2021" in last(tab).inner_text()


@browsed
def test_without_an_index_and_articles_files_are_added(browser, articles, tmp_path):
    with (
        served(Settings(index=str(tmp_path / "index"), articles=(str(tmp_path / "new"),))) as page,
        tab_of(browser, page.address) as tab,
    ):
        tab.wait_for_selector(".welcome:has-text('Nothing is indexed yet')")
        assert tab.get_by_role("button", name="Index the articles").count() == 0
        tab.get_by_role("button", name="Add files", exact=True).click()
        tab.set_input_files("#files input", articles / "harbour.md")
        tab.wait_for_selector("#job:has-text('Indexed 1 article')")
        tab.wait_for_selector("table.articles tbody tr")


@browsed
def test_a_damaged_index_is_said_and_built_anew(browser, articles, tmp_path):
    index = tmp_path / "index"
    build(articles, index, settings=Settings(articles=(str(articles),)))
    next(index.rglob("vectors.faiss")).unlink()
    with (
        served(Settings(index=str(index), articles=(str(articles),))) as page,
        tab_of(browser, page.address) as tab,
    ):
        tab.wait_for_selector(".welcome:has-text('is missing')")
        assert "Traceback" not in tab.locator("body").inner_text()
        tab.get_by_role("button", name="Build it anew").click()
        tab.wait_for_selector(".welcome:has-text('3 articles')")


@browsed
def test_while_the_model_loads_it_says_so(browser, page_index, monkeypatch):
    let = threading.Event()

    from rag.answering import Answerer

    opened = Answerer.open
    # The real opening, later.
    monkeypatch.setattr(Answerer, "open", lambda *args: (let.wait(30), opened(*args))[1])
    with served(Settings(index=str(page_index))) as page, tab_of(browser, page.address, "?q=What+does+cod+cost") as tab:
        tab.wait_for_selector(".searching")
        with tab_of(browser, page.address) as other:
            other.wait_for_selector(".welcome:has-text('Loading the model')")
            shoot(other, "loading")
            let.set()
            other.wait_for_selector(".welcome:has-text('What would you like to know')")
        answered(tab)
        assert "twice as much" in last(tab).inner_text()


def test_two_endpoints_are_public_typed_and_documented(client):
    info = client.get("gradio_api/info").json()
    assert set(info["named_endpoints"]) == {"/search", "/ask"}
    assert info["unnamed_endpoints"] == {}
    asked = info["named_endpoints"]["/ask"]
    assert [(p["parameter_name"], p["python_type"]["type"]) for p in asked["parameters"]] == [
        ("question", "str"),
        ("history", "None | list[list[str]]"),
    ]
    assert asked["returns"][0]["python_type"]["type"] == "str"
    assert asked["description"].startswith("Answer a question")


def test_programs_search_and_ask(page):
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(page.address, verbose=False)
    answer = json.loads(client.predict("When was the new harbour opened?", api_name="/ask"))
    assert answer["answered"]
    assert "June 2021" in answer["answer"]
    history = [["How much does herring cost?", "Herring costs nine crowns a kilo."]]
    assert "cod cost" in json.loads(client.predict("And cod?", history, api_name="/ask"))["searched"]
    hits = json.loads(client.predict("herring", 2, api_name="/search"))
    assert len(hits) == 2
    assert hits[0]["article"]["id"] == "market.md"
    for arguments, api_name in ((["herring", 0], "/search"), (["herring", "many"], "/search"), ([7], "/search")):
        with pytest.raises(AppError, match="must be a"):
            client.predict(*arguments, api_name=api_name)
    with pytest.raises(AppError, match=r"\[question, answer\] pairs"):
        client.predict("And cod?", ["herring"], api_name="/ask")
    with pytest.raises(AppError, match="empty"):
        client.predict(" ", api_name="/ask")


def test_what_is_not_public_is_refused_by_name(client, page):
    names = {fn.api_name for fn in page.blocks.fns.values() if fn.api_name} - {"search", "ask"}
    assert len(names) > 20
    for name in [*names, "predict"]:
        for way in ("call", "call/v2", "run", "api"):
            got = client.post(f"gradio_api/{way}/{name}", json={"data": [], "fn_index": 0})
            assert got.status_code == 403, (way, name)


def test_what_the_page_itself_calls_is_harmless_to_call_with_anything(client, page, page_index):
    files = sorted(page_index.parent.joinpath("articles").rglob("*"))
    junk = {"turn": "9", "sentence": -1, "hit": [1], "by": "x; DROP", "first": "-1", "ids": ["../x", 7], "judged": "up"}
    sent = []
    for fn in page.blocks.fns.values():
        # What changes the library does so for whoever may use the page; the others must bear anything.
        if fn.api_name in ("search", "ask", "build", "undo", "roll_back") or fn.fn is None:
            continue
        for data in (
            ["\0" * 9] * len(fn.inputs),
            [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}] * 9,
            [],
        ):
            session = {"session_hash": f"x{len(sent)}"}
            sent.append({"data": data[: len(fn.inputs)], "fn_index": fn._id, "event_data": junk, **session})

    def told(body):
        assert client.post("gradio_api/queue/join", json=body).status_code in (200, 400, 422)
        with client.stream("GET", "gradio_api/queue/data", params={"session_hash": body["session_hash"]}) as stream:
            return "".join(stream.iter_text())

    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(told, sent))
    assert len(texts) > 60
    for text in texts:
        assert "root:" not in text
        assert "Traceback" not in text
    assert sorted(page_index.parent.joinpath("articles").rglob("*")) == files
    assert client.post("gradio_api/queue/join", json={"data": [], "fn_index": 10_000}).status_code >= 400


def test_files_of_this_machine_are_not_served(client, page_index):
    for path in (
        "/etc/passwd",
        ROOT / "app.py",
        "app.py",
        page_index / "CURRENT",
        page_index.parent / "articles/market.md",
    ):
        assert client.get(f"gradio_api/file={path}").status_code in (403, 404), path


def test_other_sites_may_ask_for_nothing(client, page):
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "evil"})
    port = page.blocks.server_port
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        for kind in ("text/plain", "application/json"):
            headers = {"Origin": origin, "Content-Type": kind}
            for path in ("gradio_api/queue/join", "gradio_api/upload", "gradio_api/call/ask", "login"):
                assert client.post(path, content=body, headers=headers).status_code == 403
    headers = {"Origin": f"http://127.0.0.1:{port}"}
    assert client.post("gradio_api/call/search", json={"data": ["cod", 1]}, headers=headers).status_code == 200
    # A name of another host that points here.
    assert client.get("config", headers={"Host": f"evil.example:{port}"}).status_code == 400


def test_nothing_may_be_loaded_from_elsewhere_and_nobody_may_frame_it(client):
    headers = client.get("").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_monitoring_and_run_history_are_off(client, page):
    assert client.get("monitoring").status_code == 403
    assert client.get("gradio_api/run-history").status_code == 404
    config = client.get("config").json()
    assert config["analytics_enabled"] is False
    assert config["space_id"] is None


@browsed
def test_who_comes_when_the_queue_is_full_is_told(browser, page_index, monkeypatch):
    monkeypatch.setattr("rag.ui.guard.WAITING", 16)
    with served(Settings(index=str(page_index))) as page, tab_of(browser, page.address) as tab:
        tab.wait_for_selector("#starters button:visible")
        with page.asker._lock:
            for number in range(24):
                body = {"data": ["What does cod cost?", None, [], [], [], "", ""], "fn_index": 0}
                httpx.post(page.address + "gradio_api/queue/join", json={**body, "session_hash": f"s{number}"})
            tab.fill("#question textarea", "When was the new harbour opened?")
            tab.press("#question textarea", "Enter")
            tab.wait_for_selector(".toast-wrap:has-text('busy'), .toast-wrap:has-text('full')")
            shoot(tab, "busy")
        assert tab.input_value("#question textarea") == "When was the new harbour opened?"


def test_mcp_serves_the_same_two(page_index):
    pytest.importorskip("mcp")
    with served(Settings(index=str(page_index)), mcp=True) as page:

        def call(method, **params):
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            got = httpx.post(page.address + "gradio_api/mcp/", json=body, headers=MCP, timeout=60)
            return json.loads(got.text.split("data: ", 1)[1])["result"]

        tools = {tool["name"]: tool for tool in call("tools/list")["tools"]}
        assert set(tools) == {"search", "ask"}
        assert tools["ask"]["inputSchema"]["required"] == ["question"]
        assert tools["search"]["inputSchema"]["properties"]["k"]["type"] == "integer"
        given = call("tools/call", name="ask", arguments={"question": "What does cod cost?"})
        assert "twice as much" in json.loads(given["content"][0]["text"])["answer"]


def test_mcp_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("rag.ui.serving.find_spec", lambda name: None)
    with pytest.raises(RagError, match=r"pip install -e '\.\[mcp\]'"):
        launch_options(Settings(), mcp=True)
