"""The real Claude Code client in directories of any name, with the plugin at a path of any name, and its odd inputs."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.integration.calls import call
from tests.integration.claude_code.test_conversation import pytestmark  # noqa: F401  # the same marks
from tests.integration.claude_code.test_hooks import PLUGIN, PluggedIn, claude_command
from tests.integration.stack import ROOT, Stack

ODD = unicodedata.normalize("NFD", "Übung \"eins\" 'zwei' $HOME 🦩")


@pytest.fixture
def claude(stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> PluggedIn:
    if "compose" in request.node.name:
        pytest.skip("the gateway does not see the directories")
    (tmp_path / "user").mkdir()
    return PluggedIn(stack, tmp_path / "user")


def view(claude: PluggedIn, project: Path, text: str = "Hello.", prompt: str = "What next?") -> str:
    """What the model was first sent in a conversation there."""
    claude.hooked.project = project
    return json.dumps(claude.run([{"text": text}], prompt)[0]["messages"], ensure_ascii=False)


@pytest.mark.slow
def test_a_project_of_any_name_is_found_again_also_by_a_link(claude: PluggedIn, tmp_path: Path, project: str) -> None:
    for name in (ODD, ".dotted"):
        word = f"heron{secrets.token_hex(3)}"
        real, link = tmp_path / project / name, tmp_path / f"link {secrets.token_hex(2)}"
        real.mkdir(parents=True)
        link.symlink_to(real)
        view(claude, link, f"The pump of {word} leaks at the third valve.", f"Which valve of {word} leaks?")
        assert word in view(claude, real)


@pytest.mark.slow
def test_a_plugin_at_a_path_of_any_name_works(claude: PluggedIn, tmp_path: Path, project: str) -> None:
    copied = shutil.copytree(PLUGIN, tmp_path / "Süd seite" / "claude code")
    claude.plugin = ["--plugin-dir", copied]
    claude.hooked.environment["SEGUE_HOME"] = str(ROOT)
    claude.allow("mcp__plugin_segue_segue")
    place = tmp_path / project
    place.mkdir()
    store = "mcp__plugin_segue_segue__store_reflection"
    claude.hooked.project = place
    claude.run([{"tool": store, "input": {"content": "The crane is ready.", "tags": ["decision"]}}, {"text": "Saved."}])
    assert "The crane is ready." in view(claude, place)


@pytest.mark.slow
async def test_half_an_emoji_in_the_models_argument_is_stored_as_a_replacement(
    claude: PluggedIn, stack: Stack, project: str
) -> None:
    claude.allow("mcp__plugin_segue_segue")
    store = "mcp__plugin_segue_segue__store_reflection"
    content = {"content": f"Ship {project} \ud83d now, the crane is ready", "project": project}
    requests = claude.run([{"tool": store, "input": content}, {"text": "Saved."}])
    assert "error" not in json.dumps(requests[-1]["messages"][-1]).lower()
    found = await call(stack, "advanced_search", query=f"Ship {project} crane", project=project)
    assert [each["content"] for each in found["results"]] == [f"Ship {project} \ufffd now, the crane is ready"]


def test_doctor_names_a_plugin_whose_checkout_was_moved(tmp_path: Path) -> None:
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    for each in (".claude-plugin", "clients/claude-code"):
        shutil.copytree(ROOT / each, checkout / each)
    home.mkdir()
    claude_command(home, "plugin", "marketplace", "add", str(checkout))
    claude_command(home, "plugin", "install", "segue@segue")
    checkout.rename(tmp_path / "moved")
    nowhere = {
        "SEGUE_DATA_DIR": str(tmp_path / "data"),
        "SEGUE_URL": "http://127.0.0.1:9/mcp",
    }  # and no server is started
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], **nowhere}
    command = [sys.executable, "-m", "services.cli", "doctor", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    found = json.loads(done.stdout)["findings"]
    hooks = [each for each in found if str(checkout) in each["detail"]]
    assert [each["status"] for each in hooks] == ["broken"], found
