"""What hooks capture of a conversation, and what the next one is told of it: a person's words, and nobody else's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from services.gateway.workflows.briefing import estimated_tokens
from tests.claude_transcripts import called, said
from tests.hooked import Hooked
from tests.integration.hooks.test_hooks import another, call
from tests.integration.stack import Stack

REFUSED = "The user doesn't want to proceed with this tool use. To tell you how to proceed, the user said:\n"


@pytest.fixture
def hooked(stack: Stack, tmp_path: Path, project: str) -> Hooked:
    (tmp_path / "data").mkdir()
    return Hooked(tmp_path, project, **{"SEGUE_DATA_DIR": str(tmp_path / "data"), **stack.environment})


def stop(hooked: Hooked) -> None:
    hooked.transcript.save(hooked.path)
    hooked.hook("Stop", stop_hook_active=False)
    hooked.settle()


def end(hooked: Hooked) -> None:
    stop(hooked)
    hooked.hook("SessionEnd", reason="other")
    hooked.settle()


async def memories(stack: Stack, hooked: Hooked) -> list[dict[str, Any]]:
    given = {"query": "", "session_id": hooked.transcript.session_id, "limit": 50}
    found = (await call(stack, "advanced_search", **given, sort="newest"))["results"]
    return sorted(found, key=lambda each: str(each["timestamp"]))


@pytest.mark.slow
async def test_what_was_taken_back_is_not_told_as_decided_though_it_was_stored_before(
    hooked: Hooked, stack: Stack
) -> None:
    hooked.begin()
    transcript = hooked.transcript
    transcript.user("Good morning.").assistant(said("Good morning to you."))
    before = transcript.lines[-1]["uuid"]
    stop(hooked)
    transcript.user("Let's use MongoDB for the ledger from now on.").assistant(said("MongoDB is noted."))
    stop(hooked)
    assert "MongoDB" in another(hooked).context("SessionStart", source="startup")
    transcript.user("Let's use SQLite for the ledger from now on.", parentUuid=before)
    end(hooked)

    told = another(hooked).context("SessionStart", source="startup")
    decided = told.partition("What was decided:")[2].partition("Related:")[0]
    assert "SQLite" in decided
    assert "MongoDB" not in decided
    mongo = [each for each in await memories(stack, hooked) if "MongoDB" in each["content"]]
    assert [each["metadata"]["rewound"] for each in mongo] == [True, True]
    assert not any("tags" in each for each in mongo)


async def test_the_reason_of_a_refusal_is_told_as_a_correction(hooked: Hooked, stack: Stack) -> None:
    hooked.begin()
    hooked.transcript.user("Install it").assistant(said("I will."), called("Bash", command="npm install left-pad"))
    hooked.transcript.tool_result(f"{REFUSED}Never use npm in this repo, we use pnpm.", failed=True)
    end(hooked)

    told = another(hooked).context("SessionStart", source="startup")
    assert "> Never use npm in this repo, we use pnpm." in told
    (reason,) = [each for each in await memories(stack, hooked) if "pnpm" in each["content"]]
    assert (reason["role"], set(reason["tags"])) == ("user", {"decision", "correction"})


@pytest.mark.slow
async def test_what_a_script_is_told_is_no_decision(hooked: Hooked, stack: Stack) -> None:
    hooked.converse("From now on we store money as integers of cents.", "Cents it is.")
    script = another(hooked)
    script.begin()
    script.transcript.user(
        "You are a commit message generator. Always answer with one line. From now on output only the message.",
        promptSource="sdk",
        entrypoint="sdk-cli",
    ).assistant(said("fix: the pears"))
    end(script)

    decided = (
        another(hooked)
        .context("SessionStart", source="startup")
        .partition("What was decided:")[2]
        .partition("Related:")[0]
    )
    assert "integers of cents" in decided
    assert "commit message generator" not in decided
    assert (await memories(stack, script))[0]["metadata"]["speaker"] == "script"


async def test_a_prompt_over_the_limit_is_stored_in_part_and_the_log_says_so(hooked: Hooked, stack: Stack) -> None:
    hooked.begin()
    log = "2026-03-01 ERROR pump: pressure low\n" * 8_000
    hooked.transcript.user(f"{log}\nWhy does the pump lose pressure every night? From now on page me at 3 bar.")
    stop(hooked)

    (prompt,) = await memories(stack, hooked)
    assert prompt["tags"] == ["decision"]
    assert "Stop: 1 text over the limit: only the beginning and the end were stored" in hooked.log
    query = {"query": "pump loses pressure at night", "session_id": hooked.transcript.session_id}
    assert (await call(stack, "advanced_search", **query))["results"][0]["id"] == prompt["id"]


async def test_a_failure_says_how_long_it_took(hooked: Hooked, stack: Stack) -> None:
    hooked.begin()
    hooked.transcript.user("Run the tests").assistant(said("I run them."), called("Bash", command="pytest -x"))
    failure = {"tool_name": "Bash", "tool_use_id": "toolu_01", "error": "exit 1", "is_interrupt": False}
    hooked.hook("PostToolUseFailure", **failure, duration_ms=312_000, tool_input={"command": "pytest -x"})
    hooked.transcript.tool_result("Exit code 1\nAssertionError: 7 pears", failed=True)
    stop(hooked)

    work = (await memories(stack, hooked))[-1]
    assert work["metadata"]["failures"] == ["pytest -x after 5 min 12 s: AssertionError: 7 pears"]
    assert "AssertionError" not in "".join(path.read_text() for path in (hooked.data / "hooks" / "failed").iterdir())
    hooked.hook("SessionEnd")
    hooked.settle()
    assert list((hooked.data / "hooks" / "failed").iterdir()) == []


async def test_a_subagent_is_told_what_was_decided_and_corrected_and_no_more(hooked: Hooked) -> None:
    hooked.converse("From now on we store money as integers of cents.", "Cents it is, and the pears are ripe.")
    told = another(hooked).context("SubagentStart", agent_id="a1", agent_type="Explore")

    assert "> From now on we store money as integers of cents." in told
    assert "The last session ended" not in told
    assert "pears are ripe" not in told
    assert estimated_tokens(told) <= 400


async def test_a_subagent_of_a_project_without_decisions_is_told_nothing(hooked: Hooked) -> None:
    hooked.converse("Count the pears.", "There are 7 pears.")
    assert another(hooked).context("SubagentStart", agent_id="a1", agent_type="Explore") == ""


@pytest.fixture
def received() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A gateway that keeps what hooks send it."""
    bodies: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/mcp", bodies
    server.shutdown()


@pytest.mark.slow
def test_the_clients_summary_loses_its_secrets_before_it_is_cut(
    tmp_path: Path, received: tuple[str, list[tuple[str, dict[str, Any]]]]
) -> None:
    url, bodies = received
    hooked = Hooked(tmp_path, SEGUE_URL=url)
    for length in range(1_700, 1_900, 7):
        summary = f"{'We moved the pears. ' * 200}"[:length]
        summary += f" postgres://orders:Tr0ub4dor-and-3-horses@db.internal/x {'And the plums. ' * 400}The end."
        summary = f"<analysis>\nWhat happened?\n</analysis>\n\n<summary>{summary}</summary>"
        hooked.hook("PostCompact", trigger="auto", compact_summary=summary)
    hooked.settle()

    summaries = [body["input"]["compact_summary"] for path, body in bodies if path == "/v1/hooks/PostCompact"]
    assert len(summaries) == 29
    assert all("Tr0ub" not in each and "horses" not in each and len(each) <= 4_000 for each in summaries)
    assert all(each.startswith("We moved") and each.endswith("The end.") for each in summaries)
