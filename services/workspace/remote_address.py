"""The address of a git remote in one spelling, whatever way it is reached, and never with credentials.

`git@github.com:acme/api.git`, `ssh://git@github.com/acme/api` and `https://user:token@github.com/Acme/api.git/` are all
`github.com/acme/api`. A port stays unless it is the protocol's own; a path on this machine is no address of a remote.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

ADDRESS_MAX_CHARS = 300
URL_MAX_CHARS = 4096
PORTS: Final = {"ssh": "22", "git+ssh": "22", "ssh+git": "22", "http": "80", "https": "443", "git": "9418"}
ALIASES: Final = {
    "www.github.com": "github.com",
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
    "ssh.dev.azure.com": "dev.azure.com",
    "vs-ssh.visualstudio.com": "dev.azure.com",
}
"""Other names of hosts, which serve the same repositories, some of them on the port of another protocol."""
CASELESS: Final = frozenset({"github.com", "gitlab.com", "bitbucket.org", "dev.azure.com", "codeberg.org"})
"""Hosts to which the case of a path is the same."""
SshDestination = Callable[[str], tuple[str, str]]
_url = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)", re.DOTALL)
_scp = re.compile(r"((?:[^/@:\[\]]+@)?)(\[[^\]]+\]|[^/:\[\]-][^/:\[\]]*):(?!//|:)(.*)", re.DOTALL)
_secret = re.compile(
    r"gh[pousr]_|github_pat_|glpat-|xox[a-z]-|oauth|token[=:]|[A-Za-z0-9]{32,}|[^ -~\w]", re.IGNORECASE
)
"""What looks like a token in a path, where none belongs, or is no text to show."""


def remote_address(url: str, ssh_destination: SshDestination | None = None) -> str:
    """The normalised address: host and path; empty for a path on this machine, or for what is no address.

    `ssh_destination` tells the name and port of a host that ssh knows by another name."""
    if len(url) > URL_MAX_CHARS or not url.isprintable():
        return ""
    scheme, user, authority, path = _parts(url.strip())
    if scheme not in PORTS:
        return ""
    if ssh_destination and PORTS[scheme] == "22":
        authority = _by_ssh(authority, ssh_destination)
    host, port = _host(authority, scheme)
    path = _path(path, host)
    if not host or not path:
        return ""
    is_home = scheme == "ssh" and user not in {"", "git"} and (path.startswith("~/") or not path.count("/"))
    shown = f"{host}{port}/{f'~{user}/' if is_home else ''}{path}"
    return shown if len(shown) <= ADDRESS_MAX_CHARS and not _secret.search(path) else _digest(shown)


def local_path(url: str) -> str:
    """The path that a remote on this machine has; empty for any other."""
    if len(url) > URL_MAX_CHARS or "\0" in url:
        return ""
    if url.startswith("file://"):
        return unquote(url.removeprefix("file://").removeprefix("localhost"))
    if "::" in url.partition("/")[0]:  # of another program
        return ""
    is_path = url.startswith(("/", "./", "../", "~/")) or not (_url.match(url) or _scp.match(url))
    return url if is_path else ""


def _parts(url: str) -> tuple[str, str, str, str]:
    """Scheme, user, host with its port, and path."""
    if found := _url.match(url):
        scheme, authority, path = found.groups()
        user, _, host = authority.rpartition("@")
        return scheme.lower(), unquote(user.partition(":")[0]), host, path
    if found := _scp.match(url):
        user, host, path = found.groups()
        return "ssh", user.removesuffix("@"), host, path
    return "", "", "", ""


def _host(authority: str, scheme: str) -> tuple[str, str]:
    """The host and `:port`, which is empty for the protocol's own, and for a host that is known by another name."""
    host, _, port = authority.rpartition(":") if re.search(r":\d*$", authority) else (authority, "", "")
    host = host.lower().rstrip(".")
    if host in ALIASES:
        return ALIASES[host], ""
    is_usual = port in {"", PORTS[scheme]} or (host in CASELESS and port in PORTS.values())
    return host, "" if is_usual else f":{port}"


def _by_ssh(authority: str, ssh_destination: SshDestination) -> str:
    given, _, given_port = authority.rpartition(":") if re.search(r":\d*$", authority) else (authority, "", "")
    name, port = ssh_destination(given)
    return f"{name}:{given_port or port}" if given_port or port else name


def _path(path: str, host: str) -> str:
    parts = [each for each in unquote(path.partition("?")[0].partition("#")[0]).split("/") if each not in {"", "."}]
    if host == "dev.azure.com":
        parts = [each for each in parts if each not in {"_git", "v3"}]
    if parts:
        parts[-1] = parts[-1].removesuffix(".git") or parts[-1]
    plain = "/".join(parts)
    return plain.lower() if host in CASELESS else plain


def _digest(address: str) -> str:
    return f"sha256/{hashlib.sha256(address.encode('utf-8', 'replace')).hexdigest()}"
