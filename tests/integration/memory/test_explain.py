"""`segue explain`: as a user reads it."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.memory.test_searches import remember
from tests.integration.stack import Stack, segue


async def test_it_says_what_speaks_for_each_result_and_where_another_is(stack: Stack, project: str) -> None:
    best, other = await remember(
        stack, project, "The heron gate sticks in frost: heat the hinge.", "The heron gate was painted green."
    )
    done = segue(stack, "explain", "why does the heron gate stick", "--project", project, "--limit", "1", "--id", other)
    assert done.returncode == 0, done.stderr
    first = done.stdout.split("1. ")[1]
    assert best in first.splitlines()[0]
    assert "> The heron gate sticks in frost" in first
    assert "its words" in first
    assert "It is number 2, and 1 are shown." in done.stdout
    assert other in done.stdout.split("It is number")[1]


@pytest.mark.parametrize(("words", "reason"), [([""], "query is empty"), (["x", "--id", "nothing"], "no memory with")])
def test_what_it_cannot_explain_it_says(stack: Stack, words: list[str], reason: str) -> None:
    done = segue(stack, "explain", *words)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_remembered_cannot_write_to_the_terminal(stack: Stack, project: str) -> None:
    asyncio.run(remember(stack, project, "The heron \x1b[2J\x1b]0;owned\x07 gate"))
    done = segue(stack, "explain", "heron gate", "--project", project)
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
