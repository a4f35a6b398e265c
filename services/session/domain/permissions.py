"""Who may do what: rules, and what follows from them for a request. Pure functions.

A deny beats an allow. A critical operation is allowed only for the one target that the user named.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kit.errors import InvalidInput, TooLarge
from services.session.domain.operation_risk import (
    FILES_READ,
    FILES_WRITTEN,
    Level,
    classify,
    is_shell,
    operation_name,
)

operation_max_chars = 200
pattern_max_chars = 500
target_audited_max_chars = 200

_control = re.compile(r"[;&|`$<>(){}\n\r\\!#]")
"""What lets a command line do more than its first words say: a wildcard never reaches over it."""
_secret = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|authorization|bearer)[\"']?\s*[=:\s]\s*[\"']?(?:(?:bearer|basic|token)\s+)?)[^\s\"']+"
    r"|(://)[^/\s@]+@|\b(?!(?:[0-9a-f]{40})\b)(?=[a-z]*\d)[a-z0-9+=]{32,}|\b(?:sk|ghp|gho|xox[a-z]|akia)[-_a-z0-9]{12,}"
)


class Verdict(StrEnum):
    """What follows from the rules."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Scope(StrEnum):
    """Where a rule holds."""

    SESSION = "session"
    PROJECT = "project"
    ALWAYS = "always"


class Source(StrEnum):
    """Where a rule comes from."""

    USER = "user"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is to be done. A project is its name and its root: a clone elsewhere is another one."""

    project: str = ""
    root: str = ""
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Something to be done: an operation, named as `operation_name` does, to a target, at a place."""

    operation: str
    target: str
    place: Place
    level: Level
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What the user decided or what was learned from it.

    `pattern` empty is every target; in others `*` stands for anything, unless the rule is `exact`.
    `level` is the highest that an allow reaches.
    """

    id: str
    operation: str
    pattern: str
    exact: bool
    scope: Scope
    verdict: Verdict
    level: Level
    source: Source
    place: Place
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How often the user allowed the same in the same project; `subject` empty is the operation as a whole."""

    operation: str
    subject: str
    level: Level
    project: str
    root: str
    allows: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of a user's rules and tallies. `version` counts its changes."""

    user: str
    rules: tuple[Rule, ...] = ()
    tallies: tuple[Tally, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows for one request, and why."""

    verdict: Verdict
    level: Level
    reason: str
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision of the user."""

    verdict: Verdict
    scope: Scope = Scope.SESSION
    expires_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Audited:
    """One line of the audit log. `action` is check, record, learn or revoke; the target is cut and masked."""

    at: datetime
    user: str
    action: str
    operation: str
    target: str
    place: Place
    verdict: Verdict
    level: Level
    reason: str
    rule_id: str = ""


def judge_request(operation: str, target: str, place: Place) -> Request:
    """The request, judged; InvalidInput without an operation."""
    name = operation_name(operation)
    if not name:
        raise InvalidInput("operation is missing.")
    if len(name) > operation_max_chars:
        raise TooLarge(f"operation has more than {operation_max_chars} characters.")
    judgement = classify(name, target, place.root)
    return Request(name, target, place, judgement.level, judgement.why)


def check(ledger: Ledger, request: Request, now: datetime) -> Decision:
    """What the rules say of the request: deny before allow, and else to ask for all but what only reads."""
    live = [rule for rule in ledger.rules if is_live(rule, now) and holds_at(rule, request.place)]
    for rule in live:
        if rule.verdict is Verdict.DENY and denies(rule, request.operation, request.target):
            return Decision(Verdict.DENY, request.level, f"{_origin(rule)} denies it", rule)
    for rule in live:
        if rule.verdict is Verdict.ALLOW and _allows(rule, request):
            return Decision(Verdict.ALLOW, request.level, f"{_origin(rule)} allows it", rule)
    if request.level is Level.LOW:
        return Decision(Verdict.ALLOW, request.level, f"it only reads: {request.why}")
    return Decision(Verdict.ASK, request.level, f"no rule covers it: {request.why}")


def live_rules(ledger: Ledger, project: str, now: datetime) -> list[Rule]:
    """The rules that have not expired, of `project` and those that hold everywhere; of all projects when empty."""
    return [
        rule
        for rule in ledger.rules
        if is_live(rule, now) and (not project or rule.scope is Scope.ALWAYS or rule.place.project == project)
    ]


def mask(text: str, most: int = target_audited_max_chars) -> str:
    """`text` with `*` for what looks like a secret, cut to `most` characters."""
    cut = text[: most * 4]
    hidden = _secret.sub(lambda found: f"{found[1] or found[2] or ''}*{'@' if found[2] else ''}", cut)
    return hidden if len(hidden) <= most and len(text) <= most * 4 else f"{hidden[: most - 1]}…"


# --- what a rule covers -------------------------------------------------------------------------


def is_live(rule: Rule, now: datetime) -> bool:
    """Whether it has not expired."""
    return rule.expires_at is None or now < rule.expires_at


def holds_at(rule: Rule, place: Place) -> bool:
    """Whether the rule's scope takes in `place`."""
    if rule.scope is Scope.SESSION:
        return bool(place.session_id) and rule.place.session_id == place.session_id
    if rule.scope is Scope.PROJECT:
        return bool(place.project) and (rule.place.project, rule.place.root) == (place.project, place.root)
    return True


def _allows(rule: Rule, request: Request) -> bool:
    """Narrowly: up to the rule's level, and with wildcards only over what cannot change the meaning."""
    if rule.operation != request.operation or request.level > rule.level:
        return False
    if rule.exact or Level.CRITICAL in {rule.level, request.level}:
        return rule.exact and rule.pattern == request.target
    if rule.pattern == request.target:
        return True
    if is_shell(request.operation):
        return not _control.search(request.target) and _matches(rule.pattern or "*", request.target)
    if request.operation in FILES_READ | FILES_WRITTEN:
        return ".." not in request.target.split("/") and _matches(rule.pattern or "*", request.target)
    return _matches(rule.pattern or "*", request.target)


def denies(rule: Rule, operation: str, target: str) -> bool:
    """Whether a deny takes in this. Widely: whatever way the target is written, and any part of a command line."""
    if rule.operation != operation:
        return False
    if not rule.pattern or target == rule.pattern:
        return True
    ways = [target, posixpath.normpath(target)] if target else [""]
    if is_shell(operation):
        unquoted = re.sub(r"['\"\\]", "", target)
        ways += [unquoted, *_control.split(target), *_control.split(unquoted)]
    return any(_matches(" ".join(rule.pattern.split()), " ".join(way.split())) for way in ways)


def _matches(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern` with something for each `*`; in time linear to both, whatever they hold."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _origin(rule: Rule) -> str:
    where = {Scope.SESSION: "for this session", Scope.PROJECT: "for this project", Scope.ALWAYS: "everywhere"}
    whose = "a rule learned from your decisions" if rule.source is Source.LEARNED else "your rule"
    return f"{whose} {where[rule.scope]}"
