"""A gateway's import endpoint without the rest: keeps what it is sent, and answers as the real one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

Answer = tuple[int, dict[str, Any] | bytes]


class StandIn:
    """A gateway: which memories it has, which batches came, and what it is told to answer instead."""

    def __init__(self) -> None:
        self.memories: dict[str, dict[str, Any]] = {}
        self.batches: list[list[dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.instead: list[Answer] = []
        self.retry_after = ""
        self.before: Callable[[list[dict[str, Any]]], Answer | None] = lambda _: None
        self._lock = threading.Lock()

    @property
    def contents(self) -> list[str]:
        return [memory["content"] for memory in self.memories.values()]

    @property
    def sent(self) -> int:
        return sum(len(batch) for batch in self.batches)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        assert path == "/v1/memories"
        batch = [json.loads(line) for line in body.decode().splitlines()]
        with self._lock:
            self.headers.append(headers)
            self.batches.append(batch)
            if self.instead:
                return self.instead.pop(0)
            return self.before(batch) or (200, self._stored(batch))

    def _stored(self, batch: list[dict[str, Any]]) -> dict[str, Any]:
        bad = [number for number, memory in enumerate(batch) if memory["content"] == "unwelcome"]
        welcome = {memory["id"]: memory for number, memory in enumerate(batch) if number not in bad}
        new = welcome.keys() - self.memories.keys()
        self.memories.update(welcome)
        return {
            "stored": len(new),
            "duplicates": len(batch) - len(bad) - len(new),
            "embedded": len(new),
            "rejected": [{"line": line, "error_code": "INVALID_INPUT", "error": "Not here."} for line in bad],
        }


def handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = stand_in.answer(self.path, headers, body)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if status != 200 and stand_in.retry_after:
                self.send_header("Retry-After", stand_in.retry_after)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def failure(code: str) -> dict[str, Any]:
    return {"success": False, "error_code": code, "error": "For a reason.", "suggestions": []}
