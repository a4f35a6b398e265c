"""An address of a remote leads where the user's own settings of git and ssh say, and nowhere by a repository's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from services.workspace.user_remotes import rewritten_url, ssh_destination
from tests.repositories import home_of_its_own

SSH = """
# Host comment
Host github-work  gh-* !gh-not
    HostName github.com
    Port 443
Host=plain
  hostname = "git.example.org"
Host %h-expands
    HostName nowhere
host short
    HostName %h.example.org
    HostName second.example.org
Match host matched
    HostName never.example.org
Host bad
    HostName -oProxyCommand=touch
Host o?e [x]
    HostName one.example.org
Match all
    Port 2222
"""
GIT = """
[url "https://github.com/"]
	insteadOf = gh:
	insteadOf = "github:"
[URL "git@github-work:acme/"]
	InsteadOf = https://github.com/acme/
[url "git@example.org:"]
	insteadOf = https://github.com/acme/a
	pushInsteadOf = https://push/
[include]
	path = more/config
[includeIf "gitdir:~/"]
	path = other
"""
URLS = [
    *("gh:a/b", "github:a/b", "https://github.com/a/b", "https://github.com/acme/b", "https://github.com/acme/api"),
    *("https://push/x", "more:x", "other:x", "ssh://git@github.com/a/b", "/a/path", "twice:x"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = home_of_its_own(tmp_path, monkeypatch)
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text(SSH)
    (home / ".ssh" / "config").chmod(0o600)
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "config").write_text('[url "https://first/"]\n\tinsteadOf = twice:\n')
    (home / "more").mkdir()
    (home / "more" / "config").write_text('[url "https://more.example.org/"]\n\tinsteadOf = more:\n')
    (home / "other").write_text('[url "https://other.example.org/"]\n\tinsteadOf = other:\n')
    with (home / ".gitconfig").open("a") as file:
        file.write(GIT)
    return home


def test_a_url_is_rewritten_as_git_does(home: Path, tmp_path: Path) -> None:
    for url in URLS:
        told = subprocess.run(
            ["git", "ls-remote", "--get-url", url], cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert rewritten_url(url) == told.stdout.strip(), url
    assert rewritten_url("gh:a/b") == "https://github.com/a/b"
    assert rewritten_url("https://github.com/acme/api") == "git@example.org:pi"
    assert rewritten_url("more:x") == "https://more.example.org/x"
    assert rewritten_url("other:x") == "other:x"


@pytest.mark.parametrize(
    ("host", "destination"),
    [
        *(("github-work", ("github.com", "443")), ("GitHub-Work", ("GitHub-Work", "2222"))),
        *(("gh-a", ("github.com", "443")), ("gh-not", ("gh-not", "2222")), ("plain", ("git.example.org", "2222"))),
        *(("short", ("short.example.org", "2222")), ("matched", ("matched", "2222")), ("bad", ("bad", "2222"))),
        *(("one", ("one.example.org", "2222")), ("[x]", ("one.example.org", "2222")), ("x", ("x", "2222"))),
    ],
)
def test_a_name_of_a_host_leads_where_ssh_connects(home: Path, host: str, destination: tuple[str, str]) -> None:
    assert ssh_destination(host) == destination
    if shutil.which("ssh") and host.isascii() and host != "bad":
        config = str(home / ".ssh" / "config")
        asked = ["ssh", "-G", "-F", config, host]
        told = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.splitlines()
        if host not in {"matched", "[x]"}:
            assert f"hostname {destination[0].lower()}" in told
            assert f"port {destination[1]}" in told


def test_a_change_of_the_settings_counts_at_once(home: Path) -> None:
    assert ssh_destination("github-work")[0] == "github.com"
    (home / ".ssh" / "config").write_text("Host github-work\nHostName gitlab.com\n")
    assert ssh_destination("github-work") == ("gitlab.com", "")
    (home / ".ssh" / "config").unlink()
    assert ssh_destination("github-work") == ("github-work", "")
    (home / ".gitconfig").unlink()
    assert rewritten_url("gh:a/b") == "gh:a/b"


@pytest.mark.parametrize("content", [b"", b"\0", b"Host\n", b"Host 'a\nHostName x", b"HostName\n=\n", b"\xff\xfe"])
def test_settings_of_any_form_are_read(home: Path, content: bytes) -> None:
    (home / ".ssh" / "config").write_bytes(content)
    (home / ".gitconfig").write_bytes(content)
    assert ssh_destination("a")[0] in {"a", "x"}
    assert rewritten_url("gh:a/b") == "gh:a/b"


def test_files_that_include_each_other_end(home: Path) -> None:
    (home / ".gitconfig").write_text("[include]\n\tpath = .gitconfig\n\tpath = ~/.gitconfig\n")
    assert rewritten_url("gh:a/b") == "gh:a/b"
