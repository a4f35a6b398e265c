"""Models that say what a script tells them to, on loopback: the Responses API for Codex, the Gemini API for Gemini CLI.

A step is `{"tool": name, "input": {...}}` or `{"text": ...}`; after the last one the model says `done` for ever.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

Step = Mapping[str, Any]
Message = dict[str, Any]


class ScriptedModel:
    """Answers each request for a turn with the next step, and keeps what it was sent."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.requests: list[Message] = []
        self._steps = iter(steps)
        self._numbers = count(1)
        self._lock = threading.Lock()

    def answer(self, path: str, request: Message) -> tuple[str, bytes]:
        """The content type and the body."""
        raise NotImplementedError

    def _next(self, request: Message) -> tuple[Step, int]:
        """The step for a request with tools; the client's own small questions get no step of the script."""
        with self._lock:
            self.requests.append(request)
            step = next(self._steps, None) if request.get("tools") else None
            return step or {"text": "done"}, next(self._numbers)


class ResponsesModel(ScriptedModel):
    """What Codex CLI speaks."""

    def answer(self, path: str, request: Message) -> tuple[str, bytes]:
        assert path == "/v1/responses"
        step, number = self._next(request)
        item: Message
        if "tool" in step:
            namespace = {"namespace": step["namespace"]} if "namespace" in step else {}
            arguments = json.dumps(step["input"])
            call = {"call_id": f"call_{number}", "name": step["tool"], **namespace, "arguments": arguments}
            item = {"type": "function_call", "id": f"fc_{number}", "status": "completed", **call}
        else:
            said = [{"type": "output_text", "text": step["text"], "annotations": []}]
            item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": said}
        response = {"id": f"resp_{number}", "status": "completed", "output": [item], "usage": _usage()}
        events: list[Message] = [
            {"type": "response.created", "response": {"id": f"resp_{number}"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": response},
        ]
        lines = (f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events)
        return "text/event-stream", "".join(lines).encode()


class GeminiModel(ScriptedModel):
    """What Gemini CLI speaks."""

    def answer(self, path: str, request: Message) -> tuple[str, bytes]:
        if "countTokens" in path:
            return "application/json", b'{"totalTokens": 1}'
        step, number = self._next(request)
        called = {"functionCall": {"id": f"call_{number}", "name": step.get("tool"), "args": step.get("input")}}
        part = called if "tool" in step else {"text": step["text"]}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        answer = json.dumps({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"})
        if "streamGenerateContent" in path:
            return "text/event-stream", f"data: {answer}\n\n".encode()
        return "application/json", answer.encode()


def _usage() -> Message:
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, **details}


@contextmanager
def served(model: ScriptedModel) -> Iterator[str]:
    """The address of the model."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(model))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
            self._send(200, *model.answer(self.path, request))

        def do_GET(self) -> None:
            self._send(404, "application/json", b"{}")

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
