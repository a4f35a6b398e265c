"""What a deny says of a command where nobody has the grammar: all equal forms are at least asked about."""

from __future__ import annotations

import itertools

import pytest

from services.session.permissions.files.file_commands import Holds
from services.session.permissions.plain_denies import KeptDeny, judge_plainly, may_change_rules
from services.session.permissions.rough_reading import rough_calls
from tests.growth import growth
from tests.unit.session.domain.test_equal_commands import SAME, WORDS
from tests.unit.session.domain.test_harmless_commands import LINES
from tests.unit.session.permissions.test_guesses import DENIED, HARMLESS, NOBODYS, NOT_ALLOWED, SELF_MADE, SHAPES

PUSH = KeptDeny("bash", "git push *", False, "/work/heron")
REALLY_DENIED = ("git push", "rm -rf", "npm publish", "curl")
LENGTH = 60_000


def said(command: str, *denies: KeptDeny) -> Holds:
    return judge_plainly(denies or (PUSH,), "Bash", command)


@pytest.mark.parametrize("words", ["git push o", "git -C . push o"])
def test_every_wrapping_of_a_denied_command_is_held_back(words: str) -> None:
    commands = [same.format(words) for same in SAME]
    assert [command for command in commands if said(command) is Holds.NOTHING] == []
    assert sum(said(command) is Holds.DENY for command in commands) >= len(commands) - 2


def test_all_other_words_for_it_are_held_back() -> None:
    commands = [same.format(words) for words, same in itertools.product(WORDS, ("{0}", "true && {0}", "env {0}"))]
    assert [command for command in commands if said(command) is Holds.NOTHING] == []
    assert sum(said(command) is Holds.DENY for command in commands) >= len(commands) * 3 / 4


@pytest.mark.parametrize("command", [*DENIED, *NOT_ALLOWED])
def test_what_hides_it_is_at_least_asked_about(command: str) -> None:
    assert said(command) is not Holds.NOTHING


def test_harmless_commands_are_left_alone() -> None:
    denies = [KeptDeny("bash", f"{words} *", False, "/work/heron") for words in REALLY_DENIED]
    others = [command for command in LINES if not any(words in command for words in REALLY_DENIED)]
    assert len(others) > 500
    assert [command for command in others if said(command, *denies) is not Holds.NOTHING] == []
    spoken_of = {command: said(command) for command in HARMLESS}
    assert [command for command, holds in spoken_of.items() if holds is Holds.DENY] == []
    assert sum(holds is Holds.ASK for holds in spoken_of.values()) <= 3


@pytest.mark.parametrize("command", [*SELF_MADE])
def test_what_decides_in_the_persons_place_is_known(command: str) -> None:
    assert may_change_rules("Bash", command)


@pytest.mark.parametrize("command", NOBODYS)
def test_what_only_looks_is_not_taken_for_it(command: str) -> None:
    assert not may_change_rules("Bash", command)


@pytest.mark.parametrize(
    ("deny", "operation", "target"),
    [
        (("bash", "", False), "Bash", "ls"),
        (("bash", "rm *.pyc", True), "Bash", "rm *.pyc"),
        (("bash", "rm -rf *", False), "Bash", "rm x -fr"),
        (("read", ".env", False), "Read", "/work/heron/.env"),
        (("edit", ".env", False), "Write", "/work/heron/conf/../.env"),
        (("edit", ".env", False), "NotebookEdit", ".env"),
        (("webfetch", "domain:example.org", False), "WebFetch", "https://example.org/a"),
        (("mcp__github", "", False), "mcp__github__create", ""),
        (("mcp__github__*", "", False), "mcp__github__create", ""),
        (("powershell", "rm *", False), "PowerShell", "cd x; rm y"),
    ],
)
def test_a_deny_holds_for_every_kind_of_tool(deny: tuple[str, str, bool], operation: str, target: str) -> None:
    assert judge_plainly([KeptDeny(*deny, "/work/heron")], operation, target) is Holds.DENY


@pytest.mark.parametrize(
    ("deny", "operation", "target"),
    [
        (("bash", "rm *.pyc", True), "Bash", "rm x"),
        (("bash", "rm -rf *", False), "Bash", "rm -r dist/*.whl"),
        (("read", ".env", False), "Edit", "/work/heron/.env"),
        (("edit", ".env", False), "Write", "/work/heron/env"),
        (("webfetch", "domain:example.org", False), "WebFetch", "https://example.org.evil.test/a"),
        (("mcp__github", "", False), "mcp__gitlab__create", ""),
    ],
)
def test_a_deny_holds_for_nothing_else(deny: tuple[str, str, bool], operation: str, target: str) -> None:
    assert judge_plainly([KeptDeny(*deny, "/work/heron")], operation, target) is Holds.NOTHING


@pytest.mark.parametrize("shape", [*SHAPES, '"$(', "$($(", "'", "segue ", "/v1/", "a=$b ", "`a` ", "<<A\n", "{a,b} "])
def test_the_cost_of_a_command_does_not_grow_faster_than_its_length(shape: str) -> None:
    names = iter(range(1000))

    def judge(size: int) -> None:
        command = f"{shape * (size // len(shape))} {next(names)}"
        said(command)
        may_change_rules("Bash", command)

    assert growth(judge, LENGTH, worth_a_look_s=0.5) < 3.5


def test_a_command_of_any_form_is_read() -> None:
    for command in (
        "",
        " ",
        "'",
        '"',
        "\\",
        "$(",
        "`",
        "<",
        "<<",
        "<<'",
        ">",
        "&",
        "((",
        "))",
        "\0",
        "\ud800",
        "${",
        "#",
    ):
        assert all(rough_calls(command + tail) is not None for tail in ("", "a", "'", "\n"))
