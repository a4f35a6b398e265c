"""On Windows itself a client's commands work against a server elsewhere, and the server says where it runs."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.claude_transcripts import Transcript
from tests.integration.stack import ProcessStack
from tests.integration.windows.windowses import ROOT, FakeWindows, Windows, Wine, environment, run
from tests.integration.windows.wine import PREFIX, wine
from tests.patience import PATIENCE_S

HOOK = ROOT / "services" / "cli" / "hook.py"
DELIVERY = HOOK.parent / "hooks" / "delivery.py"
EVENTS = ("PreToolUse", "PermissionRequest", "PostToolUse", "UserPromptSubmit", "PreCompact", "Stop", "SessionEnd")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on another system."""
    with ProcessStack(tmp_path_factory.mktemp("server") / "data") as stack:
        yield stack.url


@pytest.fixture(scope="module", params=["fake", pytest.param("wine", marks=pytest.mark.wine)])
def made(request: pytest.FixtureRequest) -> Iterator[type[FakeWindows] | type[Wine]]:
    """Which Windows; Wine's own server ends with the tests."""
    if request.param == "fake":
        yield FakeWindows
        return
    yield Wine
    server = Path(wine()).with_name("wineserver")
    subprocess.run([server, "-k"], env={"WINEPREFIX": str(PREFIX)}, check=False)


@pytest.fixture
def windows(made: type[FakeWindows] | type[Wine], tmp_path: Path) -> Windows:
    (tmp_path / "home" / ".claude").mkdir(parents=True)
    return made(tmp_path / "home")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of its own name."""
    directory = tmp_path / f"shop-{secrets.token_hex(3)}"
    directory.mkdir()
    (directory / "package.json").write_text('{"name": "shop"}')
    return directory


def segue(windows: Windows, *arguments: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    return run(windows, windows.command(*arguments), b"\n", **settings)


def said(done: subprocess.CompletedProcess[bytes], status: int = 0) -> str:
    assert done.returncode == status, done.stderr
    return done.stdout.decode().replace("\r\n", "\n")


def conversation(windows: Windows, shop: Path) -> tuple[Transcript, Path]:
    transcript = Transcript(cwd=windows.path(shop), session=secrets.randbits(64))
    transcript.user("The parrot on the pier refuses crackers.")
    transcript.assistant({"type": "text", "text": "Then give it almonds."})
    path = windows.home / ".claude" / "projects" / shop.name / f"{transcript.session_id}.jsonl"
    transcript.save(path)
    return transcript, path


@pytest.mark.parametrize("command", ["serve", "stop", "connect", "import nothing.jsonl", "install claude-code --yes"])
def test_what_needs_a_server_here_says_in_a_line_where_it_runs(windows: Windows, command: str) -> None:
    done = segue(windows, *command.split())
    assert (done.returncode, done.stdout) == (1, b"")
    assert len(done.stderr.splitlines()) == 1
    assert b"WSL 2" in done.stderr
    assert b"SEGUE_URL" in done.stderr
    assert list((windows.home / ".claude").iterdir()) == []


@pytest.mark.parametrize("command", ["serve", "stop", "prune"])
def test_a_server_elsewhere_is_not_run_from_here(windows: Windows, url: str, command: str) -> None:
    done = segue(windows, command, SEGUE_URL=url)
    assert done.returncode == 1
    assert b"WSL 2" in done.stderr


def test_doctor_finds_the_server_elsewhere(windows: Windows, url: str) -> None:
    told = json.loads(said(segue(windows, "doctor", "--json", SEGUE_URL=url)))
    findings = {each["name"]: each for each in told["findings"]}
    assert told["sound"]
    assert "hybrid" in findings["probe"]["detail"]
    assert findings["data"]["status"] == "ok"


def test_installing_adds_what_runs_and_uninstalling_takes_it_away(windows: Windows, url: str) -> None:
    settings = windows.home / ".claude" / "settings.json"
    before = b'{\r\n  "theme": "dark"\r\n}\r\n'
    settings.write_bytes(before)
    said(segue(windows, "install", "claude-code", "--yes", SEGUE_URL=url))
    written = settings.read_bytes()
    hooks = json.loads(written)["hooks"]
    hook = hooks["Stop"][0]["hooks"][0]
    assert "hook.py" in " ".join([hook["command"], *hook.get("args", [])])
    assert json.loads(written)["env"]["SEGUE_URL"] == url
    said(segue(windows, "install", "claude-code", "--yes", SEGUE_URL=url))
    assert settings.read_bytes() == written
    said(segue(windows, "uninstall", "claude-code", "--yes", SEGUE_URL=url))
    assert settings.read_bytes() == before


def test_what_is_imported_once_is_exported_whole(windows: Windows, url: str, shop: Path, tmp_path: Path) -> None:
    conversation(windows, shop)
    projects = windows.path(windows.home / ".claude" / "projects")
    assert "Imported 2 memories" in said(segue(windows, "import", projects, SEGUE_URL=url))
    assert "Imported 0 memories" in said(segue(windows, "import", projects, SEGUE_URL=url))
    said(segue(windows, "export", windows.path(tmp_path / "all.jsonl"), SEGUE_URL=url))
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()]
    mine = [line["content"] for line in lines if line.get("project") == shop.name]
    assert sorted(mine) == ["The parrot on the pier refuses crackers.", "Then give it almonds."]


def hook(windows: Windows, event: str, shop: Path, of: tuple[Transcript, Path], **settings: str) -> bytes:
    told = {
        "session_id": of[0].session_id,
        "transcript_path": windows.path(of[1]),
        "cwd": windows.path(shop),
        "hook_event_name": event,
        "tool_name": "Bash",
        "tool_input": {"command": "make test"},
        "source": "startup",
    }
    settings = {"CLAUDE_PROJECT_DIR": windows.path(shop), **settings}
    done = run(windows, windows.script(HOOK, event), json.dumps(told).encode(), **settings)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def waiting(windows: Windows) -> list[Path]:
    return sorted((windows.home / ".claude" / "segue" / "hooks" / "spool").glob("*/*.json"))


def deliver(windows: Windows, url: str) -> None:
    """Sees everything delivered that hooks have left."""
    deadline = time.monotonic() + PATIENCE_S
    while waiting(windows) and time.monotonic() < deadline:
        said(run(windows, windows.script(DELIVERY), SEGUE_URL=url))
        time.sleep(0.2)
    assert waiting(windows) == []


@pytest.mark.slow
def test_a_conversation_s_hooks_store_it_and_the_next_one_is_told(
    windows: Windows, url: str, shop: Path, tmp_path: Path
) -> None:
    of = conversation(windows, shop)
    hook(windows, "SessionStart", shop, of, SEGUE_URL=url)
    for event in EVENTS:
        hook(windows, event, shop, of, SEGUE_URL=url)
    deliver(windows, url)
    log = windows.home / ".claude" / "segue" / "hook.log"
    assert not log.exists(), log.read_text()
    of = conversation(windows, shop)
    given = hook(windows, "SessionStart", shop, of, SEGUE_URL=url)
    if not given:  # a server that does not see the directory is told of it first, and then the next hook
        deliver(windows, url)
        given = hook(windows, "UserPromptSubmit", shop, of, SEGUE_URL=url)
    assert b"parrot" in given


@pytest.mark.parametrize("event", ["SessionStart", "NoSuchEvent", *EVENTS])
def test_hooks_are_silent_where_no_server_is_named(windows: Windows, shop: Path, event: str) -> None:
    assert hook(windows, event, shop, conversation(windows, shop)) == b""
    assert not (windows.home / ".claude" / "segue").exists()


def test_connect_reports_on_the_directory_that_the_server_does_not_see(windows: Windows, url: str, shop: Path) -> None:
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": client},
        {"method": "notifications/initialized"},
        {
            "id": 2,
            "method": "tools/call",
            "params": {"name": "init", "arguments": {"working_directory": windows.path(shop)}},
        },
    ]
    with subprocess.Popen(
        windows.command("connect"),
        cwd=ROOT,
        env=environment(windows, SEGUE_URL=url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,  # see `run`
    ) as bridge:
        assert bridge.stdin
        assert bridge.stdout
        for each in messages:
            bridge.stdin.write(json.dumps({"jsonrpc": "2.0", **each}).encode() + b"\n")
            bridge.stdin.flush()
        answers = {answer["id"]: answer for answer in (json.loads(bridge.stdout.readline()) for _ in range(2))}
        bridge.stdin.close()
        assert bridge.wait(PATIENCE_S) == 0
    context = answers[2]["result"]["structuredContent"]["project_context"]
    assert (context["name"], context["type"]) == (shop.name, "javascript")
