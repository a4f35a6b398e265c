"""Claude Code's own permission rules are read as it means them, from files that may hold anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.clients.claude_permissions import client_rules


def write(path: Path, permissions: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"permissions": permissions, "model": "m"}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "pears"


def test_denies_come_first_and_each_holds_as_far_as_its_file(home: Path, project: Path) -> None:
    write(home / ".claude" / "settings.json", {"allow": ["Bash(git status:*)"], "deny": ["Read(~/.ssh/**)"]})
    write(project / ".claude" / "settings.json", {"allow": ["Bash(make:*)"], "ask": ["Bash(git push:*)"]})
    write(project / ".claude" / "settings.local.json", {"deny": ["WebFetch"]})
    found = client_rules(home, None, project)
    assert [(each.action, each.rule, each.scope) for each in found.rules] == [
        ("deny", "Read(~/.ssh/**)", "always"),
        ("deny", "WebFetch", "project"),
        ("permit", "Bash(git status:*)", "always"),
        ("permit", "Bash(make:*)", "project"),
    ]
    assert (found.asking, found.unreadable) == (1, [])


def test_paths_are_meant_as_the_client_means_them(home: Path, project: Path) -> None:
    rules = ["Read(//etc/hosts)", "Edit(/docs/**)", "Read(./.env)", "Read(*.pem)", "Bash(ls /tmp)"]
    write(project / ".claude" / "settings.json", {"deny": rules})
    write(home / ".claude" / "settings.json", {"deny": ["Edit(/CLAUDE.md)"]})
    assert [each.rule for each in client_rules(home, None, project).rules] == [
        *("Edit(~/.claude/CLAUDE.md)", "Read(//etc/hosts)", "Edit(./docs/**)", "Read(./.env)", "Read(*.pem)"),
        "Bash(ls /tmp)",
    ]


def test_paths_are_those_of_where_the_settings_are(home: Path, project: Path) -> None:
    (project / ".git").mkdir(parents=True)
    allow, deny = ["Edit(/src/**)", "Edit(./a)", "Edit(b/c)", "Read(x)"], ["Read(y)", "Read(**/z)"]
    write(project / "web" / ".claude" / "settings.json", {"allow": allow, "deny": deny})
    write(home / "other" / "settings.json", {"deny": ["Read(/private/**)"]})
    found = client_rules(home, str(home / "other"), project / "web")
    assert [each.rule for each in found.rules] == [
        f"Read(/{home}/other/private/**)",
        *("Read(y)", "Read(**/z)", "Edit(./web/src/**)", "Edit(./web/a)", "Edit(./web/b/c)", "Read(./web/x)"),
    ]


@pytest.mark.parametrize(
    "content", ["[]", "{", "null", '{"permissions": 3}', '{"permissions": {"deny": {"a": 1}}}', ""]
)
def test_a_file_of_another_form_has_no_rules(home: Path, project: Path, content: str) -> None:
    (project / ".claude").mkdir(parents=True)
    (project / ".claude" / "settings.json").write_text(content)
    found = client_rules(home, None, project)
    assert (list(found.rules), len(found.unreadable)) == ([], int(content in {"[]", "{", "null"}))


def test_what_is_no_text_is_passed_over_and_what_stands_twice_is_one(home: Path, project: Path) -> None:
    write(project / ".claude" / "settings.json", {"allow": ["Bash(ls)", "Bash(ls)", 3, None, " "]})
    assert [each.rule for each in client_rules(home, None, project).rules] == ["Bash(ls)"]
