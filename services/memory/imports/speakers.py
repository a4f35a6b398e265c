"""Who said a line of a transcript: a person, a script, a scheduler, another agent, a subagent, or the client itself.

Present clients say so (`origin`, `promptSource`, `turnOrigin`, `entrypoint`). Lines of older ones have none of these,
and are a person's unless something else shows. What a client names that is not known here is never taken for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]

PERSON, SCRIPT, SCHEDULER, PEER, SUBAGENT, SYSTEM = "person", "script", "scheduler", "peer", "subagent", "system"
AGENT = "agent"

_BY_KIND = {"human": PERSON, "peer": PEER, "channel": PEER, "task-notification": SYSTEM}
_BY_SUBKIND = {"scheduled-trigger": SCHEDULER, "peer-send-message": PEER}
_BY_PROMPT_SOURCE = {"typed": PERSON, "queued": PERSON, "suggestion_accepted": PERSON, "sdk": SCRIPT}
_BY_TURN_ORIGIN = {"human": PERSON, "sdk": SCRIPT, "scheduled": SCHEDULER, "peer": PEER}
_SDK = "sdk"


def prompt_speaker(fields: Fields) -> str:
    """The speaker of a prompt."""
    origin = fields.get("origin")
    if isinstance(origin, Mapping):
        kind = _BY_KIND.get(_text(origin, "kind"), SYSTEM)
        return _BY_SUBKIND.get(_text(origin, "subkind"), kind) if kind == SYSTEM else kind
    source, turn = _text(fields, "promptSource"), _text(fields, "turnOrigin")
    if source in _BY_PROMPT_SOURCE:
        return _BY_PROMPT_SOURCE[source]
    if turn or source:
        return _BY_TURN_ORIGIN.get(turn, SYSTEM)
    return SCRIPT if _is_sdk(fields) else PERSON


def answer_speaker(fields: Fields) -> str:
    """The speaker of what a dialog of the client was answered, which stands in a tool's result."""
    if fields.get("holdsPersonsWords") is True:
        return PERSON
    decision = fields.get("permissionDecision")
    if isinstance(decision, Mapping) and _text(decision, "source"):
        return PERSON if _text(decision, "source").startswith("user") else SYSTEM
    return SCRIPT if _is_sdk(fields) else PERSON


def is_vouched(fields: Fields) -> bool:
    """Whether the client itself says that a person typed the line."""
    origin = fields.get("origin")
    return isinstance(origin, Mapping) and origin.get("kind") == "human"


def _is_sdk(fields: Fields) -> bool:
    return _text(fields, "entrypoint").partition("-")[0] == _SDK


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
