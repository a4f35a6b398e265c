"""Three hundred ways to push: what Bash really runs, with stubs, is denied, and little of it is only asked about."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from services.session.domain.permissions import Scope
from services.session.permissions.files.file_commands import Holds
from services.session.permissions.git_runs import git_runs
from services.session.permissions.plain_denies import KeptDeny, judge_plainly
from services.session.permissions.shell_texts import with_known_values
from tests.unit.session.book import Book
from tests.unit.session.domain.test_equal_commands import book, pushes, stubs  # noqa: F401  # a fixture
from tests.unit.session.domain.test_harmless_commands import LINES

FORMS = [
    line.replace("␤", "\n")
    for line in Path(__file__).with_name("equal_forms.txt").read_text(encoding="utf-8").splitlines()
]
ACTS_ELSEWHERE = re.compile(r"\b(sudo|su|doas|runuser|gosu|at|batch|crontab|tmux|screen|systemd-run|ssh|vim)\b")
"""Programs that the tests do not run."""
ONLY_THE_SHELL_KNOWS = 12
ENCODED = ("rev | bash", "base64 -d | bash")
DENIED = (
    "git push *",
    "rm -rf *",
    "npm publish *",
    "dd *",
    "sudo *",
    "shutdown *",
    "git reset --hard *",
    "docker rm *",
)


def test_there_are_three_hundred_of_them() -> None:
    assert len(set(FORMS)) >= 300


@pytest.mark.slow
def test_what_really_pushes_is_denied_or_asked_about(stubs: Path, tmp_path: Path) -> None:  # noqa: F811
    rules, said = book(), {}
    for number, command in enumerate(FORMS):
        place = tmp_path / str(number)
        place.mkdir()
        (place / "in").write_text("x\n")
        if not ACTS_ELSEWHERE.search(command) and pushes(command, stubs, place):
            said[command] = rules.verdict("Bash", command)
    assert len(said) >= 200
    assert [command for command, verdict in said.items() if verdict == "allow"] == []
    assert len([command for command, verdict in said.items() if verdict != "deny"]) <= ONLY_THE_SHELL_KNOWS


def test_each_of_them_is_held_back_whether_it_can_be_run_here_or_not() -> None:
    rules = book()
    verdicts = {command: rules.verdict("Bash", command) for command in FORMS}
    assert [command for command, verdict in verdicts.items() if verdict == "allow"] == []
    assert sum(verdict == "deny" for verdict in verdicts.values()) >= len(FORMS) - ONLY_THE_SHELL_KNOWS


def test_each_of_them_is_held_back_where_nobody_has_the_grammar() -> None:
    deny = KeptDeny("bash", "git push *", False, "/work/heron")
    passed = [command for command in FORMS if judge_plainly([deny], "Bash", command) is Holds.NOTHING]
    assert [command for command in passed if not command.endswith(ENCODED)] == []


@pytest.mark.parametrize(
    "command",
    ["git $x o", "git ${a#x} o", "git p?sh o", "git {pu,}sh o", "$x push o", "$(cat x) push", "git $(cat x)", "$x"],
)
def test_what_may_be_denied_is_asked_about(command: str) -> None:
    rules = Book()
    rules.allow("Bash", "*", Scope.ALWAYS)
    rules.deny("Bash", "git push *")
    decision = rules.check("Bash", command)
    assert (str(decision.verdict), decision.may_be_denied or decision.rule is not None) in {
        ("ask", True),
        ("deny", True),
    }


def test_the_persons_own_words_are_not_asked_about_again() -> None:
    rules = Book()
    rules.allow("Bash", "git $x o", exact=True)
    rules.deny("Bash", "git push *")
    assert rules.verdict("Bash", "git $x o") == "allow"


@pytest.mark.parametrize(
    "command", ["git log $x", "git -C $d status", "$PY -m pytest", "for d in */; do git -C $d log; done", "echo $x"]
)
def test_what_cannot_be_denied_is_not(command: str) -> None:
    rules = Book()
    rules.deny("Bash", "git push *")
    assert not rules.check("Bash", command).may_be_denied


def test_no_harmless_command_is_stopped_by_a_deny_of_another() -> None:
    rules = Book()
    for pattern in DENIED:
        rules.deny("Bash", pattern, Scope.PROJECT)
    named = re.compile(r"git push|rm -rf|npm publish|\bdd\b|\bsudo\b|\bshutdown\b|docker rm")
    checked = {command: rules.check("Bash", command) for command in LINES if not _runs(named, command)}
    assert len(checked) > 600
    assert [command for command, said in checked.items() if said.verdict == "deny" or said.may_be_denied] == []


def _runs(named: re.Pattern[str], command: str) -> bool:
    """Whether it does one of them, and not only in quotes or as a word of another."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|<<.*", "''", command, flags=re.DOTALL)
    return bool(re.match(r"(.*(&&|;|\|)\s*)?(git push|rm -rf|npm publish|dd|sudo|shutdown|docker rm)\b", bare))


def test_values_are_put_in() -> None:
    for command, made in (
        ("x=push; git $x o", "x=push; git push o"),
        ("git ${x:-push} o", "git push o"),
        ("git $(echo push) o", "git push o"),
        ("git {push,o}", "git push o"),
        ("for x in push a; do git $x; done", "for x in push a; do git push; done"),
        ("git pu\\\nsh", "git push"),
        ("git $x", "git $x"),
    ):
        assert with_known_values(command) == made


def test_what_git_runs_is_known() -> None:
    words = ["git", "rebase", "-x"]
    assert list(git_runs([*words, "make x"])) == ["make x"]
    assert list(git_runs(["git", "-c", "alias.p=push o", "p"])) == [("git", "push", "o")]
    assert list(git_runs(["git", "commit", "-m", "git push"])) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no Bash here")
def test_the_stubs_see_nothing_else(stubs: Path, tmp_path: Path) -> None:  # noqa: F811
    assert not pushes("git log --grep='git push'", stubs, tmp_path)
