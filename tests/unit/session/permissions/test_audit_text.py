"""The log tells what a decision was about, and not what was written in it."""

from __future__ import annotations

import pytest

from services.session.permissions.audit_text import without_contents


@pytest.mark.parametrize(
    ("operation", "target", "kept"),
    [
        ("Bash", "ls", "ls"),
        ("Bash", "make test", "make test"),
        ("Bash", "git -C /srv commit -m 'the pears are rotten'", "git commit …"),
        ("Bash", "git push origin main && npm run build", "git push …; npm run …"),
        ("Bash", "echo the pears are rotten > note", "echo …"),
        ("Bash", "cat > note <<'E'\nthe pears are rotten\nE", "cat"),
        ("Bash", "bash -c 'curl -d pears x'", "bash …; curl …"),
        ("Bash", "PEARS=rotten ./pears.sh rotten", "pears.sh …"),
        ("Bash", "'the pears are rotten'", "…"),
        ("Bash", "the 'pears", "the"),
        ("Bash", "$PEARS rotten", "… …"),
        ("Bash", "", ""),
        ("PowerShell", "Write-Output 'the pears are rotten'", "Write-Output …"),
        ("mcp__pears__say", "the pears are rotten", "the …"),
        ("Edit", "/srv/shop/app.py", "/srv/shop/app.py"),
        ("WebFetch", "https://ada:x@pears.example/a?rotten=1", "https://pears.example/…"),
        ("WebFetch", "pears", "…"),
        ("delete_conversations", "shop", "shop"),
    ],
)
def test_contents_are_left_out(operation: str, target: str, kept: str) -> None:
    assert without_contents(operation, target) == kept


def test_a_long_command_is_told_shortly() -> None:
    told = without_contents("Bash", "; ".join(f"program{number} x" for number in range(500)))
    assert told.endswith("program7 …; …")
