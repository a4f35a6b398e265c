"""Which files a text names, and which texts are near duplicates."""

from __future__ import annotations

import pytest

from services.memory.text.file_mentions import file_paths, names_same_file, paths_max, plain_path

FILES = {
    "see src/auth/login.py:42 and ./foo/Bar.tsx": ["src/auth/login.py", "foo/bar.tsx"],
    'File "/usr/lib/python3/dist.py", line 5': ["usr/lib/python3/dist.py"],
    r"C:\Users\me\main.go, ~/.bashrc and /etc/nginx.conf.": ["users/me/main.go", ".bashrc", "etc/nginx.conf"],
    "Makefile and deploy/Dockerfile (not package.json)": ["makefile", "deploy/dockerfile", "package.json"],
    "os.path.join, self.value, numpy.ndarray, version 1.26.4, yes/no, foo@bar.com": [],
    "https://example.com/a/b.html or example.com": [],
    "the same app.py and app.py": ["app.py"],
}


@pytest.mark.parametrize(("text", "expected"), FILES.items())
def test_files_are_told_from_what_looks_like_them(text: str, expected: list[str]) -> None:
    assert file_paths(text, {}) == expected


def test_metadata_names_files_first_whatever_else_it_holds() -> None:
    metadata = {"file_path": "a/b.py", "files_changed": ["c.py", 7, None], "path": {"no": "string"}}
    assert file_paths("and d.py", metadata) == ["a/b.py", "c.py", "d.py"]


@pytest.mark.parametrize("text", ["a/" * 50_000, "a." * 50_000, "x" * 200_000, "[[[[" * 30_000, ":1" * 50_000])
def test_hostile_text_names_few_files(text: str) -> None:
    assert len(file_paths(text, {})) <= paths_max


def test_paths_mean_the_same_file_by_whole_names() -> None:
    assert names_same_file(plain_path("./src/App.py"), plain_path("/home/me/src/app.py:7"))
    assert not names_same_file("my_app.py", "app.py")
