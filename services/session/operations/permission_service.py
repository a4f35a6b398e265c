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
    Proposal,
    Recorded,
    Request,
    Rule,
    Verdict,
    check,
    denies_at,
    denies_version,
    holds_at,
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
from services.session.permissions.audit_text import without_contents
from services.session.permissions.naming import canonical_name, reading_notes, warnings
from services.session.permissions.proposals import Shown, decide, propose, withdraw
from services.session.store import Change, SessionStore
from services.session.store.records import PROPOSAL, RULE

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
    """A user's rules that hold, the last decisions, the highest level that any rule allows, and open proposals."""

    rules: Sequence[Rule]
    history: Sequence[Audited]
    level: Level
    proposals: Sequence[Proposal]


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a decision: a rule, which does not hold yet where it is only proposed."""

    rule: Rule
    is_proposed: bool
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Revoked:
    """How many rules and proposals are gone, and what was proposed of the rest."""

    count: int
    proposed: Sequence[Proposal]


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
            ledger, now = await self._store.ledger(user), self._finding.now()
            decision = replace(
                check(ledger, request, now), denies_version=denies_version(denies_at(ledger, place, now))
            )
            audited = self._audit_line(user, "check", request, decision)
            heartbeat = self._finding.heartbeat(session) if session else None
            lines = [audited] if decision.rule or decision.verdict is not Verdict.ALLOW else []
            await self._store.commit(Change(session=heartbeat, audited=lines, events=[_event(audited)]))
            return decision

        return await until_first(attempt)

    async def denies_at(self, user: str, asked: Asked) -> Sequence[Rule]:
        """The denies that hold at a place."""
        place, _ = await self._place(user, asked)
        return denies_at(await self._store.ledger(user), place, self._finding.now())

    async def record(self, user: str, asked: Asked, recorded: Recorded, operation_id: str) -> Made:
        """The rule that the decision made, or proposed where a model made it; what was learned by it is in the log."""

        async def attempt(id: str) -> Answer:
            place, _ = await self._place(user, asked)
            denied_root = place.root if recorded.verdict is Verdict.DENY else ""
            request = judge_request(*canonical_name(asked.operation, asked.target, denied_root), place)
            ledger = await self._store.ledger(user)
            if recorded.by_person or recorded.verdict is Verdict.DENY:
                ledger, rule, lines = self._record_decision(ledger, request, recorded)
                is_proposed = False
            else:
                ledger, rule, holds = propose(ledger, request, recorded, self._finding.now())
                said = Decision(Verdict.ALLOW, request.level, f"proposed, for {recorded.scope}", rule)
                lines, is_proposed = [self._audit_line(user, "propose", request, said)], not holds
            details = {"rule": RULE.dump_python(rule, mode="json"), "is_proposed": is_proposed}
            answer = Answer(user, id, "RecordPermission", self._finding.now(), "", details)
            return await self._commit(ledger, lines, answer)

        answer = await self._finding.once(user, "RecordPermission", operation_id, attempt)
        rule = RULE.validate_python(answer.details["rule"])
        warned = warnings(rule.operation, rule.pattern, rule.place.root, rule.verdict is Verdict.ALLOW)
        noted = reading_notes(asked.operation, asked.target, rule.pattern)
        return Made(rule, bool(answer.details.get("is_proposed")), [*warned, *noted])

    def _record_decision(
        self, ledger: Ledger, request: Request, recorded: Recorded
    ) -> tuple[Ledger, Rule, list[Audited]]:
        ledger, rule, learned = record(ledger, request, recorded, self._finding.now(), self._learn_after)
        said = Decision(recorded.verdict, request.level, f"you said so, for {recorded.scope}", rule)
        lines = [self._audit_line(ledger.user, "record", request, said)]
        if learned:
            why = f"allowed {self._learn_after} times in this project and never denied"
            decision = Decision(Verdict.ALLOW, learned.level, why, learned)
            lines.append(self._audit_line(ledger.user, "learn", request, decision))
        return ledger, rule, lines

    async def status(self, user: str, asked: Asked, history: int) -> Status:
        """What holds for the user: of a session or root only what holds there, else of the project where one is named;
        the history newest first."""
        if not 0 <= history <= history_max:
            raise InvalidInput(f"history takes 0 to {history_max}.")
        ledger = await self._store.ledger(user)
        rules = live_rules(ledger, asked.project, self._finding.now())
        if asked.which.session_id or asked.which.working_directory or asked.root:
            place, _ = await self._place(user, asked)
            rules = [rule for rule in live_rules(ledger, "", self._finding.now()) if holds_at(rule, place)]
        lines = await self._store.audit(user, asked.project, history) if history else []
        allowed = [rule.level for rule in rules if rule.verdict is Verdict.ALLOW]
        return Status(rules, lines, max(allowed, default=Level.LOW), ledger.proposals)

    async def revoke(self, user: str, rule_id: str, every: bool, project: str, operation_id: str) -> Revoked:
        """What a person takes back is gone, for good."""

        async def attempt(id: str) -> Answer:
            ledger, gone = revoke(await self._store.ledger(user), rule_id, every, project)
            lines = [self._of_rule(user, "revoke", rule, "you revoked it") for rule in gone]
            answer = Answer(user, id, "RevokePermission", self._finding.now(), "", {"revoked": len(gone)})
            return await self._commit(ledger, lines, answer)

        answer = await self._finding.once(user, "RevokePermission", operation_id, attempt)
        return Revoked(int(answer.details["revoked"]), ())

    async def withdraw(self, user: str, rule_id: str, every: bool, project: str, operation_id: str) -> Revoked:
        """The same by a model: of an allow and of a proposal; that a deny goes is only proposed."""

        async def attempt(id: str) -> Answer:
            now = self._finding.now()
            ledger, gone, proposed = withdraw(await self._store.ledger(user), rule_id, every, project, now)
            lines = [self._of_rule(user, "revoke", rule, "a tool took it back") for rule in gone]
            lines += [self._of_rule(user, "propose", each.rule, "to be taken back") for each in proposed]
            details = {"revoked": len(gone), "proposed": [PROPOSAL.dump_python(each, mode="json") for each in proposed]}
            return await self._commit(ledger, lines, Answer(user, id, "RevokePermission", now, "", details))

        answer = await self._finding.once(user, "RevokePermission", operation_id, attempt)
        proposed = [PROPOSAL.validate_python(each) for each in answer.details.get("proposed", [])]
        return Revoked(int(answer.details["revoked"]), proposed)

    async def decide(
        self, user: str, proposal_id: str, accept: bool, operation_id: str, shown: Shown | None = None
    ) -> Proposal:
        """The proposal, as a person accepted or declined it."""

        async def attempt(id: str) -> Answer:
            now = self._finding.now()
            ledger, proposal = decide(await self._store.ledger(user), proposal_id, accept, now, shown)
            action = "decline" if not accept else "revoke" if proposal.revokes else "record"
            lines = [self._of_rule(user, action, proposal.rule, f"you {'accepted' if accept else 'declined'} it")]
            details = {"proposal": PROPOSAL.dump_python(proposal, mode="json")}
            return await self._commit(ledger, lines, Answer(user, id, "DecideProposal", now, "", details))

        answer = await self._finding.once(user, "DecideProposal", operation_id, attempt)
        return PROPOSAL.validate_python(answer.details["proposal"])

    async def _place(self, user: str, asked: Asked) -> tuple[Place, Session | None]:
        """Of the session where there is one, else of what the call says of itself."""
        check_text(asked.project, name_max_chars, "project")
        check_text(asked.root, path_max_chars, "root")
        session = None
        if asked.which.session_id:
            session = await self._finding.find(user, asked.which)
        elif directory := normalise_directory(asked.which.working_directory):
            session = await self._finding.active(user, directory, asked.which.project)
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
            target=mask(without_contents(request.operation, request.target)),
            place=_shorten(request.place),
            verdict=decision.verdict,
            level=decision.level,
            reason=decision.reason,
            rule_id=decision.rule.id if decision.rule else "",
        )

    def _of_rule(self, user: str, action: str, rule: Rule, why: str) -> Audited:
        return Audited(
            at=self._finding.now(),
            user=user,
            action=action,
            operation=rule.operation,
            target=mask(without_contents(rule.operation, rule.pattern)),
            place=_shorten(rule.place),
            verdict=rule.verdict,
            level=rule.level,
            reason=why,
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
