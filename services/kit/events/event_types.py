"""The types of events that leave Segue, and what each may say: ids, counts, and words of closed lists; never content.

`leaving_data` is the only way into an event: what a type does not name, or what does not fit, stays out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = str | int | float | bool | Sequence[str] | None
Data: TypeAlias = Mapping[str, Value]

PREFIX = "dev.segue"
ids_max = 100
"""How many ids one event lists; `count` says how many there are."""
_id_form = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}"
_id = re.compile(_id_form)


@dataclass(frozen=True, slots=True)
class Field:
    """What one value is: its JSON schema, by which it is also checked."""

    description: str
    schema: Mapping[str, Any]

    def fits(self, value: object) -> bool:
        """Whether the value may leave."""
        kind = self.schema["type"]
        if kind == "string":
            words = self.schema.get("enum")
            return isinstance(value, str) and (value in words if words else bool(_id.fullmatch(value)))
        if kind == "boolean":
            return isinstance(value, bool)
        if isinstance(value, bool):
            return False
        if kind == "integer":
            return isinstance(value, int) and 0 <= value < 2**53
        return isinstance(value, int | float) and math.isfinite(value)


def identifier(description: str) -> Field:
    """An id of Segue or of git. One that strangers chose freely is no word that may leave, unless it looks like one."""
    return Field(description, {"type": "string", "pattern": f"^{_id_form}$"})


def count(description: str) -> Field:
    """A number of things."""
    return Field(description, {"type": "integer", "minimum": 0})


def number(description: str) -> Field:
    """A measure."""
    return Field(description, {"type": "number"})


def flag(description: str) -> Field:
    """Yes or no."""
    return Field(description, {"type": "boolean"})


def word(description: str, *words: str) -> Field:
    """One of a closed list."""
    return Field(description, {"type": "string", "enum": list(words)})


def identifiers(description: str) -> Field:
    """The first ids of what the event is about."""
    items = {"type": "string", "pattern": f"^{_id_form}$"}
    return Field(description, {"type": "array", "items": items, "maxItems": ids_max})


@dataclass(frozen=True, slots=True)
class EventType:
    """One type: `subject` is its name within Segue, `past` its name as a CloudEvents type, without prefix."""

    subject: str
    past: str
    source: str
    description: str
    fields: Mapping[str, Field] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return f"{PREFIX}.{self.past}.v1"

    def leaving_data(self, data: Mapping[str, object]) -> dict[str, Value]:
        """What of `data` may leave."""
        leaving: dict[str, Value] = {}
        for name, wanted in self.fields.items():
            value = data.get(name)
            if wanted.schema["type"] == "array":
                listed = value if isinstance(value, list | tuple) else ()
                leaving[name] = [each for each in listed if isinstance(each, str) and _id.fullmatch(each)][:ids_max]
            elif value is not None and wanted.fits(value):
                leaving[name] = value  # type: ignore[assignment]  # `fits` says so
        return leaving


_session = {"session_id": identifier("The session")}
_quality = {"quality": number("The quality score, 0 to 100")}
_reasons = ("user", "retention")

TYPES: tuple[EventType, ...] = (
    EventType(
        "session.init.started",
        "session.init.started",
        "session",
        "A session began, or was taken up again.",
        {**_session, "resumed": flag("Whether it was there before")},
    ),
    EventType(
        "session.init.completed",
        "session.init.completed",
        "session",
        "Its first look at the project is done.",
        {**_session, **_quality},
    ),
    EventType(
        "session.checkpoint.created",
        "session.checkpoint.created",
        "session",
        "A checkpoint was made.",
        {
            **_session,
            "checkpoint_id": identifier("The checkpoint"),
            "number": count("Its number in the session, from 1"),
            **_quality,
            "git_commit": identifier("The commit that it made, if it made one"),
        },
    ),
    EventType(
        "session.quality.threshold",
        "session.quality.threshold.crossed",
        "session",
        "The quality crossed the threshold of the settings.",
        {
            **_session,
            **_quality,
            "threshold": number("The threshold"),
            "direction": word("Which way", "fell", "rose"),
        },
    ),
    EventType(
        "session.ended",
        "session.ended",
        "session",
        "A session ended, or was abandoned after its lease.",
        {
            **_session,
            "state": word("How", "ended", "abandoned"),
            **_quality,
            "checkpoints": count("How many checkpoints it had"),
        },
    ),
    EventType(
        "permission.decided",
        "permission.decided",
        "session",
        "A permission was asked for, given, proposed, learned or taken back.",
        {
            **_session,
            "action": word("What happened", "check", "record", "propose", "learn", "revoke", "decline"),
            "decision": word("What follows", "allow", "ask", "deny"),
            "level": word("The risk", "low", "medium", "high", "critical"),
            "rule": identifier("The rule by which"),
        },
    ),
    EventType(
        "memory.stored",
        "memory.stored",
        "memory",
        "Memories were stored by one call.",
        {
            "ids": identifiers("The ids of the first of them"),
            "count": count("How many"),
            "conversations": count("How many of them are what was said"),
            "reflections": count("How many of them are reflections"),
        },
    ),
    EventType(
        "memory.deleted",
        "memory.deleted",
        "memory",
        "Memories were deleted. Their text is erased from the files later.",
        {
            "ids": identifiers("The ids of the first of them"),
            "count": count("How many"),
            "reason": word("Why", *_reasons),
        },
    ),
    EventType(
        "memory.undeleted",
        "memory.undeleted",
        "memory",
        "Deleted memories were brought back.",
        {"ids": identifiers("The ids of the first of them"), "count": count("How many")},
    ),
    EventType(
        "quality.recorded",
        "quality.recorded",
        "quality",
        "A quality score was added to a project's history.",
        {
            **_quality,
            "delta": number("By how much it differs from the one before"),
            "coverage": number("Which share of the points was measured, 0 to 1"),
            "kind": word("At what", "check", "checkpoint"),
            "operation_id": identifier("The operation that measured it"),
            "git_commit": identifier("The commit it was measured at"),
        },
    ),
    EventType(
        "project.pushed",
        "project.pushed",
        "integration",
        "Commits were pushed to a project's repository.",
        {
            "intake_id": identifier("The intake that was told of it"),
            "provider": word("By whom", "github", "gitlab"),
            "git_commit": identifier("The last of the commits"),
            "commits": count("How many"),
        },
    ),
    EventType(
        "project.merged",
        "project.merged",
        "integration",
        "A pull request, or merge request, was merged.",
        {
            "intake_id": identifier("The intake that was told of it"),
            "provider": word("By whom", "github", "gitlab"),
            "git_commit": identifier("The merge's commit"),
            "number": count("The number of the request"),
        },
    ),
    EventType(
        "events.dropped",
        "events.dropped",
        "integration",
        "Events are missing: there were more than the bound before somebody took them. It belongs to no user.",
        {
            "from": word("Whose were dropped", "session", "memory", "quality", "log"),
            "count": count("How many"),
        },
    ),
)
BY_SUBJECT: Mapping[str, EventType] = {each.subject: each for each in TYPES}
