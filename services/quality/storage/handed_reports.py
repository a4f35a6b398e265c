"""What CI handed in, beside the history: the reports of the last commits, and what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

import duckdb

from services.kit.errors import TooLarge
from services.quality.domain.evidence import Evidence
from services.quality.domain.handed_in import (
    HandedEvidence,
    HandedReport,
    HandIn,
    commit_max_bytes,
    commits_max,
    reports_max,
)
from services.quality.storage.history import DuckHistory

Refused: TypeAlias = Sequence[tuple[str, str]]
Parse: TypeAlias = Callable[[Sequence[HandedReport], str, datetime], tuple[Sequence[Evidence], Refused]]
commit_reports_max = 4 * reports_max
_add = """INSERT OR REPLACE INTO handed_reports
    (user_id, project, commit, job, name, content, lines, measured_at, received_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_reports = """SELECT name, content, job, lines, measured_at FROM handed_reports
    WHERE user_id = ? AND project = ? AND commit = ? ORDER BY received_at, job, name"""
_size = """SELECT count(*), coalesce(sum(octet_length(content)), 0) FROM handed_reports
    WHERE user_id = ? AND project = ? AND commit = ?"""
_commits = """SELECT commit FROM handed_reports WHERE user_id = ? AND project = ?
    GROUP BY commit ORDER BY max(received_at) DESC, commit"""
_drop_reports = "DELETE FROM handed_reports WHERE user_id = ? AND project = ? AND commit = ?"
_drop_evidence = "DELETE FROM handed_evidence WHERE user_id = ? AND project = ? AND commit = ?"
_evidence = """SELECT commit, name, value, source, detail, measured_at FROM handed_evidence
    WHERE user_id = ? AND project = ? ORDER BY commit, name"""
_set = """INSERT INTO handed_evidence (user_id, project, commit, name, value, source, detail, measured_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is known of a commit after a job handed in its reports, and which of all reports say nothing."""

    evidence: Sequence[HandedEvidence]
    refused: Refused = field(default_factory=list)


class HandedReports(Protocol):
    """What CI handed in. What `hand_in` acknowledged survives a kill."""

    async def hand_in(self, user: str, project: str, handed: HandIn) -> Outcome:
        """Adds a job's reports to those of the commit. Raises TooLarge, Unavailable."""
        ...

    async def of(self, user: str, project: str) -> Sequence[HandedEvidence]:
        """The evidence of the project's last commits."""
        ...


class DuckHandedReports:
    """In the history's database, by its one thread."""

    def __init__(self, history: DuckHistory, parse: Parse) -> None:
        self._history = history
        self._parse = parse
        self._one_at_a_time = asyncio.Lock()

    async def hand_in(self, user: str, project: str, handed: HandIn) -> Outcome:
        """See HandedReports."""
        async with self._one_at_a_time:
            reports = await self._history.run("hand in", lambda: self._add(user, project, handed))
            now = handed.received_at
            found, refused = await asyncio.to_thread(self._parse, reports, handed.commit, now)
            rows = [
                HandedEvidence(handed.commit, each.name, each.value, each.source, each.detail, each.measured_at or now)
                for each in found
            ]
            await self._history.run("hand in", lambda: self._set_evidence(user, project, handed.commit, rows))
        return Outcome(rows, refused)

    async def of(self, user: str, project: str) -> Sequence[HandedEvidence]:
        """See HandedReports."""

        def read() -> Sequence[HandedEvidence]:
            rows = self._connection.execute(_evidence, [user, project]).fetchall()
            return [
                HandedEvidence(commit, name, value, source, detail, at.astimezone(UTC))
                for commit, name, value, source, detail, at in rows
            ]

        return await self._history.run("handed in", read)

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return self._history.connection

    def _add(self, user: str, project: str, handed: HandIn) -> list[HandedReport]:
        commit = handed.commit
        with self._transaction() as connection:
            for each in handed.reports:
                values = (each.job, each.name, each.content, each.lines, each.measured_at or handed.received_at)
                connection.execute(_add, [user, project, commit, *values, handed.received_at])
            _refuse_too_much(*connection.execute(_size, [user, project, commit]).fetchall()[0])
            self._drop_earlier(user, project)
            rows = connection.execute(_reports, [user, project, commit]).fetchall()
        return [HandedReport(name, content, job, lines, at.astimezone(UTC)) for name, content, job, lines, at in rows]

    def _drop_earlier(self, user: str, project: str) -> None:
        commits = [row[0] for row in self._connection.execute(_commits, [user, project]).fetchall()]
        for commit in commits[commits_max:]:
            for statement in (_drop_reports, _drop_evidence):
                self._connection.execute(statement, [user, project, commit])

    def _set_evidence(self, user: str, project: str, commit: str, rows: Sequence[HandedEvidence]) -> None:
        with self._transaction() as connection:
            connection.execute(_drop_evidence, [user, project, commit])
            for each in rows:
                values = [each.name, each.value, each.source, each.detail, each.measured_at]
                connection.execute(_set, [user, project, commit, *values])

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Commits at its end; nothing is changed if anything fails."""
        self._connection.begin()
        try:
            yield self._connection
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise


def _refuse_too_much(count: int, size: int) -> None:
    if count > commit_reports_max or size > commit_max_bytes:
        limit = f"{commit_reports_max} reports and {commit_max_bytes // 1024**2} MiB"
        raise TooLarge(f"Of one commit at most {limit} are kept.", "Add them up before, or hand in fewer.")
