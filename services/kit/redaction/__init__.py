"""Redaction: removes secrets and private text before a text is stored, sent or logged.

Call `without_private` first, then `redact`. Standard library only; patterns are compiled when they are first needed.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from services.kit.redaction import values
from services.kit.redaction.scan import PLACEHOLDER_START, Secret, secrets_in

__all__ = ["Redacted", "RedactedValue", "Secret", "find", "redact", "redact_json", "without_private"]

PASSES_MAX = 8
DEPTH_MAX = 32
KEY_CHARS_READ = 64
PRIVATE_MARK = "[private]"
_TOO_DEEP = "nested too deep"
_PRIVATE_TAG = (
    r"<[ \t]{0,8}(?P<closing>/?)[ \t]{0,8}private"
    r"""(?:\s(?:"[^"\n]{0,200}"|'[^'\n]{0,200}'|[^<>]){0,300}+)?(?<!/)>"""  # with attributes; <private/> hides nothing
)
_PRIVATE_MARKS = rf"(?P<line>\n)|(?P<ticks>`+)|{_PRIVATE_TAG}"
_TELLING_KEY = (
    r"(?:.*[_.-])?(?:passw(?:or)?d|passphrase|pwd|secret|authorization|cookie|private[_-]?key|(?<!page[_-])token"
    r"|(?:api|access|secret)[_-]?key)"
)


class Redacted(NamedTuple):
    """A text without its secrets, how many there were, and their kinds in plain words, each once, sorted."""

    text: str
    count: int  # type: ignore[assignment]  # hides tuple.count; a dataclass would double the time to import
    kinds: tuple[str, ...]


class RedactedValue(NamedTuple):
    """As `Redacted`, for a JSON value."""

    value: Any
    count: int  # type: ignore[assignment]  # hides tuple.count; a dataclass would double the time to import
    kinds: tuple[str, ...]


def find(text: str) -> list[Secret]:
    """The secrets in a text, in order and without overlap: kind, and `text[start:end]`. Never raises."""
    return secrets_in(text)


def redact(text: str) -> Redacted:
    """The text with each secret replaced by `[redacted: <kind>]`; the rest is unchanged, character for character.

    Redacting twice changes nothing more, and a placeholder is not counted again. Never raises.

    """
    kinds: list[str] = []
    text = _without_secrets(text, kinds)
    return Redacted(text, len(kinds), _each_once(kinds))


def _without_secrets(text: str, kinds: list[str]) -> str:
    """The text redacted; the kind of each secret is added to `kinds`."""
    for _ in range(PASSES_MAX):  # a placeholder is a boundary, and may expose what was adjacent to the secret
        secrets = find(text)
        if not secrets:
            break
        kinds += [secret.kind for secret in secrets]
        text = _replace_secrets(text, secrets)
    return text


def _replace_secrets(text: str, secrets: list[Secret]) -> str:
    parts, at = [], 0
    for secret in secrets:
        parts += [text[at : secret.start], _placeholder(secret.kind)]
        at = secret.end
    return "".join([*parts, text[at:]])


def _placeholder(kind: str) -> str:
    return f"{PLACEHOLDER_START}{kind}]"


def _each_once(kinds: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(kinds)))


def redact_json(value: Any) -> RedactedValue:
    """A copy of a JSON value with every string in it redacted, keys included.

    A key that names a secret, such as "password", makes any string under it a secret, unless it is a placeholder.
    Anything nested deeper than `DEPTH_MAX` is replaced as a whole. Never raises.

    """
    kinds: list[str] = []
    redacted = _redacted_value(value, kinds, key="", depth=0)
    return RedactedValue(redacted, len(kinds), _each_once(kinds))


def _redacted_value(value: Any, kinds: list[str], key: str, depth: int) -> Any:
    if isinstance(value, str):
        return _redacted_string(value, kinds, key)
    if not isinstance(value, dict | list | tuple):
        return value
    if depth >= DEPTH_MAX:
        kinds.append(_TOO_DEEP)
        return _placeholder(_TOO_DEEP)
    if isinstance(value, dict):
        return _redacted_object(value, kinds, depth)
    return [_redacted_value(item, kinds, key, depth + 1) for item in value]


def _redacted_object(value: dict[Any, Any], kinds: list[str], depth: int) -> dict[Any, Any]:
    redacted: dict[Any, Any] = {}
    for key, inner in value.items():
        name = _without_secrets(key, kinds) if isinstance(key, str) else key
        if name in redacted:  # two secrets of one kind as keys
            name = f"{name} {len(redacted)}"
        redacted[name] = _redacted_value(inner, kinds, str(key), depth + 1)
    return redacted


def _redacted_string(text: str, kinds: list[str], key: str) -> str:
    if key and _is_telling(key) and values.any_value(text, bare=False):
        kinds.append("password" if re.search("pass|pwd", key, re.IGNORECASE) else "secret")
        return _placeholder(kinds[-1])
    return _without_secrets(text, kinds)


def _is_telling(key: str) -> bool:
    snake_case = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key[-KEY_CHARS_READ:])
    return bool(re.fullmatch(_TELLING_KEY, snake_case, re.IGNORECASE))


def without_private(text: str) -> tuple[str, int]:
    """The text with each `<private>…</private>` replaced by `[private]`, and the number of replacements.

    The tags may be nested, in any case, with attributes and many lines apart; an unclosed one hides the rest of the
    text. A tag that fills a code span (`<private>`) is a mention, and hides nothing.

    """
    if not re.search(_PRIVATE_TAG, text, re.IGNORECASE):
        return text, 0
    parts: list[str] = []
    depth, shown_from, count = 0, 0, 0
    in_code = {False: False, True: False}  # outside hidden text and inside it: each has its own backticks
    for mark in re.finditer(_PRIVATE_MARKS, text, re.IGNORECASE):
        if mark["line"] or mark["ticks"]:
            in_code[depth > 0] = not (mark["line"] or in_code[depth > 0])
        elif in_code[depth > 0] and _fills_code_span(text, mark):
            continue
        elif not mark["closing"]:
            if depth == 0:
                parts += [text[shown_from : mark.start()], PRIVATE_MARK]
                count += 1
                in_code[True] = False
            depth += 1
        elif depth:
            depth -= 1
            shown_from = mark.end()
    if depth == 0:
        parts.append(text[shown_from:])
    return "".join(parts), count


def is_private_open(text: str) -> bool:
    """Whether a `<private>` is not closed in the text: what follows it is private, too."""
    return not without_private(f"{text}\n.")[0].endswith("\n.")


def _fills_code_span(text: str, tag: re.Match[str]) -> bool:
    return text[tag.start() - 1] == "`" and text[tag.end() : tag.end() + 1] == "`"
