"""Hooks of any input, with no server, a dead one, or one that is none: they exit 0 and say nothing."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.cli.hooks import delivery, hook_input, spool, state_files
from services.cli.hooks.gateway import Unreachable, parse_address
from services.cli.hooks.hook_table import HOOKS
from tests.hooked import DELIVERY, HOOK, Hooked
from tests.patience import PATIENCE_S

INPUTS = {
    "nothing": b"",
    "spaces": b" \n ",
    "no JSON": b"{",
    "a list": b"[1, 2]",
    "null": b"null",
    "a number": b"1e999",
    "unknown fields": b'{"unknown": {"deep": [1]}, "session_id": "s"}',
    "fields of other types": b'{"session_id": 3, "transcript_path": [], "cwd": null, "tool_input": "x"}',
    "half a surrogate": b'{"session_id": "\\ud800", "tool_name": "\\udfff"}',
    "no UTF-8": b'{"session_id": "\xff\xfe"}',
    "NUL": b'{"session_id": "a\\u0000b", "transcript_path": "/\\u0000"}',
    "deeply nested": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a session that is a path": b'{"session_id": "../../../../etc/passwd", "tool_input": {"file_path": "x"}}',
    "ten megabytes": json.dumps({"session_id": "s", "tool_response": "x" * (10 << 20)}).encode(),
    "twenty megabytes": b'{"session_id": "s", "tool_response": "' + b"x" * (20 << 20) + b'"}',
}


@pytest.fixture
def hooked(tmp_path: Path) -> Hooked:
    """With a gateway that nobody is at, so that nothing is started."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    return Hooked(tmp_path, SEGUE_URL=f"http://127.0.0.1:{port}/mcp")


@pytest.mark.slow
@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("event", ["PreToolUse", "SessionEnd"])
def test_whatever_the_client_tells_a_hook_fails_open(hooked: Hooked, event: str, given: bytes) -> None:
    assert hooked.raw(event, given).stdout == b""
    outside = [path for path in hooked.home.rglob("*") if path.is_file() and hooked.data not in path.parents]
    assert outside == []


@pytest.mark.parametrize("event", ["", "NoSuchHook", "../../x", "SessionStart\nX", "PreToolUse; rm"])
def test_a_hook_that_is_none_is_a_line_in_the_log(hooked: Hooked, event: str) -> None:
    assert hooked.raw(event, b"{}").stdout == b""
    assert "there is no such hook" in hooked.log


@pytest.mark.parametrize("event", HOOKS)
def test_a_gateway_that_never_answers_is_not_waited_for(tmp_path: Path, event: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        hooked = Hooked(tmp_path, SEGUE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/mcp")
        hooked.environment |= {"SEGUE_HOOK_USER_PROMPT_SUBMIT": "on", "SEGUE_HOOK_WITHIN_MS": ""}
        assert hooked.hook(event, prompt="why", tool_name="Bash", tool_input={"command": "x"}).stdout == b""
        if event in {"SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse"}:
            late = f"{event}: not done in 750 ms"  # of a busy machine, which does not come to say more
            assert f"{event}: the gateway does not answer: TimeoutError" in hooked.log or late in hooked.log


@contextmanager
def answering_once(answer: bytes) -> Iterator[str]:
    """The address of a gateway that has this answer to its first request."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.0 500 Oops\r\n\r\n{}", b"garbage", b"HTTP/1.0 200 OK\r\n\r\n", b"\0" * 2_000_000]
)
def test_a_gateway_that_answers_nonsense_is_not_believed(tmp_path: Path, answer: bytes) -> None:
    with answering_once(answer) as url:
        hooked = Hooked(tmp_path, SEGUE_URL=url)
        assert hooked.hook("PreToolUse", tool_name="Bash").stdout == b""


def test_a_client_that_has_gone_is_no_trouble(tmp_path: Path) -> None:
    with answering_once(b"HTTP/1.0 200 OK\r\n\r\n{}") as url:
        hooked = Hooked(tmp_path, SEGUE_URL=url)
        reading, writing = os.pipe()
        os.close(reading)
        command = [*HOOK, "PreToolUse"]
        done = subprocess.run(
            command,
            input=b"{}",
            stdout=writing,
            stderr=subprocess.PIPE,
            env=hooked.environment,
            timeout=PATIENCE_S,
            check=False,
        )
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_hook_says_who_calls_and_a_token_that_is_none_is_not_quoted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        hooked = Hooked(tmp_path, SEGUE_URL=f"http://127.0.0.1:{server.getsockname()[1]}")
        (tmp_path / "token").write_text("segue_0123\n")
        hooked.environment["SEGUE_TOKEN_FILE"] = str(tmp_path / "token")
        received: list[bytes] = []

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        hooked.hook("PreToolUse", tool_name="Bash")
        thread.join(10)
        assert b"\r\nAuthorization: Bearer segue_0123\r\n" in received[0]
        assert received[0].startswith(b"POST /v1/hooks/PreToolUse HTTP/1.0\r\n")
        (tmp_path / "token").write_text("two words")
        hooked.hook("PreToolUse", tool_name="Bash")
    assert "one word of ASCII" in hooked.log
    assert "two words" not in hooked.log


@pytest.mark.parametrize("setting", ["SEGUE_HOOK", *(hook.setting for hook in HOOKS.values())])
def test_a_hook_that_is_turned_off_asks_nobody(hooked: Hooked, setting: str) -> None:
    hooked.environment |= {"SEGUE_HOOK_USER_PROMPT_SUBMIT": "on", setting: "off"}
    for event, hook in HOOKS.items():
        if setting in {"SEGUE_HOOK", hook.setting}:
            assert hooked.hook(event, prompt="why", tool_name="Bash").stdout == b""
    assert "does not answer" not in hooked.log
    assert hooked.waiting == []


def test_an_event_that_nobody_could_take_waits_and_holds_nothing_that_was_said(hooked: Hooked) -> None:
    hooked.hook("Stop", last_assistant_message="a secret of ours")
    (waiting,) = hooked.waiting
    assert b"secret" not in waiting.read_bytes()
    assert json.loads(waiting.read_bytes())["input"]["session_id"] == hooked.transcript.session_id
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    assert stat.S_IMODE(waiting.parent.stat().st_mode) == 0o700


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SEGUE_URL", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "data"


def test_hooks_that_find_the_spool_full_at_once_keep_what_each_has_to_say(data: Path) -> None:
    for number in range(spool.FILES_MAX):
        spool.put("Stop", str(number).encode())
    puts = "import os; from services.cli.hooks import spool\nfor _ in range(25): spool.put('Stop', b'%d' % os.getpid())"
    hooks = [subprocess.Popen([sys.executable, "-c", puts]) for _ in range(6)]
    assert [hook.wait(60) for hook in hooks] == [0] * 6
    kept = [Path(spool.directory(), name).read_text() for name in spool.names(spool.directory())]
    assert spool.FILES_MAX <= len(kept) <= spool.FILES_MAX + len(hooks)
    assert {str(hook.pid) for hook in hooks} <= set(kept)


def test_the_spool_is_bounded_and_the_oldest_make_room(data: Path) -> None:
    for number in range(spool.FILES_MAX + 5):
        spool.put("Stop", str(number).encode())
    kept = [Path(spool.directory(), name).read_bytes() for name in spool.names(spool.directory())]
    assert len(kept) == spool.FILES_MAX
    assert kept[-1] == str(spool.FILES_MAX + 4).encode()
    assert b"0" not in kept
    spool.put("Stop", b"x" * (spool.FILE_MAX_BYTES + 1))
    assert len(spool.names(spool.directory())) == spool.FILES_MAX
    assert "the spool is full" in (data / "hook.log").read_text()


@pytest.mark.parametrize(
    "waiting", [b"", b"{", b"[]", b'{"input": 3}', b'{"input": [[]]}', b"\xff", b'{"input": {}, "meta": 3}']
)
def test_what_waits_and_is_no_event_does_not_keep_what_follows(
    data: Path, monkeypatch: pytest.MonkeyPatch, waiting: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("SEGUE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        spool.put("SessionStart", waiting)
        spool.put("SessionStart", b'{"input": {"session_id": "s"}}')
        received: list[bytes] = []

        def serve() -> None:
            while not received or b'"s"' not in received[-1]:
                connection, _ = server.accept()
                with connection:
                    received.append(connection.makefile("rb").read1())
                    connection.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        subprocess.run([*DELIVERY], env=os.environ, check=True, timeout=PATIENCE_S)
        thread.join(10)
        assert b'"session_id": "s"' in received[-1]
        assert spool.names(spool.directory()) == []


def test_the_hook_log_is_rotated(data: Path) -> None:
    for _ in range(3 * state_files.LOG_MAX_BYTES // 500):
        state_files.log("Stop", "x" * 600)
    sizes = [path.stat().st_size for path in (data / "hook.log", data / "hook.log.1")]
    assert max(sizes) <= state_files.LOG_MAX_BYTES + 1000


def test_a_log_line_is_one_line(data: Path) -> None:
    state_files.log("Stop", "a\nb\r\nc")
    assert (data / "hook.log").read_text().count("\n") == 1


@pytest.fixture
def home(data: Path) -> Path:
    return Path(os.environ["HOME"])


def test_a_transcript_of_the_user_is_read(home: Path) -> None:
    path = home / "s.jsonl"
    path.write_text("{}")
    assert delivery.readable(str(path)) == path
    (home / "link.jsonl").symlink_to(path)
    assert delivery.readable(str(home / "link.jsonl")) == path


@pytest.mark.parametrize(
    "named", [None, 3, "", "s.jsonl", "~/s.jsonl", "/\0.jsonl", "/etc/passwd", "/dev/zero", "/proc/self/mem"]
)
def test_what_is_no_transcript_of_the_user_is_refused(home: Path, named: object) -> None:
    with pytest.raises(delivery.Refused):
        delivery.readable(named)


def test_a_transcript_outside_the_home_is_refused_however_it_is_named(home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "other.jsonl"
    outside.write_text("{}")
    (home / "link.jsonl").symlink_to(outside)
    (home / "folder").symlink_to(tmp_path)
    for path in (outside, home / "link.jsonl", home / "folder" / "other.jsonl", home / ".." / "other.jsonl"):
        with pytest.raises(delivery.Refused):
            delivery.readable(str(path))


def test_a_pipe_a_directory_and_what_is_gone_are_refused(home: Path) -> None:
    os.mkfifo(home / "pipe.jsonl")
    (home / "folder.jsonl").mkdir()
    for name in ("pipe.jsonl", "folder.jsonl", "gone.jsonl"):
        with pytest.raises(delivery.Refused):
            delivery.readable(str(home / name))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8377/mcp", ("http", "127.0.0.1", 8377, "")),
        ("https://segue.example/team/mcp/", ("https", "segue.example", 443, "/team")),
        ("http://[::1]:9/mcp", ("http", "::1", 9, "")),
        ("http://localhost", ("http", "localhost", 80, "")),
    ],
)
def test_addresses_are_understood(url: str, expected: tuple[str, str, int, str]) -> None:
    address = parse_address(url)
    assert (address.scheme, address.host, address.port, address.path) == expected


@pytest.mark.parametrize("url", ["ftp://x", "x", "http://", "http://a:b@c", "http://x:y", "file:///etc/passwd"])
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(Unreachable):
        parse_address(url)


def test_hooks_import_little_and_nothing_but_the_standard_library(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.argv[1:] = []; import services.cli.hook\nprint(*sys.modules)"
    )
    root = str(Path(__file__).parents[4])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program, root], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "json",
        "re",
        "typing",
        "pathlib",
        "subprocess",
        "http",
        "ssl",
        "socket",
        "asyncio",
        "argparse",
    }
    assert {name.split(".")[0] for name in loaded} - {"services"} <= sys.stdlib_module_names | {"__main__"}


ASKING = """
import sys, time
sys.path.insert(0, sys.argv[1])
from services.cli.hooks import hook_input, plain_json
from services.cli.hooks.gateway import parse_address, post
answer = post(parse_address(sys.argv[2]), "/v1/hooks/Stop", hook_input.envelope(b"{}"), time.monotonic() + 60)
assert plain_json.loads(answer.body) == {"kept": [1]}, answer.body
plain_json.dumps(hook_input.fields(answer.body))
print(*sys.modules)
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_hook_that_is_answered_imports_no_more_than_it_needs(host: str) -> None:
    answer = b'HTTP/1.0 200 OK\r\n\r\n{"kept": [1]}'
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = threading.Thread(target=_answer_once, args=(listening, answer))
        answering.start()
        root, url = str(Path(__file__).parents[4]), f"http://{host}:{listening.getsockname()[1]}/mcp"
        command = [sys.executable, "-I", "-S", "-c", ASKING, root, url]
        loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        answering.join()
    assert not loaded & {"json", "re", "enum", "socket", "typing", "encodings.idna"}


def _answer_once(listening: socket.socket, answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


def test_input_that_is_long_is_cut_to_what_is_needed() -> None:
    raw = json.dumps({"session_id": "s", "tool_input": {"command": "x" * 10**6, "content": "y" * 10**6}}).encode()
    sent = json.loads(hook_input.envelope(raw, tokens=5))
    assert sent["tokens"] == 5
    assert len(sent["input"]["tool_input"]["command"]) == hook_input.COMMAND_MAX_CHARS
    assert "content" not in sent["input"]["tool_input"]


def test_a_heartbeat_is_due_now_and_then(data: Path) -> None:
    assert state_files.record_touch("s", "/a.py", 60)
    assert not state_files.record_touch("s", "/b.py", 60)
    beat = data / "hooks" / "beat" / "s"
    os.utime(beat, (time.time() - 61,) * 2)
    assert state_files.record_touch("s", "bad\npath", 60)
    assert not state_files.record_touch("s", "", 60)
    os.utime(beat, (time.time() + 3600,) * 2)  # the clock was set back
    assert state_files.record_touch("s", "", 60)
    assert (data / "hooks" / "touched" / "s").read_text() == "/a.py\n/b.py\n"


def test_a_busy_conversation_does_not_keep_another_from_saying_that_it_lives(data: Path) -> None:
    assert state_files.record_touch("busy", "/a.py", 60)
    assert state_files.record_touch("quiet", "/a.py", 60)
    assert not state_files.record_touch("quiet", "/a.py", 60)


def test_old_notes_are_forgotten_whatever_lies_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path))
    asked = Path(state_files.hooks_directory("asked"))
    (asked / "a-link").symlink_to(tmp_path / "nowhere")
    (asked / "a-directory").mkdir()
    (asked / "old").touch()
    (asked / "new").touch()
    for name in ("a-directory", "old"):
        os.utime(asked / name, (0, 0))
    assert subprocess.run(DELIVERY, timeout=PATIENCE_S, check=False).returncode == 0
    assert {path.name for path in asked.iterdir()} == {"a-link", "a-directory", "new"}
    assert "in asked stays" in (tmp_path / "hook.log").read_text()
