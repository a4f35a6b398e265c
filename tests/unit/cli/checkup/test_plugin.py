"""What `segue doctor` says of a plugin that Claude Code cannot load; the files are those that the client writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services import __version__
from services.cli.checkup.finding import BROKEN, DEGRADED, Finding
from services.cli.checkup.plugin import ROOT, plugin_finding


def installed(config: Path, checkout: Path, *, version: str = __version__, **changes: Any) -> Finding | None:
    """The finding where the plugin was installed from `checkout`."""
    copied = config / "plugins" / "cache" / "segue" / "segue" / version
    (copied / ".claude-plugin").mkdir(parents=True)
    (copied / ".claude-plugin" / "plugin.json").write_text("{}")
    source = {"source": "directory", "path": str(checkout)}
    entry = {"scope": "user", "installPath": str(copied), "version": version, **changes}
    marketplaces = {"segue": {"source": source, "installLocation": str(checkout)}}
    (config / "plugins" / "known_marketplaces.json").write_text(json.dumps(marketplaces))
    plugins = {"version": 2, "plugins": {"segue@segue": [entry]}}
    (config / "plugins" / "installed_plugins.json").write_text(json.dumps(plugins))
    return plugin_finding(config)


def test_a_plugin_that_loads_is_not_mentioned(tmp_path: Path) -> None:
    assert installed(tmp_path, ROOT) is None
    assert plugin_finding(tmp_path / "nowhere") is None


def test_a_checkout_that_was_moved_is_named_with_what_installs_the_plugin_again(tmp_path: Path) -> None:
    found = installed(tmp_path, tmp_path / "moved away")
    assert found
    assert found.status == BROKEN
    assert str(tmp_path / "moved away") in found.detail
    assert f"claude plugin marketplace add {ROOT}" in found.remedy
    assert "claude plugin install segue@segue" in found.remedy


def test_a_copy_that_is_gone_does_not_load(tmp_path: Path) -> None:
    found = installed(tmp_path, ROOT, installPath=str(tmp_path / "gone"))
    assert found
    assert (found.status, "does not load" in found.detail) == (BROKEN, True)


def test_a_plugin_of_another_version_is_to_be_updated(tmp_path: Path) -> None:
    found = installed(tmp_path, ROOT, version="0.0.1")
    assert found
    assert (found.status, found.remedy) == (DEGRADED, "claude plugin update segue@segue")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"segue": 1, "plugins": 2}', '{"segue": {"source": "x"}}'])
def test_files_of_another_form_say_nothing_that_is_not_so(tmp_path: Path, content: str) -> None:
    (tmp_path / "plugins").mkdir()
    for name in ("known_marketplaces.json", "installed_plugins.json"):
        (tmp_path / "plugins" / name).write_text(content)
    found = plugin_finding(tmp_path)
    assert found is None or "not installed" in found.detail
