"""Denies hold while the server hangs or is gone, as it told them last."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hooked import Hooked
from tests.integration.permissions.test_deciding import decision
from tests.integration.person import decide
from tests.integration.stack import ProcessStack

MAKE = {"operation": "Bash", "target": "make pears", "scope": "project"}
PUSH = {"operation": "Bash", "target": "git push *", "scope": "project"}
EVERYWHERE = {"operation": "Bash", "target": "rm -rf *", "scope": "always"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("unanswered")) as stack:
        yield stack


@pytest.fixture
def hooked(stack: ProcessStack, tmp_path: Path, project: str) -> Hooked:
    client = Hooked(tmp_path, project, **stack.environment)
    client.begin()
    return client


@pytest.mark.slow
def test_denies_hold_while_the_server_hangs_and_are_gone_once_it_says_so(stack: ProcessStack, hooked: Hooked) -> None:
    here = {"directory": str(hooked.project)}
    rule = decide(stack.url, "deny", **PUSH, **here)["rule"]["id"]
    decide(stack.url, "permit", **MAKE, **here)
    decide(stack.url, "deny", **EVERYWHERE)
    assert [decision(hooked, command) for command in ("git push", "make pears")] == ["deny", "allow"]
    new = Hooked(hooked.home.parent, f"{hooked.project.name}-new", **hooked.environment)
    patient = {**hooked.environment}
    assert stack.process
    stack.process.send_signal(signal.SIGSTOP)
    try:
        for client in (hooked, new):
            client.environment |= {"SEGUE_HOOK_WITHIN_MS": "750", "CLAUDE_PROJECT_DIR": str(client.project)}
        asked = ("git -C . push", "make pears", "ls", "rm x -rf", "segue permit Bash x")
        assert [decision(hooked, command) for command in asked] == ["deny", "None", "None", "deny", "ask"]
        assert [decision(new, command) for command in ("git push", "rm x -rf")] == ["None", "deny"]
    finally:
        stack.process.send_signal(signal.SIGCONT)
    hooked.environment = patient
    assert decide(stack.url, "revoke", id=rule)["revoked"] == 1
    assert decision(hooked, "git push") == "None"
    hooked.environment = {**patient, "SEGUE_URL": "http://127.0.0.1:1/mcp"}
    assert decision(hooked, "rm -rf x") == "None"  # of that gateway nothing is known
    copies = sorted((hooked.data / "hooks" / "denies" / "local").glob("*"))
    assert not [path for path in copies if "git push" in path.read_text()]


def test_a_conversation_that_begins_brings_the_denies_along(stack: ProcessStack, hooked: Hooked) -> None:
    decide(stack.url, "deny", **PUSH, directory=str(hooked.project))
    following = Hooked(hooked.home.parent, hooked.project.name, **hooked.environment)
    following.hook("SessionStart", source="startup")
    assert stack.process
    stack.process.send_signal(signal.SIGSTOP)
    try:
        following.environment["SEGUE_HOOK_WITHIN_MS"] = "750"
        assert decision(following, "git push") == "deny"
    finally:
        stack.process.send_signal(signal.SIGCONT)
