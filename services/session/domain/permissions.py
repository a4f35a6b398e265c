"""Who may do what: rules, and what follows from them for a request. Pure functions.

A deny beats an allow. A critical operation is allowed only for the one target that the user named.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kit.errors import InvalidInput, TooLarge
from services.session.domain.operation_risk import Level, classify
from services.session.permissions.files.file_commands import Holds, is_on_files, judge_files
from services.session.permissions.files.file_rules import allows_file, denies_file
from services.session.permissions.matching import CONTROL, allows_address, is_denied_address, matches, pieces
from services.session.permissions.operation_kinds import (
    FILES_READ,
    FILES_WRITTEN,
    has_shell_grammar,
    is_same_file_operation,
    is_same_operation,
    is_shell,
    operation_name,
)
from services.session.permissions.programs import has_risky_option
from services.session.permissions.shell_rules import (
    allows_command,
    denies_command,
    denies_powershell,
    judge_file_command,
    may_be_denied,
)

operation_max_chars = 200
pattern_max_chars = 500
target_audited_max_chars = 200

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
    """Where something is to be done. An allow holds in one root alone: whoever brings a clone brings no leave."""

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
    is_persons: bool = False
    """It changes what may be done without asking."""


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
    """How often the user allowed the same in the same project; `subject` is a digest, or empty for all targets."""

    operation: str
    subject: str
    level: Level
    project: str
    root: str
    allows: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a model asks for, which only a person decides: that `rule` hold, or with `revokes` that it be taken back."""

    id: str
    rule: Rule
    revokes: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of a user's rules, tallies and open proposals. `version` counts its changes."""

    user: str
    rules: tuple[Rule, ...] = ()
    tallies: tuple[Tally, ...] = ()
    version: int = 0
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows for one request, and why."""

    verdict: Verdict
    level: Level
    reason: str
    rule: Rule | None = None
    is_persons: bool = False
    may_be_denied: bool = False
    """`rule` is a deny that it may come under."""
    denies_version: str = ""
    """Of the denies that hold at the place."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision: the user's own, or with `by_person` false what a model says that it is."""

    verdict: Verdict
    scope: Scope = Scope.SESSION
    expires_in_s: float = 0.0
    exact: bool = False
    by_person: bool = True
    is_only_counted: bool = False
    """It makes no rule by itself: it counts towards one that is learned, for exactly this target."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One line of the audit log: check, record, learn, revoke, propose or decline. The target is without contents."""

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
    return Request(name, target, place, judgement.level, judgement.why, judgement.is_persons)


def check(ledger: Ledger, request: Request, now: datetime) -> Decision:
    """What the rules say of the request: deny before allow, and else to ask for all but what only reads."""
    live = _live_at(ledger, request.place, now)
    for rule in live:
        if rule.verdict is Verdict.DENY and denies(rule, request.operation, request.target, request.place.root):
            return Decision(Verdict.DENY, request.level, f"{_origin(rule)} denies it", rule)
    if request.is_persons:
        return Decision(Verdict.ASK, request.level, f"only a person may: {request.why}", is_persons=True)
    on_file = _may_deny_file(live, request)
    if not on_file and (allow := _allowing(live, request)):
        return Decision(Verdict.ALLOW, request.level, f"{_origin(allow)} allows it", allow)
    if unsure := on_file or _may_deny(live, request):
        of_words = f"it may be what {_origin(unsure)} denies, by words that only the shell knows"
        why = f"it may read or change a file that {_origin(unsure)} denies" if on_file else of_words
        return Decision(Verdict.ASK, request.level, why, unsure, may_be_denied=True)
    if request.level is Level.LOW:
        return Decision(Verdict.ALLOW, request.level, f"it only reads: {request.why}")
    return Decision(Verdict.ASK, request.level, f"no rule covers it: {request.why}")


def denies_at(ledger: Ledger, place: Place, now: datetime) -> list[Rule]:
    """The denies that hold at a place."""
    return [rule for rule in _live_at(ledger, place, now) if rule.verdict is Verdict.DENY]


def denies_version(denies: Sequence[Rule]) -> str:
    """The same for the same rules; empty without any."""
    return hashlib.sha256("".join(rule.id for rule in denies).encode()).hexdigest()[:16] if denies else ""


def _live_at(ledger: Ledger, place: Place, now: datetime) -> list[Rule]:
    return [rule for rule in ledger.rules if is_live(rule, now) and holds_at(rule, place)]


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
        is_here = rule.verdict is Verdict.DENY or place.root == rule.place.root  # a deny holds in every working tree
        return bool(place.project) and place.project == rule.place.project and is_here
    return True


def _is_named(rule: Rule, request: Request) -> bool:
    """Whether an allow names the request in so many words, or covers it by a pattern, up to its level."""
    if not is_same_operation(rule.operation, request.operation) or request.level > rule.level:
        return False
    if rule.pattern == request.target and (rule.exact or request.level < Level.CRITICAL):
        return True
    if rule.exact or Level.CRITICAL in {rule.level, request.level}:
        return False
    if is_shell(request.operation):  # where the grammar is known, each part of the command is looked at
        is_plain = not CONTROL.search(request.target) and not has_risky_option(request.target.split() or [""])
        return not has_shell_grammar(request.operation) and is_plain and _fits(rule, request)
    if request.operation in FILES_READ | FILES_WRITTEN:
        return allows_file(rule.pattern, request.target, request.place.root)
    return allows_address(rule.pattern, request.target) if request.operation == "webfetch" else _fits(rule, request)


def _fits(rule: Rule, request: Request) -> bool:
    return matches(rule.pattern or "*", request.target)


def _allowing(live: Sequence[Rule], request: Request) -> Rule | None:
    """The rule that allows the request; of several that allow a part of a command each, the last."""
    allows = [rule for rule in live if rule.verdict is Verdict.ALLOW]
    for rule in allows:
        if _is_named(rule, request):
            return rule
    if not has_shell_grammar(request.operation) or request.level is Level.CRITICAL:
        return None
    wide = [rule for rule in allows if rule.operation == request.operation and not rule.exact]
    wide = [rule for rule in wide if request.level <= rule.level and rule.level is not Level.CRITICAL]
    denied = [rule.pattern for rule in live if rule.verdict is Verdict.DENY and rule.operation == request.operation]
    for count in range(1, len(wide) + 1):
        if allows_command([rule.pattern for rule in wide[:count]], denied, request.target):
            return wide[count - 1]
    return None


def denies(rule: Rule, operation: str, target: str, root: str = "") -> bool:
    """Whether a deny takes in this. Widely: whatever way the target is written, and any part of a command line.

    `root` is of the project in which that is to be done.
    """
    if has_shell_grammar(operation):
        return _denies_line(rule, operation, target, root)
    if rule.operation != operation and not is_same_file_operation(rule.operation, operation):
        return False
    if not rule.pattern or target == rule.pattern:
        return True
    if operation in FILES_READ | FILES_WRITTEN | {"delete_file"}:
        return denies_file(rule.pattern, target, root or rule.place.root)
    ways = [target, posixpath.normpath(target)] if target else [""]
    if is_shell(operation):
        if denies_powershell(rule.pattern, rule.exact, target):
            return True
        unquoted = re.sub(r"['\"\\]", "", target)
        ways += [unquoted, *pieces(target), *pieces(unquoted)]
    is_address = is_denied_address(rule.pattern, target)
    return is_address or any(matches(" ".join(rule.pattern.split()), " ".join(way.split())) for way in ways)


def _denies_line(rule: Rule, operation: str, target: str, root: str) -> bool:
    """Whether a deny on commands, or one on files, takes in a command line."""
    if is_on_files(rule.operation):
        return judge_file_command(rule.operation, rule.pattern, root or rule.place.root, target) is Holds.DENY
    is_whole = not rule.pattern or target == rule.pattern
    return rule.operation == operation and (is_whole or denies_command(rule.pattern, rule.exact, target))


def _may_deny(live: Sequence[Rule], request: Request) -> Rule | None:
    """The first deny of commands that this one may come under."""
    if not has_shell_grammar(request.operation):
        return None
    denied = (rule for rule in live if rule.verdict is Verdict.DENY and rule.operation == request.operation)
    return next((rule for rule in denied if may_be_denied(rule.pattern, request.target)), None)


def _may_deny_file(live: Sequence[Rule], request: Request) -> Rule | None:
    """The first deny on files under which a command may come; of a shell whose grammar is not known, by words alone."""
    if not is_shell(request.operation):
        return None
    for rule in live:
        if rule.verdict is not Verdict.DENY or not is_on_files(rule.operation):
            continue
        root = request.place.root or rule.place.root
        if has_shell_grammar(request.operation):
            said = judge_file_command(rule.operation, rule.pattern, root, request.target)
        else:
            said = judge_files(rule.operation, rule.pattern, root, [], request.target, is_whole=False)
        if said:
            return rule
    return None


def _origin(rule: Rule) -> str:
    where = {Scope.SESSION: "for this session", Scope.PROJECT: "for this project", Scope.ALWAYS: "everywhere"}
    whose = "a rule learned from your decisions" if rule.source is Source.LEARNED else "your rule"
    return f"{whose} {where[rule.scope]}"
