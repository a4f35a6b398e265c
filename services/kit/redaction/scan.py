"""The scan for secrets: cheap passes find candidates, then the few rules that apply are tried there.

Every pass is linear: what a pattern may read is bounded or possessive, and nothing is tried again inside an accepted
value.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from services.kit.redaction import values
from services.kit.redaction.rules import CLAUSE_ENDS, COOKIE, COOKIES, RULES, SESSION_COOKIE_WORDS, Rule
from services.kit.redaction.tables import table_cells
from services.kit.redaction.token_formats import FORMS, Form
from services.kit.redaction.values import lazy_pattern

PLACEHOLDER_START = "[redacted: "
PRIVATE_KEY_CHARS_MAX = 32_768
_ISSUED_CHARS_MIN = 20
_LINE_CHARS_BEFORE_MAX = 300
_REJECTED_CHARS_READ_ONCE = 200  # one endless word full of anchors is not read again for each
_LETTERS_AND_DIGITS = string.ascii_letters + string.digits + "_~"
_MIDDLE = "-.78"  # prefixes of formats that start earlier: -us14, .atlasv1., 8Q~


class Secret(NamedTuple):
    """The kind of secret at `text[start:end]`, in plain words."""

    kind: str
    start: int
    end: int


def secrets_in(text: str) -> list[Secret]:
    """Every secret, in order, without overlap; placeholders of an earlier redaction are skipped."""
    folded = text.replace("\u0130", "I").lower()  # the same length: İ alone would become two letters
    found = [*_token_secrets(text), *_private_keys(text), *_cookies(text, folded), *_anchored_secrets(text, folded)]
    found += [Secret(kind, *span) for kind, span in table_cells(text, folded)]
    return _merge([secret for secret in found if PLACEHOLDER_START not in text[secret.start : secret.end]])


def _merge(found: list[Secret]) -> list[Secret]:
    """Merges overlapping secrets, named by the first that was found: issuers' formats are more specific than names."""
    merged: list[tuple[int, Secret]] = []
    for rank, secret in sorted(enumerate(found), key=lambda ranked: ranked[1].start):
        if merged and secret.start < merged[-1][1].end:
            other_rank, other = merged[-1]
            kind = other.kind if other_rank < rank else secret.kind
            merged[-1] = (min(rank, other_rank), Secret(kind, other.start, max(other.end, secret.end)))
        else:
            merged.append((rank, secret))
    return [secret for _, secret in merged]


def _token_secrets(text: str) -> Iterator[Secret]:
    """Tokens with a known format, in the long words of the text."""
    for word in lazy_pattern(rf"[A-Za-z0-9_.~-]{{{_ISSUED_CHARS_MIN},}}").finditer(text):
        end = 0
        for prefix in _prefix_pattern().finditer(text, *word.span()):
            if prefix.start() < end:
                continue
            secret, end = _of_form(text, prefix)
            if secret:
                yield secret


@cache
def _prefix_pattern() -> re.Pattern[str]:
    """Where a format may begin: at the start of a word (the escapes `\\n` and `%3D` are no letters), or within one."""
    longest_first = sorted({prefix for form in FORMS for prefix in form.prefixes}, key=len, reverse=True)
    at_start = "|".join(re.escape(prefix) for prefix in longest_first if prefix[0] not in _MIDDLE)
    within = "|".join(re.escape(prefix) for prefix in longest_first if prefix[0] in _MIDDLE)
    return re.compile(rf"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt])|(?<=%[0-9A-F]{{2}}))(?:{at_start})|{within}")


@cache
def _forms_that_begin(prefix: str) -> tuple[Form, ...]:
    return tuple(form for form in FORMS if prefix.startswith(form.prefixes))


def _of_form(text: str, prefix: re.Match[str]) -> tuple[Secret | None, int]:
    """The token, and the position before which no other prefix need be tried."""
    read_to = prefix.start()
    for form in _forms_that_begin(prefix[0]):
        match = lazy_pattern(form.pattern).match(text, prefix.start())
        if match:
            start, read_to = prefix.start() - _chars_before(form, text, prefix.start()), match.end()
            if not values.is_placeholder(text[start : prefix.start()] + text[prefix.end() : read_to]):
                return Secret(form.kind, start, read_to), read_to
    return None, read_to


def _chars_before(form: Form, text: str, at: int) -> int:
    """The number of letters and digits before a prefix, for formats that are recognised by their middle."""
    if form.prefixes[0][0] not in _MIDDLE:
        return 0
    before = text[max(0, at - 64) : at]
    return len(before) - len(before.rstrip(_LETTERS_AND_DIGITS))


@cache
def _rules_by_anchor() -> dict[str, tuple[Rule, ...]]:
    anchors = dict.fromkeys(anchor for rule in RULES for anchor in rule.anchors)
    return {anchor: tuple(rule for rule in RULES if anchor in rule.anchors) for anchor in anchors}


@cache
def _anchor_patterns() -> tuple[re.Pattern[str], ...]:
    """One pattern per first letter: the search skips to that letter, many times faster than one pattern for all."""
    longest_first = sorted(_rules_by_anchor(), key=len, reverse=True)
    by_letter: dict[str, list[str]] = {}
    for anchor in longest_first:
        by_letter.setdefault(anchor[0], []).append(re.escape(anchor))
    return tuple(re.compile("|".join(anchors)) for anchors in by_letter.values())


def _anchored_secrets(text: str, folded: str) -> Iterator[Secret]:
    """Secrets recognised by the text before them."""
    anchors = [(match.start(), match[0]) for pattern in _anchor_patterns() for match in pattern.finditer(folded)]
    end = 0
    for at, anchor in sorted(anchors):
        if at < end:
            continue
        for rule in _rules_by_anchor()[anchor]:
            secret, read_to = _by_rule(rule, text, folded, at)
            end = max(end, read_to)
            if secret:
                yield secret
                break


def _by_rule(rule: Rule, text: str, folded: str, at: int) -> tuple[Secret | None, int]:
    """The secret, and the position before which no other anchor need be tried."""
    if rule.after and not any(word in _line_before(folded, at) for word in rule.after):
        return None, at
    match = lazy_pattern(rule.pattern, re.IGNORECASE).match(text, at)
    if not match:
        return None, at
    start, end = match.span(match.lastindex or 0)
    bare = text[start - 1 : start] not in ("'", '"', "`")
    if bare:
        end = _end_without_full_stop(text, start, end)
    if not rule.accepts(text[start:end], bare):
        return None, end if bare and end - start >= _REJECTED_CHARS_READ_ONCE else at
    if end == match.end():
        end = _whole(text, _line_before(folded, at), end) if bare else _end_of(r"[^\s\"'`\\]*+", text, end)
    return Secret(rule.kind, start, end), end


def _line_before(text: str, at: int) -> str:
    """The text before this position in its line, at most `_LINE_CHARS_BEFORE_MAX` characters."""
    earliest = max(0, at - _LINE_CHARS_BEFORE_MAX)
    return text[max(text.rfind("\n", earliest, at) + 1, earliest) : at]


def _end_without_full_stop(text: str, start: int, end: int) -> int:
    """The end without a full stop after a bare value, which belongs to the sentence."""
    while end > start and text[end - 1] in ".:":
        end -= 1
    return end


def _whole(text: str, line: str, end: int) -> int:
    """The end of an accepted bare value: its pattern is bounded, but in a setting the rest of the line is the value."""
    is_setting = lazy_pattern(r"[\s>+$#-]*(?:export |set |env |arg )?[\w.:-]*").fullmatch(line)
    more = r"(?:(?![;&][\w.-]{1,40}=)[^\s\"'`])*+" if is_setting else rf"[^\s\"'`<>,;&)\]}}|\\{CLAUSE_ENDS}]*+"
    return _end_without_full_stop(text, end, _end_of(more, text, end))


def _end_of(pattern: str, text: str, at: int) -> int:
    match = lazy_pattern(pattern).match(text, at)
    return match.end() if match else at


def _cookies(text: str, folded: str) -> Iterator[Secret]:
    """The values of session cookies, recognised by name, in headers and in curl commands."""
    for header in lazy_pattern(COOKIES).finditer(folded):
        for cookie in lazy_pattern(COOKIE).finditer(text, *header.span(1)):
            of_a_session = any(word in cookie[1].lower() for word in SESSION_COOKIE_WORDS)
            if of_a_session and values.any_value(cookie[2], bare=True):
                yield Secret("cookie", *cookie.span(2))


def _private_keys(text: str) -> Iterator[Secret]:
    """Whole key blocks, also in escaped or indented text; of a truncated block, the lines that are key."""
    begin = lazy_pattern(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
    at = text.find("-----BEGIN ")
    while at >= 0:
        match = begin.match(text, at)
        end = _private_key_end(text, match.end()) if match else None
        if end:
            yield Secret("private key", at, end)
        at = text.find("-----BEGIN ", end or at + 1)


def _private_key_end(text: str, at: int) -> int | None:
    """The end of the block whose first line ends at `at`; None if no key follows."""
    dashes = text.find("-----", at, at + PRIVATE_KEY_CHARS_MAX)
    closing = lazy_pattern(r"-----END [A-Z0-9 ]{1,60}-----").match(text, dashes) if dashes >= 0 else None
    if closing and lazy_pattern(r"[A-Za-z0-9+/=]{16}").search(text, at, dashes):
        return closing.end()
    margin = r"(?:\\[nrt]|[\s>|+\"',-])*"
    header = r"(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n\\]{1,100})"
    body = lazy_pattern(rf"(?:{margin}+(?:{header}|[A-Za-z0-9+/=]{{16,}}+))+").match(
        text, at, at + PRIVATE_KEY_CHARS_MAX
    )
    return body.end() if body else None
