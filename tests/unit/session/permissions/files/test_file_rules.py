"""A rule on files, tools of servers and hosts holds for what its author meant, however it was written."""

from __future__ import annotations

import pytest

from services.session.permissions.naming import canonical_name, reading_notes, warnings
from services.session.permissions.operation_kinds import rule_text
from tests.unit.session.book import Book


@pytest.mark.parametrize(
    ("denied", "pattern", "operation", "target"),
    [
        ("Read", ".env", "Read", "/work/heron/.env"),
        ("Read", "./.env", "Read", "/work/heron/.env"),
        ("Read", ".env", "Read", "/work/heron/web/.env"),
        ("Read", ".env", "Grep", "/work/heron/.env"),
        ("Read", ".env", "Read", "/work/heron/src/../.env"),
        ("Read", "**/.env", "Read", "/work/heron/web/.env"),
        ("Read", "secrets/**", "Read", "/work/heron/secrets/a/b"),
        ("Read", "secrets", "Read", "/work/heron/secrets/a"),
        ("Read", "~/.ssh/*", "Read", "/home/ada/.ssh/id_rsa"),
        ("Read", "/home/ada/.ssh/*", "Read", "~/.ssh/id_rsa"),
        ("Edit", "config/prod.yaml", "Edit", "/work/heron/config/prod.yaml"),
        ("Edit", "config/prod.yaml", "Write", "/work/heron/config/prod.yaml"),
        ("Edit", "config/prod.yaml", "MultiEdit", "/work/heron/config/prod.yaml"),
        ("Edit", "a.ipynb", "NotebookEdit", "/work/heron/a.ipynb"),
        ("Write", "/work/heron/a", "Edit", "a"),
        ("Edit", "Config/Prod.yaml", "Edit", "/work/heron/config/PROD.yaml"),
        ("Edit", "caf\u00e9.md", "Edit", "/work/heron/cafe\u0301.md"),
        ("Edit", "src\\a.py", "Edit", "/work/heron/src/a.py"),
        ("Edit", "*", "Write", ""),
        ("mcp__github", "", "mcp__github__create_issue", ""),
        ("mcp__github__*", "", "mcp__github__create_issue", "x"),
        ("WebFetch", "domain:example.org", "WebFetch", "https://example.org/x"),
    ],
)
def test_a_deny_holds_for_the_file_or_tool_that_was_meant(
    denied: str, pattern: str, operation: str, target: str
) -> None:
    book = Book()
    book.deny(denied, pattern)
    assert book.verdict(operation, target) == "deny"


@pytest.mark.parametrize(
    ("denied", "pattern", "operation", "target"),
    [
        ("Read", ".env", "Read", "/work/heron/.env.example"),
        ("Read", ".env", "Write", "/work/heron/.env"),
        ("Edit", "config/prod.yaml", "Edit", "/work/heron/web/config/prod.yaml"),
        ("mcp__github", "", "mcp__githubber__x", ""),
        ("WebFetch", "domain:example.org", "WebFetch", "https://example.org.evil.example/"),
    ],
)
def test_a_deny_holds_for_no_other(denied: str, pattern: str, operation: str, target: str) -> None:
    book = Book()
    book.deny(denied, pattern)
    assert book.verdict(operation, target) != "deny"


@pytest.mark.parametrize(
    ("pattern", "target", "expected"),
    [
        ("src/*", "/work/heron/src/a.py", "allow"),
        ("./src/*", "/work/heron/src/a.py", "allow"),
        ("src/*", "/work/heron/src/../b.py", "ask"),
        ("src/*", "/work/heron/SRC/a.py", "ask"),
        ("src/*", "/work/other/src/a.py", "ask"),
    ],
)
def test_an_allow_of_a_relative_path_is_of_the_project(pattern: str, target: str, expected: str) -> None:
    book = Book()
    book.allow("Edit", pattern)
    assert book.verdict("Edit", target) == expected
    assert book.verdict("Write", target) == "ask"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("Bash(git push:*)", ""), ("Bash", "git push *")),
        (("Bash", "npm run test:*"), ("Bash", "npm run test *")),
        (("Read(./.env)", ""), ("Read", "./.env")),
        (("Edit(/src/**)", ""), ("Edit", "./src/**")),
        (("Edit(//etc/hosts)", ""), ("Edit", "/etc/hosts")),
        (("Edit(~/a)", ""), ("Edit", "~/a")),
        (("Edit", "/src/**"), ("Edit", "/src/**")),
        (("Bash(/bin/ls)", ""), ("Bash", "/bin/ls")),
        (("Bash", "make"), ("Bash", "make")),
        (("mcp__github__*", ""), ("mcp__github__*", "")),
    ],
)
def test_the_forms_of_claude_code_are_understood(written: tuple[str, str], meant: tuple[str, str]) -> None:
    assert canonical_name(*written) == meant


def test_a_deny_of_what_can_only_be_a_path_from_the_root_is_one() -> None:
    assert canonical_name("Read(/work/heron/.env)", "", "/work/heron") == ("Read", "/work/heron/.env")
    assert canonical_name("Read(/home/ada/.ssh/**)", "", "/work/heron") == ("Read", "/home/ada/.ssh/**")
    assert canonical_name("Read(/etc/hosts)", "", "/work/heron") == ("Read", "./etc/hosts")
    assert canonical_name("Read(/work/heron/.env)", "") == ("Read", "./work/heron/.env")  # an allow


def test_a_rule_is_written_as_claude_code_reads_it() -> None:
    for pattern in ("/etc/hosts", "./src/**", "~/a", "a*"):
        assert canonical_name(rule_text("Edit", pattern), "") == ("Edit", pattern)
    assert rule_text("Bash", "/bin/ls") == "Bash(/bin/ls)"
    assert rule_text("Bash", "") == "Bash"


def test_how_a_path_was_read_is_said() -> None:
    (note,) = reading_notes("Edit(/src/**)", "", "./src/**")
    assert "/src/** is below the project" in note
    assert "//src/**" in note
    assert not reading_notes("Edit(//src/**)", "", "/src/**")
    assert not reading_notes("Edit", "/src/**", "/src/**")


@pytest.mark.parametrize(
    ("operation", "pattern", "root", "says"),
    [
        ("Bsh", "make", "", "Did you mean bash?"),
        ("git push", "", "", "may never match"),
        ("Read", ".env", "", "absolute path"),
        ("Bash", "make * && git *", "", "of its own"),
        ("Edit", "{a,b}.py", "/work/heron", "Only * stands"),
        ("Read", "/work/heron/?.env", "/work/heron", "Only * stands"),
    ],
)
def test_a_rule_that_may_never_match_is_warned_of(operation: str, pattern: str, root: str, says: str) -> None:
    (warning,) = warnings(operation, pattern, root, True)
    assert says in warning


@pytest.mark.parametrize(
    ("operation", "pattern"),
    [
        *(("Bash", "make *"), ("Read", ".env"), ("mcp__github", ""), ("git_commit", "")),
        *(("Edit", "app/[slug]/page.tsx"), ("Edit", "docs/**/*.md"), ("Bash", "ls ?.py")),
    ],
)
def test_a_rule_that_matches_is_not(operation: str, pattern: str) -> None:
    assert warnings(operation, pattern, "/work/heron", True) == []
