"""A call's meaning, in whatever order and spelling it was written, and whether a deny's pattern names it.

Standard library alone: hooks judge by it, too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from services.session.permissions.matching import fold, matches, shortest
from services.session.permissions.programs import GLOBAL_OPTIONS, LONG_OPTIONS, without_global_options

_SAME_OPTION = {
    "rm": {"-R": "-r", "--recursive": "-r", "--force": "-f", "--interactive": "-i", "--dir": "-d"},
    "cp": {"-R": "-r", "--recursive": "-r", "--force": "-f"},
    "chmod": {"--recursive": "-R"},
    "chown": {"--recursive": "-R"},
    "git": {"-f": "--force", "-d": "--delete", "-n": "--dry-run", "-a": "--all", "-u": "--set-upstream"},
    "docker": {"-f": "--force"},
}
"""Other names of the same option."""

_SHARED_VALUES: Mapping[str, str] = {
    **{name: GLOBAL_OPTIONS[name] for name in ("kubectl", "oc", "helm", "npm", "pnpm", "gh", "aws", "systemctl")},
    **dict.fromkeys(("docker", "podman"), GLOBAL_OPTIONS["docker-compose"]),
    "git": "o|push-option|m|message|receive-pack",
}
"""Options with a value that may stand between the words of a subcommand, or behind them."""
_OF_CONTAINERS = frozenset(
    (
        *("attach", "commit", "cp", "create", "exec", "kill", "logs", "pause", "rename", "restart", "rm", "run"),
        *("start", "stop", "unpause"),
    )
)
_OF_IMAGES = frozenset(("build", "history", "import", "load", "pull", "push", "save", "tag"))
_versioned = re.compile(r"(pip|python|pypy)[\d.]+")
_unclear = re.compile(r"\0|\$\{[^}]*\}?|\$\w*|`[^`]*`?|\{[^{}]+\}|\[[^\[\]]+\]|[?*]")
"""What a shell puts something else in the place of."""


class Form(NamedTuple):
    """Of a call: its options, and the rest in order."""

    options: frozenset[str]
    operands: str


class NamedCall(NamedTuple):
    """The one call that a pattern names."""

    program: str
    form: Form


def named_call(words: Sequence[str]) -> NamedCall:
    """What these words name, without options that stand before a subcommand or in it."""
    words = without_global_options(words)
    return _form(words if words[0] == "docker-compose" else _plain_words(words))


def is_named(pattern: str, meant: NamedCall, exact: bool, call: Sequence[str]) -> bool:
    """Whether the call's words are what `pattern`, which means `meant`, names; with `exact` a `*` in it is a `*`."""
    return any(_names(pattern, meant, exact, words) for words in _equal_calls(call))


def _equal_calls(call: Sequence[str]) -> Iterator[Sequence[str]]:
    """The call in other words: without values between its own, by a subcommand's other name, to the same branch."""
    words = without_global_options(call)
    yield words
    if (plain := _plain_words(words)) != words:
        yield plain
    if plain[:2] == ("docker", "compose"):
        yield ("docker-compose", *plain[2:])


def _plain_words(words: Sequence[str]) -> tuple[str, ...]:
    name, after = words[0], [*words[1:]]
    if name == "docker-compose":
        name, after = "docker", ["compose", *after]
    if name in _SHARED_VALUES:
        after = list(_without_values(after, re.compile(f"--?({_SHARED_VALUES[name]})")))
    if name in {"docker", "podman"} and after[:2] == ["image", "rm"]:
        after[:2] = ["rmi"]
    if name in {"docker", "podman"} and len(after) > 1:
        after = after[after[1] in {"container": _OF_CONTAINERS, "image": _OF_IMAGES}.get(after[0], ()) :]
    if name == "git" and after[:1] == ["push"]:
        after = [after[0], *(part for word in after[1:] for part in _refspec_words(word))]
    return (name, *after)


def _without_values(words: Sequence[str], with_value: re.Pattern[str]) -> Iterator[str]:
    for before, word in zip(("", *words), words, strict=False):
        if not with_value.fullmatch(before):
            yield word


def _refspec_words(word: str) -> Iterator[str]:
    """What a refspec changes: `HEAD:main` and `refs/heads/main` are `main`, and with `+` it is forced."""
    if word.startswith("-") or "://" in word or "@" in word:
        yield word
        return
    if word.startswith("+"):
        yield "--force"
    source, colon, target = word.removeprefix("+").partition(":")
    if colon and not source:
        yield "--delete"
    yield (target if colon else source).removeprefix("refs/heads/")


def _names(pattern: str, meant: NamedCall, exact: bool, words: Sequence[str]) -> bool:
    name, form = _form(words)
    wanted_name, wanted = meant
    if exact:
        return name == wanted_name and form == wanted
    versioned = _versioned.fullmatch(name)
    if not matches(wanted_name, name) and not (versioned and wanted_name == versioned[1]):
        return False
    if not _has_options(wanted, form):
        return False
    operands = wanted.operands
    return (
        matches(operands, form.operands)
        or _is_bare(operands, form.operands)
        or matches(" ".join(pattern.split()), " ".join((name, *words[1:])))
    )


def may_be_named(meant: NamedCall, call: Sequence[str]) -> bool:
    """Whether the call may be what is meant, depending on what the shell puts in the place of its unclear words.

    An unclear word may become several; a program that is unclear altogether is one word.
    """
    name, *after = without_global_options(call)
    if not _unclear.search(" ".join((name, *after))) or not _may_be(name, meant.program):
        return False
    if not _has_options(meant.form, _form((name, *after)).form) and not any(map(_is_anything, after)):
        return False
    return _may_continue(meant.form.operands.split(), after)


def _may_continue(wanted: Sequence[str], after: Sequence[str]) -> bool:
    given = [word for word in after if not word.startswith("-")]
    for word, other in zip_longest(wanted, given):
        if word is None or "*" in word or (other and _is_anything(other)):
            return True
        if other is None:
            return not after
        if not _may_be(_operand(other), word):
            return False
    return True


def _is_anything(word: str) -> bool:
    return bool(word) and not _unclear.sub("", word)


def _may_be(given: str, wanted: str) -> bool:
    """Whether a word with unclear parts may become a word, in which `*` is anything."""
    parts = [part for part in _unclear.split(given) if part]
    if not _unclear.search(given):
        return matches(wanted, fold(given))
    at, whole = 0, wanted.replace("*", "")
    for part in parts:
        found = whole.find(fold(part), at)
        if found < 0:
            return "*" in wanted
        at = found + len(part)
    return True


def _is_bare(pattern: str, operands: str) -> bool:
    """`git push *` names a bare `git push`, too; `rm *` not a bare `rm`, which does nothing, but that is no matter."""
    return pattern == "*" or (pattern.endswith(" *") and matches(pattern[:-2], operands))


def _has_options(wanted: Form, given: Form) -> bool:
    return all(any(_is_option(each, option) for option in given.options) for each in wanted.options)


def _is_option(wanted: str, given: str) -> bool:
    """Whether an option is the wanted one, or an abbreviation of it, with or without a value."""
    if matches(wanted, given):
        return True
    name = given.partition("=")[0]
    return name.startswith("--") and len(name) > 3 and wanted.startswith(name)


def _form(words: Sequence[str]) -> NamedCall:
    name = fold(words[0])
    same = _SAME_OPTION.get(name, {})
    options: set[str] = set()
    operands: list[str] = []
    for at, word in enumerate(words[1:], 1):
        if word == "--":
            operands += map(_file, words[at + 1 :])
            break
        if not word.startswith("-") or word == "-":
            operands.append(_operand(word) if name in GLOBAL_OPTIONS and not operands else _file(word))
        elif word.startswith("--") or name in LONG_OPTIONS or "*" in word:
            whole = next((known for known in same if len(word) > 3 and known.startswith(word)), word)
            options.add(same.get(whole, word))
        else:
            options |= {same.get(f"-{letter}", f"-{letter}") for letter in word[1:]}
    return NamedCall(name, Form(frozenset(options), " ".join(operands)))


def _operand(word: str) -> str:
    """As a name of a file that some file systems do not tell from others; options differ by case."""
    return fold(shortest(word))


def _file(word: str) -> str:
    """The operand, where it may be a file, in the shortest spelling."""
    while word.startswith("./") and word[2:].strip("*/"):
        word = word[2:]
    if "/" in word and "*" not in word and "://" not in word:
        word = re.sub("^//", "/", posixpath.normpath(word))
    return _operand(word)
