"""Callbacks: documents arrive whole; what can pass is tried again, what cannot is said at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from podium.adapters.notify import callback

DOCUMENT = b'{"a": 1}'


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives these statuses, one after the other; and the bodies that were posted."""
    left, bodies = list(statuses), []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(left.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook?token=hunter2", bodies
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "PAUSE", 0.0)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("statuses", "posts", "error"),
    [
        ((204,), 1, ""),
        ((503, 429, 200), 3, ""),
        ((500, 500, 500, 500), 4, "HTTP 500"),
        ((404,), 1, "HTTP 404"),
    ],
)
async def test_a_url_is_posted_to_until_it_takes_it_or_never_will(
    statuses: tuple[int, ...], posts: int, error: str
) -> None:
    with answering(*statuses) as (url, bodies):
        why = await callback.call_back(url, DOCUMENT)
    assert bodies == [DOCUMENT] * posts
    assert why.endswith(error)
    assert bool(why) is bool(error)
    assert "hunter2" not in why


async def test_nobody_there_is_an_error_without_the_query() -> None:
    why = await callback.call_back("http://127.0.0.1:9/hook?token=hunter2", DOCUMENT)
    assert "127.0.0.1/hook" in why
    assert "hunter2" not in why


async def test_a_command_gets_it_on_stdin(tmp_path: Path) -> None:
    assert await callback.call_back(f"cat > '{tmp_path}/got'", DOCUMENT) == ""
    assert (tmp_path / "got").read_bytes() == DOCUMENT
    assert await callback.call_back("exit 3", DOCUMENT * 100_000) == "the command ended with exit 3"
