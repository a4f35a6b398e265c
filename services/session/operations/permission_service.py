"""Permissions at work: a call's place, the rules of its user, the audit log, and what is told of a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.kit.errors import InvalidInput
from services.session.domain.operation_risk import Level
from services.session.domain.permissions import (
    Audited,
    Decision,
    Ledger,
    Place,
    Recorded,
    Request,
    Rule,
    Verdict,
    check,
    judge_request,
    live_rules,
    mask,
)
from services.session.domain.rule_learning import record, revoke
from services.session.domain.sessions import (
    Answer,
    Session,
    State,
    Which,
    check_text,
    name_max_chars,
    normalise_directory,
    path_max_chars,
)
from services.session.operations.events import PERMISSION_DECIDED, Event
from services.session.operations.session_lookup import Finding, until_first
from services.session.store import Change, SessionStore
from services.session.store.records import RULE

history_max = 200
root_audited_max_chars = 300


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
        """What the rules say; it is in the log before it is answered, unless it only reads and no rule is needed."""

        async def attempt() -> Decision:
            place, session = await self._place(user, asked)
            request = judge_request(asked.operation, asked.target, place)
            decision = check(await self._store.ledger(user), request, self._finding.now())
            audited = self._audit_line(user, "check", request, decision)
            heartbeat = self._finding.heartbeat(session) if session else None
            lines = [audited] if decision.rule or decision.verdict is not Verdict.ALLOW else []
            await self._store.commit(Change(session=heartbeat, audited=lines, events=[_event(audited)]))
            return decision

        return await until_first(attempt)

    async def record(self, user: str, asked: Asked, recorded: Recorded, operation_id: str) -> Rule:
        """The rule that the user's decision made; what was learned by it is in the log."""

        async def attempt(id: str) -> Answer:
            place, _ = await self._place(user, asked)
            request = judge_request(asked.operation, asked.target, place)
            ledger, rule, learned = record(
                await self._store.ledger(user), request, recorded, self._finding.now(), self._learn_after
            )
            said = Decision(recorded.verdict, request.level, f"you said so, for {recorded.scope}", rule)
            lines = [self._audit_line(user, "record", request, said)]
            if learned:
                why = f"allowed {self._learn_after} times in this project and never denied"
                lines.append(
                    self._audit_line(user, "learn", request, Decision(Verdict.ALLOW, learned.level, why, learned))
                )
            details = {"rule": RULE.dump_python(rule, mode="json")}
            answer = Answer(user, id, "RecordPermission", self._finding.now(), "", details)
            return await self._commit(ledger, lines, answer)

        answer = await self._finding.once(user, "RecordPermission", operation_id, attempt)
        return RULE.validate_python(answer.details["rule"])

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

        async def attempt(id: str) -> Answer:
            ledger, gone = revoke(await self._store.ledger(user), rule_id, every, project)
            lines = [self._revocation_line(user, rule) for rule in gone]
            answer = Answer(user, id, "RevokePermission", self._finding.now(), "", {"revoked": len(gone)})
            return await self._commit(ledger, lines, answer)

        answer = await self._finding.once(user, "RevokePermission", operation_id, attempt)
        return int(answer.details["revoked"])

    async def _place(self, user: str, asked: Asked) -> tuple[Place, Session | None]:
        """Of the session where there is one, else of what the call says of itself."""
        check_text(asked.project, name_max_chars, "project")
        check_text(asked.root, path_max_chars, "root")
        session = None
        if asked.which.session_id:
            session = await self._finding.find(user, asked.which)
        elif directory := normalise_directory(asked.which.working_directory):
            session = await self._store.active_in(user, directory)
        if session is None:
            return Place(
                asked.project, normalise_directory(asked.root) or normalise_directory(asked.which.working_directory)
            ), None
        is_active = session.state is State.ACTIVE
        return Place(session.project, session.root, session.id if is_active else ""), session

    async def _commit(self, ledger: Ledger, lines: Sequence[Audited], answer: Answer) -> Answer:
        events = [_event(line) for line in lines]
        await self._store.commit(Change(ledger=ledger, audited=lines, events=events, answer=answer))
        return answer

    def _audit_line(self, user: str, action: str, request: Request, decision: Decision) -> Audited:
        return Audited(
            at=self._finding.now(),
            user=user,
            action=action,
            operation=mask(request.operation),
            target=mask(request.target),
            place=_shorten(request.place),
            verdict=decision.verdict,
            level=decision.level,
            reason=decision.reason,
            rule_id=decision.rule.id if decision.rule else "",
        )

    def _revocation_line(self, user: str, rule: Rule) -> Audited:
        return Audited(
            at=self._finding.now(),
            user=user,
            action="revoke",
            operation=rule.operation,
            target=mask(rule.pattern),
            place=_shorten(rule.place),
            verdict=rule.verdict,
            level=rule.level,
            reason="you revoked it",
            rule_id=rule.id,
        )


def _shorten(place: Place) -> Place:
    """As the log has it: a line is bounded, and a root is the one part of it that may be long."""
    root = place.root if len(place.root) <= root_audited_max_chars else f"{place.root[: root_audited_max_chars - 1]}…"
    return replace(place, root=root)


def _event(line: Audited) -> Event:
    data = {
        "action": line.action,
        "decision": str(line.verdict),
        "level": line.level.name.lower(),
        "rule": line.rule_id,
    }
    return Event(PERMISSION_DECIDED, line.user, line.at, line.place.session_id, data)
