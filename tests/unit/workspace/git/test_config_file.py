"""A repository's configuration is read as git reads it, and as text alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.workspace.git.config_file import CONFIG_MAX_BYTES, VALUES_MAX, read_config
from tests.repositories import RepositoryOnDisk

TEXT = r"""
; a comment
[core]
	bare = false
	worktree = "../a # b"   # where it is
[remote "origin"] url = git@host:acme/api.git ; and so on
	fetch = +refs/heads/*:refs/remotes/origin/*
	pushurl = https://user:secret@host/x
[Remote "Up Stream"]
	URL = https://host/\
up/stream
[remote "we\"ird\\]"]
	url = https://host/weird
[branch.main]
	remote = origin
	flag
[alias]
	x = "!sh -c \"touch /tmp/x\"\n"
[include]
	path = /etc/passwd
"""


def test_settings_are_those_that_git_reads(tmp_path: Path) -> None:
    repository = RepositoryOnDisk(tmp_path / "api")
    (tmp_path / "api" / ".git" / "config").write_text(TEXT.replace("path = /etc/passwd", "path = nothing"))
    read = read_config(tmp_path / "api" / ".git" / "config")
    listed = repository.git("config", "--local", "--list", "-z").split("\0")
    pairs = (each.partition("\n") for each in listed if each)
    expected = {key: value if separator else "true" for key, separator, value in pairs}
    assert read == expected
    assert read["remote.Up Stream.url"] == "https://host/up/stream"
    assert read['remote.we"ird\\].url'] == "https://host/weird"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"[core",
        b'[remote "',
        b"url = x",
        b"[core]\n=x\n\n",
        b"\xff\xfe[core]",
        b'[core]\nx = "a\\',
        b"\\\n" * 99,
    ],
)
def test_what_is_no_setting_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    assert set(read_config(tmp_path / "config")) <= {"core.x"}


def test_a_file_is_read_up_to_a_size_and_only_if_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[a]\n" + "".join(f"k{n} = {n}\n" for n in range(VALUES_MAX * 2)))
    assert 0 < len(read_config(tmp_path / "config")) <= VALUES_MAX
    (tmp_path / "large").write_text("#" * CONFIG_MAX_BYTES + "\n[core]\nbare = true\n")
    assert read_config(tmp_path / "large") == {}
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "nothing", "."):
        assert read_config(tmp_path / name) == {}
