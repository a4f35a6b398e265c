"""What is known of programs' command lines: options before a subcommand, what runs another command, what is risky."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

CARRIERS: Mapping[str, str] = {
    "env": "u|unset|C|chdir|S|split-string|P",
    "command": "",
    "builtin": "",
    "exec": "a",
    "nohup": "",
    "setsid": "",
    "time": "f|format|o|output",
    "gtime": "f|format|o|output",
    "nice": "n|adjustment",
    "ionice": "c|class|n|classdata|p",
    "chrt": "",
    "taskset": "",
    "timeout": "k|kill-after|s|signal",
    "gtimeout": "k|kill-after|s|signal",
    "stdbuf": "i|o|e|input|output|error",
    "xargs": "I|i|n|P|L|s|d|a|E|max-args|max-procs|max-lines|delimiter|arg-file|replace",
    "parallel": "j|jobs|I|a|arg-file",
    "sudo": "u|user|g|group|C|D|chdir|h|host|p|prompt|R|T|U",
    "doas": "u|C",
    "pkexec": "user|u",
    "caffeinate": "t|w",
    "unshare": "",
    "strace": "o|e|p|s|u",
    "ltrace": "o|e|p|s|u",
    "coproc": "",
    "busybox": "",
    "toybox": "",
    "watch": "n|interval|d",
    "flock": "w|timeout|E",
    "chroot": "",
    "arch": "",
    "chronic": "",
    "then": "",
    "noglob": "",
    "nocorrect": "",
    "!": "",
    "setarch": "",
    "linux32": "",
    "linux64": "",
    "i386": "",
    "x86_64": "",
    "setpriv": "reuid|regid|groups|inh-caps|ambient-caps|bounding-set|securebits|pdeathsig|selinux-label",
    "prlimit": "",
    "numactl": "",
}
"""Programs that run the command in their arguments, with the options of theirs that take a value."""
_OPERANDS_BEFORE = {"timeout": 1, "gtimeout": 1, "taskset": 1, "chrt": 1, "flock": 1, "chroot": 1}
"""How many operands of a carrier stand before the command."""

_ANY: frozenset[str] = frozenset()
_RUN = frozenset({"run", "exec"})
_EXEC = frozenset({"exec", "x", "dlx"})
RUNS_WORDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("npx", "bunx", "pnpx", "uvx", "ssh", "autossh", "mosh", "unbuffer", "rlwrap", "xvfb-run"), _ANY),
    **dict.fromkeys(("systemd-run", "systemd-inhibit", "dbus-run-session", "proxychains", "proxychains4"), _ANY),
    **dict.fromkeys(("gosu", "su-exec", "chpst", "setuidgid", "runuser", "nix-shell", "at", "tini", "dumb-init"), _ANY),
    **dict.fromkeys(("torsocks", "firejail", "bwrap", "fakeroot", "faketime", "valgrind", "perf", "dotenv"), _ANY),
    **dict.fromkeys(("hyperfine", "entr", "tmux", "screen", "script", "concurrently", "nodemon", "watchexec"), _ANY),
    **dict.fromkeys(("cross-env", "expect", "start-stop-daemon", "setpriv", "prlimit", "numactl", "wsl", "cmd"), _ANY),
    **dict.fromkeys(("pwsh", "powershell", "winpty", "start", "Start-Process", "saps"), _ANY),
    **dict.fromkeys(("npm", "pnpm", "yarn", "bun", "mise", "asdf", "rbenv", "pyenv", "bundle", "direnv"), _EXEC),
    **dict.fromkeys(("uv", "poetry", "pipenv", "pdm", "hatch", "rye", "pipx", "conda", "mamba", "pixi"), _RUN),
    "nix": frozenset({"develop", "run", "shell", "-c", "--command"}),
    **dict.fromkeys(("docker", "podman", "docker-compose", "kubectl", "oc"), _RUN),
    **dict.fromkeys(("vagrant", "gcloud", "heroku", "fly", "flyctl"), frozenset({"ssh", "run", "console"})),
}
"""Programs that run a command of which the words, or the text, stand somewhere behind these words of theirs."""
INTERPRETERS = re.compile(
    r"(python|pypy|perl|ruby|node|php|lua)[\d.]*|deno|bun|[gmn]?awk|sed|ex|vim?|nvim|emacs|g?make|tar|expect|tclsh"
    r"|osascript|gdb|rsync|psql|mysql|sqlite3|ed|m4|R|Rscript|julia"
)
"""Programs with a language of their own, in which a command may stand."""

GLOBAL_OPTIONS: Mapping[str, str] = {
    "git": "C|c|git-dir|work-tree|namespace|exec-path|super-prefix|config-env|attr-source|list-cmds",
    "docker": "context|c|H|host|config|l|log-level|tlscacert|tlscert|tlskey",
    "docker-compose": "f|file|p|project-name|profile|env-file|project-directory|ansi|parallel",
    "podman": "c|connection|url|root|runroot|log-level|identity|storage-driver",
    "kubectl": "n|namespace|context|kubeconfig|cluster|user|s|server|as|as-group|token|request-timeout|v",
    "oc": "n|namespace|context|kubeconfig|cluster|user|s|server|as|token",
    "helm": "n|namespace|kube-context|kubeconfig",
    "terraform": "chdir",
    "npm": "prefix|C|w|workspace|loglevel|registry|userconfig",
    "pnpm": "C|dir|F|filter|prefix",
    "yarn": "cwd",
    "cargo": "C|config|Z|color",
    "uv": "directory|project|config-file|cache-dir|color",
    "poetry": "C|directory|P|project",
    "gh": "R|repo",
    "aws": "profile|region|output|endpoint-url|query",
    "systemctl": "H|host|M|machine|t|type|n|o|p|root",
    "make": "C|f|directory|file|j|I",
    "go": "C",
}
"""Options with a value that may stand before the subcommand."""

_SAME_SUBCOMMAND: Mapping[tuple[str, str], str] = {
    **dict.fromkeys((("git", "send-pack"), ("git", "http-push")), "push"),
    ("git", "stage"): "add",
    **dict.fromkeys((("npm", "i"), ("npm", "in"), ("npm", "ins"), ("npm", "add"), ("pnpm", "i")), "install"),
    **dict.fromkeys((("npm", "un"), ("npm", "r"), ("npm", "rm"), ("npm", "remove"), ("npm", "unlink")), "uninstall"),
    **dict.fromkeys((("npm", "up"), ("npm", "upgrade"), ("pnpm", "up"), ("pnpm", "upgrade")), "update"),
    **dict.fromkeys((("pnpm", "rm"), ("pnpm", "un"), ("pnpm", "uninstall")), "remove"),
    **dict.fromkeys((("npm", "t"), ("npm", "tst"), ("cargo", "t")), "test"),
    **dict.fromkeys((("npm", "run-script"), ("cargo", "r")), "run"),
    ("npm", "x"): "exec",
    ("cargo", "b"): "build",
    ("cargo", "c"): "check",
}
RISKY: Mapping[str, str] = {
    "git": "output|exec|upload-pack|receive-pack|open-files-in-pager|ext-diff|textconv|config-env|exec-path"
    "|extcmd|config|template|separate-git-dir|upload-archive|remote|to-cmd|cc-cmd|smtp-server|sendmail-cmd|tree-filter|index-filter|run-cmd",
    "find": "exec|execdir|ok|okdir|delete|fprint|fprintf|fprint0|fls",
    "fd": "x|X|exec|exec-batch",
    "tar": "to-command|I|use-compress-program|checkpoint-action|rsh-command|F|info-script|new-volume-script",
    "rsync": "e|rsh|rsync-path",
    "ssh": "o|F|E",
    "scp": "o|S|F",
    "sort": "o|output|compress-program",
    "curl": "o|O|output|remote-name|K|config|output-dir|remote-name-all|c|cookie-jar|D|dump-header|trace|trace-ascii"
    "|stderr|libcurl|hsts|alt-svc|etag-save",
    "wget": "O|output-document|o|output-file|use-askpass|P|directory-prefix|a|append-output|e|execute|config"
    "|save-cookies|warc-file|hsts-file",
    "sed": "i|in-place|s|f|file",
    "man": "P|pager|H",
    "go": "exec|toolexec|vettool|o",
    "rg": "pre|hostname-bin",
    "zip": "T|TT|unzip-command",
    "npm": "script-shell|node-options",
    "date": "s|set",
    "yq": "i|inplace",
    "diff": "output",
    "less": "o|O|log-file",
    "tree": "o",
    "tcpdump": "z|w",
    "awk": "f|file|i|include|l|load|E|exec",
    "cargo": "config",
    "make": "eval",
    "psql": "o|output|L|log-file",
    "eslint": "o|output-file",
    "pytest": "basetemp|pastebin",
}
"""Options that write a file or run a program: a wildcard of an allow never reaches over them."""
_RISKY_BY_SUBCOMMAND: Mapping[tuple[str, str], str] = {
    ("git", "archive"): "o",
    ("git", "format-patch"): "o|output-directory",
    ("git", "clone"): "u|c",
    ("git", "grep"): "O",
    ("git", "rebase"): "x|i|interactive",
    ("git", "fast-export"): "export-marks",
    ("git", "fast-import"): "export-marks|import-marks",
    ("git", "checkout-index"): "prefix",
    ("git", "interpret-trailers"): "in-place",
    ("git", "apply"): "unsafe-paths",
    ("go", "env"): "w|u",
}
RISKY_WORDS: Mapping[str, frozenset[str]] = {
    "git": frozenset(
        ("foreach", "bisect", "filter-branch", "difftool", "mergetool", "daemon", "instaweb", "web--browse", "bundle")
    )
}
_SAME_PROGRAM = dict.fromkeys(("gawk", "mawk", "nawk"), "awk") | {"gtar": "tar", "gsed": "sed", "py.test": "pytest"}
_WRITES_SECOND = frozenset({"uniq", "xxd"})
"""Programs whose second operand is a file that they write."""
LONG_OPTIONS = frozenset({"find", "java", "terraform", "go"})
"""Programs whose options of several letters take one dash."""
_AWK = re.compile(r"system\s*\(|getline|[>|]&?\s*[\"(]|\bprintf?\b[^;{}\n]*?[>|]")
_RISKY_PROGRAMS: Mapping[str, re.Pattern[str]] = {
    "sed": re.compile(
        r"((?:^(?:-\w*e|--expression=)?|[;\n{}0-9$/!,]|\\(?P<end>.).*(?P=end)[IM]*)\s*[ewW](?:\s+\S|$)"
        r"|^(?:-\w*e|--expression=)?s(?P<by>.).*(?P=by).*(?P=by)[gpiImM0-9]*[ew])",
        re.DOTALL,
    ),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _AWK),
    "make": re.compile(r"(\.?SHELL(FLAGS)?|MAKEFILES|MAKEFLAGS)\s*[:?+!]*="),
    "tar": re.compile(r"[A-Za-z]*[IF][A-Za-z]*"),
    "less": re.compile(r"\+"),
    "psql": re.compile(r"\\(!|o|g\b|w|copy)"),
    "mysql": re.compile(r"\\!|\bsystem\b|\btee\b|\boutfile\b", re.IGNORECASE),
    "sqlite3": re.compile(r"^\s*\.(shell|system|output|once|excel|backup|save|log|load|import|cd)\b", re.MULTILINE),
}
"""What in a program's own language writes a file or runs another program."""
_SHELLS = re.compile(r"(r?ba|da|z|r?k|mk|pdk|ok|fi|t?c|a|ya|o|xon)?sh(-?[\d.]+)?|nu|elvish")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_CALLBACKS = {"mapfile": "-C", "readarray": "-C", "compgen": "-C", "complete": "-C", "bind": "-x"}
"""Builtins with the option whose value they run."""
_split_option = re.compile(r"-[A-Za-z0]*S(.*)|--split-string(?:=(.*))?", re.DOTALL)
_script_flag = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
_script_option = re.compile(r"--(?:init-)?command=(.*)", re.DOTALL)
_with_script = re.compile(r"-[A-Za-z]*?c([^-].*)", re.DOTALL)
"""An option with the script in the same word: `script -qc'make'`. To a shell the letters behind `c` are options."""
_RUNS_SCRIPTS = frozenset({"su", "script", "watch", "runuser", "flock", "sg"})


def program_name(word: str) -> str:
    """The program's name, without its directory and the ending that Windows gives it."""
    name = word.replace("\\", "/").rpartition("/")[2]
    return name[:-4] if name.lower().endswith((".exe", ".cmd", ".bat", ".com", ".ps1")) else name


def is_shell_program(name: str) -> bool:
    """Whether the program runs commands of a shell."""
    return bool(_SHELLS.fullmatch(name))


def split_assignments(words: Sequence[str]) -> tuple[bool, Sequence[str]]:
    """Whether variables are set before the command, and the command."""
    at = next((at for at, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))
    return at > 0, words[at:]


def carried_command(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """The commands that a call runs and that stand in its arguments, word by word."""
    name = program_name(words[0]) if words else ""
    if name in CARRIERS and not (name == "command" and words[1:2] in (("-v",), ("-V",))):
        yield _after_options(words[1:], CARRIERS[name], _OPERANDS_BEFORE.get(name, 0))
    elif name in {"find", "gfind"}:
        for at, word in enumerate(words):
            if word in {"-exec", "-execdir", "-ok", "-okdir"}:
                yield words[at + 1 : next((end for end in range(at, len(words)) if words[end] in {";", "+"}), None)]
    elif name in {"fd", "fdfind"}:
        for at, word in enumerate(words):
            if word in {"-x", "-X", "--exec", "--exec-batch"}:
                yield words[at + 1 : next((end for end in range(at, len(words)) if words[end] == ";"), None)]
    elif name == "git" and "foreach" in words[:4]:
        rest = words[words.index("foreach") + 1 :]
        yield _after_options(rest, "", 0)
    elif name.startswith("git-") and len(name) > 4:
        yield ("git", name[4:], *words[1:])


def _after_options(words: Sequence[str], with_value: str, operands: int) -> Sequence[str]:
    takes_value = re.compile(f"--?({with_value})") if with_value else None
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            break
        if word.startswith("-"):
            at += 2 if takes_value and takes_value.fullmatch(word) else 1
        elif operands:
            operands -= 1
            at += 1
        else:
            break
    return words[at:]


def script_of(words: Sequence[str]) -> str | None:
    """The text that a call runs as a command line; None for none."""
    name = program_name(words[0]) if words else ""
    if name == "eval":
        return " ".join(words[1 + (words[1:2] == ("--",)) :])
    if name == "trap":
        given = words[1 + (words[1:2] == ("--",)) :]
        return given[0] if given and given[0] not in {"-l", "-p", "-", ""} else None
    if name == "env":
        return _split_string(words)
    if name in _CALLBACKS:
        return next((words[at + 1] for at, word in enumerate(words[:-1]) if word == _CALLBACKS[name]), None)
    return _script_in(words) if is_shell_program(name) or name in _RUNS_SCRIPTS else None


def _script_in(words: Sequence[str]) -> str | None:
    """The text for `bash -c`, `su --command=`, `fish -C` and their like."""
    name = program_name(words[0])
    for at, word in enumerate(words[1:], 1):
        if found := _script_option.fullmatch(word) or (name in _RUNS_SCRIPTS and _with_script.fullmatch(word)):
            return found[1]
        if _script_flag.fullmatch(word) or word in {"--command", "--init-command"} or (name, word) == ("fish", "-C"):
            return _first_operand(words[at:])
    return None


def _first_operand(words: Sequence[str]) -> str | None:
    """What follows a shell's first option and the others, of which `-o` and `-O` take a word each."""
    values = 0
    for word in words:
        if word.startswith(("-", "+")) and not values:
            values = 0 if word.startswith("--") else len(re.findall("[oO]", word))
        elif not values:
            return word
        else:
            values -= 1
    return None


def _split_string(words: Sequence[str]) -> str | None:
    """What `env -S` makes words of, with those that follow."""
    for at, word in enumerate(words[1:], 1):
        if found := _split_option.fullmatch(word):
            return " ".join((found[1] or found[2] or "", *words[at + 1 :])).strip()
        if not word.startswith("-"):
            return None
    return None


def without_global_options(words: Sequence[str]) -> tuple[str, ...]:
    """The program's name, its subcommand and what follows, without the options that stand before the subcommand."""
    name = program_name(words[0])
    if name not in GLOBAL_OPTIONS:
        return (name, *words[1:])
    after = _after_options(words[1:], GLOBAL_OPTIONS[name], 0)
    return (name, *(_SAME_SUBCOMMAND.get((name, word), word) for word in after[:1]), *after[1:])


def has_risky_option(words: Sequence[str]) -> bool:
    """Whether an option of the call writes a file or runs a program, in whatever abbreviation."""
    name = program_name(words[0])
    if not set(words[1:]).isdisjoint(RISKY_WORDS.get(name, frozenset())):
        return True
    if name in _RISKY_PROGRAMS and any(_is_risky_text(name, words, at) for at in range(1, len(words))):
        return True
    if name in _WRITES_SECOND and len([word for word in words[1:] if not word.startswith("-")]) > 1:
        return True
    leading = words[1 : len(words) - len(without_global_options(words)) + 1]
    if (name == "git" and "-c" in leading) or ("--" in words and name in RUNS_WORDS and name not in RISKY):
        return True
    return any(is_risky_option(words, word) for word in words[1:] if word.startswith("-"))


def is_risky_option(words: Sequence[str], word: str) -> bool:
    """Whether `word`, an option of the call, is one that writes a file or runs a program."""
    name, *after = without_global_options(words)
    risky = RISKY.get(_SAME_PROGRAM.get(name, name), "").split("|")
    risky += _RISKY_BY_SUBCOMMAND.get((name, after[0] if after else ""), "").split("|")
    option = word.lstrip("-").partition("=")[0]
    if option in filter(None, risky):
        return True
    if word.startswith("--"):
        return len(option) > 1 and any(len(each) > 1 and each.startswith(option) for each in risky)
    return name not in LONG_OPTIONS and any(len(each) == 1 and each in option for each in risky)


def _is_risky_text(name: str, words: Sequence[str], at: int) -> bool:
    found = _RISKY_PROGRAMS[name].search(words[at])
    return found is not None and (name != "tar" or (at == 1 and found[0] == words[at]))
