"""The delivery process: stores a transcript's new turns, then reports the hook's event to the gateway.

One process at a time delivers to a gateway. What it cannot deliver stays in the spool for the next one. It starts this
machine's own server if none runs. Standard library only, like everything that runs beside the client.
"""

from __future__ import annotations

import os
import sys

if not __package__:
    sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))

from services.kit.systems import detach, end_after, give_way, is_own, lock

IS_DETACHED = __name__ != "__main__" or detach()  # before all else: what ends the client would end this, too

from services.cli.hooks import spool, state_files

NICENESS = 5
if __name__ == "__main__":  # before the other imports, which take longer than a hook: the client works meanwhile
    give_way(NICENESS)
    if spool.is_being_delivered():
        sys.exit(0)

import json
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.cli import local_server
from services.cli.directory.reporter import call_here
from services.cli.gateway.mcp_call import CallFailed, gateway_call
from services.cli.hooks.gateway import Address, Answer, Unreachable, parse_address, post
from services.cli.transfer.client_memory import ClientMemory, folders_beside
from services.cli.transfer.delivery import OVER_QUOTA, NoRoom, NotDelivered, limit_of
from services.cli.transfer.import_ import LOCAL, Import, connect, gateway_address
from services.cli.transfer.state import ImportState
from services.cli.transfer.tally import omissions
from services.memory.imports.clipping import clip_middle, public_text
from services.memory.imports.tool_calls import Outcome
from services.memory.imports.wrappers import summary_text
from services.workspace.directory_identity import WANTED_META

LIFETIME_S = 600
"""The process ends after this, whatever hangs; the next one delivers the rest."""
ANSWER_TIMEOUT_S = 60.0
START_TIMEOUT_S = 60.0
ATTEMPTS_MAX = 3
PAUSE_S = 1.0
PAUSE_MAX_S = 30.0
KEPT_S = 7 * 24 * 3600
SUMMARY_MAX_BYTES, SUMMARY_END_BYTES = 3_900, 1_800
"""The gateway keeps no more than 4,000 characters of the client's summary of a conversation."""
CAPTURED_AT = frozenset({"PreCompact", "PostCompact", "Stop", "SessionEnd"})
ASKED_AS = {"SessionStart": "init", "PreCompact": "checkpoint", "SessionEnd": "end"}
"""The tool that does the same as the event, and may need the same report on a directory out of sight."""
HEARD = frozenset({200, 202, 204})
WANTS = 428
PARTS = ("touched", "failed", "beat", "asked", "owed")
"""The state files of a conversation, which are removed when it ends."""
NEVER_TAKEN = frozenset({400, 404, 413, 422})


class Refused(Exception):
    """A transcript that is not read; the message is for the hook log."""


class NotWritten(Refused):
    """A transcript that is not there: the client writes none before the first prompt."""


def main() -> int:
    """Delivers the events in the spool until it is empty, or the gateway takes no more."""
    end_after(LIFETIME_S)
    if not IS_DETACHED:
        state_files.log("delivery", spool.NOT_DETACHED)
    os.umask(0o077)  # what it and a server that it starts write is their owner's alone
    directory = Path(spool.directory())
    while waiting := spool.names(str(directory)):
        with (directory / spool.LOCK).open("a") as held:
            if not lock(held.fileno()):
                return 0  # it looks again after it has let go
            if not _deliver_waiting(directory, waiting):
                return 1
    for part in PARTS:
        _forget_old(Path(state_files.hooks_directory(part)))
    return 0


def _deliver_waiting(directory: Path, waiting: Sequence[str]) -> bool:
    for name in waiting:
        event = name.removesuffix(spool.SUFFIX).rsplit("-", 1)[-1]
        try:
            _deliver(event, directory / name)
        except (Unreachable, NotDelivered, local_server.NotStarted, OSError) as problem:
            state_files.log("delivery", f"{len(waiting)} events wait: {problem}")
            return False
        except Exception as problem:  # one that cannot be handled must not keep all that follow
            state_files.log(event, f"dropped: {type(problem).__name__}")
        (directory / name).unlink(missing_ok=True)
    return True


def _deliver(event: str, path: Path) -> None:
    """Delivers one event. The turns are stored first, because the handoff is made of them."""
    try:
        envelope = json.loads(path.read_bytes())
        client = dict(envelope["input"])
        age_s = time.time() - path.stat().st_mtime
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        state_files.log(event, "what waited is not readable, and dropped")
        return
    if age_s > KEPT_S:
        state_files.log(event, "what waited is too old, and dropped")
        return
    if event in CAPTURED_AT and state_files.is_on(os.environ.get("SEGUE_HOOK_CAPTURE", "on")):
        capture(event, client.get("transcript_path"), _failed_calls(client.get("session_id")))
        keep_memories(event, client.get("transcript_path"), str(envelope.get("directory") or ""))
    envelope["input"] = _without_secrets(client)
    envelope |= {"files": _touched_files(client.get("session_id")), "delivery": path.stem, "age_s": round(age_s)}
    directory = str(envelope.get("directory") or "/")
    asked = {"method": "tools/call", "params": {"name": ASKED_AS.get(event, ""), "_meta": envelope.pop("meta", {})}}
    call_here(
        asked, lambda message: _as_tool_answer(event, {**envelope, "meta": message["params"]["_meta"]}), directory
    )
    if event == "SessionEnd":
        _forget(client.get("session_id"))


def _without_secrets(client: dict[str, Any]) -> dict[str, Any]:
    """The input, where the client's own summary of a conversation has lost its secrets before anything cuts it."""
    if not isinstance(summary := client.get("compact_summary"), str):
        return client
    public = summary_text(public_text(summary))
    return client | {"compact_summary": clip_middle(public, SUMMARY_MAX_BYTES, SUMMARY_END_BYTES).text}


def capture(event: str, transcript: object, failed: Mapping[str, Outcome] | None = None) -> None:
    """Stores what is new in the transcript, and in those of its subagents. Raises NotDelivered.

    `failed` is what hooks noted of tool calls. What there is no room for stays in the transcript: it is read on from
    there when there is some again.
    """
    try:
        path = readable(transcript)
    except NotWritten:  # a conversation without a prompt
        return
    except Refused as problem:
        state_files.log(event, str(problem))
        return
    beside = path.with_suffix("")  # the client keeps what subagents said in a folder of the session's name
    work = Import(connect, ImportState(local_server.default_data_dir(), gateway_address() or LOCAL), None, failed)
    try:
        work.run([path, *([beside] if beside.is_dir() and not beside.is_symlink() else [])])
    except NoRoom as problem:
        _note_room(event, str(problem))
    else:
        _note_room(event, "")
    for reason in (*work.tally.unreadable, *omissions(work.tally)):
        state_files.log(event, reason)


def keep_memories(event: str, transcript: object, directory: str) -> None:
    """Keeps the client's own memory files beside a transcript in step. Raises NotDelivered.

    A change that the gateway refuses is tried again with the next event.
    """
    try:
        folders = folders_beside(readable(transcript), directory)
    except Refused:  # `capture` has said why
        return
    memories = ClientMemory(local_server.default_data_dir(), gateway_address() or LOCAL)
    if memories.is_in_step(folders):
        return
    try:
        memories.keep_in_step(folders, connect, gateway_call)
    except NoRoom as problem:
        _note_room(event, str(problem))
    except CallFailed as problem:
        state_files.log(event, f"the client's own memories are not in step: {problem}")


def _note_room(event: str, problem: str) -> None:
    """Says that the user is over quota: in the log when it begins, and by a file for as long as it lasts."""
    path = Path(state_files.hooks_directory(state_files.OVER_QUOTA)) / state_files.gateway_name()
    if problem and not path.exists():
        state_files.log(event, f"over quota, what is said is not stored: {problem}")
        path.touch()
    elif not problem:
        path.unlink(missing_ok=True)


def readable(transcript: object) -> Path:
    """The transcript, links resolved. Raises Refused for what is none of the user's own files."""
    if not isinstance(transcript, str) or not os.path.isabs(transcript) or "\0" in transcript:
        raise Refused("no transcript is named")
    path = Path(os.path.realpath(transcript))
    homes = [Path(os.path.realpath(each)) for each in (Path.home(), os.environ.get("CLAUDE_CONFIG_DIR")) if each]
    if path.suffix != ".jsonl" or not any(path.is_relative_to(home) for home in homes):
        raise Refused("the transcript is not one in the home directory: not read")
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotWritten("the transcript is not there") from None
    except OSError as problem:
        raise Refused(f"the transcript cannot be read: {problem.strerror}") from None
    if not stat.S_ISREG(status.st_mode) or not is_own(status):
        raise Refused("the transcript is not a file of this user: not read")
    return path


def _as_tool_answer(event: str, envelope: dict[str, Any]) -> dict[str, Any]:
    """The gateway's answer in the form of a tool's answer, so that the reporter understands which report it wants.

    Afterwards the gateway has the event, or will never take it. Raises Unreachable, NotStarted.
    """
    body = json.dumps(envelope).encode()
    answer = Answer(0)
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            answer = post(_gateway(), f"/v1/hooks/{event}", body, time.monotonic() + ANSWER_TIMEOUT_S)
        except Unreachable:
            if attempt == ATTEMPTS_MAX:
                raise
        if answer.status in HEARD:
            return {"result": {"structuredContent": _content(answer)}}
        if answer.status == WANTS:
            return {"result": {"isError": True, "_meta": {WANTED_META: _content(answer).get("wanted")}}}
        if answer.status in NEVER_TAKEN or limit_of(answer.body) == OVER_QUOTA:
            state_files.log(event, f"the gateway answers {answer.status}: dropped")
            return {}
        time.sleep(_pause_s(answer, attempt))
    raise Unreachable(f"the gateway answers {answer.status}")


def _pause_s(answer: Answer, attempt: int) -> float:
    """The pause that the gateway asks for, within limits."""
    asked = answer.header("retry-after")
    return min(max(PAUSE_S * attempt, float(asked) if asked.isdecimal() else 0.0), PAUSE_MAX_S)


def _content(answer: Answer) -> dict[str, Any]:
    try:
        content = json.loads(answer.body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _gateway() -> Address:
    if url := gateway_address():
        return parse_address(url)
    return parse_address(local_server.ensure_server(local_server.default_data_dir(), START_TIMEOUT_S).url)


def _failed_calls(session: object) -> dict[str, Outcome]:
    """What hooks noted of the conversation's tool calls that failed, by their ids."""
    path = state_files.of_session("failed", session if isinstance(session, str) else "")
    try:
        lines = [line.split(" ") for line in Path(path).read_text("ascii", "replace").splitlines()] if path else []
    except OSError:
        return {}
    whole = [line for line in lines if len(line) == 3 and line[1].isdecimal()]
    return {call: Outcome(int(took_ms), interrupted == "1") for call, took_ms, interrupted in whole}


def _touched_files(session: object) -> list[str]:
    """The files that the conversation's tools touched, each once, the latest last."""
    path = state_files.of_session("touched", session if isinstance(session, str) else "")
    try:
        return list(dict.fromkeys(Path(path).read_text("utf-8", "replace").splitlines()))[-200:] if path else []
    except OSError:
        return []


def _forget(session: object) -> None:
    """Removes the state files of a conversation that has ended."""
    for part in PARTS:
        if path := state_files.of_session(part, session if isinstance(session, str) else ""):
            _remove(Path(path), younger_too=True)


def _forget_old(directory: Path) -> None:
    for path in directory.iterdir():
        _remove(path, younger_too=False)


def _remove(path: Path, *, younger_too: bool) -> None:
    """Removes a state file; deliveries go on if something else has its name."""
    try:
        if younger_too or time.time() - path.lstat().st_mtime > KEPT_S:
            path.unlink()
    except FileNotFoundError:  # another process was faster
        return
    except OSError as problem:
        state_files.log("delivery", f"something in {path.parent.name} stays: {type(problem).__name__}")


if __name__ == "__main__":
    sys.exit(main())
