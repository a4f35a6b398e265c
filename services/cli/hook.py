"""`segue hook EVENT`: the command of Claude Code's hooks. JSON on stdin; on stdout instructions to the client, if any.

It answers in time or stays silent: any failure only adds a line to the hook log, and slow work is left to a background
process (`hooks/spool.py`). The file also runs by itself: `python -I -S services/cli/hook.py EVENT` skips what Python
looks up when it starts, and the imports of a command line.
"""

from __future__ import annotations

import _thread
import os
import sys
import time

if not __package__:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from services.cli.hooks import (
    capture_notice,
    dialogs,
    hook_input,
    kept_denies,
    plain_json,
    spool,
    state_files,
    work_at_hand,
)
from services.cli.hooks.hook_table import HOOKS, OFF
from services.cli.hooks.state_files import log
from services.kit.systems import CAN_SERVE

MYPY = False
if MYPY:
    import argparse

    from services.cli.hooks.gateway import Answer

BEGAN = time.monotonic()
WITHIN_MS, WITHIN_MAX_MS = 750, 60_000
"""Of everything after Python's own start; the client may be kept for a second at the very most."""
FAREWELL_S = 0.1
"""The part reserved for logging that there was no answer, and for spooling the event."""
INPUT_WITHIN_S = 10.0
"""What a call is must be known before a deny can hold."""
ANSWER_MS_LESS = 250
HEARTBEAT_EVERY_S = 30.0
HEARD = (200, 204)
UNHEARD = (0, 429, 500, 503, 504)
KEEPS_DENIES = ("SessionStart", "PreToolUse")
LEFT_FOR_LATER = ("PreCompact", "PostCompact", "Stop", "SessionEnd")
TOKENS, TOKENS_MAX = 1500, 10_000
PROMPT_TOKENS, PROMPT_TOKENS_MAX = 300, 2_000


def run(options: argparse.Namespace) -> int:
    """The command; always returns 0."""
    return serve(str(options.event))


def serve(event: str) -> int:
    """Answers on stdout in time; otherwise prints nothing and logs why.

    The work is in a thread of its own, because slow name resolution and a hanging disk do not react to signals.
    """
    if not CAN_SERVE and not os.environ.get("SEGUE_URL", "").strip():  # there is nobody to ask
        os._exit(0)
    run = _Run(event)
    done = _thread.allocate_lock()
    done.acquire()
    try:
        _thread.start_new_thread(_work, (run, done))
        is_done = done.acquire(timeout=max(0.0, _deadline() - time.monotonic()))
        if not is_done:
            log(event, f"not done in {_within_ms()} ms")
        _say(run.answer if is_done and not run.is_unheard else _answer_from_copy(run))
    except (OSError, KeyboardInterrupt):  # the client has exited, or is exiting
        pass
    finally:
        os._exit(0)  # a hanging thread must not delay the client


class _Run:
    """One call of the hook, as far as it has come."""

    def __init__(self, event: str) -> None:
        self.event, self.raw, self.answer = event, b"", b""
        self.is_unheard = False
        """Nobody answered what may be done without asking."""


def _answer_from_copy(run: _Run) -> bytes:
    """What the kept denies say of a call that no gateway was heard about: late rather than never."""
    if run.event != "PreToolUse" or not is_on(run.event):
        return b""
    while not run.raw and time.monotonic() < BEGAN + INPUT_WITHIN_S:  # the machine is very busy
        time.sleep(0.01)
    try:
        return kept_denies.answer(run.raw)
    except Exception as problem:
        log(run.event, f"the kept denies were not asked: {type(problem).__name__}")
        return b""


def _deadline() -> float:
    return BEGAN + _within_ms() / 1e3


def _within_ms() -> int:
    return state_files.number("SEGUE_HOOK_WITHIN_MS", WITHIN_MS, WITHIN_MAX_MS)


def _work(run: _Run, done: _thread.LockType) -> None:
    try:
        run.raw = hook_input.read_input(0)
        run.event = run.event or hook_input.event_name(run.raw)  # a client that does not pass arguments on
        if run.event not in HOOKS:
            log(run.event[: state_files.NAME_MAX_CHARS], "there is no such hook")
        else:
            run.answer = _answer_event(run)
    except Exception as problem:  # the client's own work continues, whatever fails here
        run.is_unheard = True
        log(run.event, str(problem) if type(problem).__module__.startswith("services.") else type(problem).__name__)
    finally:
        done.release()


def _answer_event(run: _Run) -> bytes:
    event, raw = run.event, run.raw
    if not is_on(event):
        return b""
    state_files.record_run(event)
    if event in LEFT_FOR_LATER:
        said = _leave(event, raw)
        return capture_notice.with_notice(said) if event == "Stop" else said
    if event == "PermissionRequest":
        return dialogs.note_dialog(raw)
    if event == "PreToolUse":
        return _permit(run)
    if event == "SessionStart":
        return capture_notice.with_notice(_start(raw, hook_input.session(raw)))
    return _ask(event, raw).body if event == "SubagentStart" else _go_on(event, raw, hook_input.session(raw))


def _permit(run: _Run) -> bytes:
    answer = _ask(run.event, run.raw)
    run.is_unheard = answer.status not in HEARD
    try:
        dialogs.take_dialog(run.raw)  # a call that is tried again was refused in its dialog
    except OSError as problem:  # a deny holds all the same
        log(run.event, f"the note of a dialog could not be removed: {type(problem).__name__}")
    return answer.body


def _go_on(event: str, raw: bytes, session: str) -> bytes:
    if event == "PostToolUse" and dialogs.take_dialog(raw) and is_on("PermissionRequest"):
        _leave("PermissionRequest", raw, proposals=hook_input.proposals(raw))  # it ran: the user allowed it
    if event == "PostToolUseFailure":
        state_files.record_failure(session, *hook_input.failed_call(raw))
    if not _is_due(event, raw) and not state_files.is_briefing_due(session):
        return b""
    answer = _ask(event, raw)
    state_files.set_briefing_due(session, answer.status not in HEARD and state_files.is_briefing_due(session))
    return answer.body


def is_on(event: str) -> bool:
    """Whether the hook is enabled. A prompt hook also runs if the briefing is still pending."""
    hook = HOOKS[event]
    if not state_files.is_on(os.environ.get("SEGUE_HOOK", "on")):
        return False
    return event == "UserPromptSubmit" or state_files.is_on(os.environ.get(hook.setting, hook.default))


def _leave(event: str, raw: bytes, **more: object) -> bytes:
    """Spools an event that stores or ends something: the client does not wait for that."""
    spool.put(event, hook_input.envelope(plain_json.dumps(hook_input.fields(raw) | more).encode()))
    spool.deliver()
    return b""


def _start(raw: bytes, session: str) -> bytes:
    """Prints the briefing at the start. If no server answers, a background process starts one and sends the event; a
    later hook brings what is not ready now. A gateway elsewhere gets the event from that process as well, as it may
    want a report on the directory first."""
    answer = _ask("SessionStart", raw)
    kept_denies.mark_in_use(hook_input.here())
    state_files.set_briefing_due(session, answer.status not in HEARD)
    is_elsewhere = bool(os.environ.get("SEGUE_URL", "").strip())
    if answer.status in UNHEARD or is_elsewhere:
        owed = {} if answer.status in HEARD else _budgets()  # one briefing is enough
        spool.put("SessionStart", hook_input.envelope(raw, **owed))
    if spool.names(spool.directory()):
        spool.deliver()
    return answer.body


def _is_due(event: str, raw: bytes) -> bool:
    """Whether to call the gateway: for a prompt with recall enabled, or for a heartbeat."""
    if event == "UserPromptSubmit":
        return bool(_prompt_tokens())
    fields = hook_input.fields(raw)
    path = fields.get("tool_input", {}).get("file_path") or fields.get("tool_input", {}).get("notebook_path")
    return state_files.record_touch(fields.get("session_id", ""), path or "", HEARTBEAT_EVERY_S)


def _ask(event: str, raw: bytes) -> Answer:
    """The gateway's answer, in time; its body holds the client's instructions."""
    from services.cli.hooks.gateway import Answer, Unreachable, gateway, post

    deadline = _deadline() - FAREWELL_S
    try:
        address = gateway()
        if address is None:
            return Answer(0)
        waits = {"ends_wait": 1} if event == "SessionStart" and spool.ends_wait() else {}
        known = {"denies": kept_denies.version(hook_input.here())} if event in KEEPS_DENIES else {}
        work = work_at_hand.work_at_hand(raw) if event == "UserPromptSubmit" and _prompt_tokens() else {}
        body = hook_input.envelope(raw, **_budgets(), **waits, **known, **work)
        answer = _without_copy(event, post(address, f"/v1/hooks/{event}", body, deadline))
    except Unreachable as problem:
        log(event, str(problem))
        return Answer(0)
    if answer.status in {200, 202, 204}:
        state_files.record_injection(event, answer.header("segue-injected"))
        return answer
    log(event, f"the gateway answers {answer.status}")
    return Answer(answer.status)


def _without_copy(event: str, answer: Answer) -> Answer:
    """The answer without the copy of denies at its end, which is kept."""
    length = answer.header("segue-denies")
    if not length.isdecimal() or not 0 < int(length) <= len(answer.body):
        return answer
    try:
        kept_denies.keep(hook_input.here(), answer.body[-int(length) :])
    except Exception as problem:  # it comes again with the next answer
        log(event, f"the copy of denies was not kept: {type(problem).__name__}")
    return type(answer)(answer.status, answer.head, answer.body[: -int(length)])


def _budgets() -> dict[str, int]:
    tokens = state_files.number("SEGUE_HOOK_TOKENS", TOKENS, TOKENS_MAX)
    within_ms = max(1, _within_ms() - ANSWER_MS_LESS)
    offset = {"utc_offset_s": time.localtime().tm_gmtoff}
    return {"tokens": tokens, "prompt_tokens": _prompt_tokens(), "within_ms": within_ms, **offset}


def _prompt_tokens() -> int:
    hook = HOOKS["UserPromptSubmit"]
    if not state_files.is_on(os.environ.get(hook.setting, OFF)):
        return 0
    return state_files.number("SEGUE_HOOK_PROMPT_TOKENS", PROMPT_TOKENS, PROMPT_TOKENS_MAX)


def _say(answer: bytes) -> None:
    while answer:
        answer = answer[os.write(1, answer) :]


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1] if len(sys.argv) > 1 else ""))
