"""Whether two processes see the same directory, and the words in which they talk about it in a request's `_meta`.

A path says little: a gateway in a container or on another machine may have one of the same name. Light to import, for
`segue connect`.
"""

from __future__ import annotations

import os
from functools import cache

from services.kit.systems import boot_identity

DIRECTORY_META = "segue/working_directory"
"""Of a call: the directory that it is about, on the client's machine."""
IDENTITY_META = "segue/directory_identity"
"""Of a call: which directory that is. Who says so follows what is wanted of it."""
REPORT_META = "segue/report"
"""Of a call: what is there, for a gateway that does not see it: `{workspace, evidence}` or `{problem}`."""
COMMITTED_META = "segue/committed"
"""Of a call: the checkpoint that was made there, as it was wanted: `{checkpoint_id, checkpoint}`."""
WANTED_META = "segue/wanted"
"""Of an answer: what the call has to come with before it is carried out: `{report: true}` or `{commit: {…}}`."""


def directory_identity(directory: str) -> str:
    """The same for all who see this very directory, also mounted into a container; empty where there is none."""
    import hashlib

    try:
        found = os.stat(directory)  # noqa: PTH116 - pathlib would be most of the time this takes
    except (OSError, ValueError):
        return ""
    told = f"{_boot_identity()} {found.st_dev} {found.st_ino}"
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:32]


@cache
def _boot_identity() -> str:
    """It does not change while this process runs, and may take a program to be found out."""
    return boot_identity()
