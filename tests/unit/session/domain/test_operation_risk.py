"""How dangerous an operation is, by its name and by what it is done to."""

from __future__ import annotations

import pytest

from services.session.domain.operation_risk import Level, classify, is_learned_as_a_whole, target_judged_max_chars
from services.session.permissions.operation_kinds import is_shell, operation_name


@pytest.mark.parametrize("written", ["Bash", " bash ", "\uff22ash"])
def test_one_operation_has_one_name_however_it_is_written(written: str) -> None:
    assert operation_name(written) == "bash"
    assert is_shell(written)


@pytest.mark.parametrize(
    ("operation", "target", "level"),
    [
        ("Read", "src/app.py", Level.LOW),
        ("Read", ".env", Level.HIGH),
        ("Write", "src/app.py", Level.MEDIUM),
        ("Write", "src/../../other/app.py", Level.HIGH),
        ("Write", ".git/hooks/pre-commit", Level.CRITICAL),
        ("Bash", "ls", Level.LOW),
        ("Bash", "make", Level.HIGH),
        ("Bash", "rm -rf /", Level.CRITICAL),
        ("never_heard_of", "", Level.HIGH),
        ("never_heard_of", "rm -rf /", Level.CRITICAL),
        ("Read", "x" * (target_judged_max_chars + 1), Level.CRITICAL),
    ],
)
def test_the_target_can_raise_the_level_and_never_lowers_it(operation: str, target: str, level: Level) -> None:
    assert classify(operation, target).level is level


def test_a_file_is_outside_of_the_project_by_its_path_not_by_its_beginning() -> None:
    assert classify("Write", "/srv/shop/app.py", "/srv/shop").level is Level.MEDIUM
    assert classify("Write", "/srv/shop2/app.py", "/srv/shop").level is Level.HIGH


def test_only_what_its_target_does_not_decide_is_learned_as_a_whole() -> None:
    assert is_learned_as_a_whole("Write", Level.MEDIUM)
    assert not is_learned_as_a_whole("Write", Level.HIGH)
    assert not is_learned_as_a_whole("Bash", Level.HIGH)
    assert not is_learned_as_a_whole("WebFetch", Level.HIGH)
