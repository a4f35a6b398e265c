"""Whether two processes see the same directory, whether it is the same as before, and the keys in a request's `_meta`.

A path is not enough: a gateway in a container or on another machine may have a directory of the same name. Light to
import, for `segue connect`.
"""

from __future__ import annotations

import os
import sys
from functools import cache

from services.kit.systems import birth_ns, boot_identity

DIRECTORY_META = "segue/working_directory"
"""In a call: its directory on the client's machine."""
IDENTITY_META = "segue/directory_identity"
"""In a call: the identity of that directory. A client that sends it can handle what the gateway wants."""
PROJECT_META = "segue/project"
"""In a call: what the client sees of its directory's project, for a gateway that does not see it."""
REPORT_META = "segue/report"
"""In a call: a report on the directory, for a gateway that does not see it: `{workspace, evidence}` or `{problem}`."""
COMMITTED_META = "segue/committed"
"""In a call: the checkpoint that the gateway wanted, once it is made: `{checkpoint_id, checkpoint}`."""
CONVERSATION_META = "segue/conversation"
"""In a call: the client's own id of the conversation it belongs to."""
WANTED_META = "segue/wanted"
"""In an answer: what the gateway wants before it carries the call out: `{report: true}` or `{commit: {…}}`."""


def directory_identity(directory: str) -> str:
    """Equal for all processes that see this very directory, also mounted into a container; empty if it is missing."""
    import hashlib

    try:
        found = os.stat(directory)  # noqa: PTH116 - pathlib would be most of the time this takes
    except (OSError, ValueError):
        return ""
    identity = f"{_boot_identity()} {found.st_dev} {found.st_ino}"
    return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def directory_mark(directory: str) -> str:
    """Equal as long as it is this very directory, whatever it is called and wherever on its disk: after a move and a
    restart, but not for a copy, nor for one made anew. Empty where the disk does not tell."""
    import hashlib

    try:
        number, born, disk = os.stat(directory).st_ino, birth_ns(directory), _disk(directory)  # noqa: PTH116 - see above
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(f"{disk} {number} {born}".encode()).hexdigest()[:32] if number and born else ""


def _disk(directory: str) -> int:
    """The file system's own number, the same after a restart; 0 where it has none, or one by the order of mounts."""
    if sys.platform == "darwin" or not hasattr(os, "statvfs"):
        return 0
    return os.statvfs(directory).f_fsid


@cache
def _boot_identity() -> str:
    """It does not change while this process runs, and may take a program to be found out."""
    return boot_identity()
