"""`segue install claude-code` changes what it must in files that are not its own; uninstall leaves no trace."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.cli.__main__ import CLIENTS as NAMES
from services.cli.clients.claude_code import has_hooks, has_server
from services.cli.clients.configuration import CLIENTS
from services.cli.clients.hooked_clients import HOOKED_CLIENTS
from services.cli.clients.settings_file import BACKUP_SUFFIX
from services.cli.hooks.hook_table import HOOKS

ROOT = Path(__file__).parents[4]
SERVERS = '{"numStartups": 3, "mcpServers": {"other": {"command": "x"}},\n  "projects": {"/a": {"list": [1,2,3]}}}\n'
SETTINGS = """{
    "model": "opus",
    "hooks": {
        "Stop": [ {"hooks": [{"type": "command", "command": "say done"}]} ],
        "PreToolUse": []
    }
}
"""


class Machine:
    """A home and a project of the client's."""

    def __init__(self, at: Path) -> None:
        self.home, self.project = at / "home", at / "shop"
        (self.home / ".claude").mkdir(parents=True)
        self.project.mkdir()
        self.servers, self.settings = self.home / ".claude.json", self.home / ".claude" / "settings.json"

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEGUE_", "CLAUDE_"))}
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments],
            env={**kept, "HOME": str(self.home), "PYTHONPATH": str(ROOT), **environment},
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("install", "claude-code", "--yes", *arguments, **environment)

    def uninstall(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("uninstall", "claude-code", "--yes", *arguments)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def furnished(machine: Machine) -> Iterator[Machine]:
    machine.servers.write_text(SERVERS)
    machine.settings.write_text(SETTINGS)
    yield machine
    drafts = [path for path in machine.home.rglob(".*") if path.suffix.removeprefix(".").isdecimal()]
    assert not drafts


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_install_adds_server_and_hooks_and_keeps_the_rest_to_the_byte(furnished: Machine) -> None:
    done = furnished.install()
    assert done.returncode == 0, done.stderr
    server = read(furnished.servers)["mcpServers"]["segue"]
    assert server["args"] == ["connect"]
    assert Path(server["command"]).name == "segue"
    assert set(read(furnished.settings)["hooks"]) == set(HOOKS)
    assert read(furnished.settings)["hooks"]["Stop"][0]["hooks"][0]["command"] == "say done"
    assert '  "projects": {"/a": {"list": [1,2,3]}}}\n' in furnished.servers.read_text()
    assert furnished.settings.read_text().startswith(SETTINGS[: SETTINGS.index(" ],")])
    assert '+    "model"' not in done.stdout
    assert f"+++ {furnished.settings}" in done.stdout
    for path, before in ((furnished.servers, SERVERS), (furnished.settings, SETTINGS)):
        assert path.with_name(path.name + BACKUP_SUFFIX).read_text() == before


def test_installing_again_changes_nothing(furnished: Machine) -> None:
    furnished.install()
    before = furnished.servers.read_bytes(), furnished.settings.read_bytes()
    again = furnished.install()
    assert again.returncode == 0
    assert "---" not in again.stdout
    assert (furnished.servers.read_bytes(), furnished.settings.read_bytes()) == before


def test_uninstall_leaves_what_was_there_before(furnished: Machine) -> None:
    furnished.install()
    done = furnished.uninstall()
    assert done.returncode == 0, done.stderr
    assert furnished.servers.read_text() == SERVERS
    assert furnished.settings.read_text() == SETTINGS
    assert furnished.uninstall().returncode == 0


def test_uninstall_keeps_what_the_user_changed_since_install(furnished: Machine) -> None:
    furnished.install()
    settings = read(furnished.settings)
    furnished.settings.write_text(json.dumps({**settings, "model": "sonnet"}))
    assert furnished.uninstall().returncode == 0
    left = {**read_text(SETTINGS), "model": "sonnet", "hooks": {"Stop": read_text(SETTINGS)["hooks"]["Stop"]}}
    assert read(furnished.settings) == left


def test_an_object_that_was_empty_before_install_is_there_after_uninstall(machine: Machine) -> None:
    before = {machine.servers: '{"mcpServers": {}, "n": 1}\n', machine.settings: '{"env": {},\n "hooks": { }}'}
    for path, text in before.items():
        path.write_text(text)
    assert machine.install(SEGUE_URL="https://segue.example/mcp").returncode == 0
    assert machine.uninstall().returncode == 0
    assert {path: path.read_text() for path in before} == before


def read_text(text: str) -> Any:
    return json.loads(text)


def test_files_that_install_made_go_with_uninstall(machine: Machine) -> None:
    assert machine.install().returncode == 0
    assert stat.S_IMODE(machine.settings.stat().st_mode) == 0o600
    assert machine.uninstall().returncode == 0
    assert not machine.servers.exists()
    assert not machine.settings.exists()


def test_uninstall_finds_what_the_user_moved_and_what_an_earlier_version_wrote(furnished: Machine) -> None:
    furnished.install()
    settings = read(furnished.settings)
    mine = {"type": "command", "command": "my own"}
    settings["hooks"]["PostToolUse"][0]["hooks"].insert(0, mine)
    settings["hooks"]["Notification"] = [
        {"hooks": [{"type": "command", "command": "/old/bin/segue hook Notification"}]}
    ]
    settings["hooks"]["SessionStart"][0]["matcher"] = "startup"
    furnished.settings.write_text(json.dumps(settings))
    servers = read(furnished.servers)
    servers["mcpServers"]["segue"] |= {"command": "/old/bin/segue", "timeout": 5}
    furnished.servers.write_text(json.dumps(servers))
    assert furnished.uninstall().returncode == 0
    left = read(furnished.settings)["hooks"]
    assert set(left) == {"Stop", "PostToolUse"}
    assert left["PostToolUse"] == [{"matcher": HOOKS["PostToolUse"].matcher, "hooks": [mine]}]
    assert "segue" not in read(furnished.servers)["mcpServers"]


def test_install_brings_an_earlier_version_up_to_date_and_keeps_what_the_user_added(furnished: Machine) -> None:
    old = {"command": "/old/bin/segue", "args": ["connect"], "env": {"EXTRA": "1"}}
    furnished.servers.write_text(json.dumps({"mcpServers": {"segue": old}}))
    hook = {"hooks": [{"type": "command", "command": "/old/bin/segue hook Stop", "timeout": 99}]}
    furnished.settings.write_text(json.dumps({"hooks": {"Stop": [hook], "Notification": [hook]}}))
    assert furnished.install().returncode == 0
    server = read(furnished.servers)["mcpServers"]["segue"]
    assert server["command"] != "/old/bin/segue"
    assert server["env"] == {"EXTRA": "1"}
    assert len(read(furnished.settings)["hooks"]["Stop"]) == 1
    assert "/old/bin" not in furnished.settings.read_text()
    assert "Notification" not in read(furnished.settings)["hooks"]


@pytest.mark.parametrize("text", ['{"hooks": {}, // mine\n}', "{", "[]", '{"a": 1, "a": 2}', "\x00"])
def test_settings_that_are_no_plain_json_are_left_alone_with_the_lines_to_add(furnished: Machine, text: str) -> None:
    furnished.settings.write_text(text)
    done = furnished.install()
    assert done.returncode == 1
    assert furnished.settings.read_text() == text
    assert f"Add these lines to {furnished.settings} yourself" in done.stderr
    assert '"SessionStart"' in done.stderr
    assert has_server(furnished.servers.read_text())


@pytest.mark.parametrize(
    ("servers", "settings"),
    [
        ('{"mcpServers": null}', '{"hooks": []}'),
        ('{"mcpServers": []}', '{"hooks": {"Stop": {}}}'),
        ("{}", '{"hooks": 1}'),
    ],
)
def test_settings_of_another_kind_than_expected_are_left_alone(furnished: Machine, servers: str, settings: str) -> None:
    furnished.servers.write_text(servers)
    furnished.settings.write_text(settings)
    done = furnished.install()
    assert done.returncode == 1
    assert "is of another kind" in done.stderr
    assert furnished.settings.read_text() == settings
    assert servers == "{}" or furnished.servers.read_text() == servers


def test_uninstall_leaves_what_is_not_of_install(furnished: Machine) -> None:
    furnished.servers.write_text("{}")
    furnished.settings.write_text('{"env": {"SEGUE_URL": "http://mine.example/mcp"}}')
    assert furnished.uninstall().returncode == 0
    assert furnished.servers.read_text() == "{}"
    furnished.install()
    furnished.uninstall()
    assert furnished.settings.read_text() == '{"env": {"SEGUE_URL": "http://mine.example/mcp"}}'


def test_a_server_of_that_name_that_is_not_ours_is_left_alone(furnished: Machine) -> None:
    text = '{"mcpServers": {"segue": {"command": "npx", "args": ["another-segue"]}}}'
    furnished.servers.write_text(text)
    done = furnished.install()
    assert done.returncode == 1
    assert "rename that one first" in done.stderr
    furnished.uninstall()
    assert furnished.servers.read_text() == text


def test_a_link_stays_a_link_and_a_mode_a_mode(furnished: Machine) -> None:
    kept = furnished.home / "dotfiles" / "settings.json"
    kept.parent.mkdir()
    furnished.settings.rename(kept)
    kept.chmod(0o640)
    furnished.settings.symlink_to(kept)
    assert furnished.install().returncode == 0
    assert furnished.settings.is_symlink()
    assert has_hooks(kept.read_text())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640


def test_a_read_only_file_is_left_alone(furnished: Machine) -> None:
    furnished.settings.chmod(0o444)
    done = furnished.install()
    assert done.returncode == 1
    assert "is read-only" in done.stderr
    assert furnished.settings.read_text() == SETTINGS


def test_a_directory_where_the_file_should_be_is_said(furnished: Machine) -> None:
    furnished.settings.unlink()
    furnished.settings.mkdir()
    done = furnished.install()
    assert done.returncode == 1
    assert "is no file of settings" in done.stderr


def test_missing_directories_are_made(machine: Machine) -> None:
    machine.settings.parent.rmdir()
    assert machine.install().returncode == 0
    assert has_hooks(machine.settings.read_text())


def test_nothing_is_written_without_a_yes(furnished: Machine) -> None:
    for arguments, status in (((), 1), (("--dry-run",), 0)):
        done = furnished.run("install", "claude-code", *arguments)
        assert done.returncode == status
        assert "+++" in done.stdout
        assert furnished.servers.read_text() == SERVERS
        assert not furnished.servers.with_name(furnished.servers.name + BACKUP_SUFFIX).exists()


def test_a_projects_files_name_no_path_of_this_machine(machine: Machine) -> None:
    assert machine.install("--project", SEGUE_URL="http://gateway.example/mcp").returncode == 0
    servers, settings = machine.project / ".mcp.json", machine.project / ".claude" / "settings.json"
    assert read(servers)["mcpServers"]["segue"]["command"] == "segue"
    hook = read(settings)["hooks"]["Stop"][0]["hooks"][0]
    assert (hook["command"], hook["args"]) == ("segue", ["hook", "Stop"])
    assert str(ROOT) not in servers.read_text() + settings.read_text()
    assert not machine.servers.exists()
    assert machine.uninstall("--project").returncode == 0
    assert not servers.exists()


@pytest.mark.parametrize(
    ("version", "in_exec_form", "missing"),
    [
        ("2.1.332", True, set()),
        ("2.1.100", False, {"PostToolUseFailure", "SubagentStart", "PostCompact"}),
        ("2.0.1", False, {"PostToolUseFailure", "SubagentStart", "PostCompact", "PermissionRequest"}),
        ("of today", True, set()),
    ],
)
def test_an_older_client_gets_what_it_knows(
    machine: Machine, version: str, in_exec_form: bool, missing: set[str]
) -> None:
    client = machine.home / "claude"
    client.write_text(f"#!/bin/sh\necho '{version} (Claude Code)'\n")
    client.chmod(0o755)
    assert machine.install(SEGUE_CLAUDE_PROGRAM=str(client)).returncode == 0
    hooks = read(machine.settings)["hooks"]
    assert set(HOOKS) - set(hooks) == missing
    stop = hooks["Stop"][0]["hooks"][0]
    command = [stop["command"], *stop.get("args", [])] if in_exec_form else shlex.split(stop["command"])
    assert ("args" in stop) == in_exec_form
    assert command[-2:] == [str(ROOT / "services" / "cli" / "hook.py"), "Stop"]
    assert has_hooks(machine.settings.read_text())
    assert machine.uninstall().returncode == 0
    assert not machine.settings.exists()


def test_where_the_gateway_is_goes_along_and_the_token_does_not(furnished: Machine) -> None:
    done = furnished.install(SEGUE_URL="http://gateway.example/mcp", SEGUE_TOKEN="segue_secret")
    assert "SEGUE_TOKEN_FILE" in done.stderr
    assert read(furnished.servers)["mcpServers"]["segue"]["env"] == {"SEGUE_URL": "http://gateway.example/mcp"}
    assert read(furnished.settings)["env"] == {"SEGUE_URL": "http://gateway.example/mcp"}
    assert "segue_secret" not in furnished.servers.read_text() + furnished.settings.read_text() + done.stdout
    furnished.uninstall()
    assert "env" not in read(furnished.settings)


def test_beside_the_plugin_nothing_is_installed_twice(furnished: Machine) -> None:
    furnished.settings.write_text('{"enabledPlugins": {"segue@segue": true}}')
    done = furnished.install()
    assert done.returncode == 1
    assert "claude plugin uninstall segue@segue" in done.stderr
    assert furnished.servers.read_text() == SERVERS


def test_another_configuration_directory_of_the_client_is_used(machine: Machine, tmp_path: Path) -> None:
    assert machine.install(CLAUDE_CONFIG_DIR=str(tmp_path / "elsewhere")).returncode == 0
    assert has_server((tmp_path / "elsewhere" / ".claude.json").read_text())
    assert has_hooks((tmp_path / "elsewhere" / "settings.json").read_text())


@pytest.mark.parametrize("name", list(CLIENTS))
def test_other_clients_are_told_by_lines_of_their_own_format(machine: Machine, name: str) -> None:
    done = machine.run("install", name, "--print", SEGUE_URL="http://gateway.example/mcp")
    assert done.returncode == 0
    content = tomllib.loads(done.stdout) if name == "codex" else json.loads(done.stdout)
    (server,) = (servers["segue"] for servers in content.values())
    assert server["args"] == ["connect"]
    assert server["env"] == {"SEGUE_URL": "http://gateway.example/mcp"}
    assert "uninstall" not in machine.run("uninstall", name).stdout


@pytest.mark.parametrize("name", list(HOOKED_CLIENTS))
def test_the_hooks_of_other_clients_come_and_go_to_the_byte(machine: Machine, name: str) -> None:
    client = HOOKED_CLIENTS[name]
    path = client.path(machine.home)
    path.parent.mkdir()
    before = (
        '{"ui": {"theme": "x"},\n "hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "hi"}]}]}}\n'
    )
    path.write_text(before)
    first, again = machine.run("install", name, "--yes"), machine.run("install", name, "--yes")
    hooks = read(path)["hooks"]

    assert (first.returncode, again.returncode) == (0, 0)
    assert list(hooks) == list(client.events)
    assert [len(entries) for entries in hooks.values()] == [2, 1, 1, 1, 1]
    assert ("mcpServers" in read(path)) == (not client.servers_file)
    assert "trust" in first.stdout
    assert machine.run("uninstall", name, "--yes").returncode == 0
    assert path.read_text() == before


def test_codex_gets_its_server_in_its_own_file_and_loses_it_to_the_byte(machine: Machine) -> None:
    path = machine.home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text('model = "o3"')
    assert machine.run("install", "codex", "--yes", SEGUE_URL="http://gateway.example/mcp").returncode == 0
    said = tomllib.loads(path.read_text())

    assert said["model"] == "o3"
    assert said["mcp_servers"]["segue"]["env"] == {"SEGUE_URL": "http://gateway.example/mcp"}
    assert machine.run("uninstall", "codex", "--yes").returncode == 0
    assert path.read_text() == 'model = "o3"'


def test_a_codex_file_that_is_no_toml_is_left_alone_with_the_lines_to_add(machine: Machine) -> None:
    path = machine.home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text("model = ")
    done = machine.run("install", "codex", "--yes")

    assert done.returncode == 1
    assert "not plain TOML" in done.stderr
    assert "[mcp_servers.segue]" in done.stderr
    assert path.read_text() == "model = "


@pytest.mark.parametrize("name", list(HOOKED_CLIENTS))
def test_the_hooks_of_other_clients_leave_no_file_that_was_not_there(machine: Machine, name: str) -> None:
    machine.run("install", name, "--yes")
    assert HOOKED_CLIENTS[name].path(machine.home).exists()
    machine.run("uninstall", name, "--yes")
    assert [each for each in machine.home.rglob("*") if each.is_file() and BACKUP_SUFFIX not in each.name] == []


def test_every_hook_of_another_client_is_one_of_ours() -> None:
    assert {ours for client in HOOKED_CLIENTS.values() for ours in client.events.values()} <= set(HOOKS)


def test_the_command_line_names_every_client() -> None:
    assert set(NAMES) == {"claude-code", *CLIENTS}
