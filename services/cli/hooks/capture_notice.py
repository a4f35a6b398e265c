"""The line to the user when what is said is no longer stored: once, until it is stored again. Imports little."""

from __future__ import annotations

import os
import time

from services.cli.hooks import plain_json, spool, state_files
from services.kit.systems import PLAIN

STOPPED_AFTER_S = 900
"""An event that waits so long was not taken by a server that starts or restarts, either."""
TOLD = "told"
OVER_QUOTA = "your memories are over quota, and nothing more is stored until there is room"
WAITING = "no server has taken what was said since {since}, and it is not stored yet"


def with_notice(answer: bytes) -> bytes:
    """The hook's answer, with a line to the user if capture has stopped and they were not told."""
    try:
        trouble = _unsaid_trouble()
    except OSError:  # the briefing must not be lost over it
        return answer
    if not trouble:
        return answer
    try:
        said = plain_json.loads(answer or b"{}")
    except ValueError:
        said = {}
    line = f"Segue: {trouble}. `segue doctor` says what helps."
    return plain_json.dumps({**(said if isinstance(said, dict) else {}), "systemMessage": line}).encode()


def _unsaid_trouble() -> str:
    """What keeps conversations from being stored, if the user does not know it yet."""
    kind, trouble = _trouble()
    told = os.path.join(state_files.hooks_directory(TOLD), state_files.gateway_name())
    if not kind:
        if os.path.lexists(told):
            os.unlink(told)
        return ""
    descriptor = os.open(told, os.O_RDWR | os.O_CREAT | PLAIN, 0o600)
    try:
        if os.read(descriptor, 40) == kind.encode():
            return ""
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, kind.encode())
    finally:
        os.close(descriptor)
    return trouble


def _trouble() -> tuple[str, str]:
    """The kind of trouble, and its words; empty where there is none."""
    over_quota = os.path.join(
        state_files.data_directory(), state_files.HOOKS_DIRECTORY, state_files.OVER_QUOTA, state_files.gateway_name()
    )
    if os.path.lexists(over_quota):
        return "quota", OVER_QUOTA
    oldest = next(iter(spool.names(spool.directory())), "").partition("-")[0]
    began_s = int(oldest) / 1e9 if oldest.isdecimal() else time.time()
    if time.time() - began_s < STOPPED_AFTER_S:
        return "", ""
    return "waiting", WAITING.format(since=time.strftime("%d %b %H:%M", time.localtime(began_s)))
