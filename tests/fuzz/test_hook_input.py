"""Whatever a client tells a hook: it exits with 0, and stdout has JSON that the client understands, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.cli.hooks import hook_input
from services.cli.hooks.hook_table import HOOKS
from services.gateway.endpoints.hooks import parse_event
from services.kit.errors import InvalidInput
from tests.fuzz.budget import tried
from tests.fuzz.mutations import encoded, mutated, mutated_json

HOOK = Path(hook_input.__file__).parents[1] / "hook.py"
INPUT = {
    "session_id": "0b0c1d2e",
    "transcript_path": "/home/ada/.claude/projects/-home-ada-shop/0b0c1d2e.jsonl",
    "cwd": "/home/ada/shop",
    "hook_event_name": "PostToolUse",
    "source": "startup",
    "reason": "other",
    "trigger": "auto",
    "prompt": "What did we decide about the lantern?",
    "tool_name": "Bash",
    "tool_input": {"command": "ls -la", "file_path": "/home/ada/shop/a.py", "description": "x"},
    "tool_response": {"stdout": "a\nb", "stderr": "", "interrupted": False},
    "permission_mode": "default",
}
inputs = mutated_json([INPUT]).map(encoded) | mutated([encoded(INPUT), b"", b"{}", b"null"])


@tried(50)
@given(raw=inputs)
def test_what_a_hook_is_told_is_understood_or_not(raw: bytes) -> None:
    try:
        fields = hook_input.fields(raw)
    except hook_input.NotUnderstood:
        return
    texts = [*fields.values(), *fields.get("tool_input", {}).values()]
    assert all(isinstance(text, str | dict) and len(text) <= hook_input.TEXT_MAX_CHARS for text in texts)
    assert isinstance(hook_input.session(raw), str)


@tried(50)
@given(raw=inputs)
def test_the_gateway_reads_every_envelope_that_a_hook_can_send(raw: bytes) -> None:
    try:
        event = parse_event(hook_input.envelope(raw, tokens=1500, within_ms=500))
    except (InvalidInput, hook_input.NotUnderstood):
        return
    for text in (event.directory, event.session, event.prompt, *event.tool_input.values()):
        text.encode()


@tried(10)
@given(event=st.sampled_from((*HOOKS, "Nonsense")), raw=inputs)
def test_a_hook_exits_with_0_and_says_nothing_where_nobody_serves(
    tmp_path_factory: Any, event: str, raw: bytes
) -> None:
    data = tmp_path_factory.getbasetemp() / "hooks"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(data),
        "SEGUE_DATA_DIR": str(data),
        "SEGUE_URL": "http://127.0.0.1:9/mcp",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(HOOK), event], input=raw, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    if done.stdout:
        assert isinstance(json.loads(done.stdout), dict)
