"""Whatever is in a client's settings: install keeps it, uninstall gives the same bytes back, or both leave it alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.__main__ import main
from services.cli.clients import claude_code
from services.cli.clients.json_text import parse, replace_value, without
from services.cli.clients.settings_file import BACKUP_SUFFIX
from services.cli.hooks.hook_table import settings
from tests.fuzz.budget import tried
from tests.fuzz.mutations import mutated, mutated_json

SERVERS = {
    "numStartups": 3,
    "mcpServers": {"other": {"command": "x", "args": []}},
    "projects": {"/a": {"list": [1, 2]}},
}
SETTINGS = {
    "model": "opus",
    "env": {"A": "b"},
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}], "PreToolUse": []},
    "permissions": {"allow": ["Bash(ls:*)"], "deny": []},
}
PROGRAM = ("/usr/local/bin/segue", "hook")
HOOKS = settings(PROGRAM)
CARRIED = {"SEGUE_URL": "https://segue.example/mcp"}


def _written(value: object, indent: int | None, ends: str, space: str) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=True).replace("\n", ends) + space


forms = st.tuples(
    st.sampled_from((None, 0, 2, 7)), st.sampled_from(("\n", "\r\n", "\n\n\t")), st.sampled_from(("", "\n", " \n\n"))
)
valid = st.builds(lambda value, form: _written(value, *form), mutated_json([SERVERS, SETTINGS, {}]), forms)
broken = mutated([json.dumps(SETTINGS, indent=2).encode(), b"", b"{}", b"{\n}\n"]).map(
    lambda raw: raw.decode("utf-8", "replace")
)


def _is_taken(text: str) -> bool:
    """As `SettingsFile` looks at it."""
    try:
        return bool(not text.strip() or parse(text))
    except ValueError:
        return False


@tried(25)
@given(text=valid | broken)
def test_hooks_are_put_in_once_and_taken_out_whole(text: str) -> None:
    if not _is_taken(text):
        return
    try:
        before = claude_code.without_hooks(text, CARRIED)
        installed = claude_code.with_hooks(before, HOOKS, CARRIED)
    except ValueError:
        return
    assert claude_code.has_hooks(installed)
    assert claude_code.with_hooks(installed, HOOKS, CARRIED) == installed
    _expect_nothing_lost(before, installed)
    after = claude_code.without_hooks(installed, CARRIED)
    assert not claude_code.has_hooks(after)
    assert _furnished(after) == _furnished(before)


@tried(25)
@given(text=valid | broken)
def test_the_server_is_put_in_once_and_taken_out_whole(text: str) -> None:
    if not _is_taken(text):
        return
    try:
        installed = claude_code.with_server(text, PROGRAM[0], CARRIED)
    except (ValueError, claude_code.Taken):
        return
    assert claude_code.has_server(installed)
    assert claude_code.with_server(installed, PROGRAM[0], CARRIED) == installed
    if not claude_code.has_server(text):
        _expect_nothing_lost(text, installed)
        assert _furnished(claude_code.without_server(installed)) == _furnished(text)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a user of Claude Code, for commands that run in this process."""
    with pytest.MonkeyPatch.context() as environment:
        made = tmp_path_factory.mktemp("home")
        (made / ".claude").mkdir()
        environment.setenv("HOME", str(made))
        environment.setenv("SEGUE_URL", CARRIED["SEGUE_URL"])
        environment.delenv("CLAUDE_CONFIG_DIR", raising=False)
        yield made


@tried(25)
@given(servers=valid | broken, settings=valid | broken)
def test_uninstall_gives_the_bytes_of_before_install(home: Path, servers: str, settings: str) -> None:
    files = {home / ".claude.json": servers, home / ".claude" / "settings.json": settings}
    for path, text in files.items():
        path.write_bytes(text.encode("utf-8", "replace"))
        path.with_name(path.name + BACKUP_SUFFIX).unlink(missing_ok=True)
    before = {path: path.read_bytes() for path in files}
    if not all(map(_is_taken, files.values())) or any(b"segue" in content for content in before.values()):
        return
    if main(["install", "claude-code", "--yes"]):  # a file was left to the user, who undoes it by hand, too
        return
    main(["uninstall", "claude-code", "--yes"])
    for path, content in before.items():
        left = path.read_bytes() if path.exists() else b""
        assert left == content or not _plain(content.decode())


@tried(25)
@given(
    text=valid,
    name=st.sampled_from(("new", "mcpServers", "", "\ud83d", 'a"b', "ü")),
    value=st.sampled_from((1, {}, {"a": [1]}, "x\ny")),
)
def test_what_is_put_in_and_taken_out_again_leaves_every_byte(text: str, name: str, value: object) -> None:
    if not _is_taken(text) or not text.strip() or name in json.loads(text) or json.loads(text) == {}:
        return
    put = replace_value(text, (name,), value)
    assert json.loads(put) == {**json.loads(text), name: value}
    assert without(put, (name,)) == text


def _plain(text: str) -> object:
    """A file that would be empty goes, and so is as good as none."""
    return json.loads(text) if text.strip() else {}


def _furnished(text: str) -> object:
    """What the file says, without what is empty at the places where install puts something."""
    said = dict(_plain(text))  # type: ignore[call-overload]  # an object, as was looked at
    if isinstance(said.get("hooks"), dict):
        said["hooks"] = {event: entries for event, entries in said["hooks"].items() if entries != []}
    return {name: value for name, value in said.items() if name not in {"hooks", "env", "mcpServers"} or value != {}}


def _expect_nothing_lost(before: str, after: str) -> None:
    """Every character that was there is there, in order; only white space may be another."""
    left = iter("".join(after.split()))
    lost = next((each for each in "".join(before.split()) if each not in left), None)
    assert lost is None, f"{lost!r} is lost"
