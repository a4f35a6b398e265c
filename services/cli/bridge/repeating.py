"""Which requests are safe to repeat if their outcome is unknown.

The gateway says so: its list marks tools as read-only or idempotent. A tool that was never listed counts as unsafe to
repeat.
"""

from __future__ import annotations

from services.cli.bridge.messages import Message

READS = frozenset(
    {
        *("initialize", "ping", "server/discover", "completion/complete", "logging/setLevel"),
        *("tools/list", "prompts/list", "prompts/get"),
        *("resources/list", "resources/templates/list", "resources/read", "resources/subscribe"),
    }
)
HARMLESS = ("readOnlyHint", "idempotentHint")


class Repeating:
    """The properties of the gateway's tools, read from its tool lists in transit."""

    def __init__(self) -> None:
        self._harmless: set[str] = set()

    def learn(self, request: Message, answer: Message) -> None:
        """Reads the tools from a list in an answer."""
        result = answer.get("result")
        if request.get("method") != "tools/list" or not isinstance(result, dict):
            return
        for tool in result.get("tools") or ():
            marks = tool.get("annotations") or {}
            (self._harmless.add if any(marks.get(mark) for mark in HARMLESS) else self._harmless.discard)(tool["name"])

    def allows(self, request: Message) -> bool:
        """Whether carrying out the request twice is the same as once."""
        if request.get("method") == "tools/call":
            return request["params"].get("name") in self._harmless
        return request.get("method") in READS
