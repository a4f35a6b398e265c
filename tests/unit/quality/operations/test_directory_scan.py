"""What has not changed is not walked again; whatever changes is noticed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.quality.collectors import collect, scan
from services.quality.collectors.directory import Place
from services.quality.collectors.scan import look
from services.quality.operations import directory_stamps, directory_watch
from services.quality.operations.directory_scan import Looking, watched_max
from services.quality.operations.directory_watch import Watch
from tests.repositories import RepositoryOnDisk, home_of_its_own

NOW = datetime.now(UTC)


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    watch = Watch()
    watch.add(str(tmp_path))
    silent = watch.is_silent()
    watch.close()
    if not silent:
        pytest.skip("this kernel does not watch this file system")
    made = Looking([tmp_path])
    yield made
    made.close()


def blind(monkeypatch: pytest.MonkeyPatch, settled_after_s: float = 0.02) -> None:
    """A kernel that reports no changes."""
    monkeypatch.setattr(directory_watch, "_devices", frozenset)
    monkeypatch.setattr(directory_stamps, "settled_after_s", settled_after_s)


@pytest.fixture(params=["watched", "blind"])
def noticing(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looking]:
    """As `looking`, and where the kernel reports nothing."""
    if request.param == "watched":
        made = request.getfixturevalue("looking")
        assert isinstance(made, Looking)
        yield made
        return
    blind(monkeypatch)
    made = Looking([tmp_path])
    yield made
    made.close()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop/deep/er").mkdir(parents=True)
    (tmp_path / "shop/deep/er/cart.py").write_text("x = 1\n")
    (tmp_path / "shop/README.md").write_text("A shop.\n")
    (tmp_path / "shop/.hidden").mkdir()
    home_of_its_own(tmp_path, monkeypatch)
    RepositoryOnDisk(tmp_path / "shop").commit()
    time.sleep(0.05)  # what has just changed could change again without another time
    return tmp_path / "shop"


def git(shop: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=shop, check=True, capture_output=True)


def test_what_has_not_changed_is_known_again(looking: Looking, shop: Path) -> None:
    assert looking.last_look(shop) is None
    place = looking.look(shop, NOW)
    for _ in range(3):
        seen = looking.last_look(shop)
        assert seen is not None
        assert (seen.state, seen.newest) == (place.state, place.newest())
    (shop / ".hidden/scratch").write_text("nobody asks for it")
    assert looking.last_look(shop) is not None


def stale(path: Path) -> None:
    os.utime(path, (1, 1))


def _made(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()


def _rewritten(path: Path) -> None:
    before = path.stat()
    path.write_text("y = 9\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _staged(shop: Path) -> None:
    (shop / "b.py").touch()
    git(shop, "add", "b.py")


def _moved_in(shop: Path) -> None:
    (shop.parent / "elsewhere/more").mkdir(parents=True)
    (shop.parent / "elsewhere").rename(shop / "elsewhere")


def _replaced(shop: Path) -> None:
    shop.rename(shop.parent / "old")
    (shop / "deep").mkdir(parents=True)


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda shop: (shop / "deep/er/cart.py").write_text("x = 2\n"),
    "written to the same size and time": lambda shop: _rewritten(shop / "deep/er/cart.py"),
    "touched": lambda shop: stale(shop / "README.md"),
    "added": lambda shop: (shop / "deep/er/new.py").touch(),
    "added to a new directory": lambda shop: (shop / "new").mkdir(),
    "removed": lambda shop: (shop / "README.md").unlink(),
    "renamed": lambda shop: (shop / "deep/er/cart.py").rename(shop / "deep/er/card.py"),
    "a directory moved in": _moved_in,
    "committed": lambda shop: git(shop, "commit", "-q", "--allow-empty", "-m", "Nothing more"),
    "checked out": lambda shop: git(shop, "checkout", "-q", "-b", "other"),
    "staged": _staged,
    "a report": lambda shop: _made(shop / "target/nextest/default/junit.xml"),
    "a workflow": lambda shop: _made(shop / ".github/workflows/check.yml"),
    "a tool of its own": lambda shop: _made(shop / ".venv/bin/ruff"),
    "another directory in its place": _replaced,
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_changes_is_noticed(noticing: Looking, shop: Path, name: str) -> None:
    noticing.look(shop, NOW)
    assert noticing.last_look(shop) is not None
    CHANGES[name](shop)
    is_seen_by_a_scan = name != "written to the same size and time" or bool(directory_watch._devices())
    assert (noticing.last_look(shop) is None) == is_seen_by_a_scan


def test_where_the_kernel_reports_nothing_nothing_unchanged_is_listed_or_walked(
    tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind(monkeypatch)
    looking = Looking([tmp_path])
    state = looking.look(shop, NOW).state
    monkeypatch.setattr(scan, "_entries", lambda _: pytest.fail("a directory is listed"))
    for _ in range(2):
        seen = looking.last_look(shop)
        assert seen is not None
        assert seen.state == state
    (shop / ".hidden/scratch").write_text("nobody asks for it")
    assert looking.last_look(shop) is not None


def test_what_has_just_changed_is_scanned_again(tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could change once more without another time."""
    blind(monkeypatch, settled_after_s=60.0)
    looking = Looking([tmp_path])
    looking.look(shop, NOW)
    assert looking.last_look(shop) is None


def test_of_a_large_project_no_times_are_kept(tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blind(monkeypatch)
    monkeypatch.setattr(directory_stamps, "files_max", 1)
    looking = Looking([tmp_path])
    looking.look(shop, NOW)
    assert looking.last_look(shop) is None


def test_a_change_during_the_look_is_noticed(looking: Looking, shop: Path) -> None:
    watch = Watch()

    def entering(directory: str) -> None:
        watch.add(directory)
        (shop / "README.md").write_text("while it is looked at")

    look(shop, [shop.parent], entering=entering)
    assert not watch.is_silent()
    watch.close()


def test_a_tool_installed_outside_is_noticed(looking: Looking, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = shop.parent / "bin"
    place.mkdir()
    stale(place)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    before = looking.look(shop, NOW).state
    (place / "ruff").touch()
    assert looking.last_look(shop) is None
    assert looking.look(shop, NOW).state != before


def test_reports_and_directories_that_are_links_are_no_trouble(looking: Looking, shop: Path) -> None:
    (shop / "build").symlink_to("/usr/share")
    (shop / "coverage").symlink_to("nowhere")
    looking.look(shop, NOW)
    assert looking.last_look(shop) is not None


def _opened() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.linux
def test_no_more_than_a_few_projects_are_watched(looking: Looking, tmp_path: Path) -> None:
    places = [tmp_path / f"project-{number}" for number in range(watched_max + 2)]
    descriptors = _opened()
    for place in places:
        place.mkdir()
        looking.look(place, NOW)
    assert _opened() == descriptors + watched_max
    assert looking.last_look(places[0]) is None
    assert looking.last_look(places[-1]) is not None
    looking.close()
    assert _opened() == descriptors


def test_a_file_system_that_others_write_to_is_not_watched(tmp_path: Path) -> None:
    watch = Watch()
    watch.add("/proc/self")
    watch.add(str(tmp_path))
    assert not watch.is_silent()
    watch.close()


def test_only_what_changed_is_measured_again_and_the_score_is_that_of_a_first_look(
    looking: Looking, shop: Path
) -> None:
    looking.look(shop, NOW)
    first = collect(looking.look(shop, NOW))
    (shop / "deep/er/cart.py").write_text("def total(prices):\n    return sum(prices)\n")
    (shop / "deep/er/card.py").write_text('def pay() -> None:\n    """Pays."""\n')
    place = looking.look(shop, NOW)
    known = _sources_measured(place)
    again = collect(place)
    assert again != first
    assert again == collect(look(shop, [shop.parent], NOW))
    assert _sources_measured(place) == known + 2


def _sources_measured(place: Place) -> int:
    return sum(what == "source" for what, _ in place.measured)
