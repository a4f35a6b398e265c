"""A user's own events as a stream, and what GitHub and GitLab report of a project."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from fastmcp import Client

from tests.integration.stack import ProcessStack, segue
from tests.patience import PATIENCE_S

SETTINGS = {
    "SEGUE_MEMORY_MODEL_BUILD": "false",
    "SEGUE_INTEGRATION_POLL_S": "0.05",
    "SEGUE_INTEGRATION_STREAM": "true",
}
PUSH = {
    "ref": "refs/heads/main",
    "after": "a" * 39 + "1",
    "commits": [{"message": "Teach the otters to swim"}],
    "repository": {"full_name": "zoo/shop"},
    "pusher": {"name": "ada"},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("data"), **SETTINGS) as found:
        yield found


def base(stack: ProcessStack) -> str:
    return stack.url.removesuffix("/mcp")


def tail(stack: ProcessStack, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "services.cli", "events", "tail", *options]
    return subprocess.Popen(command, env=os.environ | stack.environment, stdout=subprocess.PIPE, text=True)


def post(url: str, body: bytes, **headers: str) -> tuple[int, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, body, {"content-type": "application/json", **names})
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def signed(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def test_what_happens_is_shown_as_it_happens_and_again_from_where_one_was(stack: ProcessStack) -> None:
    async with Client(stack.url) as client:
        with tail(stack, "--after", "0", "--count", "1", "--json") as process:
            await client.call_tool("store_reflection", {"content": "The otter swims.", "project": "river"})
            said, _ = process.communicate(timeout=PATIENCE_S)
    event = json.loads(said)
    assert event["subject"] == "memory.stored"
    assert event["partitionkey"] == "local"
    assert "otter" not in said
    again = segue(stack, "events", "tail", "--after", "0", "--count", "1")
    assert "memory.stored ids=" in again.stdout


@pytest.mark.parametrize("after", ["x", "-5", "9" * 40, "1e3", "%00"])
def test_a_place_that_is_none_is_refused(stack: ProcessStack, after: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{base(stack)}/v1/events?after={after}", timeout=10)
    assert refused.value.code in {400, 422}


async def test_a_push_that_github_reports_is_on_the_timeline_and_its_event_has_no_word_of_it(
    stack: ProcessStack, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "shop")], check=True)
    async with Client(stack.url) as client:
        begun = await client.call_tool("init", {"working_directory": str(tmp_path / "shop")})
        project = begun.structured_content["project_context"]["name"]
        made = segue(stack, "events", "add", "github", project)
        assert made.returncode == 0, made.stderr
        fields = {line[:14].strip(): line[14:] for line in made.stdout.splitlines()}
        url, secret = (
            next(v for k, v in fields.items() if "URL" in k),
            next(v for k, v in fields.items() if "secret" in k),
        )
        body = json.dumps(PUSH).encode()
        headers = {"x_github_event": "push", "x_github_delivery": "d-1", "x_hub_signature_256": signed(secret, body)}
        assert post(url, body, **headers) == (200, {"taken": True})
        assert post(url, body, **headers) == (200, {"taken": True})  # GitHub sends it again
        found = await client.call_tool("list_memories", {"project": project})
        assert json.dumps(found.structured_content).count("Teach the otters to swim") == 1
        assert post(url, body + b" ", **headers)[0] == 401
        assert post(url + "x", body, **headers)[0] == 401
        assert post(url, body, x_github_event="push")[0] == 401
        bad = b"[1, 2"
        assert post(url, bad, **headers | {"x_hub_signature_256": signed(secret, bad)})[0] == 400
        assert post(url, b"x" * (2 << 20), **headers)[0] == 413
    shown = segue(stack, "events", "intakes")
    assert url in shown.stdout
    assert secret not in shown.stdout
    assert segue(stack, "events", "revoke", shown.stdout.split()[0]).returncode == 0
    assert post(url, body, **headers)[0] == 401
