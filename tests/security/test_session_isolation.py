"""Sessions, handoffs, what is owed, permissions, quality: whatever users do, each sees and changes their own alone."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from services.kit.errors import ServiceError
from services.pb import session_pb2 as pb
from services.quality.domain.trend import Point
from services.quality.storage.history import open_history
from tests.fuzz.budget import sequences
from tests.session_service import open_service

USERS = ("ann", "bob", "eve")
users = st.sampled_from(USERS)
directories = st.sampled_from(("/work/a", "/work/b"))
projects = st.sampled_from(("a", "b"))
numbers = st.integers(0, 30)
operations = st.sampled_from(("", "op-1", "op-2", "op-3"))
"""Ids that users may well have in common."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Isolation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.home = tempfile.TemporaryDirectory()
        self.sessions: dict[str, str] = {}  # whose each is
        self.permissions: dict[str, str] = {}
        self.owed: dict[str, str] = {}
        self.points: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.said = 0

    @initialize()
    def serve(self) -> None:
        async def opened() -> None:
            self.client = await self.stack.enter_async_context(open_service(Path(self.home.name)))
            path = Path(self.home.name) / "quality.duckdb"
            self.history = await self.stack.enter_async_context(open_history(path))

        self.runner.run(opened())

    def teardown(self) -> None:
        for user in USERS:
            self.look(user)
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.home.cleanup()

    def ask(self, user: str, request: Message) -> Any:
        """The answer; None where the service refuses."""
        try:
            return self.runner.run(self.client(request, user))
        except ServiceError:
            return None

    def which(self, n: int, directory: str) -> pb.Which:
        """Any session, whosever it is; else a directory, or nothing."""
        if n % 3 == 0 or not self.sessions:
            return pb.Which(working_directory=directory if n % 2 else "")
        return pb.Which(session_id=list(self.sessions)[n % len(self.sessions)])

    def must_own(self, user: str, session_id: str) -> None:
        assert self.sessions.setdefault(session_id, user) == user

    @rule(user=users, n=numbers, directory=directories, project=projects, operation=operations)
    def init(self, user: str, n: int, directory: str, project: str, operation: str) -> None:
        which = self.which(n, directory)
        if not which.session_id:
            which = pb.Which(working_directory=directory)
        answer = self.ask(user, pb.InitRequest(which=which, project=project, root=directory, operation_id=operation))
        if answer:
            self.must_own(user, answer.session.id)
            if answer.HasField("previous_handoff"):
                self.must_own(user, answer.previous_handoff.session_id)

    @rule(user=users, n=numbers, directory=directories, operation=operations)
    def checkpoint(self, user: str, n: int, directory: str, operation: str) -> None:
        asked = pb.CheckpointRequest(which=self.which(n, directory), note=f"of {user}", operation_id=operation)
        if answer := self.ask(user, asked):
            self.must_own(user, answer.session.id)
            self.must_own(user, answer.checkpoint.session_id)
            assert answer.checkpoint.note == f"of {user}"

    @rule(user=users, n=numbers, directory=directories, operation=operations)
    def end(self, user: str, n: int, directory: str, operation: str) -> None:
        facts = pb.Facts(summary=f"said by {user}")
        if answer := self.ask(user, pb.EndRequest(which=self.which(n, directory), facts=facts, operation_id=operation)):
            self.must_own(user, answer.session.id)
            assert answer.handoff.summary == f"said by {user}"

    @rule(user=users, n=numbers, directory=directories, project=projects)
    def read(self, user: str, n: int, directory: str, project: str) -> None:
        which = self.which(n, directory)
        if answer := self.ask(user, pb.GetRequest(which=which, checkpoints=10)):
            self.must_own(user, answer.session.id)
            assert all(each.note == f"of {user}" for each in answer.checkpoints)
        for asked in (pb.GetHandoffRequest(session_id=which.session_id), pb.GetHandoffRequest(project=project)):
            if answer := self.ask(user, asked):
                self.must_own(user, answer.session_id)
                assert answer.summary in {"", f"said by {user}"}

    @rule(user=users, n=numbers, directory=directories)
    def owe(self, user: str, n: int, directory: str) -> None:
        self.said += 1
        asked = pb.OweRequest(which=self.which(n, directory), id=f"owed-{self.said}", kind="memory", payload="{}")
        if answer := self.ask(user, asked):
            self.must_own(user, answer.owed.session_id)
            self.owed[answer.owed.id] = user

    @rule(user=users, n=numbers)
    def pay(self, user: str, n: int) -> None:
        if not self.owed or not self.sessions:
            return
        meant = list(self.owed)[n % len(self.owed)]
        for session_id in self.sessions:
            answer = self.ask(user, pb.PaidRequest(session_id=session_id, id=meant))
            if answer and answer.paid:
                assert self.owed.pop(meant) == user
                return

    @rule(user=users, n=numbers, directory=directories, project=projects, operation=operations)
    def permit(self, user: str, n: int, directory: str, project: str, operation: str) -> None:
        asked = pb.RecordPermissionRequest(
            operation="Bash",
            target=f"make {user}",
            decision="allow" if n % 2 else "deny",
            scope="project" if n % 3 else "always",
            which=self.which(n, directory),
            project=project,
            root=directory,
            operation_id=operation,
            by_person=n % 5 > 0,
        )
        if answer := self.ask(user, asked):
            assert answer.rule.pattern == f"make {user}"
            assert self.permissions.setdefault(answer.rule.id, user) == user
        for other in USERS:
            check = pb.CheckPermissionRequest(operation="Bash", target=f"make {other}", project=project, root=directory)
            answer = self.ask(user, check)
            assert answer
            assert other == user or answer.decision == "ask"  # what others decided holds for them

    @rule(user=users, n=numbers, every=st.booleans(), operation=operations)
    def revoke(self, user: str, n: int, every: bool, operation: str) -> None:
        meant = list(self.permissions)[n % len(self.permissions)] if self.permissions else "none"
        before = {other: self.rules_of(other) for other in USERS if other != user}
        asked = pb.RevokePermissionRequest(
            rule_id="" if every else meant, all=every, operation_id=operation, by_person=n % 2 > 0
        )
        self.ask(user, asked)
        assert {other: self.rules_of(other) for other in before} == before

    def rules_of(self, user: str) -> list[str]:
        return [each.id for each in self.ask(user, pb.PermissionStatusRequest(history=200)).rules]

    @rule(user=users, project=projects, operation=st.sampled_from(("q-1", "q-2")), score=st.floats(0, 100))
    def record(self, user: str, project: str, operation: str, score: float) -> None:
        self.said += 1
        when = BEGIN + timedelta(minutes=self.said)
        point = Point(when, score, score, score, score, 1.0, user, operation_id=operation)
        recorded = self.runner.run(self.history.record(user, project, point))
        assert recorded.duplicate == (operation in self.points[user, project])
        self.points[user, project].add(operation)

    @rule(user=users)
    def look(self, user: str) -> None:
        mine = sorted(name for name, owner in self.sessions.items() if owner == user)
        assert sorted(each.id for each in self.ask(user, pb.ListRequest(limit=100)).sessions) == mine
        pending = self.ask(user, pb.ListPendingRequest(limit=100)).pending
        assert sorted(each.id for each in pending) == sorted(name for name, owner in self.owed.items() if owner == user)
        status = self.ask(user, pb.PermissionStatusRequest(history=200))
        assert all(self.permissions.setdefault(each.id, user) == user for each in status.rules)
        assert all(line.action in {"check", "learn"} or line.target == f"make {user}" for line in status.history)
        for project in ("a", "b"):
            points = self.runner.run(self.history.points(user, project, 100))
            assert {each.operation_id for each in points} == self.points[user, project]
            assert {each.commit for each in points} <= {user}


Isolation.TestCase.settings = sequences(16, 40)
TestIsolation = Isolation.TestCase
