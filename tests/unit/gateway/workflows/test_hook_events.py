"""What a hook's event says of the call that a tool is about to make."""

from __future__ import annotations

import pytest

from services.gateway.workflows.hook_events import HookEvent


@pytest.mark.parametrize(
    ("tool", "given", "target", "is_on_file"),
    [
        ("Glob", {"pattern": "secrets/*"}, "secrets/*", False),
        ("Glob", {"pattern": "*", "path": "/work/a/secrets"}, "/work/a/secrets", True),
        ("Grep", {"pattern": "secrets/*"}, "", False),
        ("Grep", {"pattern": "x", "path": "src"}, "src", True),
        ("Grep", {"pattern": "x", "glob": "secrets/*"}, "secrets/*", False),
        ("Bash", {"command": "ls", "path": "x"}, "ls", False),
    ],
)
def test_the_target_is_what_the_tool_works_on(tool: str, given: dict[str, str], target: str, is_on_file: bool) -> None:
    event = HookEvent("/work/a", tool=tool, tool_input=given)
    assert (event.target, event.is_on_file) == (target, is_on_file)
