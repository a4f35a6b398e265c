"""Reads a repository's `config` file without git: no includes are followed, and nothing in it is run.

The file may be anybody's: it is read up to a size, and what is no setting is passed over.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from services.kit.systems import LINKED

CONFIG_MAX_BYTES = 256 << 10
VALUES_MAX = 10_000
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "\\": "\\", '"': '"'}


def read_config(file: Path) -> dict[str, str]:
    """The settings, `section.subsection.name` with section and name in lower case; the last value of each. Empty for a
    file that is missing, not a regular one, or not readable."""
    settings: dict[str, str] = {}
    for key, value in settings_in(config_text(file)):
        settings[key] = value
        if len(settings) >= VALUES_MAX:
            break
    return settings


def config_text(file: Path) -> str:
    """The text of a regular file up to a size, also by a link; empty where there is none."""
    try:
        descriptor = os.open(file, os.O_RDONLY | LINKED)
    except (OSError, ValueError):
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.read(descriptor, CONFIG_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def settings_in(text: str) -> Iterator[tuple[str, str]]:
    """All settings of a text in order, also those of one name."""
    section = ""
    for line in _whole_lines(text):
        stripped = line.strip()
        if stripped.startswith("["):
            section, stripped = _section(stripped)
        if not section or not stripped or stripped[0] in "#;":
            continue
        name, separator, value = stripped.partition("=")
        if name.strip():
            yield f"{section}.{name.strip().lower()}", _value(value) if separator else "true"


def _whole_lines(text: str) -> Iterator[str]:
    """The lines; one that ends with a backslash goes on in the next."""
    waiting = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.endswith("\\") and not line.endswith("\\\\"):
            waiting += line[:-1]
            continue
        yield waiting + line
        waiting = ""
    if waiting:
        yield waiting


def _section(line: str) -> tuple[str, str]:
    """The section that a heading opens, empty for what is no heading, and what stands behind it."""
    is_quoted = False
    for at, character in enumerate(line):
        if character == '"' and line[at - 1] != "\\":
            is_quoted = not is_quoted
        if character == "]" and not is_quoted:
            return _section_name(line[1:at]), line[at + 1 :].strip()
    return "", ""


def _section_name(heading: str) -> str:
    name, quote, rest = heading.partition('"')
    if not quote:
        section, _, subsection = heading.strip().partition(".")
        return f"{section.lower()}.{subsection.lower()}".rstrip(".")
    subsection = rest.rstrip().removesuffix('"').replace('\\"', '"').replace("\\\\", "\\")
    return f"{name.strip().lower()}.{subsection}"


def _value(text: str) -> str:
    """A value without its quotes, escapes and comment."""
    characters: list[str] = []
    is_quoted, kept, source = False, 0, iter(text.strip())
    for character in source:
        if character == '"':
            is_quoted = not is_quoted
        elif character == "\\":
            follows = next(source, "")
            characters.append(_ESCAPES.get(follows, follows))
        elif character in "#;" and not is_quoted:
            break
        else:
            characters.append(character)
            if not is_quoted and character.isspace():
                continue
        kept = len(characters)
    return "".join(characters[:kept])
