"""Permissions at work: a call's place, the rules of its user, the audit log, and what is told of a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.kit.errors import InvalidInput
from services.session.events import PERMISSION_DECIDED, Event
from services.session.finding import Finding, until_first
from services.session.learning import record, revoke
from services.session.operations import Level
from services.session.permissions import (
    Audited,
    Decision,
    Ledger,
    Place,
    Recorded,
    Request,
    Rule,
    Verdict,
    check,
    live_rules,
    masked,
    requested,
)
from services.session.sessions import (
    Answer,
    Session,
    State,
    Which,
    check_text,
    name_max_chars,
    normalised,
    path_max_chars,
)
from services.session.store import Change, SessionStore
from services.session.store.records import RULE

history_max = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done and where: a session, or a directory with its project and root where there is none."""

    operation: str
    target: str
    which: Which
    project: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """A user's rules that hold, the last decisions, and the highest level that any rule allows."""

    rules: Sequence[Rule]
    history: Sequence[Audited]
    level: Level


class Deciding:
    """What the service does with permissions. A decision is learned after `learn_after` allows."""

    def __init__(self, store: SessionStore, finding: Finding, learn_after: int) -> None:
        self._store = store
        self._finding = finding
        self._learn_after = learn_after

    async def check(self, user: str, asked: Asked) -> Decision:
        """What the rules say; it is in the log before it is answered."""

        async def attempt() -> Decision:
            place, session = await self._place(user, asked)
            request = requested(asked.operation, asked.target, place)
            decision = check(await self._store.ledger(user), request, self._finding.now())
            audited = self._audited(user, "check", request, decision)
            heartbeat = self._finding.heartbeat(session) if session else None
            await self._store.commit(Change(session=heartbeat, audited=[audited], events=[_event(audited)]))
            return decision

        return await until_first(attempt)

    async def record(self, user: str, asked: Asked, recorded: Recorded, operation_id: str) -> Rule:
        """The rule that the user's decision made; what was learned by it is in the log."""
        check_text(operation_id, name_max_chars, "operation_id")

        async def attempt() -> Rule:
            answer = await self._answered(user, "RecordPermission", operation_id)
            if answer:
                return RULE.validate_python(answer.details["rule"])
            place, _ = await self._place(user, asked)
            request = requested(asked.operation, asked.target, place)
            ledger, rule, learned = record(
                await self._store.ledger(user), request, recorded, self._finding.now(), self._learn_after
            )
            said = Decision(recorded.verdict, request.level, f"you said so, for {recorded.scope}", rule)
            lines = [self._audited(user, "record", request, said)]
            if learned:
                why = f"allowed {self._learn_after} times in this project and never denied"
                lines.append(
                    self._audited(user, "learn", request, Decision(Verdict.ALLOW, learned.level, why, learned))
                )
            details = {"rule": RULE.dump_python(rule, mode="json")}
            await self._commit(user, "RecordPermission", operation_id, ledger, lines, details)
            return rule

        return await until_first(attempt)

    async def status(self, user: str, project: str, history: int) -> Status:
        """What holds for the user, in `project` where it is not empty; the history newest first."""
        if not 0 <= history <= history_max:
            raise InvalidInput(f"history takes 0 to {history_max}.")
        rules = live_rules(await self._store.ledger(user), project, self._finding.now())
        lines = await self._store.audit(user, project, history) if history else []
        allowed = [rule.level for rule in rules if rule.verdict is Verdict.ALLOW]
        return Status(rules, lines, max(allowed, default=Level.LOW))

    async def revoke(self, user: str, rule_id: str, every: bool, project: str, operation_id: str) -> int:
        """How many rules are gone, for good."""
        check_text(operation_id, name_max_chars, "operation_id")

        async def attempt() -> int:
            answer = await self._answered(user, "RevokePermission", operation_id)
            if answer:
                return int(answer.details["revoked"])
            ledger, gone = revoke(await self._store.ledger(user), rule_id, every, project)
            lines = [self._revoked(user, rule) for rule in gone]
            await self._commit(user, "RevokePermission", operation_id, ledger, lines, {"revoked": len(gone)})
            return len(gone)

        return await until_first(attempt)

    async def _place(self, user: str, asked: Asked) -> tuple[Place, Session | None]:
        """Of the session where there is one, else of what the call says of itself."""
        check_text(asked.project, name_max_chars, "project")
        check_text(asked.root, path_max_chars, "root")
        session = None
        if asked.which.session_id:
            session = await self._finding.find(user, asked.which)
        elif directory := normalised(asked.which.working_directory):
            session = await self._store.active_in(user, directory)
        if session is None:
            return Place(asked.project, normalised(asked.root) or normalised(asked.which.working_directory)), None
        is_active = session.state is State.ACTIVE
        return Place(session.project, session.root, session.id if is_active else ""), session

    async def _answered(self, user: str, method: str, operation_id: str) -> Answer | None:
        answer = await self._store.answered(user, operation_id) if operation_id else None
        if answer and answer.method != method:
            raise InvalidInput("operation_id belongs to another call.", "Make a new one for each call.")
        return answer

    async def _commit(
        self,
        user: str,
        method: str,
        operation_id: str,
        ledger: Ledger,
        lines: Sequence[Audited],
        details: dict[str, object],
    ) -> None:
        answer = Answer(user, operation_id, method, self._finding.now(), "", details) if operation_id else None
        events = [_event(line) for line in lines]
        await self._store.commit(Change(ledger=ledger, audited=lines, events=events, answer=answer))

    def _audited(self, user: str, action: str, request: Request, decision: Decision) -> Audited:
        return Audited(
            at=self._finding.now(),
            user=user,
            action=action,
            operation=masked(request.operation),
            target=masked(request.target),
            place=request.place,
            verdict=decision.verdict,
            level=decision.level,
            reason=decision.reason,
            rule_id=decision.rule.id if decision.rule else "",
        )

    def _revoked(self, user: str, rule: Rule) -> Audited:
        return Audited(
            at=self._finding.now(),
            user=user,
            action="revoke",
            operation=rule.operation,
            target=masked(rule.pattern),
            place=rule.place,
            verdict=rule.verdict,
            level=rule.level,
            reason="you revoked it",
            rule_id=rule.id,
        )


def _event(line: Audited) -> Event:
    data = {
        "action": line.action,
        "decision": str(line.verdict),
        "level": line.level.name.lower(),
        "rule": line.rule_id,
    }
    return Event(PERMISSION_DECIDED, line.user, line.at, line.place.session_id, data)
