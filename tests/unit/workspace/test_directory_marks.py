"""A directory's mark by what other systems tell of it: faked, as their kernels answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from services.workspace.directory_identity import directory_mark

BORN = 1_767_225_600.123456
BORN_NS = 1_767_225_600_123_456_001


class Kernel:
    """Answers for `paths`, with the fields of its system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
        self.paths: dict[str, dict[str, Any]] = {}
        is_windows = system.startswith("windows")
        monkeypatch.setattr(sys, "platform", "win32" if is_windows else "darwin")
        if is_windows:
            monkeypatch.delattr(os, "statvfs")
        else:
            number = iter(range(1, 1000))  # of its mount, and another after each restart
            monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_fsid=next(number)))
        self.marks: Callable[[str], str] = self._marks(monkeypatch, "nt" if is_windows else "posix")

    def _marks(self, monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[str], str]:
        def mark(path: str) -> str:
            with monkeypatch.context() as there:
                there.setattr(os, "name", name)
                there.setattr(os, "stat", self._stat)
                return directory_mark(path)

        return mark

    def _stat(self, path: str) -> SimpleNamespace:
        if path not in self.paths:
            raise FileNotFoundError(path)
        return SimpleNamespace(**self.paths[path])


TELLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "macos": lambda later: {"st_birthtime": BORN + later, "st_ctime_ns": BORN_NS * 2},
    "windows": lambda later: {"st_ctime_ns": BORN_NS + later},
    "windows, python 3.12": lambda later: {"st_birthtime_ns": BORN_NS + later, "st_birthtime": 0.0, "st_ctime_ns": 7},
}
"""Of one that was made that much later: seconds, and the smallest unit of Windows."""


@pytest.fixture(params=TELLS)
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, system: str) -> Kernel:
    return Kernel(monkeypatch, system)


def told(system: str, number: int, later: int = 0, **others: int) -> dict[str, Any]:
    return {"st_ino": number, "st_dev": 16_777_232, **TELLS[system](later), **others}


def test_a_directory_that_moved_has_its_mark(kernel: Kernel, system: str) -> None:
    kernel.paths["/Users/ada/Notes"] = told(system, 42)
    before = kernel.marks("/Users/ada/Notes")
    assert len(before) == 32
    kernel.paths = {"/Users/ada/Archive/Notes": told(system, 42, st_mtime_ns=9)}
    assert kernel.marks("/Users/ada/Archive/Notes") == before
    assert kernel.marks("/Users/ada/Notes") == ""


def test_after_a_restart_the_disk_s_number_may_be_another(kernel: Kernel, system: str) -> None:
    kernel.paths["/Volumes/Work/notes"] = told(system, 42)
    before = kernel.marks("/Volumes/Work/notes")
    kernel.paths["/Volumes/Work/notes"] = told(system, 42, st_dev=16_777_999)
    assert kernel.marks("/Volumes/Work/notes") == before


@pytest.mark.parametrize(("number", "later"), [(43, 0), (42, 1)])
def test_a_copy_or_one_that_got_its_number_has_not(kernel: Kernel, system: str, number: int, later: int) -> None:
    kernel.paths = {"/notes": told(system, 42), "/copy": told(system, number, later)}
    assert kernel.marks("/copy") not in {"", kernel.marks("/notes")}


NOT_TOLD: dict[str, list[dict[str, Any]]] = {
    "macos": [{"st_birthtime": 0.0}, {"st_birthtime": -1.0}, {"st_ino": 0}],
    "windows": [{"st_ctime_ns": 0}, {"st_ino": 0}],
    "windows, python 3.12": [{"st_birthtime_ns": 0}, {"st_ino": 0}],
}


def test_a_disk_that_does_not_tell_gives_none(kernel: Kernel, system: str) -> None:
    """As with NFS, FAT and some drivers: what all have alike would join strangers."""
    for missing in NOT_TOLD[system]:
        kernel.paths["/notes"] = {**told(system, 42), **missing}
        assert kernel.marks("/notes") == ""
