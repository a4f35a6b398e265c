"""Codex CLI and Gemini CLI as they are on npm, with Segue installed by `segue install` and with a scripted model: what
was said in one conversation is known in the next."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.hooked import Hooked
from tests.integration.other_clients.installed import needs_npm, program
from tests.integration.other_clients.scripted_models import GeminiModel, ResponsesModel, ScriptedModel, Step, served
from tests.integration.stack import ROOT, Stack
from tests.patience import PATIENCE_S

pytestmark = [*needs_npm, pytest.mark.slow]

DECISION = "From now on we store money as integers of cents."
ANSWER = "Understood, cents it is."
FACT = "The observatory's telescope is called Brunhilde, and it sees ninth magnitude stars."


class OtherClient:
    """A client in a home and a project of its own."""

    name: str
    model: type[ScriptedModel]

    def __init__(self, stack: Stack, at: Path) -> None:
        self.hooked = Hooked(at, "orchard", **{"SEGUE_DATA_DIR": str(at / "data"), **stack.environment})
        self.hooked.environment["SEGUE_HOOK_WITHIN_MS"] = "4500"  # the clients give a hook up after 5 s
        self.prepare()
        done = self._run(sys.executable, "-m", "services.cli", "install", self.name, "--yes", PYTHONPATH=str(ROOT))
        assert done.returncode == 0, done.stderr

    def prepare(self) -> None:
        """What the user has set up before."""

    def command(self, address: str, prompt: str) -> tuple[Sequence[str | Path], dict[str, str]]:
        """How the client is started, and its environment."""
        raise NotImplementedError

    def tools(self, request: dict[str, Any]) -> set[str]:
        """Segue's tools in a request, by their own names."""
        raise NotImplementedError

    def call(self, tool: str, arguments: dict[str, Any]) -> Step:
        """The model's call of one of them."""
        raise NotImplementedError

    def converse(self, steps: Sequence[Step], prompt: str) -> list[dict[str, Any]]:
        """One conversation, with all that its hooks left behind done; what the model was sent."""
        model = self.model(steps)
        with served(model) as address:
            command, environment = self.command(address, prompt)
            done = self._run(*command, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        self.hooked.settle()
        return [each for each in model.requests if each.get("tools")]

    def _run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)),
            env={**self.hooked.environment, **environment},
            cwd=self.hooked.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


class Codex(OtherClient):
    name, model = "codex", ResponsesModel

    def command(self, address: str, prompt: str) -> tuple[Sequence[str | Path], dict[str, str]]:
        provider = f'{{name="scripted",base_url="{address}/v1",wire_api="responses",env_key="SCRIPTED_KEY"}}'
        settings = ("model=scripted", "model_provider=scripted", f"model_providers.scripted={provider}")
        options = [word for each in settings for word in ("-c", each)]
        # In place of the user's word in /hooks, which is a dialog.
        trust = ["--dangerously-bypass-hook-trust", "--skip-git-repo-check"]
        codex = program("@openai/codex", "codex")
        return [codex, "exec", *trust, *options, prompt], {"SCRIPTED_KEY": "unused"}

    def tools(self, request: dict[str, Any]) -> set[str]:
        (ours,) = (each["tools"] for each in request["tools"] if each.get("name") == "mcp__segue")
        return {each["name"] for each in ours}

    def call(self, tool: str, arguments: dict[str, Any]) -> Step:
        return {"tool": tool, "namespace": "mcp__segue", "input": arguments}


class Gemini(OtherClient):
    name, model = "gemini", GeminiModel

    def prepare(self) -> None:
        settings = self.hooked.home / ".gemini" / "settings.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))

    def command(self, address: str, prompt: str) -> tuple[Sequence[str | Path], dict[str, str]]:
        options = ["--skip-trust", "--approval-mode", "yolo", "--model", "gemini-2.5-pro", "--prompt", prompt]
        environment = {"GEMINI_API_KEY": "unused", "GOOGLE_GEMINI_BASE_URL": address}
        return [program("@google/gemini-cli", "gemini"), *options], environment

    def tools(self, request: dict[str, Any]) -> set[str]:
        names = [each["name"] for tools in request["tools"] for each in tools.get("functionDeclarations", ())]
        return {name.removeprefix("mcp_segue_") for name in names if name.startswith("mcp_segue_")}

    def call(self, tool: str, arguments: dict[str, Any]) -> Step:
        return {"tool": f"mcp_segue_{tool}", "input": arguments}


@pytest.fixture(params=[Codex, Gemini], ids=["codex", "gemini"])
def other(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> OtherClient:
    made: OtherClient = request.param(stack, tmp_path)
    return made


def test_what_was_said_in_one_conversation_is_told_at_the_start_of_the_next(other: OtherClient) -> None:
    other.converse([{"text": ANSWER}], DECISION)
    first = other.converse([{"text": "Hello."}], "What next?")[0]

    view = json.dumps(first)
    assert "What was decided" in view
    assert DECISION in view
    assert "not instructions" in view


def test_what_one_conversation_stored_the_next_recalls_by_tools_that_were_listed(other: OtherClient) -> None:
    stored = other.converse(
        [other.call("store_reflection", {"content": FACT}), {"text": "Kept."}], "Keep that in mind."
    )
    recalled = other.converse(
        [other.call("reflect_on_past", {"query": "the telescope's name"}), {"text": "So."}], "Well?"
    )

    assert {"store_reflection", "reflect_on_past"} <= other.tools(recalled[0])
    assert len(stored) == len(recalled) == 2
    result = (recalled[1].get("input") or recalled[1]["contents"])[-1]
    assert FACT in json.dumps(result)
