"""What only this machine can say, added to the calls that pass through: the directory in which the client works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DIRECTORY_META = "segue/working_directory"


def with_directory(message: dict[str, Any]) -> dict[str, Any]:
    """A tool call with the working directory in its `_meta`, where the schema that a model reads stays as it is."""
    params = message.get("params")
    if message.get("method") != "tools/call" or not isinstance(params, dict):
        return message
    meta = params.get("_meta")
    try:
        reported = {DIRECTORY_META: str(Path.cwd())}
    except OSError:  # it was removed under us
        return message
    return {**message, "params": {**params, "_meta": {**(meta if isinstance(meta, dict) else {}), **reported}}}
