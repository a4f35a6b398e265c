"""What destroys on macOS and Windows, what rules them, and how files are called there, is known on every system."""

from __future__ import annotations

import random
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.session.domain.operation_risk import Level, classify
from tests.unit.session.book import Book


@pytest.mark.parametrize(
    "command",
    [
        "diskutil eraseDisk JHFS+ Empty /dev/disk2",
        "sudo diskutil apfs deleteContainer disk2",
        "tmutil delete /Volumes/Backup/2026-11-01",
        "osascript -e 'do shell script \"rm -rf ~\"'",
        "security delete-keychain login.keychain",
        "defaults delete com.apple.dock",
        "dscl . -delete /Users/ada",
        "newfs_apfs /dev/disk2",
        "asr restore --source a.dmg --target /Volumes/Data --erase",
        "csrutil disable",
        "nvram -c",
        "sysadminctl -deleteUser ada",
        "launchctl load ~/Library/LaunchAgents/x.plist",
        "format C:",
        "diskpart /s wipe.txt",
        "reg delete HKLM\\\\Software /f",
        "Remove-Item -Recurse -Force build",
        "powershell -Command 'Remove-Item -Recurse C:/x'",
        "RD /S /Q build",
        "tmutil disablelocal",
    ],
)
def test_what_destroys_on_another_system_is_critical(command: str) -> None:
    assert classify("Bash", command).level is Level.CRITICAL


@pytest.mark.parametrize(
    "path",
    [
        "/private/etc/hosts",
        "/private/var/db/sudo/x",
        "/Library/LaunchDaemons/x.plist",
        "/Users/ada/Library/LaunchAgents/x.plist",
        "~/Library/LaunchAgents/x.plist",
        "/System/Library/x",
        "C:\\Windows\\System32\\drivers\\etc\\hosts",
        "/Users/ada/.ZSHENV",
        "/work/heron/.GIT/hooks/pre-commit",
    ],
)
def test_what_rules_another_system_is_critical_to_write(path: str) -> None:
    assert classify("Write", path).level is Level.CRITICAL


def test_a_keychain_is_no_ordinary_file_to_read() -> None:
    assert classify("Read", "/Users/ada/Library/Keychains/login.keychain-db").level is not Level.LOW


@pytest.mark.parametrize("path", ["/private/var/folders/zz/x/T/a.py", "/work/heron/docs/Library/a.md"])
def test_what_only_looks_like_it_is_not(path: str) -> None:
    assert classify("Write", path).level is not Level.CRITICAL


@pytest.mark.parametrize(
    ("operation", "denied", "target"),
    [
        ("Edit", "/etc/hosts", "/private/etc/hosts"),
        ("Edit", "/private/var/db/x", "/var/db/x"),
        ("Edit", "/private/*", "/tmp/x"),
        ("Edit", "/tmp/*", "/PRIVATE/tmp/x"),
        ("Edit", "/Users/ada/x", "/System/Volumes/Data/Users/ada/x"),
        ("Edit", "/System/Volumes/Data/Users/ada/x", "/users/ada/x"),
        ("Read", "~/.ssh/*", "/System/Volumes/Data/Users/ada/.ssh/id"),
        ("Bash", "cat .env", "cat .ENV"),
        ("Bash", "cat -- .env", "cat -- .Env"),
        ("Bash", "cat caf\u00e9/*", "cat Cafe\u0301/a"),
        ("Bash", "rm -rf /etc/x", "rm -r -f /private/etc/x"),
    ],
)
def test_a_deny_holds_for_every_name_that_macos_has_for_a_file(operation: str, denied: str, target: str) -> None:
    denying, allowing = Book(), Book()
    denying.deny(operation, denied)
    assert denying.verdict(operation, target) == "deny"
    allowing.allow(operation, denied)
    assert allowing.verdict(operation, target) != "allow"


@pytest.mark.parametrize(
    ("operation", "denied", "target"),
    [("Bash", "git branch -D *", "git branch -d old"), ("Edit", "/etc/x", "/private/usr/etc/x")],
)
def test_a_deny_holds_for_no_other_by_that(operation: str, denied: str, target: str) -> None:
    book = Book()
    book.deny(operation, denied)
    assert book.verdict(operation, target) != "deny"


FORMS: st.SearchStrategy[Literal["NFC", "NFD"]] = st.sampled_from(["NFC", "NFD"])
NAMES = st.text("aZé\u00dfÅo.-", min_size=1, max_size=12).filter(lambda name: name.strip(".") != "")


@given(NAMES, st.integers(), FORMS)
def test_a_deny_holds_for_every_spelling_and_an_allow_for_its_own(
    name: str, seed: int, form: Literal["NFC", "NFD"]
) -> None:
    mixed = "".join(random.Random(seed).choice((letter.upper(), letter.lower())) for letter in name)
    target = unicodedata.normalize(form, mixed)
    denying, allowing = Book(), Book()
    denying.deny("Edit", f"/work/heron/{name}")
    assert denying.verdict("Edit", f"/work/heron/{target}") == "deny"
    allowing.allow("Edit", f"/work/heron/{name}")
    if target != name:
        assert allowing.verdict("Edit", f"/work/heron/{target}") != "allow"
