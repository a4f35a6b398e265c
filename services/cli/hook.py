"""`segue hook EVENT`: what Claude Code's hooks call. JSON on stdin; on stdout what the client shall do, or nothing.

It answers in its time or gets out of the way: whatever goes wrong costs a line in the hook log and nothing else, and
what takes longer than a moment is left to a process of its own (`hooks/spool.py`). This file runs by itself, too:
`python -I -S services/cli/hook.py EVENT` does without what Python looks up when it starts, and without all that a
command line imports.
"""

from __future__ import annotations

import _thread
import os
import sys
import time

if not __package__:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from services.cli.hooks import dialogs, hook_input, spool, state_files
from services.cli.hooks.hook_table import HOOKS, OFF
from services.cli.hooks.state_files import log
from services.kit.systems import IS_SUPPORTED

MYPY = False
if MYPY:
    import argparse

    from services.cli.hooks.gateway import Answer

BEGAN = time.monotonic()
WITHIN_MS, WITHIN_MAX_MS = 750, 60_000
"""Of everything after Python's own start; a second is what the client may be kept at the very most."""
FAREWELL_S = 0.1
"""What is left of it to say that nobody answered, and to leave word."""
ANSWER_MS_LESS = 250
HEARTBEAT_EVERY_S = 30.0
HEARD = (200, 204)
UNHEARD = (0, 429, 500, 503, 504)
LEFT_FOR_LATER = ("PreCompact", "Stop", "SessionEnd")
TOKENS, TOKENS_MAX = 1500, 10_000
PROMPT_TOKENS, PROMPT_TOKENS_MAX = 300, 2_000


def run(options: argparse.Namespace) -> int:
    """The command; 0 whatever happens."""
    return serve(str(options.event))


def serve(event: str) -> int:
    """Answers on stdout in time; else says nothing, and the log says why.

    The work is in a thread of its own, for a name that resolves slowly or a disk that hangs heeds no signal.
    """
    if not IS_SUPPORTED:  # nothing to ask and nobody to deliver: `segue serve` says where Segue runs
        os._exit(0)
    answer: list[bytes] = []
    done = _thread.allocate_lock()
    done.acquire()
    try:
        _thread.start_new_thread(_work, (event, answer, done))
        if not done.acquire(timeout=max(0.0, _deadline() - time.monotonic())):
            log(event, f"not done in {_within_ms()} ms")
        elif answer:
            _say(answer[0])
    except (OSError, KeyboardInterrupt):  # the client has gone, or goes
        pass
    finally:
        os._exit(0)  # what hangs must not keep the client


def _deadline() -> float:
    return BEGAN + _within_ms() / 1e3


def _within_ms() -> int:
    return state_files.number("SEGUE_HOOK_WITHIN_MS", WITHIN_MS, WITHIN_MAX_MS)


def _work(event: str, answer: list[bytes], done: _thread.LockType) -> None:
    try:
        if event not in HOOKS:
            log(event[: state_files.NAME_MAX_CHARS], "there is no such hook")
        elif said := _answer_event(event):
            answer.append(said)
    except Exception as problem:  # the client's own work goes on, whatever happens to ours
        log(event, str(problem) if type(problem).__module__.startswith("services.") else type(problem).__name__)
    finally:
        done.release()


def _answer_event(event: str) -> bytes:
    raw = hook_input.read_input(0)
    if not is_on(event):
        return b""
    state_files.record_run(event)
    if event in LEFT_FOR_LATER:
        return _leave(event, raw)
    if event == "PermissionRequest":
        return dialogs.note_dialog(raw)
    if event == "PreToolUse":
        return _permit(event, raw)
    if event == "SessionStart":
        return _start(raw, hook_input.session(raw))
    return _go_on(event, raw, hook_input.session(raw))


def _permit(event: str, raw: bytes) -> bytes:
    answer = _ask(event, raw)
    try:
        dialogs.take_dialog(raw)  # what was asked about and is tried again was refused
    except OSError as problem:  # a deny holds all the same
        log(event, f"what was asked about is not forgotten: {type(problem).__name__}")
    return answer.body


def _go_on(event: str, raw: bytes, session: str) -> bytes:
    if event == "PostToolUse" and dialogs.take_dialog(raw) and is_on("PermissionRequest"):
        _leave("PermissionRequest", raw)  # it ran: the user allowed it
    if not _is_due(event, raw) and not state_files.is_owed(session):
        return b""
    answer = _ask(event, raw)
    state_files.owe(session, answer.status not in HEARD and state_files.is_owed(session))
    return answer.body


def is_on(event: str) -> bool:
    """Whether the user wants it. A prompt is also when the model is told what it could not be told at the start."""
    hook = HOOKS[event]
    if not state_files.is_on(os.environ.get("SEGUE_HOOK", "on")):
        return False
    return event == "UserPromptSubmit" or state_files.is_on(os.environ.get(hook.setting, hook.default))


def _leave(event: str, raw: bytes) -> bytes:
    """What stores or ends something is done when it is done, not while the client waits."""
    import json

    spool.put(event, hook_input.envelope(json.dumps(hook_input.fields(raw)).encode()))
    spool.deliver()
    return b""


def _start(raw: bytes, session: str) -> bytes:
    """What the model is told at the start. Where no server answers, one is started and told by a process of its own;
    what it has to say then, or too late now, a later hook brings. A gateway elsewhere is told there, too, for it may
    want to know first what is in the directory."""
    answer = _ask("SessionStart", raw)
    state_files.owe(session, answer.status not in HEARD)
    is_elsewhere = bool(os.environ.get("SEGUE_URL", "").strip())
    if answer.status in UNHEARD or is_elsewhere:
        owed = {} if answer.status in HEARD else _budgets()  # one briefing is enough
        spool.put("SessionStart", hook_input.envelope(raw, **owed))
    if spool.names(spool.directory()):
        spool.deliver()
    return answer.body


def _is_due(event: str, raw: bytes) -> bool:
    """Whether there is something to ask: a prompt for which memories are wanted, or a sign of life."""
    if event == "UserPromptSubmit":
        return bool(_prompt_tokens())
    fields = hook_input.fields(raw)
    path = fields.get("tool_input", {}).get("file_path") or fields.get("tool_input", {}).get("notebook_path")
    return state_files.record_touch(fields.get("session_id", ""), path or "", HEARTBEAT_EVERY_S)


def _ask(event: str, raw: bytes) -> Answer:
    """What the gateway answers, in time; its body is what the client shall do."""
    from services.cli.hooks.gateway import Answer, Unreachable, gateway, post

    deadline = _deadline() - FAREWELL_S
    try:
        address = gateway()
        if address is None:
            return Answer(0)
        answer = post(address, f"/v1/hooks/{event}", hook_input.envelope(raw, **_budgets()), deadline)
    except Unreachable as problem:
        log(event, str(problem))
        return Answer(0)
    if answer.status in {200, 202, 204}:
        state_files.record_injection(event, answer.header("segue-injected"))
        return answer
    log(event, f"the gateway answers {answer.status}")
    return Answer(answer.status)


def _budgets() -> dict[str, int]:
    tokens = state_files.number("SEGUE_HOOK_TOKENS", TOKENS, TOKENS_MAX)
    return {"tokens": tokens, "prompt_tokens": _prompt_tokens(), "within_ms": max(1, _within_ms() - ANSWER_MS_LESS)}


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
