"""The files that a piece of work is likely to change: by like commits, by names, and by what changed lately."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.workspace.git import likely_files as subject
from services.workspace.git.commit_log import Commit
from services.workspace.git.likely_files import commits_max, commits_min, files_max, likeliest, likely_files, paths_max
from tests.repositories import RepositoryOnDisk, home_of_its_own

FILLING = ("tune the sorting of rows", "speed up the cache", "rename a parameter", "more of the parser")


def filler(number: int) -> Commit:
    return Commit(float(number), FILLING[number % 4], [f"src/part_{number % 7}.py"])


def history(*telling: Commit, after: int = 20) -> list[Commit]:
    return [*map(filler, range(commits_min)), *telling, *map(filler, range(after))]


def anything(_: str) -> bool:
    return True


REFUND = Commit(1.0, "Refund a gift card when the order is cancelled", ["shop/refunds.py", "shop/gift_cards.py"])


def test_files_of_like_commits_come_first() -> None:
    found = likeliest(history(REFUND), "cancelled orders should refund the gift card, too", anything)
    assert set(found[:2]) == set(REFUND.paths)
    assert len(found) <= files_max


def test_a_file_is_found_by_its_name_and_before_one_that_changed_long_ago() -> None:
    named = Commit(1.0, "Move things around", ["web/checkoutForm.ts"])
    again = Commit(2.0, "Mend the layout of a form", ["web/form_old.ts"])
    found = likeliest(history(again, named), "the checkout form loses its layout", anything)
    assert "web/checkoutForm.ts" in found


def test_what_is_gone_is_not_named() -> None:
    found = likeliest(history(REFUND), "refund the gift card of a cancelled order", lambda path: "gift" not in path)
    assert "shop/refunds.py" in found
    assert "shop/gift_cards.py" not in found


@pytest.mark.parametrize("text", ["", "go on", "?!", "thanks a lot", "the of and", "refund"])
def test_words_that_say_nothing_of_the_project_name_nothing(text: str) -> None:
    assert likeliest(history(REFUND), text, anything) == []


def test_a_short_history_names_nothing() -> None:
    assert likeliest([filler(1), REFUND], "refund the gift card of a cancelled order", anything) == []


def test_a_commit_of_very_many_files_says_nothing_of_each() -> None:
    wide = Commit(1.0, REFUND.subject, [f"lib/file_{number}.py" for number in range(paths_max + 1)])
    found = likeliest(history(wide), "refund the gift card of a cancelled order", anything)
    assert not [path for path in found if path.startswith("lib/")]


def test_the_same_history_names_the_same_files() -> None:
    found = {tuple(likeliest(history(REFUND), "refund and cache and parser", anything)) for _ in range(5)}
    assert len(found) == 1


def committed(root: Path, commits: list[Commit]) -> RepositoryOnDisk:
    """A repository with these commits, and the files of the last."""
    made = RepositoryOnDisk(root)
    lines = []
    for number, each in enumerate(commits):
        lines.append(f"commit refs/heads/main\ncommitter A <a@b> {int(each.time)} +0000\n")
        lines.append(f"data {len(each.subject)}\n{each.subject}\n")
        lines += [f"M 644 inline {path}\ndata {len(str(number))}\n{number}\n" for path in each.paths]
    given = root / ".git" / "import"
    given.write_text("".join(lines))
    with given.open() as text:
        made.git_with("fast-import", "--quiet", given=text)
    made.git("reset", "--quiet", "--hard")
    return made


def test_a_repository_is_read_and_paths_are_those_of_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_of_its_own(tmp_path, monkeypatch)
    made = committed(tmp_path / "project", history(REFUND))
    words = "refund the gift card of a cancelled order"
    assert set(likely_files(made.root, [tmp_path], words)[:2]) == set(REFUND.paths)
    (made.root / "shop" / "refunds.py").unlink()
    assert "shop/refunds.py" not in likely_files(made.root, [tmp_path], words)


def test_of_a_directory_within_its_own_files_are_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_of_its_own(tmp_path, monkeypatch)
    inside = Commit(1.0, REFUND.subject, ["src/refunds.py", "web/refunds.ts"])
    made = committed(tmp_path / "project", history(inside))
    found = likely_files(made.root / "src", [tmp_path], "refund the gift card of a cancelled order")
    assert found[0] == "refunds.py"
    assert not [path for path in found if "web" in path]


def test_where_there_is_no_repository_nothing_is_named(tmp_path: Path) -> None:
    assert likely_files(tmp_path, [tmp_path], "refund the gift card") == []


def test_no_more_commits_than_the_bound_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home_of_its_own(tmp_path, monkeypatch)
    assert commits_max >= commits_min
    monkeypatch.setattr(subject, "commits_max", commits_min)
    made = committed(tmp_path / "project", history(REFUND, after=commits_min))
    assert likely_files(made.root, [tmp_path], "refund the gift card of a cancelled order") == []
