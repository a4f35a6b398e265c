"""What a conversation is told at its start, and what it leaves at its end, is the latest, whatever its words are."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.calls import call
from tests.integration.hooks.test_hooks import told
from tests.integration.memory.test_exact_lists import import_all, send_lines
from tests.integration.stack import Stack

TOPICS = "parser cache login billing export queue search mail logging metrics deploy backup retry quota schema".split()  # noqa: SIM905 - one line
LATEST = ("Kafka cluster", "Vault name", "Grafana folder", "OIDC issuer", "Redis password", "Helm chart", "pager rota")


@pytest.fixture
def directory(tmp_path: Path, project: str) -> Path:
    """Of a project that nobody else has."""
    (tmp_path / project).mkdir()
    return tmp_path / project


def ask(stack: Stack, event: str, directory: Path, conversation: str) -> dict[str, Any]:
    given = {"session_id": conversation, "cwd": str(directory), "source": "startup"}
    envelope = {"directory": str(directory), "tokens": 6_000, "within_ms": 20_000, "input": given}
    status, answer = told(stack, event, envelope)
    assert status in {200, 204}
    return answer


@pytest.mark.parametrize(("tag", "heading"), [("decision", "What was decided:"), ("correction", "What the user corr")])
def test_what_was_decided_lately_is_told_whatever_it_says(
    stack: Stack, directory: Path, tag: str, heading: str
) -> None:
    now = datetime.now(UTC)
    old = [
        {
            "content": f"Decision on the {topic}: this decision is a {tag} for {topic * 2} {number * 37}, a {tag}.",
            "timestamp": (now - timedelta(days=200 - number)).isoformat(),
        }
        for number, topic in enumerate([*TOPICS, *(f"{topic}s" for topic in TOPICS)][:28])
    ]
    new = [
        {
            "content": f"Always use the {subject} of the platform team.",
            "timestamp": (now - timedelta(days=number + 1)).isoformat(),
        }
        for number, subject in enumerate(LATEST)
    ]
    common = {"project": directory.name, "kind": "conversation", "tags": [tag]}
    send_lines(stack, [line | common for line in (*new, *old)])
    text = ask(stack, "SessionStart", directory, secrets.token_hex(8))["hookSpecificOutput"]["additionalContext"]
    part = text.split(heading)[1].split("Related:")[0]
    assert [subject for subject in LATEST if subject in part] == [*LATEST]
    assert part.index(LATEST[0]) < part.index(LATEST[-1]) < part.index("Decision on the")
    assert part.count("\n> ") == 12


def turns(*said: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in said]


def conversation_of(count: int) -> list[dict[str, Any]]:
    """Turns that all speak of what was done and decided."""
    return [
        {"role": "user", "content": f"What was done about part {number} and what was decided on it?"}
        if number % 2 == 0
        else {"role": "assistant", "content": f"It was done and decided: part {number} is decided and done."}
        for number in range(count)
    ]


PROMPT, ANSWER = "Please rename the walrus variable", "Renamed walrus variable 159."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "answer", "began_ago"),
    [
        (turns(("user", PROMPT), ("assistant", ANSWER)), ANSWER, timedelta(hours=1)),
        (
            turns(("user", PROMPT), ("assistant", ANSWER), ("assistant", "Done."), ("assistant", "OK")),
            ANSWER,
            timedelta(days=9),
        ),
        (
            turns(("user", "So?"), ("assistant", ANSWER), ("user", PROMPT), ("assistant", "Done.")),
            "Done.",  # the other one answered an earlier request
            timedelta(hours=3),
        ),
    ],
)
async def test_a_handoff_says_what_was_asked_and_answered_last(
    stack: Stack, directory: Path, end: list[dict[str, Any]], answer: str, began_ago: timedelta
) -> None:
    conversation, began = secrets.token_hex(8), datetime.now(UTC) - began_ago
    lines = [*conversation_of(200 - len(end)), *end]
    for number, line in enumerate(lines):
        line |= {"project": directory.name, "session_id": conversation}
        line |= {"timestamp": (began + timedelta(seconds=15 * number)).isoformat()}
    decisions = [f"We decided on colour {number}" for number in range(30)]
    for number, content in enumerate(decisions):
        at = (began + timedelta(seconds=15 * number + 5)).isoformat()
        lines.append({**lines[0], "content": content, "role": "user", "tags": ["decision"], "timestamp": at})
    await import_all(stack, lines)
    await call(stack, "init", working_directory=str(directory))  # it has begun when SessionEnd comes
    handoff = (await asyncio.to_thread(ask, stack, "SessionEnd", directory, conversation))["handoff"]
    summary = handoff.split("## Summary")[1].split("##")[0]
    assert PROMPT in summary
    assert answer in summary
    assert "decided" not in summary
    assert [each for each in decisions if f"{each}\n" in handoff] == decisions[-20:]
