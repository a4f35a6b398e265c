"""One directory has one name, however it is spelled, on a disk that takes every spelling of it for the same."""

from __future__ import annotations

import fcntl
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.kit.systems import canonical_path
from services.workspace.allowed_roots import inside, resolve_directory
from services.workspace.git.repository import find_repository
from services.workspace.project import find_project
from tests.repositories import RepositoryOnDisk, home_of_its_own

NFC, NFD = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
assert NFC != NFD


class FoldingDisk:
    """Everything below `root` is found by any case and form of its name, as by default on macOS and on Windows."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.listdir = str(root), os.listdir
        self.opened: dict[int, str] = {}
        for name in ("lstat", "stat", "listdir", "scandir", "access", "open", "readlink"):
            monkeypatch.setattr(os, name, self._folding(getattr(os, name)))

    def _folding(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def folding(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            answer = call(self.true(path), *arguments, **options)
            if isinstance(answer, int):
                self.opened[answer] = os.fspath(self.true(path))
            return answer

        return folding

    def true(self, path: Any) -> Any:
        """The name that is on the disk."""
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        if not text.startswith(f"{self.root}/"):
            return path
        at = self.root
        for name in text[len(self.root) + 1 :].split("/"):
            names = self.listdir(at) if Path(at).is_dir() else []
            at = f"{at}/{next((each for each in names if fold(each) == fold(name)), name)}"
        return at


def fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


@pytest.fixture(params=["listing", "kernel"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FoldingDisk:
    """Whose names are found by listing directories, or are told by the kernel, as macOS does."""
    disk = FoldingDisk(tmp_path, monkeypatch)
    if request.param == "kernel":
        tell = fcntl.fcntl

        def told(descriptor: int, command: int, argument: Any = 0) -> Any:
            if command != -50:
                return tell(descriptor, command, argument)
            return disk.opened[descriptor].encode().ljust(len(argument), b"\0")

        monkeypatch.setattr(fcntl, "F_GETPATH", -50, raising=False)
        monkeypatch.setattr(fcntl, "fcntl", told)
        monkeypatch.setattr(os, "listdir", lambda *_: pytest.fail("nothing is listed"))
    return disk


SPELLINGS = ["Shop/Src", "shop/src", "SHOP/sRC", "shop/Src/../src/", "Shop//./SRC"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_that_of_the_disk(disk: FoldingDisk, tmp_path: Path, spelling: str) -> None:
    (tmp_path / "Shop" / "Src").mkdir(parents=True)
    assert canonical_path(f"{tmp_path}/{spelling}") == f"{tmp_path}/Shop/Src"


@pytest.mark.parametrize("stored", [NFC, NFD])
@pytest.mark.parametrize("asked", [NFC, NFD, NFD.lower(), NFC.upper()])
def test_an_accent_is_spelled_as_on_the_disk(disk: FoldingDisk, tmp_path: Path, stored: str, asked: str) -> None:
    (tmp_path / stored).mkdir()
    assert canonical_path(f"{tmp_path}/{asked}") == f"{tmp_path}/{stored}"


def test_what_is_not_there_keeps_its_spelling(disk: FoldingDisk, tmp_path: Path) -> None:
    (tmp_path / "Shop").mkdir()
    assert canonical_path(f"{tmp_path}/shop/New/File") == f"{tmp_path}/Shop/New/File"
    assert inside(tmp_path / "shop" / "New", [tmp_path / "SHOP"])
    assert not inside(tmp_path / "shopping", [tmp_path / "SHOP"])


def test_a_link_leads_where_it_points(disk: FoldingDisk, tmp_path: Path) -> None:
    (tmp_path / "Shop").mkdir()
    (tmp_path / "sHOP-link").symlink_to("shop")
    assert canonical_path(f"{tmp_path}/SHOP-LINK") == f"{tmp_path}/Shop"


def test_all_spellings_are_one_project(disk: FoldingDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Shop" / ".git").mkdir(parents=True)
    roots = [tmp_path / "sHoP"]
    projects = {find_project(resolve_directory(f"{tmp_path}/{name}", roots), roots) for name in ("Shop", "shop")}
    assert [each.root for each in projects] == [f"{tmp_path}/Shop"]
    assert [each.name for each in projects] == ["Shop"]


def test_a_linked_working_tree_may_point_by_another_spelling(
    disk: FoldingDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_of_its_own(tmp_path, monkeypatch)
    (tmp_path / "Shop").mkdir()
    shop = RepositoryOnDisk(tmp_path / "Shop")
    shop.commit()
    shop.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "Beside"))
    for file in (tmp_path / "Beside" / ".git", tmp_path / "Shop" / ".git" / "worktrees" / "Beside" / "gitdir"):
        file.write_text(file.read_text().replace("/Shop/", "/shop/").replace("/Beside/", "/beside/"))
    roots = [tmp_path]
    found = find_repository(resolve_directory(tmp_path / "BESIDE", roots), roots)
    assert found is not None
    assert found.common_dir == tmp_path / "Shop" / ".git"


def test_where_letters_count_two_names_are_two(tmp_path: Path) -> None:
    for name in ("Shop", "shop", NFC, NFD):
        (tmp_path / name).mkdir()
        assert canonical_path(f"{tmp_path}/{name}") == f"{tmp_path}/{name}"
    (tmp_path / "Alone").mkdir()
    (tmp_path / "aLONE").symlink_to("Alone")
    assert canonical_path(f"{tmp_path}/aLONE") == f"{tmp_path}/Alone"
    assert canonical_path(f"{tmp_path}/alone") == f"{tmp_path}/alone"


def test_what_may_not_be_listed_keeps_its_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FoldingDisk(tmp_path, monkeypatch)
    (tmp_path / "Shop").mkdir()

    def refused(_: object) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refused)
    assert canonical_path(f"{tmp_path}/shop") == f"{tmp_path}/shop"


@pytest.mark.parametrize("path", ["/", "/nowhere/At/All", "//tmp"])
def test_paths_at_the_edge(path: str) -> None:
    assert canonical_path(path) == path.replace("//", "/")
