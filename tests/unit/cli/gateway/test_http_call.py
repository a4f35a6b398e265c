"""A change that nobody answered is asked for again under one id, and what is not known is said."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from services.cli.gateway.http_call import Endpoint, Unanswered, sendings_max
from services.cli.gateway.mcp_call import CallFailed

Answering = Callable[[int], int]
"""The status of the answer to the call of that number, from 1; 0 for none, and -1 for one that is too late."""


class Gateway:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answering: Answering = lambda _: 200
        self.is_over = threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                gateway.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status = gateway.answering(len(gateway.asked))
                if status == -1:
                    gateway.is_over.wait(60)
                elif status:
                    body = json.dumps({"error": "it took too long"} if status >= 400 else {"ok": True}).encode()
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    made = Gateway()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("SEGUE_URL", f"http://127.0.0.1:{made.server.server_port}")
    monkeypatch.delenv("SEGUE_TOKEN", raising=False)
    yield made
    made.is_over.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.mark.parametrize("first", [0, 502, 504, -1])
def test_a_change_that_nobody_answered_is_sent_again_as_the_same_one(gateway: Gateway, first: int) -> None:
    gateway.answering = lambda number: first if number == 1 else 200
    assert Endpoint().change("/v1/permissions", 0.5 if first < 0 else 30, {"action": "deny"}) == {"ok": True}
    assert len(gateway.asked) == 2
    assert gateway.asked[0] == gateway.asked[1]
    assert gateway.asked[0]["operation_id"]
    Endpoint().change("/v1/permissions", 30, {"action": "deny"})
    assert gateway.asked[2]["operation_id"] != gateway.asked[0]["operation_id"]


def test_where_nobody_ever_answers_it_is_said_that_it_may_have_been_done(gateway: Gateway) -> None:
    gateway.answering = lambda _: 0
    with pytest.raises(Unanswered, match="may have been carried out"):
        Endpoint().change("/v1/permissions", 30, {"action": "deny"})
    assert len(gateway.asked) == sendings_max
    with pytest.raises(Unanswered, match="did not answer"):
        Endpoint().answer("/v1/permissions", 30, {"action": "deny"})


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_what_was_refused_is_not_sent_again(gateway: Gateway, status: int) -> None:
    gateway.answering = lambda _: status
    with pytest.raises(CallFailed) as failure:
        Endpoint().change("/v1/permissions", 30, {})
    assert not isinstance(failure.value, Unanswered)
    assert len(gateway.asked) == 1


def test_a_gateway_that_is_not_there_has_done_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SEGUE_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(CallFailed, match="cannot be reached") as failure:
            Endpoint().change("/v1/permissions", 5, {})
    assert not isinstance(failure.value, Unanswered)
