"""Conversations: what a client calls a session, by the client's own id. Several can be at work in one directory.

When one ends it leaves a handoff. One that is not heard of may have been killed, or may be waiting for its user: its
handoff is written from what is stored of it, says that it is unfinished, and is written again if it speaks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import NAMESPACE_URL, uuid5

from services.kit.errors import InvalidInput
from services.session.domain.handoff import Ending, Handoff, OwnWords
from services.session.domain.sessions import Facts, Session, check_text, check_texts, name_max_chars

quiet_s = 600.0
"""Whoever is not heard of for this long may have been killed, and keeps no session open."""
noted_every_s = 60.0
"""A conversation that goes on is written down this often at most."""
digests_max = 600
recap_max_chars = 4_000
briefed_handoffs_max = 5
digest_max_chars = 32


class Reason(StrEnum):
    """Why a conversation's handoff is written."""

    ENDED = "ended"
    SILENT = "silent"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation; `version` 0 is not stored yet."""

    id: str
    user: str
    working_directory: str
    project: str
    began_at: datetime
    heard_at: datetime
    session_id: str = ""
    is_open: bool = True
    handoffs_before: int = 0
    """The place of the project's last handoff when it began."""
    checkpoints_before: int = 0
    """How many checkpoints its session had then."""
    digests: tuple[str, ...] = ()
    """Of what the model was told in it."""
    recap: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client said of a conversation at work."""

    id: str
    working_directory: str
    project: str = ""
    begins: bool = False
    digests: tuple[str, ...] = ()
    recap: str = ""


def handoff_id(user: str, conversation: str) -> str:
    """The id of a conversation's handoff: the same whenever it is written, and another for each user."""
    return str(uuid5(NAMESPACE_URL, f"segue:conversation:{user}\0{conversation}"))


def check_heard(heard: Heard) -> None:
    """Raises InvalidInput or TooLarge if it cannot be stored."""
    check_text(heard.id, name_max_chars, "conversation")
    if not heard.id or not heard.id.isprintable():
        raise InvalidInput("conversation is empty or not printable.")
    if not heard.working_directory:
        raise InvalidInput("working_directory is missing.")
    check_text(heard.recap, recap_max_chars, "recap")
    check_texts(heard.digests, "digests", digest_max_chars, digests_max)


def hear(known: Conversation, heard: Heard, now: datetime) -> Conversation:
    """The conversation after it was heard of; unchanged if there is nothing worth writing down."""
    digests = tuple(dict.fromkeys((*known.digests, *heard.digests)))[-digests_max:]
    following = replace(known, is_open=True, digests=digests, recap=heard.recap or known.recap, heard_at=now)
    is_due = heard.begins or abs(now - known.heard_at) >= timedelta(seconds=noted_every_s)
    return following if is_due or following != replace(known, heard_at=now) else known


def is_quiet(conversation: Conversation, now: datetime) -> bool:
    """Whether it may have been killed. A clock that was set back or forward makes it quiet, too."""
    return abs(now - conversation.heard_at) > timedelta(seconds=quiet_s)


def at_work(conversations: Iterable[Conversation], without: str, directory: str, now: datetime) -> list[Conversation]:
    """Those that keep the session of a directory open, besides the one that is just closed."""
    return [
        each
        for each in conversations
        if each.is_open and each.id != without and each.working_directory == directory and not is_quiet(each, now)
    ]


def since_last_open(handoffs: Sequence[Handoff], directory: str) -> list[Handoff]:
    """Of a project's handoffs, the last one first: those that came since the last conversation in the directory began.

    These are its own and the ones that it was not digests of. What a script left counts only where no person did.
    """
    personal = [each for each in handoffs if not each.is_scripted]
    chosen = [each for each in personal or handoffs if not (each.unfinished and _is_followed(each, personal))]
    own = next((each for each in chosen if each.working_directory == directory), None)
    if own is None:
        return [each for number, each in enumerate(chosen[:briefed_handoffs_max]) if number == 0 or each.unfinished]
    return [each for each in chosen if each.place > own.after or each is own][:briefed_handoffs_max]


def ending(
    conversation: Conversation, session: Session | None, earlier: Handoff | None, reason: Reason, now: datetime
) -> Ending:
    """What the conversation's handoff is of. One that is corrected keeps its time and its place."""
    kept = earlier if reason is Reason.DELETED else None
    last = conversation.heard_at if reason is Reason.SILENT else now
    own_id = handoff_id(conversation.user, conversation.id)
    return Ending(
        id=own_id,
        session_id=session.id if session else conversation.session_id or own_id,
        user=conversation.user,
        project=conversation.project,
        working_directory=conversation.working_directory,
        began_at=conversation.began_at,
        ended_at=kept.ended_at if kept else last,
        conversation=conversation.id,
        unfinished=kept.unfinished if kept else reason is Reason.SILENT,
        after=conversation.handoffs_before,
        place=kept.place if kept else 0,
        cleared_digest=kept.cleared_digest if kept else "",
        checkpoints=session.checkpoints - conversation.checkpoints_before if session else 0,
    )


def own_words(facts: Facts, earlier: Handoff | None, reason: Reason = Reason.ENDED) -> OwnWords:
    """What `end` is told now, else what it was told earlier in it; not what sums up something that was deleted."""
    now = OwnWords(facts.summary, facts.next_steps, facts.open_questions)
    return now or (earlier.own if earlier and earlier.own and reason is not Reason.DELETED else now)


def _is_followed(unfinished: Handoff, handoffs: Sequence[Handoff]) -> bool:
    """Whether a later conversation of its directory was told of it and has ended: that tells what became of it."""
    return any(
        each.working_directory == unfinished.working_directory
        and each.after >= unfinished.place
        and not each.unfinished
        for each in handoffs
    )


def has_something_to_say(facts: Facts, own: OwnWords) -> bool:
    """Whether somebody said something in the conversation that a next one could need."""
    return bool(facts.asked or facts.answered or facts.decisions or own)


def is_said_already(facts: Facts, earlier: Handoff | None, reason: Reason) -> bool:
    """Whether the earlier handoff says all of it: then it stays as it is, in its place."""
    if earlier is None or earlier.made_of != facts.made_of or reason is Reason.DELETED:
        return False
    return reason is not Reason.ENDED or not (
        earlier.unfinished or OwnWords(facts.summary, facts.next_steps, facts.open_questions)
    )
