"""Sessions and their state changes: the session service's domain.

Independent of gRPC, SQLite and Redis. Facts about a working directory come in as plain values.
"""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from services.kit.errors import InvalidInput, OverQuota, TooLarge
from services.kit.names import plain_name

name_max_chars = 200
path_max_chars = 4096
note_max_chars = 4000
items_max = 100
"""The most learnings of a kind, decisions, questions, steps or commits in one call."""
files_sent_max = 10_000
files_kept_max = 200
checkpoints_max = 2000
deferred_max = 100
"""The most deferred stores of one session."""
payload_max_bytes = 128 * 1024


class State(StrEnum):
    """The state of a session. Abandoned is a presumption: a call that names the session reverts it."""

    ACTIVE = "active"
    ENDED = "ended"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Session:
    """A period of work in one directory. `version` counts its changes; 0 is not stored yet."""

    id: str
    user: str
    working_directory: str
    root: str
    project: str
    created_at: datetime
    last_seen_at: datetime
    state: State = State.ACTIVE
    ended_at: datetime | None = None
    initialized_at: datetime | None = None
    checkpoints: int = 0
    first_quality: float | None = None
    last_quality: float | None = None
    deferred: tuple[str, ...] = ()  # ids of deferred stores
    has_handoff: bool = False
    has_conversations: bool = False
    """Whether conversations leave the handoffs in its place."""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Quality:
    """A project's measured quality, 0-100 each; parts that were not measured are missing."""

    overall: float
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of the work to come back to; `number` counts from 1 within the session."""

    id: str
    session_id: str
    number: int
    created_at: datetime
    note: str = ""
    quality: Quality | None = None
    quality_delta: float | None = None
    git_commit: str = ""
    git_message: str = ""
    git_skipped_reason: str = ""
    files_changed: tuple[str, ...] = ()
    files_changed_total: int = 0
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeferredStore:
    """A deferred store: a task that another service could not do yet; `payload` is JSON that only the gateway reads."""

    id: str
    session_id: str
    user: str
    kind: str
    payload: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Learnings:
    """The learnings of a session, by kind."""

    insights: tuple[str, ...] = ()
    solutions: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GitFacts:
    """The state of the repository when the session ended."""

    branch: str = ""
    commit: str = ""
    ahead: int = 0
    behind: int = 0
    uncommitted: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a session besides its checkpoints: the caller's own words, then what is stored of the talk."""

    summary: str = ""
    learnings: Learnings = Learnings()
    decisions: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    files_changed: tuple[str, ...] = ()
    git: GitFacts | None = None
    quality: Quality | None = None
    asked: str = ""
    answered: str = ""
    next_said: tuple[str, ...] = ()
    open_said: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    is_scripted: bool = False
    made_of: tuple[str, ...] = ()  # ids of the memories that these come from
    recap: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a call, kept so that a repetition of the call gets the same."""

    user: str
    operation_id: str
    method: str
    at: datetime
    session_id: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Which:
    """The session that a call refers to: by id, else the active one in a directory, else the user's only active one.

    A directory may hold another project than it did: `project` is the one that is there now, empty where that is not
    known.
    """

    session_id: str = ""
    working_directory: str = ""
    project: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """The input of `init`: where the work is, and facts about sessions abandoned there."""

    which: Which
    project: str = ""
    root: str = ""
    abandoned: Facts = Facts()
    conversation: str = ""


@dataclass(frozen=True, slots=True)
class NewCheckpoint:
    """The input of a checkpoint."""

    note: str = ""
    quality: Quality | None = None
    git_commit: str = ""
    git_message: str = ""
    git_skipped_reason: str = ""
    files_changed: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()


# --- changes: pure functions from the old state to the new -------------------------------------


def open_session(user: str, opening: Opening, now: datetime) -> Session:
    """A new session."""
    directory = normalise_directory(opening.which.working_directory)
    if not directory:
        raise InvalidInput("working_directory is missing.", "Name the directory, or the session to resume.")
    return Session(
        id=str(uuid4()),
        user=user,
        working_directory=directory,
        root=normalise_directory(opening.root) or directory,
        project=plain_name(opening.project) or plain_name(posixpath.basename(directory)) or "default",
        created_at=now,
        last_seen_at=now,
    )


def mark_seen(session: Session, now: datetime) -> Session:
    """The session after a call that named it: active, even if it was presumed abandoned."""
    if session.state is State.ENDED:
        return session
    alive = replace(session, last_seen_at=max(now, session.last_seen_at))
    if session.state is State.ABANDONED:  # its handoff will be written again
        alive = replace(alive, state=State.ACTIVE, ended_at=None, has_handoff=False)
    return alive


def has_expired(session: Session, now: datetime, lease_s: float) -> bool:
    """Whether an active session has been silent for longer than its lease."""
    return session.state is State.ACTIVE and session.last_seen_at + timedelta(seconds=lease_s) < now


def abandon(session: Session) -> Session:
    """The session as abandoned; its end is when it was last seen."""
    return replace(session, state=State.ABANDONED, ended_at=session.last_seen_at)


def end_session(session: Session, final: Quality | None, now: datetime) -> Session:
    """The session as ended, permanently."""
    quality = final.overall if final else session.last_quality
    return replace(session, state=State.ENDED, ended_at=now, last_seen_at=now, last_quality=quality)


def record_quality(session: Session, quality: Quality | None) -> Session:
    """The session with this as its latest quality, and as its first if it had none."""
    if quality is None:
        return session
    first = quality.overall if session.first_quality is None else session.first_quality
    return replace(session, first_quality=first, last_quality=quality.overall)


def add_checkpoint(session: Session, new: NewCheckpoint, now: datetime) -> tuple[Session, Checkpoint]:
    """The session with one more checkpoint, and this checkpoint."""
    if session.checkpoints >= checkpoints_max:
        raise OverQuota(
            f"This session has {checkpoints_max:,} checkpoints, the most it may have.", "End it and call init."
        )
    before = session.last_quality
    delta = None if new.quality is None or before is None else new.quality.overall - before
    checkpoint = Checkpoint(
        id=str(uuid4()),
        session_id=session.id,
        number=session.checkpoints + 1,
        created_at=now,
        note=new.note,
        quality=new.quality,
        quality_delta=delta,
        git_commit=new.git_commit,
        git_message=new.git_message,
        git_skipped_reason=new.git_skipped_reason,
        files_changed=new.files_changed[:files_kept_max],
        files_changed_total=len(new.files_changed),
        decisions=new.decisions,
    )
    return replace(record_quality(mark_seen(session, now), new.quality), checkpoints=checkpoint.number), checkpoint


def threshold_crossing(before: float | None, after: float | None, threshold: float) -> str:
    """`fell` or `rose` if the quality crossed the threshold, else empty; a first value can only fall."""
    if after is None:
        return ""
    if after < threshold and (before is None or before >= threshold):
        return "fell"
    return "rose" if after >= threshold and before is not None and before < threshold else ""


def with_deferred(session: Session, deferred: DeferredStore) -> Session:
    """The session with one more deferred store."""
    if len(session.deferred) >= deferred_max:
        raise OverQuota(f"This session has {deferred_max} deferred stores already.", "Store some of them first.")
    return replace(session, deferred=(*session.deferred, deferred.id))


def without_deferred(session: Session, deferred_id: str) -> Session:
    """The session without this deferred store."""
    return replace(session, deferred=tuple(each for each in session.deferred if each != deferred_id))


# --- input checks -------------------------------------------------------------------------------


def normalise_directory(directory: str) -> str:
    """One spelling for a directory: no doubled or trailing slashes. The caller resolves links."""
    check_text(directory, path_max_chars, "a directory")
    if "\0" in directory:
        raise InvalidInput("A directory's name cannot hold a zero byte.")
    return posixpath.normpath(directory) if directory.startswith("/") else directory.strip()


def check_text(text: str, most: int, name: str) -> None:
    """Raises LimitExceeded if `text` has more than `most` characters."""
    if len(text) > most:
        raise TooLarge(f"{name} has {len(text):,} characters; at most {most:,} are allowed.")


def check_texts(texts: Sequence[str], name: str, most_chars: int = note_max_chars, most: int = items_max) -> None:
    """Raises LimitExceeded if there are too many texts, or one is too long."""
    if len(texts) > most:
        raise TooLarge(f"{name} has {len(texts):,} items; at most {most:,} are allowed.")
    for text in texts:
        check_text(text, most_chars, name)


def check_quality(quality: Quality | None) -> None:
    """Raises InvalidInput if a score is not within 0-100."""
    if quality is None:
        return
    check_texts(tuple(quality.parts), "quality parts", name_max_chars)
    for score in (quality.overall, *quality.parts.values()):
        if not 0.0 <= score <= 100.0:
            raise InvalidInput(f"A quality of {score} is not within 0 to 100.")


def check_checkpoint(new: NewCheckpoint) -> None:
    """Raises LimitExceeded or InvalidInput if a part of it cannot be stored."""
    for name in ("note", "git_message", "git_skipped_reason"):
        check_text(getattr(new, name), note_max_chars, name)
    check_text(new.git_commit, name_max_chars, "git_commit")
    check_texts(new.files_changed, "files_changed", path_max_chars, files_sent_max)
    check_texts(new.decisions, "decisions")
    check_quality(new.quality)


def check_facts(facts: Facts) -> None:
    """Raises LimitExceeded or InvalidInput if a part of them cannot be stored."""
    for name in ("summary", "asked", "answered", "recap"):
        check_text(getattr(facts, name), note_max_chars, name)
    check_texts(facts.made_of, "made_of", name_max_chars)
    for name in ("decisions", "open_questions", "next_steps", "next_said", "open_said", "failed"):
        check_texts(getattr(facts, name), name)
    for name in ("insights", "solutions", "patterns"):
        check_texts(getattr(facts.learnings, name), name)
    check_texts(facts.files_changed, "files_changed", path_max_chars, files_sent_max)
    check_quality(facts.quality)
    if facts.git:
        check_texts((facts.git.branch, facts.git.commit), "git", path_max_chars)
        check_texts(facts.git.uncommitted, "uncommitted", path_max_chars, files_sent_max)
        check_texts(facts.git.commits, "commits")


def check_pending(deferred: DeferredStore) -> None:
    """Raises LimitExceeded or InvalidInput if it cannot be stored."""
    for name in ("id", "kind"):
        value = getattr(deferred, name)
        check_text(value, name_max_chars, name)
        if not value or not unicodedata.normalize("NFC", value).isprintable():
            raise InvalidInput(f"{name} is empty or not printable.")
    if len(deferred.payload.encode("utf-8", "replace")) > payload_max_bytes:
        raise TooLarge(f"payload is over {payload_max_bytes:,} bytes.", "Send it in parts.")
