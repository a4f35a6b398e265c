"""One table says which hooks there are: the plugin, the gateway and the documents follow it."""

from __future__ import annotations

import json
from pathlib import Path

from services import __version__
from services.cli.hooks import plugin
from services.cli.hooks.table import HOOKS
from services.gateway.scopes import ROUTES

ROOT = Path(__file__).parents[2]
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


def test_the_readme_says_what_each_hook_does_and_which_setting_turns_it_off() -> None:
    readme = (ROOT / "README.md").read_text()
    for event, hook in HOOKS.items():
        assert f"| {event} | {hook.purpose} | `{hook.setting}` |" in readme
