"""What `segue doctor` says of a fault that is really there, and that the command it names mends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from services import __version__
from services.cli.checkup.client import client
from services.cli.checkup.finding import Finding, modification_times
from services.cli.checkup.machine import BACKUP_DIRECTORY, KEY_FILE, machine
from services.cli.checkup.server import server
from services.cli.local_server import hold

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("SEGUE_", "CLAUDE_")):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "home"


@pytest.fixture
def data_dir(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = home / "segue"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("SEGUE_DATA_DIR", str(directory))
    return directory


def of(findings: Iterator[Finding], name: str) -> Finding:
    return next(each for each in findings if each.name == name)


def mended(finding: Finding) -> None:
    subprocess.run(finding.remedy, shell=True, check=True)


def segue(*arguments: str, stdin: str = "") -> None:
    command = [sys.executable, "-m", "services.cli", *arguments]
    subprocess.run(command, input=stdin, text=True, check=True, capture_output=True)


def test_a_sound_machine_has_nothing_to_mend(data_dir: Path) -> None:
    assert not [each for each in machine(data_dir) if each.remedy]
    assert of(machine(data_dir / "not yet"), "data").status == "ok"


@pytest.mark.parametrize(("mode", "status"), [(0o755, "degraded"), (0o770, "degraded"), (0o500, "broken")])
def test_the_modes_of_the_data_directory(data_dir: Path, mode: int, status: str) -> None:
    data_dir.chmod(mode)
    found = of(machine(data_dir), "data")
    assert found.status == status
    mended(found)
    assert of(machine(data_dir), "data").status == "ok"


def test_a_file_in_place_of_the_data_directory(data_dir: Path) -> None:
    data_dir.rmdir()
    data_dir.write_text("")
    found = of(machine(data_dir), "data")
    assert found.status == "broken"
    mended(found)
    assert of(machine(data_dir), "data").status == "ok"


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("this user may not mount")
    try:
        found = of(machine(small), "disk")
    finally:
        subprocess.run(["umount", small], check=True)
    assert found.status == "broken"
    assert str(small) in found.remedy


def test_a_key_that_is_missing_or_that_others_may_read(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    monkeypatch.setenv(KEY_FILE, str(key))
    assert of(machine(data_dir), "encryption").status == "broken"
    key.write_text("a key")
    key.chmod(0o644)
    mended(of(machine(data_dir), "encryption"))
    assert of(machine(data_dir), "encryption").status == "ok"


def test_backups_that_do_not_come(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BACKUP_DIRECTORY, str(tmp_path / "backups"))
    assert "none in" in of(machine(data_dir), "backups").detail
    made = tmp_path / "backups" / "segue-20260301T093000.000000Z"
    made.mkdir(parents=True)
    assert of(machine(data_dir), "backups").status == "ok"
    os.utime(made, (0, time.time() - 3 * 86_400))
    late = of(machine(data_dir), "backups")
    assert (late.status, late.detail) == ("degraded", "the last was made 3 days ago")
    assert late.remedy == f"segue backup {tmp_path}/backups"


def test_another_server_s_backups_are_not_this_one_s(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BACKUP_DIRECTORY, str(tmp_path / "backups"))
    (tmp_path / "backups" / "segue-20260301T093000.000000Z-0000beef").mkdir(parents=True)
    (data_dir / "memory").mkdir(parents=True, exist_ok=True)
    (data_dir / "memory" / "server-id").write_text("00c0ffee\n")
    assert "none in" in of(machine(data_dir), "backups").detail
    (tmp_path / "backups" / "segue-20260301T093000.000000Z-00c0ffee").mkdir()
    assert of(machine(data_dir), "backups").status == "ok"


def test_a_client_that_knows_nothing_of_segue_is_told_by_install(data_dir: Path) -> None:
    found = of(client(data_dir), "hooks")
    assert found.remedy == "segue install claude-code"
    segue("install", "claude-code", "--yes")
    assert of(client(data_dir), "hooks").status == "ok"
    assert of(client(data_dir), "firing").detail == "no hook has run yet"


def test_hooks_whose_program_is_gone(data_dir: Path, home: Path) -> None:
    segue("install", "claude-code", "--yes")
    settings = home / ".claude" / "settings.json"
    settings.write_text(settings.read_text().replace(sys.executable, "/gone/python"))
    found = of(client(data_dir), "hooks")
    assert found.status == "broken"
    assert "/gone/python" in found.detail
    segue("install", "claude-code", "--yes")
    assert of(client(data_dir), "hooks").status == "ok"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"disableAllHooks": True}, "switch all hooks off"),
        ({"enabledPlugins": {"segue@segue": True}}, "installed twice"),
        ({"hooks": {}}, "the server without the hooks"),
    ],
)
def test_hooks_that_cannot_run_as_they_should(data_dir: Path, home: Path, change: dict[str, Any], said: str) -> None:
    segue("install", "claude-code", "--yes")
    settings = home / ".claude" / "settings.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | change))
    assert said in of(client(data_dir), "hooks").detail


def test_hooks_that_the_environment_switches_off(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_HOOK", "off")
    assert of(client(data_dir), "hooks").remedy == "unset SEGUE_HOOK"


def test_settings_that_the_client_cannot_read(data_dir: Path, home: Path) -> None:
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text("{ // hm")
    assert of(client(data_dir), "claude-code").status == "broken"


def test_a_hook_that_ran_is_seen_and_one_that_had_trouble_is_told(data_dir: Path) -> None:
    segue("install", "claude-code", "--yes")
    segue("hook", "PostToolUse", stdin="no json")
    assert of(client(data_dir), "hook log").status == "degraded"
    assert "within a day" in of(client(data_dir), "hook log").detail
    segue("hook", "PostToolUse", stdin=json.dumps({"session_id": "s", "cwd": str(data_dir), "tool_name": "Read"}))
    assert "ran just now" in of(client(data_dir), "firing").detail


def test_events_that_no_server_takes(data_dir: Path) -> None:
    waiting = data_dir / "hooks" / "spool" / "local" / "1-Stop.json"
    waiting.parent.mkdir(parents=True)
    waiting.write_text("{}")
    assert not [each for each in client(data_dir) if each.name == "waiting"]
    os.utime(waiting, (0, time.time() - 7_200))
    assert of(client(data_dir), "waiting").detail.startswith("1 events")


def test_what_is_gone_meanwhile_and_a_link_to_nowhere_are_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert list(modification_times([tmp_path / "gone", tmp_path / "link"])) == [tmp_path / "link"]


@pytest.mark.slow
def test_a_server_that_does_not_start_is_told_with_its_last_words(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_GATEWAY_TIME_ZONE", "Nowhere/Land")
    found = of(server(data_dir), "server")
    assert found.status == "broken"
    assert "Nowhere/Land" in found.detail
    assert found.remedy == "segue serve"


class Elsewhere:
    """A gateway that says of itself what a test wants."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {
            "version": __version__,
            "user": "ada",
            "scope": "write",
            "expires_at": None,
            "memories": None,
        }
        self.status, self.clock = 200, datetime.now(UTC)
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/mcp"

    def _handler(elsewhere) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(elsewhere.told).encode()
                self.send_response_only(elsewhere.status)
                self.send_header("Date", format_datetime(elsewhere.clock, usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    made = Elsewhere()
    monkeypatch.setenv("SEGUE_URL", made.url)
    yield made
    made.close()


def test_another_version_at_the_other_end(data_dir: Path, elsewhere: Elsewhere) -> None:
    elsewhere.told["version"] = "9.0.0"
    found = of(server(data_dir), "version")
    assert (found.status, found.detail) == ("degraded", f"the server has 9.0.0, this command {__version__}")


def test_a_clock_that_is_wrong(data_dir: Path, elsewhere: Elsewhere) -> None:
    assert of(server(data_dir), "clock").status == "ok"
    elsewhere.clock -= timedelta(hours=1)
    found = of(server(data_dir), "clock")
    assert found.status == "degraded"
    assert "seconds behind" in found.detail


@pytest.mark.parametrize(("days", "status"), [(None, "ok"), (30, "ok"), (3, "degraded")])
def test_a_token_that_runs_out(data_dir: Path, elsewhere: Elsewhere, days: int | None, status: str) -> None:
    if days:
        elsewhere.told["expires_at"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    found = of(server(data_dir), "token")
    assert found.status == status
    assert ("segue token create ada" in found.remedy) == (status == "degraded")


def test_a_token_that_is_not_known(data_dir: Path, elsewhere: Elsewhere) -> None:
    elsewhere.status, elsewhere.told = 401, {"error": "The token is not known."}
    found = of(server(data_dir), "token")
    assert (found.status, found.detail) == ("broken", "The token is not known.")
    assert found.remedy.startswith("segue token create NAME")


def test_a_token_file_that_is_missing(data_dir: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_TOKEN_FILE", "/nowhere/token")
    assert "SEGUE_TOKEN_FILE cannot be read" in of(server(data_dir), "token").detail


def test_an_address_where_nothing_is_and_one_where_something_else_is(
    data_dir: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.status = 404
    assert "no Segue" in of(server(data_dir), "server").detail
    monkeypatch.setenv("SEGUE_URL", "http://127.0.0.1:1/mcp")
    found = of(server(data_dir), "server")
    assert found.detail == "127.0.0.1:1 does not answer: Connection refused"


def test_a_server_that_never_becomes_ready_is_not_waited_for_for_ever(data_dir: Path) -> None:
    with hold(data_dir):
        assert "not ready" in of(server(data_dir, start_timeout_s=0.2), "server").detail
