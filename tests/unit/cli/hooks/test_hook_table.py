"""One table says which hooks there are: the plugin, the gateway and the documents follow it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from services import __version__
from services.cli import installation
from services.cli.hooks import plugin
from services.cli.hooks.hook_table import HOOKS
from services.gateway.access.scopes import ROUTES
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[4]
PLUGIN = ROOT / "clients" / "claude-code"


def test_the_plugin_has_the_hooks_of_the_table() -> None:
    assert plugin.FILE.read_text() == plugin.content(), "run `python -m services.cli.hooks.plugin`"


def test_the_plugin_has_the_version_of_segue() -> None:
    assert json.loads((PLUGIN / ".claude-plugin" / "plugin.json").read_text())["version"] == __version__


def test_the_gateway_has_a_route_for_every_hook() -> None:
    assert {path for method, path in ROUTES if path.startswith("/v1/hooks/")} == {f"/v1/hooks/{name}" for name in HOOKS}


def test_the_example_environment_says_how_to_turn_each_hook_off() -> None:
    environment = (ROOT / ".env.example").read_text()
    for hook in HOOKS.values():
        assert f"#{hook.setting}={hook.default}\n" in environment


def test_the_guide_says_what_each_hook_does_and_which_setting_turns_it_off() -> None:
    guide = (ROOT / "docs/guides/claude-code.md").read_text()
    for event, hook in HOOKS.items():
        assert f"| {event} | {hook.purpose} | `{hook.setting}` |" in guide


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The plugin's command, as the client copies it into a folder of its own."""
    return Path(shutil.copy(PLUGIN / "bin" / "segue", tmp_path))


def run(copied: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"HOME": str(copied.parent), "PATH": "/usr/bin:/bin", **environment}
    command = ["sh", str(copied), *arguments]
    return subprocess.run(
        command, env=given, input="{}", capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_the_plugin_finds_segue_by_its_note_and_in_a_checkout_that_is_named(copied: Path) -> None:
    data = copied.parent / "data"
    installation.note(data)
    done = run(copied, "--version", SEGUE_DATA_DIR=str(data))
    assert done.stdout == f"segue {__version__}\n"
    assert run(copied, "hook", "NoSuchHook", SEGUE_DATA_DIR=str(data)).returncode == 0
    assert "there is no such hook" in (data / "hook.log").read_text()


@pytest.mark.parametrize("note", ["", "\n", "/nowhere/python\n/nowhere\n", "one line", "/bin/sh\n/etc\n"])
def test_without_segue_the_plugin_says_so_once_and_hooks_say_nothing(copied: Path, note: str) -> None:
    data = copied.parent / "data"
    data.mkdir()
    (data / "program").write_text(note)
    said = run(copied, "hook", "SessionStart", SEGUE_DATA_DIR=str(data))
    assert "not found" in json.loads(said.stdout)["systemMessage"]
    for event in HOOKS.keys() - {"SessionStart"}:
        silent = run(copied, "hook", event, SEGUE_DATA_DIR=str(data))
        assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    assert run(copied, "connect", SEGUE_DATA_DIR=str(data)).returncode == 127
