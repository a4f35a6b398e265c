"""The shapes of what the permission tools answer; see `shapes.py`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.gateway.answers.memory_results import Result, iso
from services.gateway.answers.session_results import when
from services.pb import session_pb2


def way_back(said: session_pb2.CheckPermissionResponse) -> str:
    """How the user takes back the rule that denies it."""
    if not said.rule.id:
        return "`segue permissions` shows the user what holds here."
    return f"The user takes the rule back: segue revoke {said.rule.id}"


class RuleShape(BaseModel):
    """A rule on what may be done without asking."""

    id: str
    operation: str
    pattern: str | None = Field(description="Of targets: * is anything; null is every one")
    scope: str
    decision: str
    level: str
    source: str = Field(description="user, or learned")
    project: str | None
    expires_at: str | None
    created_at: str | None = None
    exact: bool = Field(default=False, description="Whether * in the pattern is a *")

    @classmethod
    def of(cls, rule: session_pb2.Rule) -> RuleShape:
        """The same rule."""
        return cls(
            id=rule.id,
            operation=rule.operation,
            pattern=rule.pattern or None,
            scope=rule.scope,
            decision=rule.decision,
            level=rule.level,
            source=rule.source,
            project=rule.project or None,
            expires_at=when(rule.expires_at),
            created_at=when(rule.created_at),
            exact=rule.exact,
        )


class ProposalShape(BaseModel):
    """What waits for the user: a rule that does not hold yet, or that a rule be taken back."""

    id: str
    rule: RuleShape
    revokes: bool = Field(description="Whether the rule is to be taken back")
    proposed_at: str
    how_to_decide: str

    @classmethod
    def of(cls, proposal: session_pb2.Proposal) -> ProposalShape:
        """The same."""
        return cls(
            id=proposal.id,
            rule=RuleShape.of(proposal.rule),
            revokes=proposal.revokes,
            proposed_at=iso(proposal.proposed_at),
            how_to_decide=how_to_decide(proposal.id),
        )


def how_to_decide(proposal: str) -> str:
    """What the user does about a proposal."""
    return f"The user decides, in a terminal of their own: segue permit {proposal}, or segue deny {proposal}."


class DecisionAnswer(Result):
    """Answer of `check_permission`."""

    decision: str = Field(description="allow, ask or deny")
    security_level: str = Field(description="low, medium, high or critical")
    reason: str
    rule: RuleShape | None
    expires_at: str | None


class RuleAnswer(Result):
    """Answer of `record_permission`. What is proposed holds nothing until the user accepts it."""

    rule: RuleShape
    status: str = Field(description="recorded or proposed; declined where the user said no at once")
    how_to_decide: str | None = None
    warnings: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, answer: session_pb2.RecordPermissionResponse) -> RuleAnswer:
        """The same."""
        how = how_to_decide(answer.rule.id) if answer.status == "proposed" else None
        rule = RuleShape.of(answer.rule)
        return cls(rule=rule, status=answer.status, how_to_decide=how, warnings=list(answer.warnings))

    def with_decision(self, proposal: session_pb2.Proposal, accepted: bool) -> RuleAnswer:
        """The answer once the user has decided the proposal."""
        status = "recorded" if accepted else "declined"
        return self.model_copy(update={"rule": RuleShape.of(proposal.rule), "status": status, "how_to_decide": None})


class PermissionsAnswer(Result):
    """Answer of `permission_status`."""

    trusted_operations: list[str]
    auto_approve_patterns: list[str]
    history: list[dict[str, Any]]
    security_level: str
    rules: list[RuleShape]
    proposals: list[ProposalShape] = Field(default_factory=list, description="What waits for the user")

    @classmethod
    def of(cls, status: session_pb2.PermissionStatusResponse) -> PermissionsAnswer:
        """The same."""
        names = ("action", "operation", "target", "project", "session_id", "decision", "level", "reason", "rule_id")
        history = [{"at": iso(line.at)} | {name: getattr(line, name) for name in names} for line in status.history]
        return cls(
            trusted_operations=list(status.trusted_operations),
            auto_approve_patterns=list(status.auto_approve_patterns),
            history=history,
            security_level=status.security_level,
            rules=[RuleShape.of(rule) for rule in status.rules],
            proposals=[ProposalShape.of(each) for each in status.proposals],
        )


class RevokedAnswer(Result):
    """Answer of `revoke_permission`. That a deny goes is only proposed."""

    revoked: int
    proposed: list[ProposalShape] = Field(default_factory=list)
