"""What only this machine can say and do for a gateway that does not see the working directory.

Every tool call says in its `_meta` which directory it is about. A gateway that sees that very directory does its work
there. One that does not answers with what it wants, and the call is sent again with it: what is there, or the
checkpoint that was made. So nothing is collected for a gateway that can look by itself. Light to import: what looks at
the directory comes when it is wanted.
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
"""Tools that look at the directory: once a gateway has wanted a report, they come with one at once."""


class Reporter:
    """Stands between one client and a gateway. `directory` is where the client works: this process's, unless given.

    Without `identify` the gateway is taken to see the directory, as the local server does.
    """

    def __init__(self, directory: str | None = None, *, identify: bool = True) -> None:
        self._directory, self._identify = directory, identify
        self._is_wanted = False
        self._work: Any = None

    def prepare(self, message: Message) -> Message:
        """A tool call as the gateway gets it; any other message, and one that was prepared, as it is."""
        params = message.get("params")
        if message.get("method") != "tools/call" or not isinstance(params, dict) or DIRECTORY_META in _meta(params):
            return message
        try:
            directory = _argument_directory(params) or self._directory or os.getcwd()  # noqa: PTH109 - no more is needed
        except OSError:  # it was removed under us
            return message
        told = {DIRECTORY_META: directory}
        if self._identify:
            told[IDENTITY_META] = directory_identity(directory) or "none"
        message = _with(message, told)
        return self._with_report(message) if self._is_wanted and params.get("name") in REPORTING else message

    def outcome(self, sent: Message, answer: Message) -> Message:
        """What becomes of the answer to a prepared call: itself, for the client, or the call to send in its place.

        What is wanted twice is not done twice. Blocks while it looks, a few seconds at most.
        """
        result = answer.get("result")
        if not self._identify or not isinstance(result, dict) or sent.get("method") != "tools/call":
            return answer
        wanted, told = _meta(result).get(WANTED_META), _meta(sent["params"])
        if isinstance(wanted, dict) and wanted.get("report") and REPORT_META not in told:
            self._is_wanted = True
            return self._with_report(sent)
        if isinstance(wanted, dict) and isinstance(wanted.get("commit"), dict) and COMMITTED_META not in told:
            return _with(sent, {COMMITTED_META: self._here().commit(told[DIRECTORY_META], wanted["commit"])})
        if COMMITTED_META in told and not result.get("isError"):
            self._here().forget_commits(told[DIRECTORY_META])
        if REPORT_META in told and sent["params"].get("name") == "end":
            return {**answer, "result": self._here().with_handoff(told[DIRECTORY_META], result)}
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
    """A `tools/call` request, sent for whoever works in `directory` (this process's unless given); its answer.

    `send` posts a JSON-RPC request and returns its response. Where the gateway does not see the directory, it is sent
    again with what is found there, or with the checkpoint that was made there: `send` is called three times at most.
    """
    reporter = Reporter(directory)
    message = reporter.prepare(message)
    while "method" in (outcome := reporter.outcome(message, send(message))):
        message = outcome
    return outcome


def _argument_directory(params: Message) -> str:
    """The directory that the call names, where it names one that can be meant."""
    arguments = params.get("arguments")
    named = arguments.get("working_directory") if isinstance(arguments, dict) else None
    return named if isinstance(named, str) and named.startswith("/") else ""


def _meta(holder: Message) -> Message:
    meta = holder.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _with(message: Message, told: Message) -> Message:
    """The message with more in its `_meta`, where the schema that a model reads stays as it is."""
    params = message["params"]
    return {**message, "params": {**params, "_meta": {**_meta(params), **told}}}
