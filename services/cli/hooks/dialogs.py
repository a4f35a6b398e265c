"""Notes of the commands that the client asks its user about. A command that runs afterwards was allowed.

Only digests are kept, in a bounded file for each conversation: of the call, the prompt and the permission mode. A
command that was refused and then runs without a dialog, by another mode or rule, does not count as allowed.
"""

from __future__ import annotations

import os
import time

from services.cli.hooks import hook_input, plain_json
from services.cli.hooks.state_files import of_session
from services.kit.systems import PLAIN, lock

DIALOGS_MAX = 32
KEPT_S = 3600
TOOLS = ("Bash", "PowerShell", "WebFetch", "Read")
"""Of other tools a target says less than the dialog showed: of an edit it is the file, without what changes in it."""
DECIDING = ("__record_permission", "__revoke_permission")
"""The endings of our own tools' names in whose dialog the user decides on a proposal."""
_NAMED = ("session_id", "prompt_id", "permission_mode", "tool_name", "tool_input")


def note_dialog(raw: bytes) -> bytes:
    """Notes that the client asks about this call. Prints nothing, so that the dialog goes on."""
    if path := of_session("asked", hook_input.session(raw)):
        _update_notes(path, raw, is_asked=True)
    return b""


def take_dialog(raw: bytes) -> bool:
    """Whether the client asked about this call. The note is removed: the call runs, or is asked about again."""
    path = of_session("asked", hook_input.session(raw))
    if not path or not os.path.lexists(path):  # no parser for what nobody asked about
        return False
    return _update_notes(path, raw, is_asked=False)


def _update_notes(path: str, raw: bytes, *, is_asked: bool) -> bool:
    """Adds the call to the notes, or removes it; whether it was there before."""
    if not (call := _digest(raw)):
        return False
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | PLAIN, 0o600)
    try:
        lock(descriptor, wait=True)
        now = int(time.time())
        lines = [line.split(" ") for line in os.read(descriptor, 1 << 16).decode("ascii", "replace").splitlines()]
        whole = [line for line in lines if len(line) == 2 and line[0].isdecimal()]
        kept = {digest: at for at, digest in whole if int(at) > now - KEPT_S}
        after = {digest: at for digest, at in kept.items() if digest != call} | ({call: str(now)} if is_asked else {})
        text = "".join(f"{at} {digest}\n" for digest, at in list(after.items())[-DIALOGS_MAX:])
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text.encode())
        return call in kept
    finally:
        os.close(descriptor)


def _digest(raw: bytes) -> str:
    import hashlib

    try:
        call = plain_json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise hook_input.NotUnderstood("the input is not JSON") from None
    tool = call.get("tool_name") if isinstance(call, dict) else None
    if not isinstance(tool, str) or not (tool in TOOLS or tool.endswith(DECIDING)):
        return ""
    named = plain_json.dumps([call.get(name) for name in _NAMED], sort_keys=True)
    return hashlib.sha256(named.encode()).hexdigest()
