"""The words in a line of a transcript: its texts that somebody said, with who it was and how they are marked."""

from __future__ import annotations

from typing import Any, NamedTuple

from services.kit.redaction import is_private_open
from services.kit.visible_text import is_blank
from services.memory.imports.decisions import marks
from services.memory.imports.json_lines import Fields, whole
from services.memory.imports.speakers import AGENT, PEER, PERSON, SUBAGENT, SYSTEM, is_vouched, prompt_speaker
from services.memory.imports.wrappers import typed_text, wrapped_words

# Any of these flags means that the client wrote the line, not a person or the model.
CLIENT_FLAGS = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly", "isApiErrorMessage")
SYNTHETIC_MODEL = "<synthetic>"


class Words(NamedTuple):
    """A text of a line with its place there: who said it, the marks, and the dialog of the client that it answers."""

    place: int
    role: str
    text: str
    speaker: str
    marks: tuple[str, ...] = ()
    dialog: str = ""


def is_prompt(fields: Fields) -> bool:
    """Whether the line begins a turn, whoever said it."""
    is_clients = any(fields.get(flag) for flag in CLIENT_FLAGS)
    return fields.get("type") == "user" and not is_clients and bool(_texts(content(fields)))


def spoken_words(fields: Fields) -> list[Words]:
    """The texts of a line that somebody said."""
    if any(fields.get(flag) for flag in CLIENT_FLAGS):
        return []
    is_sidechain = fields.get("isSidechain") is True
    if fields.get("type") == "assistant":
        texts = [] if _is_synthetic(fields) else _texts(content(fields))
        return [Words(place, "assistant", text, SUBAGENT if is_sidechain else AGENT) for place, text in texts]
    if is_sidechain:
        return []
    queued = _queued_prompt(fields)
    prompt = content(fields) if fields.get("type") == "user" else queued.get("prompt")
    described: Fields = {**fields, **{key: queued[key] for key in ("origin", "promptSource") if key in queued}}
    if (speaker := prompt_speaker(described)) == SYSTEM:
        return []
    said = [_prompt_words(place, text, speaker, described) for place, text in _texts(prompt)]
    return [words for words in said if words.text]


def _prompt_words(place: int, text: str, speaker: str, fields: Fields) -> Words:
    """A prompt without the client's additions; where no person is vouched for, these tell who said it."""
    if speaker == PERSON and not is_vouched(fields):
        speaker, text = wrapped_words(text)
    if speaker == PEER:
        said = _peer_body(fields) or wrapped_words(text)[1].strip()
        return Words(place, "assistant", "" if _is_protocol(said) else said, PEER)
    typed = typed_text(text)
    return Words(place, "user", typed.text, speaker, marks(typed.typed) if speaker == PERSON else ())


def _peer_body(fields: Fields) -> str:
    """What another agent said, where the client has it apart from its own words."""
    origin = fields.get("origin")
    return whole(_string(origin, "body")).strip() if isinstance(origin, dict) else ""


def _is_protocol(text: str) -> bool:
    """Whether agents only signal something to each other, as that they have nothing to do."""
    return text.startswith('{"type":"') and text.endswith("}")


def _queued_prompt(fields: Fields) -> Fields:
    """The prompt that a user queued while the agent was working, which the client stores only as an attachment."""
    queued = fields.get("attachment")
    if not isinstance(queued, dict) or queued.get("type") != "queued_command" or queued.get("isMeta"):
        return {}
    return queued if queued.get("commandMode") == "prompt" else {}


def _texts(content: Any) -> list[tuple[int, str]]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    texts = [
        (index, whole(block["text"]).strip())
        for index, block in enumerate(content if isinstance(content, list) else [])
        if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
    ]
    return _with_private([(index, text) for index, text in texts if not is_blank(text)])


def _with_private(texts: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The texts, each with the `<private>` that an earlier one opened: they are one prompt."""
    is_open, found = False, []
    for index, text in texts:
        marked = f"<private>{text}" if is_open else text
        found.append((index, marked))
        is_open = len(texts) > 1 and is_private_open(marked)
    return found


def content(fields: Fields) -> Any:
    """The content of the line's message, as the client wrote it."""
    message = fields.get("message")
    return message.get("content") if isinstance(message, dict) else None


def _is_synthetic(fields: Fields) -> bool:
    message = fields.get("message")
    return isinstance(message, dict) and message.get("model") == SYNTHETIC_MODEL


def _string(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
