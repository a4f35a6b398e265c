"""What a person reads where no gateway is reached, or it refuses: true, short, with the way out, and no secrets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.bridge.exchange import Exchange
from services.cli.bridge.messages import Undelivered

COMMANDS = (
    ("explain", "x"),
    ("project", "list"),
    ("permissions",),
    ("deny", "Bash", "x"),
    ("removals",),
    ("retention",),
    ("export", "-"),
    ("backup", "b"),
    ("dashboard", "--print"),
    ("token", "list"),
    ("advice",),
    ("events", "intakes"),
    ("delete", "x", "--yes"),
    ("undelete", "--last"),
    ("status",),
    ("doctor",),
)
WRONG = {
    "notaurl": "begins with http:// or https:// and a host",
    "ftp://x/mcp": "begins with http:// or https:// and a host",
    "http:///mcp": "begins with http:// or https:// and a host",
    "http://127.0.0.1:abc/mcp": "is a number from 1 to 65535",
    "http://127.0.0.1:99999/mcp": "is a number from 1 to 65535",
    "http://127.0.0.1:0/mcp": "is a number from 1 to 65535",
    "http://ada:hunter2@127.0.0.1:1/mcp": "has no user or password: set SEGUE_TOKEN",
    "http://127.0.0.1:1/\x1b[31mmcp": "is one word of ASCII",
    "http://127.0.0.1:1/ mcp": "is one word of ASCII",
}


class Refusing:
    """A gateway that answers each request with this status and body."""

    status, body = 404, b"{}"


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Refusing]:
    it = Refusing()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(it.status)
            self.send_header("Content-Length", str(len(it.body)))
            self.end_headers()
            self.wfile.write(it.body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_URL", f"http://127.0.0.1:{server.server_address[1]}/mcp")
    yield it
    server.shutdown()
    server.server_close()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_why_nobody_answers_and_where_to_look(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_URL", "http://127.0.0.1:1/mcp")
    assert main(command) == 1
    said = "".join(capsys.readouterr())
    assert "127.0.0.1:1" in said
    assert "Connection refused" in said
    assert "Errno" not in said
    assert "`segue doctor` says more" in said or command == ("doctor",)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("address", WRONG, ids=ascii)
def test_an_address_that_is_none_is_said_to_be_none_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "said.jsonl").write_text('{"content": "We chose gRPC."}\n')
    monkeypatch.setenv("SEGUE_URL", address)
    for command in (*COMMANDS, ("import", str(tmp_path / "said.jsonl"))):
        assert main(command) == 1
        said = "".join(capsys.readouterr())
        assert WRONG[address] in said, command
        assert "hunter2" not in said
        assert "\x1b" not in said
    with pytest.raises(Undelivered) as told:  # what `segue connect` tells its client
        Exchange(address, 1.0)
    assert WRONG[address] in str(told.value)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "error", "ways", "said"),
    [
        (404, "There is no such project.", ["`segue project list` shows yours."], "`segue project list` shows yours."),
        (404, "No events.", ["Set SEGUE_INTEGRATION_STREAM."], "No events. Set SEGUE_INTEGRATION_STREAM."),
        (404, "There is no such thing.", ["Search for it with reflect_on_past."], "There is no such thing."),
        (400, "query is empty.", [], "query is empty."),
        (401, "A token is needed.", ["Send a token."], "A token is needed; set SEGUE_TOKEN or SEGUE_TOKEN_FILE"),
    ],
)
def test_a_gateways_own_words_are_said_with_the_way_out_that_a_terminal_has(
    refusing: Refusing, status: int, error: str, ways: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing.status, refusing.body = status, json.dumps({"error": error, "suggestions": ways}).encode()
    assert main(["explain", "x"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("segue explain: ")
    assert told.endswith(f"{said}\n")
    assert ".;" not in told
    assert "is SEGUE_URL the address" not in told


@pytest.mark.parametrize("body", [b"<html>not found</html>", b"{}", b"[]", b'{"error": {}, "suggestions": 3}', b""])
def test_where_something_else_answers_the_address_is_doubted(
    refusing: Refusing, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing.body = body
    assert main(["explain", "x"]) == 1
    assert "answers 404 Not Found; is SEGUE_URL the address of a Segue gateway?" in capsys.readouterr().err
