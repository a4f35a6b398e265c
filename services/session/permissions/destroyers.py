"""Which programs destroy, rule the machine or publish, and by which word; which files rule what runs here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from services.kit.late_pattern import late_pattern

RULING_FILES = late_pattern(
    r"(^|/)(\.git/|\.ssh(/|$)|\.gnupg/|\.claude/(settings|hooks|segue|plugins)|\.claude\.json$|\.mcp\.json$|\.(bash|zsh|prof)[\w.]{0,20}$"
    r"|authorized_keys$|\.(gitconfig|npmrc|pypirc|netrc)$|\.config/(fish|autostart|systemd|git)/"
    r"|Library/(LaunchAgents|LaunchDaemons|StartupItems)(/|$)|Start Menu/Programs/Startup(/|$)"
    r"|(Microsoft\.\w+_)?profile\.ps1$|System32(/|$))"
    r"|^(/private)?/(etc|usr|bin|sbin|lib|boot|dev|proc|sys|var(?!/folders)|root/\.)(/|$)|^/(System|Library|opt/homebrew)/"
    r"|^[a-z]:/(windows|program files|programdata)",
    re.IGNORECASE,
)
"""What decides which programs run on this machine, and as whom."""
RULES_FILES = late_pattern(r"(^|[/'\"(=])\.claude/segue(/|$)|(^|[/'\"(=])session\.sqlite\b", re.IGNORECASE)
"""Where the rules themselves are, and what hooks tell of the person."""
HARMLESS_DEVICES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})


class Destroyer(NamedTuple):
    """A program, the word after it that matters (empty: none), and a later word that makes it critical (or any)."""

    programs: str
    command: str
    word: str
    why: str


_EVERYTHING = r"/\*?|~/?|\$HOME/?"
_OPENING = rf"[0-7]{{0,3}}[2367]|([ug]*[ao][ugo]*)?\+[rxX]*w\w*|[augo]*\+[rwxX]*s\w*|{_EVERYTHING}"
_PARTS_OF_DOCKER = "system|image|container|volume|network|builder|buildx|pod|secret|config"
_WRITES_IN_REDIS = "(?i:flush.*|del|unlink|shutdown|config|debug|eval|script|swapdb|restore|rename)"
DESTROYERS = (
    Destroyer("rm", "", r"-\w*[rfR]\w*|--recursive|--force|--no-preserve-root", "removes without asking"),
    Destroyer("rd|rmdir|del|erase|remove-item|ri", "", r"(?i:/[sq]|-r\w*|-fo\w*)", "removes without asking"),
    Destroyer("find|gfind", "", r"-delete|-fprint0?|-fprintf|-fls", "acts on all found"),
    Destroyer(r"shred|srm|wipefs|mkfs(\.\w+)?|mke2fs|fdisk|parted|sgdisk|mkswap|blkdiscard", "", "", "destroys data"),
    Destroyer(r"newfs(_\w+)?|asr", "", "", "destroys data"),
    Destroyer("dd", "", "of=.*", "writes over a device or file"),
    Destroyer("truncate", "", "-s.*|--size.*", "cuts files"),
    Destroyer("sudo|doas|su|pkexec|runas|gsudo", "", "", "acts as another user"),
    Destroyer("eval|iex|invoke-expression", "", "", "runs what cannot be read here"),
    Destroyer("git", "push", r"-\w*[fd]\w*|--force.*|--delete|--mirror|--prune|[+:].*", "rewrites what others have"),
    Destroyer("git", "reset", "--hard|--merge|--keep", "throws changes away"),
    Destroyer("git", "checkout|restore|switch", r"--|\.|-f|--force|--discard-changes|-C|-B", "throws changes away"),
    Destroyer("git", "branch", r"-\w*[DMCf]\w*|--force", "removes a name of history"),
    Destroyer("git", "tag", r"-\w*[dDf]\w*|--delete|--force", "removes a name of history"),
    Destroyer("git", "stash", "drop|clear", "throws changes away"),
    Destroyer("git", "reflog", "expire|delete", "throws history away"),
    Destroyer("git", "filter-branch|filter-repo|update-ref|prune", "", "changes history"),
    Destroyer("git", "", "--upload-pack.*|--receive-pack.*|ext::.*", "runs anything"),
    Destroyer("chmod", "", _OPENING, "opens files to others"),
    Destroyer("chown|chgrp|setfacl", "", r"-\w*R\w*|--recursive", "opens files to others"),
    Destroyer("icacls|takeown|cacls", "", "(?i:/grant.*|/f|/reset|/r|/t)", "opens files to others"),
    Destroyer("shutdown|reboot|halt|poweroff|telinit|stop-computer|restart-computer", "", "", "stops the machine"),
    Destroyer("pkill|killall", "", r"-[uUGt]|--(euid|uid|user|group)(=.*)?|\W*|\w", "ends many programs"),
    Destroyer("taskkill|stop-process", "", "", "ends programs by name"),
    Destroyer("kill", "", "-1", "ends every program"),
    Destroyer("docker|podman", "rm", r"-\w*[afv]\w*|--(force|volumes|all)", "removes containers or data"),
    Destroyer("docker|podman", "rmi|kill", "", "removes containers or data"),
    Destroyer("docker|podman", _PARTS_OF_DOCKER, "prune|rm|remove|kill", "removes containers or data"),
    Destroyer("docker|podman", "compose|stack", "rm|kill|-v|--volumes|--rmi.*", "removes containers or data"),
    Destroyer("docker|podman", "", "--privileged", "opens the machine to a container"),
    Destroyer("docker-compose", "", "rm|kill|-v|--volumes|--rmi.*", "removes containers or data"),
    Destroyer("kubectl|oc", "delete|drain|replace", "", "destroys what runs elsewhere"),
    Destroyer("helm", "uninstall|delete", "", "destroys what runs elsewhere"),
    Destroyer("terraform|tofu|pulumi", "", "destroy|-destroy", "destroys what runs elsewhere"),
    Destroyer("aws|gcloud|az|gsutil", "", r"rm|rb|delete.*|terminate.*|--delete", "destroys what is stored elsewhere"),
    Destroyer("npm|yarn|pnpm|cargo|twine|gem|uv|poetry|hatch", "publish|upload|unpublish|yank|push", "", "publishes"),
    Destroyer("gh", "", "delete", "changes what others have"),
    Destroyer("claude", "", r"--(allow-)?dangerously.*|(.*=)?bypassPermissions", "runs an agent unasked"),
    Destroyer("claude", "mcp|plugin|plugins", "remove|uninstall|disable", "changes what is asked about"),
    Destroyer("segue", "uninstall", "", "changes what is asked about"),
    Destroyer("pkill|killall", "", r".*\bsegue\b.*", "ends what asks"),
    Destroyer("insmod|modprobe|nft|diskpart|format|bcdedit|vssadmin|wbadmin|cipher", "", "", "rules all"),
    Destroyer("format-volume|clear-disk|initialize-disk|remove-partition|reg|wmic|netsh", "", "", "rules all"),
    Destroyer("set-executionpolicy|schtasks", "", "", "rules all"),
    Destroyer("csrutil|nvram|spctl|dscl|osascript|pmset|systemsetup|kextload|fdesetup|bless", "", "", "rules all"),
    Destroyer("diskutil", r"(erase|partition|secureErase|zero|random)\w*|apfs|cs", "", "destroys data"),
    Destroyer("tmutil", r"delete\w*|disable\w*", "", "destroys backups"),
    Destroyer("defaults", "write|delete|import", "", "changes settings"),
    Destroyer("security", "delete.*|add-.*|import|unlock.*|dump-.*|find-.*password", "", "opens the keychain"),
    Destroyer("useradd|usermod|userdel|passwd|visudo|chsh|groupadd|sysadminctl", "", "", "changes who may what"),
    Destroyer("socat", "", "", "opens the machine to others"),
    Destroyer("dropdb", "", "", "may destroy a database"),
    Destroyer("redis-cli", "", _WRITES_IN_REDIS, "may destroy data"),
)  # fmt: skip
READING_ONLY: Mapping[str, re.Pattern[str]] = {
    "crontab": late_pattern("-l"),
    "systemctl": late_pattern(r"status|show|cat|list-[\w-]+|is-[\w-]+|get-default|--version|--failed|help"),
    "launchctl": late_pattern("list|print|print-disabled|blame|version"),
    "iptables": late_pattern("-L.*|-S|-n|-v|-nL|-vnL|--list.*"),
    "ufw": late_pattern("status|version"),
    "mount": late_pattern("-l|--version|-V"),
    "umount": late_pattern("--version"),
    "sysctl": late_pattern(r"-a|-n|[\w]+(\.[\w-]+)+"),
    **dict.fromkeys(("nc", "ncat", "netcat"), late_pattern(r"-\w*[zh]\w*|--help|--version")),
}
"""Programs that rule the machine unless each of their arguments is one of these; and one that has none may show."""
GIT_READING: Mapping[str, re.Pattern[str]] = {
    "config": late_pattern(
        r"(?s)(--(get(-all|-regexp|-urlmatch)?|list|show-origin|show-scope|null|name-only|local|global|system|includes|type=\w+|bool|int|path)"
        r"|-[lz])|get|list"
    ),
    "clean": late_pattern(r"-\w*n\w*|--dry-run"),
}
_DATA_PROGRAMS = """
[ ack ag apt apt-get aws az basename bg black brew cargo cat cd chmod chown cksum clang cmp code
column comm cp crontab curl cut date declare df diff dirname docker docker-compose du echo egrep
eslint exit export false fg fgrep file flake8 fmt fold gcc gcloud gem gh git go gradle grep gsutil
hash hatch head helm help hostname id info iptables isort javac jest jobs join journalctl jq kill
kubectl launchctl less let ln local ls man md5sum mkdir mocha more mount mv mvn mypy nl nox npm oc
open paste patch pbcopy pgrep pip pip3 pnpm podman poetry popd prettier printf ps pulumi pushd pwd
pylint pytest read readlink readonly realpath redis-cli return rev rg rm rsync ruff rustc sed seq
set sha256sum shasum shift sleep sort stat sysctl systemctl tac tail tar tee terraform test tofu
top touch tox tr tree true tsc twine type typeset ufw umount uname uniq unset unzip vitest wait wc
wget which whoami xq yarn yq zgrep zip
"""
DATA_PROGRAMS = frozenset(_DATA_PROGRAMS.split())
"""Programs whose arguments are theirs to read: a word there is no program, however it looks."""
OWN_SERVICE = frozenset({"start", "stop", "restart", "reload", "try-restart", "daemon-reload"})
"""What `systemctl --user` may do to the user's own services."""
MADE_AGAIN = late_pattern(
    r"(\./)?([\w@.-]+/)*(node_modules|__pycache__|\.(pytest|mypy|ruff|parcel)[_-]cache|\.(next|nuxt|turbo|svelte-kit|tox|nox)"
    r"|htmlcov|[\w.-]+\.egg-info)(/cache)?/?"
)
"""Directories below this one that their tools make again."""
_MESSAGE_OPTIONS = """
-m -t -k -g -p --message --title --body --notes --description --comment --reason --grep --filter --prompt
--testNamePattern --test-name-pattern
"""
MESSAGE_OPTIONS = frozenset(_MESSAGE_OPTIONS.split())
"""Options whose value is words for people or names of tests, whatever the program."""
UNREADABLE_SOURCES = frozenset({"base64", "base32", "xxd", "openssl", "curl", "wget", "nc", "gunzip", "zcat"})
"""Programs whose output is no text that was read before: what they put out must not be run."""
COPIERS = frozenset({"cp", "mv", "ln", "install", "rsync", "scp"})
_FOUND_BY = "grep egrep fgrep rg cat ls wc head tail file stat echo printf basename dirname test du diff md5sum jq"
FOUND_BY = frozenset(_FOUND_BY.split())
"""What `find` may run on all it finds."""
WRITERS = frozenset(
    ("tee", "curl", "wget", "tar", "unzip", "patch", "touch", "chmod", "chown", "mkdir", "rm", "dd", "truncate")
)
