"""A real server in one process, killed and started again, and a thin client that sends whatever it is told to."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.integration.stack import ProcessStack

answer_within_s = 60.0
settled_within_s = 60.0
readable_max_chars = 20_000
_code = re.compile(r"^[A-Z][A-Z_]+: ")
_traces = ("Traceback", "services/", "site-packages", '.py", line')
ADMIN, *USERS = "ada", "bob", "cy"


class Wrong(AssertionError):
    """The door did what it never may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered: its structured content, or an error that a person can read."""

    content: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    is_refused: bool = False
    """Whether the protocol refused the message, before any tool was asked."""

    @property
    def code(self) -> str:
        """Such as INVALID_INPUT; nothing for a success."""
        return self.error.partition(":")[0]


class Server(ProcessStack):
    """`segue serve` with users by tokens, all of it below one directory: nothing a call names leads out of it."""

    def __init__(self, directory: Path, model: Path) -> None:
        self.workspace, self._home = directory / "work", directory / "home"
        for each in (self.workspace, self._home, directory / "data" / "memory"):
            each.mkdir(mode=0o700, parents=True)
        (directory / "data" / "memory" / "model").symlink_to(model)
        super().__init__(
            directory / "data",
            HOME=str(self._home),
            SEGUE_GATEWAY_AUTH="tokens",
            SEGUE_GATEWAY_ROOTS=str(self.workspace),
            SEGUE_GATEWAY_CALLS_PER_MINUTE="10000000",
            SEGUE_MEMORY_SNAPSHOT_EVERY_CHANGES="20",
            SEGUE_MEMORY_ERASE_WITHIN_S="0.5",
            SEGUE_MEMORY_EMBED_WORKERS="1",
        )
        self.tokens = {ADMIN: self._admin_token()}

    def __enter__(self) -> Server:
        super().__enter__()
        for user in USERS:
            self.tokens.setdefault(user, "")
            if not self.tokens[user]:
                body = json.dumps({"user": user, "scope": "write"}).encode()
                self.tokens[user] = json.loads(self.door(ADMIN).endpoint("POST", "/v1/tokens", body)[1])["token"]
        return self

    def door(self, user: str) -> Door:
        """For that user, at wherever the server listens now."""
        return Door(self.url, self.tokens[user])

    def kill(self) -> None:
        """SIGKILL, and a start on what it left."""
        assert self.process
        assert self.process.stdout
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process.stdout.close()
        self.__enter__()

    def _admin_token(self) -> str:
        command = [sys.executable, "-m", "services.cli", "token", "create", ADMIN, "--scope", "admin"]
        environment = os.environ | self.environment | self.settings
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found = re.search(r"segue_\S+", done.stdout)
        assert found, done.stdout
        return found[0]


class Door:
    """One user's connection to the server. Raises Wrong for an answer that may never be."""

    def __init__(self, url: str, token: str) -> None:
        self._address = urlsplit(url)
        self._headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-06-18",
            "mcp-session-id": "of-an-earlier-server",
        }
        self._connection: http.client.HTTPConnection | None = None
        self._answered: dict[str, str] = {}

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body."""
        for attempt in range(2):  # a connection that was idle may be closed by now
            connection = self._connection or http.client.HTTPConnection(
                self._address.hostname or "", self._address.port, timeout=answer_within_s
            )
            self._connection = connection
            try:
                connection.request(method, path, body, {**self._headers, **(headers or {})})
                answer = connection.getresponse()
                self._answered = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                if attempt:
                    raise
            except TimeoutError as error:
                raise Wrong(f"no answer within {answer_within_s} s: {method} {path} {body[:500]!r}") from error
        raise AssertionError

    def get(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers by their names in lower case, and body."""
        status, body = self.send("GET", path)
        return status, self._answered, body

    def close(self) -> None:
        """Ends the connection; the next call opens another."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """A request of the protocol and its answer; Wrong where there is none."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        status, answer = self.send("POST", "/mcp", body)
        if status >= 500:
            raise Wrong(f"HTTP {status} for {params!r:.2000}: {answer[:500]!r}")
        return _message(answer)

    def tools(self) -> list[dict[str, Any]]:
        """What `tools/list` says."""
        found: list[dict[str, Any]] = self.request("tools/list", {})["result"]["tools"]
        return found

    def call(self, tool: str, arguments: Any) -> Answer:
        """A tool's answer. Wrong for INTERNAL, and for an error that nobody can read."""
        message = self.request("tools/call", {"name": tool, "arguments": arguments})
        about = f"{tool} {arguments!r:.2000}"
        if "error" in message:
            _expect_readable(str(message["error"].get("message")), about)
            return Answer(error=f"PROTOCOL: {message['error']['message']}", is_refused=True)
        result = message["result"]
        if not result.get("isError"):
            return Answer(result["structuredContent"])
        text = result["content"][0]["text"]
        _expect_readable(text, about)
        if not _code.match(text):
            raise Wrong(f"an error without a code: {text[:500]!r} for {about}")
        structured = result.get("structuredContent")
        if structured is not None and structured["error_code"] != text.partition(":")[0]:
            raise Wrong(f"two codes: {text[:200]!r}, {structured['error_code']} for {about}")
        return Answer(error=text)

    def succeed(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a call gives that has no reason to fail."""
        answer = self.call(tool, arguments)
        if answer.error:
            raise Wrong(f"{tool} {arguments!r:.2000}: {answer.error[:500]}")
        return answer.content

    def whole_memory(self, id: str) -> dict[str, Any]:
        """A memory with all of its content, which comes in parts where it is long."""
        memory: dict[str, Any] = self.succeed("get_memory", id=id)["memory"]
        chars = memory.get("content_chars") or 0
        while len(memory["content"]) < chars:
            part = self.succeed("get_memory", id=id, begin=len(memory["content"]), max_chars=200_000)["memory"]
            memory["content"] += part["content"]
        return memory

    def endpoint(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Status and JSON of an endpoint of our own. Wrong for 500, and for an error that nobody can read."""
        status, answer = self.send(method, path, body)
        about = f"{method} {path} {body!r:.2000}"
        if status == 500:
            raise Wrong(f"HTTP 500: {answer[:500]!r} for {about}")
        if status < 400:
            return status, answer
        try:
            said = json.loads(answer)
        except ValueError as error:
            raise Wrong(f"HTTP {status} without words: {answer[:300]!r} for {about}") from error
        _expect_readable(str(said), about)
        return status, said

    def settle(self) -> None:
        """Returns when the index has read every text."""
        deadline = time.monotonic() + settled_within_s
        while self.succeed("health_check")["checks"]["index"]["status"] != "healthy":
            if time.monotonic() > deadline:
                raise Wrong(f"the index is not healthy {settled_within_s} s after the start")
            time.sleep(0.05)


def _message(body: bytes) -> dict[str, Any]:
    text = body.decode()
    if not text.lstrip().startswith("{"):
        data = [line.removeprefix("data:") for line in text.split("\n") if line.startswith("data:")]
        if not data:
            raise Wrong(f"no message: {text[:300]!r}")
        text = data[-1]
    message: dict[str, Any] = json.loads(text)
    return message


def _expect_readable(text: str, about: str) -> None:
    """An error says something, in a few words, and nothing of the code behind it."""
    if not text.strip() or len(text) > readable_max_chars or any(each in text for each in _traces):
        raise Wrong(f"an error that nobody can read: {text[:500]!r} for {about}")
    if text.startswith("INTERNAL") or "'INTERNAL'" in text:
        raise Wrong(f"{text[:300]!r} for {about}")
