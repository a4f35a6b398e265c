"""The directory that a client works in: what it says by `CLAUDE_PROJECT_DIR` and its roots, before this process's own.

Some clients start the bridge in the home directory or at `/`, which are no projects, and tell by `roots/list` where
they work. They are asked once the handshake is over, and again when they say that it has changed. Without a handshake,
as of 2026-07-28, the first call is answered with the question, and comes again with the roots.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from services.cli.bridge.messages import Message

ROOTS_TIMEOUT_S = 2.0
"""The first call waits for the roots so long; a client that does not answer is not waited for again."""
ROOTS_MAX = 64
ASKED_AS = "segue-roots-"
PROJECT_DIRECTORY = "CLAUDE_PROJECT_DIR"
CHANGED = "notifications/roots/list_changed"
CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"
INPUT_NAME = "segue-roots"
QUESTIONS_MAX = 8
"""Calls may come before the answer to the first is there; a client that never answers is served without."""


class Directories:
    """What one client says; `ask` sends it a request."""

    def __init__(self, ask: Callable[[Message], None]) -> None:
        self._ask = ask
        self._offers_roots = False
        self._requests = 0
        self._roots: list[str] = []
        self._answered = threading.Event()
        self._answered.set()
        self._questions_left = QUESTIONS_MAX

    def begin(self, handshake: Message) -> None:
        """Reads from the client's handshake whether it has roots."""
        params = handshake.get("params")
        self._offers_roots = isinstance(params, dict) and _has_roots(params.get("capabilities"))

    def notice(self, method: object) -> None:
        """After a notification of the client: asks for its roots when there may be others."""
        if self._offers_roots and method in {"notifications/initialized", CHANGED}:
            self._requests += 1
            self._answered.clear()
            self._ask({"jsonrpc": "2.0", "id": f"{ASKED_AS}{self._requests}", "method": "roots/list"})

    def takes_answer(self, message: Message) -> bool:
        """Whether the message answers the question for the roots; it is not the gateway's then."""
        answered = message.get("id")
        if not isinstance(answered, str) or not answered.startswith(ASKED_AS):
            return False
        if answered == f"{ASKED_AS}{self._requests}":  # an earlier answer says what was
            self._roots = _paths(message.get("result"))
            self._answered.set()
        return True

    def question(self, call: Message) -> Message | None:
        """What a call without a handshake is answered with until the client's roots are known; None to carry it out."""
        params = call.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        capabilities = meta.get(CAPABILITIES_META) if isinstance(meta, dict) else None
        is_known = not self._questions_left or bool(_project(os.environ.get(PROJECT_DIRECTORY, "")))
        if call.get("method") != "tools/call" or is_known or not _has_roots(capabilities):
            return None
        self._questions_left -= 1
        wanted = {INPUT_NAME: {"method": "roots/list", "params": {}}}
        result = {"resultType": "input_required", "inputRequests": wanted}
        return {"jsonrpc": "2.0", "id": call.get("id"), "result": result}

    def without_answer(self, call: Message) -> Message:
        """The call without the roots that came with it, which are noted."""
        params = call.get("params")
        responses = params.get("inputResponses") if isinstance(params, dict) else None
        if not isinstance(params, dict) or not isinstance(responses, dict) or INPUT_NAME not in responses:
            return call
        self._roots, self._questions_left = _paths(responses[INPUT_NAME]), 0
        rest = {name: value for name, value in responses.items() if name != INPUT_NAME}
        kept = {name: value for name, value in params.items() if name != "inputResponses"}
        return {**call, "params": {**kept, **({"inputResponses": rest} if rest else {})}}

    def current(self) -> str:
        """The directory, empty where none is a project: the one that Claude Code names, else this process's own where
        it is in one of the roots or there are none, else the first root."""
        if named := _project(os.environ.get(PROJECT_DIRECTORY, "")):
            return named
        if not self._answered.wait(ROOTS_TIMEOUT_S):
            self._answered.set()
        own = _project(_own_directory())
        roots = [each for each in self._roots if _project(each)]
        is_inside = any(own == root or own.startswith(f"{root.rstrip('/')}/") for root in roots)
        return own if is_inside or not roots else roots[0]


def _has_roots(capabilities: object) -> bool:
    return isinstance(capabilities, dict) and isinstance(capabilities.get("roots"), dict)


def _own_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - no more is needed
    except OSError:  # it was removed
        return ""


def _project(directory: str) -> str:
    """The directory, if it can be a project: it is there, and neither the home nor the whole file system."""
    if not directory.startswith("/") or not os.path.isdir(directory):  # noqa: PTH112
        return ""
    real = os.path.realpath(directory)
    is_home = real == os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111
    if real == "/" or (is_home and not os.path.lexists(os.path.join(real, ".git"))):  # noqa: PTH118
        return ""
    return directory


def _paths(result: object) -> list[str]:
    """The directories of an answer; what is none is left out."""
    listed = result.get("roots") if isinstance(result, dict) else None
    addresses = (
        [each.get("uri") for each in listed[:ROOTS_MAX] if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    return [path for each in addresses if isinstance(each, str) and (path := _path(each))]


def _path(address: str) -> str:
    """The path of a `file://` address on this machine; empty for another."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    path = unquote(parts.path, errors="surrogateescape")
    return path if parts.scheme == "file" and parts.netloc in {"", "localhost"} and "\0" not in path else ""
