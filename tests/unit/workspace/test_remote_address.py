"""A remote has one address, whatever way it is reached, and nothing secret is in it."""

from __future__ import annotations

import pytest

from services.workspace.remote_address import ADDRESS_MAX_CHARS, local_path, remote_address

TOKEN = "ghp_" + "a1B2" * 9  # nobody's


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:acme/api.git",
        "git@github.com:/acme/api",
        "github.com:acme/api.git/",
        "ssh://git@github.com/acme/api.git",
        "ssh://git@github.com:22/acme/api",
        "ssh://git@ssh.github.com:443/acme/api.git",
        "git+ssh://git@github.com/acme/api",
        "git://github.com:9418/acme/api.git",
        "https://github.com/acme/api",
        "http://www.github.com/acme/api.git",
        "HTTPS://GitHub.com./Acme/API.git///",
        f"https://{TOKEN}@github.com/acme/api.git",
        f"https://me:{TOKEN}@github.com/acme/api.git?access_token={TOKEN}#x",
        "https://x-access-token:p%40ss@github.com//acme/./api",
        " https://github.com/acme/%61pi ",
    ],
)
def test_all_ways_to_one_repository_have_one_address(url: str) -> None:
    assert remote_address(url) == "github.com/acme/api"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("git@git.corp:Team/Api.git", "git.corp/Team/Api"),
        ("https://git.corp:8443/team/api", "git.corp:8443/team/api"),
        ("ssh://git@git.corp:2222/team/api", "git.corp:2222/team/api"),
        ("https://git.corp:443/team/api", "git.corp/team/api"),
        ("git@ssh.dev.azure.com:v3/org/proj/repo", "dev.azure.com/org/proj/repo"),
        ("https://org@dev.azure.com/org/proj/_git/repo", "dev.azure.com/org/proj/repo"),
        ("git@[2001:db8::1]:team/api.git", "[2001:db8::1]/team/api"),
        ("https://[2001:db8::1]:8443/team/api", "[2001:db8::1]:8443/team/api"),
        ("alice@host:repo.git", "host/~alice/repo"),
        ("git@gitlab.com:a/b/c.git", "gitlab.com/a/b/c"),
    ],
)
def test_others_keep_what_tells_them(url: str, address: str) -> None:
    assert remote_address(url) == address
    assert remote_address(f"https://{address}") == address or "~" in address or ":" in address


@pytest.mark.parametrize(
    "url",
    [
        *("", "   ", "/srv/git/api.git", "../api", "~/api", "file:///srv/api.git", "api", "https://", "https:///x"),
        *("https://host", "https://host/", "ftp://host/api", "ext::sh -c touch% /tmp/x", "-oProxyCommand=x:y/z\n"),
        *("git@github.com:acme/api\x1b[31m", "https://host/\u202eipa", "https://h/" + "x" * 5000),
    ],
)
def test_what_is_no_address_of_a_remote_is_none(url: str) -> None:
    assert remote_address(url) == ""


@pytest.mark.parametrize(
    "url",
    [f"https://host/{TOKEN}/api", "https://host/oauth2:abc/api", "https://host/" + "a/" * 200, "https://h/%1b[31m/x"],
)
def test_what_looks_like_a_secret_or_is_too_long_becomes_a_digest(url: str) -> None:
    address = remote_address(url)
    assert address.startswith("sha256/")
    assert len(address) < ADDRESS_MAX_CHARS
    assert TOKEN not in address
    assert address == remote_address(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/srv/api.git", "/srv/api.git"),
        ("../api", "../api"),
        ("api", "api"),
        ("file:///srv/a%20b", "/srv/a b"),
        ("file://localhost/srv", "/srv"),
        ("git@github.com:acme/api", ""),
        ("https://github.com/acme/api", ""),
        ("/srv/\0", ""),
    ],
)
def test_a_remote_on_this_machine_is_a_path(url: str, path: str) -> None:
    assert local_path(url) == path
