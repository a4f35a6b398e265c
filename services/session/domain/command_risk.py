"""How dangerous a shell command is, from its words: a table of programs, and what makes each destroy.

The table is a net, not a proof: a shell has endless ways to say a thing. So what is not in it is not
harmless, it is high, and a wildcard never covers what the shell would expand or chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

RULING_FILES = re.compile(
    r"(^|/)(\.git/|\.ssh(/|$)|\.gnupg/|\.claude/(settings|hooks)|\.mcp\.json$|\.(bash|zsh|prof)[\w.]{0,20}$"
    r"|authorized_keys$|\.(gitconfig|npmrc|pypirc|netrc)$)|^/(etc|usr|bin|sbin|lib|boot|dev|proc|sys|var|root/\.)(/|$)",
    re.IGNORECASE,
)
"""What decides which programs run on this machine, and as whom."""
_HARMLESS_DEVICES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})


class Destroyer(NamedTuple):
    """A program, the word after it that matters (empty: none), and a later word that makes it critical (or any)."""

    programs: str
    command: str
    word: str
    why: str


DESTROYERS = (
    Destroyer("rm", "", r"-\w*[rf]\w*|--recursive|--force|--no-preserve-root", "removes without asking"),
    Destroyer("rd|rmdir|del|erase|remove-item|ri", "", r"/[sq]|-recurse|-force|-r|-fo", "removes without asking"),
    Destroyer("find|fd|fdfind", "", r"-delete|-exec(dir)?|-ok(dir)?|-x|-X|--exec(-batch)?", "acts on all found"),
    Destroyer(r"shred|srm|wipefs|mkfs(\.\w+)?|mke2fs|fdisk|parted|sgdisk|mkswap|blkdiscard", "", "", "destroys data"),
    Destroyer("dd", "", "of=.*", "writes over a device or file"),
    Destroyer("truncate", "", "-s.*|--size.*", "cuts files"),
    Destroyer("sudo|doas|su|pkexec|runas", "", "", "acts as another user"),
    Destroyer("eval|iex|invoke-expression", "", "", "runs what cannot be read here"),
    Destroyer("base64|base32|xxd|openssl", "", "-d|--decode|-D|-r|enc", "hides what it runs or writes"),
    Destroyer("git", "push", r"-\w*[fd]\w*|--force.*|--delete|--mirror|--prune|[+:].*", "rewrites what others have"),
    Destroyer("git", "reset", "--hard|--merge|--keep", "throws changes away"),
    Destroyer("git", "clean", "-.*", "removes untracked files"),
    Destroyer("git", "checkout|restore|switch", r"--|\.|-f|--force|--discard-changes|-C|-B", "throws changes away"),
    Destroyer("git", "branch|tag", r"-\w*[dDMf]\w*|--delete|--force", "removes a name of history"),
    Destroyer("git", "stash", "drop|clear", "throws changes away"),
    Destroyer("git", "reflog", "expire|delete", "throws history away"),
    Destroyer("git", "filter-branch|filter-repo|update-ref|prune|config", "", "changes history or what git runs"),
    Destroyer("git", "", "-c|--config-env.*|--exec-path.*|--upload-pack.*|--receive-pack.*|ext::.*", "runs anything"),
    Destroyer("chmod|chown|chgrp|setfacl", "", r"-\w*R\w*|--recursive|0?777|.*\+s|[ao]*\+w", "opens files to others"),
    Destroyer("shutdown|reboot|halt|poweroff|telinit", "", "", "stops the machine"),
    Destroyer("pkill|killall", "", "", "ends programs by name"),
    Destroyer("kill", "", "-1", "ends every program"),
    Destroyer("docker|podman", "", "prune|rm|rmi|-v|--volumes|--privileged|kill", "removes containers or data"),
    Destroyer("kubectl|oc", "", "delete|drain|replace", "destroys what runs elsewhere"),
    Destroyer("helm", "", "uninstall|delete", "destroys what runs elsewhere"),
    Destroyer("terraform|tofu|pulumi", "", "destroy|-destroy", "destroys what runs elsewhere"),
    Destroyer("aws|gcloud|az|gsutil", "", r"rm|rb|delete.*|terminate.*|--delete", "destroys what is stored elsewhere"),
    Destroyer("npm|yarn|pnpm|cargo|twine|gem|uv|poetry|hatch", "", "publish|upload|unpublish|yank|push", "publishes"),
    Destroyer("gh", "", "delete|-X|--method", "changes what others have"),
    Destroyer("crontab|systemctl|launchctl|iptables|nft|ufw|mount|umount|sysctl|insmod|modprobe", "", "", "rules all"),
    Destroyer("useradd|usermod|userdel|passwd|visudo|chsh|groupadd", "", "", "changes who may what"),
    Destroyer("nc|ncat|netcat|socat", "", "", "opens the machine to others"),
    Destroyer("dropdb|redis-cli", "", "", "may destroy a database"),
)  # fmt: skip
_COMPILED = tuple(
    (re.compile(f"({each.programs})(\\.exe)?", re.IGNORECASE), re.compile(each.command), re.compile(each.word), each)
    for each in DESTROYERS
)
_RUNNERS = re.compile(r"(ba|da|z|k|fi|c|tc)?sh|(python|perl|ruby|node|php|lua)[\d.]*|xargs|parallel|tee|iex|psql|mysql")
_SHELL = re.compile(r"(ba|da|z|k|fi|c|tc)?sh")
_WRITERS = re.compile(r"tee|cp|mv|ln|install|rsync|sed|curl|wget|scp|tar|unzip|patch|touch|chmod")
_SQL = re.compile(r"\b(drop|truncate)\s+(table|database|schema)\b|\bdelete\s+from\b", re.IGNORECASE)
_FORK_BOMB = re.compile(r":\s?\(\s?\)\s?\{")
_WRITTEN = re.compile(r">[>|&]?\s*([^\s;|&<>]+)")
_BETWEEN = re.compile(r"(\|\|?|&&?|[;\n(){}`]|\$\()")
_READING = re.compile(
    r"(pwd|whoami|uname|ls|wc|git (status|diff|log|show|branch --show-current|rev-parse))(?= |$)[\w ./@=:,~^-]*"
    r"|date( (-u|--utc|--universal|-R|--rfc-email|-I\w*|--iso-8601(=\w+)?|--rfc-3339=\w+|\+[\w%:/.,@-]+))*"
)
_SIDE_DOORS = re.compile(r"--(output|ext-diff|textconv|exec|no-index|git-dir|work-tree)|\s-(o|O|s|set)\b")


def destroys(command: str) -> str:
    """Why the command is critical; empty where nothing known makes it so. Linear in the command's length."""
    for text in {command, re.sub(r"['\"\\]", "", command.replace("\\\n", " "))}:
        if why := _destroys(text):
            return why
    return ""


def only_reads(command: str) -> bool:
    """Whether the command is one of the few that are known to change nothing, with nothing chained to it."""
    return bool(_READING.fullmatch(command.strip())) and not _SIDE_DOORS.search(command)


def _destroys(text: str) -> str:
    if _SQL.search(text) or _FORK_BOMB.search(text) or "/dev/tcp/" in text:
        return "destroys data or opens the machine to others"
    if any(_rules(path) for path in _WRITTEN.findall(text)):
        return "writes what rules this machine"
    for piped, words in _commands(text):
        if piped and words and _RUNNERS.fullmatch(_name(words[0])):
            return "runs what another program wrote"
        if why := _destroys_by_words(words):
            return why
    return ""


def _destroys_by_words(words: Sequence[str]) -> str:
    """Every word may be the program: `env`, `nohup`, `xargs` and their like stand before it."""
    first: dict[str, int] = {}  # what follows a later one follows the first, too
    for at, word in enumerate(words):
        first.setdefault(_name(word), at)
    for name, at in first.items():
        after = words[at + 1 :]
        for program, command, later, destroyer in _COMPILED:
            if program.fullmatch(name) and _says(command, later, after):
                return destroyer.why
        if _SHELL.fullmatch(name) and any(each.startswith("-") and "c" in each for each in after):
            return "runs what is hidden in its argument"
        if _WRITERS.fullmatch(name) and any(map(_rules, after)):
            return "writes what rules this machine"
    return ""


def _says(command: re.Pattern[str], later: re.Pattern[str], after: Sequence[str]) -> bool:
    if command.pattern:
        at = next((at for at, word in enumerate(after) if command.fullmatch(word)), None)
        if at is None:
            return False
        after = after[at + 1 :]
    return not later.pattern or any(later.fullmatch(word) for word in after)


def _commands(text: str) -> Iterator[tuple[bool, list[str]]]:
    """The words of each command of the line, and whether it reads what the one before it wrote."""
    pieces = _BETWEEN.split(text)
    for at in range(0, len(pieces), 2):
        yield at > 0 and pieces[at - 1] == "|", pieces[at].split()


def _name(word: str) -> str:
    return word.replace("\\", "/").rpartition("/")[2]


def _rules(path: str) -> bool:
    return path not in _HARMLESS_DEVICES and bool(RULING_FILES.search(path))
