"""What a browser is given is in the package, small, and asks nobody else for anything."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "services" / "gateway" / "page"
FILES = sorted(path for path in PAGE.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"})


def test_wheels_have_every_file() -> None:
    said = re.search(r"^DATA = (\[.*?\])$", (ROOT / "setup.py").read_text(), re.MULTILINE | re.DOTALL)
    assert said
    patterns = ast.literal_eval(said[1])
    packed = {path for pattern in patterns for path in (ROOT / "services").glob(pattern)}
    assert FILES
    assert set(FILES) <= packed


def test_images_have_every_file() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert "!services" in ignored
    assert not [path for path in FILES if any(path.match(pattern) for pattern in ignored if pattern[0] not in "!*")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_another_host(path: Path) -> None:
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"https?://|//[a-z0-9-]+\.[a-z]{2,}", text)


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".html"], ids=lambda path: path.name)
def test_a_template_never_trusts_what_it_shows(path: Path) -> None:
    text = path.read_text()
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text
    assert not re.findall(r"\son[a-z]+\s*=|\sstyle\s*=|<style|<script>|javascript:", text)


def test_the_script_evaluates_and_writes_nothing() -> None:
    text = (PAGE / "static" / "page.js").read_text()
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setTimeout\(['\"]", text
    )
