"""Valid bodies for the endpoints of our own, to be spoilt."""

from __future__ import annotations

import json
from typing import Any

from services.cli.hooks.hook_table import HOOKS
from tests.fuzz.nasty import SOMEBODY_ID

EVENT = """{
    "directory": "SHOP", "meta": {}, "tokens": 500, "prompt_tokens": 100, "within_ms": 300,
    "files": ["a.py"], "delivery": "d-1", "age_s": 3,
    "input": {
        "session_id": "talk-1", "cwd": "SHOP", "source": "startup", "reason": "other", "trigger": "auto",
        "prompt": "lantern", "tool_name": "Bash", "tool_input": {"command": "ls", "file_path": "a.py"}
    }
}"""
MEMORY = """{
    "id": "ID", "content": "a lantern", "kind": "reflection", "project": "wild", "tags": ["red"],
    "metadata": {"a": 1}, "timestamp": "2026-03-01T09:30:00+01:00", "session_id": "s", "role": "user", "shared": false
}"""
LINK = """{"link": {
    "source": "wild", "target": "wilder", "type": "related", "description": "d",
    "created_at": "2026-03-01T09:30:00+01:00"
}}"""

REFUSED_LINES = (
    b'{"content": " "}',
    b'{"content": "x", "timestamp": "2999-01-01T00:00:00+00:00"}',
    b'{"content": "x", "tags": [' + b",".join(b'"t%d"' % number for number in range(51)) + b"]}",
    b'{"content": "x", "project": "' + b"p" * 201 + b'"}',
)
"""Lines of a batch that say something, and are refused all the same."""
_requests: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tools/call", {"name": "status", "arguments": {}, "_meta": {"progressToken": 1}}),
    ("tools/list", {"cursor": "x"}),
    ("resources/read", {"uri": "segue://memory/x"}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("prompts/get", {"name": "search", "arguments": {"query": "lantern"}}),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "search"}, "argument": {"name": "query", "value": "l"}},
    ),
    ("logging/setLevel", {"level": "info"}),
    ("notifications/cancelled", {"requestId": 1, "reason": "x"}),
    ("ping", {}),
)
MESSAGES: list[Any] = [
    {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    for number, (method, params) in enumerate(_requests)
]


def bodies(shop: str) -> dict[str, list[Any]]:
    """By path; `shop` is a directory that the server sees."""
    event, memory = json.loads(EVENT.replace("SHOP", shop)), json.loads(MEMORY.replace("ID", SOMEBODY_ID))
    return {
        **{f"/v1/hooks/{name}": [event] for name in HOOKS},
        "/v1/memories": [memory, json.loads(LINK), memory | {"id": ""}],
        "/v1/retention": [
            {"project": "wild", "days": 400, "size_mb": 50.5, "reflections": False},
            {"project": "wild", "reset": True},
        ],
        "/v1/reports": [
            {
                "project": "wild",
                "commit": "1a2b3c4d",
                "job": "unit",
                "lines": 100,
                "measured_at": "2026-03-01T09:30:00+01:00",
                "reports": [{"name": "junit.xml", "content": '<testsuite><testcase name="a"/></testsuite>'}],
                "evidence": [{"name": "test_coverage", "value": 80.5, "detail": "of lines"}],
            }
        ],
        "/v1/tokens": [{"user": "dora", "scope": "read", "expires_in_s": 60}],
        "/v1/tokens/revoke": [{"which": "nobody"}],
        "/v1/backup": [{"directory": 1}],
    }
