"""The cases for `claude plugin eval` in the real client: it takes them all, and one tells the two arms apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.claude_code.test_conversation import CLIENT, pytestmark  # noqa: F401  # the same marks
from tests.integration.stack import ROOT

PLUGIN = ROOT / "clients" / "claude-code"
TOOLS = [f"mcp__plugin_segue_segue__{name}" for name in ("init", "reflect_on_past", "store_reflection")]
CASES = {path.parent.name for path in (PLUGIN / "evals").glob("*/case.yaml")}
KNOWN = "In integers of cents, since floats lost a cent."


@pytest.mark.slow
def test_the_client_runs_every_case_with_and_without_the_plugin(tmp_path: Path) -> None:
    if "eval" not in claude(tmp_path, "plugin", "--help"):
        pytest.skip("this client has no `plugin eval`")
    script, log, report = tmp_path / "script.json", tmp_path / "log.jsonl", tmp_path / "report.json"
    asked = {"tool": TOOLS[1], "input": {"query": "unit of money"}}
    script.write_text(json.dumps([asked, {"text": KNOWN}]))  # then "done", in both arms
    command = [sys.executable, str(CLIENT / "scripted_model.py"), str(script), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as model:
        assert model.stdout
        address = f"http://127.0.0.1:{model.stdout.readline().strip()}"
        try:
            options = ["--trust-plugin", "--scaffold", "--mocks", "off", "--runs", "1", "--no-publish"]
            places = ["--json", str(report), "--output-dir", str(tmp_path / "out")]
            done = claude(
                tmp_path, "plugin", "eval", str(PLUGIN), *options, *places, "--allow-tools", *TOOLS, url=address
            )
        finally:
            model.terminate()

    cases = {each["name"]: each for each in json.loads(report.read_text())["cases"]}
    assert cases.keys() == CASES, done
    for case in cases.values():
        assert [run["error"] for arm in case["arms"].values() for run in arm] == [None, None], case
    assert cases["decision-recalled"]["aggregates"]["delta"] == 1
    assert "integers of cents, since floats" in log.read_text()  # told by the tool, from what the scaffold stored


def claude(home: Path, *arguments: str, url: str = "http://127.0.0.1:9") -> str:
    client = subprocess.run([str(CLIENT / "install")], capture_output=True, text=True, check=True).stdout.strip()
    environment = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "unused",
    }
    done = subprocess.run(
        [client, *arguments], env=environment, cwd=home, capture_output=True, text=True, timeout=400, check=False
    )
    return done.stdout + done.stderr
