"""Whether two processes see the same directory, and the keys for that in a request's `_meta`.

A path is not enough: a gateway in a container or on another machine may have a directory of the same name. Light to
import, for `segue connect`.
"""

from __future__ import annotations

import os
from functools import cache

from services.kit.systems import boot_identity

DIRECTORY_META = "segue/working_directory"
"""In a call: its directory on the client's machine."""
IDENTITY_META = "segue/directory_identity"
"""In a call: the identity of that directory. A client that sends it can handle what the gateway wants."""
REPORT_META = "segue/report"
"""In a call: a report on the directory, for a gateway that does not see it: `{workspace, evidence}` or `{problem}`."""
COMMITTED_META = "segue/committed"
"""In a call: the checkpoint that the gateway wanted, once it is made: `{checkpoint_id, checkpoint}`."""
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


@cache
def _boot_identity() -> str:
    """It does not change while this process runs, and may take a program to be found out."""
    return boot_identity()
