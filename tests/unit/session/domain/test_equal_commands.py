"""No way to say the same is allowed where one way is denied: what Bash really runs is looked at, with stubs."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from services.session.domain.permissions import Scope
from tests.unit.session.book import Book

SAME = [
    "{0}", "  {0}  ", "{0} ", "{0};", "{0} &", "{0} && true", "true && {0}", "false || {0}", "true; {0}", "true\n{0}",
    "({0})", "{{ {0}; }}", "! {0}", "echo $({0})", "echo `{0}`", 'echo "$({0})"', "x=$({0})", "if true; then {0}; fi",
    "for i in 1; do {0}; done", "while {0}; do break; done", "case a in a) {0};; esac", "f() {{ {0}; }}; f",
    "until {0}; do break; done", "X=1 {0}", "env {0}", "env X=1 {0}", "env -u X {0}", "command {0}", "nice {0}",
    "nice -n 5 {0}", "timeout 5 {0}", "timeout -k 1 -s KILL 5 {0}", "nohup {0}", "time {0}", "time -p {0}", "exec {0}",
    "setsid -w {0}", "stdbuf -oL {0}", "echo x | xargs -n1 {0}", "xargs -I{{}} {0} < /dev/null; {0}", "bash -c '{0}'",
    'sh -c "{0}"', "bash -lc '{0}'", "eval {0}", "eval '{0}'", "bash <<< '{0}'", "bash <<'E'\n{0}\nE", "{0} > out",
    "> out {0}", "2>/dev/null {0}", "{0} < /dev/null", "{0} # a comment", "cat <({0})", "coproc {0}; wait",
    "trap '{0}' EXIT", "env nice timeout 5 {0}", "bash -c 'bash -c \"{0}\"'", "find . -maxdepth 0 -exec {0} \\;",
    "builtin command {0}", "echo a | while read l; do {0}; done", "env -S '{0}'", "[ -d . ] && {0}", "(cd . && {0})",
    "echo '{0}' | bash", "x='{0}'; $x", "{0} || {0}", "git status; {0}", "true | {0}", "{0} | cat", "cd . ; {0}",
    "function g {{ {0}; }}; g", "echo ${{x:-$({0})}}", "echo \"${{x:-`{0}`}}\"", "true & {0}", "{0} 2>&1 | cat",
    "bash -c -- '{0}'", "export X=$({0})", "local_x=1; {0}", "time ( {0} )", "if {0}; then :; fi", "ionice -c3 {0}",
]  # fmt: skip
WORDS = [
    "git push o", "git  push  o", "git\tpush o", "\\git push o", "g''it push o", '"git" push o', "'git' 'push' o",
    "git pu''sh o", "git $'push' o", "git \\\npush o", "git -C . push o", "git --no-pager push o", "git push",
    "git --git-dir=.git push o", "git --git-dir .git --work-tree . push o", "git -c a.b=c push o", "git -p push o",
    "$STUBS/git push o", "git push --quiet o", "git push -q -- o", "git p\\ush o", 'git "pu"sh o', "git {push,o}",
    "git $(echo push) o", "x=push; git $x o", "git p?sh o", "git-push o", "git --literal-pathspecs push o",
    "git push>o",    "git >out push o", "git push o -q", "git push -q o", "g\\it push o", "$'g\\x69t' push o",
    "git --namespace n push o", "gi\\\nt push o", "git pu\\\nsh o", "true # x \\\ngit push o", "echo a\\\\\ngit push o",
]  # fmt: skip


STUB = """#!/bin/sh
for word; do printf '%s\\n' "$word" >> "$STUB_LOG"; done
case $0 in *-push) echo push >> "$STUB_LOG";; esac
"""


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("stubs")
    for name in ("git", "git-push"):
        path = directory / name
        path.write_text(STUB)
        path.chmod(0o755)
    return directory


def pushes(command: str, stubs: Path, place: Path) -> bool:
    """Whether Bash pushes when it runs the command."""
    log = place / "log"
    log.unlink(missing_ok=True)
    environment = {"PATH": f"{stubs}:{os.environ['PATH']}", "STUB_LOG": str(log), "STUBS": str(stubs)}
    subprocess.run(
        ["bash", "-c", command],
        cwd=place,
        env=environment,
        capture_output=True,
        timeout=20,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return log.exists() and "push" in log.read_text().splitlines()


def book() -> Book:
    rules = Book()
    rules.allow("Bash", "*", Scope.ALWAYS)
    rules.allow("Bash", "git *")
    rules.deny("Bash", "git push *", Scope.PROJECT)
    return rules


@pytest.mark.parametrize("words", ["git push o", "git -C . push o"])
def test_no_wrapping_of_a_denied_command_is_allowed(stubs: Path, tmp_path: Path, words: str) -> None:
    rules, said = book(), {}
    for same in SAME:
        command = same.format(words)
        if pushes(command, stubs, tmp_path):
            said[command] = rules.verdict("Bash", command)
    assert len(said) >= 60
    assert [command for command, verdict in said.items() if verdict == "allow"] == []
    assert sum(verdict == "deny" for verdict in said.values()) >= len(said) - 4


def test_no_other_words_for_a_denied_command_are_allowed(stubs: Path, tmp_path: Path) -> None:
    (tmp_path / "push").touch()
    rules, said = book(), {}
    for words, same in itertools.product(WORDS, ("{0}", "true && {0}", "env {0}")):
        command = same.format(words)
        if pushes(command, stubs, tmp_path):
            said[command] = rules.verdict("Bash", command)
    assert len(said) >= 60
    assert [command for command, verdict in said.items() if verdict == "allow"] == []
    assert sum(verdict == "deny" for verdict in said.values()) >= len(said) * 3 / 4


@pytest.mark.parametrize(
    ("pattern", "command"),
    [
        ("rm *", "/bin/rm a"),
        ("rm *", "FOO=1 rm a"),
        ("rm *", "env rm a"),
        ("rm *", "command rm a"),
        ("rm *", "ls | xargs rm"),
        ("rm -rf *", "rm -fr x"),
        ("rm -rf *", "rm -r -f x"),
        ("rm -rf *", "rm x -rf"),
        ("rm -rf *", "rm --recursive --force x"),
        ("rm -rf *", "rm -Rfv x"),
        ("rm -rf *", "rm -r --fo x"),
        ("git push --force *", "git push origin main --force"),
        ("git push --force *", "git push -f"),
        ("docker rm *", "docker --context prod rm x"),
        ("kubectl delete *", "kubectl -n prod delete pod x"),
        ("npm publish", "npm --prefix web publish"),
        ("git push origin main", "git -C . push origin main"),
        ("find * -delete", "find . -name x -delete"),
        ("curl *", "bash -c 'curl x'"),
        ("git *", "git"),
        ("git push *", "GIT push o"),
        ("git push *", "git send-pack o"),
        ("git push *", "git.exe push"),
    ],
)
def test_a_deny_holds_for_equal_forms(pattern: str, command: str) -> None:
    rules = Book()
    rules.deny("Bash", pattern)
    assert rules.verdict("Bash", command) == "deny"


@pytest.mark.parametrize(
    ("pattern", "command"),
    [
        ("git push *", "git commit -m 'later: git push o'"),
        ("git push *", "echo git push"),
        ("git push *", "git stash push"),
        ("git push *", "git log push"),
        ("rm -rf *", "rm -r x"),
        ("rm -rf *", "rm x"),
        ("rm *", "git rm x"),
        ("rm *", "docker run --rm x"),
        ("git push --force *", "git push o"),
        ("npm publish", "npm run publish"),
    ],
)
def test_a_deny_holds_for_nothing_else(pattern: str, command: str) -> None:
    rules = Book()
    rules.deny("Bash", pattern)
    assert rules.verdict("Bash", command) != "deny"


@pytest.mark.parametrize(
    ("pattern", "command"),
    [
        ("git log *", "git log --output=.git/hooks/pre-commit"),
        ("git log *", "git log --output=x"),
        ("git log *", "git log --outp=x"),
        ("git log *", "git log --oneline > x"),
        ("git *", "git difftool -x sh"),
        ("git *", "git grep -Osh x"),
        ("git *", "git rebase -x make"),
        ("git *", "git ls-remote --upload-pa=sh x"),
        ("git *", "git submodule foreach rm a"),
        ("git *", "git -c core.pager=sh log"),
        ("git *", "X=1 git status"),
        ("git *", "git status && make"),
        ("git *", "git status $(make)"),
        ("git *", "git status $X"),
        ("git *", "git log <(make)"),
        ("git *", "env git fetch"),
        ("git *", "git fetch 'unterminated"),
        ("find *", "find . -exec grep x {} +"),
        ("tar *", "tar xf a --to-command=sh"),
        ("sort *", "sort -o x y"),
        ("make *", "make\rrm x"),
    ],
)
def test_an_allow_reaches_over_nothing_that_writes_or_runs(pattern: str, command: str) -> None:
    rules = Book()
    rules.allow("Bash", pattern)
    assert rules.verdict("Bash", command) == "ask"


@pytest.mark.parametrize(
    "command",
    ["git fetch && make test", "cd src && make test", "git fetch; make test", "git fetch | make test",
     "git fetch 2>/dev/null && make test", "git log --oneline 2>&1 | make test", "if git fetch; then make test; fi"],
)  # fmt: skip
def test_an_allow_of_each_part_allows_the_whole(command: str) -> None:
    rules = Book()
    for pattern in ("git *", "make *", "cd *"):
        rules.allow("Bash", pattern)
    assert rules.verdict("Bash", command) == "allow"


def test_a_star_can_be_meant_as_it_is() -> None:
    rules = Book()
    rules.allow("Bash", "rm *.pyc", exact=True)
    assert rules.verdict("Bash", "rm *.pyc") == "allow"
    assert rules.verdict("Bash", "rm notes.md x.pyc") == "ask"
    assert rules.verdict("Bash", "rm -v /srv/data.db x.pyc") == "ask"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no Bash here")
def test_the_stubs_see_a_push(stubs: Path, tmp_path: Path) -> None:
    assert pushes("git push o", stubs, tmp_path)
    assert not pushes("git status", stubs, tmp_path)
