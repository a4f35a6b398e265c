"""Reports and works on this machine for a gateway that does not see the working directory.

Every tool call names its directory in its `_meta`. A gateway that sees that very directory works there itself. One that
does not answers with what it wants, and the call is sent again with that: a report, or the checkpoint that was made. So
nothing is collected for a gateway that sees the directory. Light to import: the code that inspects the directory is
imported on demand.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from services.workspace.directory_identity import (
    COMMITTED_META,
    DIRECTORY_META,
    IDENTITY_META,
    REPORT_META,
    WANTED_META,
    directory_identity,
)

Message = dict[str, Any]

REPORTING = frozenset({"init", "checkpoint", "end", "status", "quality_check"})
"""Tools that inspect the directory: once a gateway has wanted a report, later calls include one at once."""


class Reporter:
    """Between one client and a gateway. `directory` is the client's: this process's, unless given.

    Without `identify` the gateway is assumed to see the directory, as the local server does.
    """

    def __init__(self, directory: str | None = None, *, identify: bool = True) -> None:
        self._directory, self._identify = directory, identify
        self._is_wanted = False
        self._work: Any = None

    def prepare(self, message: Message) -> Message:
        """A tool call with its `_meta` added; any other message, and one already prepared, unchanged."""
        params = message.get("params")
        if message.get("method") != "tools/call" or not isinstance(params, dict) or DIRECTORY_META in _meta(params):
            return message
        try:
            directory = _argument_directory(params) or self._directory or os.getcwd()  # noqa: PTH109 - no more is needed
        except OSError:  # the directory was removed
            return message
        meta = {DIRECTORY_META: directory}
        if self._identify:
            meta[IDENTITY_META] = directory_identity(directory) or "none"
        message = _with(message, meta)
        return self._with_report(message) if self._is_wanted and params.get("name") in REPORTING else message

    def outcome(self, sent: Message, answer: Message) -> Message:
        """The result of a prepared call: its answer, for the client, or the call to send again.

        The same request is not fulfilled twice. Blocks during an inspection, a few seconds at most.
        """
        result = answer.get("result")
        if not self._identify or not isinstance(result, dict) or sent.get("method") != "tools/call":
            return answer
        wanted, meta = _meta(result).get(WANTED_META), _meta(sent["params"])
        if isinstance(wanted, dict) and wanted.get("report") and REPORT_META not in meta:
            self._is_wanted = True
            return self._with_report(sent)
        if isinstance(wanted, dict) and isinstance(wanted.get("commit"), dict) and COMMITTED_META not in meta:
            return _with(sent, {COMMITTED_META: self._here().commit(meta[DIRECTORY_META], wanted["commit"])})
        if COMMITTED_META in meta and not result.get("isError"):
            self._here().forget_commits(meta[DIRECTORY_META])
        if copies := _cleared_copies(result):
            self._here().remove_copies(meta[DIRECTORY_META], copies)
        if REPORT_META in meta and sent["params"].get("name") == "end":
            return {**answer, "result": self._here().with_handoff(meta[DIRECTORY_META], result)}
        return answer

    def _with_report(self, message: Message) -> Message:
        directory = _meta(message["params"])[DIRECTORY_META]
        return _with(message, {REPORT_META: self._here().report(directory)})

    def _here(self) -> Any:
        if self._work is None:
            from services.cli.directory.directory_work import DirectoryWork

            self._work = DirectoryWork()
        return self._work


def call_here(message: Message, send: Callable[[Message], Message], directory: str | None = None) -> Message:
    """Sends a `tools/call` request for `directory` (this process's unless given); returns its answer.

    `send` posts a JSON-RPC request and returns its response. If the gateway does not see the directory, the request is
    sent again with a report, or with the checkpoint that was made: `send` is called three times at most.
    """
    reporter = Reporter(directory)
    message = reporter.prepare(message)
    while "method" in (outcome := reporter.outcome(message, send(message))):
        message = outcome
    return outcome


def _argument_directory(params: Message) -> str:
    """The directory that the call names, if it is valid."""
    arguments = params.get("arguments")
    named = arguments.get("working_directory") if isinstance(arguments, dict) else None
    return named if isinstance(named, str) and named.startswith("/") else ""


def _cleared_copies(result: Message) -> list[Any]:
    """The copies of handoffs that are to be removed here, since what they were made of was deleted."""
    content = result.get("structuredContent")
    copies = content.get("cleared_copies") if isinstance(content, dict) else None
    return copies if isinstance(copies, list) else []


def _meta(holder: Message) -> Message:
    meta = holder.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _with(message: Message, meta: Message) -> Message:
    """The message with more in its `_meta`, which is not part of a tool's schema."""
    params = message["params"]
    return {**message, "params": {**params, "_meta": {**_meta(params), **meta}}}
