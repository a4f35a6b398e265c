"""Which requests may be sent again when nobody knows whether they were carried out.

The gateway says so itself: the tools it lists are marked as reading, or as idempotent. A tool that was never listed is
taken for one that must not be repeated.
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
    """What is known of the gateway's tools, from its own lists as they pass."""

    def __init__(self) -> None:
        self._harmless: set[str] = set()

    def learn(self, request: Message, answer: Message) -> None:
        """Take note of the tools that an answer lists."""
        result = answer.get("result")
        if request.get("method") != "tools/list" or not isinstance(result, dict):
            return
        for tool in result.get("tools") or ():
            marks = tool.get("annotations") or {}
            (self._harmless.add if any(marks.get(mark) for mark in HARMLESS) else self._harmless.discard)(tool["name"])

    def allows(self, request: Message) -> bool:
        """Whether carrying the request out twice is the same as once."""
        if request.get("method") == "tools/call":
            return request["params"].get("name") in self._harmless
        return request.get("method") in READS
