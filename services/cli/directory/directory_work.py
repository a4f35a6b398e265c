"""Works in the client's directory for a gateway that does not see it: reports, checkpoints, copies of handoffs.

The functions are those of a gateway that sees the directory. Nothing here raises: problems are reported to the gateway.
A look takes a few seconds at most, and an unchanged directory is not inspected again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from services.kit import redaction
from services.kit.errors import ServiceError, Unavailable
from services.quality.collectors import collect
from services.quality.collectors.directory import look
from services.quality.domain.evidence import to_json
from services.workspace import serialization
from services.workspace.allowed_roots import resolve_directory
from services.workspace.evidence import measure
from services.workspace.git.checkpoint import Checkpoint, CheckpointRequest, create_checkpoint
from services.workspace.handoff_files import remove_handoff, write_handoff
from services.workspace.project import project_root

ROOTS = (Path("/"),)
"""The user's own machine: a client may report on any directory that its user can read."""
REPORT_TIMEOUT_S = 8.0
copies_max = 200

Message = dict[str, Any]


class DirectoryWork:
    """The work for one client; it caches the last report, and a checkpoint that no gateway has recorded yet."""

    def __init__(self) -> None:
        self._evidence: tuple[object, str] = (None, "")
        self._unrecorded: dict[str, Checkpoint] = {}

    def report(self, directory: str) -> Message:
        """`{workspace, evidence}` of the directory, or `{problem}` without one; each at most 64 KiB."""
        both = [_Started(lambda: self._workspace(directory)), _Started(lambda: self._evidence_json(directory))]
        deadline_s = time.monotonic() + REPORT_TIMEOUT_S
        try:
            workspace, evidence = [each.result(deadline_s) for each in both]
        except ServiceError as problem:
            return {"problem": {"kind": type(problem).__name__, "message": problem.message}}
        return {"workspace": workspace, "evidence": evidence}

    def _workspace(self, directory: str) -> Message:
        return measure(directory, ROOTS, datetime.now(UTC)).to_dict()

    def _evidence_json(self, directory: str) -> str:
        now = datetime.now(UTC)
        place = look(Path(directory), ROOTS, now, limit_s=REPORT_TIMEOUT_S / 2)
        state = (place.root, place.state, now.date())
        if self._evidence[0] != state:
            self._evidence = (state, to_json(collect(place, redaction.find)))
        return self._evidence[1]

    def commit(self, directory: str, wanted: object) -> Message:
        """Makes the checkpoint that the gateway wants; returns the result.

        If an earlier checkpoint was made but never recorded, it is reported again, unless the directory has changed.
        """
        request = None
        try:
            request = serialization.from_dict(CheckpointRequest, wanted)
            real = resolve_directory(directory, ROOTS)
            made = create_checkpoint(real, ROOTS, request, redaction.find, datetime.now(UTC))
        except ServiceError as problem:
            made = Checkpoint(False, serialization.Lines(serialization.readable(problem.message)), "failed")
        key = f"{directory}\0{request.session_id if request else ''}"
        if made.reason == "nothing_changed":
            made = self._unrecorded.get(key, made)
        elif made.created:
            self._unrecorded[key] = made
        return {"checkpoint_id": request.checkpoint_id if request else None, "checkpoint": made.to_dict()}

    def forget_commits(self, directory: str) -> None:
        """Drops the checkpoints made there: the gateway has recorded them."""
        for key in [each for each in self._unrecorded if each.startswith(f"{directory}\0")]:
            del self._unrecorded[key]

    def with_handoff(self, directory: str, result: Message) -> Message:
        """The answer of `end`, after writing the handoff's copy to the project; unchanged if that fails."""
        content = result.get("structuredContent")
        if not isinstance(content, dict) or content.get("handoff_file_created") is not False:
            return result
        name, text = content.get("handoff_file_name"), content.get("handoff")
        if not isinstance(name, str) or not isinstance(text, str):
            return result
        try:
            root = project_root(resolve_directory(directory, ROOTS), ROOTS)
            path = write_handoff(root, ROOTS, name, text)
        except (OSError, ServiceError):
            return result
        content = {**content, "handoff_file_created": True, "handoff_file_path": str(path)}
        shown = [{"type": "text", "text": json.dumps(content, ensure_ascii=False)}]
        return {**result, "structuredContent": content, "content": shown}

    def remove_copies(self, directory: str, copies: list[Any]) -> None:
        """Removes copies of handoffs that are as Segue wrote them: what they were made of was deleted."""
        try:
            root = project_root(resolve_directory(directory, ROOTS), ROOTS)
        except (OSError, ServiceError):
            return
        for each in copies[:copies_max]:
            name, digest = (each.get("file_name"), each.get("sha256")) if isinstance(each, dict) else (None, None)
            if isinstance(name, str) and isinstance(digest, str):
                with suppress(OSError, ServiceError):
                    remove_handoff(root, ROOTS, name, digest)


class _Failed(NamedTuple):
    problem: ServiceError


class _Started:
    """An inspection in a thread of its own, which does not delay the exit of the process."""

    def __init__(self, looking: Callable[[], Any]) -> None:
        self._found: Any = _Failed(Unavailable("Looking at the directory took too long"))
        self._thread = Thread(target=self._look, args=(looking,), daemon=True)
        self._thread.start()

    def _look(self, looking: Callable[[], Any]) -> None:
        try:
            self._found = looking()
        except ServiceError as problem:
            self._found = _Failed(problem)
        except Exception as problem:  # a bug here must not leave the user without an answer
            self._found = _Failed(Unavailable(f"Looking at the directory failed: {type(problem).__name__}"))

    def result(self, deadline_s: float) -> Any:
        """The result; raises the ServiceError that says why there is none."""
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        if isinstance(self._found, _Failed):
            raise self._found.problem
        return self._found
