"""`segue import` against a stand-in gateway that keeps what it is sent and answers as the real one does."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from services.cli.local_server import ServerInfo
from services.cli.transfer import delivery, import_
from tests.claude_transcripts import small_session
from tests.stand_in_gateway import StandIn, failure, handler


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(stand_in))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEGUE_URL", f"http://127.0.0.1:{server.server_port}/mcp")
    monkeypatch.delenv("SEGUE_TOKEN", raising=False)
    monkeypatch.delenv("SEGUE_TOKEN_FILE", raising=False)
    monkeypatch.setattr(delivery, "first_pause_s", 0.001)
    yield stand_in
    server.shutdown()
    server.server_close()


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "imports.json"


def run(*paths: Path | str, project: str | None = None, **options: Any) -> int:
    return import_.run(argparse.Namespace(paths=list(paths), project=project, **options))


def listed(path: Path, contents: Iterator[str] | list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"content": content}) + "\n" for content in contents))
    return path


Output = pytest.CaptureFixture[str]


def test_a_directory_of_transcripts_is_imported_and_summed_up(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    for session in (1, 2):
        small_session(session).save(tmp_path / "projects" / "-home-ada-orchard" / f"{session}.jsonl")

    assert run(tmp_path / "projects") == 0
    assert len(gateway.memories) == 6
    assert {memory["project"] for memory in gateway.memories.values()} == {"orchard"}
    summary = capsys.readouterr().out
    assert re.fullmatch(r"Imported 6 memories \(0 already there, 0 skipped\) from 2 files in \d+\.\d s\n", summary)


def test_a_file_imported_before_is_not_even_sent(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    path = small_session().save(tmp_path / "s.jsonl")
    run(path)
    capsys.readouterr()

    assert run(path) == 0
    assert gateway.sent == 3
    output = capsys.readouterr()
    assert "Imported 0 memories (0 already there, 0 skipped) from 0 files" in output.out
    assert "1 file unchanged since the last import" in output.err


@pytest.mark.parametrize("state", [None, b"", b"{", b"[1]", b'{"version": 1, "gateways": {"x": 3}}', b"\xff\x00"])
def test_without_its_state_an_import_sends_the_same_ids_again(
    gateway: StandIn, tmp_path: Path, state_file: Path, state: bytes | None, capsys: Output
) -> None:
    path = small_session().save(tmp_path / "s.jsonl")
    run(path)
    if state is None:
        state_file.unlink()
    else:
        state_file.write_bytes(state)

    assert run(path) == 0
    first, second = gateway.batches
    assert first == second
    assert "Imported 0 memories (3 already there, 0 skipped) from 1 file in" in capsys.readouterr().out


@pytest.mark.parametrize("known", [None, [], [1, 2], ["a", 1, "b", 0, 0], [-5, 0, "x", 0, 0], [10**9, 1, "x", 1, 1]])
def test_a_file_whose_state_makes_no_sense_is_read_from_its_start(
    gateway: StandIn, tmp_path: Path, state_file: Path, known: Any
) -> None:
    path = small_session().save(tmp_path / "s.jsonl")
    url = os.environ["SEGUE_URL"].removesuffix("/mcp")
    state_file.parent.mkdir()
    state_file.write_text(json.dumps({"version": 1, "gateways": {url: {str(path): known}}}))

    assert run(path) == 0
    assert gateway.sent == 3


def test_of_a_file_that_grew_only_what_is_new_is_sent(gateway: StandIn, tmp_path: Path) -> None:
    transcript = small_session().user("And the plums?")
    path = tmp_path / "s.jsonl"
    path.write_text(transcript.text[:-30])
    run(path)
    path.write_text(transcript.user("And the figs?").text)

    assert run(path) == 0
    assert [memory["content"] for memory in gateway.batches[1]] == ["And the plums?", "And the figs?"]


def test_a_file_that_was_written_anew_is_read_from_its_start(gateway: StandIn, tmp_path: Path) -> None:
    path = listed(tmp_path / "m.jsonl", ["a", "b", "c"])
    run(path)
    listed(path, ["d"])
    run(path)
    listed(path, ["e", "f", "g", "h", "i"])
    run(path)

    assert gateway.contents == list("abcdefghi")


def test_another_gateway_gets_everything(gateway: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = listed(tmp_path / "m.jsonl", ["a"])
    run(path)
    monkeypatch.setenv("SEGUE_URL", os.environ["SEGUE_URL"].replace("127.0.0.1", "localhost"))
    run(path)

    assert gateway.sent == 2


def test_without_an_address_the_local_server_is_used(
    gateway: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = ServerInfo(1, os.environ["SEGUE_URL"], "0.1.0", "2026-03-01T09:30:00+00:00")
    monkeypatch.delenv("SEGUE_URL")
    monkeypatch.setattr(import_, "ensure_server", lambda *_: info)

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 0
    assert gateway.contents == ["a"]


def test_the_named_project_takes_everything_under_the_same_ids(gateway: StandIn, tmp_path: Path) -> None:
    run(small_session().save(tmp_path / "a.jsonl"))
    run(small_session().save(tmp_path / "b.jsonl"), project="garden")
    own, named = gateway.batches

    assert {memory["project"] for memory in named} == {"garden"}
    assert [memory["id"] for memory in own] == [memory["id"] for memory in named]


def test_many_memories_go_in_batches_that_keep_their_order(gateway: StandIn, tmp_path: Path) -> None:
    contents = [f"memory {number}" for number in range(500)]

    assert run(listed(tmp_path / "m.jsonl", contents)) == 0
    assert sorted(gateway.contents) == sorted(contents)
    assert max(len(batch) for batch in gateway.batches) == 64
    for batch in gateway.batches:
        numbers = [int(memory["content"].split()[1]) for memory in batch]
        assert numbers == sorted(numbers)


def test_a_batch_of_long_memories_is_bounded_in_bytes(gateway: StandIn, tmp_path: Path) -> None:
    run(listed(tmp_path / "m.jsonl", [f"{number}" * 200_000 for number in range(6)]))

    assert [len(batch) for batch in gateway.batches] == [2, 2, 2]


def test_a_batch_too_large_for_the_gateway_is_cut(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    gateway.before = lambda batch: (413, failure("LIMIT_EXCEEDED")) if len(batch) > 2 else None

    assert run(listed(tmp_path / "m.jsonl", ["a", "b", "unwelcome", "d", "e"])) == 0
    assert sorted(gateway.contents) == ["a", "b", "d", "e"]
    assert "INVALID_INPUT: Not here. (at " + str(tmp_path / "m.jsonl") + ":3)" in capsys.readouterr().err


def test_a_memory_that_spoils_its_batch_is_found_and_left_out(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    gateway.before = lambda batch: (
        (400, failure("INVALID_INPUT")) if "spoilt" in [memory["content"] for memory in batch] else None
    )

    assert run(listed(tmp_path / "m.jsonl", ["a", "b", "spoilt", "d"])) == 0
    assert sorted(gateway.contents) == ["a", "b", "d"]
    assert "Imported 3 memories (0 already there, 1 skipped)" in capsys.readouterr().out


def test_skipped_lines_are_counted_by_reason(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    path = listed(tmp_path / "m.jsonl", ["a", "x" * 300_000, "unwelcome", "unwelcome"])
    with path.open("a") as file:
        file.write("{broken\n")

    assert run(path) == 0
    output = capsys.readouterr()
    assert "Imported 1 memory (0 already there, 4 skipped) from 1 file in" in output.out
    assert f"skipped 2 lines: INVALID_INPUT: Not here. (at {path}:3, 4)" in output.err
    assert f"skipped 1 line: too large (at {path}:2)" in output.err
    assert f"skipped 1 line: invalid JSON (at {path}:5)" in output.err


def test_of_many_skipped_lines_the_first_ten_are_named(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    first = listed(tmp_path / "a.jsonl", ["unwelcome"] * 2)
    second = listed(tmp_path / "b:c.jsonl", ["kept", *["unwelcome"] * 12])
    assert run(first, second) == 0
    places = f"{first}:1, 2, {second}:2, 3, 4, 5, 6, 7, 8, 9 and 4 more"
    assert f"skipped 14 lines: INVALID_INPUT: Not here. (at {places})" in capsys.readouterr().err


def test_no_memory_is_ever_quoted(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"content": "secret", "kind": "secret"}\n{"content": "secret"}\nsecret\n{"content": "secret')
    run(path)
    gateway.instead = [(500, b"secret")]
    run(listed(tmp_path / "n.jsonl", ["secret"]))
    output = capsys.readouterr()

    assert "secret" not in output.out + output.err


def test_what_cannot_be_read_costs_only_itself(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    good = listed(tmp_path / "all" / "good.jsonl", ["a"])
    (good.parent / "binary.jsonl").write_bytes(b"\x00\x01")
    (good.parent / "folder.jsonl").mkdir()
    listed(good.parent / "folder.jsonl" / "b.jsonl", ["b"])
    (good.parent / "loop").symlink_to(good.parent)

    assert run(tmp_path / "none", good.parent) == 1
    assert sorted(gateway.contents) == ["a", "b"]
    errors = capsys.readouterr().err
    assert f"segue import: {tmp_path / 'none'}: No such file or directory" in errors
    assert f"segue import: {good.parent / 'binary.jsonl'}: of no format that Segue knows" in errors


def test_an_empty_file_is_no_trouble(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "m.jsonl").touch()

    assert run(tmp_path / "m.jsonl") == 0
    assert gateway.batches == []
    assert "from 1 file" in capsys.readouterr().out


def test_half_a_surrogate_pair_arrives_as_a_replacement_character(gateway: StandIn, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"content": "pear \\ud83c"}\n')

    assert run(tmp_path / "m.jsonl") == 0
    assert gateway.contents == ["pear \ufffd"]


def test_a_file_name_that_is_no_utf8_is_imported_and_told(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.jsonl"))
    listed(path, ["a", "unwelcome"])

    assert [run(path), run(path)] == [0, 0]
    assert gateway.sent == 2
    assert "/??[31m.jsonl:2" in capsys.readouterr().err


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_busy_gateway_is_asked_again(gateway: StandIn, tmp_path: Path, status: int) -> None:
    gateway.instead = [(status, failure("MEMORY_UNAVAILABLE"))] * 3

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 0
    assert gateway.contents == ["a"]
    assert len(gateway.batches) == 4


def test_a_busy_gateway_says_how_long_to_wait(gateway: StandIn, tmp_path: Path) -> None:
    gateway.instead, gateway.retry_after = [(429, failure("LIMIT_EXCEEDED"))], "1"
    began = time.monotonic()

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 0
    assert gateway.contents == ["a"]
    assert time.monotonic() - began >= 1


def test_a_gateway_that_stays_busy_is_given_up(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    gateway.before = lambda _: (503, failure("MEMORY_UNAVAILABLE"))

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 1
    assert len(gateway.batches) == delivery.busy_attempts_max
    output = capsys.readouterr()
    assert "MEMORY_UNAVAILABLE: For a reason. Run it again" in output.err
    assert "Imported 0 memories" in output.out


def test_a_gateway_that_goes_away_leaves_what_it_acknowledged(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    path = listed(tmp_path / "m.jsonl", [f"memory {number}" for number in range(640)])
    gateway.before = lambda _: (500, failure("INTERNAL")) if len(gateway.batches) > 5 else None

    assert run(path) == 1
    assert "Run it again to continue from here" in capsys.readouterr().err
    stored = len(gateway.memories)
    gateway.before = lambda _: None
    gateway.batches.clear()
    assert run(path) == 0
    assert len(gateway.memories) == 640
    assert 640 - stored <= gateway.sent < 640


def test_nobody_at_the_address_is_said_plainly(
    gateway: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SEGUE_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")

        assert run(listed(tmp_path / "m.jsonl", ["a"])) == 1
    assert "it does not answer (Connection refused)" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"stored": null}', b'{"success": true}'])
def test_an_answer_from_something_else_is_not_taken_for_success(
    gateway: StandIn, tmp_path: Path, capsys: Output, answer: bytes
) -> None:
    gateway.instead = [(200, answer)]

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 1
    assert "is not a Segue gateway's" in capsys.readouterr().err


def test_credentials_are_sent(gateway: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_TOKEN", "from-environment")
    run(listed(tmp_path / "a.jsonl", ["a"]))
    (tmp_path / "token").write_text("from-file\n")
    monkeypatch.setenv("SEGUE_TOKEN_FILE", str(tmp_path / "token"))
    run(listed(tmp_path / "b.jsonl", ["b"]))

    assert [headers["authorization"] for headers in gateway.headers] == ["Bearer from-environment", "Bearer from-file"]
    assert gateway.headers[0]["content-type"] == "application/x-ndjson"


def test_wrong_credentials_end_the_import_with_advice(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    gateway.instead = [(401, failure("UNAUTHENTICATED"))]

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 1
    assert "set SEGUE_TOKEN or SEGUE_TOKEN_FILE" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["localhost:8377", "ftp://localhost", "http://", "http://localhost:port"])
def test_an_address_that_is_none_is_told(
    gateway: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, address: str
) -> None:
    monkeypatch.setenv("SEGUE_URL", address)

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 1
    assert "the address of a gateway" in capsys.readouterr().err


def test_an_interrupted_import_goes_on_where_it_was(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    path = listed(tmp_path / "m.jsonl", [f"memory {number}" for number in range(640)])

    once = Lock()

    def interrupt(_: object) -> None:
        if len(gateway.batches) >= 4 and once.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGINT)

    gateway.before = interrupt
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    try:
        assert run(path) == 130
    finally:
        signal.signal(signal.SIGINT, ignored)
    output = capsys.readouterr()
    assert "interrupted. Run it again to continue from here" in output.err
    told = re.match(r"Imported (\d+) memories", output.out)
    assert told
    assert int(told[1]) >= 64
    gateway.before = lambda _: None
    gateway.batches.clear()
    assert run(path) == 0
    assert len(gateway.memories) == 640
    assert gateway.sent == 640 - int(told[1])


def test_a_state_that_cannot_be_written_costs_only_speed(
    gateway: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEGUE_DATA_DIR", str(tmp_path / "file" / "data"))

    assert run(listed(tmp_path / "m.jsonl", ["a"])) == 0
    assert gateway.contents == ["a"]


def test_nothing_to_import_is_a_usage_error(gateway: StandIn) -> None:
    assert run() == 2


def test_a_dry_run_counts_and_stores_nothing(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    small_session().save(tmp_path / "projects" / "-home-ada-orchard" / "1.jsonl")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "well.md").write_text("---\ntitle: Well\ndate: 2026-02-03\n---\nNine metres deep\n")

    assert run(tmp_path / "projects", tmp_path / "notes", dry_run=True) == 0
    assert gateway.batches == []
    output = capsys.readouterr()
    assert "Would import 4 memories from 2 files: 3 conversations, 1 reflection" in output.out
    assert "said between 2026-02-03 and 2026-03-01" in output.out
    assert "Claude Code's transcripts: 1 file" in output.err
    assert run(tmp_path / "projects") == 0
    assert len(gateway.memories) == 3


def test_what_is_not_known_is_refused_with_what_is(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")

    assert run(tmp_path / "table.csv") == 1
    errors = capsys.readouterr().err
    assert "table.csv: of no format that Segue knows" in errors
    assert "Segue imports:" in errors
    for name in ("Codex CLI", "Gemini CLI", "mcp-memory-service", "claude-mem", "Markdown", "server-memory", "ChatGPT"):
        assert name in errors


def test_of_a_directory_what_is_not_known_is_passed_over(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "readme.md").write_text("No front matter\n")
    (tmp_path / "well.md").write_text("---\ntitle: Well\n---\nNine metres deep\n")

    assert run(tmp_path) == 0
    assert gateway.contents == ["# Well\n\nNine metres deep"]
    assert "1 file of no known format passed over" in capsys.readouterr().err


def test_a_time_that_cannot_be_is_said(gateway: StandIn, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "well.md").write_text("---\ntitle: Well\ndate: 9999-99-99\n---\nNine metres deep\n")

    assert run(tmp_path / "well.md") == 0
    assert "1 time that cannot be: stored as of now" in capsys.readouterr().err
    assert "timestamp" not in next(iter(gateway.memories.values()))


def test_transcripts_that_the_client_deletes_soon_are_named_with_the_command(
    gateway: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    projects = tmp_path / ".claude" / "projects"
    small_session(1).save(projects / "-home-ada-orchard" / "1.jsonl")
    due = time.time() - 26 * 86_400
    os.utime(projects / "-home-ada-orchard" / "1.jsonl", (due, due))
    other = small_session(2).save(tmp_path / "other.jsonl")

    assert run(other) == 0
    errors = capsys.readouterr().err
    day = time.strftime("%d %B", time.localtime(due + 30 * 86_400))
    assert f"transcripts: 1 not stored, and deleted by Claude Code from {day}" in errors
    assert f"segue import {projects}/-home-ada-orchard" in errors
    assert run(projects) == 0
    assert "deleted by Claude Code" not in capsys.readouterr().err
