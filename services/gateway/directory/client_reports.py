"""The directory of a call, and the client's report on it: `segue connect` and `segue hook` put it in `_meta`.

The report is untrusted: checked, bounded, and used only if the gateway does not see the directory itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastmcp.server.context import Context

from services.kit.errors import Denied, InvalidInput, LimitExceeded, NotFound, ServiceError, TooLarge, Unavailable
from services.workspace import serialization
from services.workspace.directory_identity import (
    COMMITTED_META,
    DIRECTORY_META,
    IDENTITY_META,
    REPORT_META,
    WANTED_META,
    directory_identity,
)
from services.workspace.evidence import Workspace
from services.workspace.git.checkpoint import ID, Checkpoint

__all__ = ["WANTED_META", "Asked", "Client", "Report", "Wanted"]

evidence_max_bytes = 64 * 1024
PROBLEMS: Mapping[str, type[ServiceError]] = {each.__name__: each for each in (InvalidInput, NotFound, Denied)}
"""The problems that a client may report with its directory; any other becomes Unavailable."""


class Wanted(Exception):
    """The call cannot continue before the client has done this; the client then sends it again with the result."""

    def __init__(self, what: Mapping[str, Any]) -> None:
        super().__init__("The gateway does not see this directory; `segue connect` of the same version reports on it.")
        self.what = dict(what)


@dataclass(frozen=True, slots=True)
class Report:
    """A client's report on its directory; the quality service reads and checks `evidence`."""

    workspace: Workspace
    evidence: str


@dataclass(frozen=True, slots=True)
class Client:
    """A report by a client that can handle `Wanted`, on `directory`."""

    directory: str
    identity: str
    meta: Mapping[str, Any]

    def is_here(self) -> bool:
        """Whether the gateway sees that very directory. Reads the disk."""
        return directory_identity(self.directory) == self.identity

    def report(self) -> Report:
        """The report. Wanted if the client has not made one yet; InvalidInput, NotFound or Denied if it reports that
        the directory cannot be worked in; Unavailable if the report is unusable."""
        report = self.meta.get(REPORT_META)
        if report is None:
            raise Wanted({"report": True})
        if isinstance(report, dict) and isinstance(report.get("problem"), dict):
            raise _problem(report["problem"])
        try:
            return _check_report(report)
        except (InvalidInput, LimitExceeded) as problem:
            raise Unavailable(f"What the client reports cannot be used: {problem.message}") from problem

    def committed_checkpoint(self) -> tuple[str, Checkpoint] | None:
        """The requested checkpoint and its id; None if it has not been made yet. Raises InvalidInput."""
        outcome = self.meta.get(COMMITTED_META)
        if outcome is None:
            return None
        identifier = outcome.get("checkpoint_id") if isinstance(outcome, dict) else None
        if not isinstance(identifier, str) or not ID.fullmatch(identifier):
            raise InvalidInput("The checkpoint that was made has no id.", "Bring `segue connect` up to date.")
        made = Checkpoint.from_dict(outcome.get("checkpoint"))
        if made.created and not _is_commit(made.commit_hash or ""):
            raise InvalidInput("The checkpoint that was made names no commit.", "Bring `segue connect` up to date.")
        return identifier, made


@dataclass(frozen=True, slots=True)
class Asked:
    """The requested directory, or ""; and the client's report on its working directory, if it sent one."""

    directory: str
    client: Client | None = None

    @classmethod
    def of(cls, given: str | None, context: Context) -> Asked:
        """The argument's directory, else the client's working directory."""
        request = context.request_context
        meta = dict(request.meta or {}) if request else {}
        directory, identity = _path(meta.get(DIRECTORY_META)), meta.get(IDENTITY_META)
        client = Client(directory, identity, meta) if directory and isinstance(identity, str) and identity else None
        return cls((given or directory).encode("utf-8", "replace").decode(), client)

    def at(self, directory: str) -> Asked:
        """The same client with another directory: that of a session."""
        return replace(self, directory=directory)


def _path(value: object) -> str:
    is_path = isinstance(value, str) and len(value) < os.pathconf("/", "PC_PATH_MAX")
    return str(value) if is_path else ""


def _check_report(report: object) -> Report:
    fields = report if isinstance(report, dict) else {}
    evidence = fields.get("evidence")
    if not isinstance(evidence, str):
        raise InvalidInput("the evidence is not text")
    if len(evidence) > evidence_max_bytes or len(evidence.encode("utf-8", "replace")) > evidence_max_bytes:
        raise TooLarge(f"the evidence is over {evidence_max_bytes:,} bytes")
    return Report(Workspace.from_dict(fields.get("workspace")), evidence.encode("utf-8", "replace").decode())


def _problem(report: Mapping[str, Any]) -> ServiceError:
    message = serialization.readable(str(report.get("message") or "The client cannot look at its directory"))
    return PROBLEMS.get(str(report.get("kind")), Unavailable)(message, "`segue connect` looked on its own machine.")


def _is_commit(name: str) -> bool:
    return len(name) in {40, 64} and not set(name) - set("0123456789abcdef")
