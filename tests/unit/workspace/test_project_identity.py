"""What is seen of directories in real repositories: worktrees, bare layouts, clones, packages, and hostile ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from services.kit.errors import InvalidInput
from services.workspace import directory_identity, project_identity
from services.workspace.directory_identity import directory_mark
from services.workspace.git.first_commit import FirstCommits, first_commit
from services.workspace.project_identity import Sighting, sight, sight_path, sighting_here
from tests.repositories import RepositoryOnDisk, home_of_its_own


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RepositoryOnDisk:
    home_of_its_own(tmp_path, monkeypatch)
    repository = RepositoryOnDisk(tmp_path / "acme" / "api")
    repository.commit(a__py="x = 1\n")
    return repository


def seen(directory: Path) -> Sighting:
    return sight(directory, [Path("/")], FirstCommits())


def told(sighting: Sighting) -> tuple[str, str, str]:
    """What is the same for all of one repository on this machine."""
    return sighting.name, sighting.root, sighting.first_commit


def test_every_tree_and_folder_of_a_repository_is_seen_as_one(api: RepositoryOnDisk) -> None:
    (api.root / "src" / "deep").mkdir(parents=True)
    api.git("worktree", "add", "--quiet", "../api-fix")
    api.git("worktree", "add", "--quiet", ".claude/worktrees/spike")
    whole = seen(api.root)
    assert told(whole) == ("api", str(api.root), api.git("rev-parse", "HEAD"))
    for place in ("src/deep", "../api-fix", ".claude/worktrees/spike"):
        assert told(seen((api.root / place).resolve())) == told(whole)
    assert seen(api.root.parent / "api-fix").directory == str(api.root.parent / "api-fix")


def test_a_bare_layout_is_called_as_the_directory_around_it(api: RepositoryOnDisk, tmp_path: Path) -> None:
    for name, bare in (("shop", ".bare"), ("bank", "bank.git"), ("mill", "bare")):
        (tmp_path / name).mkdir()
        api.git("clone", "--quiet", "--bare", str(api.root), str(tmp_path / name / bare))
        (tmp_path / name / ".git").write_text(f"gitdir: ./{bare}\n")
        api.git("-C", str(tmp_path / name), "worktree", "add", "--quiet", "tree")
        assert {seen(tmp_path / name / each).name for each in (".", "tree")} == {name}
        assert seen(tmp_path / name).root == seen(tmp_path / name / "tree").root
        assert seen(tmp_path / name).remote.endswith(str(api.root))


def test_the_remote_is_origin_or_what_comes_nearest(api: RepositoryOnDisk) -> None:
    assert seen(api.root).remote == ""
    for name, expected in (("zebra", "zebra"), ("ant", "ant"), ("upstream", "upstream"), ("origin", "origin")):
        api.git("remote", "add", name, f"https://me:secret@host/{name}/api.git")
        assert seen(api.root).remote == f"host/{expected}/api"
    assert "secret" not in repr(seen(api.root))


def test_a_clone_on_this_machine_tells_of_where_it_is_one(api: RepositoryOnDisk, tmp_path: Path) -> None:
    api.git("clone", "--quiet", str(api.root), str(tmp_path / "copy"))
    assert seen(tmp_path / "copy").remote == f"local/{project_identity.machine()}{api.root}"
    api.git("clone", "--quiet", f"file://{api.root}/.git", str(tmp_path / "other"))
    assert seen(tmp_path / "other").remote == seen(tmp_path / "copy").remote


def test_a_submodule_is_a_project_of_its_own(api: RepositoryOnDisk, tmp_path: Path) -> None:
    outer = RepositoryOnDisk(tmp_path / "outer")
    outer.commit(b__py="y = 1\n")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(api.root), "lib/api-module")
    within = seen(outer.root / "lib" / "api-module")
    assert (within.name, within.root) == ("api-module", str(outer.root / "lib" / "api-module"))
    assert within.first_commit == seen(api.root).first_commit != seen(outer.root).first_commit


def test_a_package_is_told_by_its_place_in_the_repository(api: RepositoryOnDisk) -> None:
    for name in ("web", "cart"):
        api.write(f"apps/{name}/package.json", "{}")
    api.commit()
    api.git("worktree", "add", "--quiet", "../fix")
    for top in (api.root, api.root.parent / "fix"):
        web = seen(top / "apps" / "web")
        assert (web.inside, web.package, web.name, web.root) == ("apps/web", "web", "api", str(api.root))
    assert seen(api.root / "apps").inside == ""


def test_the_first_commit_is_the_repositorys_whatever_is_checked_out(api: RepositoryOnDisk) -> None:
    first = api.git("rev-parse", "HEAD")
    api.commit(b__py="2")
    api.git("checkout", "--quiet", "--orphan", "pages")
    api.commit(c__py="3")
    assert seen(api.root).first_commit == first
    other = RepositoryOnDisk(api.root.parent / "other")
    other.commit(z__py="0")
    api.git("checkout", "--quiet", "main")
    api.git("fetch", "--quiet", str(other.root), "main")
    api.git("merge", "--quiet", "--allow-unrelated-histories", "--no-edit", "FETCH_HEAD")
    assert seen(api.root).first_commit == first


def test_what_is_not_known_of_a_first_commit_is_said(api: RepositoryOnDisk, tmp_path: Path) -> None:
    api.commit(b__py="2")
    api.git("clone", "--quiet", "--depth=1", f"file://{api.root}", str(tmp_path / "shallow"))
    assert (seen(tmp_path / "shallow").first_commit, seen(tmp_path / "shallow").is_first_commit_unknown) == ("", True)
    empty = RepositoryOnDisk(tmp_path / "empty")
    assert (seen(empty.root).first_commit, seen(empty.root).is_first_commit_unknown) == ("", False)
    assert sight(api.root, [Path("/")]).is_first_commit_unknown
    for file in (api.root / ".git" / "objects").glob("*/*"):
        file.unlink()
    assert first_commit(api.root / ".git") is None


def test_another_repository_at_the_same_place_is_asked_anew(api: RepositoryOnDisk) -> None:
    commits = FirstCommits()
    first = commits(api.root / ".git")
    assert first
    shutil.rmtree(api.root)
    again = RepositoryOnDisk(api.root)
    assert commits(api.root / ".git") == ""
    second = again.commit(a__py="another\n")
    assert commits(api.root / ".git") == second != first


@pytest.mark.parametrize("pointer", ["../acme/api/.git", "../acme/api/.git/worktrees/fix", "/nowhere", "", "\0"])
def test_a_git_directory_of_another_tree_is_not_read(api: RepositoryOnDisk, tmp_path: Path, pointer: str) -> None:
    api.git("remote", "add", "origin", "git@host:acme/api.git")
    api.git("worktree", "add", "--quiet", "../fix")
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / ".git").write_text(f"gitdir: {pointer}\n")
    found = seen(evil)
    assert (found.name, found.root, found.is_repository) == ("evil", str(evil), False)
    assert (found.remote, found.first_commit) == ("", "")
    (evil / ".git").unlink()
    (evil / ".git").symlink_to(api.root / ".git")
    assert not seen(evil).is_repository


def test_a_hostile_configuration_is_text(api: RepositoryOnDisk, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (api.root / ".git" / "config").write_text(
        f"""[core]\n\tfsmonitor = touch {ran}\n\tsshCommand = touch {ran}\n[alias]\n\trev-list = !touch {ran}
[include]\n\tpath = {tmp_path}/more\n[remote "origin"]\n\turl = ext::sh -c touch% {ran}\n\tvcs = touch {ran}\n"""
    )
    (tmp_path / "more").write_text('[remote "origin"]\n\turl = git@host:victim/api.git\n')
    found = seen(api.root)
    assert not ran.exists()
    assert (found.remote, found.name) == ("", "api")
    assert found.first_commit


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('project = "billing"', "billing"),
        ("project = 7", ""),
        ('project = ""', ""),
        ('project = "two\\nlines"', ""),
        (f'project = "{"x" * 101}"', ""),
        ('project = "billing"\n' + "#" * 5000, "billing"),
        ("#" * 5000 + '\nproject = "late"', ""),
        ("[", ""),
    ],
)
def test_a_repository_names_itself_within_bounds(api: RepositoryOnDisk, content: str, name: str) -> None:
    api.write(".segue.toml", content)
    assert seen(api.root).given_name == name


def test_the_file_with_the_name_is_a_file_of_the_repository(api: RepositoryOnDisk, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('project = "other"')
    (api.root / ".segue.toml").symlink_to(tmp_path / "elsewhere")
    assert seen(api.root).given_name == ""
    (api.root / ".segue.toml").unlink()
    os.mkfifo(api.root / ".segue.toml")
    assert seen(api.root).given_name == ""


def test_what_lies_in_a_home_is_not_of_the_homes_own_repository(
    api: RepositoryOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = api.root.parent
    dotfiles = RepositoryOnDisk(home)
    dotfiles.write("b.py")
    dotfiles.git("add", "b.py")
    dotfiles.git("commit", "--quiet", "--message", "dots")
    monkeypatch.setenv("HOME", str(home))
    (home / "notes").mkdir()
    assert (seen(home / "notes").name, seen(home / "notes").is_repository) == ("notes", False)
    assert seen(home).root == f"{home}/.git"
    assert sighting_here("/") == {}


def test_a_path_that_is_gone_is_of_the_repository_that_it_was_in(api: RepositoryOnDisk, tmp_path: Path) -> None:
    roots = [Path("/")]
    gone = sight_path(str(api.root / "trees" / "x"), roots, FirstCommits())
    assert gone
    assert (told(gone), gone.directory, gone.is_gone) == (told(seen(api.root)), f"{api.root}/trees/x", True)
    for path in (f"{tmp_path}/never/api", "/home/nobody/api", "D:\\work\\api", "\\\\wsl$\\x\\api"):
        alone = sight_path(path, roots)
        assert alone
        assert (alone.name, alone.root, alone.directory, alone.is_gone) == ("api", path, path, True)
    assert sight_path(str(tmp_path / "home"), roots) is None
    assert sight_path("/", roots) is None
    assert sight_path("", roots) is None


def test_what_a_client_tells_is_checked(api: RepositoryOnDisk) -> None:
    whole = seen(api.root).to_dict()
    assert Sighting.from_dict(whole) == seen(api.root)
    for change in ({"root": 7}, {"is_gone": "yes"}, {"name": None}, {"root": "/" + "x" * 5000}):
        with pytest.raises(InvalidInput):
            Sighting.from_dict({**whole, **change})
    contents: tuple[object, ...] = (None, [], "x", 7)
    for content in contents:
        with pytest.raises(InvalidInput):
            Sighting.from_dict(content)
    for remote in ("https://me:secret@host/x/api", "me:secret@host/x/api", "host/x/api.git", "HOST/x"):
        assert Sighting.from_dict({**whole, "remote": remote}).remote == ""
    assert Sighting.from_dict({**whole, "name": "\ud83d", "more": 1}).name == "?"


def test_a_directory_that_nothing_else_tells_has_a_mark_that_a_move_leaves(tmp_path: Path) -> None:
    notes, copy = tmp_path / "notes", tmp_path / "copy"
    notes.mkdir()
    mark = seen(notes).mark
    (notes / "page.md").write_text("words")
    shutil.copytree(notes, copy)
    moved = notes.rename(tmp_path / "Notes-2026")
    (moved / "page.md").unlink()
    assert (seen(moved).mark, len(mark)) == (mark, 32)
    assert seen(copy).mark != mark
    shutil.rmtree(moved)
    made = [tmp_path / f"other{number}" for number in range(20)]  # one of them has the number that is free now
    for each in made:
        each.mkdir()
    assert mark not in {seen(each).mark for each in made}


def test_only_what_no_remote_tells_has_a_mark(api: RepositoryOnDisk, tmp_path: Path) -> None:
    mark = seen(api.root).mark
    assert mark
    api.root.rename(tmp_path / "moved")
    moved = RepositoryOnDisk(tmp_path / "moved")
    assert seen(moved.root).mark == mark
    moved.git("remote", "add", "origin", "git@host:acme/api.git")
    assert seen(moved.root).mark == ""
    (tmp_path / "void").mkdir()
    assert Sighting.from_dict(sighting_here(str(tmp_path / "void"))) == seen(tmp_path / "void")


def test_a_plain_directory_names_its_last_handoff(tmp_path: Path) -> None:
    folder = tmp_path / "notes" / ".claude" / "handoffs"
    folder.mkdir(parents=True)
    assert seen(tmp_path / "notes").handoff == ""
    for name in ("2026-01-02T0300Z-abcdef12.md", "2026-03-02T0300Z-abcdef12.md", "zz.md", "2027-01-01T0000Z-x y.md"):
        (folder / name).write_text("#")
    assert seen(tmp_path / "notes").handoff == "2026-03-02T0300Z-abcdef12.md"
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".claude").symlink_to(tmp_path / "notes" / ".claude")
    assert seen(tmp_path / "linked").handoff == ""


def test_where_the_disk_does_not_tell_there_is_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert directory_mark(str(tmp_path / "never")) == ""
    assert directory_mark("a\0b") == ""
    monkeypatch.setattr(directory_identity, "birth_ns", lambda _: 0)
    assert directory_mark(str(tmp_path)) == ""


def test_the_users_own_settings_tell_where_a_remote_leads_and_a_repositorys_do_not(
    api: RepositoryOnDisk, tmp_path: Path
) -> None:
    home = Path(os.environ["HOME"])
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host github-work\n  HostName github.com\n  IdentityFile ~/.ssh/work\n")
    api.git("remote", "add", "origin", "git@github-work:Acme/API.git")
    found = seen(api.root)
    assert (found.remote, found.written_remote) == ("github.com/acme/api", "github-work/Acme/API")
    with (home / ".gitconfig").open("a") as file:
        file.write('[url "git@github-work:"]\n\tinsteadOf = work:\n')
    api.git("remote", "set-url", "origin", "work:acme/api")
    assert seen(api.root).remote == "github.com/acme/api"
    assert Sighting.from_dict(seen(api.root).to_dict()) == seen(api.root)
    api.git("config", "url.https://github.com/victim/.insteadOf", "mine:")
    api.git("remote", "set-url", "origin", "mine:api")
    assert (seen(api.root).remote, seen(api.root).written_remote) == ("mine/api", "")
    api.git("remote", "set-url", "origin", "https://github.com/acme/api")
    assert (seen(api.root).remote, seen(api.root).written_remote) == ("github.com/acme/api", "")
