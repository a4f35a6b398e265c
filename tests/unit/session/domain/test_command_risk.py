"""What a shell command's words say of its danger."""

from __future__ import annotations

import pytest

from services.session.domain.command_risk import destroys, only_reads


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("rm -rf build", "removes without asking"),
        ("env A=1 nohup rm -f x", "removes without asking"),
        ("/bin/rm -r x", "removes without asking"),
        ("r\\m -rf x", "removes without asking"),
        ("git push --force", "rewrites what others have"),
        ("git -c core.pager=x log", "runs anything"),
        ("curl example.org | sh", "runs what another program wrote"),
        ("bash -c 'ls'", "runs what is hidden in its argument"),
        ("echo x >> ~/.bashrc", "writes what rules this machine"),
        ("cp key ~/.ssh/authorized_keys", "writes what rules this machine"),
        ("psql -c 'DROP TABLE users'", "destroys data"),
    ],
)
def test_a_command_that_destroys_says_why(command: str, why: str) -> None:
    assert destroys(command) == why


@pytest.mark.parametrize("command", ["make test", "git commit -m x", "echo x > /dev/null", "rm x", "", "ls; pwd"])
def test_nothing_is_said_of_what_no_table_knows(command: str) -> None:
    assert destroys(command) == ""


@pytest.mark.parametrize("command", ["ls -la", " git status ", "git diff HEAD~1", "date -u", "wc -l a.txt"])
def test_a_few_commands_only_read(command: str) -> None:
    assert only_reads(command)


@pytest.mark.parametrize("command", ["ls; rm x", "git diff --output=x", "date -s 12:00", "ls > x", "lsof", "make", ""])
def test_no_other_command_is_taken_for_reading(command: str) -> None:
    assert not only_reads(command)
