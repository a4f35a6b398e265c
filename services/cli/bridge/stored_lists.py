"""What the bridge answers by itself while the local server starts: the handshake, and the lists of what there is.

A client shows its model the tools of servers that answer at once, and a server that starts from nothing takes seconds.
The answers of this version's gateway are in `lists.json` (made by `python -m tests.integration.connect.stored_lists`);
a gateway that shows other tools, by its settings, is remembered in the data directory.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services import __version__
from services.cli.bridge.messages import Message, standalone_version

SHIPPED = Path(__file__).with_name("lists.json")
REMEMBERED = "listed_tools.json"
REMEMBERED_MAX_BYTES = 1 << 20
TOOLS = "tools/list"
LISTS = (TOOLS, "prompts/list", "resources/list", "resources/templates/list")
DISCOVER = "server/discover"


class StoredLists:
    """The answers of a gateway of this version; `data_dir` is where that of the local one is remembered."""

    def __init__(self, data_dir: Path) -> None:
        self._remembered = data_dir / REMEMBERED
        self._shipped: Mapping[str, Any] | None = None
        self.shown: object = None
        """The tools that the client was shown from here."""

    def answer(self, request: Message) -> Message | None:
        """The stored answer; None where only a gateway has one."""
        method, params = request.get("method"), request.get("params")
        stored = self._shipped_lists()
        asked = params.get("protocolVersion") if isinstance(params, dict) else None
        result: Message
        if method == "initialize":
            version = asked if asked in stored["versions"] else stored["versions"][-1]
            result = {**stored["initialize"], "protocolVersion": version}
        elif method == "ping":
            result = {}
        elif method == DISCOVER:
            result = stored[DISCOVER]
        elif method in LISTS and not (isinstance(params, dict) and params.get("cursor")):
            result = self._list(stored, method) | (stored["standalone"] if standalone_version(request) else {})
        else:
            return None
        return {"jsonrpc": "2.0", "id": request.get("id"), "result": result}

    def remember(self, tools: object) -> bool:
        """Notes which tools the local gateway shows; whether they are others than the client was shown from here."""
        if self._tools() != tools:
            with contextlib.suppress(OSError):  # the next start shows what this one did
                self._remembered.write_text(json.dumps({"version": __version__, "tools": tools}), encoding="utf-8")
        is_news, self.shown = self.shown is not None and self.shown != tools, None
        return is_news

    def _list(self, stored: Mapping[str, Any], method: str) -> Message:
        if method != TOOLS:
            return dict(stored[method])
        self.shown = self._tools()
        return {"tools": self.shown}

    def _tools(self) -> object:
        try:
            if self._remembered.stat().st_size <= REMEMBERED_MAX_BYTES:
                noted = json.loads(self._remembered.read_bytes())
                if noted["version"] == __version__ and isinstance(noted["tools"], list):
                    return noted["tools"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass  # nothing is remembered, or of another version
        return self._shipped_lists()[TOOLS]["tools"]

    def _shipped_lists(self) -> Mapping[str, Any]:
        shipped: Mapping[str, Any] = self._shipped or json.loads(SHIPPED.read_bytes())
        self._shipped = shipped
        return shipped
