"""Converts between the domain's records and the messages of session.proto."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.names import plain_name
from services.pb import session_pb2 as pb
from services.session.domain.conversations import Conversation
from services.session.domain.handoff import Handoff
from services.session.domain.permissions import Audited, Proposal, Rule
from services.session.domain.sessions import (
    Checkpoint,
    DeferredStore,
    Facts,
    GitFacts,
    Learnings,
    Quality,
    Session,
    Which,
)


def which(message: pb.Which) -> Which:
    """The same."""
    return Which(message.session_id.strip(), message.working_directory, plain_name(message.project))


def quality_of(message: pb.CompleteInitRequest | pb.CheckpointRequest | pb.Facts) -> Quality | None:
    """The message's quality, if it has one."""
    if not message.HasField("quality"):
        return None
    return Quality(message.quality.overall, dict(message.quality.parts))


def facts(message: pb.Facts) -> Facts:
    """The same."""
    git = message.git
    return Facts(
        summary=message.summary,
        learnings=Learnings(tuple(message.insights), tuple(message.solutions), tuple(message.patterns)),
        decisions=tuple(message.decisions),
        open_questions=tuple(message.open_questions),
        next_steps=tuple(message.next_steps),
        files_changed=tuple(message.files_changed),
        git=GitFacts(git.branch, git.commit, git.ahead, git.behind, tuple(git.uncommitted), tuple(git.commits))
        if message.HasField("git")
        else None,
        quality=quality_of(message),
        asked=message.asked,
        answered=message.answered,
        next_said=tuple(message.next_said),
        open_said=tuple(message.open_said),
        failed=tuple(message.failed),
        is_scripted=message.is_scripted,
        made_of=tuple(message.made_of),
        recap=message.recap,
    )


def conversation(record: Conversation, *, is_quiet: bool = False) -> pb.Conversation:
    """The same, without its user."""
    return pb.Conversation(
        id=record.id,
        session_id=record.session_id,
        working_directory=record.working_directory,
        project=record.project,
        began_at=_time(record.began_at),
        heard_at=_time(record.heard_at),
        is_open=record.is_open,
        is_quiet=is_quiet,
        digests=record.digests,
        recap=record.recap,
    )


def session(record: Session) -> pb.SessionState:
    """The session without its user, who is the caller."""
    return pb.SessionState(
        id=record.id,
        working_directory=record.working_directory,
        root=record.root,
        project=record.project,
        state=record.state,
        created_at=_time(record.created_at),
        last_seen_at=_time(record.last_seen_at),
        ended_at=_time(record.ended_at),
        initialized_at=_time(record.initialized_at),
        checkpoints=record.checkpoints,
        first_quality=record.first_quality,
        last_quality=record.last_quality,
        owed=record.deferred,
        has_handoff=record.has_handoff,
        version=record.version,
    )


def checkpoint(record: Checkpoint) -> pb.CheckpointRecord:
    """The same."""
    quality = record.quality
    return pb.CheckpointRecord(
        id=record.id,
        session_id=record.session_id,
        number=record.number,
        created_at=_time(record.created_at),
        note=record.note,
        quality=pb.Quality(overall=quality.overall, parts=quality.parts) if quality else None,
        quality_delta=record.quality_delta,
        git_commit=record.git_commit,
        git_message=record.git_message,
        git_skipped_reason=record.git_skipped_reason,
        files_changed=record.files_changed,
        files_changed_total=record.files_changed_total,
        decisions=record.decisions,
    )


def handoff(record: Handoff) -> pb.HandoffDocument:
    """The same."""
    return pb.HandoffDocument(
        session_id=record.session_id,
        project=record.project,
        ended_at=_time(record.ended_at),
        state=record.state,
        summary=record.summary,
        next_steps=record.next_steps,
        open_questions=record.open_questions,
        markdown=record.markdown,
        file_name=record.file_name,
        id=record.key,
        conversation=record.conversation,
        working_directory=record.working_directory,
        branch=record.branch,
        asked=record.asked,
        answered=record.answered,
        failed=record.failed,
        uncommitted=record.uncommitted,
        decisions=record.decisions,
        unfinished=record.unfinished,
        is_scripted=record.is_scripted,
        made_of=record.made_of,
        has_own_words=bool(record.own),
        cleared_digest=record.cleared_digest,
    )


def handoff_entry(record: Handoff) -> pb.HandoffDocument:
    """The handoff without its texts."""
    return pb.HandoffDocument(
        id=record.key,
        conversation=record.conversation,
        working_directory=record.working_directory,
        session_id=record.session_id,
        project=record.project,
        ended_at=_time(record.ended_at),
        file_name=record.file_name,
        made_of=record.made_of,
        cleared_digest=record.cleared_digest,
    )


def pending_message(record: DeferredStore) -> pb.Owed:
    """The same."""
    return pb.Owed(
        id=record.id,
        session_id=record.session_id,
        kind=record.kind,
        payload=record.payload,
        created_at=_time(record.created_at),
    )


def rule(record: Rule) -> pb.Rule:
    """The same."""
    return pb.Rule(
        id=record.id,
        operation=record.operation,
        pattern=record.pattern,
        scope=record.scope,
        decision=record.verdict,
        level=record.level.name.lower(),
        source=record.source,
        project=record.place.project,
        session_id=record.place.session_id,
        created_at=_time(record.created_at),
        expires_at=_time(record.expires_at),
        exact=record.exact,
        root=record.place.root,
    )


def proposal(record: Proposal) -> pb.Proposal:
    """The same."""
    return pb.Proposal(id=record.id, rule=rule(record.rule), revokes=record.revokes, proposed_at=_time(record.at))


def audit_line(record: Audited) -> pb.AuditLine:
    """The same."""
    return pb.AuditLine(
        at=_time(record.at),
        action=record.action,
        operation=record.operation,
        target=record.target,
        project=record.place.project,
        session_id=record.place.session_id,
        decision=record.verdict,
        level=record.level.name.lower(),
        reason=record.reason,
        rule_id=record.rule_id,
    )


def _time(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time.astimezone(UTC))
    return message
