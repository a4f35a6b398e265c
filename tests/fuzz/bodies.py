"""Valid bodies for the endpoints of our own, to be spoilt."""

from __future__ import annotations

import json
from typing import Any

from services.cli.hooks.table import HOOKS
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
        "/v1/tokens": [{"user": "dora", "scope": "read", "expires_in_s": 60}],
        "/v1/tokens/revoke": [{"which": "nobody"}],
        "/v1/backup": [{"directory": 1}],
    }
